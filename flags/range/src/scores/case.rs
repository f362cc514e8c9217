//! The scores of one incident.

use std::collections::{BTreeMap, BTreeSet};

use super::{AVERAGE_DEPTH, DEPTHS, Diagnosis, Named, TIME_WITHIN_NS};
use crate::record::{Cause, Record};

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

/// Precision, recall and their harmonic mean.
fn prf(named: &BTreeSet<String>, truth: &BTreeSet<String>) -> (f64, f64, f64) {
    let both = named.intersection(truth).count() as f64;
    let of = |all: usize| if all == 0 { 0.0 } else { both / all as f64 };
    let (precision, recall) = (of(named.len()), of(truth.len()));
    let f1 = if both == 0.0 { 0.0 } else { 2.0 * precision * recall / (precision + recall) };
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

/// Scores a diagnosis of one incident with a cause; `candidates` are the services that could be named.
pub fn score_case(record: &Record, diagnosis: &Diagnosis, candidates: usize) -> CaseScore {
    let ranked = distinct(&diagnosis.causes, |named| named.component.clone());
    let answers = truth(record, &ranked);
    let mut values = BTreeMap::new();
    ranking(&mut values, "", &ranked, &answers, candidates);
    if let Some(kind) = &record.kind {
        let pairs =
            distinct(&diagnosis.causes, |named| format!("{} {}", named.component, named.kind.as_deref().unwrap_or("")));
        let wanted: BTreeSet<String> = answers.iter().map(|service| format!("{service} {kind}")).collect();
        for k in DEPTHS {
            values.insert(format!("kind_ac@{k}"), share_within(&pairs, &wanted, k));
        }
        let right = diagnosis.causes.iter().find(|named| answers.contains(&named.component));
        if let Some(named) = right.and_then(|named| named.kind.as_ref()) {
            values.insert("kind".to_owned(), f64::from(u8::from(named == kind)));
        }
    }
    let named: BTreeSet<String> = ranked.iter().cloned().collect();
    let (precision, recall, f1) = prf(&named, &answers);
    let exact = f64::from(u8::from(named == answers));
    values.extend(
        [("precision", precision), ("recall", recall), ("f1", f1), ("exact", exact)]
            .map(|(name, value)| (name.to_owned(), value)),
    );
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
    values.insert("path_node_f1".to_owned(), prf(&named_nodes, &nodes).2);
    if !edges.is_empty() {
        values.insert("path_edge_f1".to_owned(), prf(&named_edges, &edges).2);
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
