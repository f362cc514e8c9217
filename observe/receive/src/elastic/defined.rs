//! What clients define: kept, given back, forgotten.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value, json};
use vitrine_observe_search::{DefinitionError, DefinitionKind};
use vitrine_observe_store::Tenant;

use super::Elastic;
use super::answer::{self, Failed, Refused};
use crate::body::Encodings;
use crate::error::Error;

/// Bytes of the body of one, decompressed. What may be kept is less.
const MAX_BODY_BYTES: usize = 4 << 20;

/// All of a kind.
pub(super) fn all(kind: DefinitionKind) -> MethodRouter<Elastic> {
    get(async move |State(elastic): State<Elastic>, headers: HeaderMap| found(&elastic, kind, "", &headers))
}

/// One of a kind; several, where it is asked for or forgotten by a pattern.
pub(super) fn one(kind: DefinitionKind) -> MethodRouter<Elastic> {
    let put = async move |State(elastic): State<Elastic>, Path(name): Path<String>, headers: HeaderMap, body: Body| {
        define(&elastic, kind, &name, &headers, body, |_, sent| Ok(sent)).await
    };
    get(async move |State(elastic): State<Elastic>, Path(name): Path<String>, headers: HeaderMap| {
        found(&elastic, kind, &name, &headers)
    })
    .put(put)
    .post(put)
    .delete(async move |State(elastic): State<Elastic>, Path(name): Path<String>, headers: HeaderMap| {
        forget(&elastic, kind, &name, &headers).await
    })
}

/// `PUT /{index}`
pub(super) async fn create_index(
    State(elastic): State<Elastic>,
    Path(index): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    if index.starts_with(['_', '-', '+']) {
        let reason = format!("Invalid index name [{index}], must not start with '_', '-', or '+'");
        return Failed::from(Refused::new(StatusCode::BAD_REQUEST, "invalid_index_name_exception", reason))
            .into_response();
    }
    let reason = format!("index [{index}] already exists");
    let defined = define(&elastic, DefinitionKind::Index, &index, &headers, body, |before, sent| match before {
        None => Ok(sent),
        Some(_) => Err(Refused::new(StatusCode::BAD_REQUEST, "resource_already_exists_exception", reason)),
    });
    let defined = defined.await;
    match defined.status() {
        StatusCode::OK => {
            let body = json!({ "acknowledged": true, "shards_acknowledged": true, "index": index });
            answer::json(StatusCode::OK, &body)
        }
        _ => defined,
    }
}

/// `PUT /{index}/_settings`
pub(super) async fn index_settings(
    State(elastic): State<Elastic>,
    Path(index): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    within(&elastic, &index, &["settings"], &headers, body).await
}

/// `PUT /{index}/_mapping`
pub(super) async fn index_mapping(
    State(elastic): State<Elastic>,
    Path(index): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    within(&elastic, &index, &["mappings"], &headers, body).await
}

/// `PUT /{index}/_alias/{name}`
pub(super) async fn index_alias(
    State(elastic): State<Elastic>,
    Path((index, name)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    within(&elastic, &index, &["aliases", &name], &headers, body).await
}

/// Adds to a part of an index's definition.
async fn within(elastic: &Elastic, index: &str, path: &[&str], headers: &HeaderMap, body: Body) -> Response {
    let path: Vec<String> = path.iter().map(|name| (*name).to_owned()).collect();
    define(elastic, DefinitionKind::Index, index, headers, body, move |before, sent| {
        let mut all = before.cloned().unwrap_or_else(|| json!({}));
        let added = path.iter().rev().fold(sent, |inner, name| json!({ name: inner }));
        merge(&mut all, added);
        Ok(all)
    })
    .await
}

/// Objects are united, everything else is replaced.
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

/// Keeps what becomes of what was there before and what is sent.
async fn define(
    elastic: &Elastic,
    kind: DefinitionKind,
    name: &str,
    headers: &HeaderMap,
    body: Body,
    make: impl FnOnce(Option<&Value>, Value) -> Result<Value, Refused> + Send + 'static,
) -> Response {
    let outcome: Result<(), Failed> = async {
        let tenant = elastic.writer(headers)?;
        let sent = sent(elastic, headers, body).await?;
        let (definitions, name) = (elastic.definitions.clone(), name.to_owned());
        let put = move || definitions.put(&tenant, kind, &name, |before| Ok::<_, Failed>(make(before, sent)?));
        tokio::task::spawn_blocking(put).await.map_err(|_| Error::Stopped)?
    }
    .await;
    match outcome {
        Ok(()) => answer::json(StatusCode::OK, &json!({ "acknowledged": true })),
        Err(failed) => failed.into_response(),
    }
}

impl From<DefinitionError> for Failed {
    fn from(error: DefinitionError) -> Self {
        match error {
            DefinitionError::TooMuch { .. } => {
                Refused::new(StatusCode::BAD_REQUEST, "illegal_argument_exception", error.to_string()).into()
            }
            DefinitionError::Disk(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a definition was not kept");
                Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "exception", error.to_string()).into()
            }
        }
    }
}

/// The body: an object of JSON, or nothing.
async fn sent(elastic: &Elastic, headers: &HeaderMap, body: Body) -> Result<Value, Failed> {
    let encodings = Encodings::of(headers, &header::CONTENT_ENCODING)?;
    let body = elastic.intake.read(headers, body).await?;
    let plain = elastic.intake.work(encodings, body, 0, |_, plain| Ok(plain)).await?;
    if plain.bytes.len() > MAX_BODY_BYTES {
        return Err(Error::TooLarge.into());
    }
    if plain.bytes.trim_ascii().is_empty() {
        return Ok(json!({}));
    }
    match serde_json::from_slice(&plain.bytes) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(Refused::new(StatusCode::BAD_REQUEST, "parse_exception", "expected an object").into()),
        Err(error) => Err(Refused::new(StatusCode::BAD_REQUEST, "parse_exception", error.to_string()).into()),
    }
}

async fn forget(elastic: &Elastic, kind: DefinitionKind, pattern: &str, headers: &HeaderMap) -> Response {
    let outcome: Result<usize, Failed> = async {
        let tenant = elastic.writer(headers)?;
        let (definitions, pattern) = (elastic.definitions.clone(), pattern.to_owned());
        let remove = move || definitions.remove(&tenant, kind, &pattern);
        Ok(tokio::task::spawn_blocking(remove).await.map_err(|_| Error::Stopped)??)
    }
    .await;
    match outcome {
        Ok(0) if !pattern.contains('*') => missing(kind, pattern),
        Ok(_) => answer::json(StatusCode::OK, &json!({ "acknowledged": true })),
        Err(failed) => failed.into_response(),
    }
}

fn missing(kind: DefinitionKind, pattern: &str) -> Response {
    match kind {
        // These say nothing more.
        DefinitionKind::Template | DefinitionKind::Pipeline | DefinitionKind::LogstashPipeline => {
            answer::json(StatusCode::NOT_FOUND, &json!({}))
        }
        _ => {
            let reason = format!("there is none of the name [{pattern}]");
            Failed::from(Refused::new(StatusCode::NOT_FOUND, "resource_not_found_exception", reason)).into_response()
        }
    }
}

fn found(elastic: &Elastic, kind: DefinitionKind, pattern: &str, headers: &HeaderMap) -> Response {
    let tenant: Tenant = match elastic.caller(headers) {
        Ok(tenant) => tenant,
        Err(error) => return Failed::from(error).into_response(),
    };
    let all = elastic.definitions.get(&tenant, kind, pattern);
    if all.is_empty() && !pattern.is_empty() && !pattern.contains('*') {
        return missing(kind, pattern);
    }
    answer::json(StatusCode::OK, &shaped(kind, all))
}

/// In the shape that each kind has.
fn shaped(kind: DefinitionKind, all: Vec<(String, Value)>) -> Value {
    let named = |inner: &str, all: Vec<(String, Value)>| -> Value {
        all.into_iter().map(|(name, value)| json!({ "name": name, inner: value })).collect()
    };
    match kind {
        DefinitionKind::IndexTemplate => json!({ "index_templates": named("index_template", all) }),
        DefinitionKind::ComponentTemplate => json!({ "component_templates": named("component_template", all) }),
        DefinitionKind::DataStream => {
            let stream = |(name, _): (String, Value)| {
                json!({ "name": name, "timestamp_field": { "name": "@timestamp" }, "indices": [], "generation": 1,
                    "status": "GREEN", "hidden": false, "system": false })
            };
            json!({ "data_streams": all.into_iter().map(stream).collect::<Vec<_>>() })
        }
        _ => Value::Object(all.into_iter().collect::<Map<_, _>>()),
    }
}
