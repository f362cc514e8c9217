//! What faults do at the edge: requests from outside are slow, fail, or go over a narrow line.

use axum::body::HttpBody;
use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use vitrine_platform_faults::{Call, Effect, Ruling, Site, When, said};
use vitrine_platform_telemetry::Context;

use crate::problem::Reply;

/// A middleware for `axum::middleware::from_fn`, within [`crate::observe`]. A fault knows a request by its method and route:
/// `GET /api/v1/products/{id}`.
pub async fn faulted(site: Site, request: Request, next: Next) -> Response {
    if site.is_armed() { Box::pin(armed(site, request, next)).await } else { next.run(request).await }
}

async fn armed(site: Site, request: Request, next: Next) -> Response {
    let Some(ruling) = decide(&site, &request) else { return next.run(request).await };
    ruling.wait_for_bytes(bytes(request.body())).await;
    ruling.wait().await;
    if let Some(response) = failure(&ruling, When::Before) {
        return response;
    }
    let response = next.run(request).await;
    ruling.wait_for_bytes(bytes(response.body())).await;
    failure(&ruling, When::After).unwrap_or(response)
}

fn decide(site: &Site, request: &Request) -> Option<Box<Ruling>> {
    let context = Context::current();
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let path = format!("{} {route}", request.method());
    site.decide(&Call { path: &path, ..Call::within(&context) })
}

/// How many bytes a body has, if it is known; none of a stream.
fn bytes(body: &axum::body::Body) -> usize {
    body.size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0)
}

fn failure(ruling: &Ruling, now: When) -> Option<Response> {
    match ruling.ending()? {
        Effect::Error { code, reason, when } if *when == now => {
            Some(Reply::from(said(code, reason.as_deref())).into_response())
        }
        _ => None,
    }
}
