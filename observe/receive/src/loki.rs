//! Loki's ways in: its push, as protobuf packed by snappy and as JSON, and OTLP under the path that Loki has for it.
//!
//! Labels become attributes of the resource, structured metadata attributes of the record. `service.name` is the label `service_name`, or else
//! the one that Loki takes for the service. Order is no matter, and nothing is refused for its age or its labels.

mod json;
mod labels;
mod protobuf;
mod streams;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use vitrine_observe_store::{Right, Signal};
use vitrine_platform_http::{with_error_format, with_plain_errors};

use crate::body::{Encodings, MAX_BODY_BYTES, text};
use crate::budget::{Budget, Buffer};
use crate::error::Error;
use crate::http::route;
use crate::intake::{Intake, now_ns};

/// Where pushes come in: today's path and the one before it.
const PUSH_PATHS: [&str; 2] = ["/loki/api/v1/push", "/api/prom/push"];
/// Where OTLP's log records come in beside OTLP's own path.
const OTLP_PATHS: [&str; 2] = ["/otlp/v1/logs", "/loki/otlp/v1/logs"];
/// What is said to be wrong.
const PUSH: &str = "push request";

/// `POST /loki/api/v1/push`, answered with 204, and `/otlp/v1/logs`.
pub fn loki_push_router(intake: &Intake) -> Router {
    let mut pushes = Router::new();
    for path in PUSH_PATHS {
        pushes = pushes.route(path, post(push));
    }
    let mut otlp = Router::new();
    for path in OTLP_PATHS {
        otlp = otlp.route(path, route(Signal::Logs));
    }
    let otlp = with_error_format(otlp.with_state(intake.clone()), crate::otlp_errors);
    // The limit is enforced while the body is read.
    with_plain_errors(pushes.with_state(intake.clone())).merge(otlp).layer(DefaultBodyLimit::disable())
}

async fn push(State(intake): State<Intake>, headers: HeaderMap, body: Body) -> Response {
    match take(&intake, headers, body).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => error.text(),
    }
}

async fn take(intake: &Intake, mut headers: HeaderMap, body: Body) -> Result<(), Error> {
    let tenant = intake.tenant_of(&headers, Right::Write)?;
    let content_type = text(&headers, &header::CONTENT_TYPE).to_ascii_lowercase();
    let is_json = content_type.split(';').next().unwrap_or_default().trim() == "application/json";
    // Protobuf is packed by snappy whether the sender says so or not.
    if !is_json
        && headers.get(header::CONTENT_ENCODING).is_some_and(|value| value == HeaderValue::from_static("snappy"))
    {
        headers.remove(header::CONTENT_ENCODING);
    }
    let encodings = Encodings::of(&headers, &header::CONTENT_ENCODING)?;
    let body = intake.read(&headers, body).await?;
    let now_ns = now_ns();
    let work = move |budget: &Budget, body: Buffer| match is_json {
        true => json::rewrite(budget, now_ns, &body.bytes),
        false => protobuf::rewrite(budget, now_ns, &unpacked(budget, &body.bytes)?.bytes),
    };
    let records = intake.work(encodings, body, 0, work).await?;
    if !records.bytes.is_empty() {
        intake.write(&tenant, Signal::Logs, records).await?;
    }
    Ok(())
}

/// What snappy packed in its block format. What it says of its size is paid for before memory is taken.
fn unpacked(budget: &Budget, packed: &[u8]) -> Result<Buffer, Error> {
    let failed = |cause: snap::Error| Error::Body {
        what: "body packed by snappy in its block format",
        cause: cause.to_string(),
    };
    let length = snap::raw::decompress_len(packed).map_err(failed)?;
    if length > MAX_BODY_BYTES {
        return Err(Error::TooLarge);
    }
    let mut plain = budget.buffer();
    plain.room(length)?;
    plain.bytes.resize(length, 0);
    let written = snap::raw::Decoder::new().decompress(packed, &mut plain.bytes).map_err(failed)?;
    plain.bytes.truncate(written);
    Ok(plain)
}
