//! What the Fence reads and writes on a call: `grpc-timeout`, and the status of an answer.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use tonic::{Code, Status};

/// The header that carries a call's remaining time.
pub(crate) const TIMEOUT: &str = "grpc-timeout";

/// The header, or trailer, that carries an answer's status.
pub(crate) const STATUS: &str = "grpc-status";

/// The header of an answer that says: no handler saw the call. Only a Fence says it, to the Fence at the other end.
pub(crate) const UNHANDLED: &str = "vitrine-unhandled";

/// As the gRPC wire format has it: at most eight digits and a unit.
pub(crate) fn timeout_header(left: Duration) -> HeaderValue {
    let micros = left.as_micros();
    let text =
        if micros < 100_000_000 { format!("{micros}u") } else { format!("{}m", left.as_millis().min(99_999_999)) };
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("0m"))
}

/// How much time a call's `grpc-timeout` leaves it; anything malformed is as none.
pub fn parse_timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(TIMEOUT)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let n: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(n * 3600),
        "M" => Duration::from_secs(n * 60),
        "S" => Duration::from_secs(n),
        "m" => Duration::from_millis(n),
        "u" => Duration::from_micros(n),
        "n" => Duration::from_nanos(n),
        _ => return None,
    })
}

/// The status that an answer carries in its headers (an answer without a body) or else in its trailers.
pub(crate) fn status_of(headers: &HeaderMap, trailers: Option<&HeaderMap>) -> Status {
    // Most answers are fine, and their headers need not be copied into a status.
    if headers.get(STATUS).or_else(|| trailers?.get(STATUS)).is_some_and(|value| value == "0") {
        return Status::new(Code::Ok, "");
    }
    let found = Status::from_header_map(headers).or_else(|| trailers.and_then(Status::from_header_map));
    found.unwrap_or_else(|| Status::new(Code::Unknown, "the answer carries no status"))
}

/// The name of a code as telemetry has it.
pub fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// Whether the service, not the request, is at fault.
///
/// Source: OpenTelemetry semantic conventions for gRPC, the list of codes that make a server span an error.
pub fn is_fault(code: Code) -> bool {
    use Code::{DataLoss, DeadlineExceeded, Internal, Unavailable, Unimplemented, Unknown};
    matches!(code, Unknown | DeadlineExceeded | Unimplemented | Internal | Unavailable | DataLoss)
}

#[cfg(test)]
mod tests {
    use super::{TIMEOUT, parse_timeout, timeout_header};
    use http::{HeaderMap, HeaderValue};
    use std::time::Duration;

    fn parsed(text: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(TIMEOUT, HeaderValue::from_str(text).expect("a header"));
        parse_timeout(&headers)
    }

    #[test]
    fn timeouts() {
        for (text, expected) in [
            ("5S", Some(Duration::from_secs(5))),
            ("250m", Some(Duration::from_millis(250))),
            ("99999999H", Some(Duration::from_secs(99_999_999 * 3600))),
            ("", None),
            ("S", None),
            ("-1S", None),
            ("123456789m", None),
            ("5x", None),
        ] {
            assert_eq!(parsed(text), expected, "{text}");
        }
        for wait in [Duration::ZERO, Duration::from_micros(1500), Duration::from_secs(3600)] {
            assert_eq!(parsed(timeout_header(wait).to_str().expect("ascii")), Some(wait));
        }
    }
}
