//! Which address answers what.

use axum::extract::{Path, Query, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderMap, HeaderValue, header};

use crate::error::Error;
use crate::params::{self, Pairs};
use crate::queries::{Queries, Reader};
use crate::{jaeger, jaeger_v3, pages, zipkin};

/// What a page may load: nothing from elsewhere, no script.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The pages, `/api/status`, Jaeger's APIs below `/jaeger` and Zipkin's below `/zipkin`.
pub fn router(queries: &Queries) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/trace/{id}", get(waterfall))
        .route("/api/status", get(status))
        .nest("/jaeger", jaeger::routes().merge(jaeger_v3::routes()))
        .nest("/zipkin", zipkin::routes())
        .with_state(queries.clone())
}

/// Jaeger's APIs at the root, as they are on port 16686.
pub fn jaeger_router(queries: &Queries) -> Router {
    jaeger::routes().merge(jaeger_v3::routes()).with_state(queries.clone())
}

/// Zipkin's API at the root, as it is on port 9411, without taking spans in.
pub fn zipkin_router(queries: &Queries) -> Router {
    zipkin::routes().with_state(queries.clone())
}

async fn home(State(queries): State<Queries>, headers: HeaderMap, Query(pairs): Query<Pairs>) -> Response {
    show(&queries, &headers, move |reader| pages::home(reader, params::get(&pairs, "service"))).await
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

async fn status(State(queries): State<Queries>, headers: HeaderMap) -> Response {
    let answer = queries.ask(&headers, |reader| Ok(Json(reader.engine.status()).into_response())).await;
    answer.unwrap_or_else(|error| error.respond(Json(serde_json::json!({ "error": error.to_string() }))))
}

/// A page, or the page that says why there is none.
async fn show(
    queries: &Queries,
    headers: &HeaderMap,
    work: impl FnOnce(&Reader) -> Result<String, Error> + Send + 'static,
) -> Response {
    let answer = queries.ask(headers, |reader| Ok(Html(work(reader)?).into_response())).await;
    let mut response = answer.unwrap_or_else(|error| error.respond(Html(pages::problem(&error))));
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
    response
}
