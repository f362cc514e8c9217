//! How replicas are found, and found again: what [`Replicas`] says becomes the set of a [`Balancer`], again and again.
//!
//! A source that fails leaves the set as it was; that is logged once, and once more when it is over.

mod consul;
mod dns;
mod register;

use std::sync::{Arc, Weak};

use http::uri::Authority;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vitrine_kit::Outage;

use vitrine_kit::Secret;
use vitrine_platform_config::{BaseUrl, Written};
use vitrine_platform_tls::Files;

use crate::balance::{Address, Balancer};
use crate::{Error, Replicas};

pub use register::Registration;

/// How replicas are found, and how this process makes itself found.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Discovery {
    /// Consul's HTTP API, `http://HOST:PORT` or `https://HOST:PORT`: the agent of this machine, as Consul is meant to be used.
    pub consul: BaseUrl,
    /// TLS with a Consul that is at `https://`. Without any file those of `[tls]` are used; without authorities in them, the system's.
    pub tls: Files,
    /// The token for it. Empty: none.
    pub consul_token: Secret,
    /// Whether the services of this process are registered in Consul.
    pub register: bool,
    /// The host by which others reach this process. Empty: where it listens, or what Consul takes the machine's address to be when
    /// it listens everywhere.
    pub advertise: String,
    /// How long Consul believes that this process is well after it last said so.
    #[schemars(range(min = 1))]
    pub ttl_ms: u32,
    /// The name server, `IP:PORT`. Empty: the system's.
    pub name_server: String,
    /// The longest time between two looks at DNS; the records' own time to live may make it shorter.
    #[schemars(range(min = 1))]
    pub refresh_ms: u32,
    /// The name that replicas' certificates must bear. Empty: the host of the placement, the name of the service for Consul's.
    pub server_name: String,
}

impl Default for Discovery {
    fn default() -> Self {
        Self {
            consul: BaseUrl::read("http://127.0.0.1:8500").unwrap_or_default(),
            tls: Files::default(),
            consul_token: Secret::default(),
            register: false,
            advertise: String::new(),
            ttl_ms: 10_000,
            name_server: String::new(),
            refresh_ms: 5_000,
            server_name: String::new(),
        }
    }
}

/// Fills a balancer, and keeps filling it as long as it is there.
pub(crate) fn follow(replicas: &Replicas, discovery: &Discovery, balancer: &Arc<Balancer>) -> Result<(), Error> {
    let name = |own: &str| -> Arc<str> {
        if discovery.server_name.is_empty() { own.into() } else { discovery.server_name.as_str().into() }
    };
    let sink =
        ReplicaSink { balancer: Arc::downgrade(balancer), source: replicas.to_string(), outage: Outage::default() };
    let gone = balancer.gone();
    match replicas {
        Replicas::At(hosts) => {
            let address = |host: &Authority| Address { authority: host.clone(), name: name(bare(host.host())) };
            balancer.replace(&hosts.iter().map(address).collect::<Vec<_>>());
        }
        Replicas::Dns(host) => {
            let (resolver, name) = (dns::Resolver::new(discovery)?, name(bare(host.host())));
            let question = dns::DnsQuery::Addresses(host.clone());
            tokio::spawn(gone.run_until_cancelled_owned(async move { resolver.follow(question, name, sink).await }));
        }
        Replicas::Srv(record) => {
            let (resolver, name) = (dns::Resolver::new(discovery)?, name(dns::host_of(record)));
            let question = dns::DnsQuery::Targets(record.clone());
            tokio::spawn(gone.run_until_cancelled_owned(async move { resolver.follow(question, name, sink).await }));
        }
        Replicas::Consul(service) => {
            let (consul, name) = (consul::Consul::new(discovery)?, name(service));
            let service = service.clone();
            tokio::spawn(gone.run_until_cancelled_owned(async move { consul.follow(&service, name, sink).await }));
        }
    }
    Ok(())
}

/// A host without the brackets of an IPv6 address.
pub(crate) fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// An address out of a host, or an IP address, and a port. None when it is malformed.
fn address(host: &str, port: u16, name: &Arc<str>) -> Option<Address> {
    let host = host.trim_end_matches('.');
    let text = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    Some(Address { authority: text.parse().ok()?, name: name.clone() })
}

/// Where a source tells what it found. It does not keep the balancer.
struct ReplicaSink {
    balancer: Weak<Balancer>,
    source: String,
    outage: Outage,
}

impl ReplicaSink {
    /// This is the set now.
    fn found(&mut self, addresses: &[Address]) {
        let Some(balancer) = self.balancer.upgrade() else { return };
        if self.outage.ends() {
            tracing::info!(source = self.source, replicas = addresses.len(), "replicas are found again");
        }
        tracing::debug!(source = self.source, replicas = addresses.len(), "replicas were looked for");
        balancer.replace(addresses);
    }

    /// The source did not answer.
    fn failed(&mut self, why: &str) {
        let Some(balancer) = self.balancer.upgrade() else { return };
        if self.outage.begins() {
            tracing::warn!(source = self.source, why, "replicas cannot be looked for: the last known ones stay in use");
        }
        balancer.discovery_error(format!("{}: {why}", self.source));
    }
}
