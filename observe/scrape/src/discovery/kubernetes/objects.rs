//! Objects of Kubernetes, as far as targets need them.
//!
//! Source: Kubernetes's API reference (`v1`, `apps/v1`, `batch/v1`, `discovery.k8s.io/v1`, `networking.k8s.io/v1`).

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

/// What objects there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Pod,
    Node,
    Service,
    Endpoints,
    EndpointSlice,
    Ingress,
    Namespace,
    ReplicaSet,
    Job,
}

impl Kind {
    /// The path of its API, and its name in it.
    pub fn path(self) -> (&'static str, &'static str) {
        match self {
            Self::Pod => ("api/v1", "pods"),
            Self::Node => ("api/v1", "nodes"),
            Self::Service => ("api/v1", "services"),
            Self::Endpoints => ("api/v1", "endpoints"),
            Self::EndpointSlice => ("apis/discovery.k8s.io/v1", "endpointslices"),
            Self::Ingress => ("apis/networking.k8s.io/v1", "ingresses"),
            Self::Namespace => ("api/v1", "namespaces"),
            Self::ReplicaSet => ("apis/apps/v1", "replicasets"),
            Self::Job => ("apis/batch/v1", "jobs"),
        }
    }

    /// Whether its objects are of no namespace.
    pub fn is_of_cluster(self) -> bool {
        matches!(self, Self::Node | Self::Namespace)
    }

    /// Reads the object of a watch's line.
    pub fn parse_line(self, json: &[u8]) -> serde_json::Result<Object> {
        match self {
            Self::Pod => line(json, Object::Pod),
            Self::Node => line(json, Object::Node),
            Self::Service => line(json, Object::Service),
            Self::Endpoints => line(json, Object::Endpoints),
            Self::EndpointSlice => line(json, Object::EndpointSlice),
            Self::Ingress => line(json, Object::Ingress),
            Self::Namespace | Self::ReplicaSet | Self::Job => line(json, Object::Other),
        }
    }

    /// Reads a page of a list.
    pub fn parse_page(self, json: &[u8]) -> serde_json::Result<Page> {
        match self {
            Self::Pod => page(json, Object::Pod),
            Self::Node => page(json, Object::Node),
            Self::Service => page(json, Object::Service),
            Self::Endpoints => page(json, Object::Endpoints),
            Self::EndpointSlice => page(json, Object::EndpointSlice),
            Self::Ingress => page(json, Object::Ingress),
            Self::Namespace | Self::ReplicaSet | Self::Job => page(json, Object::Other),
        }
    }
}

/// A page of a list.
#[derive(Debug)]
pub(super) struct Page {
    pub objects: Vec<Object>,
    /// From which version on changes are to be watched.
    pub version: String,
    /// Where the next page begins; empty after the last one.
    pub next: String,
}

#[derive(Deserialize)]
struct List<T> {
    #[serde(default)]
    metadata: ListMeta,
    items: Option<Vec<T>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ListMeta {
    resource_version: String,
    r#continue: String,
}

/// A line of a watch.
#[derive(Deserialize)]
pub(super) struct Line<T> {
    pub object: T,
}

fn line<T: DeserializeOwned>(json: &[u8], of: fn(Box<T>) -> Object) -> serde_json::Result<Object> {
    serde_json::from_slice::<Line<Box<T>>>(json).map(|line| of(line.object))
}

fn page<T: DeserializeOwned>(json: &[u8], of: fn(Box<T>) -> Object) -> serde_json::Result<Page> {
    let List { metadata, items } = serde_json::from_slice::<List<Box<T>>>(json)?;
    let objects = items.into_iter().flatten().map(of).map(Object::without_version).collect();
    Ok(Page { objects, version: metadata.resource_version, next: metadata.r#continue })
}

/// An object.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Object {
    Pod(Box<Pod>),
    Node(Box<Node>),
    Service(Box<Service>),
    Endpoints(Box<Endpoints>),
    EndpointSlice(Box<EndpointSlice>),
    Ingress(Box<Ingress>),
    /// One of which nothing but its metadata is needed.
    Other(Box<Other>),
}

/// The namespace and the name of an object.
pub(super) type Key = (String, String);

impl Object {
    pub fn meta(&self) -> &Meta {
        match self {
            Self::Pod(object) => &object.metadata,
            Self::Node(object) => &object.metadata,
            Self::Service(object) => &object.metadata,
            Self::Endpoints(object) => &object.metadata,
            Self::EndpointSlice(object) => &object.metadata,
            Self::Ingress(object) => &object.metadata,
            Self::Other(object) => &object.metadata,
        }
    }

    pub fn key(&self) -> Key {
        self.meta().key()
    }

    /// The same without its version, which says nothing about what it is.
    pub fn without_version(mut self) -> Self {
        let meta = match &mut self {
            Self::Pod(object) => &mut object.metadata,
            Self::Node(object) => &mut object.metadata,
            Self::Service(object) => &mut object.metadata,
            Self::Endpoints(object) => &mut object.metadata,
            Self::EndpointSlice(object) => &mut object.metadata,
            Self::Ingress(object) => &mut object.metadata,
            Self::Other(object) => &mut object.metadata,
        };
        meta.resource_version.clear();
        self
    }
}

/// `null` where something may be missing.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A struct each of whose fields may be missing, or null.
macro_rules! object {
    ($(#[$meta:meta])* $name:ident { $($(#[$attribute:meta])* $field:ident: $kind:ty),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub(super) struct $name {
            $($(#[$attribute])* #[serde(deserialize_with = "or_default")] pub $field: $kind,)*
        }
    };
}

object!(Meta {
    name: String,
    namespace: String,
    uid: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    owner_references: Vec<Owner>,
    resource_version: String,
});

impl Meta {
    /// Its namespace and name.
    pub fn key(&self) -> Key {
        (self.namespace.clone(), self.name.clone())
    }

    /// Who made it and keeps it as it is.
    pub fn controller(&self) -> Option<&Owner> {
        self.owner_references.iter().find(|owner| owner.controller)
    }
}

object!(Owner { kind: String, name: String, controller: bool });
object!(Other { metadata: Meta });
object!(Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
});

object!(Pod { metadata: Meta, spec: PodSpec, status: PodStatus });
object!(PodSpec { node_name: String, containers: Vec<Container>, init_containers: Vec<Container>, });
object!(Container { name: String, image: String, ports: Vec<ContainerPort>, });
object!(ContainerPort { name: String, container_port: u32, protocol: Option<String>, });
object!(PodStatus {
    #[serde(rename = "podIP")]
    pod_ip: String,
    #[serde(rename = "hostIP")]
    host_ip: String,
    phase: String,
    conditions: Vec<Condition>,
    container_statuses: Vec<ContainerStatus>,
    init_container_statuses: Vec<ContainerStatus>,
});
object!(ContainerStatus {
    name: String,
    #[serde(rename = "containerID")]
    container_id: String,
});

object!(Node { metadata: Meta, spec: NodeSpec, status: NodeStatus });
object!(NodeSpec {
    #[serde(rename = "providerID")]
    provider_id: String,
});
object!(NodeStatus { addresses: Vec<NodeAddress>, conditions: Vec<Condition>, daemon_endpoints: DaemonEndpoints, });
object!(NodeAddress {
    #[serde(rename = "type")]
    kind: String,
    address: String,
});
object!(DaemonEndpoints { kubelet_endpoint: DaemonEndpoint });
object!(DaemonEndpoint {
    #[serde(rename = "Port")]
    port: u32,
});

object!(Service { metadata: Meta, spec: ServiceSpec, status: ServiceStatus });
object!(ServiceSpec {
    #[serde(rename = "type")]
    kind: String,
    #[serde(rename = "clusterIP")]
    cluster_ip: String,
    external_name: String,
    #[serde(rename = "loadBalancerIP")]
    load_balancer_ip: String,
    ip_families: Vec<String>,
    ip_family_policy: String,
    ports: Vec<ServicePort>,
});
object!(ServicePort { name: String, port: u32, protocol: Option<String>, });
object!(ServiceStatus { load_balancer: LoadBalancer });
object!(LoadBalancer { ingress: Vec<LoadBalancerIngress>, });
object!(LoadBalancerIngress { ip: String });

object!(Endpoints { metadata: Meta, subsets: Vec<Subset>, });
object!(Subset { addresses: Vec<EndpointAddress>, not_ready_addresses: Vec<EndpointAddress>, ports: Vec<EndpointPort>, });
object!(EndpointAddress { ip: String, hostname: String, node_name: Option<String>, target_ref: Option<Reference>, });
object!(EndpointPort { name: Option<String>, port: Option<u32>, protocol: Option<String>, app_protocol: Option<String>, });
object!(Reference { kind: String, name: String, namespace: String });

object!(EndpointSlice { metadata: Meta, address_type: String, endpoints: Vec<Endpoint>, ports: Vec<EndpointPort>, });
object!(Endpoint {
    addresses: Vec<String>,
    conditions: EndpointConditions,
    hostname: Option<String>,
    node_name: Option<String>,
    target_ref: Option<Reference>,
    zone: Option<String>,
    deprecated_topology: BTreeMap<String, String>,
});
object!(EndpointConditions { ready: Option<bool>, serving: Option<bool>, terminating: Option<bool>, });

object!(Ingress { metadata: Meta, spec: IngressSpec });
object!(IngressSpec { ingress_class_name: Option<String>, rules: Vec<IngressRule>, tls: Vec<IngressTls>, });
object!(IngressRule { host: String, http: Option<IngressPaths>, });
object!(IngressPaths { paths: Vec<IngressPath>, });
object!(IngressPath { path: String });
object!(IngressTls { hosts: Vec<String>, });
