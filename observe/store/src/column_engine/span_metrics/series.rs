//! Totals as samples of series.

use std::sync::Arc;

use vitrine_observe_model::metrics::SeriesWrite;
use vitrine_observe_model::{SpanKind, StatusCode};
use vitrine_observe_series::{Bucket, Exemplar, Histogram, Labels, MetricType, NAME, STALE, Value};

use super::durations::Durations;
use super::edges::{self, Edge, EdgeTotal};
use super::ledger::Life;
use super::{Operation, OperationTotal, SpanExemplar, SpanTotals, Target, operations};

/// The schema of native histograms: eight buckets for each doubling.
const SCHEMA: i8 = 3;
/// Milliseconds in a second.
const SECOND_MS: f64 = 1000.0;
/// What series of calls begin with; Tempo and the connector agree on it.
const GRAPH: &str = "traces_service_graph_";
/// The value of series that tell something by their labels.
const ONE: f64 = 1.0;

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

/// One way to call series of operations.
struct Naming {
    calls: &'static str,
    durations: &'static str,
    /// None where there is no such series.
    size: Option<&'static str>,
    target: &'static str,
    service: &'static str,
    unit: Unit,
}

const TEMPO: Naming = Naming {
    calls: "traces_spanmetrics_calls_total",
    durations: "traces_spanmetrics_latency",
    size: Some("traces_spanmetrics_size_total"),
    target: "traces_target_info",
    service: "service",
    unit: SECONDS,
};
const CONNECTOR: Naming = Naming {
    calls: "traces_span_metrics_calls_total",
    durations: "traces_span_metrics_duration_milliseconds",
    size: None,
    target: "target_info",
    service: "service_name",
    unit: MILLISECONDS,
};

/// What durations are told in.
#[derive(Clone, Copy)]
struct Unit {
    name: &'static str,
    /// What seconds are multiplied by.
    scale: f64,
    /// Whether there is a native histogram: one in milliseconds has other buckets than one in seconds.
    is_native: bool,
}

const SECONDS: Unit = Unit { name: "seconds", scale: 1.0, is_native: true };
const MILLISECONDS: Unit = Unit { name: "milliseconds", scale: SECOND_MS, is_native: false };

pub(super) fn series(written: &SpanTotals, names: SpanMetricNames) -> Vec<SeriesWrite> {
    let namings: &[Naming] = match names {
        SpanMetricNames::Tempo => &[TEMPO],
        SpanMetricNames::Connector => &[CONNECTOR],
        SpanMetricNames::Both => &[TEMPO, CONNECTOR],
    };
    let mut into = Vec::new();
    for naming in namings {
        for (operation, total) in written.totals.operations.iter() {
            of_operation(written, naming, operation, total, &mut into);
        }
        for (target, seen) in written.totals.targets.iter().filter(|(target, _)| !target.is_host) {
            of_target(written, naming.target, target, seen.life, &mut into);
        }
    }
    for (host, seen) in written.totals.targets.iter().filter(|(target, _)| target.is_host) {
        of_target(written, "traces_host_info", host, seen.life, &mut into);
    }
    written.totals.graph.edges.iter().for_each(|(edge, total)| of_edge(written, edge, total, &mut into));
    into
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

/// Pairs of labels that a plan has besides.
fn besides<'a>(names: &'a [Arc<str>], values: &'a [Arc<str>]) -> impl Iterator<Item = (&'a str, &'a str)> {
    names.iter().zip(values).map(|(name, value)| (&**name, &**value))
}

fn of_operation(
    written: &SpanTotals,
    naming: &Naming,
    operation: &Operation,
    total: &OperationTotal,
    into: &mut Vec<SeriesWrite>,
) {
    let own = [
        (naming.service, &*operation.service),
        ("span_name", &*operation.name),
        ("span_kind", kind_name(operation.kind)),
        ("status_code", status_name(operation.status)),
    ];
    let labels = own.into_iter().chain(besides(&written.operation_labels, &operation.labels)).collect();
    let mut writer = Writer { written, life: total.life, labels, into };
    writer.number(naming.calls, "How many spans there were.", "", MetricType::Counter, total.durations.count);
    if let Some(size) = naming.size {
        writer.number(size, "How large spans were, in bytes.", "bytes", MetricType::Counter, total.bytes);
    }
    writer.histogram(naming.durations, "How long spans took.", naming.unit, &operations::BOUNDS, &total.durations);
}

fn of_target(written: &SpanTotals, name: &str, target: &Target, life: Life, into: &mut Vec<SeriesWrite>) {
    let labels = target.labels.iter().map(|label| (&*label.name, &*label.value)).collect();
    let help = if target.is_host { "Hosts that spans are from." } else { "Resources that spans are from." };
    Writer { written, life, labels, into }.number(name, help, "", MetricType::Gauge, ONE);
}

fn of_edge(written: &SpanTotals, edge: &Edge, total: &EdgeTotal, into: &mut Vec<SeriesWrite>) {
    let own = [("client", &*edge.client), ("server", &*edge.server), ("connection_type", edge.connection.name())];
    let labels = own.into_iter().chain(besides(&written.edge_labels, &edge.labels)).collect();
    let mut writer = Writer { written, life: total.life, labels, into };
    let mut count = |name: &str, help: &str, count: f64| {
        writer.number(&format!("{GRAPH}{name}_total"), help, "", MetricType::Counter, count);
    };
    if total.unpaired > 0.0 {
        count("unpaired_spans", "Spans of which the other side of the call did not come.", total.unpaired);
    }
    if total.dropped > 0.0 {
        count("dropped_spans", "Spans for which there was no room to wait for the other side.", total.dropped);
    }
    if total.requests == 0.0 {
        return;
    }
    count("request", "How many requests there were between two services.", total.requests);
    count("request_failed", "How many of them failed.", total.failed);
    let connection = "Services that are connected.";
    writer.number(&format!("{GRAPH}connection_info"), connection, "", MetricType::Gauge, ONE);
    let sides = [
        ("client", "How long requests took, as the client saw it.", Some(&total.client)),
        ("server", "How long requests took, as the server saw it.", Some(&total.server)),
        ("messaging_system", "How long messages waited.", total.messaging.as_deref()),
    ];
    for (side, help, durations) in sides {
        if let Some(durations) = durations.filter(|durations| durations.count > 0.0) {
            writer.histogram(&format!("{GRAPH}request_{side}_seconds"), help, SECONDS, &edges::BOUNDS, durations);
        }
    }
}

/// Writes the series of one thing.
struct Writer<'a> {
    written: &'a SpanTotals,
    life: Life,
    /// But for the name.
    labels: Vec<(&'a str, &'a str)>,
    into: &'a mut Vec<SeriesWrite>,
}

impl Writer<'_> {
    fn number(&mut self, name: &str, help: &str, unit: &str, kind: MetricType, number: f64) {
        let value = Value::Float(number.to_bits());
        self.series(Series { name, le: None, help, unit, kind }, value, vec![]);
    }

    fn histogram(&mut self, name: &str, help: &str, unit: Unit, bounds: &[f64], durations: &Durations) {
        let whole = Series { name, le: None, help, unit: unit.name, kind: MetricType::Histogram };
        if unit.is_native {
            let mut exemplars: Vec<Exemplar> =
                self.exemplars_of(durations).map(|(_, span)| exemplar(span, unit)).collect();
            exemplars.sort_by_key(|exemplar| exemplar.time_ms);
            self.series(whole, Value::Histogram(Arc::new(native(durations))), exemplars);
        }
        let (bucket, mut count) = (format!("{name}_bucket"), 0.0);
        for (place, in_bucket) in durations.classic.iter().enumerate().take(bounds.len() + 1) {
            count += in_bucket;
            let bound = bounds.get(place).map_or_else(|| "+Inf".to_owned(), |bound| (bound * unit.scale).to_string());
            let inside = self.exemplars_of(durations).find(|(bucket, _)| usize::from(*bucket) == place);
            let exemplars = inside.map(|(_, span)| exemplar(span, unit)).into_iter().collect();
            self.series(Series { name: &bucket, le: Some(&bound), ..whole }, Value::Float(count.to_bits()), exemplars);
        }
        for (ending, value) in [("_count", durations.count), ("_sum", durations.seconds * unit.scale)] {
            self.series(Series { name: &format!("{name}{ending}"), ..whole }, Value::Float(value.to_bits()), vec![]);
        }
    }

    /// Exemplars that are told now, by the place of their bucket.
    fn exemplars_of<'d>(&self, durations: &'d Durations) -> impl Iterator<Item = &'d (u8, SpanExemplar)> {
        let told: &[_] = if self.written.tells_exemplars { &durations.exemplars } else { &[] };
        told.iter()
    }

    fn series(&mut self, series: Series<'_>, value: Value, exemplars: Vec<Exemplar>) {
        // A gauge has not begun to count.
        let began_ms = if series.kind == MetricType::Gauge { 0 } else { self.life.began_ms };
        let own = [(NAME, series.name)].into_iter().chain(series.le.map(|le| ("le", le)));
        let value = if self.life.ended { ended(&value) } else { value };
        self.into.push(SeriesWrite {
            labels: Labels::of(self.labels.iter().copied().chain(own)),
            kind: series.kind,
            help: series.help.to_owned(),
            unit: series.unit.to_owned(),
            samples: vec![(self.written.time_ms, began_ms, value)],
            exemplars,
        });
    }
}

/// A series, but for its sample.
#[derive(Clone, Copy)]
struct Series<'a> {
    name: &'a str,
    le: Option<&'a str>,
    help: &'a str,
    unit: &'a str,
    kind: MetricType,
}

fn native(durations: &Durations) -> Histogram {
    let bucket = |(index, count): &(i32, f64)| Bucket { index: *index, count: *count };
    Histogram {
        schema: SCHEMA,
        zero_count: durations.zero,
        count: durations.count,
        sum: durations.seconds,
        positive: durations.native.iter().map(bucket).collect(),
        ..Histogram::default()
    }
}

fn exemplar(span: &SpanExemplar, unit: Unit) -> Exemplar {
    let (trace, id) = (format!("{:032x}", span.trace), format!("{:016x}", span.span));
    Exemplar {
        labels: Labels::of([("trace_id", &*trace), ("span_id", &*id)]),
        value: span.seconds * unit.scale,
        time_ms: span.time_ms,
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
