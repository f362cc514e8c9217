//! Spans: one piece of work, with a start, an end and what was learnt meanwhile.

use std::fmt::Display;
use std::future::Future;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::trace::v1::{self as otlp, span::SpanKind, status::StatusCode};

use crate::context::{Context, parse_traceparent};
use crate::pipeline::Service;
use crate::value::{Value, attribute};

/// Most attributes on one span (OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT's default).
const MAX_ATTRIBUTES: usize = 128;
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
    recorded: Option<Box<Recorded>>,
}

#[derive(Debug)]
struct Recorded {
    started: Instant,
    span: otlp::Span,
}

/// An inner span of the current service, a child of the current one.
pub fn span(name: &str) -> Span {
    Span::child(Context::current(), name, Kind::Internal)
}

impl Span {
    /// A child of `parent`, of the same service.
    pub fn child(parent: Context, name: &str, kind: Kind) -> Self {
        let remote = (parent.trace_id != 0).then_some((parent.trace_id, parent.span_id, parent.sampled));
        Self::start(parent, remote, name, kind)
    }

    /// No span at all: for calls that would only describe the telling (long polls).
    pub fn silent(context: Context) -> Self {
        Self { context, recorded: None }
    }

    /// A span that continues what `traceparent` and `baggage` headers say, or starts a trace.
    pub(crate) fn remote(
        service: Service,
        name: &str,
        kind: Kind,
        traceparent: Option<&str>,
        baggage: Option<&str>,
    ) -> Self {
        let parent = traceparent.and_then(parse_traceparent);
        let baggage = baggage.map(crate::Baggage::parse).unwrap_or_default();
        let context = Context { service: Some(service), baggage: baggage.into(), ..Context::default() };
        Self::start(context, parent, name, kind)
    }

    /// A span of a new trace that links to another one.
    pub(crate) fn linked(service: Service, name: &str, kind: Kind, traceparent: &str, baggage: &str) -> Self {
        let mut span = Self::remote(service, name, kind, None, Some(baggage));
        if let (Some(recorded), Some((trace, id, sampled))) = (&mut span.recorded, parse_traceparent(traceparent)) {
            recorded.span.links.push(otlp::span::Link {
                trace_id: trace.to_be_bytes().to_vec(),
                span_id: id.to_be_bytes().to_vec(),
                flags: u32::from(sampled),
                ..otlp::span::Link::default()
            });
        }
        span
    }

    fn start(mut context: Context, parent: Option<(u128, u64, bool)>, name: &str, kind: Kind) -> Self {
        let (trace_id, parent_id, parent_sampled) = match parent {
            Some((trace, span, sampled)) => (trace, span, Some(sampled)),
            None => (rand::random::<u128>().max(1), 0, None),
        };
        context.trace_id = trace_id;
        context.span_id = rand::random::<u64>().max(1);
        context.sampled = context.service.as_ref().is_some_and(|s| s.samples(trace_id, parent_sampled));
        let recorded = context.sampled.then(|| {
            let mut span = otlp::Span {
                trace_id: trace_id.to_be_bytes().to_vec(),
                span_id: context.span_id.to_be_bytes().to_vec(),
                parent_span_id: if parent_id == 0 { Vec::new() } else { parent_id.to_be_bytes().to_vec() },
                flags: 1,
                name: name.to_owned(),
                kind: otlp_kind(kind).into(),
                start_time_unix_nano: now_unix_nano(),
                ..otlp::Span::default()
            };
            for key in ["session.id", "synthetic_request"] {
                if let Some(value) = context.baggage.get(key) {
                    span.attributes.push(attribute(key, value.to_owned().into()));
                }
            }
            Box::new(Recorded { started: Instant::now(), span })
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
        if recorded.span.attributes.len() < MAX_ATTRIBUTES {
            recorded.span.attributes.push(attribute(key, value.into()));
        } else {
            recorded.span.dropped_attributes_count += 1;
        }
    }

    /// Marks the span as failed.
    pub fn error(&mut self, description: &str) {
        let Some(recorded) = &mut self.recorded else { return };
        let mut end = description.len().min(MAX_STATUS_BYTES);
        while !description.is_char_boundary(end) {
            end -= 1;
        }
        recorded.span.status =
            Some(otlp::Status { message: description[..end].to_owned(), code: StatusCode::Error.into() });
    }

    /// Adds an event at this moment.
    pub fn event(&mut self, name: &str, attributes: &[(&'static str, &str)]) {
        let Some(recorded) = &mut self.recorded else { return };
        recorded.span.events.push(otlp::span::Event {
            time_unix_nano: now_unix_nano(),
            name: name.to_owned(),
            attributes: attributes.iter().map(|(k, v)| attribute(k, (*v).to_owned().into())).collect(),
            dropped_attributes_count: 0,
        });
    }

    /// Runs a future inside of this span; the span ends with it.
    pub async fn run<F: Future>(self, future: F) -> F::Output {
        let context = self.context();
        let output = context.scope(future).await;
        drop(self);
        output
    }

    /// The same, and an `Err` marks the span as failed.
    pub async fn try_run<T, E: Display, F: Future<Output = Result<T, E>>>(mut self, future: F) -> Result<T, E> {
        let context = self.context();
        let output = context.scope(future).await;
        if let Err(e) = &output {
            self.error(&e.to_string());
        }
        output
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        let (Some(mut recorded), Some(service)) = (self.recorded.take(), self.context.service.take()) else { return };
        // The end is the start plus what a monotonic clock measured, so that no clock step makes a span negative.
        let elapsed = u64::try_from(recorded.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        recorded.span.end_time_unix_nano = recorded.span.start_time_unix_nano.saturating_add(elapsed);
        service.take_span(recorded.span);
    }
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

/// Nanoseconds since the Unix epoch.
pub(crate) fn now_unix_nano() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX))
}
