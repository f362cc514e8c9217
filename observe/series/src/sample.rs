//! Values of series.

use std::sync::Arc;

use crate::{Histogram, Labels};

/// The value that says that a series has ended: a signalling NaN that Prometheus chose. Values are compared and carried
/// as bits until staleness is judged, because moving a double may change which NaN it is.
pub const STALE: u64 = 0x7ff0_0000_0000_0002;

/// Values that [`any_stale`] looks at before it may stop.
const TOGETHER: usize = 64;

/// Whether these bits say that the series has ended.
pub fn is_stale(bits: u64) -> bool {
    bits == STALE
}

/// Whether one of them says that the series has ended. Nearly always none does: many are looked at together.
pub fn any_stale(bits: &[u64]) -> bool {
    bits.chunks(TOGETHER).any(|chunk| chunk.iter().fold(false, |any, bits| any | is_stale(*bits)))
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// The bits of a double.
    Float(u64),
    /// A histogram; its `sum` is [`STALE`] where the series has ended.
    Histogram(Arc<Histogram>),
}

impl Value {
    /// The bits of a double; none if it is none.
    pub fn float(&self) -> Option<u64> {
        if let Self::Float(bits) = self { Some(*bits) } else { None }
    }

    /// A histogram; none if it is none.
    pub fn histogram(&self) -> Option<Arc<Histogram>> {
        if let Self::Histogram(histogram) = self { Some(histogram.clone()) } else { None }
    }
}

/// Values of one series in order of time.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// The bits of doubles, in the list into which they were decoded.
    Floats(Arc<Vec<u64>>),
    /// Histograms only.
    Histograms(Arc<[Arc<Histogram>]>),
    /// Both.
    Mixed(Arc<[Value]>),
}

/// What a metric counts like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum MetricType {
    /// The sender did not say.
    #[default]
    Unknown,
    /// Only rises, or starts anew.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Counts in buckets.
    Histogram,
    /// Counts in buckets that rise and fall.
    GaugeHistogram,
    /// Quantiles that the sender computed.
    Summary,
    /// Labels are what it tells.
    Info,
    /// One of several states.
    StateSet,
}

/// What a total starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Temporality {
    /// From a fixed start, or it has no meaning for this kind.
    #[default]
    Cumulative,
    /// From the last point.
    Delta,
}

/// A single measurement that stands for many, with the trace in which it was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    /// Its own labels, among them `trace_id` and `span_id`.
    pub labels: Labels,
    /// What was measured.
    pub value: f64,
    /// When, in milliseconds since 1970.
    pub time_ms: i64,
}
