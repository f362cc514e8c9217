//! What is returned, errors too, as clients of Elasticsearch read it.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use vitrine_observe_search::elastic::SearchError;
use vitrine_observe_store::Denied;
use vitrine_observe_store::model::elastic::{self, FilterPath, PRODUCT, PRODUCT_HEADER};
use vitrine_platform_http::{Refusal, RequestInfo};

use crate::error::Error;
use crate::params::{Pairs, get};
use crate::time::{NANOS_PER_MILLI, now_ns};

/// Seconds after which a client may ask again when there was no room for its search.
const RETRY_AFTER_S: u64 = 1;
/// Whom callers may say that they are.
const CHALLENGE: HeaderValue =
    HeaderValue::from_static("Bearer, Basic realm=\"observatory\", charset=\"UTF-8\", ApiKey");

/// What a question was answered with.
pub(super) enum Answered {
    /// As it is.
    Json(Value),
    /// With how long it took.
    Timed(Value),
    /// What is not there, with what is said of it.
    Absent(Value),
    /// A table for people.
    Table(String),
}

/// Why a request was not answered.
pub(super) enum Failed {
    Search(SearchError),
    Around(Error),
}

impl From<SearchError> for Failed {
    fn from(error: SearchError) -> Self {
        Self::Search(error)
    }
}

/// Writes an answer, or why there is none, cut to what the parameters ask for.
pub(super) fn write(answer: Result<Answered, SearchError>, pairs: &Pairs, began_ns: u64) -> Response {
    let (status, mut value) = match answer {
        Ok(Answered::Json(value)) => (StatusCode::OK, value),
        Ok(Answered::Timed(mut value)) => {
            value["took"] = (now_ns().saturating_sub(began_ns) / NANOS_PER_MILLI).into();
            (StatusCode::OK, value)
        }
        Ok(Answered::Absent(value)) => (StatusCode::NOT_FOUND, value),
        Ok(Answered::Table(text)) => {
            let plain = [(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=UTF-8"))];
            return (plain, text).into_response();
        }
        Err(error) => return failed(&error.into()),
    };
    if get(pairs, "rest_total_hits_as_int") == Some("true") {
        totals_as_numbers(&mut value);
    }
    let filter = FilterPath::parse(get(pairs, "filter_path").unwrap_or_default());
    let value = if filter.is_empty() { value } else { filter.apply(value) };
    (status, Json(value)).into_response()
}

/// Totals as they were before version 7.
fn totals_as_numbers(value: &mut Value) {
    if let Some(total) = value.pointer_mut("/hits/total") {
        let number = total["value"].take();
        *total = number;
    }
    for response in value.get_mut("responses").and_then(Value::as_array_mut).into_iter().flatten() {
        totals_as_numbers(response);
    }
}

pub(super) fn failed(failed: &Failed) -> Response {
    match failed {
        Failed::Search(error) => {
            let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, Json(error.json())).into_response()
        }
        Failed::Around(error) => of_error(error),
    }
}

fn of_error(error: &Error) -> Response {
    let (status, kind) = match error {
        // Clients of Elasticsearch repeat what is refused so, and nothing else.
        Error::Busy { .. } => (StatusCode::TOO_MANY_REQUESTS, "es_rejected_execution_exception"),
        Error::Denied(_) => (error.status(), "security_exception"),
        Error::TooSlow { .. } => (error.status(), "search_timeout_exception"),
        Error::Around { status, .. } if *status == StatusCode::METHOD_NOT_ALLOWED => (*status, "method_not_allowed"),
        _ if error.status().is_client_error() => (error.status(), "illegal_argument_exception"),
        _ => (error.status(), "search_phase_execution_exception"),
    };
    let body = elastic::error(status.as_u16(), kind, &error.to_string());
    let mut response = (status, Json(body)).into_response();
    let headers = response.headers_mut();
    match error {
        Error::Busy { .. } => headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S)),
        Error::Denied(Denied::Unauthenticated) => headers.insert(header::WWW_AUTHENTICATE, CHALLENGE),
        _ => None,
    };
    response
}

/// How refusals are said where Elasticsearch's API is.
pub fn elastic_search_errors(_asked: &RequestInfo, refusal: &Refusal) -> Response {
    of_error(&Error::from(refusal))
}

/// A body that says how things are with something that is done at once.
pub(super) fn acknowledged() -> Value {
    json!({ "succeeded": true, "num_freed": 1 })
}

/// Headers with the token where the observatory looks for it, in whichever form the client sent it.
pub(super) fn bearer_headers(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token.and_then(|sent| HeaderValue::from_str(&elastic::bearer(sent)).ok());
    if let Some(token) = token {
        headers.insert(header::AUTHORIZATION, token);
    }
    headers
}

/// Says whose answer it seems to be, as the official clients want it.
pub(super) async fn from_elasticsearch(mut response: Response) -> Response {
    response.headers_mut().insert(HeaderName::from_static(PRODUCT_HEADER), HeaderValue::from_static(PRODUCT));
    response
}
