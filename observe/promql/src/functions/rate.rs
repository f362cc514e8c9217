//! `rate`, `increase` and `delta`, after Prometheus's `extrapolatedRate`.

use std::sync::Arc;

use vitrine_observe_series::{CounterReset, Histogram, Temporality};

use super::extended;
use super::increase::{add_noted, histogram_increase};
use super::reset::{is_start_reset, note_overlap};
use super::window::{CallError, EdgeMode, Floats, Histograms, RangeCall, Window};
use crate::annotations::{Annotations, Note};
use crate::engine::Point;
use crate::histogram::multiply;
use crate::kahan::Kahan;

/// Samples this much further apart than the mean from an edge end the series there.
const EXTRAPOLATION_THRESHOLD: f64 = 1.1;

/// What is computed of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// What a counter rose by, each second.
    Rate,
    /// What a counter rose by.
    Increase,
    /// The difference of a gauge.
    Delta,
}

impl Change {
    /// Whether it is of a counter, which rises or starts anew.
    pub fn is_counter(self) -> bool {
        self != Self::Delta
    }

    /// By what the change is divided.
    pub fn divisor(self, call: &RangeCall<'_>) -> f64 {
        if self == Self::Rate { call.range_seconds } else { 1.0 }
    }
}

/// `rate(v[r])`.
pub fn rate(call: &RangeCall<'_>, window: &Window<'_>, notes: &mut Annotations) -> Result<Option<Point>, CallError> {
    Ok(change(Change::Rate, call, window, notes))
}

/// `increase(v[r])`.
pub fn increase(
    call: &RangeCall<'_>,
    window: &Window<'_>,
    notes: &mut Annotations,
) -> Result<Option<Point>, CallError> {
    Ok(change(Change::Increase, call, window, notes))
}

/// `delta(v[r])`.
pub fn delta(call: &RangeCall<'_>, window: &Window<'_>, notes: &mut Annotations) -> Result<Option<Point>, CallError> {
    Ok(change(Change::Delta, call, window, notes))
}

fn change(change: Change, call: &RangeCall<'_>, window: &Window<'_>, notes: &mut Annotations) -> Option<Point> {
    let (floats, histograms) = window.split();
    if !floats.is_empty() && !histograms.is_empty() {
        notes.add(Note::MixedFloatsHistograms { metric: call.metric.to_owned() }, call.span);
        return None;
    }
    if window.temporality == Temporality::Delta && change.is_counter() {
        return sum_of_deltas(change, call, window, &floats, &histograms, notes);
    }
    match (window.edges, histograms.is_empty()) {
        (EdgeMode::Plain, true) => of_floats(change, call, window, &floats, notes).map(Point::Float),
        (EdgeMode::Plain, false) => of_histograms(change, call, window, &histograms, notes)
            .map(|histogram| Point::Histogram(Arc::new(histogram))),
        (_, true) => extended::of_floats(change, call, window, &floats).map(Point::Float),
        (_, false) => extended::of_histograms(change, call, window, &histograms, notes)
            .map(|histogram| Point::Histogram(Arc::new(histogram))),
    }
}

/// Where samples lie in a range: all that extrapolation needs of their times, in seconds. The same for all series with these times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coverage {
    /// By how much the series reaches to the start of the range before its first sample: not all of it if that is too far away.
    before: f64,
    /// The same behind its last sample, to the end of the range.
    behind: f64,
    /// From the first sample to the last.
    interval: f64,
}

impl Coverage {
    /// Of samples at these times, of which there is at least one, in a range from `start_ms` to `end_ms`.
    pub fn of(start_ms: i64, end_ms: i64, times: &[i64]) -> Self {
        let (first, last) = (times[0], times[times.len() - 1]);
        let interval = seconds(last.saturating_sub(first));
        let gaps = times.len() - 1;
        let mean = if gaps > 0 { interval / gaps as f64 } else { 0.0 };
        let threshold = mean * EXTRAPOLATION_THRESHOLD;
        let reach = |distance: f64| if distance >= threshold { mean / 2.0 } else { distance };
        let before = reach(seconds(first.saturating_sub(start_ms)));
        let behind = reach(seconds(end_ms.saturating_sub(last)));
        Self { before, behind, interval }
    }

    /// What a change between the first and the last sample is multiplied by to be one of the whole range. A counter is not taken below zero:
    /// `first` is the first value, `change` the change.
    pub fn factor(&self, is_counter: bool, first: f64, change: f64) -> f64 {
        if !Self::may_reach_zero(is_counter, first, change) {
            return self.usual_factor();
        }
        let to_zero = self.interval * (first / change);
        self.stretched(self.interval, if to_zero < self.before { to_zero } else { self.before })
    }

    /// The factor that does not depend on values.
    pub fn usual_factor(&self) -> f64 {
        self.stretched(self.interval, self.before)
    }

    /// Whether a counter may have been zero within the range. If it is two changes above zero that is further away than a series reaches
    /// before its first sample, which is 1.1 intervals.
    pub fn may_reach_zero(is_counter: bool, first: f64, change: f64) -> bool {
        is_counter && change > 0.0 && first >= 0.0 && first < 2.0 * change
    }

    /// The same where the total began within the range, at `start_ms`, with zero.
    fn factor_since(&self, start_ms: i64, last_ms: i64) -> f64 {
        self.stretched(seconds(last_ms.saturating_sub(start_ms)), 0.0)
    }

    fn stretched(&self, interval: f64, before: f64) -> f64 {
        if interval == 0.0 { 1.0 } else { (interval + before + self.behind) / interval }
    }
}

pub(super) fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

/// When the total of the first sample began, if that is within the range.
fn start_within(change: Change, window: &Window<'_>, times: &[i64], starts: &[i64]) -> Option<i64> {
    let start = *starts.first()?;
    (change.is_counter() && start != 0 && start > window.start_ms && start < times[0]).then_some(start)
}

fn of_floats(
    change: Change,
    call: &RangeCall<'_>,
    window: &Window<'_>,
    floats: &Floats<'_>,
    notes: &mut Annotations,
) -> Option<f64> {
    let last = floats.len().checked_sub(1)?;
    let mut result = floats.value(last) - floats.value(0);
    if change.is_counter() {
        note_overlap(&floats.times, &floats.starts, call, notes);
        for place in 1..floats.len() {
            let (before, now) = (floats.value(place - 1), floats.value(place));
            if now < before || is_start_reset(&floats.times, &floats.starts, place) {
                result += before;
            }
        }
    }
    let coverage = Coverage::of(window.start_ms, window.end_ms, &floats.times);
    let factor = match start_within(change, window, &floats.times, &floats.starts) {
        Some(start) => {
            result += floats.value(0);
            coverage.factor_since(start, floats.times[last])
        }
        None if last == 0 => return None,
        None => coverage.factor(change.is_counter(), floats.value(0), result),
    };
    Some(result * (factor / change.divisor(call)))
}

fn of_histograms(
    change: Change,
    call: &RangeCall<'_>,
    window: &Window<'_>,
    histograms: &Histograms<'_>,
    notes: &mut Annotations,
) -> Option<Histogram> {
    let first = histograms.values.first()?;
    let last = histograms.len() - 1;
    let mut result = None;
    if last > 0 {
        result = Some(histogram_increase(change.is_counter(), call, histograms, notes)?);
    }
    let coverage = Coverage::of(window.start_ms, window.end_ms, &histograms.times);
    let (mut result, factor) = match (start_within(change, window, &histograms.times, &histograms.starts), result) {
        (Some(start), result) => {
            let factor = coverage.factor_since(start, histograms.times[last]);
            let Some(mut result) = result else {
                return Some(scaled((**first).clone(), factor / change.divisor(call)));
            };
            if !add_noted(&mut result, first, call, notes) {
                return None;
            }
            (result, factor)
        }
        (None, None) => return None,
        (None, Some(result)) => {
            let factor = coverage.factor(change.is_counter(), first.count, result.count);
            (result, factor)
        }
    };
    multiply(&mut result, factor / change.divisor(call));
    Some(result)
}

fn scaled(mut histogram: Histogram, factor: f64) -> Histogram {
    multiply(&mut histogram, factor);
    histogram
}

/// Points that are differences are added up: nothing has to be guessed, and nothing can have been reset.
fn sum_of_deltas(
    change: Change,
    call: &RangeCall<'_>,
    window: &Window<'_>,
    floats: &Floats<'_>,
    histograms: &Histograms<'_>,
    notes: &mut Annotations,
) -> Option<Point> {
    let inside = |time: &i64| *time > window.start_ms && *time <= window.end_ms;
    notes.add(Note::DeltaSummed { metric: call.metric.to_owned() }, call.span);
    if histograms.is_empty() {
        let mut sum = Kahan::default();
        let mut any = false;
        for (_, value) in floats.times.iter().zip(floats.values()).filter(|(time, _)| inside(time)) {
            sum.add(value);
            any = true;
        }
        return any.then(|| Point::Float(sum.total() / change.divisor(call)));
    }
    let mut values = histograms.times.iter().zip(histograms.values.iter()).filter(|(time, _)| inside(time));
    let mut sum = (**values.next()?.1).clone();
    for (_, histogram) in values {
        if !add_noted(&mut sum, histogram, call, notes) {
            return None;
        }
    }
    multiply(&mut sum, 1.0 / change.divisor(call));
    sum.reset = CounterReset::Gauge;
    Some(Point::Histogram(Arc::new(sum)))
}
