//! The observatory: each message is a log record with the event's name, in the trace of the page that it happened on. It is told what is on a
//! list, and nothing of who it was.
//!
//! Source: OTLP 1.9, JSON encoding; OpenTelemetry's semantic conventions, `session.id`.

use http::header::AUTHORIZATION;
use serde_json::{Value, json};
use vitrine_contracts::services::ANALYTICS;
use vitrine_kit::Secret;
use vitrine_platform_fetch::{Request, secret_value};

use super::{Destination, JSON, Outgoing, Parcel};
use crate::message::Message;

/// What of an event's properties is told.
const PROPERTIES: &[&str] = &[
    "path",
    "product_id",
    "category",
    "currency",
    "price",
    "quantity",
    "value",
    "total",
    "order_id",
    "position",
    "step",
];
/// The longest value, in characters.
const MAX_VALUE: usize = 200;
/// OTLP's number of `INFO`.
const INFO: u32 = 9;
const NANOS_PER_MS: i64 = 1_000_000;
/// Characters of a trace's id.
const TRACE_ID: usize = 32;

pub(crate) struct Observatory {
    url: String,
    token: Secret,
}

impl Observatory {
    pub(crate) fn new(base: &str, token: &Secret) -> Self {
        Self { url: format!("{}/v1/logs", base.trim_end_matches('/')), token: token.clone() }
    }
}

impl Destination for Observatory {
    fn translate(&self, parcel: &Parcel, _: i64) -> Vec<Outgoing> {
        let records: Vec<Value> = parcel.messages.iter().map(|message| record(message, parcel)).collect();
        let body = json!({"resourceLogs": [{
            "resource": {"attributes": [attribute("service.name", ANALYTICS)]},
            "scopeLogs": [{"scope": {"name": "vitrine.events"}, "logRecords": records}],
        }]});
        let mut request = Request::post(&self.url, JSON, body.to_string());
        if !self.token.is_empty()
            && let Ok(value) = secret_value(AUTHORIZATION, &format!("Bearer {}", self.token.expose()))
        {
            request = request.with_header(AUTHORIZATION, value);
        }
        vec![Outgoing::Request(request)]
    }
}

fn attribute(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value.chars().take(MAX_VALUE).collect::<String>()}})
}

fn record(message: &Message, parcel: &Parcel) -> Value {
    let mut attributes = vec![
        attribute("analytics.source", &parcel.source_id),
        attribute("analytics.type", message.kind()),
        attribute("analytics.message_id", message.id()),
    ];
    attributes.extend(message.session_id().map(|id| attribute("session.id", id)));
    for name in PROPERTIES {
        let value = match &message.properties()[*name] {
            Value::String(text) => text.clone(),
            value @ (Value::Number(_) | Value::Bool(_)) => value.to_string(),
            _ => continue,
        };
        attributes.push(attribute(&format!("event.{name}"), &value));
    }
    let name = if message.name().is_empty() { message.kind() } else { message.name() };
    let mut record = json!({
        "timeUnixNano": (message.at_ms() * NANOS_PER_MS).to_string(),
        "observedTimeUnixNano": (parcel.received_at_ms * NANOS_PER_MS).to_string(),
        "severityNumber": INFO,
        "eventName": name,
        "body": {"stringValue": name},
        "attributes": attributes,
    });
    let trace_id = message.0["context"]["traceId"].as_str().unwrap_or_default();
    if trace_id.len() == TRACE_ID && trace_id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        record["traceId"] = json!(trace_id);
    }
    record
}
