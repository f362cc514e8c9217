//! OpenTelemetry's spans in Zipkin's JSON v2, translated as the OpenTelemetry Collector does, and so that what came in
//! as Zipkin's JSON goes out equal: `observe/receive` (`zipkin.rs`) has the table of the way in.
//!
//! Sources: openzipkin/zipkin-api `zipkin2-api.yaml` (the JSON), opentelemetry-collector-contrib
//! `pkg/translator/zipkin/zipkinv2` and opentelemetry-specification `trace/sdk_exporters/zipkin.md` (the translation):
//!
//! | OpenTelemetry | Zipkin |
//! |---|---|
//! | trace id | `traceId`: 16 digits if the first 8 bytes are zero, else 32 |
//! | kind | `kind`; an internal span has none, and the tag `span.kind` |
//! | `service.name` of the resource; `net.host.ip`, `net.host.port` | `localEndpoint` |
//! | `peer.service`, `net.peer.ip`, `net.peer.port` | `remoteEndpoint` |
//! | attributes of resource, scope and span, the latter win | `tags`, as text |
//! | scope's name and version | tags `otel.scope.name`, `otel.scope.version` |
//! | status | tags `error`, `otel.status_code`, `otel.status_description` |
//! | event | annotation: its name, or `name\|attributes as JSON\|dropped attributes` |
//! | link | tag `otlp.link.N`: `trace\|span\|state\|attributes as JSON\|dropped attributes` |
//! | trace state | tag `w3c.tracestate` |

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Serialize;
use serde_json::Value as Json;
use vitrine_observe_store::model::conventions::{PEER_SERVICE, SHARED};
use vitrine_observe_store::model::{Attribute, EventRow, LinkRow, SpanKind, SpanRow, StatusCode, TraceId, Value};

use crate::time::NANOS_PER_MICRO;

/// The attribute that says: this span came without a start, which OpenTelemetry does not know.
const START_ABSENT: &str = "otel.zipkin.absentField.startTime";
/// The attribute of a span that was sent as `debug`.
const DEBUG: &str = "zipkin.debug";
/// The tag by which Zipkin knows a failure.
const ERROR: &str = "error";

type Tags = BTreeMap<String, String>;

/// The attributes that are an endpoint.
struct EndpointKeys {
    /// Its one address, or its IPv4 address if it has both.
    ip: &'static str,
    /// Its IPv6 address if it has both.
    ipv6: &'static str,
    port: &'static str,
}

const LOCAL: EndpointKeys =
    EndpointKeys { ip: "net.host.ip", ipv6: "zipkin.localEndpoint.ipv6", port: "net.host.port" };
const REMOTE: EndpointKeys =
    EndpointKeys { ip: "net.peer.ip", ipv6: "zipkin.remoteEndpoint.ipv6", port: "net.peer.port" };

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
    #[serde(skip_serializing_if = "is_false")]
    debug: bool,
    #[serde(skip_serializing_if = "is_false")]
    shared: bool,
}

fn is_false(flag: &bool) -> bool {
    !flag
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
    let (debug, shared) = (tags.remove(DEBUG).is_some(), tags.remove(SHARED).is_some());
    let peer = tags.remove(PEER_SERVICE);
    let local_endpoint = endpoint(&mut tags, service, &LOCAL);
    let remote_endpoint = endpoint(&mut tags, peer, &REMOTE);
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
        debug,
        shared,
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
    note("otel.scope.name", &row.scope.name);
    note("otel.scope.version", &row.scope.version);
    note("w3c.tracestate", &row.trace_state);
    if row.kind == SpanKind::Internal {
        note("span.kind", "internal");
    }
    tags.extend(row.links.iter().enumerate().map(|(place, link)| (format!("otlp.link.{place}"), link_text(link))));
    tags
}

/// The status as tags. Zipkin takes a span for failed when it has the tag `error`, whatever its value: so a "no" that
/// OpenTelemetry sent goes, and a span that failed gets one with the reason.
fn status(row: &SpanRow, tags: &mut Tags) {
    if row.attributes.iter().any(|attribute| attribute.key == ERROR && attribute.value == Value::Bool(false)) {
        tags.remove(ERROR);
    }
    let message = row.status_message.as_str();
    if row.status == StatusCode::Error {
        let reason = if message.is_empty() { "true" } else { message };
        match tags.get(ERROR) {
            // The sender said it in this tag, and said all.
            Some(said) if said == reason || said == message => return,
            Some(_) if message.is_empty() => {}
            Some(_) => {
                tags.insert("otel.status_description".to_owned(), message.to_owned());
            }
            None => {
                tags.insert(ERROR.to_owned(), reason.to_owned());
            }
        }
    }
    if let Some(code) = row.status.name() {
        tags.insert("otel.status_code".to_owned(), code.to_owned());
    }
}

/// An end of the call out of tags, which it takes; what is not an address or a port stays a tag.
fn endpoint(tags: &mut Tags, service_name: Option<String>, keys: &EndpointKeys) -> Option<Endpoint> {
    let mut endpoint = Endpoint { service_name: service_name.filter(|name| !name.is_empty()), ..Endpoint::default() };
    for key in [keys.ip, keys.ipv6] {
        match tags.get(key).and_then(|text| text.parse().ok()) {
            Some(IpAddr::V4(_)) => endpoint.ipv4 = tags.remove(key),
            Some(IpAddr::V6(_)) => endpoint.ipv6 = tags.remove(key),
            None => {}
        }
    }
    if let Some(number) = tags.get(keys.port).and_then(|text| text.parse().ok()).filter(|number| *number > 0) {
        endpoint.port = Some(number);
        tags.remove(keys.port);
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

fn link_text(link: &LinkRow) -> String {
    let LinkRow { trace_id, span_id, trace_state, dropped_attributes, .. } = link;
    format!("{trace_id}|{span_id}|{trace_state}|{}|{dropped_attributes}", json(&link.attributes))
}

fn json(attributes: &[Attribute]) -> Json {
    attributes.iter().map(|attribute| (attribute.key.clone(), attribute.value.json())).collect()
}
