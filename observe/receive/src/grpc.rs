//! OTLP over gRPC.

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use tonic::codec::CompressionEncoding;
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use vitrine_observe_store::Store;

use crate::body::MAX_BODY_BYTES;
use crate::signal::{Logs, Metrics, Signal, Traces};

/// The three OTLP services over one store.
#[derive(Clone)]
pub struct Receiver {
    store: Store,
}

impl Receiver {
    /// A receiver that fills `store`.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    fn export<S: Signal>(&self, request: S::Request) -> Response<S::Response> {
        Response::new(S::response(&S::append(&self.store, request)))
    }
}

/// The three OTLP services, ready to be served or mounted. gzip is taken; messages have at most [`MAX_BODY_BYTES`]
/// after decompression.
pub fn grpc_routes(store: Store) -> Routes {
    let receiver = Receiver::new(store);
    let traces = TraceServiceServer::new(receiver.clone())
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(MAX_BODY_BYTES);
    let logs = LogsServiceServer::new(receiver.clone())
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(MAX_BODY_BYTES);
    let metrics = MetricsServiceServer::new(receiver)
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(MAX_BODY_BYTES);
    Routes::new(traces).add_service(logs).add_service(metrics)
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        Ok(self.export::<Traces>(request.into_inner()))
    }
}

#[tonic::async_trait]
impl LogsService for Receiver {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        Ok(self.export::<Logs>(request.into_inner()))
    }
}

#[tonic::async_trait]
impl MetricsService for Receiver {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        Ok(self.export::<Metrics>(request.into_inner()))
    }
}
