//! Keeps what a process exports, so that tests can look at it: a receiver of telemetry without a network.
//!
//! What leaves over a network is a matter of `tests/behaviour`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::trace::v1::Span;
use parking_lot::Mutex;
use prost::Message;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::Status;
use vitrine_platform_telemetry::{self as telemetry, Config, Exporter, Signal, Telemetry};

/// How long anything may take to come about.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_millis(5);

/// What was exported, in the order in which it came.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Spans.
    pub traces: Vec<ExportTraceServiceRequest>,
    /// Figures.
    pub metrics: Vec<ExportMetricsServiceRequest>,
    /// Log records.
    pub logs: Vec<ExportLogsServiceRequest>,
}

impl Seen {
    /// All spans, each with the name of its service.
    pub fn spans(&self) -> Vec<(String, Span)> {
        let mut all = Vec::new();
        for resource in self.traces.iter().flat_map(|t| &t.resource_spans) {
            let attributes = resource.resource.as_ref().map(|r| r.attributes.as_slice()).unwrap_or_default();
            let service = value(attributes, "service.name").unwrap_or_default();
            let spans = resource.scope_spans.iter().flat_map(|s| &s.spans);
            all.extend(spans.map(|span| (service.clone(), span.clone())));
        }
        all
    }

    /// All metrics. Figures are cumulative: the last one of a name says all.
    pub fn metrics(&self) -> impl DoubleEndedIterator<Item = &Metric> {
        let resources = self.metrics.iter().flat_map(|m| &m.resource_metrics);
        resources.flat_map(|r| &r.scope_metrics).flat_map(|s| &s.metrics)
    }
}

/// Receives what a pipeline exports, until it is dropped.
#[derive(Debug)]
pub struct Capture {
    telemetry: Telemetry,
    receiver: Receiver,
    stop: DropGuard,
    running: JoinHandle<()>,
}

impl Capture {
    /// Runs a pipeline and receives what it exports.
    pub async fn of(telemetry: &Telemetry, config: Config) -> Self {
        let (receiver, stop) = (Receiver::default(), CancellationToken::new());
        let exporter = Exporter::direct(receiver.clone(), config);
        let (pipeline, token) = (telemetry.clone(), stop.clone());
        let running = tokio::spawn(async move { pipeline.run(exporter, token).await });
        // The exporter is in place before anything is flushed.
        tokio::task::yield_now().await;
        Self { telemetry: telemetry.clone(), receiver, stop: stop.drop_guard(), running }
    }

    /// All that was exported up to now.
    pub async fn seen(&self) -> Seen {
        self.telemetry.flush(PATIENCE).await;
        self.receiver.0.lock().clone()
    }

    /// All spans, once there are so many.
    pub async fn spans(&self, n: usize) -> Vec<Span> {
        self.spans_that(n, |_| true).await
    }

    /// The spans of which this holds, once there are so many.
    pub async fn spans_that(&self, n: usize, holds: impl Fn(&Span) -> bool) -> Vec<Span> {
        let looking = async {
            loop {
                let spans = self.seen().await.spans().into_iter().map(|(_, span)| span);
                let found: Vec<Span> = spans.filter(&holds).collect();
                if found.len() >= n {
                    return found;
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::time::timeout(PATIENCE, looking).await.expect("spans, in time")
    }

    /// Ends the pipeline; returns all that it has exported.
    pub async fn end(self) -> Seen {
        self.telemetry.flush(PATIENCE).await;
        drop(self.stop);
        self.running.await.expect("no panic");
        std::mem::take(&mut *self.receiver.0.lock())
    }
}

/// The value of an attribute, as text.
pub fn value(attributes: &[KeyValue], key: &str) -> Option<String> {
    let attribute = attributes.iter().find(|a| a.key == key)?;
    attribute.value.as_ref()?.value.as_ref().map(|value| text(Some(value)))
}

/// An attribute as `key=value`.
pub fn shown(attribute: &KeyValue) -> String {
    format!("{}={}", attribute.key, text(attribute.value.as_ref().and_then(|v| v.value.as_ref())))
}

/// An id of a trace or a span, as it is written.
pub fn hex(id: &[u8]) -> String {
    hex::encode(id)
}

fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::StringValue(text)) => text.clone(),
        other => format!("{other:?}"),
    }
}

#[derive(Clone, Debug, Default)]
struct Receiver(Arc<Mutex<Seen>>);

#[tonic::async_trait]
impl telemetry::Receiver for Receiver {
    async fn receive(&self, signal: Signal, request: Bytes) -> Result<(), Status> {
        let malformed = |e: prost::DecodeError| Status::invalid_argument(e.to_string());
        let mut seen = self.0.lock();
        match signal {
            Signal::Traces => seen.traces.push(Message::decode(request).map_err(malformed)?),
            Signal::Metrics => seen.metrics.push(Message::decode(request).map_err(malformed)?),
            Signal::Logs => seen.logs.push(Message::decode(request).map_err(malformed)?),
        }
        Ok(())
    }
}
