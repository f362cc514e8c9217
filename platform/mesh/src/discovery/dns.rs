//! Replicas out of DNS: the addresses of a name, or the targets of an SRV record.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::uri::Authority;
use vitrine_platform_fetch::{Lookup, ResolverError, Service};

use super::{Discovery, ReplicaSink, address, bare};
use crate::Error;
use crate::balance::Address;

/// The shortest time between two looks, however short a record lives.
const SHORTEST_REFRESH: Duration = Duration::from_millis(500);
/// Most targets of one SRV record that are looked at.
const MAX_TARGETS: usize = 256;

/// What was found, and how long that holds.
type Resolution = Result<Lookup<Vec<Address>>, ResolverError>;

/// What is looked for.
pub(super) enum DnsQuery {
    /// The addresses of a name.
    Addresses(Authority),
    /// The targets of an SRV record.
    Targets(String),
}

/// Follows a name.
pub(super) struct Resolver {
    resolver: vitrine_platform_fetch::Resolver,
    refresh: Duration,
}

impl Resolver {
    pub(super) fn new(discovery: &Discovery) -> Result<Self, Error> {
        let resolver = vitrine_platform_fetch::Resolver::new(&discovery.name_server).map_err(Error::Names)?;
        Ok(Self { resolver, refresh: Duration::from_millis(discovery.refresh_ms.into()) })
    }

    pub(super) async fn follow(&self, question: DnsQuery, name: Arc<str>, mut sink: ReplicaSink) {
        let shortest = SHORTEST_REFRESH.min(self.refresh);
        loop {
            let looked = match &question {
                DnsQuery::Addresses(host) => self.addresses(host, &name).await,
                DnsQuery::Targets(record) => self.targets(record, &name).await,
            };
            let holds = match looked {
                Ok(Lookup { found, until }) => {
                    sink.found(&found);
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
        let Lookup { found, until } = self.resolver.addresses(bare(host.host())).await?;
        let port = host.port_u16().unwrap_or_default();
        Ok(Lookup { found: found.iter().filter_map(|ip| address(&ip.to_string(), port, name)).collect(), until })
    }

    /// The targets of the best priority, as addresses. Weights are not looked at: the balancer sees who is busy.
    async fn targets(&self, record: &str, name: &Arc<str>) -> Resolution {
        let Lookup { found: targets, mut until } = self.resolver.services(record).await?;
        let targets: Vec<Service> = targets.into_iter().take(MAX_TARGETS).collect();
        let best = targets.iter().map(|target| target.priority).min();
        let mut addresses = Vec::new();
        let mut failure = None;
        for target in targets.into_iter().filter(|target| Some(target.priority) == best) {
            match self.resolver.addresses(&target.host).await {
                Ok(answer) => {
                    until = until.min(answer.until);
                    addresses.extend(answer.found.iter().filter_map(|ip| address(&ip.to_string(), target.port, name)));
                }
                Err(e) => failure = Some(e),
            }
        }
        // One target without an address does not hide the others.
        match failure {
            Some(e) if addresses.is_empty() => Err(e),
            _ => Ok(Lookup { found: addresses, until }),
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
