//! What metrics count like.

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

    /// As SQL has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Sum => "sum",
            Self::Histogram => "histogram",
            Self::ExponentialHistogram => "exponential_histogram",
            Self::Summary => "summary",
        }
    }
}
