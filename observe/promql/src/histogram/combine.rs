//! Histograms added, subtracted, multiplied and divided.

use vitrine_observe_series::{Bucket, CounterReset, Histogram};

use super::buckets::{negative_intervals, positive_intervals, upper_bound, uses_custom_buckets};
use super::compact::{coarser_index, merged_outside};
use super::compare::common_bounds;
use super::zero::zero_count_up_to;
use crate::kahan::Kahan;

/// One has exponential buckets, the other custom ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot apply this operation on histograms with a mix of exponential and custom bucket schemas")]
pub struct IncompatibleSchemas;

/// What had to be done to bring two histograms together, and is worth a remark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Combined {
    /// One says that a counter was reset, the other that none was.
    pub resets_collided: bool,
    /// Their custom bounds differ: those that both have are left.
    pub bounds_reconciled: bool,
}

/// A sum of histograms. What is lost by rounding is kept beside each number.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramSum {
    /// Schema, threshold, bounds and what is known of resets; its numbers and buckets stand below.
    frame: Histogram,
    zero_count: Kahan,
    count: Kahan,
    sum: Kahan,
    positive: Vec<Counted>,
    negative: Vec<Counted>,
}

/// A bucket and its sum.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Counted {
    index: i32,
    count: Kahan,
}

/// Adds `other` to `histogram`. If that is an error, nothing has changed.
pub fn add(histogram: &mut Histogram, other: &Histogram) -> Result<Combined, IncompatibleSchemas> {
    let mut sum = HistogramSum::new(histogram);
    let combined = sum.combine(other, false)?;
    *histogram = sum.rounded();
    Ok(combined)
}

/// Subtracts `other` from `histogram`. What is known of resets is brought together as in [`add`]: the `-` of PromQL makes a gauge of the
/// result itself. If that is an error, nothing has changed.
pub fn subtract(histogram: &mut Histogram, other: &Histogram) -> Result<Combined, IncompatibleSchemas> {
    let mut sum = HistogramSum::new(histogram);
    let combined = sum.combine(other, true)?;
    *histogram = sum.rounded();
    Ok(combined)
}

/// Multiplies all that is counted. A negative factor makes a gauge of it.
pub fn multiply(histogram: &mut Histogram, factor: f64) {
    change(histogram, |value| *value *= factor);
    if factor < 0.0 {
        histogram.reset = CounterReset::Gauge;
    }
}

/// Divides all that is counted. A negative divisor makes a gauge of it; zero leaves no bucket.
pub fn divide(histogram: &mut Histogram, divisor: f64) {
    change(histogram, |value| *value /= divisor);
    if divisor == 0.0 {
        histogram.positive.clear();
        histogram.negative.clear();
    } else if divisor < 0.0 {
        histogram.reset = CounterReset::Gauge;
    }
}

fn change(histogram: &mut Histogram, change: impl Fn(&mut f64)) {
    change(&mut histogram.zero_count);
    change(&mut histogram.count);
    change(&mut histogram.sum);
    let buckets = histogram.positive.iter_mut().chain(&mut histogram.negative);
    buckets.for_each(|bucket| change(&mut bucket.count));
}

/// What is known of resets when two histograms come together, and whether that is a contradiction.
fn combined_reset(a: CounterReset, b: CounterReset) -> (CounterReset, bool) {
    match (a, b) {
        (a, b) if a == b => (a, false),
        (CounterReset::Gauge, _) | (_, CounterReset::Gauge) => (CounterReset::Gauge, false),
        (CounterReset::Unknown, _) | (_, CounterReset::Unknown) => (CounterReset::Unknown, false),
        _ => (CounterReset::Unknown, true),
    }
}

impl HistogramSum {
    /// Begins with a histogram.
    pub fn new(first: &Histogram) -> Self {
        let counted = |buckets: &[Bucket]| {
            buckets.iter().map(|bucket| Counted { index: bucket.index, count: Kahan::new(bucket.count) }).collect()
        };
        Self {
            zero_count: Kahan::new(first.zero_count),
            count: Kahan::new(first.count),
            sum: Kahan::new(first.sum),
            positive: counted(&first.positive),
            negative: counted(&first.negative),
            frame: Histogram {
                schema: first.schema,
                zero_threshold: first.zero_threshold,
                custom_bounds: first.custom_bounds.clone(),
                reset: first.reset,
                ..Histogram::default()
            },
        }
    }

    /// Adds a histogram. If that is an error, nothing has changed.
    pub fn add(&mut self, other: &Histogram) -> Result<Combined, IncompatibleSchemas> {
        self.combine(other, false)
    }

    /// Multiplies all that is counted.
    pub fn scale(&mut self, factor: f64) {
        self.numbers().for_each(|number| number.scale(factor));
    }

    /// Divides all that is counted.
    pub fn divide(&mut self, divisor: f64) {
        self.numbers().for_each(|number| *number = Kahan { sum: number.sum / divisor, lost: number.lost / divisor });
    }

    /// Whether a number became infinite.
    pub fn has_overflow(&self) -> bool {
        let buckets = self.positive.iter().chain(&self.negative).map(|bucket| bucket.count);
        [self.zero_count, self.count, self.sum].into_iter().chain(buckets).any(|number| number.sum.is_infinite())
    }

    /// The sum with what rounding lost.
    pub fn total(self) -> Histogram {
        self.finish(Kahan::total)
    }

    /// The sum as plain addition gives it.
    fn rounded(self) -> Histogram {
        self.finish(|number| number.sum)
    }

    fn finish(self, value: impl Fn(Kahan) -> f64) -> Histogram {
        let buckets = |counted: Vec<Counted>| {
            counted.iter().map(|bucket| Bucket { index: bucket.index, count: value(bucket.count) }).collect()
        };
        Histogram {
            zero_count: value(self.zero_count),
            count: value(self.count),
            sum: value(self.sum),
            positive: buckets(self.positive),
            negative: buckets(self.negative),
            ..self.frame
        }
    }

    fn numbers(&mut self) -> impl Iterator<Item = &mut Kahan> {
        let buckets = self.positive.iter_mut().chain(&mut self.negative).map(|bucket| &mut bucket.count);
        [&mut self.zero_count, &mut self.count, &mut self.sum].into_iter().chain(buckets)
    }

    fn combine(&mut self, other: &Histogram, negative: bool) -> Result<Combined, IncompatibleSchemas> {
        if uses_custom_buckets(&self.frame) != uses_custom_buckets(other) {
            return Err(IncompatibleSchemas);
        }
        let (reset, resets_collided) = combined_reset(self.frame.reset, other.reset);
        self.frame.reset = reset;
        let sign = if negative { -1.0 } else { 1.0 };
        self.count.add(sign * other.count);
        self.sum.add(sign * other.sum);
        if uses_custom_buckets(other) {
            let bounds_reconciled = self.combine_custom(other, sign);
            return Ok(Combined { resets_collided, bounds_reconciled });
        }
        let zero = self.reconcile_zero(other);
        self.zero_count.add(sign * zero.sum);
        if zero.lost != 0.0 {
            self.zero_count.add(sign * zero.lost);
        }
        self.reduce_resolution(other.schema);
        let (from, to, threshold) = (other.schema, self.frame.schema, self.frame.zero_threshold);
        join(&mut self.positive, merged_outside(&other.positive, from, to, threshold), sign);
        join(&mut self.negative, merged_outside(&other.negative, from, to, threshold), sign);
        Ok(Combined { resets_collided, bounds_reconciled: false })
    }

    /// Returns whether the bounds differ.
    fn combine_custom(&mut self, other: &Histogram, sign: f64) -> bool {
        if self.frame.custom_bounds == other.custom_bounds {
            join(&mut self.positive, other.positive.iter().copied(), sign);
            return false;
        }
        let common = common_bounds(&self.frame.custom_bounds, &other.custom_bounds);
        let mut sums = vec![Kahan::default(); common.len() + 1];
        let place = |index: i32, bounds: &[f64]| {
            let bound = upper_bound(index, self.frame.schema, bounds);
            common.partition_point(|common| *common < bound)
        };
        for bucket in &self.positive {
            sums[place(bucket.index, &self.frame.custom_bounds)].add_sum(bucket.count);
        }
        for bucket in &other.positive {
            sums[place(bucket.index, &other.custom_bounds)].add(sign * bucket.count);
        }
        self.positive = (0..)
            .zip(sums)
            .filter(|(_, count)| count.sum != 0.0 || count.lost != 0.0)
            .map(|(index, count)| Counted { index, count })
            .collect();
        self.frame.custom_bounds = common.into();
        true
    }

    /// Widens the zero bucket until it has those of both and ends within no bucket of either that counts something. Returns what the other
    /// one's counts then.
    fn reconcile_zero(&mut self, other: &Histogram) -> Kahan {
        let mut zero = Kahan::new(other.zero_count);
        let mut threshold = other.zero_threshold;
        loop {
            if self.frame.zero_threshold > threshold {
                (zero, threshold) = zero_count_up_to(other, self.frame.zero_threshold);
            }
            // Neither is so for thresholds that are no number, which have no order.
            if threshold > self.frame.zero_threshold {
                self.widen_zero(threshold);
            }
            let other_is_behind = self.frame.zero_threshold > threshold;
            if !other_is_behind {
                return zero;
            }
        }
    }

    fn widen_zero(&mut self, threshold: f64) {
        let plain = self.clone().rounded();
        let (_, threshold) = zero_count_up_to(&plain, threshold);
        let inside = |lower: f64| lower < threshold;
        let positive = positive_intervals(&plain).take_while(|interval| inside(interval.lower)).count();
        let negative = negative_intervals(&plain).take_while(|interval| inside(-interval.upper)).count();
        for bucket in self.positive.drain(..positive).chain(self.negative.drain(..negative)) {
            self.zero_count.add_sum(bucket.count);
        }
        let counts = |bucket: &Counted| bucket.count.sum != 0.0 || bucket.count.lost != 0.0;
        self.positive.retain(counts);
        self.negative.retain(counts);
        self.frame.zero_threshold = threshold;
    }

    fn reduce_resolution(&mut self, schema: i8) {
        let from = self.frame.schema;
        if schema >= from {
            return;
        }
        for side in [&mut self.positive, &mut self.negative] {
            let mut coarse: Vec<Counted> = Vec::with_capacity(side.len());
            for bucket in side.iter() {
                let index = coarser_index(bucket.index, from, schema);
                match coarse.last_mut() {
                    Some(last) if last.index == index => last.count.add_sum(bucket.count),
                    _ => coarse.push(Counted { index, count: bucket.count }),
                }
            }
            *side = coarse;
        }
        self.frame.schema = schema;
    }
}

/// Adds buckets, multiplied by `sign`, to those with the same index.
fn join(into: &mut Vec<Counted>, buckets: impl Iterator<Item = Bucket>, sign: f64) {
    let mut place = 0;
    let mut missing = Vec::new();
    for bucket in buckets {
        let count = sign * bucket.count;
        while into.get(place).is_some_and(|candidate| candidate.index < bucket.index) {
            place += 1;
        }
        match into.get_mut(place) {
            Some(same) if same.index == bucket.index => same.count.add(count),
            _ => missing.push(Counted { index: bucket.index, count: Kahan::new(count) }),
        }
    }
    if !missing.is_empty() {
        into.append(&mut missing);
        into.sort_by_key(|bucket| bucket.index);
    }
}
