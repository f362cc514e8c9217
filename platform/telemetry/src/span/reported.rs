//! A span that another program has timed, such as a page in a browser: told by a service of this process that stands for it.

use std::time::Instant;

use super::{Kind, MAX_ATTRIBUTES, Record, USUAL_BYTES, cut, event};
use crate::context::parse_traceparent;
use crate::pipeline::Service;
use crate::trace_events::EVENTS;
use crate::value::{Text, Value, write_attribute};
use crate::wire;

/// A span that has ended elsewhere. It is as true as who reports it: its attributes, names and times are to be checked before.
#[derive(Debug)]
pub struct ReportedSpan(Record);

impl ReportedSpan {
    /// A span of the trace that a `traceparent` names, below the span that it names; none where it is malformed or not sampled.
    pub fn below(traceparent: &str, span_id: u64, name: impl Into<Text>, kind: Kind) -> Option<Self> {
        let (trace_id, parent_id, sampled) = parse_traceparent(traceparent)?;
        (sampled && span_id != 0).then(|| Self::new(trace_id, span_id, parent_id, name.into(), kind))
    }

    fn new(trace_id: u128, span_id: u64, parent_id: u64, name: Text, kind: Kind) -> Self {
        Self(Record {
            trace_id,
            span_id,
            parent_id,
            name,
            kind,
            baggage: std::sync::Arc::default(),
            attributes: Vec::with_capacity(USUAL_BYTES),
            attribute_count: 0,
            dropped_attributes: 0,
            link: None,
            events: Vec::new(),
            error: None,
            started: Instant::now(),
            start_unix_nano: 0,
            end_unix_nano: 0,
        })
    }

    /// When it began and ended, in nanoseconds since 1970. An end before the start counts as the start.
    pub fn at(mut self, start_unix_nano: u64, end_unix_nano: u64) -> Self {
        self.0.start_unix_nano = start_unix_nano;
        self.0.end_unix_nano = end_unix_nano.max(start_unix_nano);
        self
    }

    /// Adds an attribute.
    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        let Self(record) = self;
        if record.attribute_count < MAX_ATTRIBUTES {
            record.attribute_count += 1;
            write_attribute(&mut record.attributes, super::ATTRIBUTES, key, &value.into());
        } else {
            record.dropped_attributes += 1;
        }
    }

    /// Adds an event.
    pub fn event(&mut self, at_unix_nano: u64, name: &str, attributes: Vec<(&'static str, Value)>) {
        wire::bytes(&mut self.0.events, EVENTS, &[&event(at_unix_nano, name, attributes)]);
    }

    /// Marks it as failed.
    pub fn error(&mut self, description: &str) {
        self.0.error = Some(cut(description).to_owned());
    }
}

impl Service {
    /// Notes a span that has ended elsewhere, if there is room and its trace is sampled here.
    pub fn report(&self, span: &ReportedSpan) {
        if self.samples(span.0.trace_id, Some(true)) {
            self.take_span(&span.0);
        }
    }
}
