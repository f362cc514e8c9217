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

/// Most buckets of one histogram, above and below zero together. Exponential ones have 160 as a rule.
pub const MAX_BUCKETS: usize = 2_000;
/// The schema of custom bounds.
pub const CUSTOM_BUCKETS: i8 = -53;
/// The finest and the coarsest schema of exponential buckets.
const SCHEMAS: std::ops::RangeInclusive<i8> = -4..=8;

/// Why a histogram is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HistogramError {
    /// Buckets of a kind that is not known.
    #[error("schema {0}: expected -4 to 8, or -53")]
    Schema(i8),
    /// More than there may be.
    #[error("{0} buckets: at most {MAX_BUCKETS}")]
    TooManyBuckets(usize),
    /// A bucket twice, or before a smaller one.
    #[error("bucket {0} does not follow on a smaller one")]
    Order(i32),
    /// A bucket without a bound.
    #[error("bucket {0} has no bound")]
    Bound(i32),
    /// Bounds must rise, or be left out with exponential buckets.
    #[error("custom bounds must rise, and belong to schema -53 only")]
    CustomBounds,
}

impl Histogram {
    /// Whether its buckets are such as can be kept: in order, each once, with bounds that rise.
    pub fn check(&self) -> Result<(), HistogramError> {
        let is_custom = self.schema == CUSTOM_BUCKETS;
        if !is_custom && !SCHEMAS.contains(&self.schema) {
            return Err(HistogramError::Schema(self.schema));
        }
        let buckets = self.positive.len() + self.negative.len();
        if buckets.max(self.custom_bounds.len()) > MAX_BUCKETS {
            return Err(HistogramError::TooManyBuckets(buckets.max(self.custom_bounds.len())));
        }
        for buckets in [&self.positive, &self.negative] {
            if let Some(pair) = buckets.windows(2).find(|pair| pair[0].index >= pair[1].index) {
                return Err(HistogramError::Order(pair[1].index));
            }
        }
        let rise = self.custom_bounds.windows(2).all(|pair| pair[0] < pair[1]);
        if !rise
            || self.custom_bounds.iter().any(|bound| bound.is_nan())
            || (!is_custom && !self.custom_bounds.is_empty())
        {
            return Err(HistogramError::CustomBounds);
        }
        let most = self.custom_bounds.len() as i32;
        let outside = self.positive.iter().chain(&self.negative).find(|bucket| !(0..=most).contains(&bucket.index));
        match outside {
            Some(bucket) if is_custom => Err(HistogramError::Bound(bucket.index)),
            _ => Ok(()),
        }
    }

    /// How many values are at most `bound`, by buckets that end there or before; those of a bucket in which it lies are not counted.
    pub fn at_most(&self, bound: f64) -> f64 {
        if bound == f64::INFINITY {
            return self.count;
        }
        if self.schema == CUSTOM_BUCKETS {
            let ends = |index: i32| self.custom_bounds.get(index as usize).copied().unwrap_or(f64::INFINITY);
            return self.positive.iter().filter(|b| ends(b.index) <= bound).map(|b| b.count).sum();
        }
        let end = |index: i32| (f64::from(index) * f64::from(-i32::from(self.schema)).exp2()).exp2();
        let below =
            self.negative.iter().filter(|b| -end(b.index.saturating_sub(1)) <= bound).map(|b| b.count).sum::<f64>();
        let zero = if self.zero_threshold <= bound { self.zero_count } else { 0.0 };
        below + zero + self.positive.iter().filter(|b| end(b.index) <= bound).map(|b| b.count).sum::<f64>()
    }

    /// Whether both are the same to the bit, unlike `==`, for which no NaN is another one.
    pub fn is_same(&self, other: &Self) -> bool {
        let numbers = |it: &Self| [it.zero_threshold, it.zero_count, it.count, it.sum].map(f64::to_bits);
        let buckets = |one: &[Bucket], other: &[Bucket]| {
            let bits = |bucket: &Bucket| (bucket.index, bucket.count.to_bits());
            one.iter().map(bits).eq(other.iter().map(bits))
        };
        self.schema == other.schema
            && self.reset == other.reset
            && numbers(self) == numbers(other)
            && self.custom_bounds.iter().map(|b| b.to_bits()).eq(other.custom_bounds.iter().map(|b| b.to_bits()))
            && buckets(&self.positive, &other.positive)
            && buckets(&self.negative, &other.negative)
    }

    /// Memory that it takes, in bytes.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + (self.positive.capacity() + self.negative.capacity()) * size_of::<Bucket>()
    }
}
