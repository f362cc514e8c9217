//! Which address answers what.

use axum::extract::{Path, Query, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::HeaderMap;
use vitrine_observe_store::Right;
use vitrine_platform_http::{Refusal, RequestInfo, grpc_errors, plain_errors, with_error_format, with_plain_errors};

use crate::alertmanager::alertmanager_errors;
use crate::error::Error;
use crate::loki::loki_errors;
use crate::params::{self, Pairs};
use crate::prometheus::prometheus_errors;
use crate::queries::{Queries, Reader};
use crate::{jaeger, jaeger_v3, logs, pages, zipkin};

/// The pages, `/api/logs`, `/api/status` and what is below them, Jaeger's APIs below `/jaeger` and Zipkin's below `/zipkin`.
pub fn router(queries: &Queries) -> Router {
    let own = Router::new()
        .route("/", get(home))
        .route("/trace/{id}", get(waterfall))
        .route("/api/status", get(status))
        .route("/api/status/engine", get(engine_status))
        .route("/logs", get(log_lines))
        .route("/logs/tail.js", get(tail_script))
        .merge(logs::routes())
        .with_state(queries.clone());
    with_error_format(own, error_format).nest("/jaeger", jaeger_router(queries)).nest("/zipkin", zipkin_router(queries))
}

/// Jaeger's APIs at the root, as they are on port 16686.
pub fn jaeger_router(queries: &Queries) -> Router {
    with_error_format(jaeger::routes().merge(jaeger_v3::routes()).with_state(queries.clone()), jaeger_errors)
}

/// Zipkin's API at the root, as it is on port 9411, without taking spans in.
pub fn zipkin_router(queries: &Queries) -> Router {
    with_plain_errors(zipkin::routes().with_state(queries.clone()))
}

/// How refusals are said on the one address: as the API does that the path belongs to, else as a page.
pub fn error_format(asked: &RequestInfo, refusal: &Refusal) -> Response {
    let (path, error) = (asked.uri.path(), Error::from(refusal));
    let is_below = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if asked.is_grpc() {
        grpc_errors(asked, refusal)
    } else if is_below("/jaeger") {
        jaeger_errors(asked, refusal)
    } else if is_below("/prometheus") {
        prometheus_errors(asked, refusal)
    } else if is_below("/loki") {
        loki_errors(asked, refusal)
    } else if is_below("/zipkin") {
        plain_errors(asked, refusal)
    } else if is_below("/alertmanager") {
        alertmanager_errors(asked, refusal)
    } else if is_below("/api") {
        error.plain()
    } else {
        pages::page_of(Err(error))
    }
}

/// How refusals are said on Jaeger's own port.
pub fn jaeger_errors(asked: &RequestInfo, refusal: &Refusal) -> Response {
    let error = Error::from(refusal);
    let path = asked.uri.path();
    let is_v3 = path.strip_prefix("/jaeger").unwrap_or(path).starts_with("/api/v3");
    if is_v3 { jaeger_v3::failed(&error) } else { jaeger::failed(&error) }
}

async fn home(State(queries): State<Queries>, headers: HeaderMap, Query(pairs): Query<Pairs>) -> Response {
    show(&queries, &headers, move |reader| {
        pages::home(reader, params::get(&pairs, "service"), params::get(&pairs, "query"))
    })
    .await
}

async fn waterfall(State(queries): State<Queries>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    show(&queries, &headers, move |reader| {
        let id = params::trace_id("traceID", &id)?;
        let mut trace = reader.trace(id)?;
        jaeger::adjust(std::slice::from_mut(&mut trace));
        pages::trace(reader, &trace)
    })
    .await
}

async fn log_lines(State(queries): State<Queries>, headers: HeaderMap, Query(pairs): Query<Pairs>) -> Response {
    pages::with_script(show(&queries, &headers, move |reader| pages::logs(reader, pairs)).await)
}

async fn tail_script() -> Response {
    pages::tail_script()
}

async fn status(State(queries): State<Queries>, headers: HeaderMap) -> Response {
    let work = |reader: &Reader| Ok(Json(reader.engine.tenant_status(&reader.tenant)).into_response());
    queries.ask(&headers, work).await.unwrap_or_else(|error| error.plain())
}

/// How the whole engine fares, all tenants together, and what went wrong in it.
async fn engine_status(State(queries): State<Queries>, headers: HeaderMap) -> Response {
    let work = |reader: &Reader| Ok(Json(reader.engine.status()).into_response());
    queries.ask_for(Right::Operate, &headers, work).await.unwrap_or_else(|error| error.plain())
}

/// A page, or the page that says why there is none.
async fn show(
    queries: &Queries,
    headers: &HeaderMap,
    work: impl FnOnce(&Reader) -> Result<String, Error> + Send + 'static,
) -> Response {
    pages::page_of(queries.ask(headers, |reader| Ok(Html(work(reader)?).into_response())).await)
}
