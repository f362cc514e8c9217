//! Spans as OTLP's JSON: ids in hexadecimal, 64-bit numbers as text, enumerations as numbers, nothing that is empty.
//!
//! Source: opentelemetry-proto `docs/specification.md` ("JSON Protobuf Encoding") and the marshaler of the OpenTelemetry
//! Collector's `pdata`, which Jaeger uses.

use serde_json::{Map, Value as Json, json};
use vitrine_observe_store::Trace;
use vitrine_observe_store::model::{Attribute, EventRow, LinkRow, ScopeInfo, SpanKind, SpanRow, StatusCode, Value};

/// The traces one after the other, the spans of each by resource and scope in order of appearance.
pub(super) fn resource_spans(traces: &[Trace]) -> Vec<Json> {
    traces.iter().flat_map(|trace| resources(&trace.spans)).collect()
}

/// The spans of one resource, by scope.
struct Resource<'a> {
    /// A span of it, for what all its spans say of it.
    first: &'a SpanRow,
    scopes: Vec<(&'a ScopeInfo, Vec<Json>)>,
}

fn is_same_resource(a: &SpanRow, b: &SpanRow) -> bool {
    a.resource == b.resource
        && a.resource_dropped_attributes == b.resource_dropped_attributes
        && a.resource_schema_url == b.resource_schema_url
}

fn resources(spans: &[SpanRow]) -> Vec<Json> {
    let mut resources: Vec<Resource<'_>> = Vec::new();
    for row in spans {
        let place = resources.iter().position(|known| is_same_resource(known.first, row)).unwrap_or_else(|| {
            resources.push(Resource { first: row, scopes: Vec::new() });
            resources.len() - 1
        });
        let scopes = &mut resources[place].scopes;
        let place = scopes.iter().position(|(known, _)| **known == row.scope).unwrap_or_else(|| {
            scopes.push((&row.scope, Vec::new()));
            scopes.len() - 1
        });
        scopes[place].1.push(span(row));
    }
    resources.into_iter().map(resource_spans_of).collect()
}

fn resource_spans_of(resource: Resource<'_>) -> Json {
    let Resource { first, scopes } = resource;
    let said = Object::default()
        .with("attributes", attributes(&first.resource))
        .with("droppedAttributesCount", count(first.resource_dropped_attributes));
    Object::default()
        .with("resource", Some(said.json()))
        .with("scopeSpans", list(scopes.into_iter().map(scope_spans)))
        .with("schemaUrl", text(&first.resource_schema_url))
        .json()
}

fn scope_spans((info, spans): (&ScopeInfo, Vec<Json>)) -> Json {
    Object::default()
        .with("scope", Some(scope(info)))
        .with("spans", list(spans.into_iter()))
        .with("schemaUrl", text(&info.schema_url))
        .json()
}

/// A JSON object that takes only what is not empty.
#[derive(Default)]
struct Object(Map<String, Json>);

impl Object {
    fn with(mut self, key: &str, value: Option<Json>) -> Self {
        if let Some(value) = value {
            self.0.insert(key.to_owned(), value);
        }
        self
    }

    fn json(self) -> Json {
        Json::Object(self.0)
    }
}

fn text(text: &str) -> Option<Json> {
    (!text.is_empty()).then(|| text.into())
}

fn count(number: u32) -> Option<Json> {
    (number != 0).then(|| number.into())
}

fn nanos(ns: u64) -> Option<Json> {
    (ns != 0).then(|| ns.to_string().into())
}

fn list(items: impl Iterator<Item = Json>) -> Option<Json> {
    let items: Vec<Json> = items.collect();
    (!items.is_empty()).then_some(Json::Array(items))
}

fn scope(scope: &ScopeInfo) -> Json {
    Object::default()
        .with("name", text(&scope.name))
        .with("version", text(&scope.version))
        .with("attributes", attributes(&scope.attributes))
        .with("droppedAttributesCount", count(scope.dropped_attributes))
        .json()
}

fn span(row: &SpanRow) -> Json {
    let kind = match row.kind {
        SpanKind::Unspecified => 0,
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    };
    let status = match row.status {
        StatusCode::Unset => 0,
        StatusCode::Ok => 1,
        StatusCode::Error => 2,
    };
    let status = Object::default().with("message", text(&row.status_message)).with("code", count(status));
    Object::default()
        .with("traceId", Some(row.trace_id.to_string().into()))
        .with("spanId", Some(row.span_id.to_string().into()))
        .with("traceState", text(&row.trace_state))
        .with("parentSpanId", row.parent_span_id.map(|parent| parent.to_string().into()))
        .with("flags", count(row.flags))
        .with("name", text(&row.name))
        .with("kind", count(kind))
        .with("startTimeUnixNano", nanos(row.start_ns))
        .with("endTimeUnixNano", nanos(row.end_ns))
        .with("attributes", attributes(&row.attributes))
        .with("droppedAttributesCount", count(row.dropped_attributes))
        .with("events", list(row.events.iter().map(event)))
        .with("droppedEventsCount", count(row.dropped_events))
        .with("links", list(row.links.iter().map(link)))
        .with("droppedLinksCount", count(row.dropped_links))
        .with("status", Some(status.json()))
        .json()
}

fn event(event: &EventRow) -> Json {
    Object::default()
        .with("timeUnixNano", nanos(event.time_ns))
        .with("name", text(&event.name))
        .with("attributes", attributes(&event.attributes))
        .with("droppedAttributesCount", count(event.dropped_attributes))
        .json()
}

fn link(link: &LinkRow) -> Json {
    Object::default()
        .with("traceId", Some(link.trace_id.to_string().into()))
        .with("spanId", Some(link.span_id.to_string().into()))
        .with("traceState", text(&link.trace_state))
        .with("attributes", attributes(&link.attributes))
        .with("droppedAttributesCount", count(link.dropped_attributes))
        .with("flags", count(link.flags))
        .json()
}

fn attributes(attributes: &[Attribute]) -> Option<Json> {
    list(attributes.iter().map(attribute))
}

fn attribute(attribute: &Attribute) -> Json {
    json!({ "key": attribute.key, "value": value(&attribute.value) })
}

/// An `AnyValue`: an object with one field that names the type.
fn value(any: &Value) -> Json {
    match any {
        Value::Empty => json!({}),
        Value::String(text) => json!({ "stringValue": text }),
        Value::Bool(flag) => json!({ "boolValue": flag }),
        Value::Int(number) => json!({ "intValue": number.to_string() }),
        Value::Double(number) => json!({ "doubleValue": double(*number) }),
        Value::Bytes(_) => json!({ "bytesValue": any.json() }),
        Value::Array(items) => json!({ "arrayValue": { "values": items.iter().map(value).collect::<Vec<_>>() } }),
        Value::Map(entries) => {
            json!({ "kvlistValue": { "values": entries.iter().map(attribute).collect::<Vec<_>>() } })
        }
    }
}

/// A number as Protobuf's JSON has it: what JSON cannot hold has a name.
fn double(number: f64) -> Json {
    match number {
        number if number.is_nan() => "NaN".into(),
        f64::INFINITY => "Infinity".into(),
        f64::NEG_INFINITY => "-Infinity".into(),
        number => number.into(),
    }
}
