//! Requests over HTTP to what others run: receivers of notifications, targets that are scraped, places that are asked for targets.
//!
//! A [`Client`] is made of [`Settings`], which are written as Prometheus's and Alertmanager's `http_config`. Every request has a deadline and a
//! most of bytes of its answer ([`Limits`]); a secret that is in a file is read anew with each request, so that it can be renewed.
//! It goes over TCP, TLS, an HTTP proxy or a Unix socket, over HTTP/1.1 or, where a server with TLS wants it, HTTP/2, and keeps connections for
//! the next request. At most ten redirects are followed; no secret goes along to another server. Access tokens of OAuth 2.0 are asked for, and
//! kept until they are used up.
//!
//! A [`Resolver`] asks name servers.
//!
//! It repeats nothing: whoever asks knows what may be asked twice. Calls between services go through the mesh, not through this.
//!
//! ```
//! use std::time::Duration;
//! use vitrine_platform_fetch::{Client, Error, Limits, Request, Settings};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let client = Client::new(&Settings::default()).expect("settings without files");
//! let limits = Limits { within: Duration::from_secs(2), max_response_bytes: 1024 };
//! // Nobody listens on port 1.
//! let told = client.send(Request::get("http://127.0.0.1:1/metrics"), limits).await.expect_err("no answer");
//! assert!(matches!(told, Error::Unreachable(_)));
//! # }
//! ```

mod client;
mod connect;
mod headers;
mod oauth2;
mod proxies;
mod redirects;
mod request;
mod resolver;
mod secret;
mod settings;
mod tls;

pub use client::{Client, Streaming};
pub use proxies::Proxies;
pub use request::{Error, Limits, Request, Response, secret_value};
pub use resolver::{Lookup, RecordKind, Records, Resolver, ResolverError, Service};
pub use secret::SecretSource;
pub use settings::{Authorization, OAuth2, Settings};
pub use tls::Tls;
