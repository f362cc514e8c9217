//! Quantiles and fractions: of numbers, of classic buckets, and of histograms. After Prometheus's `promql/quantile.go`.

use vitrine_observe_series::Histogram;

use crate::annotations::{Annotations, Note};
use crate::ast::Span;
use crate::histogram::{Interval, all_intervals, exp2, log2, uses_custom_buckets};
use crate::kahan::Kahan;

/// Counts of classic buckets that differ by less, relative to their sum, are the same: rounding made the difference.
const SMALL_DIFFERENCE: f64 = 1e-12;

/// A bucket of a classic histogram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassicBucket {
    /// Its upper bound, the value of `le`.
    pub upper: f64,
    /// Values up to it.
    pub count: f64,
}

/// What had to be changed so that counts of classic buckets rise with their bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Forced {
    /// The lowest bound of a bucket that was changed.
    pub min_bucket: f64,
    /// The highest one.
    pub max_bucket: f64,
    /// The greatest change.
    pub max_diff: f64,
}

/// Whether a quantile is none: below 0, above 1, or not a number.
pub fn is_invalid(quantile: f64) -> bool {
    !(0.0..=1.0).contains(&quantile)
}

/// What a quantile is whatever it is of: infinite for one below 0 or above 1.
fn outside(quantile: f64) -> Option<f64> {
    match quantile {
        q if q.is_nan() => Some(f64::NAN),
        q if q < 0.0 => Some(f64::NEG_INFINITY),
        q if q > 1.0 => Some(f64::INFINITY),
        _ => None,
    }
}

/// The quantile of numbers, which are put in order, those that are none first. Between two numbers it is interpolated.
pub fn quantile(quantile: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    if let Some(value) = outside(quantile) {
        return value;
    }
    values.sort_unstable_by(|a, b| {
        b.is_nan().cmp(&a.is_nan()).then(a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal))
    });
    let rank = quantile * (values.len() - 1) as f64;
    let lower = rank.floor().max(0.0) as usize;
    let upper = (lower + 1).min(values.len() - 1);
    let weight = rank - rank.floor();
    values[lower] * (1.0 - weight) + values[upper] * weight
}

/// The quantile of a classic histogram. Buckets come in any order and are changed: put in order, those with one bound made one, and counts
/// made to rise. Not a number without values, with fewer than two buckets, or if the highest bound is not infinite.
pub fn of_classic(quantile: f64, buckets: &mut Vec<ClassicBucket>) -> (f64, Option<Forced>) {
    if let Some(value) = outside(quantile) {
        return (value, None);
    }
    if !prepare(buckets) {
        return (f64::NAN, None);
    }
    let forced = make_monotonic(buckets);
    let last = buckets.len() - 1;
    let observations = buckets[last].count;
    if last == 0 || observations == 0.0 {
        return (f64::NAN, forced);
    }
    let rank = quantile * observations;
    // As in Prometheus, a count that is no number is below every rank.
    let place = buckets[..last].partition_point(|bucket| bucket.count < rank || bucket.count.is_nan());
    let value = if place == last {
        buckets[last - 1].upper
    } else if place == 0 && buckets[0].upper <= 0.0 {
        buckets[0].upper
    } else {
        let before = if place > 0 { buckets[place - 1] } else { ClassicBucket { upper: 0.0, count: 0.0 } };
        let ClassicBucket { upper, count } = buckets[place];
        before.upper + (upper - before.upper) * ((rank - before.count) / (count - before.count))
    };
    (value, forced)
}

/// The part of a classic histogram's values between two bounds. Buckets come in any order and are put in order.
pub fn fraction_of_classic(lower: f64, upper: f64, buckets: &mut Vec<ClassicBucket>) -> f64 {
    if !prepare(buckets) {
        return f64::NAN;
    }
    let count = buckets[buckets.len() - 1].count;
    if count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let mut begin = if buckets[0].upper <= 0.0 { f64::NEG_INFINITY } else { 0.0 };
    let mut ranks = Ranks::new(lower, upper);
    for bucket in buckets.iter() {
        let rank = ranks.rank;
        let within = |value: f64| {
            // Of a bucket without a lower end nobody knows where its values lie: it counts as a whole.
            if begin == f64::NEG_INFINITY {
                return bucket.count;
            }
            rank + (bucket.count - rank) * (value - begin) / (bucket.upper - begin)
        };
        if ranks.step(begin, bucket.upper, within) {
            break;
        }
        ranks.rank = bucket.count;
        begin = bucket.upper;
    }
    let (lower_rank, upper_rank) = ranks.finish(count);
    (upper_rank - lower_rank) / count
}

/// Puts buckets in order and makes those with one bound one. Returns whether there are any and the highest is infinite.
fn prepare(buckets: &mut Vec<ClassicBucket>) -> bool {
    buckets.sort_by(|a, b| a.upper.partial_cmp(&b.upper).unwrap_or(std::cmp::Ordering::Equal));
    if buckets.last().is_none_or(|last| last.upper != f64::INFINITY) {
        return false;
    }
    buckets.dedup_by(|next, kept| {
        let same = next.upper == kept.upper;
        if same {
            kept.count += next.count;
        }
        same
    });
    true
}

/// Makes counts rise: small differences are taken for none, and a count below the one before becomes that.
fn make_monotonic(buckets: &mut [ClassicBucket]) -> Option<Forced> {
    let mut forced: Option<Forced> = None;
    let mut before = buckets.first()?.count;
    for bucket in &mut buckets[1..] {
        if bucket.count == before {
            continue;
        }
        if almost_equal(before, bucket.count, SMALL_DIFFERENCE) {
            bucket.count = before;
            continue;
        }
        if bucket.count < before {
            let diff = before - bucket.count;
            let seen =
                forced.get_or_insert(Forced { min_bucket: bucket.upper, max_bucket: bucket.upper, max_diff: diff });
            seen.min_bucket = seen.min_bucket.min(bucket.upper);
            seen.max_bucket = seen.max_bucket.max(bucket.upper);
            seen.max_diff = seen.max_diff.max(diff);
            bucket.count = before;
            continue;
        }
        before = bucket.count;
    }
    forced
}

/// Whether two numbers differ by less than `tolerance` times their sum.
pub fn almost_equal(a: f64, b: f64, tolerance: f64) -> bool {
    if a == b || a.is_nan() && b.is_nan() {
        return true;
    }
    let sum = a.abs() + b.abs();
    let difference = (a - b).abs();
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < tolerance * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < tolerance
}

/// The quantile of a histogram: interpolated by logarithms in exponential buckets, linearly in custom ones and in that around zero.
/// `metric` and `span` are for annotations.
pub fn of_histogram(quantile: f64, histogram: &Histogram, metric: &str, span: Span, notes: &mut Annotations) -> f64 {
    if let Some(value) = outside(quantile) {
        return value;
    }
    if histogram.count == 0.0 {
        return f64::NAN;
    }
    let counts_nan = histogram.sum.is_nan();
    // Values that are no number are in no bucket, so that ranks can be counted from below only.
    let from_below = counts_nan || quantile < 0.5;
    let rank = if from_below { quantile * histogram.count } else { (1.0 - quantile) * histogram.count };
    let (found, counted, rest) =
        if from_below { find(all_intervals(histogram), rank) } else { find(all_intervals(histogram).rev(), rank) };
    let custom = uses_custom_buckets(histogram);
    let mut bucket = found;
    if custom {
        if bucket.lower == f64::NEG_INFINITY {
            if bucket.upper <= 0.0 {
                return bucket.upper;
            }
            bucket.lower = 0.0;
        } else if bucket.upper == f64::INFINITY {
            return bucket.lower;
        }
    } else if bucket.lower < 0.0 && bucket.upper > 0.0 {
        narrow_zero(histogram, &mut bucket);
    }
    let count = counted.min(histogram.count);
    if count < rank {
        if counts_nan {
            notes.add(Note::QuantileNanResult { metric: metric.to_owned() }, span);
            return f64::NAN;
        }
        return bucket.upper;
    }
    let rank = if from_below { rank - (count - bucket.count) } else { count - rank };
    if counts_nan && count + rest < histogram.count {
        notes.add(Note::QuantileNanSkew { metric: metric.to_owned() }, span);
    }
    interpolate(&bucket, rank / bucket.count, custom)
}

/// The bucket with a rank, how many values are up to its end, and how many behind it.
fn find(mut intervals: impl Iterator<Item = Interval>, rank: f64) -> (Interval, f64, f64) {
    let nothing = Interval { lower: 0.0, upper: 0.0, lower_inclusive: false, upper_inclusive: false, count: 0.0 };
    let (mut found, mut counted) = (nothing, 0.0);
    for interval in intervals.by_ref() {
        // An empty bucket that is the last one seen is what Prometheus goes on with, too.
        found = interval;
        if interval.count == 0.0 {
            continue;
        }
        counted += interval.count;
        if counted >= rank {
            break;
        }
    }
    (found, counted, intervals.map(|interval| interval.count).sum())
}

/// With buckets on one side only, the bucket around zero ends at zero.
fn narrow_zero(histogram: &Histogram, bucket: &mut Interval) {
    match (histogram.negative.is_empty(), histogram.positive.is_empty()) {
        (true, false) => bucket.lower = 0.0,
        (false, true) => bucket.upper = 0.0,
        _ => {}
    }
}

fn interpolate(bucket: &Interval, fraction: f64, custom: bool) -> f64 {
    if custom || bucket.lower <= 0.0 && bucket.upper >= 0.0 {
        return bucket.lower + (bucket.upper - bucket.lower) * fraction;
    }
    let (lower, upper) = (log2(bucket.lower.abs()), log2(bucket.upper.abs()));
    if bucket.lower > 0.0 {
        exp2(lower + (upper - lower) * fraction)
    } else {
        -exp2(upper + (lower - upper) * (1.0 - fraction))
    }
}

/// The part of a histogram's values between two bounds, interpolated as for quantiles. `metric` and `span` are for annotations.
pub fn fraction_of_histogram(
    lower: f64,
    upper: f64,
    histogram: &Histogram,
    metric: &str,
    span: Span,
    notes: &mut Annotations,
) -> f64 {
    if histogram.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let custom = uses_custom_buckets(histogram);
    let mut ranks = Ranks::new(lower, upper);
    for mut bucket in all_intervals(histogram) {
        let around_zero = bucket.lower <= 0.0 && bucket.upper >= 0.0;
        if around_zero {
            narrow_zero(histogram, &mut bucket);
        }
        let rank = ranks.rank;
        let within = |value: f64| {
            // Of a bucket without a lower end nobody knows where its values lie: it counts as a whole.
            if (custom || around_zero) && bucket.lower == f64::NEG_INFINITY {
                return bucket.count;
            }
            rank + bucket.count * bucket.fraction_below(value, custom || around_zero)
        };
        if ranks.step(bucket.lower, bucket.upper, within) {
            break;
        }
        ranks.rank += bucket.count;
    }
    let mut count = histogram.count;
    if histogram.sum.is_nan() {
        count = all_intervals(histogram).map(|bucket| bucket.count).sum();
        if count < histogram.count {
            notes.add(Note::FractionNans { metric: metric.to_owned() }, span);
        }
    }
    let (lower_rank, upper_rank) = ranks.finish(count);
    (upper_rank - lower_rank) / histogram.count
}

/// How many values lie below two bounds, found bucket by bucket.
struct Ranks {
    lower: f64,
    upper: f64,
    lower_rank: Option<f64>,
    upper_rank: Option<f64>,
    /// Values in all buckets before.
    rank: f64,
}

impl Ranks {
    fn new(lower: f64, upper: f64) -> Self {
        Self { lower, upper, lower_rank: None, upper_rank: None, rank: 0.0 }
    }

    /// Looks at the next bucket. Returns whether both are found.
    fn step(&mut self, begin: f64, end: f64, within: impl Fn(f64) -> f64) -> bool {
        let rank = self.rank;
        let find = |bound: f64| {
            if begin >= bound {
                Some(rank)
            } else if begin < bound && end > bound {
                Some(within(bound))
            } else {
                None
            }
        };
        self.lower_rank = self.lower_rank.or_else(|| find(self.lower));
        self.upper_rank = self.upper_rank.or_else(|| find(self.upper));
        self.lower_rank.is_some() && self.upper_rank.is_some()
    }

    /// Both, at most `count`.
    fn finish(&self, count: f64) -> (f64, f64) {
        let at_most = |rank: Option<f64>| rank.map_or(count, |rank| if rank > count { count } else { rank });
        (at_most(self.lower_rank), at_most(self.upper_rank))
    }
}

/// The mean of a histogram's squared distances from its mean, all values of a bucket taken to be in its middle.
pub fn variance_of_histogram(histogram: &Histogram) -> f64 {
    let mean = histogram.sum / histogram.count;
    let custom = uses_custom_buckets(histogram);
    let mut variance = Kahan::default();
    for bucket in all_intervals(histogram).filter(|bucket| bucket.count != 0.0) {
        let middle = if custom {
            (bucket.upper + bucket.lower) / 2.0
        } else if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
            0.0
        } else {
            let middle = (bucket.upper * bucket.lower).sqrt();
            if bucket.upper < 0.0 { -middle } else { middle }
        };
        let distance = middle - mean;
        variance.add(bucket.count * distance * distance);
    }
    variance.total() / histogram.count
}
