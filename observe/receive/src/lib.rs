//! Takes OpenTelemetry in: OTLP over HTTP (protobuf and JSON) and over gRPC, for traces, logs and metrics.
//!
//! A request is decoded once and appended to the [`Store`]; when the answer is sent, its rows can be queried.
//! Rows with malformed ids or buckets are refused one by one and counted in the answer's partial success; a request
//! that cannot be decoded changes nothing and is answered with a `google.rpc.Status`.
//!
//! It listens on no port: serve [`http_router`] (usually on 4318) and [`grpc_routes`] (usually on 4317).

mod body;
mod error;
mod grpc;
mod http;
mod signal;

pub use body::MAX_BODY_BYTES;
pub use error::{Error, RpcStatus};
pub use grpc::{Receiver, grpc_routes};
pub use http::http_router;
pub use vitrine_observe_store::Store;
