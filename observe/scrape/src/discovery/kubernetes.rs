//! Objects of a Kubernetes cluster: listed, then watched.
//!
//! Source: Prometheus's documentation, `<kubernetes_sd_config>`, and its `discovery/kubernetes`.

mod access;
mod cluster;
mod groups;
mod labels;
mod objects;
mod watch;

use std::path::Path;
use std::time::Duration;

use tokio::sync::mpsc::{self, Sender};
use tokio::task::JoinSet;
use tokio::time::Instant;
use vitrine_platform_config::yaml::{Fields, Node, Reader};
use vitrine_platform_fetch::{Client, Settings};

use super::{Group, GroupUpdate, label_suffix};
use access::Access;
use cluster::Cluster;
use objects::{Key, Kind};
use watch::Watch;

/// Changes that wait to be noted.
const MAX_WAITING: usize = 1_024;
/// Most changes that are noted before what they amount to is handed on.
const MAX_BATCH: usize = 20_000;
/// The shortest time between two times when something is handed on: a deployment changes many objects at once.
const PAUSE: Duration = Duration::from_secs(1);

/// What is discovered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Node,
    Pod,
    Service,
    Endpoints,
    EndpointSlice,
    Ingress,
}

/// All of them, by their names, with the roles that may have selectors.
const ROLES: [(&str, Role, &[&str]); 6] = [
    ("node", Role::Node, &["node"]),
    ("pod", Role::Pod, &["pod", "node"]),
    ("service", Role::Service, &["service"]),
    ("endpoints", Role::Endpoints, &["pod", "service", "endpoints"]),
    ("endpointslice", Role::EndpointSlice, &["pod", "service", "endpointslice"]),
    ("ingress", Role::Ingress, &["ingress"]),
];

/// What else targets are told with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Attached {
    node: bool,
    namespace: bool,
    deployment: bool,
    job: bool,
    cron_job: bool,
}

/// A cluster, and what of it is discovered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubernetesDiscovery {
    role: Role,
    access: Access,
    /// Empty: all of them.
    namespaces: Vec<String>,
    selectors: Vec<Selector>,
    attached: Attached,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Selector {
    role: Role,
    label: String,
    field: String,
}

impl Role {
    fn named(name: &str) -> Option<Self> {
        ROLES.iter().find(|(known, ..)| *known == name).map(|(_, role, _)| *role)
    }

    /// What objects are its targets.
    fn kind(self) -> Kind {
        match self {
            Self::Node => Kind::Node,
            Self::Pod => Kind::Pod,
            Self::Service => Kind::Service,
            Self::Endpoints => Kind::Endpoints,
            Self::EndpointSlice => Kind::EndpointSlice,
            Self::Ingress => Kind::Ingress,
        }
    }

    fn name(self) -> &'static str {
        ROLES.iter().find(|(_, role, _)| *role == self).map_or("", |(name, ..)| name)
    }
}

impl KubernetesDiscovery {
    pub(super) fn take(reader: &Reader, node: &Node, folder: &Path) -> Option<Self> {
        let mut fields = reader.fields(node)?;
        let role = fields.parsed("role", "one of pod, service, endpoints, endpointslice, node, ingress", Role::named);
        let role = fields.required("role", role);
        let attached = attached(&mut fields);
        let (mut namespaces, mut is_own_wanted) = (Vec::new(), false);
        if let Some(mut given) = fields.fields("namespaces") {
            namespaces = given.list_of_texts("names");
            is_own_wanted = given.flag("own_namespace").unwrap_or_default();
        }
        let selectors = role.map(|role| selectors(reader, fields.list("selectors"), role)).unwrap_or_default();
        let access = Access::take(reader, &mut fields, folder, is_own_wanted);
        let (access, own) = access?;
        namespaces.extend(own);
        namespaces.sort();
        namespaces.dedup();
        Some(Self { role: role?, access, namespaces, selectors, attached })
    }

    /// How its API is asked.
    pub(super) fn settings(&self) -> &Settings {
        &self.access.settings
    }

    /// What is watched so that the role's targets are known.
    fn watches(&self) -> Vec<Watch> {
        let Attached { node, namespace, deployment, job, cron_job } = self.attached;
        let is_of_pods = matches!(self.role, Role::Pod | Role::Endpoints | Role::EndpointSlice);
        let is_of_endpoints = matches!(self.role, Role::Endpoints | Role::EndpointSlice);
        let mut watches = Vec::new();
        for (kind, is_wanted) in [
            (self.role.kind(), true),
            (Kind::Service, is_of_endpoints),
            (Kind::Pod, is_of_endpoints),
            (Kind::Node, node && is_of_pods),
            (Kind::Namespace, namespace && self.role != Role::Node),
            (Kind::ReplicaSet, deployment && is_of_pods),
            (Kind::Job, (job || cron_job) && is_of_pods),
        ] {
            if !is_wanted {
                continue;
            }
            let selector = self.selectors.iter().find(|selector| selector.role.kind() == kind);
            let text = |of: fn(&Selector) -> &String| selector.map(of).cloned().unwrap_or_default();
            let watch = Watch {
                kind,
                namespace: String::new(),
                label_selector: text(|selector| &selector.label),
                field_selector: text(|selector| &selector.field),
            };
            if kind.is_of_cluster() || self.namespaces.is_empty() {
                watches.push(watch);
            } else {
                let each = self.namespaces.iter().map(|name| Watch { namespace: name.clone(), ..watch.clone() });
                watches.extend(each);
            }
        }
        watches
    }

    /// Follows the cluster as long as somebody listens.
    pub(super) async fn follow(&self, client: &Client, number: usize, sender: &Sender<(usize, GroupUpdate)>) {
        let watches = self.watches();
        let (events, mut noted) = mpsc::channel(MAX_WAITING);
        // Its end is theirs.
        let mut watching = JoinSet::new();
        for (number, watch) in watches.iter().enumerate() {
            watching.spawn(watch.clone().run(client.clone(), self.access.server.clone(), number, events.clone()));
        }
        drop(events);
        let mut cluster = Cluster::new(self.role.kind(), self.attached, watches);
        let mut is_first = true;
        while let Some((watch, change)) = noted.recv().await {
            cluster.note(watch, change);
            for _ in 0..MAX_BATCH {
                let Ok((watch, change)) = noted.try_recv() else { break };
                cluster.note(watch, change);
            }
            // Half of what makes a target would be told as all of it.
            if !cluster.is_known() {
                continue;
            }
            let changed = self.groups(&mut cluster);
            let found = if is_first {
                let all = changed.into_iter().filter_map(|(name, group)| Some((name, group?)));
                GroupUpdate::All(all.collect())
            } else if changed.is_empty() {
                continue;
            } else {
                GroupUpdate::Changed(changed)
            };
            is_first = false;
            let next = Instant::now() + PAUSE;
            if sender.send((number, found)).await.is_err() {
                return;
            }
            tokio::time::sleep_until(next).await;
        }
    }
}

/// Groups that are new or have changed; none for those that are gone.
type Changed = Vec<(String, Option<Group>)>;

impl KubernetesDiscovery {
    /// The groups of the objects that have changed since this was asked.
    fn groups(&self, cluster: &mut Cluster) -> Changed {
        let changed = cluster.changed().into_iter();
        let group = |(namespace, name): Key| {
            let source = format!("{}/{namespace}/{name}", self.role.name());
            let object = cluster.get(self.role.kind(), &(namespace, name));
            (source, object.map(|object| groups::group(cluster, object)))
        };
        changed.map(group).collect()
    }
}

fn attached(fields: &mut Fields<'_>) -> Attached {
    let Some(mut given) = fields.fields("attach_metadata") else { return Attached::default() };
    let mut flag = |name| given.flag(name).unwrap_or_default();
    Attached {
        node: flag("node"),
        namespace: flag("namespace"),
        deployment: flag("deployment"),
        job: flag("job"),
        cron_job: flag("cronjob"),
    }
}

fn selectors(reader: &Reader, nodes: &[Node], of: Role) -> Vec<Selector> {
    let allowed = ROLES.iter().find(|(_, role, _)| *role == of).map_or(&[][..], |(.., allowed)| allowed);
    let mut selectors: Vec<Selector> = Vec::new();
    for node in nodes {
        let Some(mut fields) = reader.fields(node) else { continue };
        let name = fields.text("role");
        let (label, field) = (fields.text("label").unwrap_or_default(), fields.text("field").unwrap_or_default());
        let Some(name) = fields.required("role", name) else { continue };
        let Some(role) = Role::named(&name).filter(|_| allowed.contains(&name.as_str())) else {
            let message = format!("{} role supports only {} selectors", of.name(), allowed.join(", "));
            reader.mistake(fields.location_of("role"), message);
            continue;
        };
        if selectors.iter().any(|known| known.role == role) {
            reader.mistake(fields.location_of("role"), format!("duplicated selector role: {name}"));
        }
        selectors.push(Selector { role, label, field });
    }
    selectors
}
