//! Services over NATS: calls as requests and replies, events over JetStream. The only crate that names `async-nats`.
//!
//! [`Nats::connect`] makes one connection for the process. [`Nats::transport`] is the caller's end of calls, used behind the
//! Fence like any other [`Transport`](vitrine_platform_mesh::Transport), and [`Nats::serve`] the service's end. For events
//! [`Nats`] is a [`Broker`](vitrine_platform_bus::Broker) that relays publish to, and [`Nats::source`] is where a consumer gets
//! them.
//!
//! Deadlines, retries, traces and metrics are the Fence's, on both sides; positions, retries of handlers and dead letters are the
//! bus's. Nothing here decides whether NATS is used: that is the host's and its settings'. Subjects, headers and streams are
//! described for other languages in `docs/guide/nats.md`.
//!
//! ```
//! use vitrine_platform_nats::{Config, Nats};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! // Where no process listens: a caller that configured it is told at once which server it was.
//! let config = Config { url: "nats://127.0.0.1:1".to_owned(), ..Config::default() };
//! let error = Nats::connect(&config).await.expect_err("no process listens there");
//! assert!(error.to_string().contains("127.0.0.1:1"));
//! # }
//! ```

mod call;
mod config;
mod connection;
mod error;
mod relay;
mod serve;
mod source;
mod stream;
mod unary;
mod wire;

pub use config::{Config, Events};
pub use connection::Nats;
pub use error::Error;
