//! Jaeger's API v1, which its UI and Grafana speak.
//!
//! Sources: jaegertracing/jaeger `cmd/jaeger/internal/extension/jaegerquery/internal/http_handler.go` (paths, envelope
//! and errors) and those that the modules name.

mod adjust;
mod query;
mod red;
mod skew;
mod ui;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::HeaderMap;
use serde::Serialize;
use serde_json::json;
use vitrine_observe_store::Operation;

use crate::error::Error;
use crate::params::{self, Pairs};
use crate::queries::{Queries, Reader};
use crate::time::now_ns;
use query::TracesQuery;
use red::RedMetric;
use ui::Envelope;

pub(crate) use adjust::adjust;
pub(crate) use query::DEFAULT_LIMIT;

/// Jaeger's API v1 below `/api`.
pub(crate) fn routes() -> Router<Queries> {
    Router::new()
        .route("/api/services", get(services))
        .route("/api/services/{service}/operations", get(operation_names))
        .route("/api/operations", get(operations))
        .route("/api/traces", get(traces))
        .route("/api/traces/{id}", get(trace))
        .route("/api/dependencies", get(dependencies))
        .route("/api/metrics/calls", get(calls))
        .route("/api/metrics/errors", get(errors))
        .route("/api/metrics/latencies", get(latencies))
        .route("/api/metrics/minstep", get(min_step))
}

async fn services(State(queries): State<Queries>, headers: HeaderMap) -> Response {
    ask(&queries, &headers, |reader| {
        let services = reader.services()?;
        let total = services.len();
        Ok(answer(services, total))
    })
    .await
}

async fn operation_names(State(queries): State<Queries>, headers: HeaderMap, Path(service): Path<String>) -> Response {
    ask(&queries, &headers, move |reader| {
        let names = reader.operation_names(&service)?;
        let total = names.len();
        Ok(answer(names, total))
    })
    .await
}

async fn operations(State(queries): State<Queries>, headers: HeaderMap, Query(pairs): Query<Pairs>) -> Response {
    ask(&queries, &headers, move |reader| {
        let service = params::get(&pairs, "service").ok_or(Error::Required("service"))?;
        let found = operations_of(reader, service, params::get(&pairs, "spanKind"))?;
        Ok(answer(ui::operations(&found), found.len()))
    })
    .await
}

/// Operations of a service, of one kind if it is given; a kind that is not known has none.
pub(crate) fn operations_of(reader: &Reader, service: &str, kind: Option<&str>) -> Result<Vec<Operation>, Error> {
    let mut found = reader.engine.operations(&reader.tenant, service)?;
    if let Some(kind) = kind {
        found.retain(|operation| operation.kind.name().is_some_and(|name| name.eq_ignore_ascii_case(kind)));
    }
    Ok(found)
}

async fn traces(State(queries): State<Queries>, headers: HeaderMap, Query(pairs): Query<Pairs>) -> Response {
    ask(&queries, &headers, move |reader| {
        let raw = params::flag(&pairs, "raw")?;
        let mut errors = Vec::new();
        let mut traces = match query::traces(&pairs, now_ns())? {
            TracesQuery::Search(search) => reader.search(&search)?,
            TracesQuery::Ids(ids) => {
                let (traces, absent) = reader.traces(&ids)?;
                let error = |id| json!({ "msg": Error::TraceNotFound(id).to_string(), "traceID": id.to_string() });
                errors.extend(absent.into_iter().map(error));
                traces
            }
        };
        if !raw {
            adjust(&mut traces);
        }
        let mut envelope = Envelope::new(traces.iter().map(|trace| ui::trace(trace, raw)).collect::<Vec<_>>(), 0);
        envelope.errors = (!errors.is_empty()).then_some(errors);
        Ok(Json(envelope).into_response())
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
        let id = params::trace_id("traceID", &id)?;
        let raw = query::trace(&pairs)?;
        let mut trace = reader.trace(id)?;
        if !raw {
            adjust(std::slice::from_mut(&mut trace));
        }
        Ok(answer([ui::trace(&trace, raw)], 0))
    })
    .await
}

async fn dependencies(State(queries): State<Queries>, headers: HeaderMap, Query(pairs): Query<Pairs>) -> Response {
    ask(&queries, &headers, move |reader| {
        let (start, end) = query::dependencies(&pairs, now_ns())?;
        let mut edges = reader.engine.dependencies(&reader.tenant, start, end)?;
        if let Some(service) = params::get(&pairs, "service") {
            edges.retain(|edge| edge.parent == service || edge.child == service);
        }
        Ok(answer(ui::dependencies(&edges), 0))
    })
    .await
}

async fn calls(State(queries): State<Queries>, headers: HeaderMap, Query(pairs): Query<Pairs>) -> Response {
    red_metrics(&queries, &headers, pairs, |_| Ok(RedMetric::Calls)).await
}

async fn errors(State(queries): State<Queries>, headers: HeaderMap, Query(pairs): Query<Pairs>) -> Response {
    red_metrics(&queries, &headers, pairs, |_| Ok(RedMetric::Errors)).await
}

async fn latencies(State(queries): State<Queries>, headers: HeaderMap, Query(pairs): Query<Pairs>) -> Response {
    red_metrics(&queries, &headers, pairs, red::latencies).await
}

async fn red_metrics(
    queries: &Queries,
    headers: &HeaderMap,
    pairs: Pairs,
    metric: fn(&Pairs) -> Result<RedMetric, Error>,
) -> Response {
    ask(queries, headers, move |reader| {
        Ok(Json(red::metric_family(reader, &pairs, metric(&pairs)?, now_ns())?).into_response())
    })
    .await
}

async fn min_step(State(queries): State<Queries>, headers: HeaderMap) -> Response {
    ask(&queries, &headers, |_| Ok(answer(red::MIN_STEP_MS, 0))).await
}

async fn ask(
    queries: &Queries,
    headers: &HeaderMap,
    work: impl FnOnce(&Reader) -> Result<Response, Error> + Send + 'static,
) -> Response {
    queries.ask(headers, work).await.unwrap_or_else(|error| failed(&error))
}

/// As Jaeger's API v1 says an error.
pub(crate) fn failed(error: &Error) -> Response {
    let errors = json!([{ "code": error.status().as_u16(), "msg": error.to_string() }]);
    error.respond(Json(json!({ "data": null, "total": 0, "limit": 0, "offset": 0, "errors": errors })))
}

fn answer(data: impl Serialize, total: usize) -> Response {
    Json(Envelope::new(data, total)).into_response()
}
