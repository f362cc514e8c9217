//! Replicas out of DNS: the addresses of a name, or the targets of an SRV record.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RData;
use http::uri::Authority;

use super::{Discovery, ReplicaSink, address, bare};
use crate::Error;
use crate::balance::Address;

/// How long a question to one name server may take; it is asked twice.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The shortest time between two looks, however short a record lives.
const SHORTEST_REFRESH: Duration = Duration::from_millis(500);
/// Most targets of one SRV record that are looked at.
const MAX_TARGETS: usize = 256;

/// What was found, and how long that holds.
type Resolution = Result<(Vec<Address>, Instant), hickory_resolver::net::NetError>;

/// What is looked for.
pub(super) enum DnsQuery {
    /// The addresses of a name.
    Addresses(Authority),
    /// The targets of an SRV record.
    Targets(String),
}

/// Asks a name server. Nothing is kept here: how long an answer holds is this module's business.
pub(super) struct Resolver {
    resolver: TokioResolver,
    refresh: Duration,
}

impl Resolver {
    pub(super) fn new(discovery: &Discovery) -> Result<Self, Error> {
        let mut builder = if discovery.name_server.is_empty() {
            TokioResolver::builder_tokio().map_err(Error::SystemNames)?
        } else {
            let server: SocketAddr =
                discovery.name_server.parse().map_err(|_| Error::NameServer(discovery.name_server.clone()))?;
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = server.port();
                connection
            });
            let server = NameServerConfig::new(server.ip(), true, connections.into());
            let config = ResolverConfig::from_name_servers(vec![server]);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        };
        let options = builder.options_mut();
        options.cache_size = 0;
        options.timeout = TIMEOUT;
        options.attempts = 2;
        let refresh = Duration::from_millis(discovery.refresh_ms.into());
        Ok(Self { resolver: builder.build().map_err(Error::SystemNames)?, refresh })
    }

    pub(super) async fn follow(&self, question: DnsQuery, name: Arc<str>, mut sink: ReplicaSink) {
        let shortest = SHORTEST_REFRESH.min(self.refresh);
        loop {
            let looked = match &question {
                DnsQuery::Addresses(host) => self.addresses(host, &name).await,
                DnsQuery::Targets(record) => self.targets(record, &name).await,
            };
            let holds = match looked {
                Ok((addresses, until)) => {
                    sink.found(&addresses);
                    until.saturating_duration_since(Instant::now())
                }
                Err(e) => {
                    sink.failed(&e.to_string());
                    shortest
                }
            };
            tokio::time::sleep(holds.clamp(shortest, self.refresh)).await;
        }
    }

    async fn addresses(&self, host: &Authority, name: &Arc<str>) -> Resolution {
        let found = self.resolver.lookup_ip(bare(host.host())).await?;
        let port = host.port_u16().unwrap_or_default();
        Ok((found.iter().filter_map(|ip| address(&ip.to_string(), port, name)).collect(), found.valid_until()))
    }

    /// The targets of the best priority, as addresses. Weights are not looked at: the balancer sees who is busy.
    async fn targets(&self, record: &str, name: &Arc<str>) -> Resolution {
        let found = self.resolver.srv_lookup(record).await?;
        let targets: Vec<_> = found
            .answers()
            .iter()
            .filter_map(|record| if let RData::SRV(target) = &record.data { Some(target) } else { None })
            .take(MAX_TARGETS)
            .collect();
        let best = targets.iter().map(|target| target.priority).min();
        let (mut addresses, mut until) = (Vec::new(), found.valid_until());
        let mut failure = None;
        for target in targets.into_iter().filter(|target| Some(target.priority) == best) {
            match self.resolver.lookup_ip(target.target.clone()).await {
                Ok(ips) => {
                    until = until.min(ips.valid_until());
                    addresses.extend(ips.iter().filter_map(|ip| address(&ip.to_string(), target.port, name)));
                }
                Err(e) => failure = Some(e),
            }
        }
        // One target without an address does not hide the others.
        match failure {
            Some(e) if addresses.is_empty() => Err(e),
            _ => Ok((addresses, until)),
        }
    }
}

/// The host that an SRV record is about: `_grpc._tcp.carts.example` is about `carts.example`.
pub(super) fn host_of(record: &str) -> &str {
    let mut host = record.trim_end_matches('.');
    while let Some((_, rest)) = host.split_once('.').filter(|(label, _)| label.starts_with('_')) {
        host = rest;
    }
    host
}
