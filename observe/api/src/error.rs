//! Why a query was not answered, and how Jaeger says so.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

/// Why a query was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A parameter cannot be read, or a needed one is absent.
    #[error("unable to parse param '{name}': {problem}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// What was found and what was expected.
        problem: String,
    },
    /// The trace is not held.
    #[error("trace not found")]
    TraceNotFound,
    /// The process is ending.
    #[error("the query was stopped")]
    Stopped,
}

impl Error {
    pub(crate) fn parameter(name: &'static str, problem: impl Into<String>) -> Self {
        Self::Parameter { name, problem: problem.into() }
    }

    pub(crate) fn http(&self) -> StatusCode {
        match self {
            Self::Parameter { .. } => StatusCode::BAD_REQUEST,
            Self::TraceNotFound => StatusCode::NOT_FOUND,
            Self::Stopped => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let code = self.http();
        let body = json!({
            "data": null, "total": 0, "limit": 0, "offset": 0,
            "errors": [{ "code": code.as_u16(), "msg": self.to_string() }],
        });
        (code, Json(body)).into_response()
    }
}
