//! OpenRCA 2.0's layout: a folder of an incident.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json as object};
use vitrine_observe_columns::PlainColumn;

use super::tables::{doubles, ints, level, parquet, span_id, texts, times, trace_id};
use super::{Case, File, component, json, reason, split};
use crate::names::openrca2;
use crate::record::{Node, Record, Symptom};
use crate::rows::{LogRow, PointKind, PointRow, SpanRow, Telemetry};
use crate::wrong::Wrong;

/// What its readers ask of each row, and what is not there without Kubernetes.
const PLACES: [&str; 8] =
    ["node", "namespace", "statefulset", "deployment", "replicaset", "pod", "container", "service"];
/// The namespace that all services are in.
const NAMESPACE: &str = "vitrine";

pub(super) fn files(cases: &[Case]) -> Result<Vec<File>, Wrong> {
    let mut files = Vec::new();
    for case in cases {
        files.extend(folder(case)?);
    }
    let id = |case: &&Case| Some(case.record.id.clone());
    let of = |text: fn(&Record) -> String| cases.iter().map(move |case| Some(text(&case.record)));
    files.push(parquet("index.parquet".to_owned(), &[texts("datapack", cases.iter().map(|case| id(&case)))])?);
    let labels = [
        texts("datapack", cases.iter().map(|case| id(&case))),
        texts("gt.level", cases.iter().map(|_| Some("service".to_owned()))),
        texts("gt.name", of(|record| component(record).to_owned())),
    ];
    files.push(split::file(cases));
    let labels = parquet("labels.parquet".to_owned(), &labels)?;
    files.push(File { is_answer: true, ..labels });
    Ok(files)
}

/// The files of one incident.
pub(super) fn folder(case: &Case) -> Result<Vec<File>, Wrong> {
    let (record, folder) = (&case.record, &case.record.id);
    let windows = &record.windows;
    let mut files = Vec::new();
    for (name, window) in [("normal", windows.baseline), ("abnormal", windows.during)] {
        let telemetry = case.telemetry.cut(window);
        let points =
            |kind: PointKind| telemetry.points.iter().filter(move |point| point.kind == kind).collect::<Vec<_>>();
        let path = |table: &str| format!("{folder}/{name}_{table}.parquet");
        files.push(parquet(path("traces"), &traces(&telemetry.spans))?);
        files.push(parquet(path("logs"), &logs(&telemetry.logs))?);
        files.push(parquet(path("metrics"), &metrics(&points(PointKind::Gauge)))?);
        files.push(parquet(path("metrics_sum"), &metrics(&points(PointKind::Sum)))?);
        files.push(parquet(path("metrics_histogram"), &histograms(&points(PointKind::Histogram)))?);
        files.push(parquet(path("trace_id_ts"), &spans_of_traces(&telemetry))?);
    }
    let seconds = |ns: i64| (ns / 1_000_000_000).to_string();
    // Windows of whole seconds: a baseline ends where the fault begins, or before.
    let env = object!({
        "NAMESPACE": NAMESPACE, "TIMEZONE": "UTC",
        "NORMAL_START": seconds(windows.baseline.from_ns), "NORMAL_END": seconds(windows.baseline.to_ns),
        "ABNORMAL_START": seconds(windows.during.from_ns), "ABNORMAL_END": seconds(windows.during.to_ns),
    });
    files.push(File::task(format!("{folder}/env.json"), json(&env)));
    files.push(File::task(format!("{folder}/k8s.json"), json(&object!({}))));
    files.push(File::answer(format!("{folder}/injection.json"), json(&injection(record))));
    files.push(File::answer(format!("{folder}/causal_graph.json"), json(&causal_graph(record))));
    files.push(File::answer(format!("{folder}/label.txt"), format!("{}\n", component(record))));
    Ok(files)
}

/// Without Kubernetes a service is its own pod.
fn places(services: &[&String]) -> Vec<PlainColumn> {
    let place = |place: &&str| {
        let value = |service: &&String| match *place {
            "namespace" => Some(NAMESPACE.to_owned()),
            "pod" | "container" | "service" => Some((*service).clone()),
            _ => None,
        };
        texts(&format!("attr.k8s.{place}.name"), services.iter().map(value))
    };
    PLACES.iter().map(place).collect()
}

fn attribute(name: &str, spans: &[SpanRow], key: &str) -> PlainColumn {
    texts(name, spans.iter().map(|span| span.attributes.get(key).cloned()))
}

fn number(name: &str, spans: &[SpanRow], key: &str) -> PlainColumn {
    let value = |span: &SpanRow| span.attributes.get(key).and_then(|text| text.parse().ok()).unwrap_or(f64::NAN);
    doubles(name, spans.iter().map(value))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn traces(spans: &[SpanRow]) -> Vec<PlainColumn> {
    let services: Vec<&String> = spans.iter().map(|span| &span.service).collect();
    let mut columns = vec![
        times("time", spans.iter().map(|span| span.time_ns)),
        texts("trace_id", spans.iter().map(|span| trace_id(span.trace_id))),
        texts("span_id", spans.iter().map(|span| span_id(span.span_id))),
        // Its readers ask for an empty text where there is no parent.
        texts("parent_span_id", spans.iter().map(|span| Some(span_id(span.parent_span_id).unwrap_or_default()))),
        texts("span_name", spans.iter().map(|span| Some(span.name.clone()))),
        texts("attr.span_kind", spans.iter().map(|span| Some(capital(&span.kind)))),
        texts("service_name", services.iter().map(|service| Some((*service).clone()))),
        ints("duration", spans.iter().map(|span| span.duration_ns)),
        texts(
            "attr.status_code",
            spans.iter().map(|span| Some(if span.is_error { "Error" } else { "Unset" }.to_owned())),
        ),
        attribute("attr.http.request.method", spans, "http.request.method"),
        attribute("attr.rpc.method", spans, "rpc.method"),
        attribute("attr.rpc.response.status_code", spans, "rpc.response.status_code"),
        number("attr.http.response.status_code", spans, "http.response.status_code"),
        number("attr.http.request.content_length", spans, "http.request.body.size"),
        number("attr.http.response.content_length", spans, "http.response.body.size"),
    ];
    columns.extend(places(&services));
    columns
}

fn logs(rows: &[LogRow]) -> Vec<PlainColumn> {
    let services: Vec<&String> = rows.iter().map(|row| &row.service).collect();
    let mut columns = vec![
        times("time", rows.iter().map(|row| row.time_ns)),
        texts("trace_id", rows.iter().map(|row| trace_id(row.trace_id))),
        texts("span_id", rows.iter().map(|row| span_id(row.span_id))),
        texts("level", rows.iter().map(|row| Some(level(row.severity).to_owned()))),
        texts("service_name", services.iter().map(|service| Some((*service).clone()))),
        texts("message", rows.iter().map(|row| Some(row.body.clone()))),
    ];
    columns.extend(places(&services));
    columns
}

fn measured(rows: &[&PointRow]) -> Vec<PlainColumn> {
    let services: Vec<&String> = rows.iter().map(|row| &row.service).collect();
    let mut columns = vec![
        times("time", rows.iter().map(|row| row.time_ns)),
        texts("metric", rows.iter().map(|row| Some(row.metric.clone()))),
        texts("service_name", services.iter().map(|service| Some((*service).clone()))),
    ];
    columns.extend(places(&services));
    let keys: BTreeSet<&String> = rows.iter().flat_map(|row| row.attributes.keys()).collect();
    columns.extend(
        keys.iter().map(|key| texts(&format!("attr.{key}"), rows.iter().map(|row| row.attributes.get(*key).cloned()))),
    );
    columns
}

fn metrics(rows: &[&PointRow]) -> Vec<PlainColumn> {
    let mut columns = measured(rows);
    columns.insert(2, doubles("value", rows.iter().map(|row| row.value)));
    columns
}

fn histograms(rows: &[&PointRow]) -> Vec<PlainColumn> {
    let mut columns = measured(rows);
    columns.push(doubles("count", rows.iter().map(|row| row.count)));
    columns.push(doubles("sum", rows.iter().map(|row| row.value)));
    columns.push(doubles("min", rows.iter().map(|_| f64::NAN)));
    columns.push(doubles("max", rows.iter().map(|_| f64::NAN)));
    columns.push(texts("attr.jvm.gc.name", rows.iter().map(|_| None)));
    columns
}

fn spans_of_traces(telemetry: &Telemetry) -> Vec<PlainColumn> {
    let mut all: BTreeMap<u128, (i64, i64)> = BTreeMap::new();
    for span in &telemetry.spans {
        let end = span.time_ns.saturating_add(span.duration_ns);
        let (from, to) = all.entry(span.trace_id).or_insert((span.time_ns, end));
        (*from, *to) = ((*from).min(span.time_ns), (*to).max(end));
    }
    vec![
        texts("trace_id", all.keys().map(|id| trace_id(*id))),
        times("start", all.values().map(|(from, _)| *from)),
        times("end", all.values().map(|(_, to)| *to)),
    ]
}

fn injection(record: &Record) -> Value {
    let name = record.fault.as_ref().and_then(openrca2);
    let services: Vec<&String> = record.root_causes.iter().map(|cause| &cause.service).collect();
    let fault = |cause: &crate::record::Cause| {
        object!({"app": cause.caller.as_ref().unwrap_or(&cause.service), "chaos_type": name.unwrap_or("Other"), "target_service": cause.service,
                 "direction": "to", "class": Value::Null, "method": cause.method})
    };
    object!({
        "injection_name": record.id, "fault_type": name.unwrap_or("Other"), "display_config": object!({}).to_string(),
        "reason": reason(record), "engine_config": record.root_causes.iter().map(fault).collect::<Vec<_>>(),
        "ground_truth": [{"service": services}],
        "start_time": seconds(record.windows.during.from_ns), "end_time": seconds(record.windows.during.to_ns),
    })
}

fn seconds(time_ns: i64) -> i64 {
    time_ns / 1_000_000_000
}

fn state(symptom: Symptom) -> &'static str {
    match symptom {
        Symptom::Slow => "HIGH_LATENCY",
        Symptom::Failing => "HIGH_ERROR_RATE",
        Symptom::Saturated => "SATURATED",
        Symptom::Lagging => "LAGGING",
        Symptom::Wrong => "WRONG_DATA",
        Symptom::Missing => "UNAVAILABLE",
    }
}

fn causal_graph(record: &Record) -> Value {
    let graph = &record.propagation;
    let node = |node: &Node| object!({"component": node.service, "state": [state(node.symptom)], "timestamp": node.at});
    let cause = |cause: &crate::record::Cause| {
        let own: Vec<&str> =
            graph.nodes.iter().filter(|node| node.service == cause.service).map(|node| state(node.symptom)).collect();
        object!({"component": cause.service, "state": own, "timestamp": record.times_ns.first_hit})
    };
    let services: BTreeMap<&String, &String> = graph.nodes.iter().map(|node| (&node.service, &node.service)).collect();
    object!({
        "nodes": graph.nodes.iter().map(node).collect::<Vec<_>>(),
        "edges": graph.edges.iter().map(|edge| object!({"source": edge.from, "target": edge.to})).collect::<Vec<_>>(),
        "root_causes": record.root_causes.iter().map(cause).collect::<Vec<_>>(),
        "alarm_nodes": graph.nodes.iter().filter(|one| graph.surface.contains(&one.service)).map(node).collect::<Vec<_>>(),
        "component_to_service": services,
    })
}
