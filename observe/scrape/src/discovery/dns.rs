//! Targets out of DNS: one name's records.
//!
//! Source: Prometheus's documentation, `<dns_sd_config>`, and its `discovery/dns`.

use std::time::Duration;

use vitrine_platform_config::yaml::{Node, Reader};
use vitrine_platform_fetch::{RecordKind, Records, Resolver, Service};

use super::{ADDRESS, Group, host_port};
use crate::relabel::LabelMap;

/// How often it is asked if nothing else is given.
const REFRESH_INTERVAL: Duration = Duration::from_secs(30);

/// A name whose records are targets. Several names are several sources, so that one that fails does not hold up the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsDiscovery {
    name: String,
    kind: RecordKind,
    port: u16,
    interval: Duration,
}

impl DnsDiscovery {
    pub(super) fn take(reader: &Reader, node: &Node) -> Vec<Self> {
        let Some(mut fields) = reader.fields(node) else { return Vec::new() };
        let names = fields.list_of_texts("names");
        if names.is_empty() {
            reader.mistake(fields.location_of("names"), "DNS-SD config must contain at least one SRV record name");
        }
        let kind = fields.parsed("type", "SRV, A, AAAA, MX or NS", |text| {
            Some(match text.to_ascii_uppercase().as_str() {
                "SRV" => RecordKind::Srv,
                "A" => RecordKind::A,
                "AAAA" => RecordKind::Aaaa,
                "MX" => RecordKind::Mx,
                "NS" => RecordKind::Ns,
                _ => return None,
            })
        });
        let kind = kind.unwrap_or(RecordKind::Srv);
        let port = fields.number("port").filter(|port| *port != 0);
        if port.is_none() && kind != RecordKind::Srv {
            let message = "a port is required in DNS-SD configs for all record types except SRV";
            reader.mistake(fields.location_of("port"), message);
        }
        let interval = fields.duration("refresh_interval").filter(|given| !given.is_zero()).unwrap_or(REFRESH_INTERVAL);
        let port = port.unwrap_or_default();
        names.into_iter().map(|name| Self { name, kind, port, interval }).collect()
    }

    pub(super) fn interval(&self) -> Duration {
        self.interval
    }

    pub(super) async fn groups(&self, resolver: &Resolver) -> Result<Vec<(String, Group)>, String> {
        let records = resolver.records(&self.name, self.kind).await;
        let records = records.map_err(|error| format!("could not resolve {:?}: {error}", self.name))?;
        let targets = match records {
            Records::Addresses(addresses) => {
                addresses.iter().map(|address| self.target(&address.to_string(), self.port, &[])).collect()
            }
            Records::Services(services) => services.iter().map(|service| self.service(service)).collect(),
            Records::Hosts(hosts) => {
                let label = if self.kind == RecordKind::Mx { "mx_record_target" } else { "ns_record_target" };
                hosts.iter().map(|host| self.target(host, self.port, &[(label, host)])).collect()
            }
        };
        Ok(vec![(self.name.clone(), Group { targets, labels: LabelMap::new() })])
    }

    fn service(&self, Service { host, port, .. }: &Service) -> LabelMap {
        self.target(host, *port, &[("srv_record_target", host), ("srv_record_port", &port.to_string())])
    }

    /// A target at a host, whose name may end with a dot.
    fn target(&self, host: &str, port: u16, labels: &[(&str, &str)]) -> LabelMap {
        let labels = labels.iter().copied().chain([("name", self.name.as_str())]);
        let mut labels: LabelMap =
            labels.map(|(name, value)| (format!("__meta_dns_{name}"), value.to_owned())).collect();
        labels.insert(ADDRESS.to_owned(), host_port(host.trim_end_matches('.'), port));
        labels
    }
}
