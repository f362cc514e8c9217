//! Takes telemetry in: OTLP over HTTP (protobuf and JSON) and over gRPC for traces, logs and metrics, and Zipkin's JSON
//! for spans; plain, or compressed with gzip, deflate or zstd; Prometheus's remote write, compressed with snappy or zstd; and samples as
//! text or lines of JSON, as VictoriaMetrics imports them. Log records come also as Elasticsearch's documents, Loki's streams, systemd's
//! journal, and lines of JSON.
//!
//! A remote write goes to the engine as it came. Every other request becomes the bytes of one OTLP protobuf request and goes to
//! whatever may [`Ingest`] it. Protobuf passes through as it is and is read by the engine only; JSON is rewritten as protobuf while it
//! is parsed. When the answer is sent, the engine has the rows. Rows that it refuses are counted in the answer's partial success; a
//! request that cannot be read changes nothing, and its answer says where and what was expected.
//!
//! Syslog and Fluentd's Forward protocol come over connections and datagrams: [`serve_syslog`], [`serve_forward`].
//!
//! It listens on no port: serve [`http_router`] (usually on 4318), [`grpc_routes`] (usually on 4317), [`zipkin_router`] (usually on
//! 9411), [`remote_write_router`] (Prometheus has it on 9090), [`elastic_intake_router`] (Elasticsearch has it on 9200), [`loki_push_router`]
//! (Loki has it on 3100), [`journal_router`] and [`log_lines_router`], all over one [`Intake`], which bounds the bytes that all of them hold.
//! Their paths differ, so that they can share an address too, but for Elasticsearch's, which belong below a path of their own. What a sender gets for which mistake: docs/guide/receiving.md.
//!
//! ```
//! use std::sync::Arc;
//! use axum::body::Body;
//! use tower::ServiceExt;
//! use vitrine_kit::clock::Clock;
//! use vitrine_observe_receive::{Access, Intake, http_router};
//! use vitrine_observe_store::{ColumnEngine, Options};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let folder = tempfile::tempdir().expect("a folder");
//! let engine = ColumnEngine::open(Options::new(folder.path()), Clock::system()).expect("opened");
//! let router = http_router(&Intake::new(Arc::new(engine), Access::open()));
//! let request = http::Request::post("/v1/traces").header("content-type", "application/json").body(Body::from("{}"));
//! let answer = router.oneshot(request.expect("a request")).await.expect("answered");
//! assert_eq!(answer.status(), 200);
//! # }
//! ```

mod intake;

mod body;
mod budget;
mod error;

mod direct;
mod grpc;
mod http;
mod response;

mod key_values;
mod protobuf;

mod records;
mod severity;

mod document;
mod lines;

mod elastic;

mod loki;

mod journal;

mod json;

mod zipkin;

mod remote_write;
mod replicas;

mod streams;
mod text;

mod syslog;

mod forward;

pub use body::MAX_BODY_BYTES;
pub use direct::Receiver;
pub use elastic::{ELASTIC_VERSION, elastic_errors, elastic_intake_router};
pub use forward::{ForwardOptions, ForwardSecurity, forward_requests, serve_forward, serve_forward_heartbeats};
pub use grpc::grpc_routes;
pub use http::{http_router, otlp_errors};
pub use intake::{Intake, MAX_BUFFERED_BYTES};
pub use journal::journal_router;
pub use lines::log_lines_router;
pub use loki::loki_push_router;
pub use remote_write::remote_write_router;
pub use replicas::{ReplicaOptions, Replicas};
pub use streams::{Door, Serving};
pub use syslog::{SyslogOptions, serve_syslog, serve_syslog_datagrams, syslog_requests};
pub use vitrine_observe_store::{Access, Ingest};
pub use zipkin::http::zipkin_router;
