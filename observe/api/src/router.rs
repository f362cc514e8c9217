//! Which address answers what.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::HeaderMap;
use vitrine_observe_store::Right;
use vitrine_platform_http::{Refusal, RequestInfo, grpc_errors, plain_errors, with_error_format, with_plain_errors};

use crate::alertmanager::alertmanager_errors;
use crate::error::Error;
use crate::loki::loki_errors;
use crate::prometheus::prometheus_errors;
use crate::queries::{Queries, Reader};
use crate::{compare, heatmap, jaeger, jaeger_v3, logs, pages, trace_columns, zipkin};

/// `/api/logs`, `/api/status` and what is below them, Jaeger's APIs below `/jaeger` and Zipkin's below `/zipkin`.
pub fn router(queries: &Queries) -> Router {
    let own = Router::new()
        .route("/api/status", get(status))
        .route("/api/status/engine", get(engine_status))
        .route("/api/heatmap", get(heatmap::heatmap))
        .route("/api/compare", compare::compare())
        .merge(trace_columns::routes())
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
        pages::page_of(&error)
    }
}

/// How refusals are said on Jaeger's own port.
pub fn jaeger_errors(asked: &RequestInfo, refusal: &Refusal) -> Response {
    let error = Error::from(refusal);
    let path = asked.uri.path();
    let is_v3 = path.strip_prefix("/jaeger").unwrap_or(path).starts_with("/api/v3");
    if is_v3 { jaeger_v3::failed(&error) } else { jaeger::failed(&error) }
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
