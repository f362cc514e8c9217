//! Responses and errors as Loki's clients read them.

use std::collections::BTreeMap;

use axum::Json;
use axum::response::Response;
use serde_json::{Map, Value, json};
use vitrine_observe_logql::{Evaluated, FoundLine, LineLabel, Origin, Steps};
use vitrine_observe_promql::go_float_plain;
use vitrine_observe_store::series::Labels;

use crate::error::Error;

/// An error: JSON with a `message`, which Grafana shows.
pub(super) fn failed(error: &Error) -> Response {
    let (code, message) = (error.status().as_u16(), error.to_string());
    error.respond(Json(json!({ "code": code, "status": "error", "message": message })))
}

/// The envelope of an answer.
pub(super) fn success(data: impl Into<Value>) -> Value {
    let data: Value = data.into();
    json!({ "status": "success", "data": data })
}

fn object<'a>(labels: impl Iterator<Item = &'a LineLabel>) -> Map<String, Value> {
    labels.map(|label| (label.name.clone(), label.value.as_str().into())).collect()
}

/// Lines by streams. Where labels are told apart, a stream has its own labels only, and each line has the others.
pub(super) fn streams(lines: &[FoundLine], categorizes: bool) -> Value {
    let mut streams: BTreeMap<Vec<(&str, &str)>, (Map<String, Value>, Vec<Value>)> = BTreeMap::new();
    for line in lines {
        let is_of_stream = |label: &&LineLabel| !categorizes || label.origin == Origin::Stream;
        let key: Vec<(&str, &str)> =
            line.labels.iter().filter(is_of_stream).map(|label| (label.name.as_str(), label.value.as_str())).collect();
        let labels = || object(line.labels.iter().filter(is_of_stream));
        let (_, values) = streams.entry(key).or_insert_with(|| (labels(), Vec::new()));
        let mut value = vec![Value::from(line.time_ns.to_string()), Value::from(line.text.as_str())];
        if categorizes {
            let mut categories = Map::new();
            for (name, origin) in [("structuredMetadata", Origin::Metadata), ("parsed", Origin::Parsed)] {
                let labels = object(line.labels.iter().filter(|label| label.origin == origin));
                if !labels.is_empty() {
                    categories.insert(name.to_owned(), labels.into());
                }
            }
            value.push(categories.into());
        }
        values.push(value.into());
    }
    streams.into_values().map(|(stream, values)| json!({ "stream": stream, "values": values })).collect()
}

/// The data of an answer to a query.
pub(super) fn result(kind: &str, result: Value, entries: usize, categorizes: bool) -> Value {
    let stats = json!({ "summary": { "totalEntriesReturned": entries } });
    let mut data = json!({ "resultType": kind, "result": result, "stats": stats });
    if categorizes {
        data["encodingFlags"] = json!(["categorize-labels"]);
    }
    success(data)
}

/// Seconds since 1970, to the millisecond.
pub(super) fn seconds(ns: u64) -> Value {
    let ms = ns / 1_000_000;
    if ms.is_multiple_of(1_000) { (ms / 1_000).into() } else { (ms as f64 / 1_000.0).into() }
}

fn metric(labels: &Labels) -> Map<String, Value> {
    labels.iter().map(|label| (label.name.to_string(), Value::from(&*label.value))).collect()
}

fn number(value: f64) -> String {
    go_float_plain(value)
}

/// Numbers in the shape of their kind.
pub(super) fn evaluated(evaluated: Evaluated, steps: Steps) -> Value {
    let sample = |step: usize, value: f64| json!([seconds(steps.time_ns(step)), number(value)]);
    match evaluated {
        Evaluated::Scalar(value) => result("scalar", sample(0, value), 1, false),
        Evaluated::Vector(all) => {
            let of = |(labels, value): &(Labels, f64)| json!({ "metric": metric(labels), "value": sample(0, *value) });
            result("vector", all.iter().map(of).collect(), all.len(), false)
        }
        Evaluated::Matrix(all) => {
            let of = |(labels, values): &(Labels, Vec<(usize, f64)>)| {
                let values: Vec<Value> = values.iter().map(|(step, value)| sample(*step, *value)).collect();
                json!({ "metric": metric(labels), "values": values })
            };
            result("matrix", all.iter().map(of).collect(), all.len(), false)
        }
    }
}
