//! Zipkin's API v2: everything but taking spans in, which is the receiver's.
//!
//! Sources: openzipkin/zipkin-api `zipkin2-api.yaml`; openzipkin/zipkin
//! `zipkin-server/…/ZipkinQueryApiV2.java` (errors, `traceMany`, `remoteServices`).

mod query;
mod span;

use std::collections::BTreeSet;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::HeaderMap;
use serde::Serialize;
use serde_json::{Value, json};
use vitrine_observe_store::model::conventions::PEER_SERVICE;
use vitrine_observe_store::{Dependency, Trace, TraceQuery};

use crate::error::Error;
use crate::params::{self, Pairs};
use crate::queries::{Queries, Reader};
use crate::time::now_ns;
use span::Span;

/// Newest traces of a service in which its remote services are looked for.
const REMOTE_TRACES: usize = 100;
/// Values that one key completes to.
const MAX_AUTOCOMPLETE_VALUES: usize = 1_000;

/// Zipkin's API below `/api/v2`.
pub(crate) fn routes() -> Router<Queries> {
    Router::new()
        .route("/api/v2/services", get(services))
        .route("/api/v2/spans", get(span_names))
        .route("/api/v2/remoteServices", get(remote_services))
        .route("/api/v2/traces", get(traces))
        .route("/api/v2/trace/{id}", get(trace))
        .route("/api/v2/traceMany", get(trace_many))
        .route("/api/v2/dependencies", get(dependencies))
        .route("/api/v2/autocompleteKeys", get(autocomplete_keys))
        .route("/api/v2/autocompleteValues", get(autocomplete_values))
}

async fn services(State(queries): State<Queries>, headers: HeaderMap) -> Response {
    ask(&queries, &headers, Reader::services).await
}

async fn span_names(State(queries): State<Queries>, headers: HeaderMap, Query(pairs): Query<Pairs>) -> Response {
    ask(&queries, &headers, move |reader| reader.operation_names(service(&pairs)?)).await
}

/// The engine has no list of these: they are what the service's newest traces name.
async fn remote_services(State(queries): State<Queries>, headers: HeaderMap, Query(pairs): Query<Pairs>) -> Response {
    ask(&queries, &headers, move |reader| {
        let service = service(&pairs)?;
        let newest = TraceQuery { service: Some(service.to_owned()), limit: REMOTE_TRACES, ..TraceQuery::default() };
        let traces = reader.search(&newest)?;
        let spans = traces.iter().flat_map(|trace| &trace.spans).filter(|span| span.service == service);
        let peers = spans.flat_map(|span| &span.attributes).filter(|attribute| attribute.key == PEER_SERVICE);
        Ok(peers.map(|attribute| attribute.value.text()).collect::<BTreeSet<String>>())
    })
    .await
}

async fn traces(State(queries): State<Queries>, headers: HeaderMap, Query(pairs): Query<Pairs>) -> Response {
    ask(&queries, &headers, move |reader| {
        let search = query::search(&pairs, now_ns())?;
        let mut found = reader.search(&search.query)?;
        found.retain(|trace| search.matches(trace));
        found.truncate(search.limit);
        Ok(found.iter().map(spans).collect::<Vec<_>>())
    })
    .await
}

async fn trace(State(queries): State<Queries>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    ask(&queries, &headers, move |reader| Ok(spans(&reader.trace(query::parse_id(&id)?)?))).await
}

async fn trace_many(State(queries): State<Queries>, headers: HeaderMap, Query(pairs): Query<Pairs>) -> Response {
    ask(&queries, &headers, move |reader| {
        let (found, _) = reader.traces(&query::trace_ids(&pairs)?)?;
        Ok(found.iter().map(spans).collect::<Vec<_>>())
    })
    .await
}

async fn dependencies(State(queries): State<Queries>, headers: HeaderMap, Query(pairs): Query<Pairs>) -> Response {
    ask(&queries, &headers, move |reader| {
        let (start, end) = query::dependencies(&pairs)?;
        let edges = reader.engine.dependencies(&reader.tenant, start, end)?;
        Ok(edges.iter().map(link).collect::<Vec<Value>>())
    })
    .await
}

async fn autocomplete_keys(State(queries): State<Queries>, headers: HeaderMap) -> Response {
    let mut keys = queries.options().autocomplete_keys.clone();
    keys.sort_unstable();
    ask(&queries, &headers, move |_| Ok(keys)).await
}

async fn autocomplete_values(
    State(queries): State<Queries>,
    headers: HeaderMap,
    Query(pairs): Query<Pairs>,
) -> Response {
    let keys = queries.options().autocomplete_keys.clone();
    ask(&queries, &headers, move |reader| {
        let key = params::get(&pairs, "key").ok_or(Error::Required("key"))?;
        if !keys.iter().any(|known| known == key) {
            return Ok(Vec::new());
        }
        Ok(reader.engine.attribute_values(&reader.tenant, key, MAX_AUTOCOMPLETE_VALUES)?)
    })
    .await
}

/// An edge of the service graph; Zipkin leaves out what no call failed of.
fn link(edge: &Dependency) -> Value {
    let mut link = json!({ "parent": edge.parent, "child": edge.child, "callCount": edge.calls });
    if edge.errors > 0 {
        link["errorCount"] = edge.errors.into();
    }
    link
}

fn service(pairs: &Pairs) -> Result<&str, Error> {
    params::get(pairs, "serviceName").ok_or(Error::Required("serviceName"))
}

fn spans(trace: &Trace) -> Vec<Span> {
    trace.spans.iter().map(span::span).collect()
}

/// Zipkin says its errors in plain text.
async fn ask<T: Serialize>(
    queries: &Queries,
    headers: &HeaderMap,
    work: impl FnOnce(&Reader) -> Result<T, Error> + Send + 'static,
) -> Response {
    let answer = queries.ask(headers, |reader| Ok(Json(work(reader)?).into_response())).await;
    answer.unwrap_or_else(|error| {
        let text = match &error {
            Error::TraceNotFound(id) => format!("{} not found", span::trace_id(*id)),
            other => other.to_string(),
        };
        error.respond(text)
    })
}
