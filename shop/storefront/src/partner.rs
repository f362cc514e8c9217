//! A page of someone else's: a magazine that sells a piece and a seat of the shop by the widget. The demo has it on a listener of its own, so that
//! one can see the widget where it belongs.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use vitrine_kit::html::escape;
use vitrine_platform_http::Router;

const PAGE: &str = include_str!("partner/page.html");
const STYLE: &str = include_str!("partner/style.css");
const SHORTLY: HeaderValue = HeaderValue::from_static("public, max-age=60");

/// The magazine's pages. `shop` is the shop's address, `key` the key that the magazine's promoter has made for them.
pub fn partner(shop: &str, key: &str) -> Router {
    let page = PAGE.replace("{shop}", &escape(shop)).replace("{key}", &escape(key));
    // What a page needs that allows little: the script, the frame and the offers of one other site.
    let policy = format!(
        "default-src 'none'; style-src 'self'; script-src {shop}; frame-src {shop}; connect-src {shop}; img-src {shop} data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'"
    );
    let policy = HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    Router::new()
        .route("/", get(async move || ([(header::CONTENT_SECURITY_POLICY, policy)], Html(page))))
        .route("/style.css", get(style))
        .fallback(async || StatusCode::NOT_FOUND)
}

async fn style() -> Response {
    let told =
        [(header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8")), (header::CACHE_CONTROL, SHORTLY)];
    (told, STYLE).into_response()
}
