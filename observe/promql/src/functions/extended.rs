//! `rate`, `increase` and `delta` of `anchored` and `smoothed` ranges: nothing is extrapolated, since there are samples at the edges or
//! values interpolated there. After Prometheus's `extendedRate` and `extendedHistogramRate`.

use vitrine_observe_series::{CounterReset, Histogram};

use super::increase::{add_noted, mixed_schemas, not_counter, not_gauge, subtract_noted};
use super::rate::Change;
use super::window::{EdgeMode, Floats, Histograms, RangeCall, Window};
use crate::annotations::Annotations;
use crate::histogram::{compact, divide, is_reset, multiply, uses_custom_buckets};

/// The first and the last sample that count; none if nothing is within the range.
fn bounds(window: &Window<'_>, times: &[i64]) -> Option<(usize, usize)> {
    let before_last = &times[..times.len().checked_sub(1)?];
    let first = before_last.partition_point(|time| *time <= window.start_ms).saturating_sub(1);
    let smoothed = window.edges == EdgeMode::Smoothed;
    let last = if smoothed { before_last.partition_point(|time| *time < window.end_ms) } else { times.len() - 1 };
    let outside = times[last] <= window.start_ms || smoothed && times[first] > window.end_ms;
    (!outside).then_some((first, last))
}

/// How far a time is on the way between two others. Senders may write any times.
fn fraction_of(from: i64, to: i64, time: i64) -> f64 {
    time.saturating_sub(from) as f64 / to.saturating_sub(from) as f64
}

/// A value between two samples. A counter that was reset rises from zero.
pub fn interpolate(before: (i64, f64), behind: (i64, f64), time: i64, is_counter: bool) -> f64 {
    let from = if is_counter && behind.1 < before.1 { 0.0 } else { before.1 };
    from + (behind.1 - from) * fraction_of(before.0, behind.0, time)
}

/// The change of floats, of which there is at least one.
pub(super) fn of_floats(change: Change, call: &RangeCall<'_>, window: &Window<'_>, floats: &Floats<'_>) -> Option<f64> {
    let (mut first, last) = bounds(window, &floats.times)?;
    let at = |place: usize| (floats.times[place], floats.value(place));
    let smoothed = window.edges == EdgeMode::Smoothed;
    let is_counter = change.is_counter();
    let left = if smoothed && floats.times[first] < window.start_ms && first + 1 < floats.len() {
        interpolate(at(first), at(first + 1), window.start_ms, is_counter)
    } else {
        floats.value(first)
    };
    let right = if smoothed && last > 0 && floats.times[last] > window.end_ms {
        interpolate(at(last - 1), at(last), window.end_ms, is_counter)
    } else {
        floats.value(last)
    };
    let mut result = right - left;
    if is_counter {
        // Resets beside the edges are in what was interpolated there.
        if floats.times[first] <= window.start_ms {
            first += 1;
        }
        let end = if floats.times[last] >= window.end_ms { last } else { last + 1 };
        let mut before = left;
        for place in first..end {
            let value = floats.value(place);
            if value < before {
                result += before;
            }
            before = value;
        }
        if right < before {
            result += before;
        }
    }
    Some(result / change.divisor(call))
}

/// The change of histograms, of which there is at least one.
pub(super) fn of_histograms(
    change: Change,
    call: &RangeCall<'_>,
    window: &Window<'_>,
    histograms: &Histograms<'_>,
    notes: &mut Annotations,
) -> Option<Histogram> {
    let (first, last) = bounds(window, &histograms.times)?;
    let is_counter = change.is_counter();
    if !are_alike(&histograms.values[first..=last], is_counter, call, notes) {
        return None;
    }
    let smoothed = window.edges == EdgeMode::Smoothed;
    let times = &histograms.times;
    let left = if smoothed && times[first] < window.start_ms && first + 1 < histograms.len() {
        interpolated(histograms, first, window.start_ms, is_counter, call, notes)?
    } else {
        (*histograms.values[first]).clone()
    };
    let right = if smoothed && last > 0 && times[last] > window.end_ms {
        interpolated(histograms, last - 1, window.end_ms, is_counter, call, notes)?
    } else {
        (*histograms.values[last]).clone()
    };
    let is_gauge = |histogram: &Histogram| histogram.reset == CounterReset::Gauge;
    let both_gauges = is_gauge(&left) && is_gauge(&right);
    if !is_counter && !both_gauges {
        notes.add(not_gauge(call), call.span);
    }
    let mut result = right.clone();
    if !subtract_noted(&mut result, &left, call, notes) {
        return None;
    }
    if is_counter {
        for lost in lost_by_resets(window, histograms, (first, last), (&left, &right)) {
            if !add_noted(&mut result, lost, call, notes) {
                return None;
            }
        }
    }
    if change == Change::Rate {
        divide(&mut result, change.divisor(call));
    }
    result.reset = CounterReset::Gauge;
    compact(&mut result);
    Some(result)
}

/// Whether all have the same kind of buckets. Says so if not, and if one is a gauge where counters are expected.
fn are_alike(
    values: &[std::sync::Arc<Histogram>],
    is_counter: bool,
    call: &RangeCall<'_>,
    notes: &mut Annotations,
) -> bool {
    let custom = values.first().is_some_and(|first| uses_custom_buckets(first));
    for histogram in values {
        if uses_custom_buckets(histogram) != custom {
            notes.add(mixed_schemas(call), call.span);
            return false;
        }
        if is_counter && histogram.reset == CounterReset::Gauge {
            notes.add(not_counter(call), call.span);
        }
    }
    true
}

/// A histogram between that at `place` and the next one. A counter that was reset rises from zero.
fn interpolated(
    histograms: &Histograms<'_>,
    place: usize,
    time: i64,
    is_counter: bool,
    call: &RangeCall<'_>,
    notes: &mut Annotations,
) -> Option<Histogram> {
    let (before, behind) = (&*histograms.values[place], &*histograms.values[place + 1]);
    let (from, to) = (histograms.times[place], histograms.times[place + 1]);
    if time == from {
        return Some(before.clone());
    }
    let mut result = behind.clone();
    if time == to {
        return Some(result);
    }
    let fraction = fraction_of(from, to, time);
    if is_counter && is_reset(behind, before) {
        multiply(&mut result, fraction);
        return Some(result);
    }
    if !subtract_noted(&mut result, before, call, notes) {
        return None;
    }
    multiply(&mut result, fraction);
    add_noted(&mut result, before, call, notes).then_some(result)
}

/// Histograms before resets between the edges, whose counts are added.
fn lost_by_resets<'a>(
    window: &Window<'_>,
    histograms: &'a Histograms<'_>,
    (first, last): (usize, usize),
    (left, right): (&'a Histogram, &'a Histogram),
) -> Vec<&'a Histogram> {
    let values = &histograms.values;
    // The first sample is there as `left`, the last one as `right`.
    let (mut from, mut before) = (first + 1, left);
    if window.edges == EdgeMode::Smoothed
        && histograms.times[first] < window.start_ms
        && from < values.len()
        && is_reset(&values[from], &values[first])
    {
        // What was interpolated on the left is behind this reset.
        before = &values[from];
        from += 1;
    }
    let mut lost = Vec::new();
    if from > last {
        return lost;
    }
    for histogram in &values[from..last] {
        if is_reset(histogram, before) {
            lost.push(before);
        }
        before = histogram;
    }
    if is_reset(right, before) {
        lost.push(before);
    }
    lost
}
