//! A server span and RED figures for every request.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use vitrine_contracts::Problem;
use vitrine_platform_telemetry::semconv::{
    ERROR_TYPE, HTTP_REQUEST_METHOD, HTTP_RESPONSE_STATUS_CODE, HTTP_ROUTE, OTHER, URL_PATH, URL_SCHEME,
};
use vitrine_platform_telemetry::{Service, Value};

use crate::problem::Reply;
use crate::serve::Scheme;

/// What a handler knows of its request that belongs on the request's span: an extension of its response.
#[derive(Clone, Debug, Default)]
pub struct SpanAttributes(pub Vec<(&'static str, Value)>);

/// A middleware for `axum::middleware::from_fn_with_state`: continues the caller's trace, names the span after the
/// route, notes the outcome, and tells the trace's id in `x-trace-id`. Query strings are left out of
/// telemetry, and of paths what stands for a variable: both hold whatever a client puts there, be it a password.
pub async fn observe(service: Service, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method: Arc<str> = known(request.method()).into();
    let scheme = request.extensions().get::<Scheme>().map_or(Scheme::Http.name(), |scheme| scheme.name());
    let route: Option<Arc<str>> = request.extensions().get::<MatchedPath>().map(|path| path.as_str().into());
    let headers = request.headers();
    let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let shown = if &*method == OTHER { "HTTP" } else { &method };
    let name = route.as_ref().map_or_else(|| shown.to_owned(), |route| format!("{shown} {route}"));
    let mut span = service
        .server_span(name, header("traceparent"), header("baggage"))
        .attr(HTTP_REQUEST_METHOD, method.clone())
        .attr(URL_SCHEME, scheme);
    if let Some(route) = &route {
        span.set(HTTP_ROUTE, route.clone());
        span.set(URL_PATH, route.clone());
    }
    let context = span.context();
    let mut response = context.clone().scope(guarded(next.run(request), panicked)).await;
    if let Some(SpanAttributes(known)) = response.extensions_mut().remove() {
        known.into_iter().for_each(|(key, value)| span.set(key, value));
    }
    let status = response.status();
    span.set(HTTP_RESPONSE_STATUS_CODE, status.as_u16());
    if status.is_server_error() {
        span.set(ERROR_TYPE, status.as_u16().to_string());
        span.error(status.canonical_reason().unwrap_or("server error"));
    }
    if let Some(id) = context.trace_id().and_then(|id| HeaderValue::try_from(id).ok()) {
        response.headers_mut().insert("x-trace-id", id);
    }
    context.sync_scope(|| service.record_http(&method, scheme, route.as_deref(), status.as_u16(), started.elapsed()));
    response
}

/// A method as telemetry has it. Clients can make up others without end, and each would be another series.
fn known(method: &Method) -> &str {
    match method.as_str() {
        name @ ("CONNECT" | "DELETE" | "GET" | "HEAD" | "OPTIONS" | "PATCH" | "POST" | "PUT" | "TRACE") => name,
        _ => OTHER,
    }
}

/// As a problem document: what a handler that panics has answered, where no one else says it.
pub(crate) fn panicked() -> Response {
    Reply::from(Problem::internal()).into_response()
}

/// Responds for a handler that panics, so that no one else on its connection suffers.
pub(crate) async fn guarded(work: impl Future<Output = Response>, panicked: impl Fn() -> Response) -> Response {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|panic| {
        tracing::error!(panic = vitrine_kit::panic::text(&*panic), "a handler panicked");
        panicked()
    })
}
