//! What an operations listener serves.

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use vitrine_platform_telemetry::{Exposition, Telemetry};

use crate::refusal::{nowhere, plain_errors, with_plain_errors};

/// Health, and `GET /metrics` for scrapers, and nothing else; errors are plain text. `telemetry` is whose metrics these are: none before it
/// runs, which is 503.
pub fn operations_routes(
    health: Router,
    telemetry: impl Fn() -> Option<Telemetry> + Clone + Send + Sync + 'static,
) -> Router {
    let metrics = move |headers: HeaderMap| {
        let telemetry = telemetry();
        async move { exposition(telemetry, &headers).await }
    };
    let metrics = with_plain_errors(Router::new().route("/metrics", get(metrics)));
    nowhere(health.merge(metrics), plain_errors)
}

async fn exposition(telemetry: Option<Telemetry>, headers: &HeaderMap) -> Response {
    let Some(telemetry) = telemetry else {
        return (StatusCode::SERVICE_UNAVAILABLE, "starting: there are no metrics yet\n").into_response();
    };
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let format = Exposition::accepted(accept);
    // What is read may be files of the system.
    read_off_thread(format, move || telemetry.expose(format)).await
}

/// `GET /metrics` with what this reads, in Prometheus's text. Reading may block.
pub fn metrics_routes(read: impl Fn() -> String + Clone + Send + Sync + 'static) -> Router {
    let metrics = move || {
        let read = read.clone();
        async move { read_off_thread(Exposition::Text, read).await }
    };
    with_plain_errors(Router::new().route("/metrics", get(metrics)))
}

async fn read_off_thread(format: Exposition, read: impl FnOnce() -> String + Send + 'static) -> Response {
    match tokio::task::spawn_blocking(read).await {
        Ok(text) => ([(header::CONTENT_TYPE, format.content_type())], text).into_response(),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be read\n").into_response(),
    }
}
