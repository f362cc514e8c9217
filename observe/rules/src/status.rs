//! What is told of groups, rules and alerts: by Prometheus's API and by pages.

use serde::{Deserialize, Serialize};
use vitrine_observe_series::Labels;

/// Where an alert, or a rule with its gravest alert, is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    /// The rule was not evaluated yet.
    Unknown,
    /// It ended.
    Inactive,
    /// Its series is there, but not yet long enough.
    Pending,
    /// It fires.
    Firing,
}

/// How the last evaluation of a rule went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Health {
    /// There was none yet.
    #[default]
    Unknown,
    /// Well.
    Ok,
    /// It failed.
    Err,
}

/// Who knows the rules. Asked by whoever shows them.
pub trait RuleStatuses: Send + Sync {
    /// All groups, in order of file and name.
    fn groups(&self) -> Vec<GroupStatus>;
}

/// A group.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupStatus {
    /// Its name.
    pub name: String,
    /// Its file.
    pub file: String,
    /// How often it is evaluated, in seconds.
    pub interval_s: f64,
    /// Most series or alerts of a rule; 0 is no limit.
    pub limit: usize,
    /// How long the last evaluation took, in seconds.
    pub evaluation_s: f64,
    /// When it was; 0 if there was none.
    pub evaluated_at_ms: i64,
    /// Evaluations that were skipped because the one before took too long.
    pub missed: u64,
    /// In order.
    pub rules: Vec<RuleStatus>,
}

/// A rule.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleStatus {
    /// The name of the metric or the alert.
    pub name: String,
    /// The expression.
    pub query: String,
    /// Labels that it adds.
    pub labels: Vec<(String, String)>,
    /// How the last evaluation went.
    pub health: Health,
    /// Why it failed; empty if it did not.
    pub last_error: String,
    /// How long the last evaluation took, in seconds.
    pub evaluation_s: f64,
    /// When it was; 0 if there was none.
    pub evaluated_at_ms: i64,
    /// The newest evaluations, the newest last.
    pub history: Vec<Evaluation>,
    /// What only alerting rules have.
    pub alerting: Option<AlertingStatus>,
}

/// What is told of an alerting rule.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertingStatus {
    /// Where the gravest of its alerts is.
    pub state: AlertState,
    /// How long a series must be there before its alert fires, in seconds.
    pub hold_s: f64,
    /// How long an alert fires on, in seconds.
    pub keep_firing_for_s: f64,
    /// Templates for people.
    pub annotations: Vec<(String, String)>,
    /// Pending and firing ones.
    pub alerts: Vec<AlertStatus>,
}

/// A pending or firing alert.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertStatus {
    /// Its labels.
    pub labels: Labels,
    /// What is told to people.
    pub annotations: Labels,
    /// Where it is.
    pub state: AlertState,
    /// Since when its series is there, in milliseconds since 1970.
    pub active_at_ms: i64,
    /// Since when it fires only because it is kept firing.
    pub keep_firing_since_ms: Option<i64>,
    /// What the series was worth.
    pub value: f64,
}

/// How one evaluation went.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// How long it took, in seconds.
    pub took_s: f64,
    /// How many series came out.
    pub series: usize,
    /// Why it failed; empty if it did not.
    pub error: String,
}

impl AlertState {
    /// As Prometheus writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Firing => "firing",
        }
    }
}

impl Health {
    /// As Prometheus writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Ok => "ok",
            Self::Err => "err",
        }
    }
}
