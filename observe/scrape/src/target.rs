//! A target: what is scraped, and the labels that its series get.
//!
//! Source: Prometheus's `scrape/target.go`.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use vitrine_kit::duration::prometheus;
use vitrine_kit::percent;

use crate::config::Job;
use crate::discovery::{ADDRESS, Group};
use crate::histograms::HistogramOptions;
use crate::relabel::{LabelMap, apply};

const JOB: &str = "job";
const INSTANCE: &str = "instance";
const SCHEME: &str = "__scheme__";
const METRICS_PATH: &str = "__metrics_path__";
const SCRAPE_INTERVAL: &str = "__scrape_interval__";
const SCRAPE_TIMEOUT: &str = "__scrape_timeout__";
/// What begins labels that are parameters of the URL.
const PARAM: &str = "__param_";
/// What begins labels that series do not get.
const META: &str = "__";

/// A target of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Labels before relabelling.
    pub discovered: LabelMap,
    /// Labels that its series get.
    pub labels: LabelMap,
    /// What is asked.
    pub url: String,
    /// Between two scrapes.
    pub interval: Duration,
    /// How long a scrape may take.
    pub timeout: Duration,
    /// What is taken of histograms.
    pub histograms: HistogramOptions,
}

/// What relabelling makes of something that was discovered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Relabelled {
    /// A target.
    Target(Box<Target>),
    /// Nothing that is scraped; its labels before.
    Dropped(LabelMap),
}

/// The targets of a group; an error for each that is none, with its labels.
pub fn targets(job: &Job, group: &Group) -> Vec<Result<Relabelled, String>> {
    group.targets.iter().map(|own| target(job, own, &group.labels)).collect()
}

fn target(job: &Job, own: &LabelMap, shared: &LabelMap) -> Result<Relabelled, String> {
    let mut labels = shared.clone();
    labels.extend(own.iter().map(|(name, value)| (name.clone(), value.clone())));
    labels.retain(|_, value| !value.is_empty());
    let mut default = |name: &str, value: String| {
        labels.entry(name.to_owned()).or_insert(value);
    };
    default(JOB, job.name.clone());
    default(SCHEME, job.scheme.clone());
    default(METRICS_PATH, job.path.clone());
    default(SCRAPE_INTERVAL, prometheus::format(job.interval));
    default(SCRAPE_TIMEOUT, prometheus::format(job.timeout));
    for (name, value) in job.histograms.labels() {
        default(name, value);
    }
    for (name, value) in job.params.iter().rev() {
        labels.insert(format!("{PARAM}{name}"), value.clone());
    }
    let discovered = labels.clone();
    if !apply(&job.relabel, &mut labels) {
        return Ok(Relabelled::Dropped(discovered));
    }
    let address = labels.get(ADDRESS).cloned().ok_or_else(|| "no address".to_owned())?;
    check_address(&address)?;
    let duration = |name: &str| {
        let text = labels.get(name).map_or("", String::as_str);
        let given = prometheus::parse(text).filter(|given| !given.is_zero());
        given.ok_or_else(|| format!("label {name} of {address:?}: {text:?} is no duration above 0"))
    };
    let (interval, timeout) = (duration(SCRAPE_INTERVAL)?, duration(SCRAPE_TIMEOUT)?);
    if timeout > interval {
        let (timeout, interval) = (prometheus::format(timeout), prometheus::format(interval));
        return Err(format!("scrape timeout cannot be greater than scrape interval ({timeout:?} > {interval:?})"));
    }
    let histograms = job.histograms.of_labels(&labels)?;
    let url = url(job, &labels, &address);
    labels.entry(INSTANCE.to_owned()).or_insert(address);
    labels.retain(|name, _| !name.starts_with(META));
    Ok(Relabelled::Target(Box::new(Target { discovered, labels, url, interval, timeout, histograms })))
}

/// An address is a host and perhaps a port.
fn check_address(address: &str) -> Result<(), String> {
    if address.contains('/') {
        return Err(format!("{address:?} is not a valid hostname"));
    }
    let is_host = address.parse::<http::uri::Authority>().is_ok_and(|authority| !authority.host().is_empty());
    if is_host { Ok(()) } else { Err(format!("{address:?} is not a valid hostname")) }
}

fn url(job: &Job, labels: &LabelMap, address: &str) -> String {
    let text = |name: &str| labels.get(name).map_or("", String::as_str);
    let path = text(METRICS_PATH);
    let slash = if path.starts_with('/') { "" } else { "/" };
    // The first value of a parameter may have been relabelled; the others are as configured.
    let mut params: Vec<(String, String)> = Vec::new();
    for (name, value) in labels.iter().filter_map(|(name, value)| Some((name.strip_prefix(PARAM)?, value))) {
        params.push((name.to_owned(), value.clone()));
        params.extend(job.params.iter().filter(|(key, _)| key == name).skip(1).cloned());
    }
    let query = percent::form(params);
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{}://{address}{slash}{path}{mark}{query}", text(SCHEME))
}

impl Target {
    /// When it is scraped first, as an offset within its interval: targets are spread evenly, and a restart changes nothing.
    pub fn offset(&self, seed: u64) -> Duration {
        let mut hasher = DefaultHasher::new();
        (&self.url, &self.labels, seed).hash(&mut hasher);
        let nanos = u64::try_from(self.interval.as_nanos()).unwrap_or(u64::MAX).max(1);
        Duration::from_nanos(hasher.finish() % nanos)
    }
}
