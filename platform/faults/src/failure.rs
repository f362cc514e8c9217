//! What services say when they fail: the words that stand in their code, so that no text tells that a failure was asked for.

use vitrine_contracts::{Code, Problem, RemoteProblem};

/// The codes by their names. The place in the list is the number.
const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// The names that an error's code may have.
pub(crate) fn names() -> &'static [&'static str] {
    &CODES[1..]
}

/// What a service says that fails with a code, given by its name, and a reason, if it is to be another than the code's usual one.
pub fn said(code: &str, reason: Option<&str>) -> RemoteProblem {
    let number = CODES.iter().position(|known| *known == code).and_then(|at| i32::try_from(at).ok());
    let known = number.map_or(Code::Unknown, Code::from_i32);
    let problem = match known {
        Code::Unavailable => Problem::unavailable("the database does not answer at the moment"),
        Code::Aborted => Problem::aborted("CHANGED_MEANWHILE", "another caller changed it meanwhile: read it again"),
        Code::AlreadyExists => Problem::already_exists("it exists already"),
        Code::Internal => Problem::internal(),
        // For these no service has a text of its own: they say what the code means.
        other => Problem { code: other, message: other.description().to_owned(), ..Problem::internal() },
    };
    let reason = reason.unwrap_or(if problem.code == Code::Unknown { "INTERNAL" } else { problem.reason });
    RemoteProblem {
        code: problem.code,
        reason: reason.to_owned(),
        message: problem.message,
        field: None,
        expected: None,
    }
}

#[cfg(test)]
mod tests {
    use vitrine_contracts::Code;

    use super::{names, said};

    #[test]
    fn each_code_is_said() {
        for name in names() {
            let problem = said(name, Some("ODD"));
            let spelled: String = format!("{:?}", problem.code).to_uppercase();
            assert_eq!(name.replace('_', ""), spelled);
            assert!(!problem.message.is_empty() && problem.reason == "ODD", "{name}");
        }
        assert_eq!(said("ABORTED", None).reason, "CHANGED_MEANWHILE");
        assert_eq!(said("OOPS", None).code, Code::Unknown);
    }
}
