//! The envelope of answers and errors.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use vitrine_observe_promql::parse::ParseError;
use vitrine_observe_promql::{EvalError, go_quote};
use vitrine_observe_store::series::QueryError;

use super::json::{push_text, push_texts};
use crate::error::Error;

/// What the original answers where whoever asked has gone; nobody reads it.
const CLIENT_CLOSED: u16 = 499;

/// What is returned of a question.
#[derive(Debug, Default)]
pub(super) struct ApiData {
    /// JSON; nothing where there is nothing to be said.
    pub(super) data: Option<String>,
    pub(super) warnings: Vec<String>,
    pub(super) infos: Vec<String>,
}

impl ApiData {
    pub(super) fn new(data: String) -> Self {
        Self { data: Some(data), ..Self::default() }
    }
}

/// What a question is answered with.
pub(super) trait Respond: Send + 'static {
    /// As it is sent.
    fn respond(self) -> Response;
}

impl Respond for ApiData {
    fn respond(self) -> Response {
        respond(Ok(self))
    }
}

/// What has a form of its own.
impl Respond for Response {
    fn respond(self) -> Response {
        self
    }
}

/// Why a question has no answer, by the kinds of Prometheus's API.
#[derive(Debug)]
pub(super) enum Failed {
    /// The question is none.
    BadData(String),
    /// What was met in the data has no result, or takes too much.
    Execution(String),
    Timeout(String),
    Canceled(String),
    Internal(String),
    /// It is not switched on.
    Unavailable(String),
    /// Said before the question was looked at: who may not ask, and how many ask.
    Around(Error),
}

impl Failed {
    /// A parameter that cannot be read.
    pub(super) fn parameter(name: &str, why: impl std::fmt::Display) -> Self {
        Self::BadData(format!("invalid parameter {}: {why}", go_quote(name)))
    }

    /// A query that cannot be read.
    pub(super) fn query(error: &ParseError) -> Self {
        Self::parameter("query", error)
    }

    /// The kind and the status.
    fn kind(&self) -> (&'static str, StatusCode) {
        let closed = StatusCode::from_u16(CLIENT_CLOSED).unwrap_or(StatusCode::BAD_REQUEST);
        match self {
            Self::BadData(_) => ("bad_data", StatusCode::BAD_REQUEST),
            Self::Execution(_) => ("execution", StatusCode::UNPROCESSABLE_ENTITY),
            Self::Timeout(_) => ("timeout", StatusCode::SERVICE_UNAVAILABLE),
            Self::Canceled(_) => ("canceled", closed),
            Self::Internal(_) => ("internal", StatusCode::INTERNAL_SERVER_ERROR),
            // As upstream, where this kind has no status of its own.
            Self::Unavailable(_) => ("unavailable", StatusCode::INTERNAL_SERVER_ERROR),
            Self::Around(error) => match error {
                Error::TooSlow { .. } => ("timeout", StatusCode::SERVICE_UNAVAILABLE),
                Error::Busy { .. } | Error::Stopped => ("unavailable", error.status()),
                _ if error.status() == StatusCode::NOT_FOUND => ("not_found", error.status()),
                _ => ("bad_data", error.status()),
            },
        }
    }

    pub(super) fn message(&self) -> String {
        match self {
            Self::BadData(message)
            | Self::Execution(message)
            | Self::Timeout(message)
            | Self::Canceled(message)
            | Self::Internal(message)
            | Self::Unavailable(message) => message.clone(),
            Self::Around(error) => error.to_string(),
        }
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Around(error)
    }
}

impl From<QueryError> for Failed {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::TooLong { .. } => Self::Timeout("query timed out in expression evaluation".to_owned()),
            QueryError::Canceled => Self::Canceled("query was canceled in expression evaluation".to_owned()),
            QueryError::Storage(_) => Self::Internal(error.to_string()),
            _ => Self::Execution(error.to_string()),
        }
    }
}

impl From<EvalError> for Failed {
    fn from(error: EvalError) -> Self {
        match error {
            EvalError::Invalid(message) => Self::parameter("query", message),
            EvalError::Query(error) => error.into(),
            error => Self::Execution(error.to_string()),
        }
    }
}

/// An answer or an error in the envelope.
pub(super) fn respond(answer: Result<ApiData, Failed>) -> Response {
    match answer {
        Ok(ApiData { data: None, .. }) => StatusCode::NO_CONTENT.into_response(),
        Ok(ApiData { data: Some(mut body), warnings, infos }) => {
            // The data may be long: they are moved, and not copied into another text.
            body.insert_str(0, "{\"status\":\"success\",\"data\":");
            for (name, texts) in [("warnings", warnings), ("infos", infos)] {
                if !texts.is_empty() {
                    body.push_str(",\"");
                    body.push_str(name);
                    body.push_str("\":");
                    push_texts(&mut body, texts);
                }
            }
            body.push('}');
            json(StatusCode::OK, body)
        }
        Err(failed) => {
            let (kind, status) = failed.kind();
            let mut body = format!("{{\"status\":\"error\",\"errorType\":\"{kind}\",\"error\":");
            push_text(&mut body, &failed.message());
            body.push('}');
            match &failed {
                Failed::Around(error) => {
                    let mut response = error.respond(body);
                    *response.status_mut() = status;
                    set_json(&mut response);
                    response
                }
                _ => json(status, body),
            }
        }
    }
}

fn json(status: StatusCode, body: String) -> Response {
    let mut response = (status, body).into_response();
    set_json(&mut response);
    response
}

fn set_json(response: &mut Response) {
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
}
