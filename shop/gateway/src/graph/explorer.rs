//! The page at `/graphql` for people: it shows the schema and runs operations. Nothing of it comes from elsewhere.

use std::sync::Arc;

use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use vitrine_platform_http::Router;

use super::http::PATH;
use crate::Gateway;

/// The page; `{introspection}` says whether the schema can be asked for.
const PAGE: &str = include_str!("explorer/explorer.html");
const SCRIPT: &str = include_str!("explorer/explorer.js");
const STYLE: &str = include_str!("explorer/explorer.css");
/// Its own script and style, and calls to where it comes from: nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// How long a browser may keep script and style without asking.
const KEPT: &str = "public, max-age=300";

/// The routes of what the page consists of.
pub(crate) fn router() -> Router<Arc<Gateway>> {
    let part = |content_type: &'static str, text: &'static str| {
        get(async move || ([(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, KEPT)], text))
    };
    Router::new()
        .route(&format!("{PATH}/explorer.js"), part("text/javascript; charset=utf-8", SCRIPT))
        .route(&format!("{PATH}/explorer.css"), part("text/css; charset=utf-8", STYLE))
}

/// The page.
pub(crate) fn page(gateway: &Gateway) -> Response {
    let told = if gateway.graph.introspection { "on" } else { "off" };
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::VARY, "accept"),
    ];
    (headers, Html(PAGE.replace("{introspection}", told))).into_response()
}

#[cfg(test)]
mod tests {
    use super::{PAGE, SCRIPT, STYLE};

    #[test]
    fn nothing_of_the_page_comes_from_elsewhere() {
        for (name, part) in [("page", PAGE), ("script", SCRIPT), ("style", STYLE)] {
            assert!(!part.contains("//cdn") && !part.contains("https://"), "{name} names another host");
            assert!(!part.contains(" style=\"") && !part.contains("onclick="), "{name} has what the policy forbids");
        }
        assert!(!SCRIPT.contains("innerHTML") && !SCRIPT.contains("eval("), "texts stay texts");
    }
}
