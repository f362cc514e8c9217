//! `sum` and `avg`, of numbers or of histograms.

use std::sync::Arc;

use vitrine_observe_series::{CounterReset, Histogram};

use crate::annotations::{Annotations, Combining, Note};
use crate::ast::Span;
use crate::histogram::{HistogramSum, compact, divide};
use crate::kahan::{Kahan, Kahans, Mean};
use crate::run::cells::{Cell, Cells};

use super::Fold;

/// Sums or means of each step.
pub(super) struct Sums {
    numbers: Numbers,
    steps: usize,
    /// One a step as soon as there is a histogram.
    histograms: Vec<Histograms>,
}

enum Numbers {
    /// All series had a number at each step so far: so many. Means are divided at the end.
    Whole {
        sums: Kahans,
        count: f64,
        is_mean: bool,
    },
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
        Self {
            numbers: Numbers::Whole { sums: Kahans::default(), count: 0.0, is_mean: mean },
            steps,
            histograms: Vec::new(),
        }
    }

    fn is_mean(&self) -> bool {
        matches!(self.numbers, Numbers::Means(_) | Numbers::Whole { is_mean: true, .. })
    }

    /// From now on each step is looked at alone.
    fn split(&mut self) {
        let Numbers::Whole { sums, count, is_mean } = &self.numbers else { return };
        let (count, none) = (*count, *count == 0.0);
        self.numbers = match (is_mean, none) {
            (true, true) => Numbers::Means(vec![(Mean::default(), false); self.steps]),
            (false, true) => Numbers::Sums(vec![(Kahan::default(), false); self.steps]),
            (true, false) => Numbers::Means(sums.each().map(|sum| (Mean::of(sum, count), true)).collect()),
            (false, false) => Numbers::Sums(sums.each().map(|sum| (sum, true)).collect()),
        };
    }

    /// Adds a number at each step. Returns whether that was possible.
    fn add_whole(&mut self, cells: &Cells) -> bool {
        let (Numbers::Whole { sums, count, is_mean }, Some(values)) = (&mut self.numbers, cells.all_floats()) else {
            return false;
        };
        // A mean is another one from there on.
        if *is_mean && *count > 0.0 && sums.would_overflow(values) {
            return false;
        }
        if *count == 0.0 {
            *sums = Kahans::new(values);
        } else {
            sums.add(values);
        }
        *count += 1.0;
        true
    }

    fn has_number(&self, step: usize) -> bool {
        match &self.numbers {
            Numbers::Whole { count, .. } => *count > 0.0,
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
            Numbers::Whole { .. } => unreachable!("each step is looked at alone"),
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
        let mean = self.is_mean();
        if self.histograms.is_empty() {
            self.histograms.resize_with(self.steps, Histograms::default);
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
        if self.add_whole(cells) {
            return;
        }
        self.split();
        for (step, cell) in cells.present() {
            match cell {
                Cell::Float(value) => self.add_number(step, value),
                Cell::Histogram(histogram) => self.add_histogram(step, histogram, metric, place, notes),
            }
        }
    }

    fn finish(self: Box<Self>, _: &[f64], place: Span, notes: &mut Annotations) -> Cells {
        let mean = self.is_mean();
        let numbers: Vec<Option<f64>> = match &self.numbers {
            Numbers::Whole { count: 0.0, .. } => return Cells::absent(self.steps),
            Numbers::Whole { sums, count, is_mean } => {
                let total = |sum: Kahan| if *is_mean { Mean::of(sum, *count).total() } else { sum.total() };
                return Cells::floats(sums.each().map(total).collect());
            }
            Numbers::Sums(sums) => sums.iter().map(|(sum, there)| there.then(|| sum.total())).collect(),
            Numbers::Means(means) => means.iter().map(|(mean, there)| there.then(|| mean.total())).collect(),
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
