//! What Elasticsearch's clients read: responses and errors.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::Value;
use vitrine_observe_store::model::elastic;
use vitrine_observe_store::{Denied, WriteError};
use vitrine_platform_http::{Refusal, RequestInfo};

use crate::error::Error;

/// The one type of content.
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Whom callers may say that they are.
const CHALLENGE: HeaderValue =
    HeaderValue::from_static("Bearer, Basic realm=\"observatory\", charset=\"UTF-8\", ApiKey");

/// A request that is refused as a whole for what it says.
#[derive(Debug)]
pub(super) struct Refused {
    pub status: StatusCode,
    /// The name of one of Elasticsearch's exceptions.
    pub kind: &'static str,
    pub reason: String,
}

/// Why a request was not taken.
#[derive(Debug)]
pub(super) enum Failed {
    Refused(Refused),
    Around(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Around(error)
    }
}

impl From<Refused> for Failed {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl Refused {
    pub(super) fn new(status: StatusCode, kind: &'static str, reason: impl Into<String>) -> Self {
        Self { status, kind, reason: reason.into() }
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(Refused { status, kind, reason }) => error(status, kind, &reason),
            Self::Around(around) => of_error(&around),
        }
    }
}

pub(super) fn json(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, JSON)], body.to_string()).into_response()
}

fn error(status: StatusCode, kind: &str, reason: &str) -> Response {
    json(status, &elastic::error(status.as_u16(), kind, reason))
}

/// Clients repeat 429 only, so that is what it is when there is no room.
fn of_error(failed: &Error) -> Response {
    let is_full = matches!(failed, Error::Busy | Error::Write(WriteError::Busy { .. } | WriteError::Disk { .. }));
    let status = if is_full { StatusCode::TOO_MANY_REQUESTS } else { failed.http() };
    let kind = match failed {
        Error::Denied(Denied::Tenant(_)) => "illegal_argument_exception",
        Error::Denied(_) => "security_exception",
        _ if is_full => "es_rejected_execution_exception",
        _ if status == StatusCode::PAYLOAD_TOO_LARGE => "content_too_long_exception",
        _ if status == StatusCode::NOT_FOUND => "resource_not_found_exception",
        _ if status == StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed_exception",
        _ if status.is_server_error() => "unavailable_exception",
        _ => "parse_exception",
    };
    tracing::debug!(error = %failed, "documents refused");
    let mut response = error(status, kind, &failed.message());
    if let Some(seconds) = failed.retry_after_seconds() {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    if matches!(failed, Error::Denied(Denied::Unauthenticated)) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, CHALLENGE);
    }
    response
}

/// As Elasticsearch says errors.
pub fn elastic_errors(_: &RequestInfo, refusal: &Refusal) -> Response {
    of_error(&Error::from(refusal))
}
