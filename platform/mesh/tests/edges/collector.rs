//! A receiver of telemetry that keeps what it is sent.

use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::LogsService;
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::MetricsService;
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::TraceService;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use vitrine_platform_telemetry::{Config, Exporter, Telemetry};

use crate::{PATIENCE, eventually};

/// An instrument, the attributes of one of its points as `key=value`, and how often it noted something there.
type Count = (String, Vec<String>, u64);

/// Spans, and the latest count of each point of each histogram.
#[derive(Clone, Default)]
pub(crate) struct Collector {
    spans: Arc<Mutex<Vec<Span>>>,
    counts: Arc<Mutex<Vec<Count>>>,
}

impl Collector {
    /// Receives what a pipeline exports.
    pub(crate) fn of(telemetry: &Telemetry, stop: &CancellationToken) -> Self {
        let (collector, telemetry, stop) = (Self::default(), telemetry.clone(), stop.clone());
        let exporter = Exporter::direct(collector.clone(), Config::default());
        tokio::spawn(async move { telemetry.run(exporter, stop).await });
        collector
    }

    /// All spans, once there are so many.
    pub(crate) async fn spans(&self, telemetry: &Telemetry, n: usize) -> Vec<Span> {
        let found = || self.spans.lock().expect("no panic").clone();
        eventually(async || {
            telemetry.flush(PATIENCE).await;
            found().len() >= n
        })
        .await;
        found()
    }

    /// How often an instrument has noted something with all of these attributes.
    pub(crate) async fn count(&self, telemetry: &Telemetry, instrument: &str, attributes: &[&str]) -> u64 {
        telemetry.flush(PATIENCE).await;
        let counts = self.counts.lock().expect("no panic");
        let fits = |known: &[String]| attributes.iter().all(|a| known.iter().any(|k| k == a));
        counts.iter().filter(|(name, known, _)| name == instrument && fits(known)).map(|(.., n)| n).sum()
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        batch: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let scopes = batch.into_inner().resource_spans.into_iter().flat_map(|r| r.scope_spans);
        self.spans.lock().expect("no panic").extend(scopes.flat_map(|s| s.spans));
        Ok(Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        batch: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let scopes = batch.into_inner().resource_metrics.into_iter().flat_map(|r| r.scope_metrics);
        let mut counts = self.counts.lock().expect("no panic");
        for metric in scopes.flat_map(|s| s.metrics) {
            // Figures are cumulative: the latest export says all.
            counts.retain(|(name, ..)| *name != metric.name);
            if let Some(Data::Histogram(histogram)) = metric.data {
                let points = histogram.data_points.into_iter();
                counts.extend(points.map(|p| (metric.name.clone(), p.attributes.iter().map(text).collect(), p.count)));
            }
        }
        Ok(Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Collector {
    async fn export(
        &self,
        _: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        Ok(Response::new(Default::default()))
    }
}

/// An attribute as `key=value`.
pub(crate) fn text(attribute: &KeyValue) -> String {
    let value = match attribute.value.as_ref().and_then(|v| v.value.as_ref()) {
        Some(Value::StringValue(s)) => s.clone(),
        other => format!("{other:?}"),
    };
    format!("{}={value}", attribute.key)
}
