//! OTLP over gRPC.

use std::sync::Arc;

use axum::response::Response;
use http_body_util::BodyExt;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use tokio::net::TcpListener;
use tonic::Code;
use tonic::codec::CompressionEncoding;
use tonic::transport::Endpoint;
use vitrine_observe_receive::{MAX_BODY_BYTES, Receiver, otlp_errors};
use vitrine_observe_store::model::TraceId;
use vitrine_observe_store::{Reports, Signal};
use vitrine_platform_http::nowhere;

use crate::common::{
    EXPORT_TRACES, Recorder, frame, gzip, header, open, open_engine, post, request, sound, span, trace_of, zlib, zstd,
};

#[tokio::test]
async fn a_stock_client_is_answered_over_a_connection() {
    let (_folder, store) = open_engine();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let server = tokio::spawn(axum::serve(listener, open(store.clone())).into_future());
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
    let channel = endpoint.connect().await.expect("somebody listens");
    for compressed in [false, true] {
        let mut client = TraceServiceClient::new(channel.clone());
        if compressed {
            client = client.send_compressed(CompressionEncoding::Gzip).accept_compressed(CompressionEncoding::Gzip);
        }
        let sent = request(vec![span(vec![1; 16], vec![2; 8]), span(vec![0; 16], vec![2; 8])]);
        let answer = client.export(sent).await.expect("taken").into_inner();
        assert_eq!(answer.partial_success.expect("one was refused").rejected_spans, 1);
    }
    // Larger than what HTTP/2 sends at once.
    let many = request((0..50_000).map(|_| span(vec![3; 16], vec![4; 8])).collect());
    let answer = TraceServiceClient::new(channel).export(many).await.expect("taken").into_inner();
    assert_eq!(answer.partial_success, None);
    assert_eq!(store.status().traces.taken, 50_002);
    assert!(!trace_of(&store, TraceId([1; 16])).spans.is_empty());
    server.abort();
}

#[tokio::test]
async fn each_service_hands_its_signal_to_the_engine() {
    let engine = Recorder::new();
    let router = open(engine.clone());
    TraceServiceClient::new(router.clone()).export(request(vec![])).await.expect("taken");
    LogsServiceClient::new(router.clone()).export(ExportLogsServiceRequest::default()).await.expect("taken");
    MetricsServiceClient::new(router).export(ExportMetricsServiceRequest::default()).await.expect("taken");
    let signals: Vec<Signal> = engine.seen.lock().iter().map(|(_, signal, _)| *signal).collect();
    assert_eq!(signals, [Signal::Traces, Signal::Logs, Signal::Metrics]);
}

#[tokio::test]
async fn messages_are_passed_through_plain_and_compressed() {
    // A sender may compress some messages only.
    let cases = [
        ("identity", frame(false, &sound())),
        ("gzip", frame(false, &sound())),
        ("gzip", frame(true, &gzip(&sound()))),
        ("deflate", frame(true, &zlib(&sound()))),
        ("zstd", frame(true, &zstd(&sound()))),
    ];
    for (encoding, body) in cases {
        let engine = Recorder::new();
        let response = call(engine.clone(), EXPORT_TRACES, encoding, body).await;
        assert_eq!(header(&response, "grpc-accept-encoding"), Some("identity,gzip,deflate,zstd"));
        assert_eq!(status(response).await.0, Code::Ok, "{encoding}");
        assert_eq!(engine.seen.lock()[0].2.as_ref(), sound(), "{encoding}");
    }
}

#[tokio::test]
async fn what_cannot_be_decoded_changes_nothing_and_says_why() {
    let zeros = vec![0; MAX_BODY_BYTES + 1];
    let cases = [
        ("garbage", "", frame(false, &[0xff; 100]), Code::InvalidArgument, "not a valid ExportTraceServiceRequest"),
        ("empty", "", vec![], Code::InvalidArgument, "expected 5 bytes before the message"),
        ("truncated", "", frame(false, &sound())[..20].to_vec(), Code::InvalidArgument, "expected as many bytes"),
        ("two messages", "", frame(false, &sound()).repeat(2), Code::InvalidArgument, "expected as many bytes"),
        ("odd flag", "", [vec![7], frame(false, b"")[1..].to_vec()].concat(), Code::InvalidArgument, "expected 0 or 1"),
        ("no encoding", "", frame(true, &gzip(&sound())), Code::InvalidArgument, "expected grpc-encoding"),
        ("not gzip", "gzip", frame(true, &sound()), Code::InvalidArgument, "not valid gzip"),
        ("not zstd", "zstd", frame(true, &sound()), Code::InvalidArgument, "not valid zstd"),
        (
            "unknown encoding",
            "snappy",
            frame(true, b"x"),
            Code::Unimplemented,
            "grpc-encoding \"snappy\" is not taken; expected gzip, deflate, zstd or identity",
        ),
        ("gzip bomb", "gzip", frame(true, &gzip(&zeros)), Code::ResourceExhausted, "more than 67108864 bytes"),
        ("zstd bomb", "zstd", frame(true, &zstd(&zeros)), Code::ResourceExhausted, "more than 67108864 bytes"),
        ("oversize", "", frame(false, &zeros), Code::ResourceExhausted, "more than 67108864 bytes"),
    ];
    for (name, encoding, body, code, message) in cases {
        let (_folder, store) = open_engine();
        let response = call(store.clone(), EXPORT_TRACES, encoding, body).await;
        assert_eq!(header(&response, "grpc-status-details-bin"), None, "{name}");
        let (found, text) = status(response).await;
        assert_eq!(found, code, "{name}: {text}");
        assert!(text.contains(message), "{name}: {text}");
        assert_eq!(store.status().traces.taken, 0, "{name}");
    }
}

#[tokio::test]
async fn other_methods_and_protocols_are_refused() {
    let nothing = "/opentelemetry.proto.collector.trace.v1.TraceService/Nothing";
    let response = call(Recorder::new(), nothing, "", frame(false, b"")).await;
    assert_eq!(status(response).await.0, Code::Unimplemented);
    let response = call(Recorder::new(), "/opentelemetry.proto.collector.profiles.v1/Export", "", vec![]).await;
    assert_eq!(response.status(), 404, "nobody has said yet what is told of paths that no router has");
    let elsewhere = nowhere(open(Recorder::new()), otlp_errors);
    let headers = [("content-type", "application/grpc")];
    let response = post(elsewhere, "/opentelemetry.proto.collector.profiles.v1/Export", &headers, vec![]).await;
    assert_eq!((response.status().as_u16(), status(response).await.0), (200, Code::Unimplemented));
    let response = post(open(Recorder::new()), EXPORT_TRACES, &[("content-type", "text/plain")], sound()).await;
    assert_eq!(response.status(), 415);
}

#[tokio::test]
async fn exporters_of_this_process_need_no_connection() {
    let (_folder, store) = open_engine();
    // What is refused of a request does not keep the rest from being taken.
    let sent = request(vec![span(vec![1; 16], vec![2; 8]), span(vec![0; 16], vec![2; 8])]).encode_to_vec();
    Receiver::new(store.clone()).receive(Signal::Traces, sent.into()).await.expect("taken");
    assert_eq!(store.status().traces.rows, 1);
    let malformed = Receiver::new(store.clone()).receive(Signal::Traces, vec![0xFF].into()).await;
    assert_eq!(malformed.expect_err("malformed").code(), Code::InvalidArgument);
    let engine = Recorder::new();
    Receiver::new(engine.clone()).receive(Signal::Traces, sound().into()).await.expect("taken");
    assert_eq!(engine.seen.lock()[0].2.as_ref(), sound());
}

async fn call(engine: Arc<dyn vitrine_observe_receive::Ingest>, path: &str, encoding: &str, body: Vec<u8>) -> Response {
    let mut headers = vec![("content-type", "application/grpc+proto")];
    if !encoding.is_empty() {
        headers.push(("grpc-encoding", encoding));
    }
    post(open(engine), path, &headers, body).await
}

/// The code and the message, from the headers or else the trailers.
async fn status(response: Response) -> (Code, String) {
    let (head, body) = response.into_parts();
    let mut headers = head.headers;
    if !headers.contains_key("grpc-status") {
        headers = body.collect().await.expect("a body").trailers().expect("trailers").clone();
    }
    let status = tonic::Status::from_header_map(&headers).expect("a status");
    (status.code(), status.message().to_owned())
}
