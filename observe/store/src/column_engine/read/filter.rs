//! What a search of traces asks for, as a condition on columns.

use std::sync::Arc;

use vitrine_observe_columns::{ATTRIBUTE_PREFIX, Filter, TextTest};
use vitrine_observe_model::{SpanKind, StatusCode};
use vitrine_observe_model::{Value, json_attributes, json_value};

use crate::TraceQuery;
use crate::column_engine::read::time;

/// The rare attributes of a row.
pub(crate) const RARE: &str = "attributes";

pub(crate) fn text(column: &str, is: &str) -> Filter {
    Filter::Text { column: column.to_owned(), test: TextTest::Equal(is.to_owned()) }
}

pub(crate) fn text_where(column: &str, test: impl Fn(&str) -> bool + Send + Sync + 'static) -> Filter {
    Filter::Text { column: column.to_owned(), test: TextTest::Where(Arc::new(test)) }
}

fn int(column: &str, is: i64) -> Filter {
    Filter::Int { column: column.to_owned(), min: is, max: is }
}

pub(crate) fn element(list: &str, filter: Filter) -> Filter {
    Filter::Element { list: list.to_owned(), filter: Box::new(filter) }
}

/// Rows that a search asks for. All conditions hold for one and the same row.
pub(crate) fn filter(query: &TraceQuery) -> Filter {
    let mut all = Vec::new();
    if query.start_min_ns.is_some() || query.start_max_ns.is_some() {
        let min = query.start_min_ns.map_or(i64::MIN + 1, time);
        all.push(Filter::Int { column: "start".to_owned(), min, max: query.start_max_ns.map_or(i64::MAX, time) });
    }
    all.extend(query.service.as_deref().map(|service| text("service", service)));
    all.extend(query.operation.as_deref().map(|name| text("name", name)));
    all.extend(query.tags.iter().map(|(key, value)| tag(key, value)));
    if query.min_duration_ns.is_some() || query.max_duration_ns.is_some() {
        // A span that ends before it starts counts as having taken no time.
        let min = query.min_duration_ns.filter(|min| *min > 0).map_or(i64::MIN + 1, time);
        all.push(Filter::Int { column: "duration".to_owned(), min, max: query.max_duration_ns.map_or(i64::MAX, time) });
    }
    Filter::All(all)
}

/// Rows that have this attribute with this value, compared as text: among their own attributes, those of their events
/// and their resource, and what Jaeger derives.
fn tag(key: &str, value: &str) -> Filter {
    let mut any = typed(key, value);
    any.push(element(RARE, Filter::All(vec![text("key", key), rare_value(value)])));
    let object = |column| {
        let value = value.to_owned();
        object(column, key, move |found| found.text() == value)
    };
    any.push(object("resource"));
    let mut event = vec![object("attributes")];
    if key == "event" {
        event.push(text("name", value));
    }
    any.push(element("events", Filter::Any(event)));
    any.extend(derived(key, value));
    Filter::Any(any)
}

/// The attribute's own columns.
fn typed(key: &str, value: &str) -> Vec<Filter> {
    let column = format!("{ATTRIBUTE_PREFIX}{key}");
    let mut any = vec![text(&column, value)];
    if let Ok(number) = value.parse::<i64>()
        && number.to_string() == value
    {
        any.push(int(&format!("{column}:int"), number));
    }
    if let Ok(number) = value.parse::<f64>() {
        any.push(Filter::Double { column: format!("{column}:double"), min: number, max: number });
    }
    if let Ok(is) = value.parse::<bool>() {
        any.push(Filter::Bool { column: format!("{column}:bool"), value: is });
    }
    any
}

/// A value in typed JSON that is this as text. Where there is only one way to say it, a segment's dictionary tells at
/// once; else each of its texts is looked at.
pub(crate) fn rare_value(value: &str) -> Filter {
    let plain =
        !value.is_empty() && value.bytes().all(|byte| (b' '..0x7F).contains(&byte) && byte != b'"' && byte != b'\\');
    let only_text = plain && !value.starts_with(['[', '{']) && value != "null" && value.parse::<f64>().is_err();
    if only_text {
        let forms = vec![format!("\"{value}\""), value.to_owned(), format!("{{\"bytesValue\":\"{value}\"}}")];
        return Filter::Text { column: "value".to_owned(), test: TextTest::OneOf(forms) };
    }
    let value = value.to_owned();
    text_where("value", move |json| json_value(json).text() == value)
}

/// An object in typed JSON that has such a value under this key.
pub(crate) fn object(column: &str, key: &str, meets: impl Fn(&Value) -> bool + Send + Sync + 'static) -> Filter {
    let key = key.to_owned();
    text_where(column, move |json| {
        // Most objects do not even hold the key; one that needs escapes is found by reading.
        let plain = key.bytes().all(|byte| (b' '..0x7F).contains(&byte) && byte != b'"' && byte != b'\\');
        (!plain || json.contains(&key))
            && json_attributes(json).iter().any(|found| found.key == key && meets(&found.value))
    })
}

/// What Jaeger shows as tags, though OTLP sends it as fields.
fn derived(key: &str, value: &str) -> Option<Filter> {
    let kind = |number: &u8| SpanKind::from_number(*number).name() == Some(value);
    let status = |number: &u8| StatusCode::from_number(*number).name() == Some(value);
    match key {
        "error" if value == "true" => Some(int("status", 2)),
        "span.kind" => (0..=u8::MAX).find(kind).map(|number| int("kind", number.into())),
        "otel.status_code" => (0..=u8::MAX).find(status).map(|number| int("status", number.into())),
        "otel.status_description" if !value.is_empty() => Some(text("status_message", value)),
        "otel.scope.name" if !value.is_empty() => Some(text("scope_name", value)),
        "otel.scope.version" if !value.is_empty() => Some(text("scope_version", value)),
        _ => None,
    }
}
