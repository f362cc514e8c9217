//! Replicas out of Consul's catalog, by blocking queries: an answer comes when something has changed.
//!
//! Source: Consul's HTTP API, "Blocking queries" and "List service instances".

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, ResponseFuture};
use hyper_util::rt::TokioExecutor;
use serde::{Deserialize, Serialize};
use vitrine_kit::{Backoff, Secret};
use vitrine_platform_tls as tls;

use super::{Discovery, ReplicaSink, address};
use crate::Error;
use crate::balance::Address;

/// How long Consul may hold a query when nothing changes; it adds up to a sixteenth.
const WAIT: Duration = Duration::from_secs(30);
/// How long anything else may take, and a held query longer than said.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The largest answer that is read.
const MAX_RESPONSE_BYTES: usize = 4 * 1024 * 1024;
/// The pause between two answers, however often the catalog changes.
const PAUSE: Duration = Duration::from_millis(50);
/// The first pause after a failure; doubles.
const FIRST_BACKOFF: Duration = Duration::from_millis(200);
/// The longest one.
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);

/// How failures that follow each other are waited out.
pub(super) const BACKOFF: Backoff = Backoff::new(FIRST_BACKOFF, LONGEST_BACKOFF);

/// What Consul did not do.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConsulError {
    #[error("Consul did not answer within {0:?}")]
    Late(Duration),
    #[error("Consul cannot be reached: {0}")]
    Unreachable(String),
    #[error("Consul answered {0}: {1}")]
    Answered(StatusCode, String),
    #[error("Consul's answer cannot be read: {0}")]
    Malformed(String),
}

/// A client of one agent.
#[derive(Clone)]
pub(super) struct Consul {
    agent: Agent,
    base: String,
    token: Secret,
}

/// The way to it. Without TLS no one's certificates are read.
#[derive(Clone)]
enum Agent {
    Plain(Client<HttpConnector, Full<Bytes>>),
    Secret(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

impl Agent {
    fn new(uri: &Uri, files: &tls::Files) -> Result<Self, Error> {
        let client = Client::builder(TokioExecutor::new());
        if uri.scheme_str() == Some("http") {
            return Ok(Self::Plain(client.build_http()));
        }
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        let tls = tls::web_client(files).map_err(Error::ConsulTls)?;
        let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1();
        Ok(Self::Secret(client.build(https.wrap_connector(connector))))
    }

    fn request(&self, request: Request<Full<Bytes>>) -> ResponseFuture {
        match self {
            Self::Plain(client) => client.request(request),
            Self::Secret(client) => client.request(request),
        }
    }
}

#[derive(Deserialize)]
struct Instance {
    #[serde(rename = "Node")]
    node: Node,
    #[serde(rename = "Service")]
    service: Service,
}

#[derive(Deserialize)]
struct Node {
    #[serde(rename = "Address")]
    address: String,
}

#[derive(Deserialize)]
struct Service {
    #[serde(rename = "Address")]
    address: String,
    #[serde(rename = "Port")]
    port: u16,
}

impl Consul {
    pub(super) fn new(discovery: &Discovery) -> Result<Self, Error> {
        let wrong = || Error::Consul(discovery.consul.to_string());
        // None is empty, and no URI.
        let uri: Uri = discovery.consul.as_str().parse().map_err(|_| wrong())?;
        if uri.path() != "/" {
            return Err(wrong());
        }
        Ok(Self {
            agent: Agent::new(&uri, &discovery.tls)?,
            base: discovery.consul.to_string(),
            token: discovery.consul_token.clone(),
        })
    }

    /// Asks, and returns the head and a body that was read to its end.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        within: Duration,
    ) -> Result<(http::response::Parts, Bytes), ConsulError> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        if !self.token.is_empty() {
            request = request.header("x-consul-token", self.token.expose());
        }
        let unreachable = |e: &dyn std::error::Error| {
            let cause = std::iter::successors(Some(e), |e| e.source()).last();
            ConsulError::Unreachable(cause.map_or_else(String::new, ToString::to_string))
        };
        let request = request.body(Full::new(body)).map_err(|e| unreachable(&e))?;
        let asking = async {
            let (head, body) = self.agent.request(request).await.map_err(|e| unreachable(&e))?.into_parts();
            let body = Limited::new(body, MAX_RESPONSE_BYTES).collect().await;
            let body = body.map_err(|e| ConsulError::Malformed(e.to_string()))?.to_bytes();
            if head.status.is_success() {
                Ok((head, body))
            } else {
                Err(ConsulError::Answered(head.status, String::from_utf8_lossy(&body).trim().to_owned()))
            }
        };
        tokio::time::timeout(within, asking).await.unwrap_or(Err(ConsulError::Late(within)))
    }

    /// Tells the agent something.
    pub(super) async fn put(&self, path: &str, body: &impl Serialize) -> Result<(), ConsulError> {
        let body = serde_json::to_vec(body).map_err(|e| ConsulError::Malformed(e.to_string()))?;
        self.ask(Method::PUT, path, body.into(), TIMEOUT).await.map(drop)
    }

    pub(super) async fn follow(&self, service: &str, name: Arc<str>, mut sink: ReplicaSink) {
        let (mut index, mut backoff) = (0, BACKOFF);
        loop {
            let pause = match self.instances(service, index, &name).await {
                Ok((addresses, next)) => {
                    // An index that goes back starts over, as the API's documentation asks for.
                    index = if next < index { 0 } else { next };
                    sink.found(&addresses);
                    backoff.reset();
                    PAUSE
                }
                Err(e) => {
                    sink.failed(&e.to_string());
                    // The first answer after a failure shall come at once.
                    index = 0;
                    backoff.equal_jitter()
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    async fn instances(&self, service: &str, index: u64, name: &Arc<str>) -> Result<(Vec<Address>, u64), ConsulError> {
        let path = format!("/v1/health/service/{service}?passing=true&index={index}&wait={}s", WAIT.as_secs());
        let (head, body) = self.ask(Method::GET, &path, Bytes::new(), WAIT + WAIT / 16 + TIMEOUT).await?;
        let instances: Vec<Instance> =
            serde_json::from_slice(&body).map_err(|e| ConsulError::Malformed(e.to_string()))?;
        let next = head.headers.get("x-consul-index").and_then(|v| v.to_str().ok()?.parse().ok()).unwrap_or(0);
        let addresses = instances.iter().filter_map(|Instance { node, service }| {
            let host = if service.address.is_empty() { &node.address } else { &service.address };
            address(host, service.port, name)
        });
        Ok((addresses.collect(), next))
    }
}
