//! Bounds of buckets.

use std::sync::LazyLock;

use vitrine_observe_series::{Bucket, CUSTOM_BUCKETS, Histogram};

/// The finest schema.
pub const MAX_SCHEMA: i8 = 8;
/// The coarsest schema with exponential bounds.
pub const MIN_SCHEMA: i8 = -4;
/// From this exponent of two on a bound is infinite, except that the first such one is the greatest double.
const MAX_EXPONENT: i64 = 1024;

/// A bucket with its bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Where it begins.
    pub lower: f64,
    /// Where it ends.
    pub upper: f64,
    /// Whether it has the value at which it begins.
    pub lower_inclusive: bool,
    /// Whether it has the value at which it ends.
    pub upper_inclusive: bool,
    /// Values in it.
    pub count: f64,
}

impl Interval {
    /// Which part of its width lies at or below `value`, which is within; both bounds are finite. By logarithms unless `linear`.
    pub fn fraction_below(&self, value: f64, linear: bool) -> f64 {
        if linear {
            return (value - self.lower) / (self.upper - self.lower);
        }
        let (lower, upper, at) = (log2(self.lower.abs()), log2(self.upper.abs()), log2(value.abs()));
        if value > 0.0 { (at - lower) / (upper - lower) } else { 1.0 - (at - upper) / (lower - upper) }
    }
}

/// Whether the bounds are the histogram's own.
pub fn uses_custom_buckets(histogram: &Histogram) -> bool {
    histogram.schema == CUSTOM_BUCKETS
}

/// Where bucket `index` ends. With custom bounds it is infinite behind the last one, and negative infinite before the first.
pub fn upper_bound(index: i32, schema: i8, custom: &[f64]) -> f64 {
    if schema != CUSTOM_BUCKETS {
        return exponential_bound(index, schema);
    }
    match usize::try_from(index) {
        Err(_) => f64::NEG_INFINITY,
        Ok(place) => custom.get(place).copied().unwrap_or(f64::INFINITY),
    }
}

/// Where bucket `index` of an exponential schema ends.
pub fn exponential_bound(index: i32, schema: i8) -> f64 {
    let index = i64::from(index);
    if schema <= 0 {
        let exponent = index << schema.max(MIN_SCHEMA).unsigned_abs();
        return if exponent == MAX_EXPONENT { f64::MAX } else { power_of_two(exponent) };
    }
    let schema = schema.min(MAX_SCHEMA);
    let within = index & ((1 << schema) - 1);
    let fraction = FRACTIONS[schema as usize][within as usize];
    let exponent = (index >> schema) + 1;
    if fraction == 0.5 && exponent == MAX_EXPONENT + 1 {
        return f64::MAX;
    }
    // The fraction is doubled so that the power stays in range where the product does.
    fraction * 2.0 * power_of_two(exponent - 1)
}

/// Bounds from 0.5 up to 1 for each schema, computed as for Prometheus's table so that all digits agree.
static FRACTIONS: LazyLock<Vec<Vec<f64>>> = LazyLock::new(|| {
    let mut all: Vec<Vec<f64>> = Vec::new();
    for schema in 0..=MAX_SCHEMA {
        let factor = exp2(exp2(-f64::from(schema)));
        let mut bounds = vec![0.5];
        for place in 1..1_usize << schema {
            // Every second one stands in the schema before.
            let bound = match all.last() {
                Some(coarser) if place % 2 == 0 => coarser[place / 2],
                _ => bounds[place - 1] * factor,
            };
            bounds.push(bound);
        }
        all.push(bounds);
    }
    all
});

fn power_of_two(exponent: i64) -> f64 {
    const LEAST_NORMAL: i64 = -1022;
    const LEAST: i64 = -1074;
    match exponent {
        MAX_EXPONENT.. => f64::INFINITY,
        LEAST_NORMAL.. => f64::from_bits(((exponent + 1023) as u64) << 52),
        LEAST.. => f64::from_bits(1 << (exponent - LEAST)),
        _ => 0.0,
    }
}

/// Two to the power of a number, with the rounding of Go's portable `math.Exp2` (after FreeBSD's `e_exp.c`).
pub fn exp2(value: f64) -> f64 {
    const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    const P: [f64; 5] = [
        1.666_666_666_666_666_6e-1,
        -2.777_777_777_701_559_3e-3,
        6.613_756_321_437_934e-5,
        -1.653_390_220_546_525_2e-6,
        4.138_136_797_057_238_5e-8,
    ];
    /// Beyond it the result is infinite or zero.
    const MOST: f64 = 1100.0;
    if value.is_nan() || value.abs() > MOST {
        return value.exp2();
    }
    let whole = if value > 0.0 { (value + 0.5) as i64 } else { (value - 0.5) as i64 };
    let rest = value - whole as f64;
    let (high, low) = (rest * LN2_HIGH, -rest * LN2_LOW);
    let r = high - low;
    let t = r * r;
    let c = r - t * (P[0] + t * (P[1] + t * (P[2] + t * (P[3] + t * P[4]))));
    let y = 1.0 - ((low - (r * c) / (2.0 - c)) - high);
    if whole >= MAX_EXPONENT { y * 2.0 * power_of_two(whole - 1) } else { y * power_of_two(whole) }
}

/// The logarithm to base 2 as Go computes it: exact for powers of two.
pub fn log2(value: f64) -> f64 {
    const FRACTION: u64 = (1 << 52) - 1;
    if !value.is_normal() || value < 0.0 {
        return value.log2();
    }
    let bits = value.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i64 - 1022;
    let fraction = f64::from_bits((bits & FRACTION) | (1022 << 52));
    if fraction == 0.5 {
        return (exponent - 1) as f64;
    }
    fraction.ln() * std::f64::consts::LOG2_E + exponent as f64
}

/// Buckets above zero, from the one next to it.
pub fn positive_intervals(histogram: &Histogram) -> impl DoubleEndedIterator<Item = Interval> + '_ {
    histogram.positive.iter().map(|bucket| positive_interval(histogram, bucket))
}

/// Buckets below zero, from the one next to it.
pub fn negative_intervals(histogram: &Histogram) -> impl DoubleEndedIterator<Item = Interval> + '_ {
    histogram.negative.iter().map(|bucket| {
        let lower = -upper_bound(bucket.index, histogram.schema, &[]);
        let upper = -upper_bound(bucket.index.saturating_sub(1), histogram.schema, &[]);
        Interval { lower, upper, lower_inclusive: lower < 0.0, upper_inclusive: upper > 0.0, count: bucket.count }
    })
}

fn positive_interval(histogram: &Histogram, bucket: &Bucket) -> Interval {
    let lower = upper_bound(bucket.index.saturating_sub(1), histogram.schema, &histogram.custom_bounds);
    let upper = upper_bound(bucket.index, histogram.schema, &histogram.custom_bounds);
    let (lower_inclusive, upper_inclusive) =
        if uses_custom_buckets(histogram) { (bucket.index == 0, true) } else { (lower < 0.0, upper > 0.0) };
    Interval { lower, upper, lower_inclusive, upper_inclusive, count: bucket.count }
}

/// The bucket around zero.
pub fn zero_interval(histogram: &Histogram) -> Interval {
    let (lower, upper) = (-histogram.zero_threshold, histogram.zero_threshold);
    Interval { lower, upper, lower_inclusive: true, upper_inclusive: true, count: histogram.zero_count }
}

/// All buckets, from the lowest up; that around zero only if it counts something. Those that reach into it are cut there.
pub fn all_intervals(histogram: &Histogram) -> impl DoubleEndedIterator<Item = Interval> + '_ {
    let threshold = histogram.zero_threshold;
    let cut = move |mut interval: Interval| {
        if interval.upper < 0.0 && interval.upper > -threshold {
            interval.upper = -threshold;
        } else if interval.lower > 0.0 && interval.lower < threshold {
            interval.lower = threshold;
        }
        interval
    };
    let zero = (histogram.zero_count > 0.0).then(|| zero_interval(histogram));
    negative_intervals(histogram).rev().map(cut).chain(zero).chain(positive_intervals(histogram).map(cut))
}

#[cfg(test)]
mod tests {
    use super::{exp2, exponential_bound, log2};

    #[test]
    fn bounds_have_the_digits_of_prometheus() {
        // Of Prometheus's tables and its tests of bounds.
        let cases = [
            (-1, 4, 2_f64.powi(8)),
            (-1, 5, 2_f64.powi(10)),
            (0, 0, 1.0),
            (0, 1, 2.0),
            (0, 512, 2_f64.powi(512)),
            (0, 1024, f64::MAX),
            (0, 1025, f64::INFINITY),
            (2, 4, 2.0),
            (2, -1, 0.840_896_415_253_714_4),
            (1, -1, 0.707_106_781_186_547_5),
            (8, 262_144, f64::MAX),
            (8, 262_145, f64::INFINITY),
            (-4, 64, f64::MAX),
            (-4, 65, f64::INFINITY),
            (-4, -68, 0.0),
            (3, -8600, 0.0),
        ];
        for (schema, index, bound) in cases {
            assert_eq!(exponential_bound(index, schema), bound, "schema {schema}, bucket {index}");
        }
    }

    #[test]
    fn powers_and_logarithms_are_inverse() {
        for value in [0.125, 0.7, 1.0, 3.0, 1e-300, 1e300, f64::MIN_POSITIVE] {
            assert!((exp2(log2(value)) / value - 1.0).abs() < 1e-12, "{value}");
        }
        assert_eq!((log2(8.0), log2(0.5), exp2(10.0), exp2(-2000.0)), (3.0, -1.0, 1024.0, 0.0));
        assert!(log2(-1.0).is_nan());
        assert_eq!(exp2(1024.0), f64::INFINITY);
    }
}
