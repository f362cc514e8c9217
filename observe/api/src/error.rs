//! Why a query was not answered. Each protocol says it in its own shape.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use vitrine_observe_store::model::TraceId;
use vitrine_observe_store::{Denied, QueryError, TailError};
use vitrine_platform_http::Refusal;

/// Seconds after which a client may ask again when there was no room for its query.
const RETRY_AFTER_S: u64 = 1;

/// Why a query was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A needed parameter is absent.
    #[error("parameter '{0}' is required")]
    Required(&'static str),
    /// A parameter cannot be read.
    #[error("unable to parse param '{name}': {problem}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// What was found and what was expected.
        problem: String,
    },
    /// Parameters that can be read, but not be meant.
    #[error("{0}")]
    Question(String),
    /// The trace is not held.
    #[error("trace not found")]
    TraceNotFound(TraceId),
    /// What was there is not there any more.
    #[error("{0}")]
    Gone(&'static str),
    /// No trace matches; only Jaeger's API v3 calls this an error.
    #[error("No traces found")]
    NoTraces,
    /// Who asks may not read this.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The engine cannot answer.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// Records cannot be followed.
    #[error(transparent)]
    Tail(#[from] TailError),
    /// Too many queries wait already.
    #[error("{waiting} queries are waiting already, which is the limit: ask again later")]
    Busy {
        /// The limit.
        waiting: usize,
    },
    /// The query took too long.
    #[error("no answer within {seconds} s, which is the limit: ask for less at a time")]
    TooSlow {
        /// The limit.
        seconds: u64,
    },
    /// The process is ending.
    #[error("the query was stopped")]
    Stopped,
    /// Refused around the handlers: no such path, another method, a body that does not come.
    #[error("{message}: expected {expected}")]
    Around {
        /// The status of HTTP that says so.
        status: StatusCode,
        /// What is wrong.
        message: String,
        /// What would be right.
        expected: &'static str,
    },
}

impl From<&Refusal> for Error {
    fn from(refusal: &Refusal) -> Self {
        Self::Around { status: refusal.status, message: refusal.message.clone(), expected: refusal.expected }
    }
}

impl Error {
    pub(crate) fn parameter(name: &'static str, problem: impl Into<String>) -> Self {
        Self::Parameter { name, problem: problem.into() }
    }

    /// The status of HTTP that says so.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Required(_) | Self::Parameter { .. } | Self::Question(_) => StatusCode::BAD_REQUEST,
            Self::Denied(Denied::Tenant(_)) => StatusCode::BAD_REQUEST,
            Self::Denied(Denied::Unauthenticated) => StatusCode::UNAUTHORIZED,
            Self::Denied(Denied::Right(_) | Denied::Scope(_)) => StatusCode::FORBIDDEN,
            Self::TraceNotFound(_) | Self::Gone(_) | Self::NoTraces => StatusCode::NOT_FOUND,
            Self::Tail(TailError::TooMany { .. }) => StatusCode::TOO_MANY_REQUESTS,
            Self::Tail(TailError::Closed) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Query(QueryError::TooMuch { .. } | QueryError::TooManyCounts { .. }) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::Query(QueryError::Disk(_)) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Query(QueryError::Closed) | Self::Busy { .. } | Self::Stopped => StatusCode::SERVICE_UNAVAILABLE,
            Self::Query(QueryError::TooLong { .. }) | Self::TooSlow { .. } => StatusCode::GATEWAY_TIMEOUT,
            Self::Around { status, .. } => *status,
        }
    }

    /// As APIs of our own say it.
    pub(crate) fn plain(&self) -> Response {
        self.respond(Json(json!({ "error": self.to_string() })))
    }

    /// An answer with this body, and with the status and the headers that belong to the error.
    pub(crate) fn respond(&self, body: impl IntoResponse) -> Response {
        let mut response = (self.status(), body).into_response();
        let headers = response.headers_mut();
        match self {
            Self::Busy { .. } | Self::Tail(_) => headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S)),
            Self::Denied(Denied::Unauthenticated) => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
            }
            _ => None,
        };
        response
    }
}
