//! Events that code adds to the span in which it runs. The span itself is in the hands of who started it; what all spans of a trace in this
//! process share is here, and each takes its own events when it ends.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::wire;

/// Most events that one trace is told of in this process; of more, none.
const MAX_EVENTS: usize = 64;

/// The events of one trace that its spans have not yet taken.
#[derive(Debug, Default)]
pub(crate) struct TraceEvents {
    /// Whether any waits: a span that ends looks here first, and most find nothing.
    any: AtomicBool,
    inner: Mutex<TraceEventsInner>,
}

#[derive(Debug, Default)]
struct TraceEventsInner {
    /// What was told, so that it is not told again.
    told: Vec<u64>,
    /// Span and event, as it is sent.
    waiting: Vec<(u64, Vec<u8>)>,
}

impl TraceEvents {
    /// Adds an event to a span, unless one of the same identity was told in this trace.
    pub(crate) fn add_once(&self, span_id: u64, identity: u64, write: impl FnOnce() -> Vec<u8>) {
        let mut inner = self.inner.lock();
        if inner.told.len() >= MAX_EVENTS || inner.told.contains(&identity) {
            return;
        }
        inner.told.push(identity);
        inner.waiting.push((span_id, write()));
        self.any.store(true, Ordering::Release);
    }

    /// Takes the events of a span that ends, as fields of OTLP's `Span`.
    pub(crate) fn take(&self, span_id: u64, out: &mut Vec<u8>) {
        if !self.any.load(Ordering::Acquire) {
            return;
        }
        let mut inner = self.inner.lock();
        for (_, event) in inner.waiting.extract_if(.., |(of, _)| *of == span_id) {
            wire::bytes(out, EVENTS, &[&event]);
        }
        self.any.store(!inner.waiting.is_empty(), Ordering::Release);
    }
}

/// The field of OTLP's `Span` that events are.
pub(crate) const EVENTS: u32 = 11;
