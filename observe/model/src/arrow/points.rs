//! Samples of series as rows of the table of metric points, and what a point was when it was sent.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow_schema::{Field, Schema};
use vitrine_observe_series::{
    Bucket, CUSTOM_BUCKETS, Histogram, MetricType, ScannedSamples, SeriesId, Temporality, Value, Values, is_stale,
};

use super::BatchTooLarge;
use super::cells::{
    MAX_EXACT, count_lists, counts, double_lists, doubles, ids, maps, pairs, some_words, times, whole, words,
};
use crate::metric_point::MetricKind;
use crate::metrics::identity::Part;
use crate::metrics::{PartOfPoint, SentSeries, ZERO_THRESHOLD};
use crate::table::Table;

/// Most buckets of one side of a histogram that a list shows, empty ones between others counted.
const MAX_BUCKETS: i64 = 65_536;
/// OTLP's flag of a point that says that no value was recorded.
const NO_RECORDED_VALUE: u32 = 1;

/// What series beside a series keep of its points.
#[derive(Debug, Clone, Default)]
pub struct BesideSamples {
    /// What is to be added to doubles that are whole numbers of more than 53 bits.
    pub rest: Option<ScannedSamples>,
    /// Least values of histograms.
    pub least: Option<ScannedSamples>,
    /// Greatest values.
    pub greatest: Option<ScannedSamples>,
}

/// Rows of metric points, put together from series.
#[derive(Debug, Default)]
pub struct PointRows {
    series: Vec<Arc<SentSeries>>,
    rows: Vec<Row>,
    /// Parts of summaries, each of which is a series, until all series were seen.
    summaries: BTreeMap<(SeriesId, i64), (Arc<SentSeries>, Summary, i64)>,
}

#[derive(Debug, Clone)]
struct Row {
    /// The place of its series.
    series: usize,
    time_ms: i64,
    /// 0 where it is not known.
    start_ms: i64,
    point: Point,
}

#[derive(Debug, Clone)]
enum Point {
    Absent,
    Number { value: f64, whole: Option<i64> },
    Histogram { histogram: Arc<Histogram>, least: Option<f64>, greatest: Option<f64> },
    Summary(Summary),
}

#[derive(Debug, Clone, Default)]
struct Summary {
    count: Option<f64>,
    sum: Option<f64>,
    quantiles: Vec<(f64, f64)>,
}

impl PointRows {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Bytes that parts of summaries take, which wait for the others.
    pub fn waiting_bytes(&self) -> usize {
        self.summaries.len() * size_of::<((SeriesId, i64), (Arc<SentSeries>, Summary, i64))>()
    }

    /// Adds some of the samples of a series, by their places.
    pub fn add(
        &mut self,
        series: &Arc<SentSeries>,
        samples: &ScannedSamples,
        beside: &BesideSamples,
        places: Range<usize>,
    ) {
        let start = |at: usize| samples.starts.as_ref().map_or(0, |starts| starts[at]);
        let is_summary = series.kind == Some(MetricKind::Summary);
        if let (true, PartOfPoint::Part(part)) = (is_summary, &series.part) {
            for at in places {
                let time = &samples.times[at];
                let entry = self.summaries.entry((series.point, *time));
                let (_, summary, _) = entry.or_insert_with(|| (series.clone(), Summary::default(), start(at)));
                let Some(bits) = float(&samples.values, at).filter(|bits| !is_stale(*bits)) else { continue };
                match part {
                    Part::Sum => summary.sum = Some(f64::from_bits(bits)),
                    Part::Count => summary.count = Some(f64::from_bits(bits)),
                    Part::Quantile(quantile) => summary.quantiles.push((*quantile, f64::from_bits(bits))),
                    Part::Whole => {}
                }
            }
            return;
        }
        let place = self.series.len();
        self.series.push(series.clone());
        for at in places {
            let time = samples.times[at];
            let point = match value(&samples.values, at) {
                Value::Float(bits) if is_stale(bits) => Point::Absent,
                Value::Float(bits) => {
                    let value = f64::from_bits(bits);
                    Point::Number { value, whole: whole(value).or_else(|| beyond(value, at_time(&beside.rest, time)?)) }
                }
                Value::Histogram(histogram) if is_stale(histogram.sum.to_bits()) => Point::Absent,
                Value::Histogram(histogram) => Point::Histogram {
                    histogram,
                    least: at_time(&beside.least, time),
                    greatest: at_time(&beside.greatest, time),
                },
            };
            self.rows.push(Row { series: place, time_ms: time, start_ms: start(at), point });
        }
    }

    /// All series were seen: summaries are whole.
    pub fn finish(&mut self) {
        for ((_, time_ms), (series, mut summary, start_ms)) in std::mem::take(&mut self.summaries) {
            summary.quantiles.sort_by(|one, other| one.0.total_cmp(&other.0));
            let is_absent = summary.count.is_none() && summary.sum.is_none() && summary.quantiles.is_empty();
            let point = if is_absent { Point::Absent } else { Point::Summary(summary) };
            self.rows.push(Row { series: self.series.len(), time_ms, start_ms, point });
            self.series.push(series);
        }
    }

    /// Takes up to so many rows as a batch of [`Table::Metrics`], or of those columns of it, by place, in the order given.
    /// `help` says what metrics mean, by the names that PromQL has for them.
    ///
    /// # Errors
    ///
    /// Arrow cannot hold so many.
    pub fn take(
        &mut self,
        most: usize,
        help: &HashMap<String, String>,
        projection: Option<&[usize]>,
    ) -> Result<RecordBatch, BatchTooLarge> {
        let rest = self.rows.split_off(self.rows.len().min(most));
        let rows = std::mem::replace(&mut self.rows, rest);
        let batch = batch_of(Table::Metrics, rows.len(), projection, |field| self.column(&rows, help, field));
        if self.rows.is_empty() {
            self.series.clear();
        }
        batch
    }

    fn column(&self, rows: &[Row], help: &HashMap<String, String>, field: &Field) -> Option<ArrayRef> {
        let sent = |row: &Row| &self.series[row.series];
        let each = || rows.iter().map(|row| &**sent(row));
        Some(match field.name().as_str() {
            "time" => times(rows.iter().map(|row| Some(row.time_ms))),
            "start_time" => times(rows.iter().map(|row| (row.start_ms != 0).then_some(row.start_ms))),
            "name" => words(each().map(|sent| Some(sent.name.as_str()))),
            "kind" => words(rows.iter().map(|row| Some(row.kind(sent(row)).name()))),
            "unit" => some_words(each().map(|sent| sent.unit.as_str())),
            "service" => words(each().map(|sent| Some(sent.service.as_str()))),
            "temporality" => words(rows.iter().map(|row| temporality(row.kind(sent(row)), sent(row).temporality))),
            "monotonic" => {
                let is_rising = |row: &Row| row.kind(sent(row)) == MetricKind::Sum && sent(row).monotonic;
                Arc::new(rows.iter().map(|row| is_rising(row).then_some(true)).collect::<BooleanArray>())
            }
            "attributes" => maps(each().map(|sent| pairs(&sent.attributes)), field)?,
            "resource" => maps(each().map(|sent| pairs(&sent.resource)), field)?,
            "scope_name" => some_words(each().map(|sent| sent.scope_name.as_str())),
            "scope_version" => some_words(each().map(|sent| sent.scope_version.as_str())),
            "scope_attributes" => maps(each().map(|sent| pairs(&sent.scope_attributes)), field)?,
            "resource_schema_url" => some_words(each().map(|sent| sent.resource_schema_url.as_str())),
            "scope_schema_url" => some_words(each().map(|sent| sent.scope_schema_url.as_str())),
            "description" => some_words(each().map(|sent| help_of(help, sent))),
            "metadata" => maps(rows.iter().map(|_| std::iter::empty()), field)?,
            "resource_dropped_attributes" | "scope_dropped_attributes" => {
                Arc::new(UInt32Array::from_iter_values(rows.iter().map(|_| 0)))
            }
            "series" => ids(each().map(|sent| Some(sent.id.0.to_be_bytes()))),
            other => value_column(rows, other)?,
        })
    }
}

/// What a metric means; empty where that is not known.
pub(super) fn help_of<'a>(help: &'a HashMap<String, String>, sent: &SentSeries) -> &'a str {
    help.get(sent.labels.metric()).map_or("", String::as_str)
}

/// A batch of columns of a table.
pub(super) fn batch_of(
    table: Table,
    rows: usize,
    projection: Option<&[usize]>,
    column: impl Fn(&Field) -> Option<ArrayRef>,
) -> Result<RecordBatch, BatchTooLarge> {
    let schema = table.schema();
    let places: Vec<usize> = match projection {
        Some(places) => places.iter().copied().filter(|place| *place < schema.fields().len()).collect(),
        None => (0..schema.fields().len()).collect(),
    };
    let fields: Vec<_> = places.iter().map(|place| schema.fields()[*place].clone()).collect();
    let arrays: Option<Vec<ArrayRef>> = fields.iter().map(|field| column(field)).collect();
    let arrays = arrays.ok_or(BatchTooLarge { column: "attributes", rows })?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let batch = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options);
    Ok(batch.expect("each array is made for its field"))
}

/// A column that tells of values.
fn value_column(rows: &[Row], name: &str) -> Option<ArrayRef> {
    let number = |row: &Row| match &row.point {
        Point::Number { value, whole } => Some((*value, *whole)),
        _ => None,
    };
    let histograms = || rows.iter().map(Row::histogram);
    let exponential = || histograms().map(|found| found.filter(|histogram| histogram.schema != CUSTOM_BUCKETS));
    Some(match name {
        "value" => doubles(rows.iter().map(|row| number(row).map(|(value, _)| value))),
        "value_int" => {
            Arc::new(rows.iter().map(|row| number(row).and_then(|(_, whole)| whole)).collect::<Int64Array>())
        }
        "count" => counts(rows.iter().map(Row::count)),
        "sum" => doubles(rows.iter().map(Row::sum)),
        "min" => doubles(rows.iter().map(|row| row.extremes().0)),
        "max" => doubles(rows.iter().map(|row| row.extremes().1)),
        "bounds" => {
            double_lists(histograms().map(|found| Some(found?.custom_bounds.to_vec()).filter(|it| !it.is_empty())))
        }
        "bucket_counts" => count_lists(histograms().map(|found| bucket_counts(found?))),
        "negative_bucket_counts" => {
            count_lists(exponential().map(|found| dense(&found?.negative).map(|(_, counts)| counts)))
        }
        "scale" => Arc::new(exponential().map(|found| Some(i64::from(found?.schema))).collect::<Int64Array>()),
        "zero_count" => counts(exponential().map(|found| Some(found?.zero_count as u64))),
        "zero_threshold" => doubles(exponential().map(|found| {
            let threshold = found?.zero_threshold;
            Some(if threshold == ZERO_THRESHOLD { 0.0 } else { threshold })
        })),
        "positive_offset" => {
            Arc::new(exponential().map(|found| Some(offset(&found?.positive))).collect::<Int64Array>())
        }
        "negative_offset" => {
            Arc::new(exponential().map(|found| Some(offset(&found?.negative))).collect::<Int64Array>())
        }
        "quantiles" => double_lists(rows.iter().map(|row| row.quantiles(|(quantile, _)| *quantile))),
        "quantile_values" => double_lists(rows.iter().map(|row| row.quantiles(|(_, value)| *value))),
        "flags" => {
            let is_absent = |row: &Row| matches!(row.point, Point::Absent);
            let flags = rows.iter().map(|row| if is_absent(row) { NO_RECORDED_VALUE } else { 0 });
            Arc::new(UInt32Array::from_iter_values(flags))
        }
        _ => return None,
    })
}

impl Row {
    fn kind(&self, sent: &SentSeries) -> MetricKind {
        match (sent.kind, &self.point) {
            (Some(kind), _) => kind,
            (None, Point::Histogram { histogram, .. }) if histogram.schema == CUSTOM_BUCKETS => MetricKind::Histogram,
            (None, Point::Histogram { .. }) => MetricKind::ExponentialHistogram,
            (None, _) => float_kind(sent),
        }
    }

    fn histogram(&self) -> Option<&Histogram> {
        match &self.point {
            Point::Histogram { histogram, .. } => Some(histogram),
            _ => None,
        }
    }

    fn count(&self) -> Option<u64> {
        match &self.point {
            Point::Histogram { histogram, .. } => Some(histogram.count as u64),
            Point::Summary(summary) => summary.count.map(|count| count as u64),
            _ => None,
        }
    }

    fn sum(&self) -> Option<f64> {
        match &self.point {
            Point::Histogram { histogram, .. } => Some(histogram.sum),
            Point::Summary(summary) => summary.sum,
            _ => None,
        }
    }

    fn extremes(&self) -> (Option<f64>, Option<f64>) {
        match &self.point {
            Point::Histogram { least, greatest, .. } => (*least, *greatest),
            _ => (None, None),
        }
    }

    fn quantiles(&self, part: impl Fn(&(f64, f64)) -> f64) -> Option<Vec<f64>> {
        match &self.point {
            Point::Summary(summary) if !summary.quantiles.is_empty() => {
                Some(summary.quantiles.iter().map(part).collect())
            }
            _ => None,
        }
    }
}

/// What a series of labels counts like, whose samples are doubles.
pub(super) fn float_kind(sent: &SentSeries) -> MetricKind {
    let is_sum = sent.metric_type == MetricType::Counter || sent.monotonic;
    if is_sum { MetricKind::Sum } else { MetricKind::Gauge }
}

/// What has no meaning for gauges and summaries.
pub(super) fn temporality(kind: MetricKind, temporality: Temporality) -> Option<&'static str> {
    match (kind, temporality) {
        (MetricKind::Gauge | MetricKind::Summary, _) => None,
        (_, Temporality::Delta) => Some("delta"),
        (_, Temporality::Cumulative) => Some("cumulative"),
    }
}

fn value(values: &Values, at: usize) -> Value {
    match values {
        Values::Floats(values) => Value::Float(values[at]),
        Values::Histograms(values) => Value::Histogram(values[at].clone()),
        Values::Mixed(values) => values[at].clone(),
    }
}

fn float(values: &Values, at: usize) -> Option<u64> {
    value(values, at).float()
}

/// The whole number that is greater than this double by so much.
fn beyond(value: f64, rest: f64) -> Option<i64> {
    let is_beyond = value.abs() >= MAX_EXACT && value.is_finite();
    is_beyond.then(|| i64::try_from(value as i128 + rest as i128).ok()).flatten()
}

/// What a series beside has at a time.
fn at_time(samples: &Option<ScannedSamples>, time_ms: i64) -> Option<f64> {
    let samples = samples.as_ref()?;
    let at = samples.times.binary_search(&time_ms).ok()?;
    float(&samples.values, at).filter(|bits| !is_stale(*bits)).map(f64::from_bits)
}

/// Counts of all buckets of a histogram, or of those above zero; none where it has none.
fn bucket_counts(histogram: &Histogram) -> Option<Vec<u64>> {
    if histogram.schema != CUSTOM_BUCKETS {
        return dense(&histogram.positive).map(|(_, counts)| counts);
    }
    if histogram.custom_bounds.is_empty() {
        return None;
    }
    let mut counts = vec![0; histogram.custom_bounds.len() + 1];
    for bucket in &histogram.positive {
        if let Some(count) = usize::try_from(bucket.index).ok().and_then(|index| counts.get_mut(index)) {
            *count = bucket.count as u64;
        }
    }
    Some(counts)
}

/// The index of the first bucket, as OTLP counts them, which is one less than Prometheus.
fn offset(buckets: &[Bucket]) -> i64 {
    buckets.first().map_or(0, |first| i64::from(first.index) - 1)
}

/// Buckets with the empty ones between them; none where there are none, or too many.
fn dense(buckets: &[Bucket]) -> Option<(i64, Vec<u64>)> {
    let (first, last) = (buckets.first()?, buckets.last()?);
    let length = i64::from(last.index) - i64::from(first.index) + 1;
    if !(1..=MAX_BUCKETS).contains(&length) {
        return None;
    }
    let mut counts = vec![0; length as usize];
    for bucket in buckets {
        let place = i64::from(bucket.index) - i64::from(first.index);
        if let Some(count) = usize::try_from(place).ok().and_then(|place| counts.get_mut(place)) {
            *count = bucket.count as u64;
        }
    }
    Some((offset(buckets), counts))
}
