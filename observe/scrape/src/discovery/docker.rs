//! Containers that a Docker daemon runs.
//!
//! Source: Prometheus's documentation, `<docker_sd_config>`; Docker's Engine API, `/containers/json` and `/networks`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use vitrine_kit::percent;
use vitrine_platform_config::yaml::{Node, Reader};
use vitrine_platform_fetch::{Client, Limits, Request, Settings};

use super::{ADDRESS, Group, label_suffix};
use crate::relabel::LabelMap;

/// How often it is asked if nothing else is given.
const REFRESH_INTERVAL: Duration = Duration::from_secs(60);
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer, in bytes.
const MAX_RESPONSE_BYTES: usize = 16 << 20;
/// The port of a container that has none, if nothing else is given.
const DEFAULT_PORT: u16 = 80;
/// What a container's network mode begins with if it lives in another's.
const CONTAINER_MODE: &str = "container:";

/// A Docker daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DockerDiscovery {
    base: String,
    query: String,
    port: u16,
    host_networking_host: String,
    matches_first_network: bool,
    interval: Duration,
    /// How it is asked.
    pub settings: Settings,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Container {
    id: String,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    ports: Option<Vec<Port>>,
    #[serde(default)]
    host_config: HostConfig,
    #[serde(default)]
    network_settings: NetworkSettings,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    #[serde(default)]
    network_mode: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NetworkSettings {
    #[serde(default)]
    networks: Option<BTreeMap<String, Endpoint>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Endpoint {
    #[serde(rename = "NetworkID", default)]
    network_id: String,
    #[serde(rename = "IPAddress", default)]
    ip_address: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Port {
    private_port: u16,
    #[serde(default)]
    public_port: u16,
    #[serde(rename = "IP", default)]
    ip: String,
    #[serde(rename = "Type", default)]
    kind: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Network {
    id: String,
    name: String,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    internal: bool,
    #[serde(default)]
    ingress: bool,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

impl DockerDiscovery {
    pub(super) fn take(reader: &Reader, node: &Node, folder: &Path) -> Option<Self> {
        let mut fields = reader.fields(node)?;
        let host = fields.text("host");
        let host = fields.required("host", host);
        let location = fields.location_of("host");
        let mut filters: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for node in fields.list("filters") {
            let Some(mut filter) = reader.fields(node) else { continue };
            let name = filter.text("name");
            if let Some(name) = filter.required("name", name) {
                filters.entry(name).or_default().extend(filter.list_of_texts("values"));
            }
        }
        let query = match serde_json::to_string(&filters) {
            Ok(text) if !filters.is_empty() => format!("?filters={}", percent::encode(&text)),
            _ => String::new(),
        };
        let found = Self {
            base: String::new(),
            query,
            port: fields.number("port").unwrap_or(DEFAULT_PORT),
            host_networking_host: fields.text("host_networking_host").unwrap_or_else(|| "localhost".to_owned()),
            matches_first_network: fields.flag("match_first_network").unwrap_or(true),
            interval: fields.duration("refresh_interval").filter(|given| !given.is_zero()).unwrap_or(REFRESH_INTERVAL),
            settings: Settings::read(reader, &mut fields, folder),
        };
        found.at(&host?).or_else(|| {
            reader.mistake(
                location,
                "host: expected unix:///PATH, tcp://HOST:PORT, http://HOST:PORT or https://HOST:PORT",
            );
            None
        })
    }

    fn at(mut self, host: &str) -> Option<Self> {
        let (scheme, place) = host.split_once("://")?;
        self.base = match scheme {
            "unix" => {
                self.settings.unix_socket = Some(PathBuf::from(place));
                "http://localhost".to_owned()
            }
            "tcp" => format!("http://{place}"),
            "http" | "https" => host.trim_end_matches('/').to_owned(),
            _ => return None,
        };
        Some(self)
    }

    pub(super) fn interval(&self) -> Duration {
        self.interval
    }

    pub(super) async fn groups(&self, client: &Client) -> Result<Vec<(String, Group)>, String> {
        let containers: Vec<Container> = self.ask(client, &format!("containers/json{}", self.query)).await?;
        let networks: Vec<Network> = self.ask(client, "networks").await?;
        let networks: BTreeMap<&str, &Network> =
            networks.iter().map(|network| (network.id.as_str(), network)).collect();
        let all: BTreeMap<&str, &Container> =
            containers.iter().map(|container| (container.id.as_str(), container)).collect();
        let targets = containers.iter().flat_map(|container| self.targets(container, &all, &networks)).collect();
        Ok(vec![("docker".to_owned(), Group { targets, labels: LabelMap::new() })])
    }

    async fn ask<T: DeserializeOwned>(&self, client: &Client, path: &str) -> Result<T, String> {
        let limits = Limits { within: TIMEOUT, max_response_bytes: MAX_RESPONSE_BYTES };
        let request = Request::get(format!("{}/{path}", self.base));
        let response = client.send(request, limits).await.map_err(|error| error.to_string())?;
        if response.status != http::StatusCode::OK {
            return Err(format!("Docker returned HTTP status {} for {path}", response.status));
        }
        serde_json::from_slice(&response.body).map_err(|error| format!("Docker's answer for {path}: {error}"))
    }

    /// One target for each network and TCP port of a container; for each network where it has none.
    fn targets(
        &self,
        container: &Container,
        all: &BTreeMap<&str, &Container>,
        networks: &BTreeMap<&str, &Network>,
    ) -> Vec<LabelMap> {
        let mode = container.host_config.network_mode.as_str();
        let mut own = LabelMap::new();
        own.insert("__meta_docker_container_id".to_owned(), container.id.clone());
        own.insert("__meta_docker_container_name".to_owned(), container.names.first().cloned().unwrap_or_default());
        own.insert("__meta_docker_container_network_mode".to_owned(), mode.to_owned());
        for (key, value) in container.labels.iter().flatten() {
            own.insert(format!("__meta_docker_container_label_{}", label_suffix(key)), value.clone());
        }
        // One that lives in another's network has the other's addresses.
        let owner = mode.strip_prefix(CONTAINER_MODE).and_then(|id| all.get(id).copied()).unwrap_or(container);
        let mut endpoints: Vec<&Endpoint> = owner.network_settings.networks.iter().flat_map(BTreeMap::values).collect();
        if self.matches_first_network {
            endpoints.truncate(1);
        }
        let mut targets = Vec::new();
        for endpoint in endpoints {
            let mut labels = own.clone();
            labels.insert("__meta_docker_network_ip".to_owned(), endpoint.ip_address.clone());
            if let Some(network) = networks.get(endpoint.network_id.as_str()) {
                network.tell(&mut labels);
            }
            let ports = owner.ports.iter().flatten().filter(|port| port.kind == "tcp");
            let before = targets.len();
            for port in ports {
                let mut labels = labels.clone();
                labels.insert("__meta_docker_port_private".to_owned(), port.private_port.to_string());
                if port.public_port > 0 {
                    labels.insert("__meta_docker_port_public".to_owned(), port.public_port.to_string());
                    labels.insert("__meta_docker_port_public_ip".to_owned(), port.ip.clone());
                }
                labels.insert(ADDRESS.to_owned(), format!("{}:{}", endpoint.ip_address, port.private_port));
                targets.push(labels);
            }
            if targets.len() == before {
                let host = if mode == "host" { &self.host_networking_host } else { &endpoint.ip_address };
                labels.insert(ADDRESS.to_owned(), format!("{host}:{}", self.port));
                targets.push(labels);
            }
        }
        targets
    }
}

impl Network {
    fn tell(&self, labels: &mut LabelMap) {
        let mut add = |name: &str, value: String| {
            labels.insert(format!("__meta_docker_network_{name}"), value);
        };
        add("id", self.id.clone());
        add("name", self.name.clone());
        add("scope", self.scope.clone());
        add("internal", self.internal.to_string());
        add("ingress", self.ingress.to_string());
        for (key, value) in self.labels.iter().flatten() {
            add(&format!("label_{}", label_suffix(key)), value.clone());
        }
    }
}
