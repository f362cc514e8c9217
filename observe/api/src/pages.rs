//! What a browser is told that asks for what is not there.

use axum::response::{Html, Response};
use http::{HeaderValue, header};
use vitrine_kit::html::{Frame, PAGE_POLICY, escape};

use crate::error::Error;

const FRAME: Frame = Frame { product: "observatory", links: &[("/", "Console")] };

/// A page that says what went wrong.
pub(crate) fn page_of(error: &Error) -> Response {
    let body = format!(
        "<section class=empty><h2>{}</h2><p><a href=\"/\">Back to the console</a></p></section>",
        escape(&error.to_string())
    );
    let mut response = error.respond(Html(FRAME.page("No answer", &body)));
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
    response
}
