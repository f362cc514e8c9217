//! Aggregations of one series over time.

use std::sync::Arc;

use vitrine_observe_series::{CounterReset, Histogram};

use super::increase::mixed_schemas;
use super::rate::seconds;
use super::window::{CallError, Floats, Histograms, RangeCall, Window};
use crate::annotations::{Annotations, Bits, Combining, Note};
use crate::engine::Point;
use crate::histogram::{Combined, HistogramSum, IncompatibleSchemas};
use crate::kahan::{Kahan, Mean};
use crate::quantile::{is_invalid, quantile};

type Value = Result<Option<Point>, CallError>;

#[allow(clippy::unnecessary_wraps, reason = "functions over ranges have one type")]
fn float(value: f64) -> Value {
    Ok(Some(Point::Float(value)))
}

/// `count_over_time(v[r])`.
pub fn count_over_time(_: &RangeCall<'_>, window: &Window<'_>, _: &mut Annotations) -> Value {
    float(window.times.len() as f64)
}

/// `present_over_time(v[r])`.
pub fn present_over_time(_: &RangeCall<'_>, _: &Window<'_>, _: &mut Annotations) -> Value {
    float(1.0)
}

/// `first_over_time(v[r])`.
pub fn first_over_time(_: &RangeCall<'_>, window: &Window<'_>, _: &mut Annotations) -> Value {
    Ok(Some(window.value(0)))
}

/// `last_over_time(v[r])`.
pub fn last_over_time(_: &RangeCall<'_>, window: &Window<'_>, _: &mut Annotations) -> Value {
    Ok(Some(window.value(window.times.len() - 1)))
}

/// `ts_of_first_over_time(v[r])`, in seconds.
pub fn ts_of_first_over_time(_: &RangeCall<'_>, window: &Window<'_>, _: &mut Annotations) -> Value {
    float(seconds(window.times[0]))
}

/// `ts_of_last_over_time(v[r])`, in seconds.
pub fn ts_of_last_over_time(_: &RangeCall<'_>, window: &Window<'_>, _: &mut Annotations) -> Value {
    float(seconds(window.times[window.times.len() - 1]))
}

/// The floats of a window, if there are any. Says so if there are histograms beside them, which do not count.
fn floats_only<'a>(call: &RangeCall<'_>, window: &Window<'a>, notes: &mut Annotations) -> Option<Floats<'a>> {
    let (floats, histograms) = window.split();
    if floats.is_empty() {
        return None;
    }
    if !histograms.is_empty() {
        notes.add(Note::HistogramIgnoredInMixedRange { metric: call.metric.to_owned() }, call.span);
    }
    Some(floats)
}

/// The place of the value that is better than all before. A value is better than one that is no number.
fn best(floats: &Floats<'_>, better: impl Fn(f64, f64) -> bool) -> usize {
    let mut best = 0;
    for place in 0..floats.len() {
        let so_far = floats.value(best);
        if better(floats.value(place), so_far) || so_far.is_nan() {
            best = place;
        }
    }
    best
}

/// `max_over_time(v[r])`.
pub fn max_over_time(call: &RangeCall<'_>, window: &Window<'_>, notes: &mut Annotations) -> Value {
    let floats = floats_only(call, window, notes);
    Ok(floats.map(|floats| Point::Float(floats.value(best(&floats, |a, b| a > b)))))
}

/// `min_over_time(v[r])`.
pub fn min_over_time(call: &RangeCall<'_>, window: &Window<'_>, notes: &mut Annotations) -> Value {
    let floats = floats_only(call, window, notes);
    Ok(floats.map(|floats| Point::Float(floats.value(best(&floats, |a, b| a < b)))))
}

/// `ts_of_max_over_time(v[r])`, in seconds: of several the last one.
pub fn ts_of_max_over_time(call: &RangeCall<'_>, window: &Window<'_>, notes: &mut Annotations) -> Value {
    let floats = floats_only(call, window, notes);
    Ok(floats.map(|floats| Point::Float(seconds(floats.times[best(&floats, |a, b| a >= b)]))))
}

/// `ts_of_min_over_time(v[r])`, in seconds: of several the last one.
pub fn ts_of_min_over_time(call: &RangeCall<'_>, window: &Window<'_>, notes: &mut Annotations) -> Value {
    let floats = floats_only(call, window, notes);
    Ok(floats.map(|floats| Point::Float(seconds(floats.times[best(&floats, |a, b| a <= b)]))))
}

/// `quantile_over_time(q, v[r])`.
pub fn quantile_over_time(call: &RangeCall<'_>, window: &Window<'_>, notes: &mut Annotations) -> Value {
    let q = call.param(0);
    let floats = floats_only(call, window, notes);
    if floats.is_some() && is_invalid(q) {
        notes.add(Note::InvalidQuantile { got: Bits::from(q) }, call.span);
    }
    Ok(floats.map(|floats| Point::Float(quantile(q, &mut floats.values().collect::<Vec<_>>()))))
}

/// `mad_over_time(v[r])`: the median of distances from the median.
pub fn mad_over_time(call: &RangeCall<'_>, window: &Window<'_>, notes: &mut Annotations) -> Value {
    const MEDIAN: f64 = 0.5;
    let Some(floats) = floats_only(call, window, notes) else { return Ok(None) };
    let mut values: Vec<f64> = floats.values().collect();
    if values.iter().any(|value| value.is_nan()) {
        return float(f64::NAN);
    }
    let median = quantile(MEDIAN, &mut values);
    values.iter_mut().for_each(|value| *value = (*value - median).abs());
    float(quantile(MEDIAN, &mut values))
}

/// `stdvar_over_time(v[r])`.
pub fn stdvar_over_time(call: &RangeCall<'_>, window: &Window<'_>, notes: &mut Annotations) -> Value {
    Ok(floats_only(call, window, notes).map(|floats| Point::Float(variance(&floats))))
}

/// `stddev_over_time(v[r])`.
pub fn stddev_over_time(call: &RangeCall<'_>, window: &Window<'_>, notes: &mut Annotations) -> Value {
    Ok(floats_only(call, window, notes).map(|floats| Point::Float(variance(&floats).sqrt())))
}

/// The variance after Welford, with compensated sums.
fn variance(floats: &Floats<'_>) -> f64 {
    let (mut count, mut mean, mut squares) = (0.0, Kahan::default(), Kahan::default());
    for value in floats.values() {
        count += 1.0;
        let distance = value - mean.total();
        mean.add(distance / count);
        squares.add(distance * (value - mean.total()));
    }
    squares.total() / count
}

/// Floats or histograms; none of both, and a warning, if there are both.
fn one_kind<'a>(
    call: &RangeCall<'_>,
    window: &Window<'a>,
    notes: &mut Annotations,
) -> Option<(Floats<'a>, Histograms<'a>)> {
    let (floats, histograms) = window.split();
    if !floats.is_empty() && !histograms.is_empty() {
        notes.add(Note::MixedFloatsHistograms { metric: call.metric.to_owned() }, call.span);
        return None;
    }
    Some((floats, histograms))
}

/// `sum_over_time(v[r])`.
pub fn sum_over_time(call: &RangeCall<'_>, window: &Window<'_>, notes: &mut Annotations) -> Value {
    let Some((floats, histograms)) = one_kind(call, window, notes) else { return Ok(None) };
    if histograms.is_empty() {
        let mut sum = Kahan::default();
        floats.values().for_each(|value| sum.add(value));
        return float(if sum.sum.is_infinite() { sum.sum } else { sum.total() });
    }
    aggregated(call, &histograms, notes, |values, seen| {
        let mut sum = HistogramSum::new(&values[0]);
        for histogram in &values[1..] {
            seen.see(sum.add(histogram)?);
        }
        Ok(sum.total())
    })
}

/// `avg_over_time(v[r])`.
pub fn avg_over_time(call: &RangeCall<'_>, window: &Window<'_>, notes: &mut Annotations) -> Value {
    let Some((floats, histograms)) = one_kind(call, window, notes) else { return Ok(None) };
    if histograms.is_empty() {
        let mut mean = Mean::default();
        floats.values().for_each(|value| mean.add(value));
        return float(mean.total());
    }
    aggregated(call, &histograms, notes, |values, seen| {
        let mut mean = HistogramMean::new(&values[0]);
        for histogram in &values[1..] {
            seen.see(mean.add(histogram)?);
        }
        Ok(mean.total())
    })
}

/// What an aggregation of histograms is to be remarked on with.
#[derive(Default)]
struct Seen {
    bounds_reconciled: bool,
}

impl Seen {
    fn see(&mut self, combined: Combined) {
        self.bounds_reconciled |= combined.bounds_reconciled;
    }
}

fn aggregated(
    call: &RangeCall<'_>,
    histograms: &Histograms<'_>,
    notes: &mut Annotations,
    aggregate: impl FnOnce(&[Arc<Histogram>], &mut Seen) -> Result<Histogram, IncompatibleSchemas>,
) -> Value {
    let mut seen = Seen::default();
    let Ok(result) = aggregate(&histograms.values, &mut seen) else {
        notes.add(mixed_schemas(call), call.span);
        return Ok(None);
    };
    let has = |reset: CounterReset| histograms.values.iter().any(|histogram| histogram.reset == reset);
    if has(CounterReset::Yes) && has(CounterReset::No) {
        notes.add(Note::HistogramCounterResetCollision(Combining::Aggregation), call.span);
    }
    if seen.bounds_reconciled {
        notes.add(Note::MismatchedCustomBuckets(Combining::Aggregation), call.span);
    }
    Ok(Some(Point::Histogram(Arc::new(result))))
}

/// A mean of histograms that does not overflow where their sum would: it is a sum until then, and a running mean from there on.
#[derive(Debug, Clone)]
pub struct HistogramMean {
    value: HistogramSum,
    count: f64,
    running: bool,
}

impl HistogramMean {
    /// Begins with a histogram.
    pub fn new(first: &Histogram) -> Self {
        Self { value: HistogramSum::new(first), count: 1.0, running: false }
    }

    /// Takes a histogram. If that is an error, the mean must not be used any more.
    pub fn add(&mut self, histogram: &Histogram) -> Result<Combined, IncompatibleSchemas> {
        self.count += 1.0;
        if !self.running {
            let mut sum = self.value.clone();
            let combined = sum.add(histogram)?;
            if !sum.has_overflow() {
                self.value = sum;
                return Ok(combined);
            }
            self.running = true;
            self.value.divide(self.count - 1.0);
        }
        self.value.scale((self.count - 1.0) / self.count);
        let mut part = histogram.clone();
        crate::histogram::divide(&mut part, self.count);
        self.value.add(&part)
    }

    /// The mean.
    pub fn total(mut self) -> Histogram {
        if !self.running {
            self.value.divide(self.count);
        }
        self.value.total()
    }
}
