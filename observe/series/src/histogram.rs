//! Histograms with exponential or custom buckets, as PromQL computes with them.

use std::sync::Arc;

/// A bucket and how many values it counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Its place: bucket `i` of schema `s` ends at `2^(i * 2^-s)`; with custom bounds at bound `i`, the last at infinity.
    pub index: i32,
    /// Values in it, as a double: histograms are divided and multiplied.
    pub count: f64,
}

/// What is known of a reset before this histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum CounterReset {
    /// Nothing: compare with the one before.
    #[default]
    Unknown,
    /// There was one.
    Yes,
    /// There was none.
    No,
    /// It is a gauge, and has none.
    Gauge,
}

/// A histogram as Prometheus's `FloatHistogram`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Histogram {
    /// -4 to 8: bounds grow by `2^(2^-schema)`. -53: custom bounds.
    pub schema: i8,
    /// Up to this distance from 0 values count as zero.
    pub zero_threshold: f64,
    /// Values that count as zero.
    pub zero_count: f64,
    /// All values.
    pub count: f64,
    /// Their sum; [`STALE`](crate::STALE) as bits where the series has ended.
    pub sum: f64,
    /// Buckets above zero in order of index. Empty ones may be there.
    pub positive: Vec<Bucket>,
    /// Buckets below zero by distance from it, in order of index. Empty ones may be there.
    pub negative: Vec<Bucket>,
    /// Upper bounds of custom buckets but the last, which is infinite; empty with exponential ones.
    pub custom_bounds: Arc<[f64]>,
    /// What is known of a reset.
    pub reset: CounterReset,
}
