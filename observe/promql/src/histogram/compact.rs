//! Fewer buckets.

use vitrine_observe_series::{Bucket, Histogram};

use super::buckets::{exponential_bound, uses_custom_buckets};

/// Leaves out buckets that count nothing.
pub fn compact(histogram: &mut Histogram) {
    histogram.positive.retain(|bucket| bucket.count != 0.0);
    histogram.negative.retain(|bucket| bucket.count != 0.0);
}

/// Merges buckets so that the histogram has this schema. Nothing happens if it is as coarse already, or has custom bounds.
pub fn reduce_resolution(histogram: &mut Histogram, schema: i8) {
    if uses_custom_buckets(histogram) || schema >= histogram.schema {
        return;
    }
    histogram.positive = merged(&histogram.positive, histogram.schema, schema).collect();
    histogram.negative = merged(&histogram.negative, histogram.schema, schema).collect();
    histogram.schema = schema;
}

/// The bucket of a coarser schema in which a bucket lies.
pub fn coarser_index(index: i32, from: i8, to: i8) -> i32 {
    /// More steps than there are schemas, and fewer than an index has bits.
    const MOST_STEPS: u32 = 31;
    let steps = u32::from(from.saturating_sub(to).unsigned_abs()).min(MOST_STEPS);
    (index.saturating_sub(1) >> steps).saturating_add(1)
}

/// Buckets of schema `from` as those of `to`, which is not finer, without those that end within a zero bucket of this threshold. These are
/// left out before others are merged: Prometheus does so behind it, and counts some twice where the threshold is no bound of `to`.
pub fn merged_outside(buckets: &[Bucket], from: i8, to: i8, threshold: f64) -> impl Iterator<Item = Bucket> + '_ {
    merged(outside(buckets, from, threshold), from, to)
}

/// Buckets of a side without those that end within a zero bucket of this threshold.
pub fn outside(buckets: &[Bucket], schema: i8, threshold: f64) -> &[Bucket] {
    if threshold == 0.0 {
        return buckets;
    }
    let inside = |bucket: &&Bucket| exponential_bound(bucket.index, schema) <= threshold;
    &buckets[buckets.iter().take_while(inside).count()..]
}

/// Buckets of schema `from` as those of `to`, which is not finer.
fn merged(buckets: &[Bucket], from: i8, to: i8) -> impl Iterator<Item = Bucket> + '_ {
    let mut rest = buckets.iter().peekable();
    std::iter::from_fn(move || {
        let first = rest.next()?;
        if from == to {
            return Some(*first);
        }
        let index = coarser_index(first.index, from, to);
        let mut count = first.count;
        while let Some(next) = rest.next_if(|next| coarser_index(next.index, from, to) == index) {
            count += next.count;
        }
        Some(Bucket { index, count })
    })
}
