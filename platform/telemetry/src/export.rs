//! Where OTLP goes: into a receiver of this process (the built-in observatory), over gRPC through a transport that is handed in, or
//! over HTTP. A failed export is retried as the specification says, within a bound, and then counted as lost.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, logs_service_client::LogsServiceClient, logs_service_server::LogsService,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, metrics_service_client::MetricsServiceClient, metrics_service_server::MetricsService,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, trace_service_client::TraceServiceClient, trace_service_server::TraceService,
};
use prost::Message;
use tonic::codec::CompressionEncoding;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue};
use tonic::{Code, Request, Status};
use vitrine_kit::{Backoff, Outage, Secret};

use crate::config::{Config, OtlpProtocol};

/// What OTLP clients are made over; the same shape as the mesh's transport.
pub type OtlpTransport =
    tower::util::BoxCloneSyncService<http::Request<tonic::body::Body>, http::Response<tonic::body::Body>, Status>;

/// How often an export is tried.
const MAX_ATTEMPTS: u32 = 3;
/// First pause between two tries; doubles.
const FIRST_BACKOFF: Duration = Duration::from_millis(200);
/// Most of an answer that is read, in bytes.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// Sends batches of telemetry.
pub struct Exporter {
    sink: Sink,
    config: Config,
    outage: Outage,
}

enum Sink {
    Direct(Box<dyn Direct>),
    Grpc(Box<Grpc>),
    Http(Box<Http>),
}

struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
    base: String,
}

struct Grpc {
    traces: TraceServiceClient<OtlpTransport>,
    metrics: MetricsServiceClient<OtlpTransport>,
    logs: LogsServiceClient<OtlpTransport>,
}

/// A receiver in this process, which is handed batches as they are.
#[tonic::async_trait]
trait Direct: Send {
    async fn take(&self, signal: Signal) -> Result<(), Status>;
}

#[tonic::async_trait]
impl<R: TraceService + MetricsService + LogsService> Direct for R {
    async fn take(&self, signal: Signal) -> Result<(), Status> {
        match signal {
            Signal::Traces(batch) => TraceService::export(self, Request::new(batch)).await.map(drop),
            Signal::Metrics(batch) => MetricsService::export(self, Request::new(batch)).await.map(drop),
            Signal::Logs(batch) => LogsService::export(self, Request::new(batch)).await.map(drop),
        }
    }
}

impl Exporter {
    /// Into a receiver of this process, without a connection.
    pub fn direct(receiver: impl TraceService + MetricsService + LogsService, config: Config) -> Self {
        Self { sink: Sink::Direct(Box::new(receiver)), config, outage: Outage::default() }
    }

    /// Over gRPC, through this transport.
    pub fn grpc(transport: OtlpTransport, config: Config) -> Self {
        let mut grpc = Grpc {
            traces: TraceServiceClient::new(transport.clone()),
            metrics: MetricsServiceClient::new(transport.clone()),
            logs: LogsServiceClient::new(transport),
        };
        if config.gzip {
            grpc.traces = grpc.traces.send_compressed(CompressionEncoding::Gzip);
            grpc.metrics = grpc.metrics.send_compressed(CompressionEncoding::Gzip);
            grpc.logs = grpc.logs.send_compressed(CompressionEncoding::Gzip);
        }
        Self { sink: Sink::Grpc(Box::new(grpc)), config, outage: Outage::default() }
    }

    /// Over HTTP with protobuf bodies, to `{base}/v1/traces` and so on.
    pub fn http(base: &str, config: Config) -> Self {
        debug_assert_eq!(config.protocol, OtlpProtocol::Http, "the caller chose by protocol");
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self {
            sink: Sink::Http(Box::new(Http { client, base: base.trim_end_matches('/').to_owned() })),
            config,
            outage: Outage::default(),
        }
    }

    pub(crate) async fn traces(&mut self, batch: ExportTraceServiceRequest) {
        if self.config.traces {
            let result = self.send(Signal::Traces(batch)).await;
            self.note("traces", result);
        }
    }

    pub(crate) async fn metrics(&mut self, batch: ExportMetricsServiceRequest) {
        if self.config.metrics {
            let result = self.send(Signal::Metrics(batch)).await;
            self.note("metrics", result);
        }
    }

    pub(crate) async fn logs(&mut self, batch: ExportLogsServiceRequest) {
        if self.config.logs {
            let result = self.send(Signal::Logs(batch)).await;
            self.note("logs", result);
        }
    }

    /// Tells of the first failure and of the recovery only: the log would feed itself otherwise.
    fn note(&mut self, signal: &'static str, result: Result<(), Status>) {
        match result {
            Ok(()) if self.outage.ends() => tracing::info!("telemetry is exported again"),
            Err(status) if self.outage.begins() => {
                tracing::warn!(signal, code = ?status.code(), reason = status.message(), "telemetry could not be exported");
            }
            _ => {}
        }
    }

    async fn send(&mut self, signal: Signal) -> Result<(), Status> {
        // Nothing can get lost on the way, so nothing is kept to be sent again.
        if let Sink::Direct(receiver) = &self.sink {
            return receiver.take(signal).await;
        }
        let mut backoff = Backoff::new(FIRST_BACKOFF, self.config.timeout).with_tries(MAX_ATTEMPTS);
        loop {
            let sent = tokio::time::timeout(self.config.timeout, self.send_once(signal.clone())).await;
            let result = sent.unwrap_or_else(|_| Err(Status::deadline_exceeded("the receiver did not answer in time")));
            match result {
                Err(status) if is_retryable(status.code()) && backoff.has_try_left() => {
                    tokio::time::sleep(backoff.equal_jitter()).await;
                }
                other => return other,
            }
        }
    }

    async fn send_once(&mut self, signal: Signal) -> Result<(), Status> {
        match &mut self.sink {
            Sink::Direct(receiver) => receiver.take(signal).await,
            Sink::Grpc(grpc) => {
                let headers = &self.config.headers;
                match signal {
                    Signal::Traces(b) => grpc.traces.export(with_headers(b, headers)?).await.map(drop),
                    Signal::Metrics(b) => grpc.metrics.export(with_headers(b, headers)?).await.map(drop),
                    Signal::Logs(b) => grpc.logs.export(with_headers(b, headers)?).await.map(drop),
                }
            }
            Sink::Http(http) => {
                let Http { client, base } = http.as_ref();
                let (path, body) = match signal {
                    Signal::Traces(b) => ("traces", b.encode_to_vec()),
                    Signal::Metrics(b) => ("metrics", b.encode_to_vec()),
                    Signal::Logs(b) => ("logs", b.encode_to_vec()),
                };
                let request = http_request(&format!("{base}/v1/{path}"), body, &self.config)?;
                let response = client.request(request).await.map_err(|e| Status::unavailable(e.to_string()))?;
                let status = response.status();
                // The answer is read so that the connection can be used again.
                let _ = Limited::new(response.into_body(), MAX_RESPONSE_BYTES).collect().await;
                if status.is_success() { Ok(()) } else { Err(http_failure(status)) }
            }
        }
    }
}

#[derive(Clone)]
enum Signal {
    Traces(ExportTraceServiceRequest),
    Metrics(ExportMetricsServiceRequest),
    Logs(ExportLogsServiceRequest),
}

/// Source: OTLP specification, "Failures", the table of retryable codes.
fn is_retryable(code: Code) -> bool {
    use Code::{Aborted, Cancelled, DataLoss, DeadlineExceeded, OutOfRange, Unavailable};
    matches!(code, Cancelled | DeadlineExceeded | Aborted | OutOfRange | Unavailable | DataLoss)
}

fn http_failure(status: http::StatusCode) -> Status {
    let message = format!("the receiver answered {status}");
    match status.as_u16() {
        429 | 502 | 503 | 504 => Status::unavailable(message),
        _ => Status::failed_precondition(message),
    }
}

fn with_headers<T>(batch: T, headers: &[(String, Secret)]) -> Result<Request<T>, Status> {
    let mut request = Request::new(batch);
    for (key, value) in headers {
        let bad = || Status::invalid_argument(format!("OTEL_EXPORTER_OTLP_HEADERS: {key} cannot be sent"));
        let name: AsciiMetadataKey = key.to_ascii_lowercase().parse().map_err(|_| bad())?;
        let value: AsciiMetadataValue = value.expose().parse().map_err(|_| bad())?;
        request.metadata_mut().insert(name, value);
    }
    Ok(request)
}

fn http_request(uri: &str, mut body: Vec<u8>, config: &Config) -> Result<http::Request<Full<Bytes>>, Status> {
    let mut request = http::Request::post(uri).header("content-type", "application/x-protobuf");
    for (key, value) in &config.headers {
        request = request.header(key, value.expose());
    }
    if config.gzip {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let packed = encoder.write_all(&body).and_then(|()| encoder.finish());
        body = packed.map_err(|e| Status::internal(e.to_string()))?;
        request = request.header("content-encoding", "gzip");
    }
    request.body(Full::new(Bytes::from(body))).map_err(|e| Status::invalid_argument(e.to_string()))
}
