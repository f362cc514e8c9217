//! The rows that a request must become, told from the structs that it was encoded from.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Proto;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use vitrine_observe_model::{
    Attribute, EventRow, LinkRow, LogRow, ScopeInfo, SpanId, SpanKind, SpanRow, StatusCode, TraceId, UNKNOWN_SERVICE,
    Value,
};
use vitrine_observe_text::template_id;

pub fn value(value: Option<&AnyValue>) -> Value {
    match value.and_then(|value| value.value.as_ref()) {
        None | Some(Proto::StringValueStrindex(_)) => Value::Empty,
        Some(Proto::StringValue(text)) => Value::String(text.clone()),
        Some(Proto::BoolValue(flag)) => Value::Bool(*flag),
        Some(Proto::IntValue(number)) => Value::Int(*number),
        Some(Proto::DoubleValue(number)) => Value::Double(*number),
        Some(Proto::BytesValue(bytes)) => Value::Bytes(bytes.clone()),
        Some(Proto::ArrayValue(array)) => {
            Value::Array(array.values.iter().map(|item| self::value(Some(item))).collect())
        }
        Some(Proto::KvlistValue(list)) => Value::Map(attributes(&list.values)),
    }
}

pub fn attributes(list: &[KeyValue]) -> Vec<Attribute> {
    let attribute = |entry: &KeyValue| Attribute { key: entry.key.clone(), value: value(entry.value.as_ref()) };
    list.iter().map(attribute).collect()
}

/// Times after the year 2262 become the last of it.
pub fn clamp(number: u64) -> u64 {
    number.min(i64::MAX as u64)
}

/// When the requests of the tests arrive, in nanoseconds since 1970.
pub const ARRIVAL_NS: u64 = 1_750_000_000_000_000_000;

/// The first of these times that is known; the arrival if none is.
fn known(times: &[u64]) -> u64 {
    clamp(times.iter().copied().find(|time| *time != 0).unwrap_or(ARRIVAL_NS))
}

fn small(number: i32) -> u8 {
    u8::try_from(number).unwrap_or(0)
}

struct Origin {
    service: String,
    resource: Vec<Attribute>,
    dropped: u32,
    schema_url: String,
}

fn origin(resource: &Option<Resource>, schema_url: &str) -> Origin {
    let resource = resource.clone().unwrap_or_default();
    let attributes = attributes(&resource.attributes);
    let service = match attributes.iter().find(|attribute| attribute.key == "service.name").map(|first| &first.value) {
        Some(Value::String(name)) if !name.is_empty() => name.clone(),
        _ => UNKNOWN_SERVICE.to_owned(),
    };
    let dropped = resource.dropped_attributes_count;
    Origin { service, resource: attributes, dropped, schema_url: schema_url.to_owned() }
}

fn scope(scope: &Option<InstrumentationScope>, schema_url: &str) -> ScopeInfo {
    let scope = scope.clone().unwrap_or_default();
    ScopeInfo {
        name: scope.name,
        version: scope.version,
        attributes: attributes(&scope.attributes),
        dropped_attributes: scope.dropped_attributes_count,
        schema_url: schema_url.to_owned(),
    }
}

pub fn spans(request: &ExportTraceServiceRequest) -> Vec<SpanRow> {
    let mut rows = Vec::new();
    for group in &request.resource_spans {
        let origin = origin(&group.resource, &group.schema_url);
        for scoped in &group.scope_spans {
            let scope = scope(&scoped.scope, &scoped.schema_url);
            rows.extend(scoped.spans.iter().filter_map(|span| self::span(span, &origin, &scope)));
        }
    }
    rows
}

fn span(span: &Span, origin: &Origin, scope: &ScopeInfo) -> Option<SpanRow> {
    if !matches!(span.parent_span_id.len(), 0 | 8) {
        return None;
    }
    let links: Vec<LinkRow> = span
        .links
        .iter()
        .filter_map(|link| {
            Some(LinkRow {
                trace_id: TraceId::from_bytes(&link.trace_id)?,
                span_id: SpanId::from_bytes(&link.span_id)?,
                trace_state: link.trace_state.clone(),
                attributes: attributes(&link.attributes),
                flags: link.flags,
                dropped_attributes: link.dropped_attributes_count,
            })
        })
        .collect();
    let event = |event: &opentelemetry_proto::tonic::trace::v1::span::Event| EventRow {
        time_ns: known(&[event.time_unix_nano, span.start_time_unix_nano, span.end_time_unix_nano]),
        name: event.name.clone(),
        attributes: attributes(&event.attributes),
        dropped_attributes: event.dropped_attributes_count,
    };
    let status = span.status.clone().unwrap_or_default();
    Some(SpanRow {
        trace_id: TraceId::from_bytes(&span.trace_id)?,
        span_id: SpanId::from_bytes(&span.span_id)?,
        parent_span_id: SpanId::from_bytes(&span.parent_span_id),
        trace_state: span.trace_state.clone(),
        flags: span.flags,
        service: origin.service.clone(),
        name: span.name.clone(),
        kind: SpanKind::from_number(small(span.kind)),
        start_ns: known(&[span.start_time_unix_nano, span.end_time_unix_nano]),
        end_ns: known(&[span.end_time_unix_nano, span.start_time_unix_nano]),
        status: StatusCode::from_number(small(status.code)),
        status_message: status.message,
        attributes: attributes(&span.attributes),
        dropped_attributes: span.dropped_attributes_count,
        events: span.events.iter().map(event).collect(),
        dropped_events: span.dropped_events_count,
        dropped_links: span.dropped_links_count + (span.links.len() - links.len()) as u32,
        links,
        resource: origin.resource.clone(),
        resource_dropped_attributes: origin.dropped,
        resource_schema_url: origin.schema_url.clone(),
        scope: scope.clone(),
    })
}

/// The number of a message's template.
fn template(body: Option<&AnyValue>) -> Option<i64> {
    let body = value(body);
    (body != Value::Empty).then(|| template_id(&body.text(), &mut String::new()))
}

pub fn logs(request: &ExportLogsServiceRequest) -> Vec<LogRow> {
    let mut rows = Vec::new();
    for group in &request.resource_logs {
        let origin = origin(&group.resource, &group.schema_url);
        for scoped in &group.scope_logs {
            let scope = scope(&scoped.scope, &scoped.schema_url);
            rows.extend(scoped.log_records.iter().map(|record| LogRow {
                time_ns: known(&[record.time_unix_nano, record.observed_time_unix_nano]),
                observed_time_ns: clamp(record.observed_time_unix_nano),
                severity: small(record.severity_number),
                severity_text: record.severity_text.clone(),
                service: origin.service.clone(),
                trace_id: TraceId::from_bytes(&record.trace_id),
                span_id: SpanId::from_bytes(&record.span_id),
                flags: record.flags,
                event_name: record.event_name.clone(),
                body: value(record.body.as_ref()),
                template: template(record.body.as_ref()),
                attributes: attributes(&record.attributes),
                dropped_attributes: record.dropped_attributes_count,
                resource: origin.resource.clone(),
                resource_dropped_attributes: origin.dropped,
                resource_schema_url: origin.schema_url.clone(),
                scope: scope.clone(),
            }));
        }
    }
    rows
}
