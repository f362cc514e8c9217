//! OpenTelemetry's spans in Zipkin's JSON v2, translated as the OpenTelemetry Collector does, and so that what came in
//! as Zipkin's JSON goes out equal.
//!
//! Sources: openzipkin/zipkin-api `zipkin2-api.yaml` (the JSON) and opentelemetry-collector-contrib
//! `pkg/translator/zipkin/zipkinv2` (the translation):
//!
//! | OpenTelemetry | Zipkin |
//! |---|---|
//! | trace id | `traceId`: 16 digits if the first 8 bytes are zero, else 32 |
//! | kind | `kind`; an internal span has none and the tag `span.kind` |
//! | `service.name` of the resource, `net.host.ip`, `net.host.port` | `localEndpoint` |
//! | `peer.service`, `net.peer.ip`, `net.peer.port` | `remoteEndpoint` |
//! | attributes of resource, scope and span, the latter win | `tags`, as text |
//! | scope's name and version | tags `otel.library.name`, `otel.library.version` |
//! | status | tags `error`, `otel.status_code`, `otel.status_description` |
//! | event | annotation: its name, or `name\|attributes as JSON\|dropped attributes` |
//! | link | tag `otlp.link.N`: `trace\|span\|state\|attributes as JSON\|0` |
//! | trace state | tag `w3c.tracestate` |

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Serialize;
use serde_json::Value as Json;
use vitrine_observe_store::model::{Attribute, EventRow, LinkRow, SpanKind, SpanRow, StatusCode, TraceId};

use crate::time::NANOS_PER_MICRO;

/// The attribute that says: this span came without a start, which OpenTelemetry does not know.
const START_ABSENT: &str = "otel.zipkin.absentField.startTime";
/// The attribute that names the service at the other end.
pub(super) const PEER_SERVICE: &str = "peer.service";
/// The tag by which Zipkin knows a failure.
const ERROR: &str = "error";

type Tags = BTreeMap<String, String>;

/// A span.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Span {
    trace_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<String>,
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    /// Microseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<u64>,
    /// Microseconds, at least one.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    local_endpoint: Option<Endpoint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote_endpoint: Option<Endpoint>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<Annotation>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: Tags,
}

/// One end of a call.
#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint {
    #[serde(skip_serializing_if = "Option::is_none")]
    service_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv4: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv6: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
}

#[derive(Debug, Serialize)]
struct Annotation {
    /// Microseconds since 1970.
    timestamp: u64,
    value: String,
}

/// A trace id as Zipkin writes it.
pub(super) fn trace_id(id: TraceId) -> String {
    let digits = id.to_string();
    if id.0[..8].iter().all(|byte| *byte == 0) { digits[16..].to_owned() } else { digits }
}

/// A span as Zipkin has it.
pub(super) fn span(row: &SpanRow) -> Span {
    let mut tags = tags(row);
    let service = tags.remove("service.name");
    let no_start = tags.remove(START_ABSENT).is_some() || row.start_ns == 0;
    let peer = tags.remove(PEER_SERVICE);
    let local_endpoint = endpoint(&mut tags, service, "net.host.ip", "net.host.port");
    let remote_endpoint = endpoint(&mut tags, peer, "net.peer.ip", "net.peer.port");
    status(row, &mut tags);
    Span {
        trace_id: trace_id(row.trace_id),
        parent_id: row.parent_span_id.map(|parent| parent.to_string()),
        id: row.span_id.to_string(),
        kind: kind(row.kind),
        name: row.name.clone(),
        timestamp: (!no_start).then(|| micros(row.start_ns)),
        duration: (row.duration_ns() > 0).then(|| micros(row.duration_ns()).max(1)),
        local_endpoint,
        remote_endpoint,
        annotations: row.events.iter().map(annotation).collect(),
        tags,
    }
}

/// Microseconds, rounded as Zipkin's Go library does.
fn micros(ns: u64) -> u64 {
    ns.saturating_add(NANOS_PER_MICRO / 2) / NANOS_PER_MICRO
}

fn kind(kind: SpanKind) -> Option<&'static str> {
    match kind {
        SpanKind::Unspecified | SpanKind::Internal => None,
        SpanKind::Server => Some("SERVER"),
        SpanKind::Client => Some("CLIENT"),
        SpanKind::Producer => Some("PRODUCER"),
        SpanKind::Consumer => Some("CONSUMER"),
    }
}

/// All tags but those of the status.
fn tags(row: &SpanRow) -> Tags {
    let mut tags = Tags::new();
    let mut add = |attributes: &[Attribute]| {
        tags.extend(attributes.iter().map(|attribute| (attribute.key.clone(), attribute.value.text())));
    };
    add(&row.resource);
    add(&row.scope.attributes);
    add(&row.attributes);
    let mut note = |key: &str, text: &str| {
        if !text.is_empty() {
            tags.insert(key.to_owned(), text.to_owned());
        }
    };
    note("otel.library.name", &row.scope.name);
    note("otel.library.version", &row.scope.version);
    note("w3c.tracestate", &row.trace_state);
    if row.kind == SpanKind::Internal {
        note("span.kind", "internal");
    }
    tags.extend(row.links.iter().enumerate().map(|(place, link)| (format!("otlp.link.{place}"), link_text(link))));
    tags
}

/// The status as tags. Zipkin takes a span for failed when it has the tag `error`, whatever its value; so it goes where
/// it says no, and comes where the status says yes.
fn status(row: &SpanRow, tags: &mut Tags) {
    if tags.get(ERROR).is_some_and(|value| value == "false") {
        tags.remove(ERROR);
    }
    // A sender that said it in a tag said all.
    if row.status == StatusCode::Error && tags.contains_key(ERROR) && row.status_message.is_empty() {
        return;
    }
    if row.status == StatusCode::Error {
        tags.entry(ERROR.to_owned()).or_insert_with(|| "true".to_owned());
    }
    if let Some(code) = row.status.name() {
        tags.insert("otel.status_code".to_owned(), code.to_owned());
        if !row.status_message.is_empty() {
            tags.insert("otel.status_description".to_owned(), row.status_message.clone());
        }
    }
}

/// An end of the call out of tags, which it takes; what is not an address or a port stays a tag.
fn endpoint(tags: &mut Tags, service_name: Option<String>, ip: &str, port: &str) -> Option<Endpoint> {
    let mut endpoint = Endpoint { service_name: service_name.filter(|name| !name.is_empty()), ..Endpoint::default() };
    match tags.get(ip).and_then(|text| text.parse().ok()) {
        Some(IpAddr::V4(_)) => endpoint.ipv4 = tags.remove(ip),
        Some(IpAddr::V6(_)) => endpoint.ipv6 = tags.remove(ip),
        None => {}
    }
    if let Some(number) = tags.get(port).and_then(|text| text.parse().ok()).filter(|number| *number > 0) {
        endpoint.port = Some(number);
        tags.remove(port);
    }
    (endpoint != Endpoint::default()).then_some(endpoint)
}

fn annotation(event: &EventRow) -> Annotation {
    let plain = event.attributes.is_empty() && event.dropped_attributes == 0;
    let value = if plain {
        event.name.clone()
    } else {
        format!("{}|{}|{}", event.name, json(&event.attributes), event.dropped_attributes)
    };
    Annotation { timestamp: micros(event.time_ns), value }
}

/// A link as text; how many attributes its sender left out is not kept.
fn link_text(link: &LinkRow) -> String {
    format!("{}|{}|{}|{}|0", link.trace_id, link.span_id, link.trace_state, json(&link.attributes))
}

fn json(attributes: &[Attribute]) -> Json {
    attributes.iter().map(|attribute| (attribute.key.clone(), attribute.value.json())).collect()
}
