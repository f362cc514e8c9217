//! A metric point as a plain struct, made only for rows that a query returns.

use crate::{Attribute, ScopeInfo, SpanId, TraceId};

/// What a metric counts like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// A value at an instant.
    Gauge = 1,
    /// A total.
    Sum = 2,
    /// Counts in buckets with given bounds.
    Histogram = 3,
    /// Counts in buckets whose bounds grow exponentially.
    ExponentialHistogram = 4,
    /// Quantiles that the sender computed.
    Summary = 5,
}

impl MetricKind {
    pub(crate) fn from_number(number: u8) -> Self {
        match number {
            2 => Self::Sum,
            3 => Self::Histogram,
            4 => Self::ExponentialHistogram,
            5 => Self::Summary,
            _ => Self::Gauge,
        }
    }
}

/// What a total starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Temporality {
    /// The sender did not say, or it has no meaning for this kind.
    Unspecified,
    /// From the last point.
    Delta,
    /// From a fixed start.
    Cumulative,
}

impl Temporality {
    pub(crate) fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Delta,
            2 => Self::Cumulative,
            _ => Self::Unspecified,
        }
    }
}

/// One side of an exponential histogram.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Buckets {
    /// Index of the first bucket.
    pub offset: i32,
    /// Counts of that bucket and those after it.
    pub counts: Vec<u64>,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq)]
pub enum Point {
    /// No value was recorded.
    Absent,
    /// A whole number.
    Int(i64),
    /// A floating point number.
    Double(f64),
    /// Counts in buckets.
    Histogram {
        /// Number of values.
        count: u64,
        /// Their sum.
        sum: Option<f64>,
        /// The least.
        min: Option<f64>,
        /// The greatest.
        max: Option<f64>,
        /// Upper bounds of all buckets but the last, which has none.
        bounds: Vec<f64>,
        /// Values per bucket.
        counts: Vec<u64>,
    },
    /// Counts in exponential buckets.
    ExponentialHistogram {
        /// Number of values.
        count: u64,
        /// Their sum.
        sum: Option<f64>,
        /// The least.
        min: Option<f64>,
        /// The greatest.
        max: Option<f64>,
        /// Bounds grow by 2^(2^-scale).
        scale: i32,
        /// Values that count as zero.
        zero_count: u64,
        /// Values up to this count as zero.
        zero_threshold: f64,
        /// Values above zero.
        positive: Buckets,
        /// Values below zero.
        negative: Buckets,
    },
    /// Quantiles.
    Summary {
        /// Number of values.
        count: u64,
        /// Their sum.
        sum: f64,
        /// Quantile (0 to 1) and value.
        quantiles: Vec<(f64, f64)>,
    },
}

/// A single measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct ExemplarRow {
    /// When, in nanoseconds since 1970.
    pub time_ns: u64,
    /// What was measured: a number, or absent.
    pub value: Point,
    /// The trace during which it was measured.
    pub trace_id: Option<TraceId>,
    /// The span during which it was measured.
    pub span_id: Option<SpanId>,
    /// Attributes that the point does not have.
    pub attributes: Vec<Attribute>,
}

/// A whole metric point.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricRow {
    /// The metric.
    pub name: String,
    /// Its unit in UCUM.
    pub unit: String,
    /// What it means.
    pub description: String,
    /// What it counts like.
    pub kind: MetricKind,
    /// What a total starts from.
    pub temporality: Temporality,
    /// Whether a sum never falls.
    pub monotonic: bool,
    /// The resource's `service.name`.
    pub service: String,
    /// Start of the interval in nanoseconds since 1970; 0 when not given.
    pub start_ns: u64,
    /// End of the interval in nanoseconds since 1970.
    pub time_ns: u64,
    /// What was measured.
    pub point: Point,
    /// OTLP's flags; 1 says that no value was recorded.
    pub flags: u32,
    /// More about the metric.
    pub metadata: Vec<Attribute>,
    /// Single measurements.
    pub exemplars: Vec<ExemplarRow>,
    /// The point's attributes.
    pub attributes: Vec<Attribute>,
    /// The resource's attributes.
    pub resource: Vec<Attribute>,
    /// Attributes of the resource that the sender left out.
    pub resource_dropped_attributes: u32,
    /// Where the schema of the resource is described.
    pub resource_schema_url: String,
    /// The instrumentation scope.
    pub scope: ScopeInfo,
}
