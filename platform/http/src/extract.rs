//! Reading input, with errors that say where and what.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request, rejection::BytesRejection};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use serde::de::DeserializeOwned;

use crate::problem::Reply;

/// Longest quotation of what was sent, in bytes.
const MAX_QUOTED: usize = 300;

/// A JSON body. Types that deny unknown fields make unknown fields an error here.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Reply;

    async fn from_request(request: Request, state: &S) -> Result<Self, Reply> {
        let is_json = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).is_some_and(|v| {
            let essence = v.split(';').next().unwrap_or_default().trim();
            essence.eq_ignore_ascii_case("application/json")
        });
        if !is_json {
            let reply = Reply::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "UNSUPPORTED_MEDIA_TYPE",
                "the body is not declared as JSON",
            );
            return Err(reply.at("Content-Type", "application/json"));
        }
        let body = Bytes::from_request(request, state).await.map_err(|e| body_problem(&e))?;
        read_json(&body).map(Self)
    }
}

fn body_problem(rejection: &BytesRejection) -> Reply {
    let status = rejection.status();
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        Reply::new(status, "BODY_TOO_LARGE", "the body is too large")
    } else {
        Reply::new(StatusCode::BAD_REQUEST, "BODY_UNREADABLE", "the body could not be read")
    }
}

/// Reads JSON that came from outside.
fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Reply> {
    // serde would take a list for an object, value by value.
    if body.trim_ascii_start().first() == Some(&b'[') {
        let reply = Reply::new(StatusCode::BAD_REQUEST, "INVALID_BODY", "the body is a list (line 1, column 1)");
        return Err(reply.at("body", "a JSON object"));
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize(&mut json).map_err(|e| (e.path().to_string(), e.into_inner()));
    let whole = read.and_then(|value| json.end().map(|()| value).map_err(|e| (String::new(), e)));
    whole.map_err(|(path, e)| {
        let text = e.to_string();
        let what = text.split(" at line ").next().unwrap_or_default();
        if e.is_data() {
            let field = field_of(&path, what);
            let message = format!("{} (line {}, column {})", quoted(what), e.line(), e.column());
            Reply::new(StatusCode::BAD_REQUEST, "INVALID_BODY", &message).at(&quoted(&field), &expected(what))
        } else {
            let message = format!("the body is not JSON: {what} (line {}, column {})", e.line(), e.column());
            Reply::new(StatusCode::BAD_REQUEST, "MALFORMED_JSON", &message).at("body", "a JSON document")
        }
    })
}

/// What serde says is expected, in words that do not speak of Rust.
fn expected(what: &str) -> String {
    match what.rsplit_once(", expected ").map(|(_, expected)| expected) {
        Some("u8" | "u16" | "u32" | "u64") => "a whole number, not negative and not too large".to_owned(),
        Some("i8" | "i16" | "i32" | "i64") => "a whole number, not too large".to_owned(),
        Some(words) if !words.contains("struct ") && words.len() <= MAX_QUOTED => words.to_owned(),
        _ => "see /api/v1/openapi.json".to_owned(),
    }
}

/// Which field of the body serde complains about: `lines[0].quantity`.
fn field_of(path: &str, what: &str) -> String {
    // For a field that is missing the path ends above it; for one that is not known it may end with it.
    match (named_field(what), path) {
        (None, "" | ".") => "body".to_owned(),
        (None, path) => path.to_owned(),
        (Some(name), "" | ".") => name.to_owned(),
        (Some(name), path) if path == name || path.ends_with(&format!(".{name}")) => path.to_owned(),
        (Some(name), path) => format!("{path}.{name}"),
    }
}

/// The field that serde names, in backquotes; the rest of what it says may quote the sender.
fn named_field(what: &str) -> Option<&str> {
    let known = ["missing field `", "unknown field `", "duplicate field `"];
    known.iter().find_map(|start| what.strip_prefix(start)).and_then(|rest| rest.split('`').next())
}

/// As much of a text as is repeated to the sender.
pub(crate) fn quoted(text: &str) -> String {
    if text.len() <= MAX_QUOTED {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(MAX_QUOTED)])
}

/// Query parameters.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Reply;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Reply> {
        axum::extract::Query::try_from_uri(&parts.uri).map(|axum::extract::Query(v)| Self(v)).map_err(|e| {
            let text = e.body_text();
            let what = text.split_once("query string: ").map_or(text.as_str(), |(_, what)| what);
            // "limit: invalid digit found in string", where the parameter is known.
            let path = what.split_once(": ").map(|(path, _)| path).filter(|path| !path.contains([' ', '`']));
            let field = path.or_else(|| named_field(what)).unwrap_or("query");
            Reply::new(StatusCode::BAD_REQUEST, "INVALID_QUERY", &quoted(what))
                .at(&quoted(field), "see /api/v1/openapi.json")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::read_json;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Line {
        quantity: u32,
        parts: Option<Vec<Line>>,
    }

    #[test]
    fn json_errors_say_where() {
        for (body, reason, field) in [
            ("{", "MALFORMED_JSON", "body"),
            ("", "MALFORMED_JSON", "body"),
            (r#"{"quantity": 1} 2"#, "MALFORMED_JSON", "body"),
            ("7", "INVALID_BODY", "body"),
            ("[1, null]", "INVALID_BODY", "body"),
            (r#"{"quantity": "many"}"#, "INVALID_BODY", "quantity"),
            (r#"{"quantity": -1}"#, "INVALID_BODY", "quantity"),
            (r#"{"quantity": 1, "qty": 2}"#, "INVALID_BODY", "qty"),
            ("{}", "INVALID_BODY", "quantity"),
            (r#"{"quantity": 1, "parts": [{"quantity": []}]}"#, "INVALID_BODY", "parts[0].quantity"),
            (r#"{"quantity": 1, "parts": [{}]}"#, "INVALID_BODY", "parts[0].quantity"),
            (r#"{"quantity": 1, "parts": [{"quantity": 1, "qty": 2}]}"#, "INVALID_BODY", "parts[0].qty"),
        ] {
            let reply = read_json::<Line>(body.as_bytes()).expect_err(body);
            assert_eq!((reply.reason(), reply.field()), (reason, Some(field)), "{body}");
        }
    }
}
