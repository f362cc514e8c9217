//! Whether histograms are the same, and whether one can follow another as a counter.

use vitrine_observe_series::{Bucket, CUSTOM_BUCKETS, CounterReset, Histogram, is_stale};

use super::buckets::{upper_bound, uses_custom_buckets};
use super::compact::{merged_outside, outside};
use super::zero::zero_count_up_to;

/// Whether both are the same data, to the bit: buckets that count nothing make a difference, what is known of resets does not.
pub fn equal(a: &Histogram, b: &Histogram) -> bool {
    let same = |a: f64, b: f64| a.to_bits() == b.to_bits();
    let same_buckets = |a: &[Bucket], b: &[Bucket]| {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.index == b.index && same(a.count, b.count))
    };
    a.schema == b.schema
        && same(a.count, b.count)
        && same(a.sum, b.sum)
        && (!uses_custom_buckets(a) || a.custom_bounds == b.custom_bounds)
        && a.zero_threshold == b.zero_threshold
        && same(a.zero_count, b.zero_count)
        && same_buckets(&a.negative, &b.negative)
        && same_buckets(&a.positive, &b.positive)
}

/// Whether a counter was reset between two histograms: the later one says so, or something was counted in the one before that is not
/// counted any more, or is counted more finely.
pub fn is_reset(now: &Histogram, before: &Histogram) -> bool {
    match now.reset {
        CounterReset::Yes => return true,
        CounterReset::No => return false,
        // A gauge is compared like a counter by functions that are for counters only; they warn.
        CounterReset::Unknown | CounterReset::Gauge => {}
    }
    if now.count < before.count {
        return true;
    }
    if uses_custom_buckets(now) {
        if !uses_custom_buckets(before) {
            return true;
        }
        if now.custom_bounds != before.custom_bounds {
            return is_reset_between_common_bounds(now, before);
        }
        return counts_fell(now.positive.iter().copied(), before.positive.iter().copied());
    }
    if now.schema > before.schema || now.zero_threshold < before.zero_threshold {
        return true;
    }
    let (zero, threshold) = zero_count_up_to(before, now.zero_threshold);
    // Otherwise the zero bucket of today ends within a bucket of before that counted something.
    if threshold != now.zero_threshold || now.zero_count < zero.sum {
        return true;
    }
    let (schema, threshold) = (now.schema, now.zero_threshold);
    let fell = |now_side: &[Bucket], before_side: &[Bucket]| {
        counts_fell(
            outside(now_side, schema, threshold).iter().copied(),
            merged_outside(before_side, before.schema, schema, threshold),
        )
    };
    fell(&now.positive, &before.positive) || fell(&now.negative, &before.negative)
}

/// What a store says of a reset before a histogram, as Prometheus's does: that there was none if it continues the one before it in the
/// series; nothing at the beginning, behind a reset, a gauge or the end of a series, or where buckets are laid out anew.
pub fn known_reset(now: &Histogram, before: Option<&Histogram>) -> CounterReset {
    if now.reset == CounterReset::Gauge {
        return CounterReset::Gauge;
    }
    let continues = |before: &Histogram| {
        let ended = |histogram: &Histogram| is_stale(histogram.sum.to_bits());
        let same_layout = (now.schema, now.zero_threshold) == (before.schema, before.zero_threshold)
            && now.custom_bounds == before.custom_bounds;
        let unknown = || Histogram { reset: CounterReset::Unknown, ..now.clone() };
        now.reset != CounterReset::Yes
            && before.reset != CounterReset::Gauge
            && !ended(before)
            && (ended(now) || same_layout && !is_reset(&unknown(), before))
    };
    if before.is_some_and(continues) { CounterReset::No } else { CounterReset::Unknown }
}

/// Whether a bucket counts less than before, or is missing and counted something.
fn counts_fell(now: impl Iterator<Item = Bucket>, before: impl Iterator<Item = Bucket>) -> bool {
    let mut now = now.peekable();
    for bucket in before {
        while now.next_if(|candidate| candidate.index < bucket.index).is_some() {}
        let count = match now.peek() {
            Some(same) if same.index == bucket.index => same.count,
            _ if bucket.count != 0.0 => return true,
            _ => continue,
        };
        if count < bucket.count {
            return true;
        }
    }
    false
}

/// Custom bounds differ: whether fewer values lie between two that both have.
fn is_reset_between_common_bounds(now: &Histogram, before: &Histogram) -> bool {
    let common = common_bounds(&now.custom_bounds, &before.custom_bounds);
    let (mut now_rest, mut before_rest) = (now.positive.as_slice(), before.positive.as_slice());
    common.iter().chain(&[f64::INFINITY]).any(|bound| {
        let now_count = take_up_to(&mut now_rest, *bound, &now.custom_bounds);
        let before_count = take_up_to(&mut before_rest, *bound, &before.custom_bounds);
        now_count < before_count
    })
}

/// Takes the buckets that end at or below a bound off the front, and counts their values.
fn take_up_to(buckets: &mut &[Bucket], bound: f64, bounds: &[f64]) -> f64 {
    let below = |bucket: &&Bucket| upper_bound(bucket.index, CUSTOM_BUCKETS, bounds) <= bound;
    let count = buckets.iter().take_while(below).count();
    let (taken, rest) = buckets.split_at(count);
    *buckets = rest;
    taken.iter().map(|bucket| bucket.count).sum()
}

/// Bounds that both have; both rise.
pub fn common_bounds(a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut b = b.iter().peekable();
    a.iter()
        .filter(|bound| {
            while b.next_if(|other| other < bound).is_some() {}
            b.next_if(|other| other == bound).is_some()
        })
        .copied()
        .collect()
}
