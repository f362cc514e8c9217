//! HTTP as the shop speaks it: problems as RFC 9457 documents, input that is read strictly, and listeners that drain.
//!
//! [`serve`](fn@serve) is the only accept loop of the project; it speaks HTTP/1.1 and HTTP/2 (with prior knowledge), in plain text or
//! over TLS, so gRPC and REST share it. [`Json`] and [`Query`] read input and answer with a [`Reply`] that names the field.
//! [`observe`] gives every request its server span and its figures. [`Preconditions`] and [`ETag`] are how changes and reads are made
//! conditional.

mod begun;
mod conditional;
mod extract;
mod grpc;
mod health;
mod observe;
mod problem;
mod serve;

pub use axum::Router;
pub use conditional::{ETag, Preconditions, conditional, untagged};
pub use extract::{Json, Query};
pub use grpc::{grpc_routes, with_grpc};
pub use health::health_routes;
pub use observe::observe;
pub use problem::Reply;
pub use serve::{Listener, MAX_CONNECTIONS, Peer, bind, serve};
