//! Which fields of records a range needs, and the lines that are made of them.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

use vitrine_observe_model::LogField;
use vitrine_observe_store::{LogChunk, LogValue};

use super::fold::Fold;
use super::label_value;
use crate::ast::{FormatSource, Grouping, LabelChoice, LabelFilter, RangeExpr, Stage};
use crate::labels::{DETECTED_LEVEL, LabelMap, LineLabels, Origin};
use crate::lines::line_of;
use crate::lower::Lowered;
use crate::metric::label_fields;
use crate::pipeline::{Line, Pipeline, unwrapped};
use crate::source::{Error, Source, TimeRange};

/// What a parser's label ends with where the stream has one of that name.
const EXTRACTED: &str = "_extracted";

/// Which fields are read.
struct Reading {
    fields: Vec<LogField>,
    /// Labels with the places of their fields, and how many of these are of the stream.
    labels: Vec<(String, std::ops::Range<usize>, usize)>,
    /// The place of the message, if it is needed.
    body: Option<usize>,
}

/// Names of the labels that a range looks at; none if it may look at any.
pub(super) fn names(range: &RangeExpr, grouping: Option<&Grouping>, stages: &[Stage]) -> Option<BTreeSet<String>> {
    let mut all: BTreeSet<String> = grouping.filter(|grouping| !grouping.without)?.labels.iter().cloned().collect();
    for stage in stages {
        match stage {
            Stage::Label(filter) => all.extend(filter.names().into_iter().map(str::to_owned)),
            Stage::LineFormat(_) => return None,
            Stage::LabelFormat(formats) => {
                for format in formats {
                    let FormatSource::Label(from) = &format.from else { return None };
                    all.insert(from.clone());
                }
            }
            Stage::Drop(choices) | Stage::Keep(choices) => {
                all.extend(choices.iter().filter_map(|choice| match choice {
                    LabelChoice::Name(_) => None,
                    LabelChoice::Value(matcher) => Some(matcher.name.clone()),
                }))
            }
            Stage::Line(_)
            | Stage::Json(_)
            | Stage::Logfmt { .. }
            | Stage::Regexp(_)
            | Stage::Pattern(_)
            | Stage::Unpack
            | Stage::Decolorize => {}
        }
    }
    if let Some(unwrap) = &range.unwrap {
        all.insert(unwrap.label.clone());
        all.extend(unwrap.filters.iter().flat_map(LabelFilter::names).map(str::to_owned));
    }
    // Whether a parser's label is called so depends on the stream.
    let bases: Vec<String> = all.iter().filter_map(|name| name.strip_suffix(EXTRACTED)).map(str::to_owned).collect();
    all.extend(bases);
    Some(all)
}

impl Reading {
    fn new(names: &BTreeSet<String>, label_map: &LabelMap, needs_line: bool) -> Self {
        let (mut fields, mut labels) = (Vec::new(), Vec::new());
        for name in names {
            let begin = fields.len();
            fields.extend(label_fields(name, label_map));
            if fields.len() > begin {
                labels.push((name.clone(), begin..fields.len(), label_map.stream(name).len()));
            }
        }
        let body = needs_line.then(|| {
            fields.push(LogField::Body);
            fields.len() - 1
        });
        // No fields would mean all.
        if fields.is_empty() {
            fields.push(LogField::Time);
        }
        Self { fields, labels, body }
    }

    fn line<'c>(&self, chunk: &'c LogChunk<'_>, row: usize) -> Line<'c> {
        let text = match self.body.and_then(|place| chunk.value(place, row)) {
            Some(LogValue::Text(text)) => Cow::Borrowed(text),
            Some(other) => Cow::Owned(other.text()),
            None => Cow::Borrowed(""),
        };
        let mut labels = LineLabels::default();
        for (name, places, of_stream) in &self.labels {
            let values: Vec<Option<String>> =
                places.clone().map(|place| chunk.value(place, row).map(|value| value.text())).collect();
            let is_there = |value: &Option<String>| value.as_deref().is_some_and(|value| !value.is_empty());
            let in_stream = name != DETECTED_LEVEL && values[..*of_stream].iter().any(is_there);
            let origin = if in_stream { Origin::Stream } else { Origin::Metadata };
            labels.add(name, label_value(name, &values), origin);
        }
        Line { time_ns: chunk.time_ns(row), text, labels }
    }
}

impl Source<'_> {
    /// Runs what is left of a pipeline over all records that the engine finds.
    pub(super) fn folded(
        &self,
        fold: &mut Fold<'_>,
        range: &RangeExpr,
        grouping: Option<&Grouping>,
        label_map: &LabelMap,
        time: TimeRange,
        lowered: Lowered,
    ) -> Result<(), Error> {
        let pipeline = Pipeline::new(&lowered.rest).map_err(Error::Question)?;
        let changes_labels_only =
            |stage: &Stage| matches!(stage, Stage::Label(_) | Stage::LabelFormat(_) | Stage::Drop(_) | Stage::Keep(_));
        let needs_line = fold.needs_bytes() || !lowered.rest.iter().all(changes_labels_only);
        let reading = names(range, grouping, &lowered.rest).map(|names| Reading::new(&names, label_map, needs_line));
        let fields = reading.as_ref().map_or(&[][..], |reading| &reading.fields);
        let mut take = |mut line: Line<'_>| {
            if !pipeline.run(&mut line) {
                return Ok(());
            }
            let value = match &range.unwrap {
                Some(unwrap) => match unwrapped(unwrap, &mut line.labels) {
                    Some(value) => Some(value),
                    None => return Ok(()),
                },
                None => None,
            };
            fold.line(&line.labels, line.time_ns, line.text.len() as u64, value)
        };
        let mut outcome = Ok(());
        self.logs.visit_logs(self.tenant, &time.query(lowered.filter), fields, &mut |chunk| {
            let mut all = || -> Result<(), Error> {
                self.budget.read_samples(chunk.rows() as u64)?;
                self.budget.check()?;
                for row in 0..chunk.rows() {
                    match &reading {
                        Some(reading) => take(reading.line(chunk, row))?,
                        None => take(line_of(&chunk.row(row)))?,
                    }
                }
                Ok(())
            };
            outcome = all();
            if outcome.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        outcome
    }
}
