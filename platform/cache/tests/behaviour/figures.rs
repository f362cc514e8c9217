//! What a service tells about its cache.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::LogsService;
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::MetricsService;
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::TraceService;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use vitrine_platform_cache::Config;
use vitrine_platform_telemetry::{Config as TelemetryConfig, Exporter, Telemetry};

use crate::{LONG, Source, config, engine, key, secured};

/// Keeps the metrics that it is sent.
#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Vec<ExportMetricsServiceRequest>>>);

#[tonic::async_trait]
impl MetricsService for Receiver {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.0.lock().push(request.into_inner());
        Ok(Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        _: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        Ok(Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Receiver {
    async fn export(
        &self,
        _: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        Ok(Response::new(Default::default()))
    }
}

/// Attributes as they would be written.
fn shown(attributes: &[KeyValue]) -> String {
    let one = |a: &KeyValue| match a.value.as_ref().and_then(|v| v.value.clone()) {
        Some(any_value::Value::StringValue(text)) => format!("{}={text}", a.key),
        other => format!("{}={other:?}", a.key),
    };
    attributes.iter().map(one).collect::<Vec<_>>().join(",")
}

/// How often each thing was counted, by instrument and attributes.
fn counted(requests: &[ExportMetricsServiceRequest]) -> BTreeMap<String, u64> {
    let metrics = requests.iter().flat_map(|r| &r.resource_metrics).flat_map(|r| &r.scope_metrics);
    let mut counted = BTreeMap::new();
    for metric in metrics.flat_map(|s| &s.metrics) {
        match &metric.data {
            Some(Data::Sum(sum)) => {
                for point in &sum.data_points {
                    let Some(Value::AsInt(n)) = point.value else { panic!("a whole number") };
                    let name = format!("{} {}", metric.name, shown(&point.attributes));
                    counted.insert(name, u64::try_from(n).expect("not negative"));
                }
            }
            Some(Data::Histogram(histogram)) => {
                for point in &histogram.data_points {
                    counted.insert(format!("{} {}", metric.name, shown(&point.attributes)), point.count);
                }
            }
            other => panic!("{other:?}"),
        }
    }
    counted
}

#[tokio::test(flavor = "multi_thread")]
async fn hits_misses_errors_and_loads_are_told() -> Result<()> {
    let mut server = secured()?;
    let engine = engine(&Config { timeout_ms: 1000, ..config(&server) }).await?;
    let telemetry = Telemetry::new(TelemetryConfig::default());
    let (receiver, stop) = (Receiver::default(), CancellationToken::new());
    let exporter = Exporter::direct(receiver.clone(), TelemetryConfig::default());
    let (pipeline, token) = (telemetry.clone(), stop.clone());
    let running = tokio::spawn(async move { pipeline.run(exporter, token).await });
    let (cache, source) = (engine.cache(&telemetry.service("shop")), Source::default());

    for _ in 0..3 {
        source.get(&cache, key("a", "t"), LONG).await?;
    }
    let failed = cache.get_or_load(key("b", "t"), LONG, || async { Err(Status::not_found("nothing")) }).await;
    assert!(failed.is_err());
    server.kill()?;
    cache.limit("a", 1, 5).await;
    for _ in 0..2 {
        source.get(&cache, key("a", "t"), LONG).await?;
    }

    crate::eventually("metrics", async || {
        telemetry.flush(Duration::from_secs(5)).await;
        !counted(&receiver.0.lock()).is_empty()
    })
    .await;
    stop.cancel();
    running.await?;
    let expected = [
        ("cache.errors operation=limit", 1),
        ("cache.load.duration kind=thing,outcome=failed", 1),
        ("cache.load.duration kind=thing,outcome=loaded", 3),
        ("cache.reads kind=thing,result=gone", 2),
        ("cache.reads kind=thing,result=hit", 2),
        ("cache.reads kind=thing,result=miss", 2),
    ];
    let counted = counted(&receiver.0.lock());
    assert_eq!(counted, expected.into_iter().map(|(name, n)| (name.to_owned(), n)).collect());
    Ok(())
}
