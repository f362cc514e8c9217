//! One shape for every error that crosses a boundary, as gRPC status with `google.rpc` details.

use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt};

pub use tonic::Code;

/// The `domain` of `google.rpc.ErrorInfo`.
const DOMAIN: &str = "vitrine";

/// What a caller is told when something is not done: nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The gRPC code.
    pub code: Code,
    /// A stable word for programs, UPPER_SNAKE.
    pub reason: &'static str,
    /// A sentence for people. Never holds a secret.
    pub message: String,
    /// The field at fault, as the caller wrote it.
    pub field: Option<String>,
    /// What was expected there.
    pub expected: Option<String>,
}

impl Problem {
    fn new(code: Code, reason: &'static str, message: &str) -> Self {
        Self { code, reason, message: message.to_owned(), field: None, expected: None }
    }

    /// A field that cannot be taken as it is.
    pub fn invalid(field: &str, expected: &str, message: &str) -> Self {
        Self {
            field: Some(field.to_owned()),
            expected: Some(expected.to_owned()),
            ..Self::new(Code::InvalidArgument, "INVALID_FIELD", message)
        }
    }

    /// There is no such thing, or it is not the caller's to see.
    pub fn not_found(message: &str) -> Self {
        Self::new(Code::NotFound, "NOT_FOUND", message)
    }

    /// It is there already, with other content.
    pub fn already_exists(message: &str) -> Self {
        Self::new(Code::AlreadyExists, "ALREADY_EXISTS", message)
    }

    /// The state of things does not allow it.
    pub fn precondition(reason: &'static str, message: &str) -> Self {
        Self::new(Code::FailedPrecondition, reason, message)
    }

    /// There is not enough of something.
    pub fn exhausted(reason: &'static str, message: &str) -> Self {
        Self::new(Code::ResourceExhausted, reason, message)
    }

    /// Another caller changed it meanwhile: read again, then decide.
    pub fn aborted(reason: &'static str, message: &str) -> Self {
        Self::new(Code::Aborted, reason, message)
    }

    /// A cart that a purchase has already, named by the id of its order.
    pub fn cart_in_purchase(order_id: &str) -> Self {
        let message =
            format!("the cart is being bought already, as order {order_id}: wait for it, then look at the cart");
        Self::aborted("CART_IN_PURCHASE", &message)
    }

    /// Not now; the same call may succeed later.
    pub fn unavailable(message: &str) -> Self {
        Self::new(Code::Unavailable, "UNAVAILABLE", message)
    }

    /// Known, but not allowed.
    pub fn permission_denied(message: &str) -> Self {
        Self::new(Code::PermissionDenied, "PERMISSION_DENIED", message)
    }

    /// Not known who asks.
    pub fn unauthenticated(reason: &'static str, message: &str) -> Self {
        Self::new(Code::Unauthenticated, reason, message)
    }

    /// Our fault. The cause is in the log, not in the answer.
    pub fn internal() -> Self {
        Self::new(Code::Internal, "INTERNAL", "something went wrong on our side")
    }

    /// The same with another reason.
    pub fn with_reason(mut self, reason: &'static str) -> Self {
        self.reason = reason;
        self
    }

    /// The same, naming a field.
    pub fn with_field(mut self, field: &str) -> Self {
        self.field = Some(field.to_owned());
        self
    }

    /// Reads what another service answered.
    pub fn from_status(status: &Status) -> RemoteProblem {
        let details = status.get_error_details();
        let violation = details.bad_request().and_then(|b| b.field_violations.first().cloned());
        let reason = match details.error_info() {
            Some(info) => info.reason.clone(),
            None => default_reason(status.code()).to_owned(),
        };
        RemoteProblem {
            code: status.code(),
            reason,
            message: status.message().to_owned(),
            field: violation.as_ref().map(|v| v.field.clone()),
            expected: violation.map(|v| v.description).filter(|d| !d.is_empty()),
        }
    }
}

/// The reason of a status that carries none.
fn default_reason(code: Code) -> &'static str {
    match code {
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::Unavailable => "UNAVAILABLE",
        Code::NotFound => "NOT_FOUND",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::Cancelled => "CANCELLED",
        Code::Unimplemented => "UNIMPLEMENTED",
        _ => "INTERNAL",
    }
}

impl From<Problem> for Status {
    fn from(problem: Problem) -> Self {
        let Problem { code, reason, message, field, expected } = problem;
        RemoteProblem { code, reason: reason.to_owned(), message, field, expected }.into()
    }
}

impl From<RemoteProblem> for Status {
    fn from(problem: RemoteProblem) -> Self {
        let mut details = ErrorDetails::new();
        details.set_error_info(problem.reason, DOMAIN, std::collections::HashMap::new());
        if let Some(field) = problem.field {
            details.add_bad_request_violation(field, problem.expected.unwrap_or_default());
        }
        Status::with_error_details(problem.code, problem.message, details)
    }
}

/// A [`Problem`] that came from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteProblem {
    /// The gRPC code.
    pub code: Code,
    /// A stable word for programs.
    pub reason: String,
    /// A sentence for people.
    pub message: String,
    /// The field at fault.
    pub field: Option<String>,
    /// What was expected there.
    pub expected: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::{Problem, Status};

    #[test]
    fn a_problem_survives_the_wire() {
        let problem =
            Problem::invalid("lines[0].quantity", "1 to 999", "the quantity is 0").with_reason("BAD_QUANTITY");
        let seen = Problem::from_status(&Status::from(problem.clone()));
        assert_eq!(seen.code, problem.code);
        assert_eq!(seen.reason, problem.reason);
        assert_eq!(seen.message, problem.message);
        assert_eq!((seen.field, seen.expected), (problem.field, problem.expected));
    }
}
