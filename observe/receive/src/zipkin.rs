//! Zipkin's JSON v2, rewritten as OTLP while it is parsed: <https://zipkin.io/zipkin-api/#/default/post_spans>.
//!
//! It follows the OpenTelemetry Collector's `zipkinv2` translator, except where that would lose what was sent. One span
//! after the other is written; spans of one service that follow each other share a `ResourceSpans`. What reads spans
//! back as Zipkin's (`observe/api`) turns this table around:
//!
//! | Zipkin | OTLP |
//! |---|---|
//! | `traceId`, `id`, `parentId` | the ids, padded on the left; a parent that is zero or the span itself is none |
//! | `kind` | the kind; without one, `INTERNAL` if the tag `span.kind` is `internal` (which goes), else `UNSPECIFIED` |
//! | `name` | `name` |
//! | `timestamp`, `duration` (µs) | start and end (ns); without a duration the end is the start |
//! | no `timestamp`, or 0 | starts at the earliest annotation, else when it came in; attribute [`START_ABSENT`] |
//! | `localEndpoint.serviceName` | `service.name` of the resource; none if it is empty |
//! | `localEndpoint.ipv4` or `ipv6`, `port` | attributes [`LOCAL_IP`] (text) and [`LOCAL_PORT`] (integer) |
//! | `localEndpoint.ipv6` beside `ipv4` | attribute [`LOCAL_IPV6`] |
//! | `remoteEndpoint.serviceName` | attribute `peer.service` |
//! | `remoteEndpoint`'s addresses and port | [`REMOTE_IP`], [`REMOTE_IPV6`] and [`REMOTE_PORT`] likewise |
//! | `annotations` | events: `timestamp` is the time, `value` the name |
//! | `debug`, `shared`, if true | boolean attributes [`DEBUG`] and `zipkin.shared` |
//! | tags `otel.scope.name`, `otel.scope.version` (or `otel.library.…`) | the scope |
//! | tag `w3c.tracestate` | the trace state |
//! | tag `otel.status_code`: `OK` | the status is ok |
//! | tag `otel.status_code`: `ERROR` | the status is an error, with the message of the tag `otel.status_description`, else of the tag `error` unless that is `true`; these tags go |
//! | tag `error` alone, but for `false` | the status is an error, with the tag's text as message unless it is `true`; the attribute `error` stays, by which readers know that there was no `otel.status_code` |
//! | other tags | text attributes |
//!
//! A list is taken as a whole or, if a span of it is malformed, refused as a whole, as Zipkin does. Only
//! `traceId` and `id` must be there; everything else may be left out or `null`, and unknown fields are ignored.

pub(crate) mod http;
mod parts;
mod span;

use std::fmt;

use serde::de::{Deserializer, SeqAccess, Visitor};

use crate::budget::{Budget, Buffer};
use crate::error::Error;
use crate::json::{State, Step};
use crate::key_values::key_text;
use crate::protobuf::{Open, Writer};
use span::SpanSeed;

/// The span had no timestamp. Name and meaning are the Collector's.
pub(crate) const START_ABSENT: &str = "otel.zipkin.absentField.startTime";
/// `localEndpoint.ipv4`, or `ipv6` if there is no other.
pub(crate) const LOCAL_IP: &str = "net.host.ip";
/// `localEndpoint.ipv6` beside `ipv4`.
pub(crate) const LOCAL_IPV6: &str = "zipkin.localEndpoint.ipv6";
/// `localEndpoint.port`.
pub(crate) const LOCAL_PORT: &str = "net.host.port";
/// `remoteEndpoint.ipv4`, or `ipv6` if there is no other.
pub(crate) const REMOTE_IP: &str = "net.peer.ip";
/// `remoteEndpoint.ipv6` beside `ipv4`.
pub(crate) const REMOTE_IPV6: &str = "zipkin.remoteEndpoint.ipv6";
/// `remoteEndpoint.port`.
pub(crate) const REMOTE_PORT: &str = "net.peer.port";
/// `debug`.
pub(crate) const DEBUG: &str = "zipkin.debug";

/// What a list is called in errors.
const LIST: &str = "list of Zipkin spans";

/// Rewrites a list of spans as an `ExportTraceServiceRequest`. `now_ns` is when it came in.
pub(crate) fn translate(budget: &Budget, now_ns: u64, json: &[u8]) -> Result<Buffer, Error> {
    let mut state = State::new(budget);
    let mut parser = serde_json::Deserializer::from_slice(json);
    let outcome = {
        let mut groups = Groups { now_ns, state: &mut state, span: Writer::new(budget), open: None };
        let outcome = parser.deserialize_any(List(&mut groups)).and_then(|()| parser.end());
        groups.close();
        outcome
    };
    state.finish(outcome, LIST)
}

/// What spans share that are written together.
#[derive(Default, PartialEq)]
struct Origin {
    service: String,
    scope_name: String,
    scope_version: String,
}

/// The request being written, a `ResourceSpans` for each run of spans of one origin.
struct Groups<'a> {
    now_ns: u64,
    state: &'a mut State,
    /// The span being read: where it belongs is known at its end.
    span: Writer,
    /// The origin of the last span, and its `ResourceSpans` and `ScopeSpans`.
    open: Option<(Origin, Open, Open)>,
}

impl Groups<'_> {
    /// Puts the span that has been read among those of its origin.
    fn put<E: serde::de::Error>(&mut self, origin: Origin) -> Result<(), E> {
        if self.open.as_ref().is_none_or(|(last, ..)| *last != origin) {
            self.close();
            self.begin(origin);
        }
        self.state.writer.bytes_field(2, self.span.bytes());
        self.span.clear();
        self.state.reserve_written()
    }

    fn begin(&mut self, origin: Origin) {
        let writer = &mut self.state.writer;
        let resource_spans = writer.open(1);
        if !origin.service.is_empty() {
            let resource = writer.open(1);
            key_text(writer, 1, "service.name", &origin.service);
            writer.close(resource);
        }
        let scope_spans = writer.open(2);
        if !origin.scope_name.is_empty() || !origin.scope_version.is_empty() {
            let scope = writer.open(1);
            writer.text(1, &origin.scope_name);
            writer.text(2, &origin.scope_version);
            writer.close(scope);
        }
        self.open = Some((origin, resource_spans, scope_spans));
    }

    fn close(&mut self) {
        if let Some((_, resource_spans, scope_spans)) = self.open.take() {
            self.state.writer.close(scope_spans);
            self.state.writer.close(resource_spans);
        }
    }
}

/// The whole document.
struct List<'a, 'b>(&'a mut Groups<'b>);

impl<'de> Visitor<'de> for List<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of spans")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        for place in 0.. {
            self.0.state.enter(Step::Item(place));
            let span = seq.next_element_seed(SpanSeed(self.0))?;
            self.0.state.leave();
            if span.is_none() {
                break;
            }
        }
        Ok(())
    }
}
