//! Aggregations: rows are folded into one for each group as they come.

mod folds;

use std::collections::HashMap;

use rustc_hash::FxBuildHasher;
use vitrine_observe_series::{Labels, Reservation};

use crate::annotations::Note;
use crate::ast::{AggregateOp, Span};
use crate::functions::instant::{go_max, go_min};
use crate::plan::{Aggregate, Node};
use crate::text::{go_float_plain, go_quote, is_label_name};

use super::cells::{Cell, Row};
use super::expected::Expected;
use super::grid::Grid;
use super::labels::{grouped, string, with};
use super::merge::Merger;
use super::{Done, Run, Sink, failed};

use folds::{Fold, fold};

/// A group of series that become one.
struct Group {
    labels: Labels,
    drop_name: bool,
    fold: Box<dyn Fold>,
    _memory: Reservation,
}

impl Run<'_> {
    pub(super) fn aggregate(&self, aggregate: &Aggregate, span: Span, grid: &Grid, sink: &mut Sink<'_>) -> Done {
        match aggregate.op {
            AggregateOp::TopK | AggregateOp::BottomK | AggregateOp::LimitK | AggregateOp::LimitRatio => {
                self.choose(aggregate, span, grid, sink)
            }
            AggregateOp::CountValues => self.count_values(aggregate, grid, sink),
            _ => self.fold(aggregate, grid, sink),
        }
    }

    /// The parameter at each step.
    pub(super) fn param<'n>(&self, aggregate: &'n Aggregate, grid: &Grid) -> Done<(&'n Node, Vec<f64>)> {
        let Some(param) = &aggregate.param else { return failed(format!("{} needs a parameter", aggregate.op)) };
        Ok((param, self.scalars(param, grid)?))
    }

    fn fold(&self, aggregate: &Aggregate, grid: &Grid, sink: &mut Sink<'_>) -> Done {
        let quantiles = match aggregate.op {
            AggregateOp::Quantile => {
                let (param, quantiles) = self.param(aggregate, grid)?;
                self.check_quantiles(&quantiles, param.span);
                quantiles
            }
            _ => Vec::new(),
        };
        let place = aggregate.expr.span;
        let mut places: HashMap<Labels, usize, FxBuildHasher> = HashMap::default();
        let mut groups: Vec<Group> = Vec::new();
        let mut values: Vec<Reservation> = Vec::new();
        // Series of a group come one after the other as a rule.
        let mut last = 0;
        let expected = Expected::Groups {
            grouping: aggregate.grouping.clone(),
            without: aggregate.without,
            bytes: grid.count.saturating_mul(folds::bytes(aggregate.op)),
        };
        self.expecting(expected, || {
            self.rows(&aggregate.expr, grid, &mut |row| {
                let labels = grouped(&row.labels, &aggregate.grouping, aggregate.without);
                let known = if groups.get(last).is_some_and(|group: &Group| group.labels == labels) {
                    Some(last)
                } else {
                    places.get(&labels).copied()
                };
                last = match known {
                    Some(index) => index,
                    None => {
                        let memory = self.budget.reserve(folds::bytes(aggregate.op).saturating_mul(grid.count))?;
                        let Some(fold) = fold(aggregate.op, grid.count) else {
                            return failed(format!("{} is no aggregation", aggregate.op));
                        };
                        groups.push(Group { labels: labels.clone(), drop_name: false, fold, _memory: memory });
                        places.insert(labels, groups.len() - 1);
                        groups.len() - 1
                    }
                };
                let group = &mut groups[last];
                group.drop_name |= row.drop_name;
                if aggregate.op == AggregateOp::Quantile {
                    // Of all others only the group is kept.
                    values.push(self.budget.reserve(grid.count.saturating_mul(size_of::<f64>()))?);
                }
                group.fold.add(&row.cells, row.labels.metric(), place, &mut self.notes.borrow_mut());
                self.budget.check().map_err(Into::into)
            })
        })?;
        for group in groups {
            let cells = group.fold.finish(&quantiles, place, &mut self.notes.borrow_mut());
            if cells.any() {
                sink(Row { labels: group.labels, drop_name: group.drop_name, cells })?;
            }
        }
        Ok(())
    }

    /// Remarks on quantiles that are none, as Prometheus makes them: on the greatest and the least of all steps.
    fn check_quantiles(&self, quantiles: &[f64], place: Span) {
        let note = |got: f64| self.note(Note::InvalidQuantile { got: got.into() }, place);
        if quantiles.iter().any(|q| q.is_nan()) {
            note(f64::NAN);
        }
        let (least, greatest) = bounds(quantiles);
        if greatest > 1.0 {
            note(greatest);
        }
        if least < 0.0 {
            note(least);
        }
    }

    /// How many series of a group have each value.
    fn count_values(&self, aggregate: &Aggregate, grid: &Grid, sink: &mut Sink<'_>) -> Done {
        let Some(param) = &aggregate.param else { return failed("count_values needs a label") };
        let label = string(param)?;
        if !is_label_name(label) {
            return failed(format!("invalid label name {}", go_quote(label)));
        }
        let mut grouping = aggregate.grouping.clone();
        if !aggregate.without && !grouping.iter().any(|name| name == label) {
            grouping.push(label.to_owned());
            grouping.sort();
        }
        let mut merger = Merger::default();
        self.rows(&aggregate.expr, grid, &mut |row| {
            for (step, cell) in row.cells.present() {
                let value = match cell {
                    Cell::Float(value) => go_float_plain(value),
                    Cell::Histogram(histogram) => crate::histogram::display(histogram),
                };
                let labels = grouped(&with(&row.labels, label, &value), &grouping, aggregate.without);
                let into = merger.row(self, &labels, false, grid.count)?;
                let count = match into.cells.get(step) {
                    Some(Cell::Float(count)) => count,
                    _ => 0.0,
                };
                into.cells.set_float(step, count + 1.0);
            }
            Ok(())
        })?;
        merger.held.rows.into_iter().try_for_each(sink)
    }
}

/// The least and the greatest as Go finds them: one that is no number spreads.
pub(super) fn bounds(values: &[f64]) -> (f64, f64) {
    (values.iter().copied().fold(f64::MAX, go_min), values.iter().copied().fold(f64::MIN, go_max))
}
