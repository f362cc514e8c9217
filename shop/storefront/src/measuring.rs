//! Whether a visitor is measured: they are asked once, yes and no alike, and a browser that says no (`Sec-GPC: 1`) is not asked. What they do
//! then has a `session.id`, in telemetry and in what the page tells of itself.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use vitrine_kit::id;
use vitrine_platform_web::{SetCookie, cookie};

use crate::Storefront;
use crate::browsers::SERVER_TIMING;
use crate::forms::{Sent, with_cookies};
use crate::pages::{see_other, wants_json};

/// What was answered: "no", or "yes." and an id of the browser.
const CONSENT: &str = "vitrine_shop_consent";
/// The visit, of one who said yes.
const VISIT: &str = "vitrine_shop_visit";
/// For how long an answer holds, in seconds: half a year.
const CONSENT_S: u32 = 180 * 24 * 3600;
/// After how long without a page a visit is over, in seconds.
const VISIT_S: u32 = 30 * 60;
/// The kinds of ids of browsers and of visits.
const BROWSER: &str = "vis";
const SESSION: &str = "ses";
const BAGGAGE: HeaderName = HeaderName::from_static("baggage");
const OPTS_OUT: HeaderName = HeaderName::from_static("sec-gpc");
const TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");

/// What a visitor said.
#[derive(Debug, PartialEq, Eq)]
enum Consent<'a> {
    Unknown,
    No,
    /// With the id of the browser.
    Yes(&'a str),
}

fn consent(headers: &HeaderMap) -> Consent<'_> {
    if headers.get(OPTS_OUT).is_some_and(|value| value == "1") {
        return Consent::No;
    }
    match cookie(headers, CONSENT) {
        Some("no") => Consent::No,
        Some(said) => {
            said.strip_prefix("yes.").filter(|id| id::is_valid(BROWSER, id)).map_or(Consent::Unknown, Consent::Yes)
        }
        None => Consent::Unknown,
    }
}

/// The visit of one who is measured.
fn visit(headers: &HeaderMap) -> Option<&str> {
    let id = cookie(headers, VISIT).filter(|id| id::is_valid(SESSION, id))?;
    matches!(consent(headers), Consent::Yes(_)).then_some(id)
}

/// Has all that is done for a request carry its visit, and tells the page its trace, which a script reads as it reads nothing else of an
/// answer that it did not ask for.
pub(crate) async fn carried(mut request: Request, next: Next) -> Response {
    let value = visit(request.headers()).and_then(|id| HeaderValue::try_from(format!("session.id={id}")).ok());
    if let Some(value) = value.filter(|_| !request.headers().contains_key(BAGGAGE)) {
        request.headers_mut().insert(BAGGAGE, value);
    }
    let mut response = next.run(request).await;
    let trace = response.headers().get(TRACE_ID).and_then(|id| id.to_str().ok());
    if let Some(value) = trace.and_then(|id| HeaderValue::try_from(format!("trace;desc=\"{id}\"")).ok()) {
        response.headers_mut().append(SERVER_TIMING, value);
    }
    response
}

/// Takes the answer of one who was asked.
pub(crate) async fn answer(State(storefront): State<Arc<Storefront>>, sent: Sent) -> Response {
    let agrees = sent.field("answer") == "yes" && consent(&sent.headers) != Consent::No;
    let said = if agrees { format!("yes.{}", id::new(BROWSER)) } else { "no".to_owned() };
    let visit = if agrees { id::new(SESSION) } else { String::new() };
    let cookies = [
        storefront.cookie(CONSENT, &said, CONSENT_S),
        storefront.cookie(VISIT, &visit, if agrees { VISIT_S } else { 0 }),
    ];
    let browser = said.strip_prefix("yes.");
    let told = if wants_json(&sent.headers) {
        visit_response(storefront.measured(browser, &visit), false)
    } else {
        see_other(sent.next_or("/"))
    };
    with_cookies(told, cookies)
}

/// Tells a page whether it measures, and has a visit go on.
pub(crate) async fn look(State(storefront): State<Arc<Storefront>>, headers: HeaderMap) -> Response {
    match consent(&headers) {
        Consent::Yes(browser) => {
            let id = visit(&headers).map_or_else(|| id::new(SESSION), str::to_owned);
            let cookies = [storefront.cookie(VISIT, &id, VISIT_S)];
            with_cookies(visit_response(storefront.measured(Some(browser), &id), false), cookies)
        }
        Consent::No => visit_response(Value::Null, false),
        Consent::Unknown => visit_response(Value::Null, !storefront.write_key.is_empty()),
    }
}

fn visit_response(measured: Value, asks: bool) -> Response {
    let body = json!({"asks": asks, "measured": measured});
    ([(header::CACHE_CONTROL, "private, no-store")], axum::Json(body)).into_response()
}

impl Storefront {
    /// What a page sends its messages with; nothing for one that sends none.
    fn measured(&self, browser: Option<&str>, visit: &str) -> Value {
        match browser.filter(|_| !self.write_key.is_empty()) {
            Some(browser) => json!({"writeKey": self.write_key, "anonymousId": browser, "sessionId": visit}),
            None => Value::Null,
        }
    }

    fn cookie(&self, name: &str, value: &str, max_age_s: u32) -> Option<HeaderValue> {
        SetCookie { name, value, path: "/", max_age_s, secure: self.url.starts_with("https://") }.header()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::{Consent, OPTS_OUT, consent, visit};

    fn with(cookies: &str, opts_out: bool) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::try_from(cookies).expect("a header"));
        if opts_out {
            headers.insert(OPTS_OUT, HeaderValue::from_static("1"));
        }
        headers
    }

    #[test]
    fn only_a_yes_is_a_yes() {
        let yes = "vitrine_shop_consent=yes.vis_1; vitrine_shop_visit=ses_1";
        assert_eq!(consent(&with(yes, false)), Consent::Yes("vis_1"));
        assert_eq!(visit(&with(yes, false)), Some("ses_1"));
        for (cookies, opts_out, expected) in [
            (yes, true, Consent::No),
            ("vitrine_shop_consent=no; vitrine_shop_visit=ses_1", false, Consent::No),
            ("vitrine_shop_visit=ses_1", false, Consent::Unknown),
            ("vitrine_shop_consent=yes.vis_1,evil; vitrine_shop_visit=ses_1", false, Consent::Unknown),
        ] {
            let headers = with(cookies, opts_out);
            assert_eq!((consent(&headers), visit(&headers)), (expected, None), "{cookies}");
        }
    }
}
