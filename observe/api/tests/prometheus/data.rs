//! Data for both: an hour of samples each 15 s.

use anyhow::{Result, ensure};
use vitrine_observe_store::model::metrics::{SeriesWrite, encode_remote_write};
use vitrine_observe_store::series::{Bucket, CounterReset, Histogram, Labels, MetricType, STALE, Value};

use crate::client::{HttpRequest, ask};

/// When the data begins, in seconds since 1970: a whole minute.
pub const START_S: i64 = 1_600_000_020;
/// Samples of each series.
pub const SAMPLES: i64 = 240;
/// Seconds between two of them.
pub const STEP_S: i64 = 15;

fn series(labels: &[(&str, &str)], kind: MetricType, value: impl Fn(i64) -> Option<Value>) -> SeriesWrite {
    let sample = |place: i64| Some(((START_S + place * STEP_S) * 1000, 0, value(place)?));
    SeriesWrite {
        labels: Labels::of(labels.iter().copied()),
        kind,
        help: String::new(),
        unit: String::new(),
        samples: (0..SAMPLES).filter_map(sample).collect(),
        exemplars: Vec::new(),
    }
}

fn float(value: f64) -> Option<Value> {
    Some(Value::Float(value.to_bits()))
}

/// A histogram that counts two more with each place.
pub fn histogram(place: i64, reset: CounterReset) -> Histogram {
    let count = 2.0 * place as f64;
    Histogram {
        schema: 1,
        zero_threshold: 0.001,
        zero_count: 1.0,
        count: 3.0 * count + 1.0,
        sum: count * 1.5,
        positive: vec![
            Bucket { index: -2, count },
            Bucket { index: -1, count: count / 2.0 },
            Bucket { index: 3, count: count / 2.0 },
        ],
        negative: vec![Bucket { index: 0, count }],
        reset,
        ..Histogram::default()
    }
}

/// Series whose values are odd in all ways that matter to how they are written.
pub fn seeded() -> Vec<SeriesWrite> {
    let up = |instance| [("__name__", "up"), ("job", "api"), ("instance", instance)];
    let mut all = vec![
        series(&up("a:1"), MetricType::Gauge, |_| float(1.0)),
        series(&up("b<2>&\"é"), MetricType::Gauge, |place| float(if place % 7 == 0 { 0.0 } else { 1.0 })),
        series(&[("__name__", "requests_total"), ("job", "api"), ("code", "200")], MetricType::Counter, |place| {
            float(((place * 17) % 1700) as f64)
        }),
        series(&[("__name__", "requests_total"), ("job", "api"), ("code", "500")], MetricType::Counter, |place| {
            float(place as f64 / 3.0)
        }),
        series(&[("__name__", "http.size"), ("a b", "c")], MetricType::Gauge, |place| {
            float([1e21, 1e-7, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, -0.0, 123_456_789.123][(place % 7) as usize])
        }),
        series(&[("__name__", "gone"), ("job", "batch")], MetricType::Gauge, |place| match place {
            0..100 => float(place as f64),
            100 => Some(Value::Float(STALE)),
            _ => None,
        }),
        series(&[("__name__", "native"), ("job", "api")], MetricType::Histogram, |place| {
            Some(Value::Histogram(histogram(place % 100, CounterReset::Unknown).into()))
        }),
        series(&[("__name__", "native_gauge"), ("job", "api")], MetricType::GaugeHistogram, |place| {
            Some(Value::Histogram(histogram(100 - place % 100, CounterReset::Gauge).into()))
        }),
    ];
    for (place, le) in ["0.1", "0.5", "1.0", "+Inf"].into_iter().enumerate() {
        let labels = [("__name__", "latency_bucket"), ("job", "api"), ("le", le)];
        all.push(series(&labels, MetricType::Histogram, |at| float((at * (place as i64 + 1)) as f64)));
    }
    all
}

/// Writes series into a server. A head of Prometheus takes samples in about their order only, so each request is of some minutes.
pub async fn write(port: u16, all: &[SeriesWrite]) -> Result<()> {
    const SAMPLES_OF_A_REQUEST: usize = 20;
    let longest = all.iter().map(|series| series.samples.len()).max().unwrap_or_default();
    for first in (0..longest).step_by(SAMPLES_OF_A_REQUEST) {
        let slice = |series: &SeriesWrite| {
            let samples = series.samples.iter().skip(first).take(SAMPLES_OF_A_REQUEST).cloned().collect();
            SeriesWrite { samples, ..series.clone() }
        };
        let part: Vec<SeriesWrite> = all.iter().map(slice).filter(|series| !series.samples.is_empty()).collect();
        let body = snap::raw::Encoder::new().compress_vec(&encode_remote_write(&part))?;
        let asked = HttpRequest { method: "POST", target: "/api/v1/write".to_owned(), headers: Vec::new(), body }
            .with("content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request")
            .with("content-encoding", "snappy")
            .with("x-prometheus-remote-write-version", "2.0.0");
        let answer = ask(port, &asked).await?;
        ensure!(answer.status == 204, "{}: {}", answer.status, answer.text());
    }
    Ok(())
}
