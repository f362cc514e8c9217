//! What of a histogram lies below or above a value: `</` and `>/`.

use vitrine_observe_series::{Bucket, Histogram};

use super::buckets::{Interval, negative_intervals, positive_intervals, uses_custom_buckets, zero_interval};
use super::compact::compact;

/// Which side of the value stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    Below,
    Above,
}

/// What is left: how many values, and where their middle is.
struct Left {
    count: f64,
    middle: f64,
}

/// Leaves what lies at or below a value: `histogram </ at`. Counts within a bucket are interpolated; count and sum are estimated anew if
/// anything went.
pub fn trim_upper(histogram: &mut Histogram, at: f64) {
    trim(histogram, at, Keep::Below);
}

/// Leaves what lies above a value: `histogram >/ at`. Counts within a bucket are interpolated; count and sum are estimated anew if anything
/// went.
pub fn trim_lower(histogram: &mut Histogram, at: f64) {
    trim(histogram, at, Keep::Above);
}

fn trim(histogram: &mut Histogram, at: f64, keep: Keep) {
    let custom = uses_custom_buckets(histogram);
    let positive: Vec<Interval> = positive_intervals(histogram).collect();
    let negative: Vec<Interval> = negative_intervals(histogram).collect();
    let has = |intervals: &[Interval]| intervals.iter().any(|interval| interval.count != 0.0);
    let (has_positive, has_negative) = (has(&positive), has(&negative));
    let mut total = Total::default();
    total.trim_side(&mut histogram.positive, &positive, |interval| left_of(interval, at, keep, true, custom));
    total.trim_side(&mut histogram.negative, &negative, |interval| left_of(interval, at, keep, false, custom));
    if histogram.zero_count > 0.0 {
        let left = left_of_zero(zero_interval(histogram), at, keep, has_negative, has_positive);
        total.take(&mut histogram.zero_count, &left);
    }
    if total.trimmed {
        histogram.count = total.count;
        histogram.sum = total.sum;
        compact(histogram);
    }
}

/// What is left of all buckets so far.
#[derive(Default)]
struct Total {
    count: f64,
    sum: f64,
    trimmed: bool,
}

impl Total {
    fn trim_side(&mut self, buckets: &mut [Bucket], intervals: &[Interval], left: impl Fn(&Interval) -> Left) {
        for (bucket, interval) in buckets.iter_mut().zip(intervals) {
            if interval.count != 0.0 {
                self.take(&mut bucket.count, &left(interval));
            }
        }
    }

    fn take(&mut self, count: &mut f64, left: &Left) {
        self.count += left.count;
        self.sum += left.middle * left.count;
        self.trimmed |= *count != left.count;
        *count = left.count;
    }
}

fn left_of(interval: &Interval, at: f64, keep: Keep, positive: bool, custom: bool) -> Left {
    let middle = |lower, upper| middle(lower, upper, positive, custom);
    let (all, cut) = match keep {
        Keep::Below => (interval.upper <= at, interval.lower < at),
        Keep::Above => (interval.lower >= at, interval.upper > at),
    };
    if all {
        return Left { count: interval.count, middle: middle(interval.lower, interval.upper) };
    }
    if !cut {
        return Left { count: 0.0, middle: 0.0 };
    }
    if interval.lower == f64::NEG_INFINITY || interval.upper == f64::INFINITY {
        return left_of_infinite(interval, at, keep);
    }
    let below = interval.count * interval.fraction_below(at, custom);
    match keep {
        Keep::Below => Left { count: below, middle: middle(interval.lower, at) },
        Keep::Above => Left { count: interval.count - below, middle: middle(at, interval.upper) },
    }
}

/// Of a bucket without an end nobody knows where its values lie: it stays or goes as a whole, except that one up from minus infinity to a
/// bound above zero is taken to begin at zero.
fn left_of_infinite(interval: &Interval, at: f64, keep: Keep) -> Left {
    let finite = |value: f64| if value.is_infinite() { 0.0 } else { value };
    let (count, upper) = (interval.count, interval.upper);
    if interval.lower == f64::NEG_INFINITY {
        return match keep {
            Keep::Below if at >= upper => Left { count, middle: 0.0 },
            Keep::Below if at > 0.0 && upper > 0.0 && upper != f64::INFINITY => {
                Left { count: count * at / upper, middle: at / 2.0 }
            }
            Keep::Below if upper <= 0.0 => Left { count, middle: at },
            Keep::Above if at <= interval.lower => Left { count, middle: 0.0 },
            Keep::Above if at >= 0.0 && upper > at && upper != f64::INFINITY => {
                Left { count: count * (1.0 - at / upper), middle: (at + upper) / 2.0 }
            }
            _ => Left { count: 0.0, middle: finite(upper) },
        };
    }
    match keep {
        Keep::Above if at >= interval.lower => Left { count, middle: at },
        _ => Left { count: 0.0, middle: finite(interval.lower) },
    }
}

fn left_of_zero(zero: Interval, at: f64, keep: Keep, has_negative: bool, has_positive: bool) -> Left {
    // With buckets on one side only, the other side of zero has no values.
    let upper = if has_negative && !has_positive { 0.0 } else { zero.upper };
    let lower = if has_positive && !has_negative { 0.0 } else { zero.lower };
    let all = Left { count: zero.count, middle: f64::midpoint(lower, upper) };
    let none = Left { count: 0.0, middle: 0.0 };
    let (below, above) = (at <= lower, at >= upper);
    match keep {
        Keep::Below if below => none,
        Keep::Below if above => all,
        Keep::Above if below => all,
        Keep::Above if above => none,
        Keep::Below => Left { count: zero.count * ((at - lower) / (upper - lower)), middle: f64::midpoint(lower, at) },
        Keep::Above => Left { count: zero.count * ((upper - at) / (upper - lower)), middle: f64::midpoint(at, upper) },
    }
}

/// The middle of what is left: the arithmetic mean with custom bounds, else the geometric one.
fn middle(lower: f64, upper: f64, positive: bool, linear: bool) -> f64 {
    match (lower.is_infinite(), upper.is_infinite()) {
        (true, true) => 0.0,
        (true, false) if upper > 0.0 => upper / 2.0,
        (true, false) => upper,
        (false, true) => lower,
        (false, false) if linear => f64::midpoint(lower, upper),
        (false, false) => {
            let mean = (lower * upper).abs().sqrt();
            if positive { mean } else { -mean }
        }
    }
}
