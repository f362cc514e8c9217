//! The page, and the files that it loads.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{Html, IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use vitrine_platform_web::with_policies;

use crate::state::ConsoleState;

/// Where pages are. Which is shown is decided in the browser; where there is none, it says so.
pub(crate) const PAGES: [&str; 23] = [
    "/",
    "/services/{service}",
    "/traces",
    "/traces/diff",
    "/trace/{id}",
    "/logs",
    "/metrics",
    "/sql",
    "/dashboards",
    "/dashboards/{name}",
    "/alerts",
    "/flags",
    "/flags/{key}",
    "/shop",
    "/sign-in",
    "/objectives",
    "/targets",
    "/visits",
    // Where pages were before: in the browser they become today's addresses.
    "/explore",
    "/graph",
    "/service-graph",
    "/alerts/rule",
    "/funnel",
];

/// Stands in where the program was built without pages.
const NOT_BUILT: &str = "<!doctype html><title>Vitrine</title><p>This program was built without its pages: \
    <code>make web</code> builds them. Its APIs answer, and <a href=\"/api/status\">/api/status</a> tells how it fares.";

/// The page that every address has.
pub(crate) async fn page(State(console): State<Arc<ConsoleState>>) -> Response {
    let Some(page) = console.bundle.text("console/index.html") else {
        return (StatusCode::NOT_FOUND, Html(NOT_BUILT)).into_response();
    };
    let mut response = with_policies(Html(page.to_owned()).into_response());
    // It names the files of this version.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// A file of it.
pub(crate) async fn file(State(console): State<Arc<ConsoleState>>, request: Request) -> Response {
    let found = console.bundle.response(request.uri().path(), request.headers());
    found.unwrap_or_else(|| StatusCode::NOT_FOUND.into_response())
}
