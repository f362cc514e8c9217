//! Spans as they are handed out: many thousand at a time in columns, or as the outlines of traces.

use vitrine_kit::hash;
use vitrine_observe_columns::{Columns, Dictionary};
use vitrine_observe_model::{SpanId, SpanKind, TraceId};

use crate::TraceQuery;

/// The part of a row of [`SpanChunk`] that was not asked for.
pub const NOT_ASKED: u8 = u8::MAX;

/// Which spans.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpanQuery {
    /// All of these hold for a span; how many traces they ask for does not count.
    pub all: Vec<TraceQuery>,
    /// Only spans without a parent.
    pub roots: bool,
}

/// A visit of spans.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpanVisit {
    /// Spans that meet one of these, at most 255.
    pub parts: Vec<SpanQuery>,
    /// Names of the columns and lists that are read; [`ATTRIBUTE_PREFIX`](vitrine_observe_columns::ATTRIBUTE_PREFIX) for the columns of all
    /// attributes.
    pub columns: Vec<String>,
    /// How often traces are halved: spans of one trace in two are visited when it is 1, of one in four when it is 2. It is always the same
    /// traces, by [`trace_hash`].
    pub halvings: u32,
}

/// Some thousand spans.
#[derive(Debug, Clone, Copy)]
pub struct SpanChunk<'a> {
    /// The columns that were asked for; others are null and empty.
    pub columns: &'a Columns,
    /// For each row the first of [`SpanVisit::parts`] that it meets, or [`NOT_ASKED`].
    pub parts: &'a [u8],
}

/// A span without attributes, events and links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanOutline {
    /// The span.
    pub id: SpanId,
    /// The span that caused it.
    pub parent: Option<SpanId>,
    /// Start in nanoseconds since 1970.
    pub start_ns: u64,
    /// Duration in nanoseconds; 0 when it ended before it started.
    pub duration_ns: u64,
    /// The service, by its place in [`Outlines::texts`].
    pub service: u32,
    /// The operation, by its place there.
    pub name: u32,
    /// The status message, by its place there.
    pub message: Option<u32>,
    /// What it stands for.
    pub kind: SpanKind,
    /// Whether its status is an error.
    pub failed: bool,
}

impl SpanOutline {
    /// End in nanoseconds since 1970.
    pub fn end_ns(&self) -> u64 {
        self.start_ns.saturating_add(self.duration_ns)
    }
}

/// A trace without attributes, events and links.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceOutline {
    /// The trace.
    pub id: TraceId,
    /// Its spans in order of their start, then their id, each once.
    pub spans: Vec<SpanOutline>,
    /// How many spans are held of it: more than those when only the first were asked for.
    pub total: usize,
}

/// Traces without attributes, events and links.
#[derive(Debug, Clone, Default)]
pub struct Outlines {
    /// Names of services and operations, and messages.
    pub texts: Dictionary,
    /// Those of which there are spans, in the order asked for.
    pub traces: Vec<TraceOutline>,
}

/// A number of a trace that is evenly spread and always the same, by which samples of traces are taken.
pub fn trace_hash(trace: u128) -> u64 {
    hash::fold(trace as u64 ^ (trace >> 64) as u64, hash::MULTIPLIER)
}

/// Whether a trace is in the sample of those that are left after so many halvings.
pub(crate) fn is_sampled(trace: u128, halvings: u32) -> bool {
    trace_hash(trace).leading_zeros() >= halvings
}

#[cfg(test)]
mod tests {
    use super::is_sampled;

    #[test]
    fn a_sample_halves_traces_however_their_ids_are_made() {
        let of_numbers = |number: u32| u128::from(number);
        let of_times = |number: u32| u128::from(number) << 96 | 0x5A5A;
        for id in [of_numbers as fn(u32) -> u128, of_times] {
            for halvings in [1, 3] {
                let kept = (1..=64_000).filter(|number| is_sampled(id(*number), halvings)).count();
                let expected = 64_000 >> halvings;
                assert!(kept.abs_diff(expected) < expected / 5, "{kept} of {expected}");
            }
        }
    }
}
