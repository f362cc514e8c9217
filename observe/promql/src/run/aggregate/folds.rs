//! What a group is folded into, step by step.

mod sums;

use crate::annotations::{Annotations, Note};
use crate::ast::{AggregateOp, Span};
use crate::quantile::quantile;
use crate::run::cells::{BYTES_A_STEP, Cell, Cells};

use sums::Sums;

/// A group being folded.
pub(super) trait Fold {
    /// Takes the values of a series. `metric` is its name; `place` where the aggregated expression stands.
    fn add(&mut self, cells: &Cells, metric: &str, place: Span, notes: &mut Annotations);

    /// The group's values. `params` are the aggregation's, one a step if it has one.
    fn finish(self: Box<Self>, params: &[f64], place: Span, notes: &mut Annotations) -> Cells;
}

/// Bytes that a group takes a step.
pub(super) fn bytes(op: AggregateOp) -> usize {
    match op {
        AggregateOp::Sum | AggregateOp::Avg => Sums::BYTES,
        AggregateOp::Stddev | AggregateOp::Stdvar => size_of::<Variance>(),
        AggregateOp::Quantile => size_of::<Vec<f64>>(),
        _ => BYTES_A_STEP,
    }
}

/// What an aggregation folds a group into; none for those that choose series.
pub(super) fn fold(op: AggregateOp, steps: usize) -> Option<Box<dyn Fold>> {
    Some(match op {
        AggregateOp::Sum => Box::new(Sums::new(steps, false)),
        AggregateOp::Avg => Box::new(Sums::new(steps, true)),
        AggregateOp::Count => Box::new(Counts { counts: vec![0; steps], group: false }),
        AggregateOp::Group => Box::new(Counts { counts: vec![0; steps], group: true }),
        AggregateOp::Min => Box::new(Extremes { cells: Cells::absent(steps), name: "min", greatest: false }),
        AggregateOp::Max => Box::new(Extremes { cells: Cells::absent(steps), name: "max", greatest: true }),
        AggregateOp::Stddev => Box::new(Variances { steps: vec![Variance::default(); steps], root: true }),
        AggregateOp::Stdvar => Box::new(Variances { steps: vec![Variance::default(); steps], root: false }),
        AggregateOp::Quantile => Box::new(Quantiles { values: vec![Vec::new(); steps] }),
        AggregateOp::TopK
        | AggregateOp::BottomK
        | AggregateOp::LimitK
        | AggregateOp::LimitRatio
        | AggregateOp::CountValues => return None,
    })
}

/// Gives all numbers to `take`, and says that histograms are ignored.
fn floats_only(
    cells: &Cells,
    op: &'static str,
    place: Span,
    notes: &mut Annotations,
    mut take: impl FnMut(usize, f64),
) {
    let mut ignored = false;
    for (step, cell) in cells.present() {
        match cell {
            Cell::Float(value) => take(step, value),
            Cell::Histogram(_) => ignored = true,
        }
    }
    if ignored {
        notes.add(Note::HistogramIgnoredInAggregation { op }, place);
    }
}

/// `count` and `group`.
struct Counts {
    counts: Vec<u64>,
    group: bool,
}

impl Fold for Counts {
    fn add(&mut self, cells: &Cells, _: &str, _: Span, _: &mut Annotations) {
        for (step, count) in self.counts.iter_mut().enumerate() {
            *count += u64::from(cells.is_present(step));
        }
    }

    fn finish(self: Box<Self>, _: &[f64], _: Span, _: &mut Annotations) -> Cells {
        let mut cells = Cells::absent(self.counts.len());
        for (step, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            cells.set_float(step, if self.group { 1.0 } else { *count as f64 });
        }
        cells
    }
}

/// `min` and `max`.
struct Extremes {
    cells: Cells,
    name: &'static str,
    greatest: bool,
}

impl Fold for Extremes {
    fn add(&mut self, cells: &Cells, _: &str, place: Span, notes: &mut Annotations) {
        let greatest = self.greatest;
        floats_only(cells, self.name, place, notes, |step, value| {
            let better = match self.cells.get(step) {
                Some(Cell::Float(so_far)) if greatest => so_far < value || so_far.is_nan(),
                Some(Cell::Float(so_far)) => so_far > value || so_far.is_nan(),
                _ => true,
            };
            if better {
                self.cells.set_float(step, value);
            }
        });
    }

    fn finish(self: Box<Self>, _: &[f64], _: Span, _: &mut Annotations) -> Cells {
        self.cells
    }
}

/// Welford's running mean and sum of squared distances.
#[derive(Debug, Clone, Copy, Default)]
struct Variance {
    count: f64,
    mean: f64,
    squares: f64,
}

/// `stddev` and `stdvar`.
struct Variances {
    steps: Vec<Variance>,
    root: bool,
}

impl Fold for Variances {
    fn add(&mut self, cells: &Cells, _: &str, place: Span, notes: &mut Annotations) {
        let name = if self.root { "stddev" } else { "stdvar" };
        floats_only(cells, name, place, notes, |step, value| {
            let variance = &mut self.steps[step];
            variance.count += 1.0;
            if variance.count == 1.0 {
                variance.mean = value;
                variance.squares = if value.is_finite() { 0.0 } else { f64::NAN };
                return;
            }
            let distance = value - variance.mean;
            variance.mean += distance / variance.count;
            variance.squares += distance * (value - variance.mean);
        });
    }

    fn finish(self: Box<Self>, _: &[f64], _: Span, _: &mut Annotations) -> Cells {
        let mut cells = Cells::absent(self.steps.len());
        for (step, variance) in self.steps.iter().enumerate().filter(|(_, variance)| variance.count > 0.0) {
            let value = variance.squares / variance.count;
            cells.set_float(step, if self.root { value.sqrt() } else { value });
        }
        cells
    }
}

/// `quantile`: it needs all values of a step.
struct Quantiles {
    values: Vec<Vec<f64>>,
}

impl Fold for Quantiles {
    fn add(&mut self, cells: &Cells, _: &str, place: Span, notes: &mut Annotations) {
        floats_only(cells, "quantile", place, notes, |step, value| self.values[step].push(value));
    }

    fn finish(self: Box<Self>, params: &[f64], _: Span, _: &mut Annotations) -> Cells {
        let mut cells = Cells::absent(self.values.len());
        for (step, mut values) in self.values.into_iter().enumerate().filter(|(_, values)| !values.is_empty()) {
            cells.set_float(step, quantile(params.get(step).copied().unwrap_or(f64::NAN), &mut values));
        }
        cells
    }
}
