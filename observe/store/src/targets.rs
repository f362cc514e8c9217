//! What is scraped, as those see it who ask about it.

use std::collections::BTreeMap;
use std::time::Duration;

/// How a target fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TargetHealth {
    /// It was not scraped yet.
    #[default]
    Unknown,
    /// Its last scrape was taken.
    Up,
    /// It was not.
    Down,
}

/// A target and its last scrape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetStatus {
    /// The job that it belongs to.
    pub job: String,
    /// Its labels before relabelling.
    pub discovered: BTreeMap<String, String>,
    /// Labels that its series get.
    pub labels: BTreeMap<String, String>,
    /// What is asked.
    pub url: String,
    /// Between two scrapes.
    pub interval: Duration,
    /// How long a scrape may take.
    pub timeout: Duration,
    /// How it fares.
    pub health: TargetHealth,
    /// Why its last scrape was not taken.
    pub error: Option<String>,
    /// When it was scraped last, in milliseconds since 1970; 0 if it was not.
    pub last_ms: i64,
    /// How long that took.
    pub took: Duration,
}

/// Something that was discovered and that the rules of its job drop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DroppedTarget {
    /// The job that it would have belonged to.
    pub job: String,
    /// Its labels before the rules.
    pub discovered: BTreeMap<String, String>,
}

/// Everything that was discovered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TargetsStatus {
    /// Targets, by job.
    pub active: Vec<TargetStatus>,
    /// What is dropped, as far as it is remembered.
    pub dropped: Vec<DroppedTarget>,
    /// How many are dropped, of each job.
    pub dropped_counts: Vec<(String, usize)>,
    /// Names of all jobs, in order.
    pub jobs: Vec<String>,
}

/// A rule that changes labels, keeps or drops, as it is written in a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RelabelRule {
    /// Labels whose values are looked at.
    pub source_labels: Vec<String>,
    /// What stands between them.
    pub separator: String,
    /// What they are compared with.
    pub regex: String,
    /// What a hash is divided by; 0 if there is none.
    pub modulus: u64,
    /// The label that changes.
    pub target_label: String,
    /// What it becomes.
    pub replacement: String,
    /// What is done.
    pub action: String,
}

/// What a rule makes of labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelabelStep {
    /// The rule.
    pub rule: RelabelRule,
    /// The labels after it; none if they are dropped.
    pub output: BTreeMap<String, String>,
    /// Whether they are kept so far.
    pub is_kept: bool,
}

/// What is scraped.
pub trait Targets: Send + Sync + 'static {
    /// Everything that was discovered, and how it fares.
    fn targets(&self) -> TargetsStatus;

    /// A job's configuration as YAML, without secrets; none if there is no such job.
    fn job_config(&self, job: &str) -> Option<String>;

    /// What each rule of a job makes of labels; none if there is no such job.
    fn relabel(&self, job: &str, labels: BTreeMap<String, String>) -> Option<Vec<RelabelStep>>;
}
