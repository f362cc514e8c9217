//! `sum` and `avg`, of numbers or of histograms.

use std::sync::Arc;

use vitrine_observe_series::{CounterReset, Histogram};

use crate::annotations::{Annotations, Combining, Note};
use crate::ast::Span;
use crate::histogram::{HistogramSum, compact, divide};
use crate::kahan::{Kahan, Mean};
use crate::run::cells::{Cell, Cells};

use super::Fold;

/// Sums or means of each step.
pub(super) struct Sums {
    numbers: Numbers,
    /// One a step as soon as there is a histogram.
    histograms: Vec<Histograms>,
}

enum Numbers {
    /// With how many values each has.
    Sums(Vec<(Kahan, bool)>),
    Means(Vec<(Mean, bool)>),
}

/// The histograms of a step.
#[derive(Default)]
struct Histograms {
    /// What the first and all others are summed up to; none where the first value was a number.
    sum: Option<HistogramSum>,
    seen: bool,
    count: f64,
    /// Since when it is a mean of its own, because the sum overflowed.
    running: bool,
    /// Some have exponential buckets and some custom ones: there is no sum.
    incompatible: bool,
    reset_seen: bool,
    no_reset_seen: bool,
}

impl Sums {
    /// Bytes of memory a step.
    pub const BYTES: usize = size_of::<(Mean, bool)>();

    pub fn new(steps: usize, mean: bool) -> Self {
        let numbers = if mean {
            Numbers::Means(vec![(Mean::default(), false); steps])
        } else {
            Numbers::Sums(vec![(Kahan::default(), false); steps])
        };
        Self { numbers, histograms: Vec::new() }
    }

    fn has_number(&self, step: usize) -> bool {
        match &self.numbers {
            Numbers::Sums(sums) => sums[step].1,
            Numbers::Means(means) => means[step].1,
        }
    }

    fn add_number(&mut self, step: usize, value: f64) {
        if self.histograms.get(step).is_some_and(|histograms| histograms.incompatible) {
            return;
        }
        match &mut self.numbers {
            Numbers::Sums(sums) => match &mut sums[step] {
                (sum, true) => sum.add(value),
                first => *first = (Kahan::new(value), true),
            },
            Numbers::Means(means) => {
                means[step].0.add(value);
                means[step].1 = true;
            }
        }
    }

    fn add_histogram(
        &mut self,
        step: usize,
        histogram: &Histogram,
        metric: &str,
        place: Span,
        notes: &mut Annotations,
    ) {
        let (steps, mean) = match &self.numbers {
            Numbers::Sums(sums) => (sums.len(), false),
            Numbers::Means(means) => (means.len(), true),
        };
        if self.histograms.is_empty() {
            self.histograms.resize_with(steps, Histograms::default);
        }
        let after_number = self.has_number(step);
        let histograms = &mut self.histograms[step];
        if histograms.incompatible {
            return;
        }
        match histogram.reset {
            CounterReset::Yes => histograms.reset_seen = true,
            CounterReset::No => histograms.no_reset_seen = true,
            CounterReset::Unknown | CounterReset::Gauge => {}
        }
        let first = !histograms.seen;
        histograms.seen = true;
        histograms.count += 1.0;
        match &mut histograms.sum {
            None if first && !after_number => histograms.sum = Some(HistogramSum::new(histogram)),
            // Numbers came before: there is no result, whatever is added.
            None => {}
            Some(_) => {
                let reconciled = if mean { histograms.mean(histogram) } else { histograms.add(histogram) };
                match reconciled {
                    Some(true) => notes.add(Note::MismatchedCustomBuckets(Combining::Aggregation), place),
                    Some(false) => {}
                    None => {
                        histograms.incompatible = true;
                        notes.add(Note::MixedExponentialCustomHistograms { metric: metric.to_owned() }, place);
                    }
                }
            }
        }
    }
}

impl Histograms {
    /// Adds to the sum. Whether bounds were reconciled; none where it cannot be added.
    fn add(&mut self, histogram: &Histogram) -> Option<bool> {
        let combined = self.sum.as_mut()?.add(histogram).ok()?;
        Some(combined.bounds_reconciled)
    }

    /// Adds to the mean: a sum as long as it does not overflow.
    fn mean(&mut self, histogram: &Histogram) -> Option<bool> {
        let count = self.count;
        let sum = self.sum.as_mut()?;
        if !self.running {
            let mut trial = sum.clone();
            let combined = trial.add(histogram).ok()?;
            if !trial.has_overflow() {
                *sum = trial;
                return Some(combined.bounds_reconciled);
            }
            self.running = true;
            sum.divide(count - 1.0);
        }
        sum.scale((count - 1.0) / count);
        let mut part = histogram.clone();
        divide(&mut part, count);
        Some(sum.add(&part).ok()?.bounds_reconciled)
    }

    fn result(self, mean: bool) -> Option<Histogram> {
        let mut sum = self.sum?;
        if mean && !self.running {
            sum.divide(self.count);
        }
        let mut total = sum.total();
        compact(&mut total);
        Some(total)
    }
}

impl Fold for Sums {
    fn add(&mut self, cells: &Cells, metric: &str, place: Span, notes: &mut Annotations) {
        if let (Numbers::Sums(sums), Some(values), true) =
            (&mut self.numbers, cells.all_floats(), self.histograms.is_empty())
        {
            for (sum, value) in sums.iter_mut().zip(values) {
                if sum.1 {
                    sum.0.add(*value);
                } else {
                    *sum = (Kahan::new(*value), true);
                }
            }
            return;
        }
        for (step, cell) in cells.present() {
            match cell {
                Cell::Float(value) => self.add_number(step, value),
                Cell::Histogram(histogram) => self.add_histogram(step, histogram, metric, place, notes),
            }
        }
    }

    fn finish(self: Box<Self>, _: &[f64], place: Span, notes: &mut Annotations) -> Cells {
        let (mean, numbers): (bool, Vec<Option<f64>>) = match &self.numbers {
            Numbers::Sums(sums) => (false, sums.iter().map(|(sum, there)| there.then(|| sum.total())).collect()),
            Numbers::Means(means) => (true, means.iter().map(|(mean, there)| there.then(|| mean.total())).collect()),
        };
        let mut cells = Cells::absent(numbers.len());
        let mut histograms = self.histograms.into_iter();
        for (step, number) in numbers.into_iter().enumerate() {
            let histograms = histograms.next().filter(|histograms| histograms.seen);
            match (number, histograms) {
                (Some(_), Some(_)) => notes.add(Note::MixedFloatsHistogramsAggregation, place),
                (Some(value), None) => cells.set_float(step, value),
                (None, Some(histograms)) if !histograms.incompatible => {
                    if histograms.reset_seen && histograms.no_reset_seen {
                        notes.add(Note::HistogramCounterResetCollision(Combining::Aggregation), place);
                    }
                    if let Some(total) = histograms.result(mean) {
                        cells.set_histogram(step, Arc::new(total));
                    }
                }
                _ => {}
            }
        }
        cells
    }
}
