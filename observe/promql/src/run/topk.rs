//! Aggregations that choose series: `topk`, `bottomk`, `limitk`, `limit_ratio`.

mod heap;
mod sampling;

use std::collections::HashMap;

use rustc_hash::FxBuildHasher;
use vitrine_observe_series::{Labels, Reservation};

use crate::annotations::Note;
use crate::ast::{AggregateOp, Span};
use crate::engine::Point;
use crate::plan::Aggregate;
use crate::text::go_float;

use super::aggregate::bounds;
use super::cells::{Cell, Cells, Row};
use super::grid::Grid;
use super::labels::grouped;
use super::{Done, Run, Sink, failed};

use heap::{Chosen, Heap};
use sampling::sampled;

/// The least number that 64 bits with a sign hold.
const MIN_INTEGER: f64 = i64::MIN as f64;

/// The greatest double that still fits into 64 bits with a sign, as Prometheus has it.
const MAX_INTEGER: f64 = 9_223_372_036_854_774_784.0;

/// A series that may have been chosen.
struct Candidate {
    labels: Labels,
    drop_name: bool,
}

/// All groups.
#[derive(Default)]
struct Groups {
    places: HashMap<Labels, usize, FxBuildHasher>,
    /// Of each group the chosen of each step.
    heaps: Vec<Vec<Heap>>,
    series: Vec<Candidate>,
    memory: Vec<Reservation>,
}

impl Run<'_> {
    pub(super) fn choose(&self, aggregate: &Aggregate, span: Span, grid: &Grid, sink: &mut Sink<'_>) -> Done {
        let op = aggregate.op;
        let (param, params) = self.param(aggregate, grid)?;
        let mut ready = Groups::default();
        // What is aggregated is evaluated even if nothing is chosen of it: its errors and remarks count.
        let wanted = self.check_params(op, &params, param.span);
        let mut ignored = false;
        self.rows(&aggregate.expr, grid, &mut |row| {
            if matches!(wanted, Ok(true)) {
                self.consider(aggregate, &params, row, grid, &mut ready, &mut ignored)?;
            }
            Ok(())
        })?;
        wanted?;
        if ignored {
            self.note(Note::HistogramIgnoredInAggregation { op: op.name() }, span);
        }
        if grid.is_instant() { in_order(op, ready, sink) } else { by_series(op, ready, grid, sink) }
    }

    /// Whether anything can be chosen; an error where a parameter is none.
    fn check_params(&self, op: AggregateOp, params: &[f64], place: Span) -> Done<bool> {
        let (least, greatest) = bounds(params);
        let no_number = params.iter().any(|param| param.is_nan());
        if op == AggregateOp::LimitRatio {
            if least == 0.0 && greatest == 0.0 {
                return Ok(false);
            }
            if no_number {
                return failed("Ratio value is NaN");
            }
            let note = |got: f64, capped: f64| {
                self.note(Note::InvalidRatio { got: got.into(), capped: capped.into() }, place);
            };
            if greatest > 1.0 {
                note(greatest, 1.0);
            }
            if least < -1.0 {
                note(least, -1.0);
            }
            return Ok(true);
        }
        if greatest < 1.0 {
            return Ok(false);
        }
        if no_number {
            return failed("Parameter value is NaN");
        }
        if least <= MIN_INTEGER {
            return failed(format!("Scalar value {} underflows int64", go_float(least)));
        }
        if greatest >= MAX_INTEGER {
            return failed(format!("Scalar value {} overflows int64", go_float(greatest)));
        }
        Ok(true)
    }

    /// Takes a series into the heaps of its group.
    fn consider(
        &self,
        aggregate: &Aggregate,
        params: &[f64],
        row: Row,
        grid: &Grid,
        groups: &mut Groups,
        ignored: &mut bool,
    ) -> Done {
        let op = aggregate.op;
        let labels = grouped(&row.labels, &aggregate.grouping, aggregate.without);
        let group = match groups.places.get(&labels) {
            Some(group) => *group,
            None => {
                groups.memory.push(self.budget.reserve(grid.count.saturating_mul(size_of::<Heap>()))?);
                groups.heaps.push(vec![Heap::default(); grid.count]);
                groups.places.insert(labels, groups.heaps.len() - 1);
                groups.heaps.len() - 1
            }
        };
        let series = groups.series.len();
        let mut taken = 0;
        for (step, cell) in row.cells.present() {
            let heap = &mut groups.heaps[group][step];
            let before = heap.len();
            match (op, cell) {
                (AggregateOp::LimitRatio, _) => {
                    if sampled(params[step].clamp(-1.0, 1.0), &row.labels) {
                        heap.append(Chosen { value: cell.point(), series });
                    }
                }
                (AggregateOp::LimitK, _) => {
                    if before < count(params[step]) {
                        heap.append(Chosen { value: cell.point(), series });
                    }
                }
                (_, Cell::Histogram(_)) => *ignored |= count(params[step]) > 0,
                (_, Cell::Float(value)) => {
                    heap.offer(count(params[step]), op == AggregateOp::TopK, value, series);
                }
            }
            taken += heap.len() - before;
        }
        if taken > 0 {
            groups.memory.push(self.budget.reserve(taken * size_of::<Chosen>())?);
        }
        groups.series.push(Candidate { labels: row.labels, drop_name: row.drop_name });
        Ok(())
    }
}

/// How many are wanted.
fn count(param: f64) -> usize {
    if param < 1.0 { 0 } else { param as usize }
}

/// At an instant: group by group, in the order of the values.
fn in_order(op: AggregateOp, groups: Groups, sink: &mut Sink<'_>) -> Done {
    for mut heap in groups.heaps.into_iter().flatten() {
        for chosen in heap.sorted(op) {
            let Some(candidate) = groups.series.get(chosen.series) else { continue };
            let mut cells = Cells::absent(1);
            cells.set(0, chosen.value);
            sink(Row { labels: candidate.labels.clone(), drop_name: candidate.drop_name, cells })?;
        }
    }
    Ok(())
}

/// Over a range: each series with those values that were chosen.
fn by_series(op: AggregateOp, groups: Groups, grid: &Grid, sink: &mut Sink<'_>) -> Done {
    let mut chosen: Vec<Vec<(usize, Point)>> = vec![Vec::new(); groups.series.len()];
    for heaps in groups.heaps {
        for (step, mut heap) in heaps.into_iter().enumerate() {
            for one in heap.sorted(op) {
                chosen[one.series].push((step, one.value));
            }
        }
    }
    for (candidate, values) in groups.series.into_iter().zip(chosen) {
        if values.is_empty() {
            continue;
        }
        let mut cells = Cells::absent(grid.count);
        for (step, value) in values {
            cells.set(step, value);
        }
        sink(Row { labels: candidate.labels, drop_name: candidate.drop_name, cells })?;
    }
    Ok(())
}
