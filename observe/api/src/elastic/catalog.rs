//! What there is: documents by their ids, fields, and indices.

use std::fmt::Write as _;

use axum::body::Body;
use axum::response::Response;
use serde_json::{Map, Value, json};
use vitrine_observe_search::elastic::{IndexInfo, SearchError};

use super::body::{object, with_parameters};
use super::response::Answered;
use super::{ElasticRequest, Question};
use crate::params::get;

/// The columns of `_cat/indices` when nothing says which.
const COLUMNS: &str = "health,status,index,uuid,pri,rep,docs.count,docs.deleted,store.size,pri.store.size";
/// Short names of columns.
const SHORT: [(&str, &str); 8] = [
    ("h", "health"),
    ("s", "status"),
    ("i", "index"),
    ("id", "uuid"),
    ("p", "pri"),
    ("r", "rep"),
    ("dc", "docs.count"),
    ("ss", "store.size"),
];
/// The one node that there is.
const NODE: &str = "vitrine";

/// A document, or that there is none.
fn found(question: &Question<'_>) -> Result<Value, SearchError> {
    let options = with_parameters(json!({}), question.pairs)?;
    question.searcher.document(&question.indices, question.index, question.id.unwrap_or_default(), &options)
}

pub(super) async fn document(asked: ElasticRequest) -> Response {
    let work = |question: &Question<'_>| {
        let found = found(question)?;
        Ok(if found["found"] == true { Answered::Json(found) } else { Answered::Absent(found) })
    };
    asked.ask(work).await
}

/// A document and nothing else.
pub(super) async fn document_source(asked: ElasticRequest) -> Response {
    let work = |question: &Question<'_>| match found(question)?["_source"].take() {
        Value::Null => {
            let id = question.id.unwrap_or_default();
            Err(SearchError::NotFound(format!("Document not found [{}]/[{id}]", question.index)))
        }
        source => Ok(Answered::Json(source)),
    };
    asked.ask(work).await
}

pub(super) async fn documents(asked: ElasticRequest, body: Body) -> Response {
    let work = |question: &Question<'_>, body| Ok(Answered::Json(question.searcher.documents(question.index, &body)?));
    asked.ask_with(body, |bytes, _| object(bytes), work).await
}

pub(super) async fn field_capabilities(asked: ElasticRequest, body: Body) -> Response {
    let work = |question: &Question<'_>, body: Value| {
        let listed = match body.get("fields") {
            Some(Value::Array(names)) => Some(names.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
            Some(Value::String(names)) => Some(vec![names.clone()]),
            _ => None,
        };
        let of_parameter = || get(question.pairs, "fields").map(|names| names.split(',').map(str::to_owned).collect());
        let patterns: Vec<String> = listed.or_else(of_parameter).unwrap_or_else(|| vec!["*".to_owned()]);
        Ok(Answered::Json(question.searcher.field_capabilities(&question.indices, &patterns, &body)?))
    };
    asked.ask_with(body, |bytes, _| object(bytes), work).await
}

pub(super) async fn mapping(asked: ElasticRequest) -> Response {
    let work = |question: &Question<'_>| Ok(Answered::Json(question.searcher.mapping(&question.indices)?));
    asked.ask(work).await
}

/// The indices that a question is about.
fn list(question: &Question<'_>) -> Result<Vec<IndexInfo>, SearchError> {
    question.indices.list(question.searcher.logs, question.searcher.tenant, false)
}

/// The same with their bytes.
fn measured(question: &Question<'_>) -> Result<Vec<IndexInfo>, SearchError> {
    question.indices.list(question.searcher.logs, question.searcher.tenant, true)
}

/// Something of each index, by its name.
fn by_name(all: &[IndexInfo], of: impl Fn(&IndexInfo) -> Value) -> Map<String, Value> {
    all.iter().map(|info| (info.name.clone(), of(info))).collect()
}

/// Whether there is an index, and what its fields are.
pub(super) async fn index(asked: ElasticRequest) -> Response {
    let work = |question: &Question<'_>| {
        let mut all = question.searcher.mapping(&question.indices)?;
        for (name, told) in all.as_object_mut().into_iter().flatten() {
            told["aliases"] = json!({});
            told["settings"] =
                json!({ "index": { "number_of_shards": "1", "number_of_replicas": "0", "provided_name": name } });
        }
        Ok(Answered::Json(all))
    };
    asked.ask(work).await
}

fn totals(documents: u64, bytes: u64) -> Value {
    json!({ "docs": { "count": documents, "deleted": 0 }, "store": { "size_in_bytes": bytes } })
}

pub(super) async fn stats(asked: ElasticRequest) -> Response {
    let work = |question: &Question<'_>| {
        let all = measured(question)?;
        let sum = totals(all.iter().map(|info| info.documents).sum(), all.iter().map(|info| info.bytes).sum());
        let each = by_name(&all, |info| {
            let own = totals(info.documents, info.bytes);
            json!({ "uuid": info.name, "health": "green", "status": "open", "primaries": own, "total": own })
        });
        Ok(Answered::Json(json!({
            "_shards": { "total": all.len(), "successful": all.len(), "failed": 0 },
            "_all": { "primaries": sum, "total": sum },
            "indices": each,
        })))
    };
    asked.ask(work).await
}

pub(super) async fn resolve(asked: ElasticRequest) -> Response {
    let work = |question: &Question<'_>| {
        let all = list(question)?.into_iter().map(|info| json!({ "name": info.name, "attributes": ["open"] }));
        Ok(Answered::Json(json!({ "indices": all.collect::<Vec<_>>(), "aliases": [], "data_streams": [] })))
    };
    asked.ask(work).await
}

pub(super) async fn aliases(asked: ElasticRequest) -> Response {
    let work =
        |question: &Question<'_>| Ok(Answered::Json(by_name(&list(question)?, |_| json!({ "aliases": {} })).into()));
    asked.ask(work).await
}

pub(super) async fn search_shards(asked: ElasticRequest) -> Response {
    let work = |question: &Question<'_>| {
        let shard =
            |name: &String| json!([{ "index": name, "shard": 0, "primary": true, "node": NODE, "state": "STARTED" }]);
        let names: Vec<String> = list(question)?.into_iter().map(|info| info.name).collect();
        let indices: Map<String, Value> = names.iter().map(|name| (name.clone(), json!({}))).collect();
        let shards: Vec<Value> = names.iter().map(shard).collect();
        Ok(Answered::Json(json!({ "nodes": { NODE: { "name": NODE } }, "indices": indices, "shards": shards })))
    };
    asked.ask(work).await
}

/// A table of indices: for people, or as JSON, in which numbers are texts.
pub(super) async fn cat_indices(asked: ElasticRequest) -> Response {
    let work = |question: &Question<'_>| {
        let asked = get(question.pairs, "h").unwrap_or(COLUMNS).split(',').map(str::trim);
        let full =
            |name: &str| SHORT.iter().find(|(short, _)| *short == name).map_or(name, |(_, full)| full).to_owned();
        let columns: Vec<String> = asked.map(str::to_owned).collect();
        let rows = measured(question)?;
        let in_bytes = get(question.pairs, "bytes").is_some();
        let cells: Vec<Vec<String>> = rows
            .iter()
            .map(|info| columns.iter().map(|column| cell(info, &full(column), in_bytes)).collect())
            .collect();
        if get(question.pairs, "format") == Some("json") {
            let row = |cells: Vec<String>| {
                columns.iter().cloned().zip(cells.into_iter().map(Value::from)).collect::<Map<_, _>>()
            };
            return Ok(Answered::Json(cells.into_iter().map(row).map(Value::from).collect()));
        }
        let has_head = question.pairs.iter().any(|(name, value)| name == "v" && value != "false");
        let head = has_head.then(|| columns.clone());
        Ok(Answered::Table(table(&head.into_iter().chain(cells).collect::<Vec<_>>())))
    };
    asked.ask(work).await
}

fn cell(info: &IndexInfo, column: &str, in_bytes: bool) -> String {
    match column {
        "health" => "green".into(),
        "status" => "open".into(),
        "index" | "uuid" => info.name.clone(),
        "pri" => "1".into(),
        "rep" | "docs.deleted" => "0".into(),
        "docs.count" => info.documents.to_string(),
        "store.size" | "pri.store.size" | "dataset.size" if in_bytes => info.bytes.to_string(),
        "store.size" | "pri.store.size" | "dataset.size" => format!("{}b", info.bytes),
        _ => String::new(),
    }
}

fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell:width$} ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
