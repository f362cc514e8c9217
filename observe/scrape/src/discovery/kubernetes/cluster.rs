//! What is known of a cluster, and the groups of targets that it makes.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::Attached;
use super::objects::{Endpoint, EndpointAddress, Key, Kind, Meta, Object, Pod, Reference};
use super::watch::{Change, Watch};

/// The label of a slice by which its service is known.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// The objects of a cluster.
pub(super) struct Cluster {
    /// The objects whose targets are wanted.
    main: Kind,
    pub attached: Attached,
    watches: Vec<Watch>,
    /// Watches that have not listed yet.
    unlisted: BTreeSet<usize>,
    objects: BTreeMap<Kind, BTreeMap<Key, Object>>,
    /// Objects that have changed since [`Cluster::changed`] was asked.
    dirty: HashSet<(Kind, Key)>,
}

impl Cluster {
    pub fn new(main: Kind, attached: Attached, watches: Vec<Watch>) -> Self {
        let unlisted = (0..watches.len()).collect();
        Self { main, attached, watches, unlisted, objects: BTreeMap::new(), dirty: HashSet::new() }
    }

    /// Whether all of it has been listed once.
    pub fn is_known(&self) -> bool {
        self.unlisted.is_empty()
    }

    /// Notes what a watch has seen.
    pub fn note(&mut self, number: usize, change: Change) {
        let Some(watch) = self.watches.get(number) else { return };
        let kind = watch.kind;
        let known = self.objects.entry(kind).or_default();
        let mut set = |known: &mut BTreeMap<Key, Object>, object: Object| {
            let key = object.key();
            if known.get(&key) != Some(&object) {
                known.insert(key.clone(), object);
                self.dirty.insert((kind, key));
            }
        };
        match change {
            Change::All(objects) => {
                self.unlisted.remove(&number);
                let there: HashSet<Key> = objects.iter().map(Object::key).collect();
                let is_seen = |namespace: &str| {
                    watch.namespace.is_empty() || kind.is_of_cluster() || watch.namespace == namespace
                };
                let is_gone = |key: &&Key| is_seen(&key.0) && !there.contains(*key);
                let gone: Vec<Key> = known.keys().filter(is_gone).cloned().collect();
                for object in objects {
                    set(known, object);
                }
                for key in gone {
                    known.remove(&key);
                    self.dirty.insert((kind, key));
                }
            }
            Change::Set(object) => set(known, object),
            Change::Gone(key) => {
                if known.remove(&key).is_some() {
                    self.dirty.insert((kind, key));
                }
            }
        }
    }

    /// Returns the objects whose targets are not the same any more as when this was asked last.
    pub fn changed(&mut self) -> BTreeSet<Key> {
        let dirty = std::mem::take(&mut self.dirty);
        let (own, others): (HashSet<_>, HashSet<_>) = dirty.into_iter().partition(|(kind, _)| *kind == self.main);
        let mut keys: BTreeSet<Key> = own.into_iter().map(|(_, key)| key).collect();
        if !others.is_empty() {
            let all = self.objects.get(&self.main).into_iter().flatten();
            keys.extend(all.filter(|(_, object)| self.leans_on(object, &others)).map(|(key, _)| key.clone()));
        }
        keys
    }

    /// Whether the targets of an object are told with what any of these say.
    fn leans_on(&self, object: &Object, others: &HashSet<(Kind, Key)>) -> bool {
        let mut leans = false;
        self.each_other(object, &mut |kind, key| leans |= others.contains(&(kind, key)));
        leans
    }

    /// Visits what an object's targets are told with.
    fn each_other(&self, object: &Object, visit: &mut dyn FnMut(Kind, Key)) {
        let meta = object.meta();
        let pod = |reference: Option<&Reference>, visit: &mut dyn FnMut(Kind, Key)| {
            let Some(key) = reference.and_then(pod_key) else { return };
            if let Some(pod) = self.pod(&key) {
                self.each_owner(pod, visit);
            }
            visit(Kind::Pod, key);
        };
        match object {
            Object::Pod(object) => {
                visit(Kind::Node, (String::new(), object.spec.node_name.clone()));
                self.each_owner(object, visit);
            }
            Object::Endpoints(object) => {
                visit(Kind::Service, object.metadata.key());
                let subsets = object.subsets.iter();
                for address in subsets.flat_map(|subset| subset.addresses.iter().chain(&subset.not_ready_addresses)) {
                    pod(address.target_ref.as_ref(), visit);
                    if let Some(node) = node_of_address(address) {
                        visit(Kind::Node, (String::new(), node.to_owned()));
                    }
                }
            }
            Object::EndpointSlice(object) => {
                if let Some(service) = service_of(meta) {
                    visit(Kind::Service, service);
                }
                for endpoint in &object.endpoints {
                    pod(endpoint.target_ref.as_ref(), visit);
                    if let Some(node) = node_of_endpoint(endpoint) {
                        visit(Kind::Node, (String::new(), node.to_owned()));
                    }
                }
            }
            _ => {}
        }
        visit(Kind::Namespace, (String::new(), meta.namespace.clone()));
    }

    fn each_owner(&self, pod: &Pod, visit: &mut dyn FnMut(Kind, Key)) {
        let Some(owner) = pod.metadata.controller() else { return };
        let key = (pod.metadata.namespace.clone(), owner.name.clone());
        match owner.kind.as_str() {
            "ReplicaSet" => visit(Kind::ReplicaSet, key),
            "Job" => visit(Kind::Job, key),
            _ => {}
        }
    }

    /// An object.
    pub fn get(&self, kind: Kind, key: &Key) -> Option<&Object> {
        self.objects.get(&kind)?.get(key)
    }

    pub fn pod(&self, key: &Key) -> Option<&Pod> {
        match self.get(Kind::Pod, key)? {
            Object::Pod(pod) => Some(pod),
            _ => None,
        }
    }

    /// The metadata of what owns the owner of a pod, where its owner is of this kind.
    pub fn owner_of_owner(&self, pod: &Pod, kind: Kind, name: &str) -> Option<&Meta> {
        let owner = pod.metadata.controller().filter(|owner| owner.kind == name)?;
        Some(self.get(kind, &(pod.metadata.namespace.clone(), owner.name.clone()))?.meta())
    }
}

/// The key of the pod that a reference means.
pub(super) fn pod_key(reference: &Reference) -> Option<Key> {
    (reference.kind == "Pod").then(|| (reference.namespace.clone(), reference.name.clone()))
}

/// The name of the service that a slice is of.
pub(super) fn service_of(meta: &Meta) -> Option<Key> {
    meta.labels.get(SERVICE_NAME).map(|name| (meta.namespace.clone(), name.clone()))
}

fn node_of_reference(reference: Option<&Reference>) -> Option<&str> {
    reference.filter(|reference| reference.kind == "Node").map(|reference| reference.name.as_str())
}

/// The node of an address: its own, else the one that it is.
pub(super) fn node_of_address(address: &EndpointAddress) -> Option<&str> {
    address.node_name.as_deref().or_else(|| node_of_reference(address.target_ref.as_ref()))
}

/// The node of an endpoint: the one that it is, else its own.
pub(super) fn node_of_endpoint(endpoint: &Endpoint) -> Option<&str> {
    node_of_reference(endpoint.target_ref.as_ref()).or(endpoint.node_name.as_deref())
}
