//! Why a page does not get the widget, in words for who made the page.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use vitrine_kit::html::escape;
use vitrine_platform_http::Reply;
use vitrine_platform_web::with_policies;

/// Why there is nothing to show.
#[derive(Clone, Copy, Debug)]
pub(super) enum Refusal {
    /// A parameter, and what was expected in it.
    Missing(&'static str, &'static str),
    UnknownKey,
    ForeignOrigin,
    UnknownProduct,
    TooMany,
    Failed,
}

impl Refusal {
    fn parts(self) -> (StatusCode, &'static str, String) {
        let own = str::to_owned;
        match self {
            Self::Missing(name, _) => {
                (StatusCode::BAD_REQUEST, "INVALID_QUERY", format!("the parameter {name} is missing"))
            }
            Self::UnknownKey => (
                StatusCode::FORBIDDEN,
                "UNKNOWN_KEY",
                own("there is no such key: it is written wrongly, or its promoter has revoked it"),
            ),
            Self::ForeignOrigin => (
                StatusCode::FORBIDDEN,
                "FOREIGN_ORIGIN",
                own("this key is not for pages of this origin: its promoter adds a key for it in their account"),
            ),
            Self::UnknownProduct => (
                StatusCode::NOT_FOUND,
                "UNKNOWN_PRODUCT",
                own("there is no such product: it may have been sold out for good"),
            ),
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", own("too many requests: wait a second")),
            Self::Failed => {
                (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", own("the shop cannot answer just now: try again"))
            }
        }
    }

    /// The same as a page, which no other site shows.
    pub(super) fn page(self) -> Response {
        let (status, _, message) = self.parts();
        let html = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Nothing to show · Vitrine</title>\
             <h1>Nothing to show here</h1><p>{}</p><p><a href=\"/\">To the shop</a></p></html>",
            escape(&message)
        );
        with_policies((status, Html(html)).into_response())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, code, message) = self.parts();
        let reply = Reply::new(status, code, &message);
        match self {
            Self::Missing(name, expected) => reply.at(name, expected).into_response(),
            _ => reply.into_response(),
        }
    }
}
