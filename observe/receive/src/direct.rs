//! Telemetry of this very process, without a connection.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::LogsService;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::MetricsService;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::TraceService;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use tonic::{Request, Response, Status};
use vitrine_observe_store::{Ingest, Signal, Tenant};

use crate::error::Error;
use crate::response::{Partial, partial};

/// The three OTLP services for exporters of this process: no token is asked for, and no memory accounted, for their
/// batches are small and few.
#[derive(Clone)]
pub struct Receiver {
    engine: Arc<dyn Ingest>,
    tenant: Tenant,
}

impl Receiver {
    /// A receiver that fills this engine for the default tenant.
    pub fn new(engine: Arc<dyn Ingest>) -> Self {
        Self { engine, tenant: Tenant::default() }
    }

    async fn write(&self, signal: Signal, request: impl Message) -> Result<Option<Partial>, Status> {
        let request = request.encode_to_vec().into();
        let outcome = self.engine.write(&self.tenant, signal, request).await;
        outcome.map(|accepted| partial(&accepted)).map_err(|error| Error::Write(error).grpc())
    }
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let partial = self.write(Signal::Traces, request.into_inner()).await?;
        let partial_success = partial.map(|Partial { rejected, message }| ExportTracePartialSuccess {
            rejected_spans: rejected,
            error_message: message,
        });
        Ok(Response::new(ExportTraceServiceResponse { partial_success }))
    }
}

#[tonic::async_trait]
impl LogsService for Receiver {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let partial = self.write(Signal::Logs, request.into_inner()).await?;
        let partial_success = partial.map(|Partial { rejected, message }| ExportLogsPartialSuccess {
            rejected_log_records: rejected,
            error_message: message,
        });
        Ok(Response::new(ExportLogsServiceResponse { partial_success }))
    }
}

#[tonic::async_trait]
impl MetricsService for Receiver {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let partial = self.write(Signal::Metrics, request.into_inner()).await?;
        let partial_success = partial.map(|Partial { rejected, message }| ExportMetricsPartialSuccess {
            rejected_data_points: rejected,
            error_message: message,
        });
        Ok(Response::new(ExportMetricsServiceResponse { partial_success }))
    }
}
