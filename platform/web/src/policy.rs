//! What browsers are told about pages.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;

/// Everything comes from this site, nothing is inline, and no one shows the page in a frame.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
);

/// The same page with strict policies. The referrer stays within the site: where none is sent at all, forms have `null` for an origin.
pub fn with_policies(mut page: Response) -> Response {
    let told: [(HeaderName, HeaderValue); 4] = [
        (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    ];
    page.headers_mut().extend(told);
    page
}

/// The same of a page that pages of these origins, and no others, show in a frame. It may show pages of its own site within itself.
pub fn with_frame_policies(page: Response, ancestors: &[String]) -> Response {
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; connect-src 'self'; \
         frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors {}",
        if ancestors.is_empty() { "'none'".to_owned() } else { ancestors.join(" ") }
    );
    let mut page = with_policies(page);
    // An origin that cannot stand in a header is none: then the page is shown nowhere.
    page.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::try_from(policy).unwrap_or(PAGE_POLICY));
    page
}
