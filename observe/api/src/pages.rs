//! Pages for a person with a browser: plain HTML and CSS, no script, nothing loaded from elsewhere.

mod home;
pub(crate) mod html;
mod trace;

use vitrine_kit::html::escape;

use crate::error::Error;

pub(crate) use home::home;
pub(crate) use trace::trace;

/// A page that says what went wrong.
pub(crate) fn problem(error: &Error) -> String {
    let body = format!(
        "<section class=empty><h2>{}</h2><p><a href=\"/\">Back to recent traces</a></p></section>",
        escape(&error.to_string())
    );
    html::page("No answer", &body)
}
