//! One span, whole.

use axum::Json;
use serde_json::{Value as JsonValue, json};
use vitrine_observe_store::model::{Attribute, SpanId, SpanRow, TraceId, Value};

use crate::error::Error;
use crate::queries::Reader;

/// Returns the spans of this id.
pub(super) fn answer(reader: &Reader, trace: TraceId, span: SpanId) -> Result<Json<JsonValue>, Error> {
    let found = reader.engine.spans(&reader.tenant, trace, span)?;
    if found.is_empty() {
        return Err(Error::Gone("span not found"));
    }
    Ok(Json(json!({ "spans": found.iter().map(whole).collect::<Vec<_>>() })))
}

fn whole(span: &SpanRow) -> JsonValue {
    let events = span.events.iter().map(|event| {
        json!({
            "time_ns": event.time_ns.to_string(),
            "offset_ns": event.time_ns.wrapping_sub(span.start_ns).cast_signed(),
            "name": event.name,
            "attributes": attributes(&event.attributes),
            "dropped_attributes": event.dropped_attributes,
        })
    });
    let links = span.links.iter().map(|link| {
        json!({
            "trace_id": link.trace_id.to_string(),
            "span_id": link.span_id.to_string(),
            "trace_state": link.trace_state,
            "flags": link.flags,
            "attributes": attributes(&link.attributes),
            "dropped_attributes": link.dropped_attributes,
        })
    });
    json!({
        "trace_id": span.trace_id.to_string(),
        "span_id": span.span_id.to_string(),
        "parent_span_id": span.parent_span_id.map(|id| id.to_string()),
        "service": span.service,
        "name": span.name,
        "kind": span.kind.full_name(),
        "status": span.status.full_name(),
        "status_message": span.status_message,
        "start_ns": span.start_ns.to_string(),
        "duration_ns": span.duration_ns(),
        "trace_state": span.trace_state,
        "flags": span.flags,
        "attributes": attributes(&span.attributes),
        "events": events.collect::<Vec<_>>(),
        "links": links.collect::<Vec<_>>(),
        "resource": {
            "attributes": attributes(&span.resource),
            "schema_url": span.resource_schema_url,
            "dropped_attributes": span.resource_dropped_attributes,
        },
        "scope": {
            "name": span.scope.name,
            "version": span.scope.version,
            "attributes": attributes(&span.scope.attributes),
            "schema_url": span.scope.schema_url,
            "dropped_attributes": span.scope.dropped_attributes,
        },
        "dropped_attributes": span.dropped_attributes,
        "dropped_events": span.dropped_events,
        "dropped_links": span.dropped_links,
    })
}

fn attributes(attributes: &[Attribute]) -> Vec<JsonValue> {
    let told = |Attribute { key, value }: &Attribute| json!({ "key": key, "type": kind(value), "text": value.text() });
    attributes.iter().map(told).collect()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Empty => "empty",
        Value::String(_) => "string",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int",
        Value::Double(_) => "double",
        Value::Bytes(_) => "bytes",
        Value::Array(_) => "array",
        Value::Map(_) => "map",
    }
}
