//! Lines through samples, and smoothing.

use super::window::{CallError, Floats, RangeCall, Window};
use crate::annotations::{Annotations, Note};
use crate::engine::Point;
use crate::kahan::Kahan;
use crate::text::go_float;

type Value = Result<Option<Point>, CallError>;

/// Two floats or more. Says so if there are histograms beside floats, which do not count.
fn two_floats<'a>(call: &RangeCall<'_>, window: &Window<'a>, notes: &mut Annotations) -> Option<Floats<'a>> {
    let (floats, histograms) = window.split();
    if !floats.is_empty() && !histograms.is_empty() {
        notes.add(Note::HistogramIgnoredInMixedRange { metric: call.metric.to_owned() }, call.span);
    }
    (floats.len() >= 2).then_some(floats)
}

/// The slope, a second, of the line with the least squared distances, and its value at a time.
fn line(floats: &Floats<'_>, at_ms: i64) -> (f64, f64) {
    let first = floats.value(0);
    if floats.values().all(|value| value == first) {
        return if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
    }
    let (mut xs, mut ys, mut xys, mut squares) =
        (Kahan::default(), Kahan::default(), Kahan::default(), Kahan::default());
    for (time, y) in floats.times.iter().zip(floats.values()) {
        let x = time.saturating_sub(at_ms) as f64 / 1e3;
        xs.add(x);
        ys.add(y);
        xys.add(x * y);
        squares.add(x * x);
    }
    let n = floats.len() as f64;
    let (xs, ys, xys, squares) = (xs.total(), ys.total(), xys.total(), squares.total());
    let slope = (xys - xs * ys / n) / (squares - xs * xs / n);
    (slope, ys / n - slope * xs / n)
}

/// `deriv(v[r])`.
pub fn deriv(call: &RangeCall<'_>, window: &Window<'_>, notes: &mut Annotations) -> Value {
    let floats = two_floats(call, window, notes);
    // A time near those of the samples keeps numbers small.
    Ok(floats.map(|floats| Point::Float(line(&floats, floats.times[0]).0)))
}

/// `predict_linear(v[r], t)`.
pub fn predict_linear(call: &RangeCall<'_>, window: &Window<'_>, notes: &mut Annotations) -> Value {
    let floats = two_floats(call, window, notes);
    Ok(floats.map(|floats| {
        let (slope, now) = line(&floats, call.at_ms);
        Point::Float(slope * call.param(0) + now)
    }))
}

/// `double_exponential_smoothing(v[r], sf, tf)`.
pub fn double_exponential_smoothing(call: &RangeCall<'_>, window: &Window<'_>, notes: &mut Annotations) -> Value {
    let (smoothing, trend) = (call.param(0), call.param(1));
    check("smoothing", "sf", smoothing)?;
    check("trend", "tf", trend)?;
    let Some(floats) = two_floats(call, window, notes) else { return Ok(None) };
    let (mut before, mut smoothed) = (0.0, floats.value(0));
    let mut slope = floats.value(1) - floats.value(0);
    for place in 1..floats.len() {
        if place > 1 {
            slope = trend * (smoothed - before) + (1.0 - trend) * slope;
        }
        let next = smoothing * floats.value(place) + (1.0 - smoothing) * (smoothed + slope);
        (before, smoothed) = (smoothed, next);
    }
    Ok(Some(Point::Float(smoothed)))
}

fn check(what: &str, name: &str, factor: f64) -> Result<(), CallError> {
    if factor <= 0.0 || factor >= 1.0 {
        let got = if factor.is_finite() { format!("{factor:.6}") } else { go_float(factor) };
        return Err(CallError(format!("invalid {what} factor. Expected: 0 < {name} < 1, got: {got}")));
    }
    Ok(())
}
