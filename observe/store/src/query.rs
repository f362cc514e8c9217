//! What is asked about traces, and what is answered.

use vitrine_observe_model::{SpanKind, SpanRow, TraceId};

/// Spans returned of one trace.
pub const MAX_TRACE_SPANS: usize = 20_000;
/// Spans returned by one search, over all its traces.
pub const MAX_SEARCH_SPANS: usize = 20_000;

/// What a trace must have. All conditions hold for one and the same span of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TraceQuery {
    /// The span's service.
    pub service: Option<String>,
    /// The span's name.
    pub operation: Option<String>,
    /// Keys and values, compared as text, among the attributes of the span, its events and its resource, and among
    /// the tags that Jaeger derives (`error`, `span.kind`, `otel.status_code`, …).
    pub tags: Vec<(String, String)>,
    /// Earliest start, in nanoseconds since 1970.
    pub start_min_ns: Option<u64>,
    /// Latest start, in nanoseconds since 1970.
    pub start_max_ns: Option<u64>,
    /// Least duration in nanoseconds.
    pub min_duration_ns: Option<u64>,
    /// Greatest duration in nanoseconds.
    pub max_duration_ns: Option<u64>,
    /// Most traces to return.
    pub limit: usize,
}

/// The spans of one trace, in order of their start.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// The trace.
    pub id: TraceId,
    /// Its spans.
    pub spans: Vec<SpanRow>,
    /// Whether there are more spans than these.
    pub truncated: bool,
}

/// A span name and kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operation {
    /// The span's name.
    pub name: String,
    /// The span's kind.
    pub kind: SpanKind,
}

/// One service calling another. Either may be one that sends no telemetry itself, such as a database or a broker: it then
/// has the name by which the other one calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The caller.
    pub parent: String,
    /// The called.
    pub child: String,
    /// How often. A call that both sides tell of counts once.
    pub calls: u64,
    /// How many of them failed.
    pub errors: u64,
}
