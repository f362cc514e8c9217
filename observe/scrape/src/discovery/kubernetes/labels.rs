//! `__meta_kubernetes_…`: the labels of objects.

use super::objects::{Container, ContainerPort, Meta, Node, Pod, Service};
use crate::discovery::{ADDRESS, label_suffix};
use crate::relabel::LabelMap;

/// What begins each of them.
const PREFIX: &str = "__meta_kubernetes_";
/// The value of a label that says that another one is there.
const PRESENT: &str = "true";

/// Labels while they are collected. An empty value is no label.
#[derive(Debug, Clone, Default)]
pub(super) struct Labels(LabelMap);

impl Labels {
    pub fn at(address: impl Into<String>) -> Self {
        Self(LabelMap::from([(ADDRESS.to_owned(), address.into())]))
    }

    pub fn set(&mut self, name: &str, value: impl AsRef<str>) {
        if !value.as_ref().is_empty() {
            self.0.insert(format!("{PREFIX}{name}"), value.as_ref().to_owned());
        }
    }

    pub fn set_if(&mut self, name: &str, value: Option<impl AsRef<str>>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    /// A label that does not begin as all others do.
    pub fn set_plain(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    /// Labels and annotations of an object.
    pub fn tell_marks(&mut self, role: &str, meta: &Meta) {
        for (what, marks) in [("label", &meta.labels), ("annotation", &meta.annotations)] {
            for (key, value) in marks {
                let key = label_suffix(key);
                self.set(&format!("{role}_{what}_{key}"), value);
                self.set(&format!("{role}_{what}present_{key}"), PRESENT);
            }
        }
    }

    /// The same with its name.
    pub fn tell_meta(&mut self, role: &str, meta: &Meta) {
        self.set(&format!("{role}_name"), &meta.name);
        self.tell_marks(role, meta);
    }

    pub fn tell_node(&mut self, node: &Node) {
        self.tell_meta("node", &node.metadata);
    }

    pub fn tell_service(&mut self, service: &Service) {
        self.set("namespace", &service.metadata.namespace);
        self.tell_meta("service", &service.metadata);
    }

    /// What is told of a pod, but for what owns its owner.
    pub fn tell_pod(&mut self, pod: &Pod) {
        let Pod { metadata, spec, status } = pod;
        let ready = status.conditions.iter().find(|condition| condition.kind == "Ready");
        let ready = ready.map_or_else(|| "unknown".to_owned(), |ready| ready.status.to_ascii_lowercase());
        self.set("pod_ip", &status.pod_ip);
        self.set("pod_ready", ready);
        self.set("pod_phase", &status.phase);
        self.set("pod_node_name", &spec.node_name);
        self.set("pod_host_ip", &status.host_ip);
        self.set("pod_uid", &metadata.uid);
        self.tell_meta("pod", metadata);
        if let Some(owner) = metadata.controller() {
            self.set("pod_controller_kind", &owner.kind);
            self.set("pod_controller_name", &owner.name);
        }
    }

    /// A container of a pod, and one of its ports.
    pub fn tell_container(&mut self, container: &Container, is_init: bool, port: Option<&ContainerPort>) {
        self.set("pod_container_name", &container.name);
        self.set("pod_container_image", &container.image);
        self.set("pod_container_init", if is_init { "true" } else { "false" });
        if let Some(port) = port {
            self.set("pod_container_port_name", &port.name);
            self.set("pod_container_port_number", port.container_port.to_string());
            self.set_if("pod_container_port_protocol", port.protocol.as_ref());
        }
    }

    pub fn into_map(self) -> LabelMap {
        self.0
    }
}
