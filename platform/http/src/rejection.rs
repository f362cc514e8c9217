//! Responses of HTTP/1 that no handler gives: to what is not HTTP, and to whom there is no room for.
//!
//! hyper answers what it cannot parse by itself, with a status and nothing else, before any code of ours sees it. [`rewritten`] knows these
//! responses by that, because no handler refuses a request as malformed without a body.

use axum::http::StatusCode;

use crate::problem::{CONTENT_TYPE, Reply};

/// The longest that an answer of hyper's own can be, in bytes.
const MAX_OWN_BYTES: usize = 256;
/// Longest target of a request, in bytes: what the `http` crate holds.
const MAX_TARGET_BYTES: usize = 65_534;
/// Most headers of a request, and most KiB of them: what hyper reads.
const MAX_HEADERS: usize = 100;
const MAX_HEAD_KIB: usize = 128;
/// How hyper says that an answer has no body.
const EMPTY: &[u8] = b"content-length: 0\r\n";

/// A whole answer that ends its connection.
pub(crate) fn answer(reply: Reply) -> Vec<u8> {
    let status = reply.status();
    let retry = if status == StatusCode::SERVICE_UNAVAILABLE { "retry-after: 1\r\n" } else { "" };
    let body = reply.document().to_string();
    format!(
        "HTTP/1.1 {} {}\r\ncontent-type: {CONTENT_TYPE}\r\ncontent-length: {}\r\ncache-control: no-store\r\n{retry}connection: close\r\n\r\n{body}",
        status.as_u16(),
        status.canonical_reason().unwrap_or_default(),
        body.len(),
    )
    .into_bytes()
}

/// The answer that says what `data` says, with a body, if `data` is an answer of hyper's own.
pub(crate) fn rewritten(data: &[u8]) -> Option<Vec<u8>> {
    if data.len() > MAX_OWN_BYTES || !data.starts_with(b"HTTP/1.") || !data.windows(EMPTY.len()).any(|w| w == EMPTY) {
        return None;
    }
    let (status, code, message, expected) = match data.get(9..12)? {
        b"400" => (
            StatusCode::BAD_REQUEST,
            "MALFORMED_REQUEST",
            "the request is not HTTP: its first line or a header is malformed",
            "a request line and headers as RFC 9112 has them".to_owned(),
        ),
        b"414" => (
            StatusCode::URI_TOO_LONG,
            "URI_TOO_LONG",
            "the request's target is too long",
            format!("at most {MAX_TARGET_BYTES} bytes"),
        ),
        b"431" => (
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "HEAD_TOO_LARGE",
            "the request's headers are too large or too many",
            format!("at most {MAX_HEADERS} headers, {MAX_HEAD_KIB} KiB together"),
        ),
        _ => return None,
    };
    Some(answer(Reply::new(status, code, message).at("request", &expected)))
}

/// What a client is told that began a head and did not end it.
pub(crate) fn late_head() -> Vec<u8> {
    let reply = Reply::new(StatusCode::REQUEST_TIMEOUT, "REQUEST_TIMEOUT", "the request's head did not come in time");
    answer(reply.at("request", "a whole head soon after its first byte"))
}

/// What a client is told for whom there is no room.
pub(crate) fn full() -> Vec<u8> {
    let reply = Reply::new(StatusCode::SERVICE_UNAVAILABLE, "TOO_MANY_CONNECTIONS", "there are too many connections");
    answer(reply.at("connection", "fewer connections at a time from one address"))
}

#[cfg(test)]
mod tests {
    use super::rewritten;

    #[test]
    fn only_answers_without_a_body_are_hypers_own() {
        let date = "date: Fri, 27 Nov 2026 10:00:00 GMT\r\n\r\n";
        let own = |status: &str| format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n{date}");
        for status in ["400 Bad Request", "414 URI Too Long", "431 Request Header Fields Too Large"] {
            let told = String::from_utf8(rewritten(own(status).as_bytes()).expect("hyper's own")).expect("text");
            assert!(told.starts_with(&format!("HTTP/1.1 {status}\r\n")) && told.contains("problem+json"), "{told}");
        }
        let ours = format!("HTTP/1.1 400 Bad Request\r\ncontent-length: 17\r\n{date}");
        for other in [own("200 OK"), own("404 Not Found"), ours, "content-length: 0\r\n".to_owned(), String::new()] {
            assert_eq!(rewritten(other.as_bytes()), None, "{other}");
        }
    }
}
