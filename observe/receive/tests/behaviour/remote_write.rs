//! Remote writes, and what their senders are told.

use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use parking_lot::Mutex;
use vitrine_observe_receive::{Access, Intake, remote_write_router};
use vitrine_observe_store::model::metrics::{
    RemoteWrite, SeriesWrite, WriteCompression, WriteVersion, Written, encode_remote_write,
};
use vitrine_observe_store::series::{Labels, MetricType, Value};
use vitrine_observe_store::{ColumnEngine, Receipt, SeriesIngest, Tenant, WriteError};

use crate::common::{Recorder, bytes, header, open_engine, post, text};

const V1: (&str, &str) = ("content-type", "application/x-protobuf");
const V2: (&str, &str) = ("content-type", "application/x-protobuf;proto=io.prometheus.write.v2.Request");
const SAMPLES: &str = "x-prometheus-remote-write-samples-written";
const HISTOGRAMS: &str = "x-prometheus-remote-write-histograms-written";

fn over(engine: &Arc<ColumnEngine>) -> Router {
    remote_write_router(&Intake::new(engine.clone(), Access::open()), engine.clone(), None)
}

/// One sample of each of these metrics, now.
fn message(names: &[&str]) -> Vec<u8> {
    let now_ms = vitrine_kit::clock::Clock::system().now_ms();
    let series = |name: &&str| SeriesWrite {
        labels: Labels::of([("__name__", *name), ("job", "j")]),
        kind: MetricType::Gauge,
        help: String::new(),
        unit: String::new(),
        samples: vec![(now_ms, 0, Value::Float(1f64.to_bits()))],
        exemplars: Vec::new(),
    };
    encode_remote_write(&names.iter().map(series).collect::<Vec<_>>())
}

/// A block of snappy that repeats nothing: a length, and literals of at most 60 bytes.
fn snappy(message: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    vitrine_kit::varint::write(&mut body, message.len() as u64);
    for literal in message.chunks(60) {
        body.push((literal.len() as u8 - 1) << 2);
        body.extend_from_slice(literal);
    }
    body
}

async fn send(router: Router, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Response {
    post(router, path, headers, body).await
}

#[tokio::test]
async fn all_paths_take_writes_and_say_204() {
    let (_folder, engine) = open_engine();
    for path in
        ["/api/v1/write", "/prometheus/api/v1/write", "/api/v1/push", "/prometheus/api/v1/push", "/api/v1/receive"]
    {
        let headers = [V2, ("content-encoding", "snappy"), ("x-prometheus-remote-write-version", "2.0.0")];
        let response = send(over(&engine), path, &headers, snappy(&message(&["a", "b"]))).await;
        assert_eq!(response.status(), 204, "{path}");
        assert_eq!((header(&response, SAMPLES), header(&response, HISTOGRAMS)), (Some("2"), Some("0")));
        assert!(bytes(response).await.is_empty());
    }
}

#[tokio::test]
async fn version_1_is_told_of_no_counts() {
    let (_folder, engine) = open_engine();
    // An empty request is one; so is one that says nothing of its content.
    for headers in [&[V1][..], &[]] {
        let response = send(over(&engine), "/api/v1/write", headers, snappy(&[])).await;
        assert_eq!((response.status().as_u16(), header(&response, SAMPLES)), (204, None));
    }
    let response = send(over(&engine), "/api/v1/write", &[V1], snappy(&message(&["a"]))).await;
    assert_eq!((response.status().as_u16(), header(&response, SAMPLES)), (400, None));
    assert!(
        text(response).await.contains("a field of io.prometheus.write.v2.Request, which Content-Type does not say")
    );
}

#[tokio::test]
async fn what_is_refused_is_told_with_the_counts_of_the_rest() {
    let (_folder, engine) = open_engine();
    let response = send(over(&engine), "/api/v1/write", &[V2], snappy(&message(&["a", ""]))).await;
    assert_eq!((response.status().as_u16(), header(&response, SAMPLES)), (400, Some("1")));
    let told = text(response).await;
    assert!(told.starts_with("1 of 2 samples and exemplars were not taken; labels: {job=\"j\"}"), "{told}");
    let response = send(over(&engine), "/api/v1/write", &[V2], vec![0xFF; 20]).await;
    assert_eq!((response.status().as_u16(), header(&response, SAMPLES)), (400, Some("0")));
}

#[tokio::test]
async fn other_types_and_encodings_are_not_taken() {
    let (_folder, engine) = open_engine();
    for (headers, expected) in [
        ([("content-type", "application/json"), ("content-encoding", "snappy")], "Content-Type \"application/json\""),
        ([("content-type", "application/x-protobuf;proto=x.Y"), ("content-encoding", "snappy")], "Content-Type"),
        ([V1, ("content-encoding", "gzip")], "content-encoding \"gzip\" is not taken; expected snappy or zstd"),
    ] {
        let response = send(over(&engine), "/api/v1/write", &headers, snappy(&[])).await;
        assert_eq!(response.status(), 415, "{expected}");
        let told = text(response).await;
        assert!(told.starts_with(expected), "{told}");
    }
}

#[tokio::test]
async fn victoriametrics_agent_may_send_zstd() {
    let (_folder, engine) = open_engine();
    let response = send(over(&engine), "/api/v1/write?get_vm_proto_version=1", &[], vec![]).await;
    assert_eq!((response.status().as_u16(), text(response).await.as_str()), (200, "1"));
    let body = zstd::encode_all(&message(&["a"])[..], 1).expect("compresses");
    let response = send(over(&engine), "/api/v1/write", &[V2, ("content-encoding", "zstd")], body).await;
    assert_eq!((response.status().as_u16(), header(&response, SAMPLES)), (204, Some("1")));
}

#[tokio::test]
async fn otlp_metrics_come_in_at_the_paths_of_others() {
    let recorder = Recorder::new();
    let (_folder, engine) = open_engine();
    for path in [
        "/api/v1/otlp/v1/metrics",
        "/prometheus/api/v1/otlp/v1/metrics",
        "/otlp/v1/metrics",
        "/opentelemetry/v1/metrics",
    ] {
        let router = remote_write_router(&Intake::new(recorder.clone(), Access::open()), engine.clone(), None);
        let response = send(router, path, &[V1], vec![]).await;
        assert_eq!(response.status(), 200, "{path}");
    }
    assert_eq!(recorder.seen.lock().len(), 4);
}

/// Remembers writes, and is busy.
#[derive(Default)]
struct Busy(Mutex<Vec<RemoteWrite>>);

impl SeriesIngest for Busy {
    fn remote_write(&self, _: &Tenant, request: RemoteWrite) -> Receipt<Written> {
        self.0.lock().push(request);
        let error = WriteError::Busy { what: "much waits", retry_after: std::time::Duration::from_millis(1500) };
        Receipt::new(std::future::ready(Err(error)))
    }
}

#[tokio::test]
async fn a_busy_engine_is_asked_again() {
    let (busy, recorder) = (Arc::new(Busy::default()), Recorder::new());
    let router = remote_write_router(&Intake::new(recorder, Access::open()), busy.clone(), None);
    let response = send(router, "/api/v1/write", &[V2], vec![1, 2, 3]).await;
    assert_eq!((response.status().as_u16(), header(&response, "retry-after")), (503, Some("2")));
    let seen = busy.0.lock();
    let expected =
        RemoteWrite { version: WriteVersion::V2, compression: WriteCompression::Snappy, body: vec![1, 2, 3].into() };
    assert_eq!(seen[..], [expected], "as it came");
}
