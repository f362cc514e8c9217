//! Our own layout: that of OpenRCA 2.0, with the whole record, the calls between services, each hit that is known, alerts, and ITBench's truth.

use std::fmt::Write as _;

use serde_json::json as object;

use super::tables::{parquet, texts};
use super::{Case, File, Topology, json, openrca2, split};
use crate::record::Record;
use crate::wrong::Wrong;

/// What a set says of itself.
const DATASHEET: &str = "# What this is\n\n\
Telemetry of a shop that ran for the purpose, with people who are simulated, while faults were armed on purpose. No person is in it.\n\n\
- Each folder is one incident: tables of its baseline (`normal_*`) and of the time in which the fault was at work (`abnormal_*`).\n\
- Truth is what sites acknowledged and which calls were hit, not what was intended. Incidents that telemetry does not show are not among them.\n\
- `split.json` has which incidents to learn from and which to be tried on: those of one service, effect and method are on one side.\n\
- Controls, with a fault that does nothing or with none, are among them.\n\
- Repeats exactly with the same seed: faults, their parameters, order and times, who comes for what, and which traces are hit. \
Does not repeat: interleaving, retries, absolute times, what else the host did.\n\n\
Licence: CC-BY-4.0. Errata: none are known.\n";

pub(super) fn files(cases: &[Case], topology: &Topology) -> Result<Vec<File>, Wrong> {
    let mut files = vec![File::task("README.md", DATASHEET)];
    let graph = serde_json::to_value(topology).unwrap_or_default();
    files.push(File::task("topology.json", json(&graph)));
    files.push(split::file(cases));
    for case in cases {
        let (record, folder) = (&case.record, &case.record.id);
        files.extend(openrca2::folder(case)?);
        let whole = serde_json::to_value(record)
            .map_err(|e| Wrong::new(folder.clone(), e.to_string(), "a record that is JSON"))?;
        files.push(File::answer(format!("{folder}/incident.json"), json(&whole)));
        let truth = truth(record);
        files.push(File { is_answer: true, ..parquet(format!("{folder}/truth.parquet"), &truth)? });
        let (expected, fired) = (&record.alerts_expected, &record.alerts_fired);
        let names: std::collections::BTreeSet<&String> = expected.iter().chain(fired).collect();
        let among = |all: &'_ Vec<String>, name: &String| Some(all.contains(name).to_string());
        let alerts = [
            texts("alert", names.iter().map(|name| Some((*name).clone()))),
            texts("expected", names.iter().map(|name| among(expected, name))),
            texts("fired", names.iter().map(|name| among(fired, name))),
        ];
        files.push(File { is_answer: true, ..parquet(format!("{folder}/alerts.parquet"), &alerts)? });
        files.push(File::answer(format!("{folder}/groundtruth.yaml"), itbench(record)));
    }
    Ok(files)
}

fn truth(record: &Record) -> Vec<vitrine_observe_columns::PlainColumn> {
    let exemplars = &record.exemplars;
    let all = || exemplars.hit.iter().map(|one| (one, "hit")).chain(exemplars.passed.iter().map(|one| (one, "passed")));
    vec![
        texts("trace_id", all().map(|(one, _)| Some(one.trace.clone()))),
        texts("span_id", all().map(|(one, _)| Some(one.span.clone()))),
        texts("outcome", all().map(|(_, outcome)| Some(outcome.to_owned()))),
    ]
}

/// ITBench's ground truth, version 1. A JSON text is YAML, too.
fn itbench(record: &Record) -> String {
    let text = |value: &str| object!(value).to_string();
    let mut out = "fault:\n".to_owned();
    for cause in &record.root_causes {
        let (entity, condition) = (text(&cause.service), text(record.kind.as_deref().unwrap_or("none")));
        let _ = writeln!(out, "  - entity: {{name: {entity}, type: service}}\n    condition: {condition}");
    }
    if record.root_causes.is_empty() {
        out = "fault: []\n".to_owned();
    }
    out.push_str(if record.alerts_expected.is_empty() { "alerts: []\n" } else { "alerts:\n" });
    for alert in &record.alerts_expected {
        let _ = writeln!(out, "  - id: {}", text(alert));
    }
    let services: std::collections::BTreeSet<&String> = record
        .propagation
        .nodes
        .iter()
        .map(|node| &node.service)
        .chain(record.root_causes.iter().map(|cause| &cause.service))
        .collect();
    out.push_str(if services.is_empty() { "groups: []\n" } else { "groups:\n" });
    for service in services {
        let is_cause = record.root_causes.iter().any(|cause| cause.service == *service);
        let _ = writeln!(out, "  - id: {}\n    kind: Service\n    root_cause: {is_cause}", text(service));
    }
    let edges = &record.propagation.edges;
    out.push_str(if edges.is_empty() { "propagations: []\n" } else { "propagations:\n" });
    for edge in edges {
        let _ = writeln!(out, "  - source: {}\n    target: {}", text(&edge.from), text(&edge.to));
    }
    out
}
