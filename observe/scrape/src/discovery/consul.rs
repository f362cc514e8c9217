//! Services that Consul knows.
//!
//! Source: Prometheus's documentation, `<consul_sd_config>`; Consul's HTTP API, `/v1/catalog/services` and `/v1/health/service`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use http::header::HeaderName;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use vitrine_kit::percent;
use vitrine_platform_config::yaml::{Node, Reader};
use vitrine_platform_fetch::{Client, Limits, Request, SecretSource, Settings, secret_value};

use super::{ADDRESS, Group, label_suffix};
use crate::relabel::LabelMap;

/// How often it is asked if nothing else is given.
const REFRESH_INTERVAL: Duration = Duration::from_secs(30);
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Largest answer, in bytes.
const MAX_RESPONSE_BYTES: usize = 16 << 20;
/// Most services that are asked about.
const MAX_SERVICES: usize = 5_000;
/// The header of an access token.
const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-consul-token");

/// A Consul server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsulDiscovery {
    base: String,
    query: String,
    services: Vec<String>,
    tags: Vec<String>,
    tag_separator: String,
    token: Option<SecretSource>,
    interval: Duration,
    /// How it is asked.
    pub settings: Settings,
}

/// A service on a node, as `/v1/health/service` tells of it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Instance {
    node: ConsulNode,
    service: ConsulService,
    #[serde(default)]
    checks: Vec<Check>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ConsulNode {
    node: String,
    #[serde(default)]
    address: String,
    #[serde(default)]
    datacenter: String,
    #[serde(default)]
    meta: Option<BTreeMap<String, String>>,
    #[serde(default)]
    tagged_addresses: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ConsulService {
    #[serde(rename = "ID")]
    id: String,
    service: String,
    #[serde(default)]
    tags: Option<Vec<String>>,
    #[serde(default)]
    address: String,
    #[serde(default)]
    meta: Option<BTreeMap<String, String>>,
    #[serde(default)]
    port: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Check {
    #[serde(default)]
    status: String,
}

impl ConsulDiscovery {
    pub(super) fn take(reader: &Reader, node: &Node, folder: &Path) -> Option<Self> {
        let mut fields = reader.fields(node)?;
        let server = fields.text("server").unwrap_or_else(|| "localhost:8500".to_owned());
        let scheme =
            fields.parsed("scheme", "http or https", |text| matches!(text, "http" | "https").then(|| text.to_owned()));
        let mut query = Vec::new();
        for (field, name) in
            [("datacenter", "dc"), ("namespace", "ns"), ("partition", "partition"), ("filter", "filter")]
        {
            query.extend(fields.text(field).map(|value| format!("{name}={}", percent::encode(&value))));
        }
        for (key, value) in fields.texts("node_meta") {
            query.push(format!("node-meta={}", percent::encode(&format!("{key}:{value}"))));
        }
        if fields.flag("allow_stale").unwrap_or(true) {
            query.push("stale".to_owned());
        }
        let found = Self {
            base: format!("{}://{server}", scheme.unwrap_or_else(|| "http".to_owned())),
            query: query.join("&"),
            services: fields.list_of_texts("services"),
            tags: fields.list_of_texts("tags"),
            tag_separator: fields.text("tag_separator").unwrap_or_else(|| ",".to_owned()),
            token: SecretSource::take(reader, &mut fields, "token", "token_file", folder),
            interval: fields.duration("refresh_interval").filter(|given| !given.is_zero()).unwrap_or(REFRESH_INTERVAL),
            settings: Settings::read(reader, &mut fields, folder),
        };
        Some(found)
    }

    pub(super) fn interval(&self) -> Duration {
        self.interval
    }

    pub(super) async fn groups(&self, client: &Client) -> Result<Vec<(String, Group)>, String> {
        let all: BTreeMap<String, Vec<String>> = self.ask(client, "catalog/services").await?;
        let has_tags = |tags: &[String]| self.tags.iter().all(|tag| tags.contains(tag));
        let is_wanted = |name: &String| self.services.is_empty() || self.services.contains(name);
        let wanted = all.into_iter().filter(|(name, tags)| is_wanted(name) && has_tags(tags)).take(MAX_SERVICES);
        let mut groups = Vec::new();
        for (name, _) in wanted {
            let instances: Vec<Instance> =
                self.ask(client, &format!("health/service/{}", percent::encode(&name))).await?;
            let fits = |instance: &&Instance| has_tags(instance.service.tags.as_deref().unwrap_or_default());
            let targets = instances.iter().filter(fits).map(|instance| self.target(instance)).collect();
            groups.push((name, Group { targets, labels: LabelMap::new() }));
        }
        Ok(groups)
    }

    async fn ask<T: DeserializeOwned>(&self, client: &Client, path: &str) -> Result<T, String> {
        let mut request = Request::get(format!("{}/v1/{path}?{}", self.base, self.query));
        if let Some(token) = &self.token {
            let token = token.read().await.map_err(|error| error.to_string())?;
            let value = secret_value(TOKEN_HEADER, token.expose()).map_err(|error| error.to_string())?;
            request = request.with_header(TOKEN_HEADER, value);
        }
        let limits = Limits { within: TIMEOUT, max_response_bytes: MAX_RESPONSE_BYTES };
        let response = client.send(request, limits).await.map_err(|error| error.to_string())?;
        if response.status != http::StatusCode::OK {
            return Err(format!("Consul returned HTTP status {} for {path}", response.status));
        }
        serde_json::from_slice(&response.body).map_err(|error| format!("Consul's answer for {path}: {error}"))
    }

    fn target(&self, instance: &Instance) -> LabelMap {
        let Instance { node, service, checks } = instance;
        let address = if service.address.is_empty() { &node.address } else { &service.address };
        let separator = &self.tag_separator;
        let tags = service.tags.as_deref().unwrap_or_default().join(separator);
        // As Consul itself sums them up: the worst of all checks.
        let worst = ["maintenance", "critical", "warning"];
        let health =
            worst.iter().find(|state| checks.iter().any(|check| check.status == **state)).unwrap_or(&"passing");
        let mut labels = LabelMap::from([(ADDRESS.to_owned(), format!("{address}:{}", service.port))]);
        let mut add = |name: &str, value: &str| {
            labels.insert(format!("__meta_consul_{name}"), value.to_owned());
        };
        add("address", &node.address);
        add("node", &node.node);
        add("dc", &node.datacenter);
        add("health", health);
        add("service", &service.service);
        add("service_id", &service.id);
        add("service_address", &service.address);
        add("service_port", &service.port.to_string());
        // A separator at both ends, so that a rule can look for one tag.
        add("tags", &format!("{separator}{tags}{separator}"));
        for (prefix, map) in
            [("metadata", &node.meta), ("service_metadata", &service.meta), ("tagged_address", &node.tagged_addresses)]
        {
            for (key, value) in map.iter().flatten() {
                add(&format!("{prefix}_{}", label_suffix(key)), value);
            }
        }
        labels
    }
}
