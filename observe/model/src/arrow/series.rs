//! Series, and exemplars of series, as rows.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Int64Array, RecordBatch};
use arrow_schema::Field;
use vitrine_observe_series::{Exemplar, MetricType};

use super::BatchTooLarge;
use super::cells::{counts, doubles, ids, maps, pairs, some_words, times, whole, words};
use super::points::{batch_of, float_kind, help_of, temporality};
use crate::metric_point::MetricKind;
use crate::metrics::SentSeries;
use crate::table::Table;
use crate::{SpanId, TraceId};

/// The label of an exemplar that names its trace.
const TRACE_ID: &str = "trace_id";
/// The one that names its span.
const SPAN_ID: &str = "span_id";

/// A series as a row of [`Table::Series`].
#[derive(Debug, Clone)]
pub struct SeriesRow {
    /// What was sent of it.
    pub sent: Arc<SentSeries>,
    /// The times of its first and its last sample, in milliseconds since 1970, and how many there are; none if no one asked.
    pub samples: Option<(i64, i64, u64)>,
}

/// Series as a batch of [`Table::Series`], or of those columns of it, by place, in the order given. `help` says what metrics mean, by
/// the names that PromQL has for them.
///
/// # Errors
///
/// Arrow cannot hold so many.
pub fn series_batch(
    rows: &[SeriesRow],
    help: &HashMap<String, String>,
    projection: Option<&[usize]>,
) -> Result<RecordBatch, BatchTooLarge> {
    batch_of(Table::Series, rows.len(), projection, |field| series_column(rows, help, field))
}

fn series_column(rows: &[SeriesRow], help: &HashMap<String, String>, field: &Field) -> Option<ArrayRef> {
    let each = || rows.iter().map(|row| &*row.sent);
    let samples = || rows.iter().map(|row| row.samples);
    Some(match field.name().as_str() {
        "id" => ids(each().map(|sent| Some(sent.id.0.to_be_bytes()))),
        "name" => words(each().map(|sent| Some(sent.name.as_str()))),
        "kind" => words(each().map(|sent| Some(kind(sent).name()))),
        "unit" => some_words(each().map(|sent| sent.unit.as_str())),
        "help" => some_words(each().map(|sent| help_of(help, sent))),
        "temporality" => words(each().map(|sent| temporality(kind(sent), sent.temporality))),
        "monotonic" => {
            let is_rising = |sent: &SentSeries| kind(sent) == MetricKind::Sum && sent.monotonic;
            Arc::new(each().map(|sent| is_rising(sent).then_some(true)).collect::<BooleanArray>())
        }
        "service" => words(each().map(|sent| Some(sent.service.as_str()))),
        "labels" => labels(each(), field)?,
        "attributes" => maps(each().map(|sent| pairs(&sent.attributes)), field)?,
        "resource" => maps(each().map(|sent| pairs(&sent.resource)), field)?,
        "first_time" => times(samples().map(|found| found.map(|(first, ..)| first))),
        "last_time" => times(samples().map(|found| found.map(|(_, last, _)| last))),
        "samples" => counts(samples().map(|found| Some(found.map_or(0, |(.., count)| count)))),
        _ => return None,
    })
}

/// What a series counts like, without a look at its samples.
fn kind(sent: &SentSeries) -> MetricKind {
    match (sent.kind, sent.metric_type) {
        (Some(kind), _) => kind,
        // Those of classic histograms and summaries are doubles that rise.
        (None, MetricType::Histogram | MetricType::GaugeHistogram) if !sent.monotonic => MetricKind::Histogram,
        (None, MetricType::Summary) if !sent.monotonic => MetricKind::Summary,
        (None, _) => float_kind(sent),
    }
}

fn labels<'a>(sent: impl Iterator<Item = &'a SentSeries>, field: &Field) -> Option<ArrayRef> {
    maps(sent.map(|sent| sent.labels.iter().map(|label| (&*label.name, Some(&*label.value)))), field)
}

/// Exemplars of series as a batch of [`Table::Exemplars`], or of those columns of it, by place, in the order given.
///
/// # Errors
///
/// Arrow cannot hold so many.
pub fn exemplar_batch(
    rows: &[(Arc<SentSeries>, Exemplar)],
    projection: Option<&[usize]>,
) -> Result<RecordBatch, BatchTooLarge> {
    batch_of(Table::Exemplars, rows.len(), projection, |field| exemplar_column(rows, field))
}

fn exemplar_column(rows: &[(Arc<SentSeries>, Exemplar)], field: &Field) -> Option<ArrayRef> {
    let each = || rows.iter().map(|(sent, _)| &**sent);
    let exemplars = || rows.iter().map(|(_, exemplar)| exemplar);
    Some(match field.name().as_str() {
        "time" | "point_time" => times(exemplars().map(|exemplar| Some(exemplar.time_ms))),
        "name" => words(each().map(|sent| Some(sent.name.as_str()))),
        "unit" => some_words(each().map(|sent| sent.unit.as_str())),
        "service" => words(each().map(|sent| Some(sent.service.as_str()))),
        "value" => doubles(exemplars().map(|exemplar| Some(exemplar.value))),
        "value_int" => Arc::new(exemplars().map(|exemplar| whole(exemplar.value)).collect::<Int64Array>()),
        "trace_id" => ids(exemplars().map(|it| TraceId::parse(it.labels.get(TRACE_ID)?).ok().map(|id| id.0))),
        "span_id" => ids(exemplars().map(|it| SpanId::parse(it.labels.get(SPAN_ID)?).ok().map(|id| id.0))),
        "attributes" => {
            let own = |exemplar: &Exemplar| -> Vec<(String, String)> {
                let others = exemplar.labels.iter().filter(|label| ![TRACE_ID, SPAN_ID].contains(&&*label.name));
                others.map(|label| (label.name.to_string(), label.value.to_string())).collect()
            };
            let own: Vec<Vec<(String, String)>> = exemplars().map(own).collect();
            maps(own.iter().map(|pairs| pairs.iter().map(|(key, value)| (key.as_str(), Some(value.as_str())))), field)?
        }
        "point_attributes" => maps(each().map(|sent| pairs(&sent.attributes)), field)?,
        "resource" => maps(each().map(|sent| pairs(&sent.resource)), field)?,
        "series" => ids(each().map(|sent| Some(sent.id.0.to_be_bytes()))),
        "labels" => labels(each(), field)?,
        _ => return None,
    })
}
