//! Replicas out of Consul's catalog, by blocking queries: an answer comes when something has changed.
//!
//! Source: Consul's HTTP API, "Blocking queries" and "List service instances".

use std::sync::Arc;
use std::time::Duration;

use http::header::{HeaderMap, HeaderName};
use http::{Method, StatusCode, Uri};
use serde::{Deserialize, Serialize};
use vitrine_kit::{Backoff, Secret};
use vitrine_platform_fetch::{Client, Limits, Request, Settings, secret_value};

use super::{Discovery, ReplicaSink, address};
use crate::Error;
use crate::balance::Address;

/// Who asks.
const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-consul-token");
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
    client: Client,
    base: String,
    token: Secret,
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
        // One blocking query after another gains nothing by HTTP/2.
        let settings = Settings {
            tls: discovery.tls.clone(),
            refuses_redirects: true,
            refuses_http2: true,
            ..Settings::default()
        };
        let client = Client::new(&settings).map_err(Error::ConsulClient)?;
        Ok(Self { client, base: discovery.consul.to_string(), token: discovery.consul_token.clone() })
    }

    /// Asks, and returns what was answered.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
        within: Duration,
    ) -> Result<vitrine_platform_fetch::Response, ConsulError> {
        let mut headers = HeaderMap::new();
        if !self.token.is_empty() {
            let token = secret_value(TOKEN_HEADER, self.token.expose())
                .map_err(|error| ConsulError::Unreachable(error.to_string()))?;
            headers.insert(TOKEN_HEADER, token);
        }
        let request = Request { method, url: format!("{}{path}", self.base), headers, body: body.into() };
        let limits = Limits { within, max_response_bytes: MAX_RESPONSE_BYTES };
        let response = self.client.send(request, limits).await.map_err(|error| match error {
            vitrine_platform_fetch::Error::Late(within) => ConsulError::Late(within),
            vitrine_platform_fetch::Error::Unreachable(why) => ConsulError::Unreachable(why),
            other => ConsulError::Malformed(other.to_string()),
        })?;
        if response.status.is_success() {
            Ok(response)
        } else {
            let told = String::from_utf8_lossy(&response.body).trim().to_owned();
            Err(ConsulError::Answered(response.status, told))
        }
    }

    /// Tells the agent something.
    pub(super) async fn put(&self, path: &str, body: &impl Serialize) -> Result<(), ConsulError> {
        let body = serde_json::to_vec(body).map_err(|e| ConsulError::Malformed(e.to_string()))?;
        self.ask(Method::PUT, path, body, TIMEOUT).await.map(drop)
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
        let response = self.ask(Method::GET, &path, Vec::new(), WAIT + WAIT / 16 + TIMEOUT).await?;
        let instances: Vec<Instance> =
            serde_json::from_slice(&response.body).map_err(|e| ConsulError::Malformed(e.to_string()))?;
        let next = response.headers.get("x-consul-index").and_then(|v| v.to_str().ok()?.parse().ok()).unwrap_or(0);
        let addresses = instances.iter().filter_map(|Instance { node, service }| {
            let host = if service.address.is_empty() { &node.address } else { &service.address };
            address(host, service.port, name)
        });
        Ok((addresses.collect(), next))
    }
}
