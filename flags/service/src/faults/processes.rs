//! The processes that follow: what they are, what they have, and when they were last heard.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;
use vitrine_platform_faults::{At, LEASE, SiteInfo, SiteName};

use super::incident::SiteRef;

/// Most processes that follow. More are refused.
pub(super) const MAX_PROCESSES: usize = 1_000;
/// Most sites of one process.
pub(super) const MAX_SITES: usize = 5_000;

/// A process that follows.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Process {
    /// As telemetry names it.
    pub instance: String,
    /// Its version.
    pub version: String,
    /// What it runs.
    pub services: Vec<String>,
    /// When it was last heard, in nanoseconds since 1970.
    pub heard_ns: i64,
    /// The revision of faults that it has.
    pub has_faults: u64,
    /// The revision of flags that it has.
    pub has_flags: u64,
    /// The places that it has.
    pub sites: Vec<SiteRef>,
    #[serde(skip)]
    pub(super) known: bool,
    #[serde(skip)]
    pub(super) batch: u64,
    /// The flags that its code reads.
    pub flags: BTreeSet<String>,
    #[serde(skip)]
    infos: Vec<SiteInfo>,
}

impl Process {
    fn new(instance: &str) -> Self {
        let (version, services, sites, flags, infos) = Default::default();
        Self {
            instance: instance.to_owned(),
            version,
            services,
            heard_ns: 0,
            has_faults: 0,
            has_flags: 0,
            sites,
            known: false,
            batch: 0,
            flags,
            infos,
        }
    }

    /// Takes down which flags it reads and which places it has. Those of a kind that is not known here are those of a newer version: they carry nothing.
    pub(super) fn has(&mut self, sites: Vec<SiteRef>, flags: BTreeSet<String>) {
        self.flags = flags;
        let info = |site: &SiteRef| {
            let at = At::ALL.into_iter().find(|at| at.name() == site.at)?;
            let name = match &site.from {
                Some(from) => SiteName::call(from, &site.service),
                None => SiteName::new(at, &site.service),
            };
            Some(SiteInfo { name, instance: self.instance.as_str().into(), version: self.version.as_str().into() })
        };
        self.infos = sites.iter().filter_map(info).collect();
        self.sites = sites;
        self.known = true;
    }
}

/// All that follow.
#[derive(Debug, Default)]
pub(super) struct Processes(HashMap<String, Process>);

impl Processes {
    /// The process of this name; none if there are as many as may be.
    pub(super) fn received(&mut self, instance: &str, now_ns: i64) -> Option<&mut Process> {
        if !self.0.contains_key(instance) && self.0.len() >= MAX_PROCESSES {
            return None;
        }
        let process = self.0.entry(instance.to_owned()).or_insert_with(|| Process::new(instance));
        process.heard_ns = now_ns;
        Some(process)
    }

    /// Lets go of those that were not heard for so long that their faults have ended; returns their names.
    pub(super) fn lost(&mut self, now_ns: i64) -> Vec<String> {
        let lease_ns = i64::try_from(LEASE.as_nanos()).unwrap_or(i64::MAX);
        let is_lost = |process: &Process| now_ns.saturating_sub(process.heard_ns) > lease_ns;
        let lost: Vec<String> = self.0.values().filter(|p| is_lost(p)).map(|p| p.instance.clone()).collect();
        lost.iter().for_each(|instance| drop(self.0.remove(instance)));
        lost
    }

    /// The flags that a process reads; none where that is not known.
    pub(super) fn flags_of(&self, instance: &str) -> Option<&BTreeSet<String>> {
        self.0.get(instance).filter(|process| process.known).map(|process| &process.flags)
    }

    /// Every place.
    pub(super) fn sites(&self) -> Vec<SiteInfo> {
        self.0.values().flat_map(|process| process.infos.iter().cloned()).collect()
    }

    /// All of them, by name.
    pub(super) fn all(&self) -> Vec<Process> {
        let mut all: Vec<Process> = self.0.values().cloned().collect();
        all.sort_by(|a, b| a.instance.cmp(&b.instance));
        all
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
