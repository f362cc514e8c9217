//! The scores of one incident.

use std::collections::{BTreeMap, BTreeSet};

use super::{AVERAGE_DEPTH, DEPTHS, Diagnosis, Named, TIME_WITHIN_NS};
use crate::record::{Cause, Record};

/// What ended a fault that someone took away: what the flags service calls it.
const OPERATOR: &str = "operator";

/// What one diagnosis reached.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CaseScore {
    /// It names nothing.
    pub is_abstained: bool,
    /// By name; what cannot be said of this incident is not there.
    pub values: BTreeMap<String, f64>,
}

/// Names, each once, in their order: a service that is named for three metrics is one answer.
fn distinct(causes: &[Named], name: impl Fn(&Named) -> String) -> Vec<String> {
    let mut seen = BTreeSet::new();
    causes.iter().map(name).filter(|name| seen.insert(name.clone())).collect()
}

fn share_within(ranked: &[String], answers: &BTreeSet<String>, k: usize) -> f64 {
    let found = ranked.iter().take(k).filter(|name| answers.contains(*name)).count();
    found as f64 / answers.len().max(1) as f64
}

/// How often each name is there.
fn counted<'a>(names: impl Iterator<Item = &'a String>) -> BTreeMap<&'a str, usize> {
    let mut all = BTreeMap::new();
    names.for_each(|name| *all.entry(name.as_str()).or_default() += 1);
    all
}

/// Precision, recall and their harmonic mean, each name as often as it is there.
fn prf(named: &BTreeMap<&str, usize>, truth: &BTreeMap<&str, usize>) -> (f64, f64, f64) {
    let both: usize = named.iter().map(|(name, n)| truth.get(name).copied().unwrap_or(0).min(*n)).sum();
    let of = |all: &BTreeMap<&str, usize>| both as f64 / all.values().sum::<usize>().max(1) as f64;
    let (precision, recall) = (of(named), of(truth));
    let f1 = if both == 0 { 0.0 } else { 2.0 * precision * recall / (precision + recall) };
    (precision, recall, f1)
}

fn services(causes: &[Cause]) -> BTreeSet<String> {
    causes.iter().map(|cause| cause.service.clone()).collect()
}

/// Of the sets that are right, the one that the first answers have most of.
fn truth(record: &Record, ranked: &[String]) -> BTreeSet<String> {
    let sets = std::iter::once(&record.root_causes).chain(&record.accepted).map(|set| services(set));
    let found = |set: &BTreeSet<String>| share_within(ranked, set, set.len().max(1));
    // The first one, unless another one fits better.
    sets.reduce(|best, other| if found(&other) > found(&best) { other } else { best }).unwrap_or_default()
}

/// Scores a diagnosis of one incident with a cause, and of those that went on at the same time, whose causes are as right; `candidates` are
/// the services that could be named.
pub fn score_case(record: &Record, concurrent: &[&Record], diagnosis: &Diagnosis, candidates: usize) -> CaseScore {
    let ranked = distinct(&diagnosis.causes, |named| named.component.clone());
    // Services and effects: two effects at one service are two causes, and the same one twice is one.
    let answers: BTreeSet<(String, String)> = std::iter::once(record)
        .chain(concurrent.iter().copied())
        .flat_map(|one| truth(one, &ranked).into_iter().map(|service| (service, one.kind.clone().unwrap_or_default())))
        .collect();
    let right: BTreeSet<String> = answers.iter().map(|(service, _)| service.clone()).collect();
    let mut values = BTreeMap::new();
    ranking(&mut values, "", &ranked, &right, candidates);
    let pair = |service: &str, kind: &str| format!("{service} {kind}");
    let pairs = distinct(&diagnosis.causes, |named| pair(&named.component, named.kind.as_deref().unwrap_or("")));
    if record.kind.is_some() {
        let wanted: BTreeSet<String> = answers.iter().map(|(service, kind)| pair(service, kind)).collect();
        for k in DEPTHS {
            values.insert(format!("kind_ac@{k}"), share_within(&pairs, &wanted, k));
        }
        let found = diagnosis.causes.iter().find(|named| right.contains(&named.component));
        if let Some((named, kind)) = found.and_then(|named| Some((named, named.kind.as_ref()?))) {
            let is_right = wanted.contains(&pair(&named.component, kind));
            values.insert("kind".to_owned(), f64::from(u8::from(is_right)));
        }
    }
    let mut seen = BTreeSet::new();
    let named = diagnosis.causes.iter().filter(|named| seen.insert((&named.component, &named.kind)));
    let named = counted(named.map(|named| &named.component));
    let truth = counted(answers.iter().map(|(service, _)| service));
    let (precision, recall, f1) = prf(&named, &truth);
    let exact = f64::from(u8::from(named == truth));
    let evidence = diagnosis.evidence_holds.map(|part| ("evidence", part));
    let of_sets = [("precision", precision), ("recall", recall), ("f1", f1), ("exact", exact)];
    values.extend(of_sets.into_iter().chain(evidence).map(|(name, value)| (name.to_owned(), value)));
    timing(&mut values, record, diagnosis);
    path(&mut values, record, diagnosis);
    CaseScore { is_abstained: diagnosis.causes.is_empty(), values }
}

fn ranking(
    values: &mut BTreeMap<String, f64>,
    prefix: &str,
    ranked: &[String],
    answers: &BTreeSet<String>,
    candidates: usize,
) {
    let chance = |k: usize| if candidates == 0 { 0.0 } else { k.min(candidates) as f64 / candidates as f64 };
    let averaged = |of: &dyn Fn(usize) -> f64| (1..=AVERAGE_DEPTH).map(of).sum::<f64>() / AVERAGE_DEPTH as f64;
    for k in DEPTHS {
        values.insert(format!("{prefix}ac@{k}"), share_within(ranked, answers, k));
        values.insert(format!("{prefix}chance_ac@{k}"), chance(k));
    }
    let average = averaged(&|k| share_within(ranked, answers, k));
    values.insert(format!("{prefix}avg@{AVERAGE_DEPTH}"), average);
    values.insert(format!("{prefix}chance_avg@{AVERAGE_DEPTH}"), averaged(&chance));
    values.insert(format!("{prefix}lift"), average - averaged(&chance));
}

fn timing(values: &mut BTreeMap<String, f64>, record: &Record, diagnosis: &Diagnosis) {
    let times = &record.times_ns;
    let began = times.effect.or(times.first_hit).or_else(|| times.armed.first().map(|armed| armed.at));
    let Some(began) = began else { return };
    if let Some(time) = diagnosis.causes.iter().find_map(|named| named.time) {
        values.insert("time".to_owned(), f64::from(u8::from(began.abs_diff(time) <= TIME_WITHIN_NS.unsigned_abs())));
    }
    if let Some(detected) = diagnosis.detected {
        let in_time = detected >= began && detected <= record.windows.after.to_ns;
        values.insert("detected".to_owned(), f64::from(u8::from(in_time)));
        if in_time {
            values.insert("mttd_s".to_owned(), (detected - began) as f64 / 1e9);
        }
    }
    if let Some(mitigated) = diagnosis.mitigated {
        // What ends by itself was not mitigated, whoever says so.
        let cleared = times.cleared.filter(|cleared| record.ended_by == OPERATOR && *cleared >= mitigated);
        values.insert("mitigated".to_owned(), f64::from(u8::from(cleared.is_some())));
        if let Some(cleared) = cleared {
            values.insert("mttm_s".to_owned(), (cleared - began) as f64 / 1e9);
            values.insert("collateral".to_owned(), record.collateral as f64);
        }
    }
}

fn path(values: &mut BTreeMap<String, f64>, record: &Record, diagnosis: &Diagnosis) {
    let truth = &record.propagation;
    let named: Vec<&Vec<String>> =
        diagnosis.causes.iter().map(|named| &named.path).filter(|path| !path.is_empty()).collect();
    if truth.nodes.is_empty() || named.is_empty() {
        return;
    }
    let nodes: BTreeSet<String> = truth.nodes.iter().map(|node| node.service.clone()).collect();
    let edges: BTreeSet<String> = truth.edges.iter().map(|edge| format!("{} {}", edge.from, edge.to)).collect();
    let named_nodes: BTreeSet<String> = named.iter().flat_map(|path| path.iter().cloned()).collect();
    let step = |two: &[String]| format!("{} {}", two[0], two[1]);
    let named_edges: BTreeSet<String> = named.iter().flat_map(|path| path.windows(2).map(step)).collect();
    let f1 = |named: &BTreeSet<String>, truth: &BTreeSet<String>| prf(&counted(named.iter()), &counted(truth.iter())).2;
    values.insert("path_node_f1".to_owned(), f1(&named_nodes, &nodes));
    if !edges.is_empty() {
        values.insert("path_edge_f1".to_owned(), f1(&named_edges, &edges));
    }
    // A path from a cause to where users see it, each step of which trouble took.
    let causes = services(&record.root_causes);
    let is_grounded = |path: &&Vec<String>| {
        let ends = path.first().is_some_and(|first| causes.contains(first))
            && path.last().is_some_and(|last| truth.surface.contains(last));
        ends && path.windows(2).all(|two| edges.contains(&step(two)))
    };
    values.insert("path_reached".to_owned(), f64::from(u8::from(named.iter().any(is_grounded))));
}
