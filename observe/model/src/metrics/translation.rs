//! From what was sent by OTLP to the names that Prometheus has for it.
//!
//! Rules and texts are those of <https://github.com/prometheus/otlptranslator> and of Prometheus's own receiver. Labels are a view of
//! what was sent: the same series under other settings has other labels, and is the same series.

mod label;

use std::collections::BTreeMap;

use vitrine_kit::prometheus::{self, TypeSuffix};
use vitrine_observe_series::{Label, Labels, NAME};

use crate::metric_point::MetricKind;
use crate::metrics::identity;
use crate::rejected::{Refusal, Rejected};
use crate::series::hash;

/// The label that names what is watched.
const JOB: &str = "job";
/// The label that names the process that is watched.
const INSTANCE: &str = "instance";
/// What begins the labels that tell of a scope.
const SCOPE: &str = "otel_scope_";
/// The metric whose labels tell of a resource.
pub(crate) const TARGET_INFO: &str = "target_info";
/// Resource attributes that `job` and `instance` are made of.
pub(crate) const SERVICE_NAMESPACE: &str = "service.namespace";
pub(crate) const SERVICE_NAME: &str = "service.name";
pub(crate) const SERVICE_INSTANCE: &str = "service.instance.id";

/// Resource attributes that Prometheus's guide to OpenTelemetry recommends as labels.
pub const RECOMMENDED_PROMOTION: [&str; 19] = [
    "service.instance.id",
    "service.name",
    "service.namespace",
    "service.version",
    "cloud.availability_zone",
    "cloud.region",
    "container.name",
    "deployment.environment",
    "deployment.environment.name",
    "k8s.cluster.name",
    "k8s.container.name",
    "k8s.cronjob.name",
    "k8s.daemonset.name",
    "k8s.deployment.name",
    "k8s.job.name",
    "k8s.namespace.name",
    "k8s.pod.name",
    "k8s.replicaset.name",
    "k8s.statefulset.name",
];

/// How names are translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// What is no letter, digit, `_` or `:` becomes `_`; units and types are added.
    #[default]
    UnderscoreEscapingWithSuffixes,
    /// The same without units and types.
    UnderscoreEscapingWithoutSuffixes,
    /// Names stay as they are; units and types are added.
    NoUtf8EscapingWithSuffixes,
    /// Names stay as they are.
    NoTranslation,
}

impl Strategy {
    fn is_escaped(self) -> bool {
        matches!(self, Self::UnderscoreEscapingWithSuffixes | Self::UnderscoreEscapingWithoutSuffixes)
    }

    fn has_suffixes(self) -> bool {
        matches!(self, Self::UnderscoreEscapingWithSuffixes | Self::NoUtf8EscapingWithSuffixes)
    }
}

/// Which attributes of a resource become labels of its series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Promotion {
    /// These.
    These(Vec<String>),
    /// All but these.
    AllBut(Vec<String>),
}

impl Default for Promotion {
    fn default() -> Self {
        Self::These(Vec::new())
    }
}

impl Promotion {
    fn includes(&self, key: &str) -> bool {
        match self {
            Self::These(keys) => keys.iter().any(|known| known == key),
            Self::AllBut(keys) => keys.iter().all(|known| known != key),
        }
    }
}

/// How an explicit histogram is shown, which is kept whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HistogramForm {
    /// As `_bucket`, `_sum` and `_count`.
    #[default]
    Classic,
    /// As a native histogram with custom buckets.
    Native,
    /// As both.
    Both,
}

/// How series that came by OTLP are called. The defaults are Prometheus's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Translation {
    /// How names are translated.
    pub strategy: Strategy,
    /// Which attributes of a resource become labels of its series.
    pub promotion: Promotion,
    /// Whether `target_info` repeats the attributes that `job` and `instance` are made of.
    pub keep_identifying_resource_attributes: bool,
    /// Whether a scope's name, version and attributes become labels `otel_scope_…`.
    pub promote_scope_metadata: bool,
    /// How explicit histograms are shown.
    pub histograms: HistogramForm,
}

/// A resource, a scope or a point: attributes by their keys, values as labels have them.
pub(crate) type Pairs = Vec<(String, String)>;

/// A scope, as labels tell of it.
#[derive(Debug, Default)]
pub(crate) struct ScopePairs {
    pub name: String,
    pub version: String,
    pub schema_url: String,
    pub attributes: Pairs,
}

/// What series of one resource and scope share.
#[derive(Debug, Default)]
pub(crate) struct SharedLabels {
    job: Option<String>,
    instance: Option<String>,
    promoted: BTreeMap<String, String>,
    scope: BTreeMap<String, String>,
}

/// The value of the first attribute of this key.
fn find<'a>(pairs: &'a Pairs, key: &str) -> Option<&'a str> {
    pairs.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
}

impl Translation {
    /// A number that another translation does not have, but by accident: it is kept on disk. Never 0.
    pub fn fingerprint(&self) -> u64 {
        let Self { strategy, promotion, keep_identifying_resource_attributes, promote_scope_metadata, histograms } =
            self;
        let (tag, keys) = match promotion {
            Promotion::These(keys) => (0, keys),
            Promotion::AllBut(keys) => (1, keys),
        };
        let flags = [*keep_identifying_resource_attributes, *promote_scope_metadata].map(u8::from);
        let mut bytes = vec![*strategy as u8, tag, flags[0], flags[1], *histograms as u8];
        let mut keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.iter().for_each(|key| identity::add(&mut bytes, key.as_bytes()));
        hash(&bytes).max(1)
    }

    /// What series of one resource and scope share.
    pub(crate) fn shared(&self, resource: &Pairs, scope: &ScopePairs) -> Result<SharedLabels, Rejected> {
        let mut shared =
            SharedLabels { instance: find(resource, SERVICE_INSTANCE).map(str::to_owned), ..identity(resource) };
        for (key, value) in resource.iter().filter(|(key, _)| self.promotion.includes(key)) {
            shared.promoted.insert(self.label(key)?, value.clone());
        }
        if self.promote_scope_metadata && !scope.name.is_empty() {
            for (key, value) in &scope.attributes {
                shared.scope.insert(self.label(&format!("{SCOPE}{key}"))?, value.clone());
            }
            let own = [("name", &scope.name), ("version", &scope.version), ("schema_url", &scope.schema_url)];
            shared.scope.extend(own.map(|(key, value)| (format!("{SCOPE}{key}"), value.clone())));
        }
        Ok(shared)
    }

    /// A label's name.
    pub fn label(&self, key: &str) -> Result<String, Rejected> {
        label::name(key, !self.strategy.is_escaped())
    }

    /// A metric's name.
    pub(crate) fn metric(&self, name: &str, unit: &str, kind: MetricKind, monotonic: bool) -> Result<String, Rejected> {
        let (is_gauge, is_total) = (kind == MetricKind::Gauge, kind == MetricKind::Sum && monotonic);
        let suffix = self.strategy.has_suffixes().then(|| TypeSuffix::of(unit, is_gauge, is_total));
        let found = if self.strategy.is_escaped() {
            prometheus::metric_name(name, unit, suffix)
        } else {
            prometheus::utf8_metric_name(name, unit, suffix)
        };
        let usable = !found.is_empty() && (found == name || found.bytes().any(|byte| byte != b'_'));
        usable.then_some(found).ok_or_else(|| Rejected {
            field: "name",
            problem: format!("{name:?} has nothing that a metric's name may have"),
            expected: "a name with a letter or a digit",
            refusal: Refusal::Invalid,
        })
    }

    /// A metric's unit, as Prometheus's metadata has it.
    pub(crate) fn unit(unit: &str) -> String {
        prometheus::unit_words(unit)
    }

    /// The labels of a series: its attributes, what it shares with others, and its own, which win.
    pub(crate) fn labels(
        &self,
        attributes: &Pairs,
        shared: &SharedLabels,
        own: &[(&str, &str)],
    ) -> Result<Labels, Rejected> {
        let mut labels = self.attributes(attributes, &[NAME])?;
        for (name, value) in &shared.promoted {
            labels.entry(name.clone()).or_insert_with(|| value.clone());
        }
        let identity = [(JOB, &shared.job), (INSTANCE, &shared.instance)];
        for (name, value) in identity.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
            labels.insert(name.to_owned(), value.clone());
        }
        labels.extend(shared.scope.clone());
        labels.extend(own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Ok(into_labels(labels))
    }

    /// The labels of a resource's `target_info`; none if it would tell nothing, or of no one.
    pub fn target_info(&self, resource: &Pairs) -> Result<Option<Labels>, Rejected> {
        let identifying = [SERVICE_NAMESPACE, SERVICE_NAME, SERVICE_INSTANCE];
        if resource.iter().all(|(key, _)| identifying.contains(&key.as_str())) {
            return Ok(None);
        }
        let left_out: &[&str] = if self.keep_identifying_resource_attributes { &[] } else { &identifying };
        let mut labels = self.attributes(resource, left_out)?;
        let SharedLabels { job, instance, .. } =
            SharedLabels { instance: find(resource, SERVICE_INSTANCE).map(str::to_owned), ..identity(resource) };
        if job.is_none() && instance.is_none() {
            return Ok(None);
        }
        labels.extend(job.map(|job| (JOB.to_owned(), job)));
        labels.extend(instance.map(|instance| (INSTANCE.to_owned(), instance)));
        labels.insert(NAME.to_owned(), TARGET_INFO.to_owned());
        Ok(Some(into_labels(labels)))
    }

    /// Attributes as labels. Values of attributes whose names become the same are joined in the order of the attributes' names.
    fn attributes(&self, attributes: &Pairs, left_out: &[&str]) -> Result<BTreeMap<String, String>, Rejected> {
        let mut sorted: Vec<&(String, String)> =
            attributes.iter().filter(|(key, _)| !left_out.contains(&key.as_str())).collect();
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        let mut labels: BTreeMap<String, String> = BTreeMap::new();
        for (key, value) in sorted {
            let value = value.as_str();
            labels
                .entry(self.label(key)?)
                .and_modify(|joined| match joined.is_empty() {
                    true => value.clone_into(joined),
                    false => joined.extend([";", value]),
                })
                .or_insert_with(|| value.to_owned());
        }
        Ok(labels)
    }
}

/// The job of a resource.
fn identity(resource: &Pairs) -> SharedLabels {
    let job = find(resource, SERVICE_NAME).map(|name| match find(resource, SERVICE_NAMESPACE) {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name.to_owned(),
    });
    SharedLabels { job, ..SharedLabels::default() }
}

fn into_labels(labels: BTreeMap<String, String>) -> Labels {
    Labels::new(labels.into_iter().map(|(name, value)| Label { name: name.into(), value: value.into() }))
}

#[cfg(test)]
mod tests;
