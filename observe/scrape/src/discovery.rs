//! Where targets are: lists in the configuration, files, HTTP, DNS, Consul, Docker, Kubernetes.
//!
//! Each source makes groups of targets; a group that a source brings again replaces the one before. A source that fails keeps what it said
//! last.

mod consul;
mod dns;
mod docker;
mod file;
mod http;
mod kubernetes;

use std::path::Path;
use std::time::Duration;

use tokio::sync::mpsc::Sender;
use vitrine_platform_config::yaml::{Fields, Node, Reader};
use vitrine_platform_fetch::{Client, Resolver, Settings};

use crate::relabel::LabelMap;

pub use consul::ConsulDiscovery;
pub use dns::DnsDiscovery;
pub use docker::DockerDiscovery;
pub use file::FileDiscovery;
pub use http::HttpDiscovery;
pub use kubernetes::KubernetesDiscovery;

/// The label of a target's address.
pub const ADDRESS: &str = "__address__";

/// What is said where a source is asked without what it is asked by, which [`Discovery::follow`] makes.
const NO_CLIENT: &str = "there is no client";
/// How soon a source that failed is asked again, at least.
const RETRY: Duration = Duration::from_secs(5);

/// The end of a label that a source's own key makes: what is no letter, digit or `_` becomes `_`.
pub(crate) fn label_suffix(key: &str) -> String {
    key.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect()
}

/// An address out of a host, or an IP address, and a port.
pub(crate) fn host_port(host: &str, port: impl std::fmt::Display) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Targets that share labels.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    /// Labels of each target, with its address.
    pub targets: Vec<LabelMap>,
    /// Labels that all of them have.
    pub labels: LabelMap,
}

/// A source of targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Discovery {
    /// As the configuration lists them.
    Static(Vec<Group>),
    /// In files that are read again when they change.
    File(FileDiscovery),
    /// At a URL that is asked again and again.
    Http(Box<HttpDiscovery>),
    /// Services that Consul knows.
    Consul(Box<ConsulDiscovery>),
    /// Containers that a Docker daemon runs.
    Docker(Box<DockerDiscovery>),
    /// Records of a name.
    Dns(DnsDiscovery),
    /// Objects of a Kubernetes cluster.
    Kubernetes(Box<KubernetesDiscovery>),
}

/// What a source has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupUpdate {
    /// All its groups, by what brought them.
    All(Vec<(String, Group)>),
    /// Groups that are new or have changed; none for those that are gone.
    Changed(Vec<(String, Option<Group>)>),
}

impl Discovery {
    pub(crate) fn take_all(reader: &Reader, fields: &mut Fields<'_>, folder: &Path) -> Vec<Self> {
        let mut all = Vec::new();
        let groups: Vec<Group> = fields.list("static_configs").iter().filter_map(|node| group(reader, node)).collect();
        if !groups.is_empty() {
            all.push(Self::Static(groups));
        }
        for node in fields.list("file_sd_configs") {
            all.extend(FileDiscovery::take(reader, node, folder).map(Self::File));
        }
        for node in fields.list("http_sd_configs") {
            all.extend(HttpDiscovery::take(reader, node, folder).map(|found| Self::Http(Box::new(found))));
        }
        for node in fields.list("consul_sd_configs") {
            all.extend(ConsulDiscovery::take(reader, node, folder).map(|found| Self::Consul(Box::new(found))));
        }
        for node in fields.list("docker_sd_configs") {
            all.extend(DockerDiscovery::take(reader, node, folder).map(|found| Self::Docker(Box::new(found))));
        }
        for node in fields.list("dns_sd_configs") {
            all.extend(DnsDiscovery::take(reader, node).into_iter().map(Self::Dns));
        }
        for node in fields.list("kubernetes_sd_configs") {
            all.extend(KubernetesDiscovery::take(reader, node, folder).map(|found| Self::Kubernetes(Box::new(found))));
        }
        all
    }

    /// How requests to it are made; none where it is asked nothing over HTTP.
    fn settings(&self) -> Option<&Settings> {
        match self {
            Self::Static(_) | Self::File(_) | Self::Dns(_) => None,
            Self::Http(http) => Some(&http.settings),
            Self::Consul(consul) => Some(&consul.settings),
            Self::Docker(docker) => Some(&docker.settings),
            Self::Kubernetes(kubernetes) => Some(kubernetes.settings()),
        }
    }

    /// How long until it is asked again; none where it never changes, or tells by itself.
    fn interval(&self) -> Option<Duration> {
        match self {
            Self::Static(_) | Self::Kubernetes(_) => None,
            Self::File(file) => Some(file.interval()),
            Self::Http(http) => Some(http.interval()),
            Self::Consul(consul) => Some(consul.interval()),
            Self::Docker(docker) => Some(docker.interval()),
            Self::Dns(dns) => Some(dns.interval()),
        }
    }

    /// Finds out, again and again, and hands on what is found when that is new, as this source's. It ends where nothing ever changes, and when
    /// nobody listens. `name_server` is whom DNS is asked of; the system's where it is empty.
    pub(crate) async fn follow(self, number: usize, name_server: String, sender: Sender<(usize, GroupUpdate)>) {
        let client = self.settings().map(Client::new).transpose().map_err(|error| error.to_string());
        let resolver = matches!(self, Self::Dns(_)).then(|| Resolver::new(&name_server)).transpose();
        let (client, resolver) = match (client, resolver.map_err(|error| error.to_string())) {
            (Ok(client), Ok(resolver)) => (client, resolver),
            (Err(error), _) | (_, Err(error)) => {
                tracing::error!(error, "a source of targets cannot be asked");
                return;
            }
        };
        match (&self, client) {
            (Self::Kubernetes(kubernetes), Some(client)) => kubernetes.follow(&client, number, &sender).await,
            (_, client) => self.poll(number, client.as_ref(), resolver.as_ref(), &sender).await,
        }
    }

    async fn poll(
        &self,
        number: usize,
        client: Option<&Client>,
        resolver: Option<&Resolver>,
        sender: &Sender<(usize, GroupUpdate)>,
    ) {
        let mut last: Option<Vec<(String, Group)>> = None;
        loop {
            let mut pause = self.interval();
            match self.groups(client, resolver).await {
                Ok(groups) if last.as_ref() == Some(&groups) => {}
                Ok(groups) => {
                    last = Some(groups.clone());
                    if sender.send((number, GroupUpdate::All(groups))).await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::warn!(error, "a source of targets cannot be read: its last targets stay");
                    pause = pause.map(|pause| pause.max(RETRY));
                }
            }
            let Some(pause) = pause else { return };
            tokio::time::sleep(pause).await;
        }
    }

    /// The groups that there are now, by what brought them. An error says why a source could not be asked.
    async fn groups(
        &self,
        client: Option<&Client>,
        resolver: Option<&Resolver>,
    ) -> Result<Vec<(String, Group)>, String> {
        match self {
            Self::Static(groups) => {
                Ok(groups.iter().enumerate().map(|(number, group)| (number.to_string(), group.clone())).collect())
            }
            Self::File(file) => {
                let file = file.clone();
                tokio::task::spawn_blocking(move || file.groups()).await.map_err(|error| error.to_string())?
            }
            Self::Http(http) => http.groups(client.ok_or(NO_CLIENT)?).await,
            Self::Consul(consul) => consul.groups(client.ok_or(NO_CLIENT)?).await,
            Self::Docker(docker) => docker.groups(client.ok_or(NO_CLIENT)?).await,
            Self::Dns(dns) => dns.groups(resolver.ok_or(NO_CLIENT)?).await,
            // It tells by itself.
            Self::Kubernetes(_) => Err(NO_CLIENT.to_owned()),
        }
    }
}

/// A group as configurations and files have it: `targets` and `labels`.
pub(crate) fn group(reader: &Reader, node: &Node) -> Option<Group> {
    let mut fields = reader.fields(node)?;
    let addresses = fields.list_of_texts("targets");
    let labels = fields.texts("labels").into_iter().collect();
    let targets = addresses.into_iter().map(|address| LabelMap::from([(ADDRESS.to_owned(), address)])).collect();
    Some(Group { targets, labels })
}
