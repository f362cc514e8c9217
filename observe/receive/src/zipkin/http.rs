//! Zipkin's way in, over HTTP.

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::{HeaderMap, StatusCode, header};
use vitrine_observe_store::Signal;
use vitrine_platform_http::with_plain_errors;

use super::translate;
use crate::body::{Encodings, Format, text};
use crate::error::Error;
use crate::intake::{Intake, now_ns};

/// `POST /api/v2/spans`, and the same below `/zipkin`: a list of spans in JSON, answered with 202.
pub fn zipkin_router(intake: &Intake) -> Router {
    let router = Router::new()
        .route("/api/v2/spans", post(spans))
        .route("/zipkin/api/v2/spans", post(spans))
        // The limit is enforced while the body is read.
        .layer(DefaultBodyLimit::disable())
        .with_state(intake.clone());
    with_plain_errors(router)
}

async fn spans(State(intake): State<Intake>, headers: HeaderMap, body: Body) -> Response {
    match take(&intake, &headers, body).await {
        Ok(()) => StatusCode::ACCEPTED.into_response(),
        Err(error) => error.text(),
    }
}

async fn take(intake: &Intake, headers: &HeaderMap, body: Body) -> Result<(), Error> {
    let tenant = intake.tenant(headers)?;
    // Zipkin takes a body without a type as JSON.
    if headers.contains_key(header::CONTENT_TYPE) && !matches!(Format::of(headers), Ok(Format::Json)) {
        let found = text(headers, &header::CONTENT_TYPE);
        return Err(Error::ContentType { found, expected: "application/json" });
    }
    let encodings = Encodings::of(headers, &header::CONTENT_ENCODING)?;
    let body = intake.read(headers, body).await?;
    let now_ns = now_ns();
    let request = intake.work(encodings, body, 0, move |budget, json| translate(budget, now_ns, &json.bytes)).await?;
    let accepted = intake.write(&tenant, Signal::Traces, request).await?;
    if let Some(reason) = accepted.reason {
        // Zipkin's answer has no place for it. It takes ids that are malformed for a malformed list.
        tracing::debug!(rejected = accepted.rejected, %reason, "zipkin spans refused");
    }
    Ok(())
}
