//! Pages for a person with a browser: plain HTML and CSS, nothing loaded from elsewhere, and no script but that
//! by which the page of log records follows them.

mod home;
pub(crate) mod html;
mod logs;
mod trace;

use axum::response::{Html, Response};
use http::{HeaderValue, header};
use vitrine_kit::html::{PAGE_POLICY, escape};
use vitrine_platform_http::{Refusal, RequestInfo};

use crate::error::Error;

pub(crate) use home::home;
pub(crate) use logs::{logs, tail_script, with_script};
pub(crate) use trace::trace;

/// A page that says what went wrong.
fn problem(error: &Error) -> String {
    let body = format!(
        "<section class=empty><h2>{}</h2><p><a href=\"/\">Back to recent traces</a></p></section>",
        escape(&error.to_string())
    );
    html::page("No answer", &body)
}

/// A page, or the page that says why there is none. It may load nothing from elsewhere.
pub(crate) fn page_of(answer: Result<Response, Error>) -> Response {
    let mut response = answer.unwrap_or_else(|error| error.respond(Html(problem(&error))));
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
    response
}

/// How refusals are said where pages are.
pub(crate) fn page_errors(_asked: &RequestInfo, refusal: &Refusal) -> Response {
    page_of(Err(Error::from(refusal)))
}
