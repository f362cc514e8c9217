//! Writes version 2.0: what producers of this process hand over, and what is sent to others.

use std::collections::HashMap;
use std::sync::Arc;

use vitrine_kit::varint;
use vitrine_observe_series::{Bucket, CounterReset, Exemplar, Histogram, Labels, MetricType, Value};

/// Samples of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesWrite {
    /// Its labels, among them `__name__`.
    pub labels: Labels,
    /// What it counts like.
    pub kind: MetricType,
    /// What it means.
    pub help: String,
    /// Its unit.
    pub unit: String,
    /// Time, the time at which the total began (0 if that is not known), both in milliseconds since 1970, and value.
    pub samples: Vec<(i64, i64, Value)>,
    /// Exemplars.
    pub exemplars: Vec<Exemplar>,
}

/// Texts, each once.
#[derive(Default)]
struct Symbols {
    places: HashMap<Arc<str>, u64>,
    texts: Vec<Arc<str>>,
}

impl Symbols {
    fn place(&mut self, text: &str) -> u64 {
        if let Some(place) = self.places.get(text) {
            return *place;
        }
        let (place, text) = (self.texts.len() as u64, Arc::<str>::from(text));
        self.texts.push(text.clone());
        self.places.insert(text, place);
        place
    }
}

/// An `io.prometheus.write.v2.Request` with these series, not compressed. Doubles and histograms of one series are written as two.
pub fn encode_remote_write(series: &[SeriesWrite]) -> Vec<u8> {
    let mut symbols = Symbols::default();
    symbols.place("");
    let mut messages = Vec::new();
    for series in series {
        let (floats, histograms): (Vec<_>, Vec<_>) =
            series.samples.iter().partition(|(.., value)| matches!(value, Value::Float(_)));
        for (place, samples) in [floats, histograms].into_iter().filter(|samples| !samples.is_empty()).enumerate() {
            let exemplars = if place == 0 { &series.exemplars[..] } else { &[] };
            messages.push(time_series(&mut symbols, series, &samples, exemplars));
        }
    }
    let mut out = Vec::new();
    symbols.texts.iter().for_each(|text| bytes(&mut out, 4, text.as_bytes()));
    messages.iter().for_each(|message| bytes(&mut out, 5, message));
    out
}

fn time_series(
    symbols: &mut Symbols,
    series: &SeriesWrite,
    samples: &[&(i64, i64, Value)],
    exemplars: &[Exemplar],
) -> Vec<u8> {
    let mut out = Vec::new();
    labels(&mut out, symbols, &series.labels);
    for (time_ms, start_ms, value) in samples {
        let mut message = Vec::new();
        match value {
            Value::Float(bits) => {
                fixed(&mut message, 1, *bits);
                number(&mut message, 2, *time_ms as u64);
                number(&mut message, 3, *start_ms as u64);
                bytes(&mut out, 2, &message);
            }
            Value::Histogram(value) => {
                histogram(&mut message, value);
                number(&mut message, 15, *time_ms as u64);
                number(&mut message, 17, *start_ms as u64);
                bytes(&mut out, 3, &message);
            }
        }
    }
    for exemplar in exemplars {
        let mut message = Vec::new();
        labels(&mut message, symbols, &exemplar.labels);
        fixed(&mut message, 2, exemplar.value.to_bits());
        number(&mut message, 3, exemplar.time_ms as u64);
        bytes(&mut out, 4, &message);
    }
    let mut metadata = Vec::new();
    number(&mut metadata, 1, type_number(series.kind));
    number(&mut metadata, 3, symbols.place(&series.help));
    number(&mut metadata, 4, symbols.place(&series.unit));
    bytes(&mut out, 5, &metadata);
    out
}

fn labels(out: &mut Vec<u8>, symbols: &mut Symbols, labels: &Labels) {
    let mut places = Vec::new();
    for label in labels.iter() {
        varint::write(&mut places, symbols.place(&label.name));
        varint::write(&mut places, symbols.place(&label.value));
    }
    bytes(out, 1, &places);
}

/// A histogram of doubles: counts of PromQL's histograms need not be whole.
fn histogram(out: &mut Vec<u8>, histogram: &Histogram) {
    fixed(out, 2, histogram.count.to_bits());
    fixed(out, 3, histogram.sum.to_bits());
    number(out, 4, zigzag(histogram.schema.into()));
    fixed(out, 5, histogram.zero_threshold.to_bits());
    fixed(out, 7, histogram.zero_count.to_bits());
    side(out, 8, &histogram.negative);
    side(out, 11, &histogram.positive);
    let reset = match histogram.reset {
        CounterReset::Unknown => 0,
        CounterReset::Yes => 1,
        CounterReset::No => 2,
        CounterReset::Gauge => 3,
    };
    number(out, 14, reset);
    doubles(out, 16, histogram.custom_bounds.iter().copied());
}

/// Buckets of one side: runs of them have this number, their counts that number and two.
fn side(out: &mut Vec<u8>, spans: u32, buckets: &[Bucket]) {
    let mut next = 0i64;
    for run in buckets.chunk_by(|a, b| i64::from(a.index) + 1 == i64::from(b.index)) {
        let mut span = Vec::new();
        let first = i64::from(run[0].index);
        number(&mut span, 1, zigzag(first - next));
        number(&mut span, 2, run.len() as u64);
        bytes(out, spans, &span);
        next = first + run.len() as i64;
    }
    doubles(out, spans + 2, buckets.iter().map(|bucket| bucket.count));
}

fn type_number(kind: MetricType) -> u64 {
    match kind {
        MetricType::Unknown => 0,
        MetricType::Counter => 1,
        MetricType::Gauge => 2,
        MetricType::Histogram => 3,
        MetricType::GaugeHistogram => 4,
        MetricType::Summary => 5,
        MetricType::Info => 6,
        MetricType::StateSet => 7,
    }
}

fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

/// A varint; 0 is not written.
fn number(out: &mut Vec<u8>, field: u32, value: u64) {
    if value != 0 {
        varint::write(out, u64::from(field << 3));
        varint::write(out, value);
    }
}

fn fixed(out: &mut Vec<u8>, field: u32, bits: u64) {
    varint::write(out, u64::from(field << 3 | 1));
    out.extend_from_slice(&bits.to_le_bytes());
}

fn bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    varint::write(out, u64::from(field << 3 | 2));
    varint::write(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn doubles(out: &mut Vec<u8>, field: u32, values: impl Iterator<Item = f64>) {
    let packed: Vec<u8> = values.flat_map(f64::to_le_bytes).collect();
    if !packed.is_empty() {
        bytes(out, field, &packed);
    }
}
