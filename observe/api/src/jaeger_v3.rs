//! Jaeger's API v3: OTLP's JSON over HTTP, as grpc-gateway puts it.
//!
//! Sources: jaegertracing/jaeger-idl `proto/api_v3/query_service.proto` (paths and messages), jaegertracing/jaeger
//! `cmd/jaeger/internal/extension/jaegerquery/internal/apiv3/http_gateway.go` (envelope and errors).

mod otlp;
mod query;
mod summary;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::HeaderMap;
use serde_json::{Value, json};
use vitrine_observe_store::{Dependency, Operation, Trace};

use crate::error::Error;
use crate::jaeger::{adjust, operations_of};
use crate::params::{self, Pairs};
use crate::queries::{Queries, Reader};

/// Jaeger's API v3 below `/api/v3`.
pub(crate) fn routes() -> Router<Queries> {
    Router::new()
        .route("/api/v3/services", get(services))
        .route("/api/v3/operations", get(operations))
        .route("/api/v3/traces", get(traces))
        .route("/api/v3/traces/{trace_id}", get(trace))
        .route("/api/v3/trace-summaries", get(summaries))
        .route("/api/v3/dependencies", get(dependencies))
}

async fn services(State(queries): State<Queries>, headers: HeaderMap) -> Response {
    ask(&queries, &headers, |reader| Ok(json!({ "services": reader.services()? }))).await
}

async fn operations(State(queries): State<Queries>, headers: HeaderMap, Query(pairs): Query<Pairs>) -> Response {
    ask(&queries, &headers, move |reader| {
        let (service, kind) = query::operations(&pairs)?;
        let found = operations_of(reader, service, kind.as_deref())?;
        // A kind that no one gave is said to be internal, as Jaeger does.
        let operation = |operation: &Operation| json!({ "name": operation.name, "spanKind": operation.kind.name().unwrap_or("internal") });
        Ok(json!({ "operations": found.iter().map(operation).collect::<Vec<_>>() }))
    })
    .await
}

async fn traces(State(queries): State<Queries>, headers: HeaderMap, Query(pairs): Query<Pairs>) -> Response {
    ask(&queries, &headers, move |reader| {
        let (search, raw) = query::search(&pairs)?;
        let traces = reader.search(&search)?;
        if traces.is_empty() { Err(Error::NoTraces) } else { Ok(result(traces, raw)) }
    })
    .await
}

async fn trace(
    State(queries): State<Queries>,
    headers: HeaderMap,
    Path(id): Path<String>,
    Query(pairs): Query<Pairs>,
) -> Response {
    ask(&queries, &headers, move |reader| {
        let id = params::trace_id("trace_id", &id)?;
        let raw = query::trace(&pairs)?;
        Ok(result(vec![reader.trace(id)?], raw))
    })
    .await
}

fn result(mut traces: Vec<Trace>, raw: bool) -> Value {
    if !raw {
        adjust(&mut traces);
    }
    json!({ "result": { "resourceSpans": otlp::resource_spans(&traces) } })
}

async fn summaries(State(queries): State<Queries>, headers: HeaderMap, Query(pairs): Query<Pairs>) -> Response {
    ask(&queries, &headers, move |reader| {
        let (search, raw) = query::search(&pairs)?;
        let mut traces = reader.search(&search)?;
        if !raw {
            adjust(&mut traces);
        }
        Ok(json!({ "summaries": traces.iter().map(summary::summary).collect::<Vec<_>>() }))
    })
    .await
}

async fn dependencies(State(queries): State<Queries>, headers: HeaderMap, Query(pairs): Query<Pairs>) -> Response {
    ask(&queries, &headers, move |reader| {
        let (start, end) = query::dependencies(&pairs)?;
        let edges = reader.engine.dependencies(&reader.tenant, start, end)?;
        let edge = |edge: &Dependency| json!({ "parent": edge.parent, "child": edge.child, "callCount": edge.calls.to_string() });
        Ok(json!({ "dependencies": edges.iter().map(edge).collect::<Vec<_>>() }))
    })
    .await
}

async fn ask(
    queries: &Queries,
    headers: &HeaderMap,
    work: impl FnOnce(&Reader) -> Result<Value, Error> + Send + 'static,
) -> Response {
    let answer = queries.ask(headers, |reader| Ok(Json(work(reader)?).into_response())).await;
    answer.unwrap_or_else(|error| failed(&error))
}

/// As Jaeger's API v3 says an error.
pub(crate) fn failed(error: &Error) -> Response {
    let message = match error {
        Error::TraceNotFound(_) => "No traces found".to_owned(),
        Error::Parameter { name, problem } => format!("malformed parameter {name}: {problem}"),
        other => other.to_string(),
    };
    error.respond(Json(json!({ "error": { "httpCode": error.status().as_u16(), "message": message } })))
}
