//! Why something was not done, as the observatory's own APIs say it: `{"error": "…"}`.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use vitrine_observe_store::Denied;

use crate::documents::DocumentsError;

/// Why something was not done.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    message: String,
    /// What is there in place of what was expected.
    current: Option<Value>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), current: None }
    }

    /// What was sent cannot be used: where, and what was expected.
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    /// The same, telling what is there.
    pub(crate) fn with_current(mut self, current: Value) -> Self {
        self.current = Some(current);
        self
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        let status = match denied {
            Denied::Unauthenticated => StatusCode::UNAUTHORIZED,
            Denied::Right(_) | Denied::Scope(_) => StatusCode::FORBIDDEN,
            Denied::Tenant(_) => StatusCode::BAD_REQUEST,
        };
        Self::new(status, denied.to_string())
    }
}

impl From<DocumentsError> for Refusal {
    fn from(error: DocumentsError) -> Self {
        let status = match error {
            DocumentsError::Many { .. } | DocumentsError::Large { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            DocumentsError::Disk(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut body = json!({ "error": self.message });
        if let Some(current) = self.current {
            body["current"] = current;
        }
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
