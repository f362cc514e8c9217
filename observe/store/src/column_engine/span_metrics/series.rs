//! Totals as samples of series.

use std::sync::Arc;

use vitrine_observe_model::metrics::SeriesWrite;
use vitrine_observe_model::{SpanKind, StatusCode};
use vitrine_observe_series::{Bucket, Exemplar, Histogram, Labels, MetricType, NAME, STALE, Value};

use super::SpanTotals;
use super::totals::{CLASSIC, Key, Total};

/// The schema of native histograms: eight buckets for each doubling.
const SCHEMA: i8 = 3;
/// Milliseconds in a second.
const SECOND_MS: f64 = 1000.0;

/// What series from spans are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SpanMetricNames {
    /// As Grafana Tempo calls them: `traces_spanmetrics_calls_total` and `traces_spanmetrics_latency`, in seconds.
    #[default]
    Tempo,
    /// As OpenTelemetry's connector does: `traces_span_metrics_calls_total` and `traces_span_metrics_duration_milliseconds`.
    Connector,
    /// Both, at twice the cost.
    Both,
}

/// One way to call them.
struct Naming {
    calls: &'static str,
    durations: &'static str,
    unit: &'static str,
    /// What seconds are multiplied by.
    scale: f64,
    service: &'static str,
}

const TEMPO: Naming = Naming {
    calls: "traces_spanmetrics_calls_total",
    durations: "traces_spanmetrics_latency",
    unit: "seconds",
    scale: 1.0,
    service: "service",
};
const CONNECTOR: Naming = Naming {
    calls: "traces_span_metrics_calls_total",
    durations: "traces_span_metrics_duration_milliseconds",
    unit: "milliseconds",
    scale: SECOND_MS,
    service: "service_name",
};

pub(super) fn series(written: &SpanTotals, names: SpanMetricNames) -> Vec<SeriesWrite> {
    let namings: &[Naming] = match names {
        SpanMetricNames::Tempo => &[TEMPO],
        SpanMetricNames::Connector => &[CONNECTOR],
        SpanMetricNames::Both => &[TEMPO, CONNECTOR],
    };
    let mut series = Vec::new();
    for (key, total) in &written.totals.series {
        for naming in namings {
            OfOperation { naming, key, total, time_ms: written.time_ms }.write(&mut series);
        }
    }
    series
}

/// The series of an operation.
struct OfOperation<'a> {
    naming: &'a Naming,
    key: &'a Key,
    total: &'a Total,
    time_ms: i64,
}

fn kind_name(kind: u8) -> &'static str {
    match SpanKind::from_number(kind) {
        SpanKind::Unspecified => "SPAN_KIND_UNSPECIFIED",
        SpanKind::Internal => "SPAN_KIND_INTERNAL",
        SpanKind::Server => "SPAN_KIND_SERVER",
        SpanKind::Client => "SPAN_KIND_CLIENT",
        SpanKind::Producer => "SPAN_KIND_PRODUCER",
        SpanKind::Consumer => "SPAN_KIND_CONSUMER",
    }
}

fn status_name(status: u8) -> &'static str {
    match StatusCode::from_number(status) {
        StatusCode::Unset => "STATUS_CODE_UNSET",
        StatusCode::Ok => "STATUS_CODE_OK",
        StatusCode::Error => "STATUS_CODE_ERROR",
    }
}

impl OfOperation<'_> {
    fn write(&self, into: &mut Vec<SeriesWrite>) {
        let Naming { calls, durations, scale, .. } = *self.naming;
        into.push(self.series(calls, None, MetricType::Counter, Value::Float(self.total.count.to_bits()), vec![]));
        // A histogram in milliseconds has other buckets than one in seconds: it is told in classic ones only.
        if scale == 1.0 {
            let native = Value::Histogram(Arc::new(self.native()));
            into.push(self.series(durations, None, MetricType::Histogram, native, self.exemplars()));
        }
        let mut count = 0.0;
        for (place, in_bucket) in self.total.classic.iter().enumerate() {
            count += in_bucket;
            let bound = CLASSIC.get(place).map_or_else(|| "+Inf".to_owned(), |bound| (bound * scale).to_string());
            let exemplar = if scale == 1.0 { vec![] } else { self.exemplar_of(place) };
            let value = Value::Float(count.to_bits());
            into.push(self.series(
                &format!("{durations}_bucket"),
                Some(&bound),
                MetricType::Histogram,
                value,
                exemplar,
            ));
        }
        for (ending, value) in [("_count", self.total.count), ("_sum", self.total.seconds * scale)] {
            let value = Value::Float(value.to_bits());
            into.push(self.series(&format!("{durations}{ending}"), None, MetricType::Histogram, value, vec![]));
        }
    }

    fn series(
        &self,
        name: &str,
        le: Option<&str>,
        kind: MetricType,
        value: Value,
        exemplars: Vec<Exemplar>,
    ) -> SeriesWrite {
        let labels = [
            (NAME, name),
            (self.naming.service, &*self.key.service),
            ("span_name", &*self.key.name),
            ("span_kind", kind_name(self.key.kind)),
            ("status_code", status_name(self.key.status)),
        ];
        let value = if self.total.ended { ended(&value) } else { value };
        let (help, unit) = match kind {
            MetricType::Counter => ("How many spans there were.", ""),
            _ => ("How long spans took.", self.naming.unit),
        };
        SeriesWrite {
            labels: Labels::of(labels.into_iter().chain(le.map(|le| ("le", le)))),
            kind,
            help: help.to_owned(),
            unit: unit.to_owned(),
            samples: vec![(self.time_ms, self.total.began_ms, value)],
            exemplars,
        }
    }

    fn native(&self) -> Histogram {
        let bucket = |(index, count): (&i32, &f64)| Bucket { index: *index, count: *count };
        Histogram {
            schema: SCHEMA,
            zero_count: self.total.zero,
            count: self.total.count,
            sum: self.total.seconds,
            positive: self.total.native.iter().map(bucket).collect(),
            ..Histogram::default()
        }
    }

    fn exemplars(&self) -> Vec<Exemplar> {
        let mut all: Vec<Exemplar> = self.total.exemplars.values().map(|span| self.exemplar(span)).collect();
        all.sort_by_key(|exemplar| exemplar.time_ms);
        all
    }

    /// The newest exemplar in a classic bucket.
    fn exemplar_of(&self, place: usize) -> Vec<Exemplar> {
        let inside = self
            .total
            .exemplars
            .values()
            .filter(|span| CLASSIC.partition_point(|bound| *bound < span.seconds) == place);
        inside.max_by_key(|span| span.time_ms).map(|span| self.exemplar(span)).into_iter().collect()
    }

    fn exemplar(&self, span: &super::totals::SpanExemplar) -> Exemplar {
        let (trace, id) = (format!("{:032x}", span.trace), format!("{:016x}", span.span));
        Exemplar {
            labels: Labels::of([("trace_id", &*trace), ("span_id", &*id)]),
            value: span.seconds * self.naming.scale,
            time_ms: span.time_ms,
        }
    }
}

/// The value that says that a series has ended.
fn ended(value: &Value) -> Value {
    match value {
        Value::Float(_) => Value::Float(STALE),
        Value::Histogram(_) => {
            Value::Histogram(Arc::new(Histogram { sum: f64::from_bits(STALE), ..Histogram::default() }))
        }
    }
}
