//! What happens between samples that follow each other: `changes`, `resets`, `irate` and `idelta`.

use std::sync::Arc;

use vitrine_observe_series::{CounterReset, Temporality};

use super::increase::{not_counter, not_gauge, subtract_noted};
use super::rate::seconds;
use super::reset::is_start_reset;
use super::window::{CallError, EdgeMode, RangeCall, Window};
use crate::annotations::{Annotations, Note};
use crate::engine::Point;
use crate::histogram::{compact, divide, equal, is_reset};

type Value = Result<Option<Point>, CallError>;

/// The first sample that counts: in an anchored range the last one at or before its start. None if nothing is behind the start there.
fn first(window: &Window<'_>) -> Option<usize> {
    if window.edges != EdgeMode::Anchored {
        return Some(0);
    }
    let inside = window.times.partition_point(|time| *time <= window.start_ms);
    (inside < window.times.len()).then(|| inside.saturating_sub(1))
}

/// How often something happens between two samples.
fn count(window: &Window<'_>, happens: impl Fn(usize, &Point, &Point) -> bool) -> Value {
    let Some(first) = first(window) else { return Ok(None) };
    let mut before = window.value(first);
    let mut times = 0.0;
    for place in first + 1..window.times.len() {
        let now = window.value(place);
        if happens(place, &before, &now) {
            times += 1.0;
        }
        before = now;
    }
    Ok(Some(Point::Float(times)))
}

/// `changes(v[r])`.
pub fn changes(_: &RangeCall<'_>, window: &Window<'_>, _: &mut Annotations) -> Value {
    count(window, |_, before, now| match (before, now) {
        (Point::Float(before), Point::Float(now)) => before != now && !(before.is_nan() && now.is_nan()),
        (Point::Histogram(before), Point::Histogram(now)) => !equal(before, now),
        _ => true,
    })
}

/// `resets(v[r])`.
pub fn resets(_: &RangeCall<'_>, window: &Window<'_>, _: &mut Annotations) -> Value {
    count(window, |place, before, now| match (before, now) {
        (Point::Float(before), Point::Float(now)) => now < before || is_start_reset(window.times, window.starts, place),
        (Point::Histogram(before), Point::Histogram(now)) => {
            is_start_reset(window.times, window.starts, place) || is_reset(now, before)
        }
        _ => true,
    })
}

/// `irate(v[r])`.
pub fn irate(call: &RangeCall<'_>, window: &Window<'_>, notes: &mut Annotations) -> Value {
    Ok(last_change(true, call, window, notes))
}

/// `idelta(v[r])`.
pub fn idelta(call: &RangeCall<'_>, window: &Window<'_>, notes: &mut Annotations) -> Value {
    Ok(last_change(false, call, window, notes))
}

fn last_change(is_rate: bool, call: &RangeCall<'_>, window: &Window<'_>, notes: &mut Annotations) -> Option<Point> {
    let last = window.times.len() - 1;
    let before = last.checked_sub(1)?;
    let interval_ms = window.times[last].saturating_sub(window.times[before]);
    if interval_ms == 0 {
        return None;
    }
    let is_delta = window.temporality == Temporality::Delta;
    let reset_by_start = is_start_reset(window.times, window.starts, last);
    let change = match (window.value(before), window.value(last)) {
        (Point::Float(before), Point::Float(now)) => {
            // The last point holds the whole rise if it is a difference itself, or behind a reset.
            if is_rate && (is_delta || now < before || reset_by_start) {
                Point::Float(now)
            } else {
                Point::Float(now - before)
            }
        }
        (Point::Histogram(before), Point::Histogram(now)) => {
            let is_gauge = |reset: CounterReset| reset == CounterReset::Gauge;
            if is_rate && (is_gauge(before.reset) || is_gauge(now.reset)) {
                notes.add(not_counter(call), call.span);
            }
            let both_gauges = is_gauge(before.reset) && is_gauge(now.reset);
            if !is_rate && !both_gauges {
                notes.add(not_gauge(call), call.span);
            }
            let mut change = (*now).clone();
            let whole = is_rate && (is_delta || reset_by_start || is_reset(&now, &before));
            if !whole && !subtract_noted(&mut change, &before, call, notes) {
                return None;
            }
            change.reset = CounterReset::Gauge;
            compact(&mut change);
            Point::Histogram(Arc::new(change))
        }
        _ => {
            notes.add(Note::MixedFloatsHistograms { metric: call.metric.to_owned() }, call.span);
            return None;
        }
    };
    if is_rate && is_delta {
        notes.add(Note::DeltaSummed { metric: call.metric.to_owned() }, call.span);
    }
    Some(if is_rate { each_second(change, seconds(interval_ms)) } else { change })
}

fn each_second(change: Point, interval: f64) -> Point {
    match change {
        Point::Float(value) => Point::Float(value / interval),
        Point::Histogram(mut histogram) => {
            divide(Arc::make_mut(&mut histogram), interval);
            Point::Histogram(histogram)
        }
    }
}
