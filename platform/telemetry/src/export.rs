//! Where OTLP goes: into a receiver of this process (the built-in observatory), over gRPC through a transport that is handed in, or
//! over HTTP. A failed export is retried as the specification says, within a bound, and then counted as lost.

use std::io::Write;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use flate2::{Compression, write::GzEncoder};
use http::uri::PathAndQuery;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use tonic::client::Grpc;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
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
    Direct(Box<dyn Receiver>),
    Grpc(Box<Grpc<OtlpTransport>>),
    Http(Box<Http>),
}

struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
    base: String,
}

/// What is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Spans, in an `ExportTraceServiceRequest`.
    Traces,
    /// Metric points, in an `ExportMetricsServiceRequest`.
    Metrics,
    /// Log records, in an `ExportLogsServiceRequest`.
    Logs,
}

impl Signal {
    /// Its name, as paths and logs have it.
    fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
        }
    }

    /// The method that takes it over gRPC.
    fn method(self) -> PathAndQuery {
        PathAndQuery::from_static(match self {
            Self::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Self::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
            Self::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        })
    }
}

/// A receiver in this process, which is handed requests as they would be sent.
#[tonic::async_trait]
pub trait Receiver: Send + Sync {
    /// Takes an encoded request of OTLP.
    async fn receive(&self, signal: Signal, request: Bytes) -> Result<(), Status>;
}

/// Sends what is encoded already, and reads nothing of answers but their status.
#[derive(Clone, Copy, Default)]
struct EncodedCodec;

impl Codec for EncodedCodec {
    type Encode = Bytes;
    type Decode = ();
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for EncodedCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(item);
        Ok(())
    }
}

impl Decoder for EncodedCodec {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, answer: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        answer.advance(answer.remaining());
        Ok(Some(()))
    }
}

impl Exporter {
    /// Into a receiver of this process, without a connection.
    pub fn direct(receiver: impl Receiver + 'static, config: Config) -> Self {
        Self { sink: Sink::Direct(Box::new(receiver)), config, outage: Outage::default() }
    }

    /// Over gRPC, through this transport.
    pub fn grpc(transport: OtlpTransport, config: Config) -> Self {
        let mut client = Grpc::new(transport);
        if config.gzip {
            client = client.send_compressed(CompressionEncoding::Gzip);
        }
        Self { sink: Sink::Grpc(Box::new(client)), config, outage: Outage::default() }
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

    /// Sends an encoded request, unless its signal is not wanted.
    pub(crate) async fn export(&mut self, signal: Signal, request: Bytes) {
        let is_wanted = match signal {
            Signal::Traces => self.config.traces,
            Signal::Metrics => self.config.metrics,
            Signal::Logs => self.config.logs,
        };
        if is_wanted {
            let result = self.send(signal, request).await;
            self.note(signal, result);
        }
    }

    /// Tells of the first failure and of the recovery only: the log would feed itself otherwise.
    fn note(&mut self, signal: Signal, result: Result<(), Status>) {
        match result {
            Ok(()) if self.outage.ends() => tracing::info!("telemetry is exported again"),
            Err(status) if self.outage.begins() => {
                let (signal, code) = (signal.name(), status.code());
                tracing::warn!(signal, ?code, reason = status.message(), "telemetry could not be exported");
            }
            _ => {}
        }
    }

    async fn send(&mut self, signal: Signal, request: Bytes) -> Result<(), Status> {
        // Nothing can get lost on the way, so nothing is kept to be sent again.
        if let Sink::Direct(receiver) = &self.sink {
            return receiver.receive(signal, request).await;
        }
        let mut backoff = Backoff::new(FIRST_BACKOFF, self.config.timeout).with_tries(MAX_ATTEMPTS);
        loop {
            let sent = tokio::time::timeout(self.config.timeout, self.send_once(signal, request.clone())).await;
            let result = sent.unwrap_or_else(|_| Err(Status::deadline_exceeded("the receiver did not answer in time")));
            match result {
                Err(status) if is_retryable(status.code()) && backoff.has_try_left() => {
                    tokio::time::sleep(backoff.equal_jitter()).await;
                }
                other => return other,
            }
        }
    }

    async fn send_once(&mut self, signal: Signal, request: Bytes) -> Result<(), Status> {
        match &mut self.sink {
            Sink::Direct(receiver) => receiver.receive(signal, request).await,
            Sink::Grpc(client) => {
                let request = with_headers(request, &self.config.headers)?;
                client.ready().await.map_err(|e| Status::unavailable(e.to_string()))?;
                client.unary(request, signal.method(), EncodedCodec).await.map(drop)
            }
            Sink::Http(http) => {
                let Http { client, base } = http.as_ref();
                let request = http_request(&format!("{base}/v1/{}", signal.name()), request, &self.config)?;
                let response = client.request(request).await.map_err(|e| Status::unavailable(e.to_string()))?;
                let status = response.status();
                // The answer is read so that the connection can be used again.
                let _ = Limited::new(response.into_body(), MAX_RESPONSE_BYTES).collect().await;
                if status.is_success() { Ok(()) } else { Err(http_failure(status)) }
            }
        }
    }
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

fn http_request(uri: &str, mut body: Bytes, config: &Config) -> Result<http::Request<Full<Bytes>>, Status> {
    let mut request = http::Request::post(uri).header("content-type", "application/x-protobuf");
    for (key, value) in &config.headers {
        request = request.header(key, value.expose());
    }
    if config.gzip {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let packed = encoder.write_all(&body).and_then(|()| encoder.finish());
        body = packed.map_err(|e| Status::internal(e.to_string()))?.into();
        request = request.header("content-encoding", "gzip");
    }
    request.body(Full::new(body)).map_err(|e| Status::invalid_argument(e.to_string()))
}
