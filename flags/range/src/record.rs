//! What is known of an incident after it is over: its truth. It is kept apart from telemetry, one JSON document each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vitrine_platform_faults::{At, Effect, Fault};

use crate::interval::Score;
use crate::plan::Control;
use crate::rows::Window;

/// Most exemplars of hits, and of what passed.
pub const MAX_EXEMPLARS: usize = 50;

/// Where something goes wrong, as studies group it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// Between two services.
    Network,
    /// A service's own answers.
    Rpc,
    /// Its database.
    Store,
    /// Its cache.
    Cache,
    /// Its events.
    Messaging,
    /// Its process.
    Process,
    /// Those who come.
    Load,
    /// Its bounds.
    Config,
    /// What it says.
    Data,
}

impl Layer {
    /// The layer of a fault.
    pub fn of(fault: &Fault) -> Self {
        match (&fault.what, fault.target.at) {
            (Effect::Limits(_), _) => Self::Config,
            (Effect::Value(_) | Effect::Stale { .. } | Effect::Truncate { .. }, At::Callee) => Self::Data,
            (_, At::Caller) => Self::Network,
            (_, At::Callee | At::Edge) => Self::Rpc,
            (_, At::Store) => Self::Store,
            (_, At::Cache) => Self::Cache,
            (_, At::Consumer | At::Relay) => Self::Messaging,
            (_, At::Process) => Self::Process,
            (_, At::Load) => Self::Load,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Rpc => "rpc",
            Self::Store => "store",
            Self::Cache => "cache",
            Self::Messaging => "messaging",
            Self::Process => "process",
            Self::Load => "load",
            Self::Config => "config",
            Self::Data => "data",
        }
    }
}

/// One cause.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cause {
    /// Of which service.
    pub service: String,
    /// Whose calls, where only some are meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// Which method, where only one is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Which process, where only one is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// What of it: the kind of place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
}

/// When, in nanoseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// The fault was on disk.
    pub committed: i64,
    /// Each site had it.
    pub armed: Vec<Armed>,
    /// The first call was hit.
    pub first_hit: Option<i64>,
    /// The effect was first seen: the first hit call that was slow or failed.
    pub effect: Option<i64>,
    /// The last call was hit.
    pub last_hit: Option<i64>,
    /// It ended.
    pub ended: Option<i64>,
    /// Each site said that it had ended.
    pub acknowledged: Vec<i64>,
    /// All had, and nothing was to be seen any more.
    pub cleared: Option<i64>,
}

/// A site that carries a fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Armed {
    /// Which.
    pub site: String,
    /// Since when.
    pub at: i64,
}

/// What came by, and what was hit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HitCounts {
    /// Calls that were meant.
    pub eligible: u64,
    /// Calls that were hit.
    pub hit: u64,
    /// What was asked for, in milliseconds of waiting.
    pub asked_ms: f64,
    /// What came about.
    pub got_ms: f64,
    /// Hits by site.
    pub by_site: BTreeMap<String, u64>,
}

/// A call, by trace and span in hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Exemplar {
    /// Its trace.
    pub trace: String,
    /// Its span.
    pub span: String,
}

/// Calls that were hit, and calls of the same time that were not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exemplars {
    /// At most [`MAX_EXEMPLARS`].
    pub hit: Vec<Exemplar>,
    /// At most as many.
    pub passed: Vec<Exemplar>,
}

/// What is wrong with a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Symptom {
    /// It takes longer.
    Slow,
    /// It fails more often.
    Failing,
    /// It has no room.
    Saturated,
    /// It is behind.
    Lagging,
    /// It says what is not so.
    Wrong,
    /// It is not called where it was.
    Missing,
}

/// How trouble gets from one to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// By a call.
    Call,
    /// By an event.
    Event,
    /// By a database.
    Store,
    /// By a cache.
    Cache,
    /// By those who come.
    Load,
}

/// Something that suffers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Which service.
    pub service: String,
    /// Which of its methods.
    pub method: String,
    /// How.
    pub symptom: Symptom,
    /// Since when, in nanoseconds since 1970.
    pub at: i64,
    /// How much: so many times as long, or the share that fails or is missing.
    pub size: f64,
}

/// Trouble that went from one to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Edge {
    /// From which service.
    pub from: String,
    /// To which.
    pub to: String,
    /// How.
    pub via: Via,
    /// In which part of the traces that have both.
    pub share: f64,
}

/// Where trouble went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Propagation {
    /// All that suffer.
    pub nodes: Vec<Node>,
    /// From whom to whom.
    pub edges: Vec<Edge>,
    /// Services from which it went no further: what users see.
    pub surface: Vec<String>,
}

/// What an oracle found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// During, and not before and after.
    Seen,
    /// During, and afterwards still.
    Lasting,
    /// Not.
    Unseen,
    /// There was nothing to look at.
    Unknown,
}

/// One figure, before, during and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// In which signal: `traces`, `metrics` or `logs`.
    pub signal: String,
    /// What is measured.
    pub what: String,
    /// Whether it must be, may be, or must not be seen.
    pub need: Need,
    /// Before.
    pub baseline: Option<f64>,
    /// While the fault was at work.
    pub during: Option<f64>,
    /// Afterwards.
    pub after: Option<f64>,
    /// What that means.
    pub verdict: Verdict,
}

/// What an oracle wants of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// It moves.
    Required,
    /// It may.
    Optional,
    /// It does not.
    Forbidden,
}

/// What would help.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remedy {
    /// What to do.
    pub action: String,
    /// With what.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub arguments: BTreeMap<String, String>,
}

/// The rank of the cause by each of the built-in baselines; none where they do not name it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trivial {
    /// By the greatest latency.
    pub max_latency: Option<usize>,
    /// By the most errors.
    pub most_errors: Option<usize>,
    /// By the most log records.
    pub most_logs: Option<usize>,
    /// By standard deviations.
    pub nsigma: Option<usize>,
    /// By BARO.
    pub baro: Option<usize>,
}

impl Trivial {
    /// Whether each of the four that are scored names the cause first. `most_logs` goes with `most_errors`: the better of both counts.
    pub fn solves(&self) -> bool {
        let errors = self.most_errors.into_iter().chain(self.most_logs).min();
        [self.max_latency, errors, self.nsigma, self.baro].iter().all(|rank| *rank == Some(1))
    }
}

/// What the search for leaks found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlindCheck {
    /// Bytes that were searched.
    pub searched_bytes: u64,
    /// Leaks among them.
    pub hits: u64,
}

/// What an incident made of the same requests: against its twin, which had the same people and no fault.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Paired {
    /// Which incident is the twin.
    pub twin: String,
    /// How much longer requests took than the same ones there, in milliseconds.
    pub slower_ms: Score,
    /// How much more often they failed: from -1 to 1.
    pub failing: Score,
    /// What the oracle measures, in both.
    pub figures: Vec<PairedFigure>,
}

/// A figure of an incident against that of its twin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PairedFigure {
    /// What is measured.
    pub what: String,
    /// How far it moved while the fault was at work, from what it was before.
    pub incident: Option<f64>,
    /// How far it moved in the twin meanwhile.
    pub twin: Option<f64>,
    /// The one less the other.
    pub difference: Option<f64>,
}

/// On what it ran.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// The version of the program, and the commit that it was built of where that was said.
    pub commit: String,
    /// Services in one process, or in one each.
    pub placement: String,
    /// Processes of each service.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub replicas: BTreeMap<String, u32>,
    /// Databases, brokers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub engines: Vec<String>,
    /// People a second.
    pub load_rps: f64,
    /// What they come for, by weight; empty where the load's own weights hold.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub journeys: BTreeMap<String, u32>,
    /// Cores and kernel; no name.
    pub host: String,
    /// The greatest share of the processor that others took, 0 to 1; none where the host does not say.
    pub cpu_steal: Option<f64>,
}

/// The truth of an incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Says nothing of what it is.
    pub id: String,
    /// Names the campaign: a digest of its document.
    pub campaign: String,
    /// Its seed.
    pub seed: u64,
    /// Which run of it.
    pub run: String,
    /// Its place in the campaign.
    pub ordinal: u32,
    /// What it was for.
    pub control: Control,
    /// Of a twin: whose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twin_of: Option<String>,
    /// What went on at the same time.
    pub overlaps: Vec<String>,
    /// What was armed.
    pub fault: Option<Fault>,
    /// Where it acts.
    pub layer: Option<Layer>,
    /// Its effect's name.
    pub kind: Option<String>,
    /// What others call it.
    pub names: BTreeMap<String, String>,
    /// What is to be found; nothing for controls.
    pub root_causes: Vec<Cause>,
    /// Other sets that are as right.
    pub accepted: Vec<Vec<Cause>>,
    /// When.
    pub times_ns: Times,
    /// Why it ended.
    pub ended_by: String,
    /// How often.
    pub hits: HitCounts,
    /// Some of them.
    pub exemplars: Exemplars,
    /// Where trouble went.
    pub propagation: Propagation,
    /// Services on the path that no call leads to from the cause.
    pub unpredicted: Vec<String>,
    /// What was looked at.
    pub oracle: Vec<Figure>,
    /// Alerts that are meant to fire, by what the rules look at: name and service.
    pub alerts_expected: Vec<String>,
    /// Those that began to.
    #[serde(default)]
    pub alerts_fired: Vec<String>,
    /// What it made of the same requests; where it has a twin that was run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paired: Option<Paired>,
    /// Requests that failed from when it showed on, and that it did not hit.
    #[serde(default)]
    pub collateral: u64,
    /// What would help.
    pub remedy: Remedy,
    /// Whether telemetry shows it.
    pub visible: bool,
    /// How simple rules rank the cause.
    pub trivial: Trivial,
    /// What the search for leaks found.
    pub blind: BlindCheck,
    /// On what it ran.
    pub environment: Environment,
    /// When nothing was wrong yet, when it was, and afterwards.
    pub windows: Windows,
}

/// The windows of an incident.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Windows {
    /// Before.
    pub baseline: Window,
    /// While the fault was at work.
    pub during: Window,
    /// Afterwards.
    pub after: Window,
}

/// The greatest share of the processor that others may take, for windows to be used.
pub const MAX_STEAL: f64 = 0.05;

impl Record {
    /// Whether it can count in scores: a control of either kind, or a fault that came about, is visible, and ran undisturbed.
    pub fn is_gradable(&self) -> bool {
        let is_undisturbed = self.environment.cpu_steal.is_none_or(|steal| steal <= MAX_STEAL);
        let is_shown =
            self.control != Control::None || (self.hits.hit > 0 && self.visible && !self.root_causes.is_empty());
        is_undisturbed && is_shown
    }
}

/// Returns the causes of a fault, and other sets that are as right: of what happens between two services, either end.
pub fn causes(fault: &Fault, in_process: &[String]) -> (Vec<Cause>, Vec<Vec<Cause>>) {
    let target = &fault.target;
    let method = (target.method.len() == 1 && !target.method[0].ends_with('*')).then(|| target.method[0].clone());
    let instance = (target.instance.len() == 1).then(|| target.instance[0].clone());
    let signal = Some(target.at.name().to_owned());
    let is_whole = target.at == At::Process && fault.what.is_of_whole_process();
    let services = if is_whole && !in_process.is_empty() { in_process } else { &target.service };
    let cause = |service: &String| Cause {
        service: service.clone(),
        caller: (target.from.len() == 1).then(|| target.from[0].clone()),
        method: method.clone(),
        instance: instance.clone(),
        signal: signal.clone(),
    };
    let causes: Vec<Cause> = services.iter().map(cause).collect();
    let callers = if target.at == At::Caller { target.from.as_slice() } else { &[] };
    let other_end = |service: &String| Cause { service: service.clone(), signal: signal.clone(), ..Cause::default() };
    let accepted = if callers.is_empty() { Vec::new() } else { vec![callers.iter().map(other_end).collect()] };
    (causes, accepted)
}
