//! The record of an incident, put together from what the faults' service says of it and from what was seen.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;

use crate::alerts::{self, Rule};
use crate::baselines::{self, Table};
use crate::layouts::Topology;
use crate::names;
use crate::oracle;
use crate::plan::{Control, Incident};
use crate::propagation;
use crate::record::{
    Armed, BlindCheck, Environment, Exemplar, Exemplars, Figure, HitCounts, Layer, MAX_EXEMPLARS, Record, Remedy,
    Times, Trivial, Windows, causes,
};
use crate::rows::{SpanRow, Telemetry, kind};

/// Seconds of a row of the tables that rules read.
const STEP_S: i64 = 1;

/// What is said of a fault that was armed: `GET /api/v1/faults/{id}`. What is not listed here is not looked at.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Reported {
    /// Its number.
    pub id: u64,
    /// When it was on disk.
    pub committed_ns: i64,
    /// How it ended; none as long as it goes on.
    pub ended: Option<EndReported>,
    /// What became of it in each process, by instance.
    pub processes: BTreeMap<String, ProcessReported>,
    /// When the first call was hit.
    pub first_hit_ns: Option<i64>,
    /// When the last one was.
    pub last_hit_ns: Option<i64>,
    /// Hits by site.
    pub hits_by_site: BTreeMap<String, u64>,
    /// Some hits, the first ones.
    pub exemplars: Vec<HitReported>,
}

/// How a fault ended.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EndReported {
    /// When.
    pub at_ns: i64,
    /// By what.
    pub by: String,
}

/// What became of it in a process.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProcessReported {
    /// Where it acts there.
    pub sites: Vec<SiteReported>,
    /// Since when.
    pub armed_ns: i64,
    /// When it was heard to have ended.
    pub cleared_ns: Option<i64>,
    /// Calls that were meant.
    pub eligible: u64,
    /// Calls that were hit.
    pub hit: u64,
    /// Nanoseconds that were asked for.
    pub asked_ns: u64,
    /// Nanoseconds that came about.
    pub got_ns: u64,
}

/// A place where it acts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SiteReported {
    /// Which kind of place.
    pub at: String,
    /// Of which service.
    pub service: String,
}

/// A call that was hit.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HitReported {
    /// Its trace in hexadecimal digits; empty outside of any.
    pub trace_id: String,
    /// Its span.
    pub span_id: String,
    /// When.
    pub at_ns: i64,
}

/// What a record is made of.
#[derive(Clone, Debug)]
pub struct Seen<'a> {
    /// A digest of the campaign's document.
    pub campaign: &'a str,
    /// The campaign's seed.
    pub seed: u64,
    /// Which run of it.
    pub run: &'a str,
    /// What was meant.
    pub incident: &'a Incident,
    /// What is said of the fault; of a twin nothing.
    pub reported: Option<&'a Reported>,
    /// All hits that are known.
    pub hits: &'a [HitReported],
    /// What was seen from the baseline to the recovery.
    pub telemetry: &'a Telemetry,
    /// What the oracle measured.
    pub figures: Vec<Figure>,
    /// Who calls whom.
    pub topology: &'a Topology,
    /// Before, during and after.
    pub windows: Windows,
    /// On what it ran.
    pub environment: Environment,
    /// Services that share the process with the one that is meant.
    pub in_process: Vec<String>,
    /// Rules that are evaluated meanwhile.
    pub rules: &'a [Rule],
    /// Alerts that began to fire.
    pub alerts_fired: Vec<String>,
    /// What a search for leaks in what was seen found.
    pub blind: BlindCheck,
}

fn trace(hit: &HitReported) -> Option<u128> {
    u128::from_str_radix(&hit.trace_id, 16).ok().filter(|id| *id != 0)
}

fn times(reported: Option<&Reported>, during: &Telemetry, hit: &HashSet<u128>) -> Times {
    let Some(reported) = reported else { return Times::default() };
    let mut armed = Vec::new();
    for (instance, process) in &reported.processes {
        let site = |site: &SiteReported| Armed {
            site: format!("{} {} {instance}", site.at, site.service),
            at: process.armed_ns,
        };
        armed.extend(process.sites.iter().map(site));
    }
    let acknowledged: Vec<i64> = reported.processes.values().filter_map(|process| process.cleared_ns).collect();
    let is_bad = |span: &&SpanRow| span.is_error && hit.contains(&span.trace_id);
    let effect = during.spans.iter().filter(is_bad).map(|span| span.time_ns).min().or(reported.first_hit_ns);
    Times {
        committed: reported.committed_ns,
        armed,
        first_hit: reported.first_hit_ns,
        effect: effect.filter(|_| reported.first_hit_ns.is_some()),
        last_hit: reported.last_hit_ns,
        ended: reported.ended.as_ref().map(|end| end.at_ns),
        cleared: acknowledged.iter().max().copied(),
        acknowledged,
    }
}

fn counts(reported: Option<&Reported>) -> HitCounts {
    let Some(reported) = reported else { return HitCounts::default() };
    let sum = |of: fn(&ProcessReported) -> u64| reported.processes.values().map(of).sum::<u64>();
    HitCounts {
        eligible: sum(|process| process.eligible),
        hit: sum(|process| process.hit),
        asked_ms: sum(|process| process.asked_ns) as f64 / 1e6,
        got_ms: sum(|process| process.got_ns) as f64 / 1e6,
        by_site: reported.hits_by_site.clone(),
    }
}

fn exemplars(seen: &Seen<'_>, during: &Telemetry, hit: &HashSet<u128>) -> Exemplars {
    let of = |hit: &HitReported| Exemplar { trace: hit.trace_id.clone(), span: hit.span_id.clone() };
    let passed = during.spans.iter().filter(|span| span.parent_span_id == 0 && !hit.contains(&span.trace_id));
    let passed = passed
        .map(|span| Exemplar { trace: format!("{:032x}", span.trace_id), span: format!("{:016x}", span.span_id) });
    Exemplars {
        hit: seen.hits.iter().filter(|hit| trace(hit).is_some()).map(of).take(MAX_EXEMPLARS).collect(),
        passed: passed.take(MAX_EXEMPLARS).collect(),
    }
}

/// Ranks of the cause by the simple rules, from 1; the best one where there are several.
fn trivial(telemetry: &Telemetry, windows: &Windows, causes: &[crate::record::Cause]) -> Trivial {
    let before = telemetry.cut(crate::rows::Window { from_ns: windows.baseline.from_ns, to_ns: windows.during.to_ns });
    let table = Table::of(&before, STEP_S);
    let rank = |rule: baselines::Rule| {
        let ranked = rule.rank(&table, windows.during.from_ns.div_euclid(1_000_000_000));
        ranked.iter().position(|service| causes.iter().any(|cause| cause.service == *service)).map(|at| at + 1)
    };
    if causes.is_empty() {
        return Trivial::default();
    }
    Trivial {
        max_latency: rank(baselines::Rule::MaxLatency),
        most_errors: rank(baselines::Rule::MostErrors),
        most_logs: rank(baselines::Rule::MostLogs),
        nsigma: rank(baselines::Rule::Nsigma),
        baro: rank(baselines::Rule::Baro),
    }
}

/// Requests that failed from a time on until the recovery, and that were not hit.
fn collateral(seen: &Seen<'_>, hit: &HashSet<u128>, from_ns: i64) -> u64 {
    let window = crate::rows::Window { from_ns, to_ns: seen.windows.after.from_ns };
    let is_meant = |span: &&SpanRow| {
        span.parent_span_id == 0
            && span.kind == kind::SERVER
            && span.is_error
            && window.holds(span.time_ns)
            && !hit.contains(&span.trace_id)
    };
    seen.telemetry.spans.iter().filter(is_meant).count() as u64
}

/// Puts a record together. What was meant and did not come about is no cause.
pub fn record(seen: Seen<'_>) -> Record {
    let (incident, windows) = (seen.incident, seen.windows);
    let during = seen.telemetry.cut(windows.during);
    let hit: HashSet<u128> = seen.hits.iter().filter_map(trace).collect();
    let hits = counts(seen.reported);
    // A label is of what was hit, not of what was meant.
    let came_about = incident.control == Control::None && hits.hit > 0;
    let fault = incident.fault.as_ref();
    let (root_causes, accepted) =
        fault.filter(|_| came_about).map_or_else(Default::default, |fault| causes(fault, &seen.in_process));
    let begun = |window| propagation::begun_in(&seen.telemetry.spans, window);
    let propagation = if came_about {
        propagation::read(&begun(windows.during), &begun(windows.baseline), &hit)
    } else {
        Default::default()
    };
    let named: Vec<String> =
        root_causes.iter().chain(accepted.iter().flatten()).map(|cause| cause.service.clone()).collect();
    let is_cleared = oracle::is_cleared(&seen.figures);
    let mut times_ns = times(seen.reported, &during, &hit);
    times_ns.cleared = times_ns.cleared.filter(|_| is_cleared);
    let alerts_expected = if came_about { alerts::expected(seen.rules, seen.telemetry, &windows) } else { Vec::new() };
    let collateral = times_ns.effect.map_or(0, |from_ns| collateral(&seen, &hit, from_ns));
    let remedy = fault.map(|fault| Remedy { action: fault.remedy.clone(), ..Remedy::default() }).unwrap_or_default();
    Record {
        id: incident.id.clone(),
        campaign: seen.campaign.to_owned(),
        seed: seen.seed,
        run: seen.run.to_owned(),
        ordinal: incident.ordinal,
        control: incident.control,
        twin_of: incident.twin_of.clone(),
        overlaps: incident.overlaps.clone(),
        fault: fault.cloned(),
        layer: fault.map(Layer::of),
        kind: fault.map(|fault| fault.what.name().to_owned()),
        names: fault.map(names::elsewhere).unwrap_or_default(),
        trivial: trivial(seen.telemetry, &windows, &root_causes),
        exemplars: exemplars(&seen, &during, &hit),
        unpredicted: propagation::unpredicted(&propagation, &named, &seen.topology.calls, &seen.topology.events),
        visible: came_about && oracle::is_visible(&seen.figures),
        root_causes,
        accepted,
        times_ns,
        ended_by: seen
            .reported
            .and_then(|reported| reported.ended.as_ref())
            .map(|end| end.by.clone())
            .unwrap_or_default(),
        hits,
        propagation,
        collateral,
        oracle: seen.figures,
        alerts_expected,
        alerts_fired: seen.alerts_fired,
        paired: None,
        remedy,
        blind: seen.blind,
        environment: seen.environment,
        windows,
    }
}
