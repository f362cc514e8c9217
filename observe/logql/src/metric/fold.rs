//! Lines and numbers by series, folded into a value for each window.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use vitrine_observe_promql::ast::Span;
use vitrine_observe_promql::functions::{EdgeMode, RangeCall, RangeFunction, Window, WindowValues, range_function};
use vitrine_observe_promql::{Annotations, EvalError, Point};
use vitrine_observe_series::{Budget, Label, Labels, Reservation, Temporality};

use super::windows::Windows;
use super::{StepSeries, check_series};
use crate::ast::{Grouping, RangeExpr, RangeOp};
use crate::labels::{ERROR, LineLabels};
use crate::source::Error;

/// Bytes of memory that are asked of the budget at a time.
const RESERVED_AT_A_TIME: usize = 256 * 1024;
/// What one part of a series takes, about.
const PART_BYTES: usize = 48;
/// What a sample takes.
const SAMPLE_BYTES: usize = 16;
/// What a series takes beside its samples, about.
const SERIES_BYTES: usize = 512;
/// What is between the values of a key.
const BETWEEN: char = '\u{1f}';

/// What is counted in one part.
#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    lines: u64,
    bytes: u64,
}

#[derive(Debug, Default)]
struct Series {
    labels: Labels,
    counts: BTreeMap<usize, Counted>,
    samples: Vec<(u64, f64)>,
}

/// All series of a range.
pub(super) struct Fold<'a> {
    range: &'a RangeExpr,
    windows: &'a Windows,
    grouping: Option<&'a Grouping>,
    places: HashMap<String, usize>,
    series: Vec<Series>,
    key: String,
    budget: &'a Arc<Budget>,
    reserved: Vec<Reservation>,
    room: usize,
}

impl<'a> Fold<'a> {
    pub(super) fn new(
        range: &'a RangeExpr,
        windows: &'a Windows,
        grouping: Option<&'a Grouping>,
        budget: &'a Arc<Budget>,
    ) -> Self {
        let (places, series, key, reserved) = Default::default();
        Self { range, windows, grouping, places, series, key, budget, reserved, room: 0 }
    }

    /// Whether bytes of lines are wanted.
    pub(super) fn needs_bytes(&self) -> bool {
        matches!(self.range.op, RangeOp::Bytes | RangeOp::BytesRate)
    }

    fn take(&mut self, bytes: usize) -> Result<(), Error> {
        if self.room < bytes {
            self.reserved.push(self.budget.reserve(RESERVED_AT_A_TIME)?);
            self.room += RESERVED_AT_A_TIME;
        }
        self.room = self.room.saturating_sub(bytes);
        Ok(())
    }

    /// Counts lines of a part that begins at a time.
    pub(super) fn count(&mut self, labels: Labels, time_ns: u64, lines: u64, bytes: u64) -> Result<(), Error> {
        let key = labels.to_string();
        let place = self.place(key, labels)?;
        self.add(place, time_ns, Counted { lines, bytes })
    }

    /// Takes a line with its labels, and the number that was unwrapped if one was to be.
    pub(super) fn line(
        &mut self,
        labels: &LineLabels,
        time_ns: u64,
        bytes: u64,
        value: Option<f64>,
    ) -> Result<(), Error> {
        if labels.has_error() {
            let error = labels.get(ERROR);
            return Err(Error::Question(format!(
                "pipeline error: '{error}' for series: '{}'.\nUse a label filter to intentionally skip this error. (e.g | \
                 __error__!=\"{error}\").\nTo skip all potential errors you can match empty errors.(e.g __error__=\"\")",
                self.labels(labels)
            )));
        }
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        self.write_key(labels, &mut key);
        let place = match self.places.get(&key) {
            Some(place) => *place,
            None => {
                let own = self.labels(labels);
                self.place(key.clone(), own)?
            }
        };
        self.key = key;
        match value {
            Some(value) => {
                self.take(SAMPLE_BYTES)?;
                self.series[place].samples.push((time_ns, value));
                Ok(())
            }
            None => self.add(place, time_ns, Counted { lines: 1, bytes }),
        }
    }

    /// Whether a label stays.
    fn keeps(&self, name: &str) -> bool {
        match self.grouping {
            Some(grouping) => grouping.labels.iter().any(|label| label == name) != grouping.without,
            None => self.range.unwrap.as_ref().is_none_or(|unwrap| unwrap.label != name),
        }
    }

    fn write_key(&self, labels: &LineLabels, key: &mut String) {
        if let Some(grouping) = self.grouping.filter(|grouping| !grouping.without) {
            for name in &grouping.labels {
                key.push_str(labels.get(name));
                key.push(BETWEEN);
            }
            return;
        }
        let mut kept: Vec<(&str, &str)> =
            labels.iter().filter(|label| self.keeps(&label.name)).map(|label| (&*label.name, &*label.value)).collect();
        kept.sort_unstable();
        for (name, value) in kept {
            key.push_str(name);
            key.push(BETWEEN);
            key.push_str(value);
            key.push(BETWEEN);
        }
    }

    fn labels(&self, labels: &LineLabels) -> Labels {
        let kept = labels.iter().filter(|label| self.keeps(&label.name));
        Labels::new(kept.map(|label| Label { name: label.name.as_str().into(), value: label.value.as_str().into() }))
    }

    fn place(&mut self, key: String, labels: Labels) -> Result<usize, Error> {
        if let Some(place) = self.places.get(&key) {
            return Ok(*place);
        }
        self.take(SERIES_BYTES + key.len())?;
        let place = self.series.len();
        check_series(place + 1)?;
        self.series.push(Series { labels, ..Series::default() });
        self.places.insert(key, place);
        Ok(place)
    }

    fn add(&mut self, place: usize, time_ns: u64, counted: Counted) -> Result<(), Error> {
        let Some(part) = self.windows.part(time_ns) else { return Ok(()) };
        if !self.series[place].counts.contains_key(&part) {
            self.take(PART_BYTES)?;
        }
        let sum = self.series[place].counts.entry(part).or_default();
        sum.lines += counted.lines;
        sum.bytes += counted.bytes;
        Ok(())
    }

    /// The value of each series in each window.
    pub(super) fn series(mut self) -> Result<Vec<StepSeries>, Error> {
        let mut all = Vec::with_capacity(self.series.len());
        for mut series in std::mem::take(&mut self.series) {
            self.budget.check()?;
            self.take(self.windows.len() * SAMPLE_BYTES)?;
            let values = if self.range.unwrap.is_some() && self.range.op != RangeOp::Absent {
                self.of_samples(&mut series.samples)?
            } else {
                series.samples.iter().for_each(|(time_ns, _)| {
                    if let Some(part) = self.windows.part(*time_ns) {
                        series.counts.entry(part).or_default().lines += 1;
                    }
                });
                self.of_counts(&series.counts)
            };
            if values.iter().any(Option::is_some) {
                all.push(StepSeries { labels: series.labels, values });
            }
        }
        Ok(all)
    }

    fn of_counts(&self, counts: &BTreeMap<usize, Counted>) -> Vec<Option<f64>> {
        let seconds = self.range.range_ns as f64 / 1e9;
        let value = |step| {
            let (first, end) = self.windows.parts(step);
            let mut sum = Counted::default();
            for counted in counts.range(first..end.max(first)).map(|(_, counted)| counted) {
                sum.lines += counted.lines;
                sum.bytes += counted.bytes;
            }
            (sum.lines > 0).then(|| match self.range.op {
                RangeOp::Rate => sum.lines as f64 / seconds,
                RangeOp::Bytes => sum.bytes as f64,
                RangeOp::BytesRate => sum.bytes as f64 / seconds,
                _ => sum.lines as f64,
            })
        };
        (0..self.windows.len()).map(value).collect()
    }

    /// By PromQL's functions. Times are counted from the first window on, in milliseconds, rounded up as windows are open on the left.
    fn of_samples(&self, samples: &mut [(u64, f64)]) -> Result<Vec<Option<f64>>, Error> {
        samples.sort_by_key(|(time_ns, _)| *time_ns);
        let origin = self.windows.time().start_ns.saturating_sub(1);
        let ms = |time_ns: u64| i64::try_from(time_ns.saturating_sub(origin).div_ceil(1_000_000)).unwrap_or(i64::MAX);
        let times: Vec<i64> = samples.iter().map(|(time_ns, _)| ms(*time_ns)).collect();
        let bits: Vec<u64> = samples.iter().map(|(_, value)| value.to_bits()).collect();
        let (function, divisor) = self.function()?;
        let params: Vec<f64> = self.range.param.into_iter().collect();
        let mut notes = Annotations::default();
        let mut values = Vec::with_capacity(self.windows.len());
        for step in 0..self.windows.len() {
            let (start, end) = self.windows.window(step);
            let first = samples.partition_point(|(time_ns, _)| *time_ns <= start);
            let last = samples.partition_point(|(time_ns, _)| *time_ns <= end);
            if first >= last {
                values.push(None);
                continue;
            }
            let call = RangeCall {
                metric: "",
                span: Span::default(),
                at_ms: ms(end),
                range_seconds: self.range.range_ns as f64 / 1e9,
                params: &params,
            };
            let window = Window {
                times: &times[first..last],
                values: WindowValues::Floats(&bits[first..last]),
                starts: &[],
                temporality: Temporality::Cumulative,
                start_ms: ms(start),
                end_ms: ms(end),
                edges: EdgeMode::Plain,
            };
            let point = function(&call, &window, &mut notes).map_err(|why| EvalError::Execution(why.0))?;
            values.push(
                point.and_then(|point| if let Point::Float(value) = point { Some(value / divisor) } else { None }),
            );
        }
        Ok(values)
    }

    /// PromQL's function, and by what its result is divided.
    fn function(&self) -> Result<(RangeFunction, f64), Error> {
        let (name, divisor) = match self.range.op {
            RangeOp::Rate => ("sum_over_time", self.range.range_ns as f64 / 1e9),
            RangeOp::RateCounter => ("rate", 1.0),
            op => (op.name(), 1.0),
        };
        let function = range_function(name);
        function
            .map(|function| (function, divisor))
            .ok_or_else(|| Error::Question(format!("{name} is no function of samples")))
    }
}
