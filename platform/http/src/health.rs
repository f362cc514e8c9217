//! Alive, and ready.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;

use crate::refusal::with_plain_errors;

/// `GET /healthz` answers 200 as long as the process runs; `GET /readyz` answers 200 while `ready` says so, else 503.
pub fn health_routes(ready: impl Fn() -> bool + Clone + Send + Sync + 'static) -> Router {
    health_routes_with(ready, StatusCode::SERVICE_UNAVAILABLE)
}

/// The same with another status where it is not ready.
pub fn health_routes_with(ready: impl Fn() -> bool + Clone + Send + Sync + 'static, not_ready: StatusCode) -> Router {
    let readyz = move || {
        let ready = ready();
        async move { if ready { (StatusCode::OK, "ready\n") } else { (not_ready, "not ready\n") } }
    };
    with_plain_errors(Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(readyz)))
}
