//! What browsers tell of pages: spans of a load, a look, a request and an error, as OTLP/JSON, below the span of the page that they were given.
//!
//! A page's answer names its span in `Server-Timing`, beside whether it came from the cache: not in the page itself, which is the same for
//! everyone. A browser whose page has none is asked for nothing, which is how pages are sampled. What is told is taken from pages of ours
//! only, within bounds, and no more of it than is listed in `spans`: addresses as names of routes, no texts that a person could have typed.

pub(crate) mod spans;

use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use vitrine_platform_cache::Cache;
use vitrine_platform_http::{Peer, Reply, network};
use vitrine_platform_telemetry::{Context, Service};
use vitrine_platform_web::is_own_page;

use crate::Storefront;
use spans::{Export, Paths};

/// What browsers are called in telemetry.
pub(crate) const BROWSER: &str = "browser";
/// Where a page's span and its way through the cache are told.
pub(crate) const SERVER_TIMING: &str = "server-timing";
/// The longest export, in bytes.
const MAX_EXPORT: usize = 64 << 10;
/// Exports a second that one client may send for long, and at once. A page sends two or three.
const RATE: (u32, u32) = (10, 100);
/// When a browser sent what it tells, in milliseconds since 1970 by its own clock.
const SENT_AT: &str = "vitrine-sent-at";
/// How wrong a browser's clock may be before times are put right, in milliseconds: below, it is what the way takes.
const RIGHT_ENOUGH_MS: i64 = 2_000;
/// The random part of a trace's id, as W3C has it.
const RANDOM_BITS: u128 = (1 << 56) - 1;

/// What browsers tell, and how much of it is taken.
pub(crate) struct Browsers {
    service: Service,
    cache: Cache,
    percent: u32,
    paths: Paths,
}

impl Browsers {
    pub(crate) fn new(service: Service, cache: Cache, percent: u32, paths: Paths) -> Self {
        Self { service, cache, percent, paths }
    }

    /// The span of the page that is answered, for a browser that is to go on with its trace.
    fn traceparent(&self) -> Option<String> {
        let context = Context::current();
        let is_chosen = (context.ids().0 & RANDOM_BITS) * 100 < u128::from(self.percent) << RANDOM_BITS.count_ones();
        // The flag says whether the trace is kept at all.
        context.traceparent().filter(|traceparent| is_chosen && traceparent.ends_with("-01"))
    }
}

/// Names the span of a page to the browser that gets it.
pub(crate) async fn traced(State(storefront): State<Arc<Storefront>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_page = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let traceparent = is_page.then(|| storefront.browsers.traceparent()).flatten();
    if let Some(told) = traceparent.and_then(|id| HeaderValue::try_from(format!("traceparent;desc=\"{id}\"")).ok()) {
        response.headers_mut().append(SERVER_TIMING, told);
    }
    response
}

/// Takes what a browser tells.
pub(crate) async fn take(State(storefront): State<Arc<Storefront>>, request: Request) -> Response {
    match taken(&storefront, request).await {
        Ok(0) => axum::Json(json!({"partialSuccess": {}})).into_response(),
        Ok(rejected) => {
            let message = "spans of pages that were not shown here, of unknown names, or of impossible times";
            let told = json!({"rejectedSpans": rejected.to_string(), "errorMessage": message});
            axum::Json(json!({"partialSuccess": told})).into_response()
        }
        Err(reply) => reply.into_response(),
    }
}

/// Returns how many spans were not taken.
async fn taken(storefront: &Storefront, request: Request) -> Result<usize, Reply> {
    let browsers = &storefront.browsers;
    let (head, body) = request.into_parts();
    check_sender(&head.headers, &storefront.url)?;
    let address = head.extensions.get::<Peer>().map(|peer| network(peer.0.ip()).to_string()).unwrap_or_default();
    if !browsers.cache.limit(&format!("browser:{address}"), RATE.0, RATE.1).await.allowed {
        let reply = Reply::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", "too many exports: wait a second");
        return Err(reply.at("rate", &format!("at most {} exports a second", RATE.0)));
    }
    let body = to_bytes(body, MAX_EXPORT).await.map_err(|_| {
        let reply = Reply::new(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", "the export is too long");
        reply.at("body", &format!("at most {MAX_EXPORT} bytes"))
    })?;
    let export: Export = serde_json::from_slice(&body).map_err(|e| {
        let message = format!("the body is no export of spans, at line {} column {}", e.line(), e.column());
        let reply = Reply::new(StatusCode::BAD_REQUEST, "INVALID_EXPORT", &message);
        reply.at("body", "OTLP's ExportTraceServiceRequest as JSON")
    })?;
    let now_ms = storefront.clock.now_ms();
    let spans = export.spans(&browsers.paths, now_ms, behind_ms(&head.headers, now_ms));
    spans.taken.iter().for_each(|span| browsers.service.report(span));
    Ok(spans.rejected)
}

/// Browsers say from where they send; what says nothing is none.
fn check_sender(headers: &HeaderMap, own: &str) -> Result<(), Reply> {
    let says = headers.contains_key("sec-fetch-site") || headers.contains_key(header::ORIGIN);
    if !says || !is_own_page(headers, own) {
        let message = "this takes what pages of this shop tell of themselves";
        let reply = Reply::new(StatusCode::FORBIDDEN, "CROSS_SITE_REQUEST", message);
        return Err(reply.at("Origin", "a page that this address itself shows"));
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/json") {
        let reply = Reply::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", "that is not JSON");
        return Err(reply.at("Content-Type", "application/json"));
    }
    Ok(())
}

/// How far a browser's clock is behind ours; 0 where it is right, or not told.
fn behind_ms(headers: &HeaderMap, now_ms: i64) -> i64 {
    let sent_ms = headers.get(SENT_AT).and_then(|at| at.to_str().ok()).and_then(|at| at.parse::<i64>().ok());
    let behind = sent_ms.map_or(0, |sent_ms| now_ms.saturating_sub(sent_ms));
    if behind.abs() <= RIGHT_ENOUGH_MS { 0 } else { behind }
}
