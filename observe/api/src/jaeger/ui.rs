//! OpenTelemetry's spans in Jaeger's JSON, translated as Jaeger's own OTLP receiver does.
//!
//! Sources: jaegertracing/jaeger `internal/uimodel` (the JSON) and opentelemetry-collector-contrib
//! `pkg/translator/jaeger` (the translation).

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value as Json, json};
use vitrine_observe_store::model::{Attribute, EventRow, LinkRow, SpanRow, StatusCode, TraceId, Value};
use vitrine_observe_store::{Dependency, Operation, Trace};

use super::skew::skews;
use crate::time::NANOS_PER_MICRO;

/// JavaScript reads whole numbers up to this one exactly; Jaeger sends larger ones as text.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// The envelope of every answer.
#[derive(Debug, Serialize)]
pub(crate) struct Envelope<T> {
    pub(crate) data: T,
    pub(crate) total: usize,
    pub(crate) limit: usize,
    pub(crate) offset: usize,
    pub(crate) errors: Option<Vec<Json>>,
}

impl<T> Envelope<T> {
    pub(crate) fn new(data: T, total: usize) -> Self {
        Self { data, total, limit: 0, offset: 0, errors: None }
    }
}

/// A trace.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UiTrace {
    #[serde(rename = "traceID")]
    trace_id: String,
    spans: Vec<UiSpan>,
    processes: BTreeMap<String, UiProcess>,
    warnings: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct UiSpan {
    #[serde(rename = "traceID")]
    trace_id: String,
    #[serde(rename = "spanID")]
    span_id: String,
    #[serde(skip_serializing_if = "is_zero")]
    flags: u32,
    operation_name: String,
    references: Vec<UiReference>,
    /// Microseconds since 1970.
    start_time: u64,
    /// Microseconds.
    duration: u64,
    tags: Vec<UiTag>,
    logs: Vec<UiLog>,
    #[serde(rename = "processID")]
    process_id: String,
    warnings: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct UiReference {
    ref_type: &'static str,
    #[serde(rename = "traceID")]
    trace_id: String,
    #[serde(rename = "spanID")]
    span_id: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct UiTag {
    pub(crate) key: String,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) value: Json,
}

#[derive(Debug, Serialize)]
struct UiLog {
    /// Microseconds since 1970.
    timestamp: u64,
    fields: Vec<UiTag>,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct UiProcess {
    service_name: String,
    tags: Vec<UiTag>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A trace in Jaeger's JSON, without warnings if it shall be raw. Spans of the same resource share a process, numbered
/// in order of appearance.
pub(crate) fn trace(trace: &Trace, raw: bool) -> UiTrace {
    let mut skews = if raw { Vec::new() } else { skews(&trace.spans) }.into_iter();
    let mut known: Vec<UiProcess> = Vec::new();
    let spans = trace.spans.iter().map(|row| {
        let process = process(row);
        let place = known.iter().position(|other| *other == process).unwrap_or_else(|| {
            known.push(process);
            known.len() - 1
        });
        span(row, format!("p{}", place + 1), skews.next().unwrap_or_default())
    });
    let spans = spans.collect();
    let processes = known.into_iter().enumerate().map(|(place, process)| (format!("p{}", place + 1), process));
    let warnings = trace.truncated.then(|| vec!["the trace has more spans than are shown".to_owned()]);
    UiTrace { trace_id: trace.id.to_string(), spans, processes: processes.collect(), warnings }
}

/// Operations with their kinds.
pub(crate) fn operations(operations: &[Operation]) -> Vec<Json> {
    operations
        .iter()
        .map(|operation| json!({ "name": operation.name, "spanKind": operation.kind.name().unwrap_or_default() }))
        .collect()
}

/// The service graph.
pub(crate) fn dependencies(dependencies: &[Dependency]) -> Vec<Json> {
    dependencies
        .iter()
        .map(|edge| json!({ "parent": edge.parent, "child": edge.child, "callCount": edge.calls }))
        .collect()
}

fn process(row: &SpanRow) -> UiProcess {
    let tags = row.resource.iter().filter(|attribute| attribute.key != "service.name").map(tag).collect();
    UiProcess { service_name: row.service.clone(), tags }
}

fn span(row: &SpanRow, process_id: String, mut warnings: Vec<String>) -> UiSpan {
    if row.end_ns < row.start_ns {
        warnings.push("the span ends before it starts".to_owned());
    }
    UiSpan {
        trace_id: row.trace_id.to_string(),
        span_id: row.span_id.to_string(),
        flags: row.flags & 0xff,
        operation_name: row.name.clone(),
        references: references(row),
        start_time: row.start_ns / NANOS_PER_MICRO,
        duration: row.duration_ns() / NANOS_PER_MICRO,
        tags: span_tags(row),
        logs: row.events.iter().map(log).collect(),
        process_id,
        warnings: (!warnings.is_empty()).then_some(warnings),
    }
}

fn references(row: &SpanRow) -> Vec<UiReference> {
    let reference = |ref_type, trace_id: TraceId, span_id: String| UiReference {
        ref_type,
        trace_id: trace_id.to_string(),
        span_id,
    };
    let parent = row.parent_span_id.map(|parent| reference("CHILD_OF", row.trace_id, parent.to_string()));
    let links = row.links.iter().map(|link| reference(link_type(link), link.trace_id, link.span_id.to_string()));
    parent.into_iter().chain(links).collect()
}

/// A link follows from the other span, unless it came from OpenTracing as a second parent.
fn link_type(link: &LinkRow) -> &'static str {
    let child = |attribute: &Attribute| attribute.key == "opentracing.ref_type" && attribute.value.text() == "child_of";
    if link.attributes.iter().any(child) { "CHILD_OF" } else { "FOLLOWS_FROM" }
}

/// All tags of a span, those that Jaeger derives included.
pub(crate) fn span_tags(row: &SpanRow) -> Vec<UiTag> {
    let text = |key: &str, text: &str| (!text.is_empty()).then(|| string_tag(key, text));
    let mut tags = Vec::with_capacity(row.attributes.len() + 4);
    tags.extend(text("otel.scope.name", &row.scope.name));
    tags.extend(text("otel.scope.version", &row.scope.version));
    tags.extend(row.attributes.iter().map(tag));
    tags.extend(row.kind.name().map(|kind| string_tag("span.kind", kind)));
    tags.extend(row.status.name().map(|code| string_tag("otel.status_code", code)));
    let says_error = row.attributes.iter().any(|attribute| attribute.key == "error");
    if row.status == StatusCode::Error && !says_error {
        tags.push(UiTag { key: "error".into(), kind: "bool", value: true.into() });
    }
    tags.extend(text("otel.status_description", &row.status_message));
    tags.extend(text("w3c.tracestate", &row.trace_state));
    tags
}

fn log(event: &EventRow) -> UiLog {
    let named = event.attributes.iter().any(|attribute| attribute.key == "event");
    let name = (!event.name.is_empty() && !named).then(|| string_tag("event", &event.name));
    UiLog {
        timestamp: event.time_ns / NANOS_PER_MICRO,
        fields: name.into_iter().chain(event.attributes.iter().map(tag)).collect(),
    }
}

fn string_tag(key: &str, text: &str) -> UiTag {
    UiTag { key: key.to_owned(), kind: "string", value: text.into() }
}

/// An attribute as a tag. Jaeger has no arrays, maps or empty values: they become text.
pub(crate) fn tag(attribute: &Attribute) -> UiTag {
    let (kind, value) = match &attribute.value {
        Value::Bool(flag) => ("bool", (*flag).into()),
        Value::Int(number) if number.unsigned_abs() > MAX_SAFE_INTEGER => ("int64", number.to_string().into()),
        Value::Int(number) => ("int64", (*number).into()),
        Value::Double(_) => ("float64", attribute.value.json()),
        Value::Bytes(_) => ("binary", attribute.value.json()),
        Value::Empty | Value::String(_) | Value::Array(_) | Value::Map(_) => ("string", attribute.value.text().into()),
    };
    UiTag { key: attribute.key.clone(), kind, value }
}
