//! `smoothed` instant selectors: values between two samples are interpolated.

use std::sync::Arc;

use vitrine_observe_series::{CounterReset, Histogram, Value, Values};

use crate::annotations::{Annotations, Combining, Note};
use crate::ast::Span;
use crate::histogram::{add, is_reset, multiply, subtract, uses_custom_buckets};
use crate::plan::Selector;

use super::cells::{Cells, Row};
use super::grid::Grid;
use super::ranges::living;
use super::stats::stats_only;
use super::{Done, Run, Sink};

/// A series' samples of one type.
struct Samples<T> {
    times: Vec<i64>,
    values: Vec<T>,
}

/// Where an instant lies among samples that are not older or younger than the lookback.
enum Position {
    Nowhere,
    At(usize),
    /// Between this sample and the next one.
    Between(usize),
    /// Behind the last one.
    Behind(usize),
}

impl<T> Samples<T> {
    fn new() -> Self {
        Self { times: Vec::new(), values: Vec::new() }
    }

    fn push(&mut self, time: i64, value: T) {
        self.times.push(time);
        self.values.push(value);
    }

    /// The samples that are near an instant: from, and up to but not including.
    fn near(&self, instant: i64, lookback_ms: i64) -> (usize, usize) {
        let (first, last) = (instant.saturating_sub(lookback_ms), instant.saturating_add(lookback_ms));
        (self.times.partition_point(|t| *t <= first), self.times.partition_point(|t| *t <= last))
    }

    fn place(&self, instant: i64, (from, to): (usize, usize)) -> Position {
        let next = self.times.partition_point(|t| *t < instant).clamp(from, to);
        match self.times.get(next) {
            Some(time) if next < to && *time == instant => Position::At(next),
            _ if next == from => Position::Nowhere,
            _ if next < to => Position::Between(next - 1),
            _ => Position::Behind(next - 1),
        }
    }

    /// How far between a sample and the next one an instant is.
    fn fraction(&self, place: usize, instant: i64) -> f64 {
        let (before, behind) = (self.times[place], self.times[place + 1]);
        (instant - before) as f64 / (behind - before) as f64
    }
}

impl Run<'_> {
    pub(super) fn smoothed(&self, selector: &Selector, span: Span, grid: &Grid, sink: &mut Sink<'_>) -> Done {
        let lookback_ms = self.options.lookback_ms;
        let after_ms = selector.instant(grid.start_ms).saturating_sub(lookback_ms);
        let until_ms = selector.instant(grid.last_ms()).saturating_add(lookback_ms);
        let mut selection = self.open(selector, after_ms, until_ms)?;
        let _memory = self.reserve_steps(1, grid)?;
        self.each_series(&mut *selection, |selection, series| {
            let labels = selection.series()[series.series].labels.clone();
            let reduced = stats_only(selector, series);
            let (times, values, _) = living(reduced.as_ref().unwrap_or(series));
            let (floats, histograms) = split(&times, &values);
            let mut cells = Cells::absent(grid.count);
            let notes = &mut self.notes.borrow_mut();
            for (step, time) in grid.times().enumerate() {
                let instant = selector.instant(time);
                let near = (floats.near(instant, lookback_ms), histograms.near(instant, lookback_ms));
                match (near.0.0 < near.0.1, near.1.0 < near.1.1) {
                    (true, true) => notes.add(Note::MixedFloatsHistograms { metric: labels.metric().to_owned() }, span),
                    (true, false) => {
                        if let Some(value) = float_at(&floats, instant, near.0) {
                            cells.set_float(step, value);
                        }
                    }
                    (false, true) => {
                        if let Some(value) = histogram_at(&histograms, instant, near.1, labels.metric(), span, notes) {
                            cells.set_histogram(step, value);
                        }
                    }
                    (false, false) => {}
                }
            }
            if cells.any() { sink(Row { labels, drop_name: false, cells }) } else { Ok(()) }
        })
    }
}

fn split(times: &[i64], values: &Values) -> (Samples<f64>, Samples<Arc<Histogram>>) {
    let (mut floats, mut histograms) = (Samples::new(), Samples::new());
    for (place, time) in times.iter().enumerate() {
        match values {
            Values::Floats(bits) => floats.push(*time, f64::from_bits(bits[place])),
            Values::Histograms(all) => histograms.push(*time, all[place].clone()),
            Values::Mixed(all) => match &all[place] {
                Value::Float(bits) => floats.push(*time, f64::from_bits(*bits)),
                Value::Histogram(histogram) => histograms.push(*time, histogram.clone()),
            },
        }
    }
    (floats, histograms)
}

fn float_at(floats: &Samples<f64>, instant: i64, near: (usize, usize)) -> Option<f64> {
    match floats.place(instant, near) {
        Position::Nowhere => None,
        Position::At(place) | Position::Behind(place) => Some(floats.values[place]),
        Position::Between(place) => {
            let (before, behind) = (floats.values[place], floats.values[place + 1]);
            let (from, to) = (floats.times[place], floats.times[place + 1]);
            Some(before + (behind - before) * (instant - from) as f64 / (to - from) as f64)
        }
    }
}

fn histogram_at(
    histograms: &Samples<Arc<Histogram>>,
    instant: i64,
    near: (usize, usize),
    metric: &str,
    span: Span,
    notes: &mut Annotations,
) -> Option<Arc<Histogram>> {
    let place = match histograms.place(instant, near) {
        Position::Nowhere => return None,
        Position::At(place) => return Some(histograms.values[place].clone()),
        Position::Behind(place) => {
            let last = &histograms.values[place];
            // What is known of a reset, gauges included, belongs to the sample and not to its value.
            let unknown = Histogram { reset: CounterReset::Unknown, ..(**last).clone() };
            return Some(Arc::new(unknown));
        }
        Position::Between(place) => place,
    };
    let (before, behind) = (&histograms.values[place], &histograms.values[place + 1]);
    let mixed = Note::MixedExponentialCustomHistograms { metric: metric.to_owned() };
    if uses_custom_buckets(before) != uses_custom_buckets(behind) {
        notes.add(mixed, span);
        return None;
    }
    let fraction = histograms.fraction(place, instant);
    let is_gauge = before.reset == CounterReset::Gauge && behind.reset == CounterReset::Gauge;
    let mut result = (**behind).clone();
    if !is_gauge && is_reset(behind, before) {
        multiply(&mut result, fraction);
        return Some(Arc::new(result));
    }
    for combining in [Combining::Subtraction, Combining::Addition] {
        let combined = if combining == Combining::Subtraction {
            subtract(&mut result, before)
        } else {
            multiply(&mut result, fraction);
            add(&mut result, before)
        };
        match combined {
            Ok(combined) if combined.bounds_reconciled => notes.add(Note::MismatchedCustomBuckets(combining), span),
            Ok(_) => {}
            Err(_) => {
                notes.add(mixed, span);
                return None;
            }
        }
    }
    Some(Arc::new(result))
}
