//! What becomes of a call that was not answered with what was asked for: a refusal is data, a failure is an error.
//!
//! A refusal says that the shop does not do it as things are, and what would have to be different. Asking again changes nothing, so
//! programs have to read it, and the schema says where. A failure says nothing about what was asked for.

use async_graphql::{Error, ErrorExtensions, SimpleObject};
use tonic::Status;
use vitrine_contracts::{Code, Problem, RemoteProblem};
use vitrine_platform_http::Reply;
use vitrine_platform_telemetry::Context;

/// Something that was refused, and why.
#[derive(Clone, Debug, PartialEq, Eq, SimpleObject)]
pub(crate) struct InputError {
    /// A stable word for programs, such as INVALID_FIELD, VERSION_MISMATCH or CART_FULL.
    pub(crate) code: String,
    /// A sentence for people.
    pub(crate) message: String,
    /// The field of the input that is at fault, such as "address.postalCode".
    field: Option<String>,
    /// What is expected there.
    expected: Option<String>,
}

/// What keeps the cart from being bought.
#[derive(Clone, Debug, PartialEq, Eq, SimpleObject)]
pub(crate) struct Refusal {
    /// A stable word for programs, such as CARD_DECLINED, OUT_OF_STOCK, PRICE_CHANGED or CART_EMPTY.
    code: String,
    /// A sentence for people.
    message: String,
    /// The field of the input that is at fault, such as "payment.card.number".
    field: Option<String>,
    /// What is expected there.
    expected: Option<String>,
}

impl From<InputError> for Refusal {
    fn from(InputError { code, message, field, expected }: InputError) -> Self {
        Self { code, message, field, expected }
    }
}

impl InputError {
    /// The same with the field's name as the input has it.
    pub(crate) fn renamed(mut self, rename: impl FnOnce(String) -> String) -> Self {
        self.field = self.field.map(rename);
        self
    }
}

/// Whether a service says no, and not that it cannot.
fn is_refusal(problem: &RemoteProblem) -> bool {
    match problem.code {
        Code::InvalidArgument
        | Code::OutOfRange
        | Code::FailedPrecondition
        | Code::NotFound
        | Code::AlreadyExists
        | Code::Aborted => true,
        // Of a wrong password, and of an account that is locked.
        Code::Unauthenticated => true,
        Code::PermissionDenied => problem.reason != "CALLER_NOT_ADMITTED",
        // Without one of these reasons it is a bound of ours.
        Code::ResourceExhausted => matches!(
            problem.reason.as_str(),
            "OUT_OF_STOCK" | "LOCKED_OUT" | "TOO_MANY_SOURCES" | "TOO_MANY_DESTINATIONS"
        ),
        _ => false,
    }
}

/// Takes a refusal for an answer.
pub(crate) fn refusable<T>(result: Result<T, Status>) -> Result<Result<T, InputError>, Error> {
    let status = match result {
        Ok(done) => return Ok(Ok(done)),
        Err(status) => status,
    };
    let problem = Problem::from_status(&status);
    if !is_refusal(&problem) {
        return Err(failure(&status));
    }
    let RemoteProblem { reason, message, field, expected, .. } = problem;
    Ok(Err(InputError { code: reason, message, field: field.as_deref().map(camel), expected }))
}

/// Takes what is not there, or is not the caller's, for nothing.
pub(crate) fn findable<T>(result: Result<T, Status>) -> Result<Option<T>, Error> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(failure(&status)),
    }
}

/// A failure, or a refusal where the schema has no place for one.
pub(crate) fn failure(status: &Status) -> Error {
    let mut problem = Problem::from_status(status);
    if matches!(problem.code, Code::Internal | Code::Unknown | Code::DataLoss) {
        // What broke is in the trace; the world is told that it is our fault, no more.
        "something went wrong on our side".clone_into(&mut problem.message);
    }
    let retryable = matches!(problem.code, Code::Unavailable | Code::DeadlineExceeded);
    let error = coded(&problem.message, &problem.reason, retryable);
    error.extend_with(|_, extensions| {
        if let Some(field) = problem.field.as_deref().map(camel) {
            extensions.set("field", field);
        }
        if let Some(expected) = &problem.expected {
            extensions.set("expected", expected.clone());
        }
    })
}

/// The same of a problem of ours.
pub(crate) fn problem(problem: Problem) -> Error {
    failure(&problem.into())
}

/// The same of what a guard says.
pub(crate) fn guarded(reply: &Reply) -> Error {
    coded(reply.message(), reply.reason(), reply.status().is_server_error())
}

/// An error with what programs read of it.
pub(crate) fn coded(message: &str, code: &str, retryable: bool) -> Error {
    Error::new(message).extend_with(|_, extensions| {
        extensions.set("code", code);
        extensions.set("retryable", retryable);
        if let Some(id) = Context::current().trace_id() {
            extensions.set("trace_id", id);
        }
    })
}

/// The path of a field as GraphQL writes it: `address.postal_code` is `address.postalCode`.
fn camel(path: &str) -> String {
    let mut upper = false;
    let mut written = String::with_capacity(path.len());
    for c in path.chars() {
        if c == '_' {
            upper = true;
        } else if std::mem::take(&mut upper) {
            written.extend(c.to_uppercase());
        } else {
            written.push(c);
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use tonic::Status;
    use vitrine_contracts::{Code, Problem};

    use super::{camel, failure, findable, refusable};

    #[test]
    fn refusals_are_data_and_failures_are_errors() {
        let refused = Problem::invalid("address.postal_code", "1 to 16 characters", "it is missing");
        let told = refusable::<()>(Err(refused.into())).expect("data").expect_err("refused");
        assert_eq!((&*told.code, told.field.as_deref()), ("INVALID_FIELD", Some("address.postalCode")));
        for status in [
            Status::from(Problem::exhausted("OUT_OF_STOCK", "only 2 can be had")),
            Problem::exhausted("TOO_MANY_SOURCES", "delete one that is not used").into(),
            Problem::unauthenticated("BAD_CREDENTIALS", "the password is wrong").into(),
            Problem::permission_denied("the product is another seller's").into(),
        ] {
            assert!(refusable::<()>(Err(status.clone())).is_ok_and(|told| told.is_err()), "{status:?}");
        }
        for status in [
            Status::from(Problem::unavailable("the database does not answer")),
            Problem::internal().into(),
            Problem::permission_denied("no caller").with_reason("CALLER_NOT_ADMITTED").into(),
            Status::resource_exhausted("too much"),
        ] {
            assert!(refusable::<()>(Err(status.clone())).is_err(), "{status:?}");
        }
    }

    #[test]
    fn what_is_not_there_is_nothing() {
        assert!(findable::<()>(Err(Problem::not_found("no").into())).is_ok_and(|found| found.is_none()));
        assert!(findable::<()>(Err(Problem::internal().into())).is_err());
    }

    #[test]
    fn failures_say_whether_to_try_again_and_hide_what_broke() {
        let code = |status: &Status| {
            let extensions = failure(status).extensions.expect("extensions");
            (extensions.get("code").cloned(), extensions.get("retryable").cloned())
        };
        assert_eq!(code(&Problem::unavailable("no").into()), (Some("UNAVAILABLE".into()), Some(true.into())));
        assert_eq!(code(&Status::new(Code::Internal, "secret")), (Some("INTERNAL".into()), Some(false.into())));
        assert!(!failure(&Status::new(Code::Internal, "secret")).message.contains("secret"));
    }

    #[test]
    fn paths_are_written_as_the_schema_has_them() {
        for (path, written) in
            [("q", "q"), ("card.expiry_month", "card.expiryMonth"), ("lines[0].total", "lines[0].total")]
        {
            assert_eq!(camel(path), written);
        }
    }
}
