//! Functions over ranges: windows are cut once for all series that share their times.

mod one_pass;

use std::collections::HashSet;
use std::sync::Arc;

use rustc_hash::FxBuildHasher;
use vitrine_observe_series::{
    FAMILY_ENDINGS, Histogram, Labels, Reservation, SeriesSamples, Temporality, Value, Values, any_stale, is_stale,
};

use crate::annotations::Note;
use crate::ast::Span;
use crate::functions::{Change, Coverage, EdgeMode, RangeCall, RangeFunction, Window, WindowValues, range_function};
use crate::plan::{Node, NodeKind, RangeSource, Selector};

use super::by_times::ByTimes;
use super::cells::{Cell, Cells, Row};
use super::grid::Grid;
use super::labels::without_metadata;
use super::stats::stats_only;
use super::{Done, Run, SAME_LABELS, Sink, failed};

use one_pass::{Coverages, OnePass};

/// Functions that use the times at which totals began.
const WITH_STARTS: [&str; 4] = ["increase", "irate", "rate", "resets"];

/// Functions that return samples as they were, and so keep their names.
const WITH_NAMES: [&str; 2] = ["first_over_time", "last_over_time"];

/// Samples of a series, without those that say that it has ended.
pub(super) struct Track {
    pub labels: Labels,
    pub drop_name: bool,
    pub temporality: Temporality,
    pub times: Arc<[i64]>,
    pub values: Values,
    pub starts: Option<Arc<[i64]>>,
}

/// Where the ranges of all steps lie.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    offset_ms: i64,
    at_ms: Option<i64>,
    pub range_ms: i64,
    edges: EdgeMode,
    lookback_ms: i64,
}

impl Shape {
    fn of(source: &RangeSource, lookback_ms: i64) -> Self {
        match source {
            RangeSource::Series { selector, range_ms } => {
                let edges = match (selector.anchored, selector.smoothed) {
                    (true, _) => EdgeMode::Anchored,
                    (_, true) => EdgeMode::Smoothed,
                    _ => EdgeMode::Plain,
                };
                let (offset_ms, at_ms) = (selector.offset_ms, selector.at_ms);
                Self { offset_ms, at_ms, range_ms: *range_ms, edges, lookback_ms }
            }
            RangeSource::Subquery { range_ms, offset_ms, at_ms, .. } => {
                Self { offset_ms: *offset_ms, at_ms: *at_ms, range_ms: *range_ms, edges: EdgeMode::Plain, lookback_ms }
            }
        }
    }

    /// Where a step's range ends, that instant included.
    fn end(&self, time_ms: i64) -> i64 {
        self.at_ms.unwrap_or(time_ms).saturating_sub(self.offset_ms)
    }

    /// Samples that may be needed: later than the first, up to the second.
    fn needed(&self, grid: &Grid) -> (i64, i64) {
        let after = self.end(grid.start_ms).saturating_sub(self.range_ms);
        let until = self.end(grid.last_ms());
        match self.edges {
            EdgeMode::Plain => (after, until),
            EdgeMode::Anchored => (after.saturating_sub(self.lookback_ms), until),
            EdgeMode::Smoothed => (after.saturating_sub(self.lookback_ms), until.saturating_add(self.lookback_ms)),
        }
    }
}

/// The part of a series' samples that is in a range.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    pub from: usize,
    /// Behind the last.
    pub to: usize,
    pub start_ms: i64,
    pub end_ms: i64,
    pub edges: EdgeMode,
}

/// Times, values, and times at which totals began.
type Samples = (Arc<[i64]>, Values, Option<Arc<[i64]>>);

/// Which samples are in the range of each step.
struct Windows {
    places: Vec<(usize, usize)>,
    /// How what changes in each window is extrapolated. Known when it was asked for.
    coverages: Option<Coverages>,
}

impl Windows {
    fn of(times: &[i64], shape: &Shape, grid: &Grid) -> Self {
        let mut places = Vec::with_capacity(grid.count);
        let (mut from, mut to) = (0, 0);
        for time in grid.times() {
            let end = shape.end(time);
            let start = end.saturating_sub(shape.range_ms);
            while times.get(from).is_some_and(|t| *t <= start) {
                from += 1;
            }
            to = to.max(from);
            while times.get(to).is_some_and(|t| *t <= end) {
                to += 1;
            }
            places.push(with_edges(times, (from, to), (start, end), shape));
        }
        Self { places, coverages: None }
    }

    fn cover(&mut self, change: Change, times: &[i64], shape: &Shape, grid: &Grid) {
        let places = &self.places;
        self.coverages.get_or_insert_with(|| {
            let of_steps = places.iter().zip(grid.times()).map(|(&(from, to), time)| {
                let end = shape.end(time);
                let start = end.saturating_sub(shape.range_ms);
                (to > from + 1).then(|| Coverage::of(start, end, &times[from..to]))
            });
            Coverages::new(change, shape.range_ms as f64 / 1000.0, of_steps)
        });
    }
}

/// A window with the samples beside it that its edges need.
fn with_edges(times: &[i64], (from, to): (usize, usize), (start, end): (i64, i64), shape: &Shape) -> (usize, usize) {
    if shape.edges == EdgeMode::Plain {
        return (from, to);
    }
    let earliest = start.saturating_sub(shape.lookback_ms);
    let before = from.checked_sub(1).filter(|i| times[*i] > earliest);
    let from = before.unwrap_or(from);
    let ends_within = to.checked_sub(1).is_some_and(|i| times[i] == end);
    let latest = end.saturating_add(shape.lookback_ms);
    let behind = shape.edges == EdgeMode::Smoothed && !ends_within && times.get(to).is_some_and(|t| *t <= latest);
    (from, if behind { to + 1 } else { to })
}

/// A call of a function over a range.
struct Calling<'a> {
    name: &'static str,
    function: RangeFunction,
    /// How it goes over all windows at once, if it can.
    one_pass: Option<OnePass>,
    span: Span,
    shape: Shape,
    /// For each step the arguments that are numbers.
    params: Vec<Vec<f64>>,
    grid: &'a Grid,
}

impl Run<'_> {
    /// A function over a range: one of its arguments is the range, the others are scalars.
    pub(super) fn over_range(&self, name: &'static str, args: &[Node], grid: &Grid, sink: &mut Sink<'_>) -> Done {
        let Some(function) = range_function(name) else { return failed(format!("unknown function {name}")) };
        let mut source = None;
        let mut params = Vec::new();
        for arg in args {
            match &arg.kind {
                NodeKind::Matrix(range) => source = Some(range),
                _ => params.push(self.scalars(arg, grid)?),
            }
        }
        let Some(source) = source else { return failed(format!("{name} is not given a range")) };
        let span = args.first().map(|arg| arg.span).unwrap_or_default();
        let shape = Shape::of(source, self.options.lookback_ms);
        let one_pass = OnePass::of(name);
        let calling = Calling { name, function, one_pass, span, shape, params, grid };
        let unique = args.iter().all(Node::is_unique_without_name);
        let mut seen: HashSet<Labels, FxBuildHasher> = HashSet::default();
        let mut known = ByTimes::new(grid.count);
        let _memory = self.reserve_steps(1 + calling.params.len(), grid)?;
        self.tracks(source, shape, grid, &mut |track| {
            let windows = known.get(&track.times, || Windows::of(&track.times, &calling.shape, grid));
            let cells = match self.in_one_pass(&calling, track, windows) {
                Some(cells) => cells,
                None => self.windows(&calling, track, &windows.places)?,
            };
            if !cells.any() {
                return Ok(());
            }
            let drop_name = track.drop_name || !WITH_NAMES.contains(&name);
            let labels = if drop_name && !self.options.delayed_names {
                without_metadata(&track.labels)
            } else {
                track.labels.clone()
            };
            if !unique && !self.options.delayed_names && !seen.insert(labels.clone()) {
                return failed(SAME_LABELS);
            }
            self.check_counter(&calling, &track.labels, &cells);
            sink(Row { labels, drop_name, cells })
        })
    }

    /// The function's value at each step in one pass; none if each window has to be looked at.
    fn in_one_pass(&self, calling: &Calling<'_>, track: &Track, windows: &mut Windows) -> Option<Cells> {
        let one_pass = calling.one_pass?;
        let Values::Floats(bits) = &track.values else { return None };
        let with_starts = track.starts.is_some() && self.options.start_timestamps;
        let cumulative = track.temporality == Temporality::Cumulative;
        if calling.shape.edges != EdgeMode::Plain || with_starts || !cumulative {
            return None;
        }
        if let OnePass::Change(change) = one_pass {
            windows.cover(change, &track.times, &calling.shape, calling.grid);
        }
        Some(one_pass.cells(bits, &windows.places, windows.coverages.as_ref()))
    }

    /// The function's value at each step.
    fn windows(&self, calling: &Calling<'_>, track: &Track, places: &[(usize, usize)]) -> Done<Cells> {
        let mut cells = Cells::absent(places.len());
        let metric = track.labels.metric();
        let starts = match &track.starts {
            Some(starts) if self.options.start_timestamps && WITH_STARTS.contains(&calling.name) => &starts[..],
            _ => &[],
        };
        let mut params = vec![0.0; calling.params.len()];
        let mut notes = self.notes.borrow_mut();
        for (step, &(from, to)) in places.iter().enumerate() {
            if from == to {
                continue;
            }
            for (param, all) in params.iter_mut().zip(&calling.params) {
                *param = all[step];
            }
            let at_ms = calling.grid.time(step);
            let end_ms = calling.shape.end(at_ms);
            let window = Window {
                times: &track.times[from..to],
                values: match &track.values {
                    Values::Floats(bits) => WindowValues::Floats(&bits[from..to]),
                    Values::Histograms(histograms) => WindowValues::Histograms(&histograms[from..to]),
                    Values::Mixed(values) => WindowValues::Mixed(&values[from..to]),
                },
                starts: if starts.is_empty() { &[] } else { &starts[from..to] },
                temporality: track.temporality,
                start_ms: end_ms.saturating_sub(calling.shape.range_ms),
                end_ms,
                edges: calling.shape.edges,
            };
            let call = RangeCall {
                metric,
                span: calling.span,
                at_ms,
                range_seconds: calling.shape.range_ms as f64 / 1000.0,
                params: &params,
            };
            match (calling.function)(&call, &window, &mut notes) {
                Ok(Some(point)) => cells.set(step, point),
                Ok(None) => {}
                Err(error) => return failed(error.0),
            }
        }
        Ok(cells)
    }

    /// Says so where a rate is taken of what is no counter.
    fn check_counter(&self, calling: &Calling<'_>, labels: &Labels, cells: &Cells) {
        let metric = labels.metric();
        let floats = || cells.present().any(|(_, cell)| matches!(cell, Cell::Float(_)));
        if !matches!(calling.name, "rate" | "increase") || metric.is_empty() || !floats() {
            return;
        }
        if self.options.type_and_unit {
            let label = labels.get("__type__").unwrap_or_default();
            if !matches!(label, "counter" | "histogram") {
                let note = Note::PossibleNonCounterLabel { metric: metric.to_owned(), label: label.to_owned() };
                self.note(note, calling.span);
            }
        } else if !FAMILY_ENDINGS.iter().any(|ending| metric.ends_with(ending)) {
            self.note(Note::PossibleNonCounter { metric: metric.to_owned() }, calling.span);
        }
    }

    /// All series of a range, with all samples that any step may need.
    pub(super) fn tracks(
        &self,
        source: &RangeSource,
        shape: Shape,
        grid: &Grid,
        take: &mut dyn FnMut(&Track) -> Done,
    ) -> Done {
        if grid.count == 0 {
            return Ok(());
        }
        match source {
            RangeSource::Series { selector, .. } => self.series_tracks(selector, shape.needed(grid), take),
            RangeSource::Subquery { expr, step_ms, .. } => {
                let (after, until) = shape.needed(grid);
                // The first instant behind the start that is a multiple of the step.
                let start = (after.div_euclid(*step_ms)).saturating_add(1).saturating_mul(*step_ms);
                self.subquery_tracks(expr, &Grid::new(start, until, *step_ms), take)
            }
        }
    }

    fn series_tracks(
        &self,
        selector: &Selector,
        (after_ms, until_ms): (i64, i64),
        take: &mut dyn FnMut(&Track) -> Done,
    ) -> Done {
        let mut selection = self.open(selector, after_ms, until_ms)?;
        self.each_series(&mut *selection, |selection, series| {
            let info = &selection.series()[series.series];
            let reduced = stats_only(selector, series);
            let (times, values, starts) = living(reduced.as_ref().unwrap_or(series));
            take(&Track {
                labels: info.labels.clone(),
                drop_name: false,
                temporality: info.temporality,
                times,
                values,
                starts,
            })
        })
    }

    fn subquery_tracks(&self, expr: &Node, grid: &Grid, take: &mut dyn FnMut(&Track) -> Done) -> Done {
        let _memory: Reservation = self.reserve_steps(2, grid)?;
        let all: Arc<[i64]> = grid.times().collect();
        self.rows(expr, grid, &mut |row| {
            let (times, values) = row_samples(&row, &all);
            take(&Track {
                labels: row.labels,
                drop_name: row.drop_name,
                temporality: Temporality::Cumulative,
                times,
                values,
                starts: None,
            })
        })
    }

    /// A range as it is: what `x[5m]` results in.
    pub(super) fn range_samples(
        &self,
        source: &RangeSource,
        grid: &Grid,
        take: &mut dyn FnMut(&Track, Cut) -> Done,
    ) -> Done {
        let shape = Shape::of(source, self.options.lookback_ms);
        self.tracks(source, shape, grid, &mut |track| {
            let (from, to) = Windows::of(&track.times, &shape, grid).places.first().copied().unwrap_or_default();
            let end_ms = shape.end(grid.start_ms);
            let start_ms = end_ms.saturating_sub(shape.range_ms);
            take(track, Cut { from, to, start_ms, end_ms, edges: shape.edges })
        })
    }
}

/// Samples that do not say that the series has ended. Nothing is copied where none does.
pub(super) fn living(series: &SeriesSamples) -> Samples {
    let stale = |place: usize| match &series.values {
        Values::Floats(bits) => is_stale(bits[place]),
        Values::Histograms(histograms) => is_stale(histograms[place].sum.to_bits()),
        Values::Mixed(values) => match &values[place] {
            Value::Float(bits) => is_stale(*bits),
            Value::Histogram(histogram) => is_stale(histogram.sum.to_bits()),
        },
    };
    let count = series.times.len();
    let ends = match &series.values {
        // Nearly all are such, and have no marker: they are looked through quickly.
        Values::Floats(bits) => any_stale(bits),
        _ => (0..count).any(stale),
    };
    if !ends {
        return (series.times.clone(), series.values.clone(), series.starts.clone());
    }
    let places: Vec<usize> = (0..count).filter(|place| !stale(*place)).collect();
    let times = places.iter().map(|place| series.times[*place]).collect();
    let starts = series.starts.as_ref().map(|starts| places.iter().map(|place| starts[*place]).collect());
    let values = match &series.values {
        Values::Floats(bits) => Values::Floats(places.iter().map(|place| bits[*place]).collect::<Vec<u64>>().into()),
        Values::Histograms(all) => Values::Histograms(places.iter().map(|place| all[*place].clone()).collect()),
        Values::Mixed(all) => Values::Mixed(places.iter().map(|place| all[*place].clone()).collect()),
    };
    (times, values, starts)
}

/// The values of a row as samples. What is known of counter resets is forgotten: samples may be left out between them.
fn row_samples(row: &Row, all: &Arc<[i64]>) -> (Arc<[i64]>, Values) {
    if let Some(floats) = row.cells.all_floats() {
        return (all.clone(), Values::Floats(floats.iter().map(|value| value.to_bits()).collect::<Vec<u64>>().into()));
    }
    let mut times = Vec::new();
    let mut values = Vec::new();
    for (step, cell) in row.cells.present() {
        times.push(all[step]);
        values.push(match cell {
            Cell::Float(value) => Value::Float(value.to_bits()),
            Cell::Histogram(histogram) => Value::Histogram(without_reset(histogram)),
        });
    }
    let floats: Option<Vec<u64>> =
        values.iter().map(|v| if let Value::Float(bits) = v { Some(*bits) } else { None }).collect();
    if let Some(floats) = floats {
        return (times.into(), Values::Floats(floats.into()));
    }
    let histograms: Option<Vec<Arc<Histogram>>> =
        values.iter().map(|v| if let Value::Histogram(h) = v { Some(h.clone()) } else { None }).collect();
    match histograms {
        Some(histograms) => (times.into(), Values::Histograms(histograms.into())),
        None => (times.into(), Values::Mixed(values.into())),
    }
}

/// A histogram of which nothing is known of a reset before it, unless it is a gauge.
fn without_reset(histogram: &Arc<Histogram>) -> Arc<Histogram> {
    use vitrine_observe_series::CounterReset;
    match histogram.reset {
        CounterReset::Unknown | CounterReset::Gauge => histogram.clone(),
        CounterReset::Yes | CounterReset::No => {
            Arc::new(Histogram { reset: CounterReset::Unknown, ..(**histogram).clone() })
        }
    }
}
