//! Problems as `application/problem+json`, RFC 9457.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use vitrine_contracts::{Code, Problem, RemoteProblem};
use vitrine_platform_telemetry::Context;

/// What a problem document is sent as.
pub(crate) const CONTENT_TYPE: &str = "application/problem+json";

/// An answer that says what went wrong. Made from what a service answered, or from a problem of one's own.
#[derive(Clone, Debug)]
pub struct Reply {
    status: StatusCode,
    problem: RemoteProblem,
    /// A member of its own (RFC 9457, section 3.2).
    extension: Option<(&'static str, Value)>,
}

impl Reply {
    /// A problem with an HTTP status of its own.
    pub fn new(status: StatusCode, reason: &str, message: &str) -> Self {
        let (reason, message) = (reason.to_owned(), message.to_owned());
        Self {
            status,
            problem: RemoteProblem { code: Code::Unknown, reason, message, field: None, expected: None },
            extension: None,
        }
    }

    /// The same, naming a field and what is expected there.
    pub fn at(mut self, field: &str, expected: &str) -> Self {
        self.problem.field = Some(field.to_owned());
        self.problem.expected = Some(expected.to_owned());
        self
    }

    /// The same with a member that only this problem has.
    pub fn with_member(mut self, name: &'static str, value: Value) -> Self {
        self.extension = Some((name, value));
        self
    }

    /// The same with another HTTP status.
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The same with the field's name as the caller knows it.
    pub fn renamed(mut self, rename: impl FnOnce(String) -> String) -> Self {
        self.problem.field = self.problem.field.map(rename);
        self
    }

    /// The sentence for people.
    pub fn message(&self) -> &str {
        &self.problem.message
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The field that it is about.
    pub fn field(&self) -> Option<&str> {
        self.problem.field.as_deref()
    }

    /// A stable word for programs.
    pub fn reason(&self) -> &str {
        &self.problem.reason
    }
}

impl From<tonic::Status> for Reply {
    fn from(status: tonic::Status) -> Self {
        Problem::from_status(&status).into()
    }
}

impl From<Problem> for Reply {
    fn from(problem: Problem) -> Self {
        tonic::Status::from(problem).into()
    }
}

impl From<RemoteProblem> for Reply {
    fn from(mut problem: RemoteProblem) -> Self {
        let status = http_status(problem.code, &problem.reason);
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            // What broke is in the trace; the world is told that it is our fault, no more.
            "something went wrong on our side".clone_into(&mut problem.message);
        }
        Self { status, problem, extension: None }
    }
}

fn http_status(code: Code, reason: &str) -> StatusCode {
    match (code, reason) {
        (
            Code::FailedPrecondition,
            "CARD_DECLINED" | "CHALLENGE_REFUSED" | "CHALLENGE_FAILED" | "CHALLENGE_EXPIRED",
        ) => StatusCode::PAYMENT_REQUIRED,
        (Code::ResourceExhausted, "OUT_OF_STOCK") | (Code::Aborted | Code::AlreadyExists, _) => StatusCode::CONFLICT,
        (Code::InvalidArgument | Code::OutOfRange, _) => StatusCode::BAD_REQUEST,
        (Code::Unauthenticated, _) => StatusCode::UNAUTHORIZED,
        (Code::PermissionDenied, _) => StatusCode::FORBIDDEN,
        (Code::NotFound, _) => StatusCode::NOT_FOUND,
        (Code::FailedPrecondition, _) => StatusCode::UNPROCESSABLE_ENTITY,
        (Code::ResourceExhausted, _) => StatusCode::TOO_MANY_REQUESTS,
        (Code::Unavailable, _) => StatusCode::SERVICE_UNAVAILABLE,
        (Code::DeadlineExceeded | Code::Cancelled, _) => StatusCode::GATEWAY_TIMEOUT,
        (Code::Unimplemented, _) => StatusCode::NOT_IMPLEMENTED,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl Reply {
    /// The document.
    pub(crate) fn document(self) -> Value {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "detail": self.problem.message,
            "code": self.problem.reason,
        });
        for (key, value) in [
            ("field", self.problem.field),
            ("expected", self.problem.expected),
            ("trace_id", Context::current().trace_id()),
        ] {
            if let Some(value) = value {
                body[key] = value.into();
            }
        }
        if let Some((name, value)) = self.extension {
            body[name] = value;
        }
        body
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let status = self.status;
        // RFC 6750, section 3.1: who sent no token is not told of an error.
        let challenge = match self.problem.reason.as_str() {
            "INVALID_TOKEN" => "Bearer realm=\"vitrine\", error=\"invalid_token\"",
            _ => "Bearer realm=\"vitrine\"",
        };
        let mut response = (status, self.document().to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
            }
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}
