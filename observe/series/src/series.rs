//! What a series is, whatever labels it is asked for by.

use sha2::{Digest, Sha256};

use crate::{Histogram, Labels, MetricType, STALE, Temporality};

/// Identifies a series in all files and all processes: the first half of the SHA-256 of its identity. A hash that can be
/// made to collide would let one sender write into the series of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(pub u128);

impl SeriesId {
    /// That of an identity: the bytes that a sender's naming of the series is reduced to.
    pub fn of(identity: &[u8]) -> Self {
        let digest = Sha256::digest(identity);
        Self(digest.iter().take(16).fold(0, |id, byte| id << 8 | u128::from(*byte)))
    }
}

/// What is kept of a series beside its identity and its samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// What it counts like.
    pub kind: MetricType,
    /// What a total starts from.
    pub temporality: Temporality,
    /// Series of one source, whose samples have the same times as a rule, have the same number here, such as a hash of job and
    /// instance, or of a resource. Then their times are kept once. A bad choice costs memory and nothing else.
    pub clock: u64,
    /// Under which labels it is found: one for a series of doubles; one for each of the series that a histogram is shown as.
    pub views: Vec<View>,
}

/// Labels, and what is shown under them.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// The labels.
    pub labels: Labels,
    /// What is shown of each sample.
    pub projection: Projection,
}

impl Description {
    /// Of a series that is found under one set of labels, and shown as it is.
    pub fn new(kind: MetricType, clock: u64, labels: Labels) -> Self {
        let views = vec![View { labels, projection: Projection::Whole }];
        Self { kind, temporality: Temporality::Cumulative, clock, views }
    }
}

/// What is shown of a sample. All but [`Whole`](Self::Whole) leave doubles out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Projection {
    /// The sample.
    Whole,
    /// How many values a histogram counts: `_count`.
    Count,
    /// Their sum: `_sum`.
    Sum,
    /// How many of them are at most this, the bits of a double: `_bucket`.
    Bucket(u64),
}

impl Projection {
    /// What is shown of a histogram as a double's bits; none where it is shown as it is.
    pub fn of(self, histogram: &Histogram) -> Option<u64> {
        let value = match self {
            Self::Whole => return None,
            _ if histogram.sum.to_bits() == STALE => return Some(STALE),
            Self::Count => histogram.count,
            Self::Sum => histogram.sum,
            Self::Bucket(le) => histogram.at_most(f64::from_bits(le)),
        };
        Some(value.to_bits())
    }
}
