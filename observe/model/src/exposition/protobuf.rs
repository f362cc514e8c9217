//! Protobuf: `io.prometheus.client.MetricFamily`, each after its length as a varint.

use std::borrow::Cow;
use std::sync::Arc;

use prost::Message;
use vitrine_observe_series::{Bucket, CounterReset, Histogram, Label, Labels, MetricType, NAME};

use super::series::unique;
use super::{Description, Entry, ExposedExemplar, ExposedSample, ExposedSeries, ExposedValue, Mistake, NAN};

#[derive(Clone, PartialEq, Message)]
struct MetricFamily {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    help: String,
    #[prost(int32, tag = "3")]
    kind: i32,
    #[prost(message, repeated, tag = "4")]
    metrics: Vec<Metric>,
    #[prost(string, tag = "5")]
    unit: String,
}

#[derive(Clone, PartialEq, Message)]
struct Metric {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<LabelPair>,
    #[prost(message, optional, tag = "2")]
    gauge: Option<Single>,
    #[prost(message, optional, tag = "3")]
    counter: Option<Single>,
    #[prost(message, optional, tag = "4")]
    summary: Option<Summary>,
    #[prost(message, optional, tag = "5")]
    untyped: Option<Single>,
    #[prost(int64, tag = "6")]
    time_ms: i64,
    #[prost(message, optional, tag = "7")]
    histogram: Option<ClientHistogram>,
}

#[derive(Clone, PartialEq, Message)]
struct LabelPair {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

/// A counter, gauge or untyped value: the fields have the same numbers.
#[derive(Clone, PartialEq, Message)]
struct Single {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(message, optional, tag = "2")]
    exemplar: Option<ClientExemplar>,
    #[prost(message, optional, tag = "3")]
    created: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(uint64, tag = "1")]
    count: u64,
    #[prost(double, tag = "2")]
    sum: f64,
    #[prost(message, repeated, tag = "3")]
    quantiles: Vec<Quantile>,
    #[prost(message, optional, tag = "4")]
    created: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Message)]
struct Quantile {
    #[prost(double, tag = "1")]
    quantile: f64,
    #[prost(double, tag = "2")]
    value: f64,
}

#[derive(Clone, PartialEq, Message)]
struct ClientHistogram {
    #[prost(uint64, tag = "1")]
    count: u64,
    #[prost(double, tag = "2")]
    sum: f64,
    #[prost(message, repeated, tag = "3")]
    buckets: Vec<ClassicBucket>,
    #[prost(double, tag = "4")]
    count_float: f64,
    #[prost(sint32, tag = "5")]
    schema: i32,
    #[prost(double, tag = "6")]
    zero_threshold: f64,
    #[prost(uint64, tag = "7")]
    zero_count: u64,
    #[prost(double, tag = "8")]
    zero_count_float: f64,
    #[prost(message, repeated, tag = "9")]
    negative_spans: Vec<BucketSpan>,
    #[prost(sint64, repeated, tag = "10")]
    negative_deltas: Vec<i64>,
    #[prost(double, repeated, tag = "11")]
    negative_counts: Vec<f64>,
    #[prost(message, repeated, tag = "12")]
    positive_spans: Vec<BucketSpan>,
    #[prost(sint64, repeated, tag = "13")]
    positive_deltas: Vec<i64>,
    #[prost(double, repeated, tag = "14")]
    positive_counts: Vec<f64>,
    #[prost(message, optional, tag = "15")]
    created: Option<Timestamp>,
    #[prost(message, repeated, tag = "16")]
    exemplars: Vec<ClientExemplar>,
}

#[derive(Clone, PartialEq, Message)]
struct ClassicBucket {
    #[prost(uint64, tag = "1")]
    cumulative_count: u64,
    #[prost(double, tag = "2")]
    upper_bound: f64,
    #[prost(message, optional, tag = "3")]
    exemplar: Option<ClientExemplar>,
    #[prost(double, tag = "4")]
    cumulative_count_float: f64,
}

#[derive(Clone, PartialEq, Message)]
struct BucketSpan {
    #[prost(sint32, tag = "1")]
    offset: i32,
    #[prost(uint32, tag = "2")]
    length: u32,
}

#[derive(Clone, PartialEq, Message)]
struct ClientExemplar {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<LabelPair>,
    #[prost(double, tag = "2")]
    value: f64,
    #[prost(message, optional, tag = "3")]
    time: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Message)]
struct Timestamp {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

impl Timestamp {
    fn millis(&self) -> i64 {
        self.seconds.saturating_mul(1_000).saturating_add(i64::from(self.nanos / 1_000_000))
    }
}

/// Which forms of a histogram that has both are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistogramForms {
    /// Native ones. Where they are not taken, the classic form is.
    pub native: bool,
    /// The classic form beside the native one.
    pub classic: bool,
}

/// Reads an exposition in protobuf, all families of it.
pub fn families(mut body: &[u8], forms: HistogramForms) -> Result<Vec<Entry<'static>>, Mistake> {
    let mut entries = Vec::new();
    let mut number = 0;
    while !body.is_empty() {
        number += 1;
        let wrong = |problem: String| Mistake { place: format!("family {number}"), problem };
        let family = MetricFamily::decode_length_delimited(&mut body)
            .map_err(|error| wrong(format!("{error}; expected io.prometheus.client.MetricFamily after its length")))?;
        add_family(&family, forms, &mut entries).map_err(wrong)?;
    }
    Ok(entries)
}

fn add_family(family: &MetricFamily, forms: HistogramForms, entries: &mut Vec<Entry<'static>>) -> Result<(), String> {
    if family.name.is_empty() {
        return Err("a family without a name".to_owned());
    }
    let kind = match family.kind {
        0 => MetricType::Counter,
        1 => MetricType::Gauge,
        2 => MetricType::Summary,
        3 => MetricType::Unknown,
        4 => MetricType::Histogram,
        5 => MetricType::GaugeHistogram,
        other => return Err(format!("unknown metric type {other} of {:?}", family.name)),
    };
    let mut describe = |description| {
        entries.push(Entry::Metadata { metric: Cow::Owned(family.name.clone()), description });
    };
    describe(Description::Type(kind));
    if !family.help.is_empty() {
        describe(Description::Help(Cow::Owned(family.help.clone())));
    }
    if !family.unit.is_empty() {
        describe(Description::Unit(Cow::Owned(family.unit.clone())));
    }
    for metric in &family.metrics {
        let mut samples = Samples { name: &family.name, metric, entries };
        match kind {
            MetricType::Counter => samples.single(metric.counter.as_ref())?,
            MetricType::Gauge => samples.single(metric.gauge.as_ref())?,
            MetricType::Summary => samples.summary()?,
            MetricType::Histogram | MetricType::GaugeHistogram => samples.histogram(kind, forms)?,
            _ => samples.single(metric.untyped.as_ref())?,
        }
    }
    Ok(())
}

/// Makes samples of one metric.
struct Samples<'a> {
    name: &'a str,
    metric: &'a Metric,
    entries: &'a mut Vec<Entry<'static>>,
}

impl Samples<'_> {
    fn push(
        &mut self,
        suffix: &str,
        extra: Option<(&str, f64)>,
        value: ExposedValue,
        start: Option<&Timestamp>,
        exemplars: Vec<ExposedExemplar>,
    ) -> Result<(), String> {
        let name = Label { name: NAME.into(), value: format!("{}{suffix}", self.name).into() };
        let extra = extra.map(|(name, value)| Label { name: name.into(), value: bound_text(value).into() });
        let own = self.metric.labels.iter().map(label);
        let labels: Vec<Label> = own.chain([name]).chain(extra).collect();
        self.entries.push(Entry::Sample(ExposedSample {
            series: ExposedSeries::Labels(unique(labels)?),
            value,
            time_ms: (self.metric.time_ms != 0).then_some(self.metric.time_ms),
            start_ms: start.map(Timestamp::millis),
            exemplars,
        }));
        Ok(())
    }

    fn missing(&self, what: &str) -> String {
        format!("a metric of {:?} without its {what}", self.name)
    }

    fn single(&mut self, single: Option<&Single>) -> Result<(), String> {
        let single = single.ok_or_else(|| self.missing("value"))?;
        let exemplars = single.exemplar.iter().map(exemplar).collect();
        self.push("", None, float(single.value), single.created.as_ref(), exemplars)
    }

    fn summary(&mut self) -> Result<(), String> {
        let summary = self.metric.summary.as_ref().ok_or_else(|| self.missing("summary"))?;
        let start = summary.created.as_ref();
        self.push("_count", None, float(summary.count as f64), start, Vec::new())?;
        self.push("_sum", None, float(summary.sum), start, Vec::new())?;
        for Quantile { quantile, value } in &summary.quantiles {
            self.push("", Some(("quantile", *quantile)), float(*value), start, Vec::new())?;
        }
        Ok(())
    }

    fn histogram(&mut self, kind: MetricType, forms: HistogramForms) -> Result<(), String> {
        let given = self.metric.histogram.as_ref().ok_or_else(|| self.missing("histogram"))?;
        let is_native = forms.native && is_native(given);
        if is_native {
            let histogram = native(given, kind).map_err(|problem| format!("{:?}: {problem}", self.name))?;
            let in_buckets = given.buckets.iter().filter_map(|bucket| bucket.exemplar.as_ref());
            let own: Vec<_> = given.exemplars.iter().map(exemplar).collect();
            let exemplars = if own.is_empty() { in_buckets.map(exemplar).collect() } else { own };
            let value = ExposedValue::Histogram(Box::new(histogram));
            self.push("", None, value, given.created.as_ref(), exemplars)?;
        }
        if !is_native || (forms.classic && !given.buckets.is_empty()) {
            self.classic(given)?;
        }
        Ok(())
    }

    fn classic(&mut self, given: &ClientHistogram) -> Result<(), String> {
        let start = given.created.as_ref();
        let count = if given.count_float > 0.0 { given.count_float } else { given.count as f64 };
        self.push("_count", None, float(count), start, Vec::new())?;
        self.push("_sum", None, float(given.sum), start, Vec::new())?;
        let mut is_infinite = false;
        for bucket in &given.buckets {
            is_infinite |= bucket.upper_bound == f64::INFINITY;
            let is_float = bucket.cumulative_count_float > 0.0;
            let value = if is_float { bucket.cumulative_count_float } else { bucket.cumulative_count as f64 };
            let exemplars = bucket.exemplar.iter().map(exemplar).collect();
            self.push("_bucket", Some(("le", bucket.upper_bound)), float(value), start, exemplars)?;
        }
        if is_infinite {
            return Ok(());
        }
        self.push("_bucket", Some(("le", f64::INFINITY)), float(count), start, Vec::new())
    }
}

fn label(pair: &LabelPair) -> Label {
    Label { name: pair.name.as_str().into(), value: pair.value.as_str().into() }
}

fn float(value: f64) -> ExposedValue {
    ExposedValue::Float(if value.is_nan() { NAN } else { value.to_bits() })
}

fn exemplar(given: &ClientExemplar) -> ExposedExemplar {
    ExposedExemplar {
        labels: Labels::new(given.labels.iter().map(label)),
        value: given.value,
        time_ms: given.time.as_ref().map(Timestamp::millis),
    }
}

/// A bound as OpenMetrics writes it: whole numbers with `.0`.
fn bound_text(value: f64) -> String {
    match value {
        _ if value.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        // As Go's shortest form 'g': an exponent from 1e6 on, of at least two digits and with its sign.
        _ if value != 0.0 && !(1e-4..1e6).contains(&value.abs()) => {
            let text = format!("{value:e}");
            let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
            format!("{digits}e{sign}{exponent:0>2}")
        }
        _ if value == value.trunc() => format!("{value:.1}"),
        _ => value.to_string(),
    }
}

/// Whether it has native buckets: at least a zero bucket's width or a span, as clients say an empty one.
fn is_native(given: &ClientHistogram) -> bool {
    given.zero_threshold > 0.0
        || given.zero_count > 0
        || given.zero_count_float > 0.0
        || !given.positive_spans.is_empty()
        || !given.negative_spans.is_empty()
}

fn native(given: &ClientHistogram, kind: MetricType) -> Result<Histogram, String> {
    let schema = i8::try_from(given.schema).ok().filter(|schema| (-4..=8).contains(schema));
    let schema = schema.ok_or_else(|| format!("histogram schema {}: expected -4 to 8", given.schema))?;
    let is_float = given.count_float > 0.0 || given.zero_count_float > 0.0;
    let pick = |whole: u64, float: f64| if is_float { float } else { whole as f64 };
    let reset = if kind == MetricType::GaugeHistogram { CounterReset::Gauge } else { CounterReset::Unknown };
    Ok(Histogram {
        schema,
        zero_threshold: given.zero_threshold,
        zero_count: pick(given.zero_count, given.zero_count_float),
        count: pick(given.count, given.count_float),
        sum: given.sum,
        positive: buckets(&given.positive_spans, &given.positive_deltas, &given.positive_counts)?,
        negative: buckets(&given.negative_spans, &given.negative_deltas, &given.negative_counts)?,
        custom_bounds: Arc::default(),
        reset,
    })
}

/// Buckets of spans, with counts as differences to the one before, or as they are.
fn buckets(spans: &[BucketSpan], deltas: &[i64], counts: &[f64]) -> Result<Vec<Bucket>, String> {
    let expected: u64 = spans.iter().map(|span| u64::from(span.length)).sum();
    let given = deltas.len().max(counts.len());
    if expected != given as u64 {
        return Err(format!("spans of {expected} buckets with {given} counts"));
    }
    let mut total = 0_i64;
    let mut values: Vec<f64> = counts.to_vec();
    if counts.is_empty() {
        for delta in deltas {
            total = total.checked_add(*delta).ok_or("bucket counts beyond 64 bits")?;
            values.push(total as f64);
        }
    }
    let mut buckets = Vec::with_capacity(given);
    let (mut index, mut values) = (0_i32, values.into_iter());
    for span in spans {
        index = index.checked_add(span.offset).ok_or("a bucket index beyond 32 bits")?;
        for count in values.by_ref().take(span.length as usize) {
            buckets.push(Bucket { index, count });
            index = index.checked_add(1).ok_or("a bucket index beyond 32 bits")?;
        }
    }
    if buckets.iter().any(|bucket| bucket.count < 0.0) {
        return Err("a bucket with a negative count".to_owned());
    }
    if !buckets.is_sorted_by(|one, next| one.index < next.index) {
        return Err("spans that are not in order".to_owned());
    }
    Ok(buckets)
}
