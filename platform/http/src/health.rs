//! Alive, and ready.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;

use crate::refusal::with_plain_errors;

/// `GET /healthz` answers 200 as long as the process runs; `GET /readyz` answers 200 while `ready` says so, else 503.
pub fn health_routes(ready: impl Fn() -> bool + Clone + Send + Sync + 'static) -> Router {
    let readyz = move || {
        let ready = ready();
        async move { if ready { (StatusCode::OK, "ready\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready\n") } }
    };
    with_plain_errors(Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(readyz)))
}
