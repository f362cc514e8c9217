//! From an expression to the result of a query.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

use rustc_hash::FxBuildHasher;
use vitrine_observe_series::{Budget, Labels, Queryable, Value as SampleValue, Values};

use crate::ast::{Expr, ValueType};
use crate::engine::{EvalError, Options, Outcome, Point, Sample, Series, Value};
use crate::functions::EdgeMode;
use crate::plan::{Frame, Node, NodeKind, RangeSource, plan};

use super::cells::{Cell, Row};
use super::grid::Grid;
use super::labels::without_metadata;
use super::ranges::{Cut, Track};
use super::{Done, Run, SAME_LABELS, failed};

/// Evaluates an expression: at an instant where `frame.step_ms` is 0, else over a range.
pub(crate) fn evaluate(
    options: Options,
    source: &dyn Queryable,
    expr: &Expr,
    frame: Frame,
    budget: &Arc<Budget>,
) -> Result<Outcome, EvalError> {
    let node = plan(expr, frame, &options)?;
    let run = Run { source, budget, options, notes: RefCell::default(), expected: RefCell::default() };
    let value = if frame.step_ms == 0 { run.at_instant(&node, frame.start_ms)? } else { run.over(&node, frame)? };
    Ok(Outcome { value, annotations: run.notes.into_inner() })
}

impl Run<'_> {
    fn at_instant(&self, node: &Node, time_ms: i64) -> Done<Value> {
        let grid = Grid::instant(time_ms);
        match node.value_type {
            ValueType::Scalar => {
                let value = self.scalars(node, &grid)?.first().copied().unwrap_or(f64::NAN);
                Ok(Value::Scalar { time_ms, value })
            }
            ValueType::String => match &unwrapped(node).kind {
                NodeKind::String(text) => Ok(Value::String { time_ms, value: text.clone() }),
                _ => failed("a text was expected"),
            },
            ValueType::Vector => {
                let mut samples = Vec::new();
                for row in self.result_rows(node, &grid)? {
                    if let Some(cell) = row.cells.get(0) {
                        samples.push(Sample { labels: row.labels, time_ms, value: cell.point() });
                    }
                }
                Ok(Value::Vector(samples))
            }
            ValueType::Matrix => match &unwrapped(node).kind {
                NodeKind::Matrix(source) => self.matrix(source, &grid),
                _ => failed("a range was expected"),
            },
        }
    }

    fn over(&self, node: &Node, frame: Frame) -> Done<Value> {
        if !matches!(node.value_type, ValueType::Scalar | ValueType::Vector) {
            return Err(EvalError::Invalid(format!(
                "invalid expression type \"{}\" for range query, must be Scalar or instant Vector",
                node.value_type.documented()
            )));
        }
        let grid = Grid::new(frame.start_ms, frame.end_ms, frame.step_ms);
        let mut series: Vec<Series> =
            self.result_rows(node, &grid)?.into_iter().map(|row| series_of(row, &grid)).collect();
        series.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(Value::Matrix(series))
    }

    /// All rows, without the names that were to be dropped at the end; labels are different.
    fn result_rows(&self, node: &Node, grid: &Grid) -> Done<Vec<Row>> {
        if self.options.delayed_names {
            let mut rows = Vec::new();
            self.merged(
                &mut |row| {
                    rows.push(row);
                    Ok(())
                },
                &mut |sink| {
                    self.rows(node, grid, &mut |mut row| {
                        if row.drop_name {
                            row.labels = without_metadata(&row.labels);
                        }
                        sink(row)
                    })
                },
            )?;
            return Ok(rows);
        }
        let held = self.collect(node, grid)?;
        let mut seen: HashSet<&Labels, FxBuildHasher> = HashSet::default();
        if !held.rows.iter().all(|row| seen.insert(&row.labels)) {
            return failed(SAME_LABELS);
        }
        Ok(held.rows)
    }

    /// A range as it is, at an instant.
    fn matrix(&self, source: &RangeSource, grid: &Grid) -> Done<Value> {
        let mut all = Vec::new();
        self.range_samples(source, grid, &mut |track, cut| {
            let mut series = samples(track, cut);
            let edges = cut.edges;
            if edges != EdgeMode::Plain && !series.histograms.is_empty() {
                let word = if edges == EdgeMode::Anchored { "anchored" } else { "smoothed" };
                return failed(format!("{word} modifier is not supported with histograms"));
            }
            if edges != EdgeMode::Plain {
                series.floats = extended(&series.floats, cut, edges == EdgeMode::Smoothed);
            }
            if !series.floats.is_empty() || !series.histograms.is_empty() {
                all.push(series);
            }
            Ok(())
        })?;
        all.sort_by(|a: &Series, b: &Series| a.labels.cmp(&b.labels));
        Ok(Value::Matrix(all))
    }
}

/// What stands below [`NodeKind::Invariant`].
fn unwrapped(node: &Node) -> &Node {
    match &node.kind {
        NodeKind::Invariant(inner) => unwrapped(inner),
        _ => node,
    }
}

fn series_of(row: Row, grid: &Grid) -> Series {
    let mut series = Series { labels: row.labels, ..Series::default() };
    if let Some(floats) = row.cells.all_floats() {
        series.floats = grid.times().zip(floats.iter().copied()).collect();
        return series;
    }
    for (step, cell) in row.cells.present() {
        match cell {
            Cell::Float(value) => series.floats.push((grid.time(step), value)),
            Cell::Histogram(histogram) => series.histograms.push((grid.time(step), histogram.clone())),
        }
    }
    series
}

/// A part of a series' samples.
fn samples(track: &Track, cut: Cut) -> Series {
    let mut series = Series { labels: track.labels.clone(), ..Series::default() };
    let mut push = |time: i64, point: Point| match point {
        Point::Float(value) => series.floats.push((time, value)),
        Point::Histogram(histogram) => series.histograms.push((time, histogram)),
    };
    for place in cut.from..cut.to {
        let point = match &track.values {
            Values::Floats(bits) => Point::Float(f64::from_bits(bits[place])),
            Values::Histograms(all) => Point::Histogram(all[place].clone()),
            Values::Mixed(all) => match &all[place] {
                SampleValue::Float(bits) => Point::Float(f64::from_bits(*bits)),
                SampleValue::Histogram(histogram) => Point::Histogram(histogram.clone()),
            },
        };
        push(track.times[place], point);
    }
    series
}

/// Samples within a range, with one at each of its edges.
fn extended(floats: &[(i64, f64)], cut: Cut, smoothed: bool) -> Vec<(i64, f64)> {
    let (start, end) = (cut.start_ms, cut.end_ms);
    let Some(mut last) = floats.len().checked_sub(1) else { return Vec::new() };
    let first = floats[..last].partition_point(|(time, _)| *time <= start).saturating_sub(1);
    if smoothed {
        last = floats[..last].partition_point(|(time, _)| *time < end);
    }
    if floats[last].0 <= start {
        return Vec::new();
    }
    let between =
        |a: (i64, f64), b: (i64, f64), time: i64| a.1 + (b.1 - a.1) * (time - a.0) as f64 / (b.0 - a.0) as f64;
    let left = match floats.get(first + 1) {
        Some(next) if smoothed && floats[first].0 < start => between(floats[first], *next, start),
        _ => floats[first].1,
    };
    let right = if smoothed && last > 0 && floats[last].0 > end {
        between(floats[last - 1], floats[last], end)
    } else {
        floats[last].1
    };
    let within = floats.iter().filter(|(time, _)| *time > start && *time < end).copied();
    std::iter::once((start, left)).chain(within).chain([(end, right)]).collect()
}
