//! What is computed of lines over ranges: one value for each step and each series.
//!
//! What is counted is kept by the parts into which the windows' edges cut time, so that a line is counted once however many windows it lies
//! in; what is unwrapped is kept as samples, of which PromQL's own functions are computed.

mod fold;
mod reading;
mod windows;

use vitrine_observe_model::{LogCountQuery, LogField};
use vitrine_observe_series::{Label, Labels, MatchOp};

use crate::ast::{Grouping, LabelChoice, RangeExpr, RangeOp, Stage};
use crate::labels::{DETECTED_LEVEL, ERROR, ERROR_DETAILS, LabelMap, detected_level};
use crate::lower::{Lowered, lower};
use crate::source::{Error, MAX_SERIES, Source, Steps, TimeRange, too_many_series};
use fold::Fold;
use windows::Windows;

/// Steps and values that the engine counts apart for one part of a query.
const MAX_COUNTS: usize = 1_000_000;

/// A series with a value for each step, or none.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StepSeries {
    pub(crate) labels: Labels,
    pub(crate) values: Vec<Option<f64>>,
}

impl Source<'_> {
    /// The series of a range, with labels put together as an aggregation above it would do anyway.
    pub(crate) fn range(
        &self,
        range: &RangeExpr,
        grouping: Option<&Grouping>,
        steps: Steps,
    ) -> Result<Vec<StepSeries>, Error> {
        let windows = Windows::new(steps, range.range_ns, range.offset_ns);
        let nothing = Grouping { without: false, labels: Vec::new() };
        let grouping = match range.op {
            RangeOp::Absent => Some(&nothing),
            _ => range.grouping.as_ref().or(grouping),
        };
        let time = windows.time();
        let names = reading::names(range, grouping, &range.log.stages).unwrap_or_default();
        let label_map = self.label_map_for(&range.log, names.iter().map(String::as_str), time)?;
        let mut lowered = lower(&range.log, &label_map).map_err(Error::Question)?;
        lowered.rest = needed_stages(lowered.rest);
        let mut fold = Fold::new(range, &windows, grouping, self.budget);
        match grouping.filter(|grouping| is_counted(range, grouping, &lowered)) {
            Some(grouping) if windows.part_ns().is_some() => {
                self.counted(&mut fold, grouping, &label_map, &windows, lowered)?;
            }
            _ => self.folded(&mut fold, range, grouping, &label_map, time, lowered)?,
        }
        let mut series = fold.series()?;
        if range.op == RangeOp::Absent {
            series = vec![absent(range, &series, steps.count)];
        }
        series.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(series)
    }

    /// Lets the engine count.
    fn counted(
        &self,
        fold: &mut Fold<'_>,
        grouping: &Grouping,
        label_map: &LabelMap,
        windows: &Windows,
        lowered: Lowered,
    ) -> Result<(), Error> {
        let (mut by, mut places) = (Vec::new(), Vec::new());
        for name in &grouping.labels {
            let fields = label_fields(name, label_map);
            places.push(by.len()..by.len() + fields.len());
            by.extend(fields);
        }
        let TimeRange { start_ns, end_ns } = windows.time();
        let step_ns = windows.part_ns().unwrap_or(0);
        let bytes = fold.needs_bytes();
        let query = LogCountQuery {
            filter: lowered.filter,
            start_ns,
            end_ns,
            step_ns,
            origin_ns: start_ns,
            by,
            most: MAX_COUNTS,
            bytes,
        };
        for count in self.logs.log_counts(self.tenant, &query)? {
            let labels = grouping.labels.iter().zip(&places).map(|(name, place)| Label {
                name: name.as_str().into(),
                value: label_value(name, &count.by[place.clone()]).into(),
            });
            fold.count(Labels::new(labels), count.start_ns, count.records, count.bytes)?;
        }
        Ok(())
    }
}

/// Fields of a label, in the order in which they count; of a level those that it is made of.
pub(crate) fn label_fields(name: &str, label_map: &LabelMap) -> Vec<LogField> {
    let mut fields = label_map.fields(name);
    if name == DETECTED_LEVEL {
        fields.push(LogField::Attribute(DETECTED_LEVEL.to_owned()));
        fields.extend([LogField::Severity, LogField::SeverityText, LogField::Named("level".to_owned())]);
    }
    fields
}

/// A label's value of the values of its [fields](label_fields).
pub(crate) fn label_value(name: &str, values: &[Option<String>]) -> String {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    if name != DETECTED_LEVEL {
        return values.iter().map(text).find(|value| !value.is_empty()).unwrap_or_default();
    }
    let (own, made) = values.split_at(values.len().saturating_sub(3));
    if let Some(own) = own.iter().map(text).find(|value| !value.is_empty()) {
        return own;
    }
    let [severity, severity_text, level] = [0, 1, 2].map(|place| made.get(place).map(text).unwrap_or_default());
    detected_level(severity.parse().unwrap_or(0), &severity_text, &level).to_owned()
}

/// Whether the engine can count it by itself: nothing is left to be done with lines, and series are put together by known labels.
fn is_counted(range: &RangeExpr, grouping: &Grouping, lowered: &Lowered) -> bool {
    lowered.rest.is_empty() && range.unwrap.is_none() && !grouping.without
}

/// Stages without those that forget errors before there can be any.
fn needed_stages(stages: Vec<Stage>) -> Vec<Stage> {
    let is_error = |choice: &LabelChoice| matches!(choice, LabelChoice::Name(name) if [ERROR, ERROR_DETAILS].contains(&name.as_str()));
    let forgets = |stage: &Stage| matches!(stage, Stage::Drop(choices) if choices.iter().all(is_error));
    let begin = stages.iter().position(|stage| !forgets(stage)).unwrap_or(stages.len());
    stages.into_iter().skip(begin).collect()
}

/// 1 where there is nothing, with the labels that the selector names.
fn absent(range: &RangeExpr, series: &[StepSeries], steps: usize) -> StepSeries {
    let is_there = |step: usize| series.iter().any(|series| series.values[step].is_some());
    let values = (0..steps).map(|step| (!is_there(step)).then_some(1.0)).collect();
    let equal = |name: &str| range.log.matchers.iter().filter(|matcher| matcher.name == name).count() == 1;
    let named = range.log.matchers.iter().filter(|matcher| matcher.op == MatchOp::Equal && equal(&matcher.name));
    let labels =
        named.map(|matcher| Label { name: matcher.name.as_str().into(), value: matcher.value.as_str().into() });
    StepSeries { labels: Labels::new(labels), values }
}

/// An error where there are too many series.
fn check_series(count: usize) -> Result<(), Error> {
    if count > MAX_SERIES { Err(too_many_series()) } else { Ok(()) }
}
