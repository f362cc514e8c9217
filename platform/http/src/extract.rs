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
    serde_json::from_slice(body).map_err(|e| {
        let text = e.to_string();
        let what = text.split(" at line ").next().unwrap_or_default();
        if e.is_data() {
            let field = named_field(what).unwrap_or("body");
            let message = format!("{} (line {}, column {})", quoted(what), e.line(), e.column());
            Reply::new(StatusCode::BAD_REQUEST, "INVALID_BODY", &message).at(&quoted(field), "see /api/v1/openapi.json")
        } else {
            let message = format!("the body is not JSON: {what} (line {}, column {})", e.line(), e.column());
            Reply::new(StatusCode::BAD_REQUEST, "MALFORMED_JSON", &message).at("body", "a JSON document")
        }
    })
}

/// The field that serde names, in backquotes; the rest of what it says may quote the sender.
fn named_field(what: &str) -> Option<&str> {
    let known = ["missing field `", "unknown field `", "duplicate field `"];
    known.iter().find_map(|start| what.strip_prefix(start)).and_then(|rest| rest.split('`').next())
}

/// As much of a text as is repeated to whoever sent it.
fn quoted(text: &str) -> String {
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
    struct Line {
        #[allow(dead_code)]
        quantity: u32,
    }

    #[test]
    fn json_errors_say_where() {
        for (body, reason) in [
            ("{", "MALFORMED_JSON"),
            ("", "MALFORMED_JSON"),
            (r#"{"quantity": "many"}"#, "INVALID_BODY"),
            (r#"{"quantity": -1}"#, "INVALID_BODY"),
            (r#"{"quantity": 1, "qty": 2}"#, "INVALID_BODY"),
            ("{}", "INVALID_BODY"),
        ] {
            let reply = read_json::<Line>(body.as_bytes()).expect_err(body);
            assert_eq!(reply.reason(), reason, "{body}");
        }
    }
}
