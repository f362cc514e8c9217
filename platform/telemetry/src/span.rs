//! Spans: one piece of work, with a start, an end and what was learnt meanwhile.

mod reported;

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use opentelemetry_proto::tonic::trace::v1::{span::SpanKind, status::StatusCode};

use crate::context::{Baggage, Context, parse_traceparent};
use crate::pipeline::Service;
use crate::time::now_unix_nano;
use crate::trace_events::EVENTS;
use crate::value::{Text, Value, write_attribute};
use crate::wire;

pub use reported::ReportedSpan;

/// Most attributes on one span (OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT's default).
const MAX_ATTRIBUTES: usize = 128;
/// How many bytes those of most spans take.
const USUAL_BYTES: usize = 256;
/// The field of OTLP's `Span` that attributes are.
const ATTRIBUTES: u32 = 9;
/// W3C's flag of a span that is kept: what is not sampled is not exported.
const SAMPLED: u32 = 1;
/// What of the baggage becomes attributes.
const BAGGAGE_ATTRIBUTES: &[&str] = &["session.id", "synthetic_request"];
/// Longest error description that is kept, in bytes.
const MAX_STATUS_BYTES: usize = 512;

/// On which side of which border the work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Inside of a service.
    Internal,
    /// Serving a call.
    Server,
    /// Making a call.
    Client,
    /// Handling an event.
    Consumer,
    /// Publishing an event.
    Producer,
}

/// A span that runs. It ends, and is handed to the pipeline, when it is dropped.
#[derive(Debug)]
pub struct Span {
    context: Context,
    recorded: Option<Box<Record>>,
}

/// What is known of a span that runs.
#[derive(Debug)]
pub(crate) struct Record {
    trace_id: u128,
    span_id: u64,
    /// 0 for the first of a trace.
    parent_id: u64,
    name: Text,
    kind: Kind,
    baggage: Arc<Baggage>,
    /// As they are sent, and how many they are.
    attributes: Vec<u8>,
    attribute_count: usize,
    dropped_attributes: u32,
    /// Trace, span, and whether it was sampled.
    link: Option<(u128, u64, bool)>,
    /// As they are sent.
    events: Vec<u8>,
    error: Option<String>,
    started: Instant,
    start_unix_nano: u64,
    end_unix_nano: u64,
}

/// An inner span of the current service, a child of the current one.
pub fn span(name: impl Into<Text>) -> Span {
    Span::child(Context::current(), name, Kind::Internal)
}

impl Span {
    /// A child of `parent`, of the same service.
    pub fn child(parent: Context, name: impl Into<Text>, kind: Kind) -> Self {
        let remote = (parent.trace_id != 0).then_some((parent.trace_id, parent.span_id, parent.sampled));
        Self::start(parent, remote, name.into(), kind)
    }

    /// No span at all: for calls that would only describe the telling (long polls).
    pub fn silent(context: Context) -> Self {
        Self { context, recorded: None }
    }

    /// A span that continues what `traceparent` and `baggage` headers say, or starts a trace.
    pub(crate) fn remote(
        service: Service,
        name: impl Into<Text>,
        kind: Kind,
        traceparent: Option<&str>,
        baggage: Option<&str>,
    ) -> Self {
        let parent = traceparent.and_then(parse_traceparent);
        let baggage = baggage.map(Baggage::parse).unwrap_or_default();
        let context = Context { service: Some(service), baggage: baggage.into(), ..Context::default() };
        Self::start(context, parent, name.into(), kind)
    }

    /// A span of a new trace that links to another one.
    pub(crate) fn linked(
        service: Service,
        name: impl Into<Text>,
        kind: Kind,
        traceparent: &str,
        baggage: &str,
    ) -> Self {
        let mut span = Self::remote(service, name, kind, None, Some(baggage));
        if let Some(recorded) = &mut span.recorded {
            recorded.link = parse_traceparent(traceparent);
        }
        span
    }

    fn start(mut context: Context, parent: Option<(u128, u64, bool)>, name: Text, kind: Kind) -> Self {
        let (trace_id, parent_id, parent_sampled) = match parent {
            Some((trace, span, sampled)) => (trace, span, Some(sampled)),
            None => (rand::random::<u128>().max(1), 0, None),
        };
        context.trace_id = trace_id;
        context.span_id = rand::random::<u64>().max(1);
        context.sampled = context.service.as_ref().is_some_and(|s| s.samples(trace_id, parent_sampled));
        if context.sampled && context.events.is_none() {
            context.events = Some(Arc::default());
        }
        let recorded = context.sampled.then(|| {
            Box::new(Record {
                trace_id,
                span_id: context.span_id,
                parent_id,
                name,
                kind,
                baggage: context.baggage.clone(),
                attributes: Vec::with_capacity(USUAL_BYTES),
                attribute_count: 0,
                dropped_attributes: 0,
                link: None,
                events: Vec::new(),
                error: None,
                started: Instant::now(),
                start_unix_nano: now_unix_nano(),
                end_unix_nano: 0,
            })
        });
        Self { context, recorded }
    }

    /// The context in which this span is the current one.
    pub fn context(&self) -> Context {
        self.context.clone()
    }

    /// The same span with an attribute.
    pub fn attr(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.set(key, value);
        self
    }

    /// Adds an attribute.
    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        let Some(recorded) = &mut self.recorded else { return };
        if recorded.attribute_count < MAX_ATTRIBUTES {
            recorded.attribute_count += 1;
            write_attribute(&mut recorded.attributes, ATTRIBUTES, key, &value.into());
        } else {
            recorded.dropped_attributes += 1;
        }
    }

    /// Marks the span as failed.
    pub fn error(&mut self, description: &str) {
        let Some(recorded) = &mut self.recorded else { return };
        recorded.error = Some(cut(description).to_owned());
    }

    /// Adds an event at this moment.
    pub fn event(&mut self, name: &str, attributes: &[(&'static str, &str)]) {
        let Some(recorded) = &mut self.recorded else { return };
        let attributes = attributes.iter().map(|(key, value)| (*key, Value::from((*value).to_owned())));
        wire::bytes(&mut recorded.events, EVENTS, &[&event(now_unix_nano(), name, attributes)]);
    }

    /// Runs a future inside of this span; the span ends with it.
    pub async fn run<F: Future>(self, future: F) -> F::Output {
        let context = self.context();
        let output = context.scope(future).await;
        drop(self);
        output
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        let (Some(mut recorded), Some(service)) = (self.recorded.take(), self.context.service.take()) else { return };
        // The end is the start plus what a monotonic clock measured, so that no clock step makes a span negative.
        let elapsed = u64::try_from(recorded.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        recorded.end_unix_nano = recorded.start_unix_nano.saturating_add(elapsed);
        if let Some(events) = &self.context.events {
            events.take(recorded.span_id, &mut recorded.events);
        }
        service.take_span(&recorded);
    }
}

impl Record {
    /// Writes it as OTLP's `Span`.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        wire::bytes(out, 1, &[&self.trace_id.to_be_bytes()]);
        wire::bytes(out, 2, &[&self.span_id.to_be_bytes()]);
        if self.parent_id != 0 {
            wire::bytes(out, 4, &[&self.parent_id.to_be_bytes()]);
        }
        wire::bytes(out, 5, &[self.name.as_str().as_bytes()]);
        wire::number(out, 6, otlp_kind(self.kind) as u64);
        wire::fixed64(out, 7, self.start_unix_nano);
        wire::fixed64(out, 8, self.end_unix_nano);
        for key in BAGGAGE_ATTRIBUTES {
            if let Some(value) = self.baggage.get(key) {
                write_attribute(out, ATTRIBUTES, key, &value.to_owned().into());
            }
        }
        out.extend_from_slice(&self.attributes);
        wire::number(out, 10, self.dropped_attributes.into());
        out.extend_from_slice(&self.events);
        if let Some((trace_id, span_id, sampled)) = self.link {
            let mut link = Vec::new();
            wire::bytes(&mut link, 1, &[&trace_id.to_be_bytes()]);
            wire::bytes(&mut link, 2, &[&span_id.to_be_bytes()]);
            wire::fixed32(&mut link, 6, sampled.into());
            wire::bytes(out, 13, &[&link]);
        }
        if let Some(message) = &self.error {
            let mut status = Vec::new();
            wire::bytes(&mut status, 2, &[message.as_bytes()]);
            wire::number(&mut status, 3, StatusCode::Error as u64);
            wire::bytes(out, 15, &[&status]);
        }
        wire::fixed32(out, 16, SAMPLED);
    }
}

/// As much of an error's description as is kept.
fn cut(description: &str) -> &str {
    let mut end = description.len().min(MAX_STATUS_BYTES);
    while !description.is_char_boundary(end) {
        end -= 1;
    }
    &description[..end]
}

fn otlp_kind(kind: Kind) -> SpanKind {
    match kind {
        Kind::Internal => SpanKind::Internal,
        Kind::Server => SpanKind::Server,
        Kind::Client => SpanKind::Client,
        Kind::Consumer => SpanKind::Consumer,
        Kind::Producer => SpanKind::Producer,
    }
}

/// An event at this moment, as OTLP's `Span.Event`.
pub(crate) fn event(
    at_unix_nano: u64,
    name: &str,
    attributes: impl IntoIterator<Item = (&'static str, Value)>,
) -> Vec<u8> {
    let mut event = Vec::new();
    wire::fixed64(&mut event, 1, at_unix_nano);
    wire::bytes(&mut event, 2, &[name.as_bytes()]);
    for (key, value) in attributes {
        write_attribute(&mut event, 3, key, &value);
    }
    event
}
