//! Metrics as they are collected.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use vitrine_kit::prometheus::{help_text, label_text};
use vitrine_observe_series::MetricType;

/// A metric with its samples.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricFamily {
    /// Its name.
    pub name: String,
    /// What it counts like.
    pub kind: MetricType,
    /// What it means.
    pub help: String,
    /// Its unit in UCUM; empty with names that have it in them.
    pub unit: &'static str,
    /// Its samples.
    pub samples: Vec<Sample>,
}

/// A value and which of several.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Labels, or attributes.
    pub labels: Vec<(String, String)>,
    /// The value.
    pub value: f64,
}

/// Families while they are collected.
#[derive(Debug, Default)]
pub(crate) struct Families(BTreeMap<String, MetricFamily>);

impl Families {
    pub fn gauge(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        self.add(name, MetricType::Gauge, help, "", labels, value);
    }

    pub fn counter(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        self.add(name, MetricType::Counter, help, "", labels, value);
    }

    pub fn untyped(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        self.add(name, MetricType::Unknown, help, "", labels, value);
    }

    pub fn add(
        &mut self,
        name: &str,
        kind: MetricType,
        help: &str,
        unit: &'static str,
        labels: &[(&str, &str)],
        value: f64,
    ) {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let family = match self.0.get_mut(name) {
            Some(family) => family,
            None => {
                let family =
                    MetricFamily { name: name.to_owned(), kind, help: help.to_owned(), unit, samples: Vec::new() };
                self.0.entry(name.to_owned()).or_insert(family)
            }
        };
        family.samples.push(Sample { labels, value });
    }

    /// Adds to the counter with these labels: several of the kernel's are one here.
    pub fn sum_up(&mut self, name: &str, help: &str, unit: &'static str, labels: &[(&str, &str)], value: f64) {
        let is_same = |sample: &&mut Sample| {
            sample.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).eq(labels.iter().copied())
        };
        match self.0.get_mut(name).and_then(|family| family.samples.iter_mut().rev().take(8).find(is_same)) {
            Some(sample) => sample.value += value,
            None => self.add(name, MetricType::Counter, help, unit, labels, value),
        }
    }

    /// Takes a family that others made; false where there is one of this name already.
    pub fn take(&mut self, family: MetricFamily) -> bool {
        let is_new = !self.0.contains_key(&family.name);
        if is_new {
            self.0.insert(family.name.clone(), family);
        }
        is_new
    }

    pub fn into_families(self) -> Vec<MetricFamily> {
        self.0.into_values().collect()
    }
}

/// Families in Prometheus's text format.
pub fn exposition(families: &[MetricFamily]) -> String {
    let mut text = String::new();
    for MetricFamily { name, kind, help, samples, .. } in families {
        let kind = match kind {
            MetricType::Counter => "counter",
            MetricType::Gauge => "gauge",
            MetricType::Histogram => "histogram",
            MetricType::Summary => "summary",
            _ => "untyped",
        };
        // Writing to a text does not fail.
        let _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} {kind}", help_text(help));
        for Sample { labels, value } in samples {
            let labels = labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let _ = writeln!(text, "{name}{} {}", label_text(labels), vitrine_kit::prometheus::float_text(*value));
        }
    }
    text
}
