//! What is written down of a fault: what was armed, where it acted, what it hit, and how it ended.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vitrine_platform_faults::{Fault, SiteName};
use vitrine_platform_store::{Document, Index, Keys};

/// Most hits that are kept with an incident for good.
pub(super) const MAX_EXEMPLARS: usize = 50;
/// Id of the one document of what holds for all faults.
pub(super) const CONTROL: &str = "faults";

/// A fault that was armed. Times are in nanoseconds since 1970, by the clock of the one who saw it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Incident {
    /// Its number: incidents are counted from 1.
    pub id: u64,
    /// What was armed.
    pub fault: Fault,
    /// Who armed it.
    pub who: String,
    /// Why.
    pub why: String,
    /// When it was on disk.
    pub committed_ns: i64,
    /// How it ended; none as long as it goes on.
    pub ended: Option<End>,
    /// What became of it in each process, by the instance that telemetry names.
    pub processes: BTreeMap<String, Carrier>,
    /// When the first call was hit.
    pub first_hit_ns: Option<i64>,
    /// When the last call of those that are known was hit.
    pub last_hit_ns: Option<i64>,
    /// How many of those that are known were hit at each site, as `at service` or `at caller→service`.
    pub hits_by_site: BTreeMap<String, u64>,
    /// The first hits.
    pub exemplars: Vec<SeenHit>,
}

/// How a fault ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct End {
    /// When.
    pub at_ns: i64,
    /// What ended it.
    pub by: EndedBy,
    /// Who did, where someone did.
    pub who: Option<String>,
    /// Why, in words.
    pub why: Option<String>,
}

/// What ends a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// Its time was over.
    Ttl,
    /// An operator took it away.
    Operator,
    /// One of its guards tripped.
    Guard,
    /// All faults were stopped at once.
    StopAll,
    /// No site acknowledged it.
    NoSite,
}

impl EndedBy {
    /// Its name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ttl => "ttl",
            Self::Operator => "operator",
            Self::Guard => "guard",
            Self::StopAll => "stop_all",
            Self::NoSite => "no_site",
        }
    }
}

/// What became of a fault in one process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Carrier {
    /// The sites that carry it.
    pub sites: Vec<SiteRef>,
    /// When they were heard to carry it.
    pub armed_ns: i64,
    /// When the process was heard to have ended it; none as long as it goes on there.
    pub cleared_ns: Option<i64>,
    /// Why it ended there, as the process says.
    pub ended: Option<String>,
    /// Calls that were meant.
    pub eligible: u64,
    /// Those of them that were hit.
    pub hit: u64,
    /// Nanoseconds that calls were to wait.
    pub asked_ns: u64,
    /// Nanoseconds that they waited.
    pub got_ns: u64,
    /// It has been at work there for a while, and hit nothing.
    pub hits_nothing: bool,
    /// The process was not heard of any more while it carried the fault.
    pub lost: bool,
    /// The last of its batches whose hits are noted with the incident: one that comes again after a restart is known by it.
    #[serde(default)]
    pub batch: u64,
}

/// A place where faults act, as it is written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SiteRef {
    /// What kind of place.
    pub at: String,
    /// Of which service; at a caller, the one that is called.
    pub service: String,
    /// At a caller: who calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

impl From<&SiteName> for SiteRef {
    fn from(name: &SiteName) -> Self {
        let from = name.from.as_deref().map(str::to_owned);
        Self { at: name.at.name().to_owned(), service: name.service.to_string(), from }
    }
}

impl std::fmt::Display for SiteRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.from {
            Some(from) => write!(f, "{} {from}→{}", self.at, self.service),
            None => write!(f, "{} {}", self.at, self.service),
        }
    }
}

/// A call that was hit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeenHit {
    /// Where.
    pub site: SiteRef,
    /// Its trace in hexadecimal; empty outside of any.
    pub trace_id: String,
    /// The span that was current; empty outside of any.
    pub span_id: String,
    /// When.
    pub at_ns: i64,
}

/// How a fault stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// No process has acknowledged it yet.
    Starting,
    /// It is at work.
    Running,
    /// It has ended, and not every process that carried it has said so.
    Ending,
    /// It has ended everywhere.
    Ended,
}

impl State {
    /// Its name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Ending => "ending",
            Self::Ended => "ended",
        }
    }
}

impl Incident {
    pub(super) fn new(id: u64, fault: Fault, who: String, why: String, committed_ns: i64) -> Self {
        let (ended, processes, hits_by_site, exemplars) = Default::default();
        let (first_hit_ns, last_hit_ns) = (None, None);
        Self { id, fault, who, why, committed_ns, ended, processes, first_hit_ns, last_hit_ns, hits_by_site, exemplars }
    }

    /// How it stands.
    pub fn state(&self) -> State {
        let carried = self.processes.values().any(|carrier| !carrier.sites.is_empty());
        match &self.ended {
            None if carried => State::Running,
            None => State::Starting,
            Some(_) if self.processes.values().all(Carrier::is_over) => State::Ended,
            Some(_) => State::Ending,
        }
    }

    /// Calls that were meant, and those of them that were hit, in all processes.
    pub fn hits(&self) -> (u64, u64) {
        let sum = |of: fn(&Carrier) -> u64| self.processes.values().map(of).sum();
        (sum(|carrier| carrier.eligible), sum(|carrier| carrier.hit))
    }

    /// Hits that were counted and are not known one by one: there was no room for them in the process that saw them, or no word of them came.
    pub fn unlisted(&self) -> u64 {
        self.hits().1.saturating_sub(self.hits_by_site.values().sum())
    }

    /// When its time is over, in nanoseconds since 1970.
    pub fn over_ns(&self) -> i64 {
        self.committed_ns.saturating_add(i64::from(self.fault.timing.ttl_s) * 1_000_000_000)
    }

    /// Takes a hit down.
    pub(super) fn note_hit(&mut self, hit: &SeenHit) {
        self.first_hit_ns = Some(self.first_hit_ns.map_or(hit.at_ns, |first| first.min(hit.at_ns)));
        self.last_hit_ns = Some(self.last_hit_ns.map_or(hit.at_ns, |last| last.max(hit.at_ns)));
        *self.hits_by_site.entry(hit.site.to_string()).or_default() += 1;
        if self.exemplars.len() < MAX_EXEMPLARS {
            self.exemplars.push(hit.clone());
        }
    }
}

impl Carrier {
    /// Whether nothing more is to come from there.
    fn is_over(&self) -> bool {
        self.cleared_ns.is_some() || self.lost
    }
}

/// An incident as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct IncidentDocument(pub(crate) Incident);

/// The id of an incident: ids are texts, and in the order of the numbers.
pub(super) fn incident_id(id: u64) -> String {
    format!("{id:020}")
}

impl Document for IncidentDocument {
    const COLLECTION: &'static str = "incidents";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        incident_id(self.0.id).into()
    }
    fn keys(&self, _: &mut Keys) {}
}

/// What holds for all faults.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ControlDocument {
    /// How many incidents there were.
    pub(super) last_id: u64,
    /// Grows when all faults are stopped. It begins with the time, so that it grows also where the data was lost.
    pub(super) epoch: u64,
    /// Who stopped them, when and why, as long as none may begin.
    pub(super) stopped: Option<End>,
}

impl Document for ControlDocument {
    const COLLECTION: &'static str = "fault_control";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        CONTROL.into()
    }
    fn keys(&self, _: &mut Keys) {}
}
