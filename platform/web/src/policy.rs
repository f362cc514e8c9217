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
