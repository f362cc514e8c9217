//! Names: addresses and other records, as name servers know them.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};

/// How long a question to one name server may take; it is asked twice.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Most records of one answer that are looked at.
const MAX_RECORDS: usize = 4_096;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ResolverError {
    /// Not a name server.
    #[error("{0:?} is no name server: IP:PORT expected, or nothing for the system's")]
    NameServer(String),
    /// The system says nothing useful about names.
    #[error("the system's name servers cannot be used (resolv.conf)")]
    System(#[source] NetError),
    /// No server answered, or it failed.
    #[error("{0}")]
    Failed(NetError),
}

/// What records are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// Addresses of IPv4.
    A,
    /// Addresses of IPv6.
    Aaaa,
    /// Services, with host and port.
    Srv,
    /// Mail exchanges.
    Mx,
    /// Name servers.
    Ns,
}

/// Where a service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Lower ones are asked first.
    pub priority: u16,
    /// The port.
    pub port: u16,
    /// The host, as the record has it: with a dot at its end.
    pub host: String,
}

/// Records of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Records {
    /// Of `A` and `AAAA`.
    Addresses(Vec<IpAddr>),
    /// Of `SRV`.
    Services(Vec<Service>),
    /// Of `MX` and `NS`: the hosts, with a dot at their ends.
    Hosts(Vec<String>),
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Lookup<T> {
    /// It.
    pub found: T,
    /// Until when it holds.
    pub until: Instant,
}

/// Asks name servers. Nothing is kept here: how long an answer holds is for whoever asked.
#[derive(Clone)]
pub struct Resolver(TokioResolver);

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
    }
}

impl Resolver {
    /// Asks this name server, `IP:PORT`; those of the system where it is empty.
    pub fn new(name_server: &str) -> Result<Self, ResolverError> {
        let mut builder = if name_server.is_empty() {
            TokioResolver::builder_tokio().map_err(ResolverError::System)?
        } else {
            let server: SocketAddr =
                name_server.parse().map_err(|_| ResolverError::NameServer(name_server.to_owned()))?;
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
        builder.build().map(Self).map_err(ResolverError::System)
    }

    /// The addresses of a host, of both kinds. A host without any is an error.
    pub async fn addresses(&self, host: &str) -> Result<Lookup<Vec<IpAddr>>, ResolverError> {
        let found = self.0.lookup_ip(host).await.map_err(ResolverError::Failed)?;
        Ok(Lookup { found: found.iter().take(MAX_RECORDS).collect(), until: found.valid_until() })
    }

    /// The services of a name. A name without any is an error.
    pub async fn services(&self, name: &str) -> Result<Lookup<Vec<Service>>, ResolverError> {
        let found = self.0.srv_lookup(name).await.map_err(ResolverError::Failed)?;
        let services = found.answers().iter().filter_map(|record| service(&record.data)).take(MAX_RECORDS);
        Ok(Lookup { found: services.collect(), until: found.valid_until() })
    }

    /// The records of a name. A name without any has none: that is an answer.
    pub async fn records(&self, name: &str, kind: RecordKind) -> Result<Records, ResolverError> {
        let of = match kind {
            RecordKind::A => RecordType::A,
            RecordKind::Aaaa => RecordType::AAAA,
            RecordKind::Srv => RecordType::SRV,
            RecordKind::Mx => RecordType::MX,
            RecordKind::Ns => RecordType::NS,
        };
        let answer = match self.0.lookup(name, of).await {
            Ok(answer) => Some(answer),
            Err(error) if error.is_no_records_found() => None,
            Err(error) => return Err(ResolverError::Failed(error)),
        };
        let data = answer.iter().flat_map(|answer| answer.answers()).map(|record| &record.data).take(MAX_RECORDS);
        Ok(match kind {
            RecordKind::A | RecordKind::Aaaa => Records::Addresses(data.filter_map(RData::ip_addr).collect()),
            RecordKind::Srv => Records::Services(data.filter_map(service).collect()),
            RecordKind::Mx | RecordKind::Ns => Records::Hosts(data.filter_map(host).collect()),
        })
    }
}

fn service(data: &RData) -> Option<Service> {
    let RData::SRV(found) = data else { return None };
    Some(Service { priority: found.priority, port: found.port, host: found.target.to_ascii() })
}

fn host(data: &RData) -> Option<String> {
    match data {
        RData::MX(found) => Some(found.exchange.to_ascii()),
        RData::NS(found) => Some(found.0.to_ascii()),
        _ => None,
    }
}
