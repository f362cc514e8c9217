//! The targets of each object.
//!
//! Source: Prometheus's documentation, `<kubernetes_sd_config>`, and its `discovery/kubernetes`.

use std::collections::BTreeMap;

use super::cluster::{Cluster, node_of_address, node_of_endpoint, pod_key, service_of};
use super::labels::Labels;
use super::objects::{
    Container, EndpointAddress, EndpointPort, EndpointSlice, Endpoints, Ingress, Key, Kind, Node, Object, Pod,
    Reference, Service,
};
use crate::discovery::{Group, host_port};

/// Kinds of a node's addresses, the one by which it is scraped first.
const NODE_ADDRESSES: [&str; 6] =
    ["InternalIP", "InternalDNS", "ExternalIP", "ExternalDNS", "LegacyHostIP", "Hostname"];

/// The group of an object of the role's kind.
pub(super) fn group(cluster: &Cluster, object: &Object) -> Group {
    let (labels, targets) = match object {
        Object::Pod(pod) => of_pod(cluster, pod),
        Object::Node(node) => of_node(node),
        Object::Service(service) => of_service(cluster, service),
        Object::Endpoints(endpoints) => of_endpoints(cluster, endpoints),
        Object::EndpointSlice(slice) => of_slice(cluster, slice),
        Object::Ingress(ingress) => of_ingress(cluster, ingress),
        Object::Other(_) => Default::default(),
    };
    Group { targets: targets.into_iter().map(Labels::into_map).collect(), labels: labels.into_map() }
}

fn of_node(node: &Node) -> (Labels, Vec<Labels>) {
    let mut labels = Labels::default();
    labels.set("node_provider_id", &node.spec.provider_id);
    for condition in &node.status.conditions {
        let kind = super::label_suffix(&condition.kind.to_ascii_lowercase());
        labels.set(&format!("node_condition_{kind}"), condition.status.to_ascii_lowercase());
    }
    labels.tell_node(node);
    let addresses = &node.status.addresses;
    let best = NODE_ADDRESSES.iter().find_map(|kind| addresses.iter().find(|address| address.kind == *kind));
    let Some(best) = best else { return (labels, Vec::new()) };
    let mut target = Labels::at(host_port(&best.address, node.status.daemon_endpoints.kubelet_endpoint.port));
    target.set_plain("instance", &node.metadata.name);
    // Of several of one kind, the first counts.
    for address in addresses.iter().rev() {
        target.set(&format!("node_address_{}", super::label_suffix(&address.kind)), &address.address);
    }
    (labels, vec![target])
}

fn of_service(cluster: &Cluster, service: &Service) -> (Labels, Vec<Labels>) {
    let Service { metadata, spec, status } = service;
    let mut labels = Labels::default();
    labels.tell_service(service);
    tell_namespace(cluster, &mut labels, &metadata.namespace);
    let host = format!("{}.{}.svc", metadata.name, metadata.namespace);
    let ips: Vec<&str> =
        status.load_balancer.ingress.iter().map(|ingress| ingress.ip.as_str()).filter(|ip| !ip.is_empty()).collect();
    let targets = spec.ports.iter().map(|port| {
        let mut target = Labels::at(host_port(&host, port.port));
        target.set("service_port_name", &port.name);
        target.set("service_port_number", port.port.to_string());
        target.set_if("service_port_protocol", port.protocol.as_ref());
        target.set("service_type", &spec.kind);
        match spec.kind.as_str() {
            "ExternalName" => target.set("service_external_name", &spec.external_name),
            _ => target.set("service_cluster_ip", &spec.cluster_ip),
        }
        if spec.kind == "LoadBalancer" {
            let ips = if ips.is_empty() { spec.load_balancer_ip.clone() } else { ips.join(",") };
            target.set("service_loadbalancer_ip", ips);
        }
        target
    });
    (labels, targets.collect())
}

fn of_pod(cluster: &Cluster, pod: &Pod) -> (Labels, Vec<Labels>) {
    let mut labels = Labels::default();
    let ip = &pod.status.pod_ip;
    let node_key = (String::new(), pod.spec.node_name.clone());
    // A pod on a node that selectors leave out is left out with it.
    let is_elsewhere = cluster.attached.node && cluster.get(Kind::Node, &node_key).is_none();
    if ip.is_empty() || is_elsewhere {
        return (labels, Vec::new());
    }
    tell_pod(cluster, &mut labels, pod);
    labels.set("namespace", &pod.metadata.namespace);
    tell_node(cluster, &mut labels, Some(&pod.spec.node_name));
    tell_namespace(cluster, &mut labels, &pod.metadata.namespace);
    let mut targets = Vec::new();
    for (container, is_init) in containers(pod) {
        let statuses = if is_init { &pod.status.init_container_statuses } else { &pod.status.container_statuses };
        let id = statuses.iter().find(|status| status.name == container.name).map(|status| &status.container_id);
        let ports: Vec<_> = container.ports.iter().map(Some).collect();
        // Without ports it is one target all the same; rules give it a port.
        for port in if ports.is_empty() { vec![None] } else { ports } {
            let address = port.map_or_else(|| ip.clone(), |port| host_port(ip, port.container_port));
            let mut target = Labels::at(address);
            target.tell_container(container, is_init, port);
            target.set_if("pod_container_id", id);
            targets.push(target);
        }
    }
    (labels, targets)
}

fn of_endpoints(cluster: &Cluster, endpoints: &Endpoints) -> (Labels, Vec<Labels>) {
    let meta = &endpoints.metadata;
    let mut labels = Labels::default();
    labels.set("namespace", &meta.namespace);
    if let Some(Object::Service(service)) = cluster.get(Kind::Service, &meta.key()) {
        labels.tell_service(service);
    }
    labels.tell_meta("endpoints", meta);
    tell_namespace(cluster, &mut labels, &meta.namespace);
    let mut found = EndpointTargets::new(cluster);
    for subset in &endpoints.subsets {
        for port in &subset.ports {
            for (addresses, is_ready) in [(&subset.addresses, "true"), (&subset.not_ready_addresses, "false")] {
                for address in addresses {
                    found.add(
                        of_address(address, port, is_ready),
                        node_of_address(address),
                        port,
                        address.target_ref.as_ref(),
                    );
                }
            }
        }
    }
    (labels, found.with_rest())
}

fn of_address(address: &EndpointAddress, port: &EndpointPort, is_ready: &str) -> Labels {
    let number = port.port.unwrap_or_default();
    let mut target = Labels::at(host_port(&address.ip, number));
    target.set_if("endpoint_port_name", port.name.as_ref());
    target.set_if("endpoint_port_protocol", port.protocol.as_ref());
    target.set("endpoint_ready", is_ready);
    tell_reference(&mut target, "endpoint", address.target_ref.as_ref());
    target.set_if("endpoint_node_name", address.node_name.as_ref());
    target.set("endpoint_hostname", &address.hostname);
    target
}

fn of_slice(cluster: &Cluster, slice: &EndpointSlice) -> (Labels, Vec<Labels>) {
    let meta = &slice.metadata;
    let mut labels = Labels::default();
    labels.set("namespace", &meta.namespace);
    labels.set("endpointslice_address_type", &slice.address_type);
    labels.tell_meta("endpointslice", meta);
    let service = service_of(meta).and_then(|key| match cluster.get(Kind::Service, &key)? {
        Object::Service(service) => Some(service),
        _ => None,
    });
    if let Some(service) = service {
        labels.tell_service(service);
    }
    tell_namespace(cluster, &mut labels, &meta.namespace);
    if service.is_some_and(|service| is_second_family(service, slice)) {
        return (labels, Vec::new());
    }
    let mut found = EndpointTargets::new(cluster);
    for endpoint in &slice.endpoints {
        for port in &slice.ports {
            for address in &endpoint.addresses {
                let host = port.port.map_or_else(|| address.clone(), |port| host_port(address, port));
                let mut target = Labels::at(host);
                for (name, value) in
                    [("name", &port.name), ("protocol", &port.protocol), ("app_protocol", &port.app_protocol)]
                {
                    target.set_if(&format!("endpointslice_port_{name}"), value.as_ref());
                }
                target.set_if("endpointslice_port", port.port.map(|port| port.to_string()));
                let conditions = &endpoint.conditions;
                for (name, value) in [
                    ("ready", conditions.ready),
                    ("serving", conditions.serving),
                    ("terminating", conditions.terminating),
                ] {
                    target.set_if(
                        &format!("endpointslice_endpoint_conditions_{name}"),
                        value.map(|value| value.to_string()),
                    );
                }
                for (name, value) in
                    [("hostname", &endpoint.hostname), ("node_name", &endpoint.node_name), ("zone", &endpoint.zone)]
                {
                    target.set_if(&format!("endpointslice_endpoint_{name}"), value.as_ref());
                }
                tell_reference(&mut target, "endpointslice", endpoint.target_ref.as_ref());
                for (key, value) in &endpoint.deprecated_topology {
                    let key = super::label_suffix(key);
                    target.set(&format!("endpointslice_endpoint_topology_{key}"), value);
                    target.set(&format!("endpointslice_endpoint_topology_present_{key}"), "true");
                }
                found.add(target, node_of_endpoint(endpoint), port, endpoint.target_ref.as_ref());
            }
        }
    }
    (labels, found.with_rest())
}

/// Whether a slice has the second addresses of a service with two families: its targets are those of the first.
fn is_second_family(service: &Service, slice: &EndpointSlice) -> bool {
    let is_dual = matches!(service.spec.ip_family_policy.as_str(), "PreferDualStack" | "RequireDualStack");
    is_dual && service.spec.ip_families.first().is_some_and(|first| *first != slice.address_type)
}

fn of_ingress(cluster: &Cluster, ingress: &Ingress) -> (Labels, Vec<Labels>) {
    let Ingress { metadata, spec } = ingress;
    let mut labels = Labels::default();
    labels.set("namespace", &metadata.namespace);
    labels.set_if("ingress_class_name", spec.ingress_class_name.as_ref());
    labels.tell_meta("ingress", metadata);
    tell_namespace(cluster, &mut labels, &metadata.namespace);
    let mut targets = Vec::new();
    for rule in &spec.rules {
        let is_secret = spec.tls.iter().flat_map(|tls| &tls.hosts).any(|pattern| is_host_of(pattern, &rule.host));
        let paths: Vec<&str> = match &rule.http {
            Some(http) => http.paths.iter().map(|path| path.path.as_str()).collect(),
            None => vec!["/"],
        };
        for path in paths {
            let mut target = Labels::at(&rule.host);
            target.set("ingress_scheme", if is_secret { "https" } else { "http" });
            target.set("ingress_host", &rule.host);
            target.set("ingress_path", if path.is_empty() { "/" } else { path });
            targets.push(target);
        }
    }
    (labels, targets)
}

/// Whether a host is the one that a certificate is for; `*` stands for one first part.
fn is_host_of(pattern: &str, host: &str) -> bool {
    let below = pattern.strip_prefix("*.").zip(host.split_once('.'));
    pattern == host || below.is_some_and(|(pattern, (_, rest))| pattern == rest)
}

fn containers(pod: &Pod) -> impl Iterator<Item = (&Container, bool)> {
    let init = pod.spec.init_containers.iter().map(|container| (container, true));
    pod.spec.containers.iter().map(|container| (container, false)).chain(init)
}

fn tell_reference(target: &mut Labels, role: &str, reference: Option<&Reference>) {
    target.set_if(&format!("{role}_address_target_kind"), reference.map(|reference| &reference.kind));
    target.set_if(&format!("{role}_address_target_name"), reference.map(|reference| &reference.name));
}

fn tell_namespace(cluster: &Cluster, labels: &mut Labels, name: &str) {
    let key = (String::new(), name.to_owned());
    if cluster.attached.namespace
        && let Some(namespace) = cluster.get(Kind::Namespace, &key)
    {
        labels.tell_marks("namespace", namespace.meta());
    }
}

fn tell_node(cluster: &Cluster, labels: &mut Labels, name: Option<&str>) {
    if !cluster.attached.node {
        return;
    }
    let key = name.map(|name| (String::new(), name.to_owned()));
    if let Some(Object::Node(node)) = key.and_then(|key| cluster.get(Kind::Node, &key)) {
        labels.tell_node(node);
    }
}

fn tell_pod(cluster: &Cluster, labels: &mut Labels, pod: &Pod) {
    labels.tell_pod(pod);
    let attached = cluster.attached;
    let owner = |kind, name: &str, of: &str| {
        let owner = cluster.owner_of_owner(pod, kind, name).and_then(|meta| meta.controller());
        owner.filter(|owner| owner.kind == of).map(|owner| owner.name.as_str())
    };
    if attached.deployment {
        labels.set_if("pod_deployment_name", owner(Kind::ReplicaSet, "ReplicaSet", "Deployment"));
    }
    if attached.job {
        let job = pod.metadata.controller().filter(|owner| owner.kind == "Job");
        labels.set_if("pod_job_name", job.map(|owner| &owner.name));
    }
    if attached.cron_job {
        labels.set_if("pod_cronjob_name", owner(Kind::Job, "Job", "CronJob"));
    }
}

/// Targets of endpoints, and the pods behind them.
struct EndpointTargets<'a> {
    cluster: &'a Cluster,
    targets: Vec<Labels>,
    /// Ports that are targets already, by their pod.
    ports: BTreeMap<Key, Vec<Option<u32>>>,
}

impl<'a> EndpointTargets<'a> {
    fn new(cluster: &'a Cluster) -> Self {
        Self { cluster, targets: Vec::new(), ports: BTreeMap::new() }
    }

    /// Adds a target, with what is known of its node and its pod.
    fn add(&mut self, mut target: Labels, node: Option<&str>, port: &EndpointPort, reference: Option<&Reference>) {
        tell_node(self.cluster, &mut target, node);
        let found = reference.and_then(pod_key).and_then(|key| Some((self.cluster.pod(&key)?, key)));
        if let Some((pod, key)) = found {
            tell_pod(self.cluster, &mut target, pod);
            for (container, is_init) in containers(pod) {
                let same = container.ports.iter().find(|own| Some(own.container_port) == port.port);
                if let Some(own) = same {
                    target.tell_container(container, is_init, Some(own));
                }
            }
            self.ports.entry(key).or_default().push(port.port);
        }
        self.targets.push(target);
    }

    /// With the ports of these pods that no endpoint names.
    fn with_rest(mut self) -> Vec<Labels> {
        for (key, seen) in &self.ports {
            let Some(pod) = self.cluster.pod(key).filter(|pod| !pod.status.pod_ip.is_empty()) else { continue };
            for (container, is_init) in containers(pod) {
                for port in container.ports.iter().filter(|port| !seen.contains(&Some(port.container_port))) {
                    let mut target = Labels::at(host_port(&pod.status.pod_ip, port.container_port));
                    target.tell_container(container, is_init, Some(port));
                    tell_pod(self.cluster, &mut target, pod);
                    self.targets.push(target);
                }
            }
        }
        self.targets
    }
}
