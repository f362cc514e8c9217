//! Spans of the tests, and an engine in a folder of its own.

pub mod gate;

use std::path::Path;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;
use vitrine_kit::clock::{Clock, Manual};
use vitrine_observe_store::model::{SpanRow, TraceId};
use vitrine_observe_store::{Accepted, ColumnEngine, Fsync, Ingest, Options, Signal, Tenant, Traces, WriteError};

/// When the tests' clocks begin, in milliseconds since 1970.
pub const BEGIN_MS: i64 = 1_800_000_000_000;
/// The same in nanoseconds.
pub const BEGIN_NS: u64 = BEGIN_MS as u64 * 1_000_000;
/// A second in nanoseconds.
pub const SECOND: u64 = 1_000_000_000;

/// A span as the tests think of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sent {
    pub trace: u8,
    pub span: u64,
    pub parent: u64,
    /// OTLP's number.
    pub kind: i32,
    pub service: String,
    pub name: String,
    pub start: u64,
    pub duration: u64,
    pub failed: bool,
    pub user: String,
}

impl Sent {
    /// A span that is told from others by its number.
    pub fn new(trace: u8, span: u64) -> Self {
        Self {
            trace,
            span,
            parent: 0,
            kind: 2,
            service: format!("service {}", span % 3),
            name: format!("operation {}", span % 5),
            start: BEGIN_NS + span * 1_000_003,
            duration: 1000 * (1 + span % 100),
            failed: span.is_multiple_of(7),
            user: format!("user {}", span % 11),
        }
    }

    /// What was read back.
    pub fn from_row(row: &SpanRow) -> Self {
        let user = row.attributes.iter().find(|attribute| attribute.key == "user.id").expect("a user");
        Self {
            trace: row.trace_id.0[15],
            span: u64::from_be_bytes(row.span_id.0),
            parent: row.parent_span_id.map_or(0, |id| u64::from_be_bytes(id.0)),
            kind: row.kind as i32,
            service: row.service.clone(),
            name: row.name.clone(),
            start: row.start_ns,
            duration: row.end_ns - row.start_ns,
            failed: row.status.name() == Some("ERROR"),
            user: user.value.text(),
        }
    }

    fn proto(&self) -> Span {
        let parent = if self.parent == 0 { Vec::new() } else { self.parent.to_be_bytes().to_vec() };
        Span {
            trace_id: id(self.trace).0.to_vec(),
            span_id: self.span.to_be_bytes().to_vec(),
            parent_span_id: parent,
            name: self.name.clone(),
            kind: self.kind,
            start_time_unix_nano: self.start,
            end_time_unix_nano: self.start + self.duration,
            attributes: vec![text("user.id", &self.user)],
            status: Some(Status { message: String::new(), code: if self.failed { 2 } else { 0 } }),
            ..Span::default()
        }
    }
}

/// A trace's id.
pub fn id(trace: u8) -> TraceId {
    let mut bytes = [0x5A; 16];
    bytes[0] = trace.wrapping_mul(37);
    bytes[15] = trace;
    TraceId(bytes)
}

pub fn text(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

pub fn resource(service: &str) -> Option<Resource> {
    Some(Resource { attributes: vec![text("service.name", service)], ..Resource::default() })
}

/// A request with these spans.
pub fn request(spans: &[Sent]) -> Bytes {
    let resource_spans = spans
        .chunk_by(|a, b| a.service == b.service)
        .map(|spans| ResourceSpans {
            resource: resource(&spans[0].service),
            scope_spans: vec![ScopeSpans { spans: spans.iter().map(Sent::proto).collect(), ..ScopeSpans::default() }],
            ..ResourceSpans::default()
        })
        .collect();
    ExportTraceServiceRequest { resource_spans }.encode_to_vec().into()
}

/// A request with a log record.
pub fn log_request(service: &str, trace: u8, time: u64, body: &str) -> Bytes {
    let record = LogRecord {
        time_unix_nano: time,
        trace_id: id(trace).0.to_vec(),
        span_id: 7u64.to_be_bytes().to_vec(),
        body: Some(AnyValue { value: Some(Value::StringValue(body.to_owned())) }),
        ..LogRecord::default()
    };
    let scope_logs = vec![ScopeLogs { log_records: vec![record], ..ScopeLogs::default() }];
    let resource_logs = vec![ResourceLogs { resource: resource(service), scope_logs, ..ResourceLogs::default() }];
    ExportLogsServiceRequest { resource_logs }.encode_to_vec().into()
}

/// A request with a point of a gauge.
pub fn metric_request(service: &str, name: &str, time: u64, value: i64) -> Bytes {
    let point = NumberDataPoint {
        time_unix_nano: time,
        value: Some(number_data_point::Value::AsInt(value)),
        ..NumberDataPoint::default()
    };
    let data = Some(metric::Data::Gauge(Gauge { data_points: vec![point] }));
    let metrics = vec![Metric { name: name.to_owned(), data, ..Metric::default() }];
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    let resource_metrics =
        vec![ResourceMetrics { resource: resource(service), scope_metrics, ..ResourceMetrics::default() }];
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec().into()
}

/// Options of the tests: small, and without syncs, which are tested where they matter.
pub fn options(folder: &Path) -> Options {
    Options { fsync: Fsync::Never, seal_rows: 64, fan_in: 3, ..Options::new(folder) }
}

/// An engine whose clock stands still.
pub fn open(options: Options) -> (ColumnEngine, Manual) {
    let (clock, manual) = Clock::manual(BEGIN_MS);
    (ColumnEngine::open(options, clock).expect("opens"), manual)
}

/// Waits for a receipt.
pub fn write(engine: &ColumnEngine, tenant: &Tenant, signal: Signal, request: Bytes) -> Result<Accepted, WriteError> {
    let receipt = engine.write(tenant, signal, request);
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(receipt)
}

/// Writes spans of the default tenant, all of which are taken.
pub fn send(engine: &ColumnEngine, spans: &[Sent]) {
    let accepted = write(engine, &Tenant::default(), Signal::Traces, request(spans)).expect("taken");
    assert_eq!(accepted, Accepted { taken: spans.len() as u64, rejected: 0, reason: None });
}

/// The spans of a trace as they are read back, in order.
pub fn trace(engine: &ColumnEngine, tenant: &Tenant, trace: u8) -> Vec<Sent> {
    let found = engine.trace(tenant, id(trace), 100_000).expect("read");
    let mut spans: Vec<Sent> = found.iter().flat_map(|trace| &trace.spans).map(Sent::from_row).collect();
    spans.sort();
    spans
}

/// All spans of all traces, in order.
pub fn all(engine: &ColumnEngine) -> Vec<Sent> {
    let mut spans: Vec<Sent> = (0..=u8::MAX).flat_map(|number| trace(engine, &Tenant::default(), number)).collect();
    spans.sort();
    spans
}
