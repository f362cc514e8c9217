//! Requests, and engines that remember them.

use std::io::Write;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use parking_lot::Mutex;
use prost::Message;
use tempfile::TempDir;
use tower::ServiceExt;
use vitrine_kit::clock::Clock;
use vitrine_observe_receive::{Access, Ingest, Intake, grpc_routes, http_router, zipkin_router};
use vitrine_observe_store::model::TraceId;
use vitrine_observe_store::{Accepted, ColumnEngine, Options, Receipt, Signal, Tenant, Trace, Traces, WriteError};

/// The observatory's own engine, and the folder that it is in.
pub fn open_engine() -> (TempDir, Arc<ColumnEngine>) {
    let folder = tempfile::tempdir().expect("a folder");
    let engine =
        ColumnEngine::open(Options::new(folder.path()), Clock::system()).expect("an empty folder can be opened");
    (folder, Arc::new(engine))
}

/// A trace of the default tenant that must be there.
pub fn trace_of(engine: &ColumnEngine, id: TraceId) -> Trace {
    engine.trace(&Tenant::default(), id, 1_000).expect("it can be read").expect("it is there")
}

pub const PROTOBUF: &str = "application/x-protobuf";
pub const JSON: &str = "application/json";
pub const EXPORT_TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// Remembers what is written, and returns what the test prepared.
pub struct Recorder {
    pub seen: Mutex<Vec<(Tenant, Signal, Bytes)>>,
    answer: Result<Accepted, WriteError>,
}

impl Recorder {
    pub fn new() -> Arc<Self> {
        Self::answering(Ok(Accepted::default()))
    }

    pub fn answering(answer: Result<Accepted, WriteError>) -> Arc<Self> {
        Arc::new(Self { seen: Mutex::default(), answer })
    }

    /// The only request that came, decoded.
    pub fn only<M: Message + Default>(&self) -> M {
        let seen = self.seen.lock();
        assert_eq!(seen.len(), 1);
        M::decode(seen[0].2.clone()).expect("sound protobuf")
    }
}

impl Ingest for Recorder {
    fn write(&self, tenant: &Tenant, signal: Signal, request: Bytes) -> Receipt {
        self.seen.lock().push((tenant.clone(), signal, request));
        Receipt::new(std::future::ready(self.answer.clone()))
    }
}

/// All ways in, under one address.
pub fn router(intake: &Intake) -> Router {
    http_router(intake).merge(grpc_routes(intake)).merge(zipkin_router(intake))
}

pub fn open(engine: Arc<dyn Ingest>) -> Router {
    router(&Intake::new(engine, Access::open()))
}

pub async fn post(router: Router, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Response {
    let mut request = Request::post(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body.into()).expect("a sound request");
    router.oneshot(request).await.expect("a router answers")
}

pub async fn bytes(response: Response) -> Vec<u8> {
    response.into_body().collect().await.expect("a body").to_bytes().to_vec()
}

pub async fn text(response: Response) -> String {
    String::from_utf8(bytes(response).await).expect("text")
}

pub fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().expect("text"))
}

pub fn span(trace_id: Vec<u8>, span_id: Vec<u8>) -> Span {
    Span { trace_id, span_id, name: "op".into(), ..Span::default() }
}

pub fn request(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }] }
}

/// One span of the trace 0101….
pub fn sound() -> Vec<u8> {
    request(vec![span(vec![1; 16], vec![2; 8])]).encode_to_vec()
}

pub fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).expect("a vector grows");
    encoder.finish().expect("a vector grows")
}

/// Deflate in zlib's frame, as HTTP has it.
pub fn zlib(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).expect("a vector grows");
    encoder.finish().expect("a vector grows")
}

/// Deflate without a frame, as some clients send it.
pub fn deflate(body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(body).expect("a vector grows");
    encoder.finish().expect("a vector grows")
}

pub fn zstd(body: &[u8]) -> Vec<u8> {
    zstd::encode_all(body, 1).expect("compresses")
}

/// A gRPC message with its frame.
pub fn frame(is_compressed: bool, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("a short message");
    [&[u8::from(is_compressed)], length.to_be_bytes().as_slice(), message].concat()
}
