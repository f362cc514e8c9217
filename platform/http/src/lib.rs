//! HTTP as the shop speaks it: problems as RFC 9457 documents, input that is read strictly, and listeners that drain.
//!
//! [`serve`](fn@serve) is the only accept loop of the project; it speaks HTTP/1.1 and HTTP/2 (with prior knowledge), in plain text or
//! over TLS, so gRPC and REST share it, each at listeners of its own. [`Bounds`] says what one client can hold of a listener, and for how long. [`Json`] and [`Query`]
//! read input and answer with a [`Reply`] that names the field; [`with_error_format`] has all else that is refused said as an API promises it.
//! [`Preconditions`] and [`ETag`] are how changes and reads are made conditional. [`observe`] gives every request its server span and its
//! figures, with the [`SpanAttributes`] that a handler knows; [`Origins`] says which web pages may call, [`Hosts`] under which names a listener
//! answers, and [`CrossOrigin`] holds both.
//!
//! ```
//! use std::time::Duration;
//!
//! use axum::routing::get;
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//! use tokio::net::TcpStream;
//! use tokio_util::sync::CancellationToken;
//! use vitrine_platform_http::{Router, bind, serve};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let listener = bind(([127, 0, 0, 1], 0).into()).await?;
//! let address = listener.local_addr()?;
//! let stop = CancellationToken::new();
//! let router = Router::new().route("/", get(async || "glass"));
//! let serving = tokio::spawn(serve(listener, router, stop.clone(), Duration::from_secs(1)));
//!
//! let mut client = TcpStream::connect(address).await?;
//! client.write_all(b"GET / HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n").await?;
//! let mut answer = String::new();
//! client.read_to_string(&mut answer).await?;
//! assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("glass"));
//!
//! stop.cancel();
//! serving.await?;
//! # Ok(())
//! # }
//! ```

mod serve;

mod connection;

mod admission;
mod body;
mod bounds;
mod host;
mod pulse;
mod rejection;
mod rewind;
mod wire;

mod observe;

mod pattern;

mod hosts;

mod cors;

mod conditional;
mod extract;
mod faulted;
mod grpc;
mod health;
mod operations;
mod problem;
mod refusal;

pub use admission::network;
pub use axum::Router;
pub use axum::response::Response;
pub use bounds::{Bounds, Config};
pub use conditional::{ETag, Preconditions, conditional, untagged};
pub use cors::{Cors, CrossOrigin, Origins};
pub use extract::{Json, Query};
pub use faulted::faulted;
pub use grpc::{grpc_errors, grpc_routes};
pub use health::{health_routes, health_routes_with};
pub use hosts::Hosts;
pub use observe::{SpanAttributes, observe};
pub use operations::{metrics_routes, operations_routes};
pub use problem::Reply;
pub use refusal::{
    ErrorFormat, Refusal, RequestInfo, nowhere, plain_bodies, plain_errors, problem_errors, with_error_format,
    with_plain_errors,
};
pub use serve::{Listener, Peer, bind, bind_unix, serve};
