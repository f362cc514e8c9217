//! What plain forms do, with and without script: the shop is asked, and the browser is sent on, or the form is shown again with what is wrong.

pub(crate) mod account;
pub(crate) mod cards;
pub(crate) mod cart;
pub(crate) mod challenge;
pub(crate) mod checkout;
pub(crate) mod placed;
pub(crate) mod promoter_keys;
pub(crate) mod region;
pub(crate) mod sign;

use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};
use vitrine_platform_http::Reply;
use vitrine_platform_web::is_own_page;

use crate::Storefront;
use crate::graph::Error as GraphError;
use crate::pages::{Error, Form, View, see_other, to_sign_in};
use crate::routes::{Parameters, currency};
use crate::session::Visitor;

/// The longest form, in bytes.
const MAX_FORM: usize = 16 << 10;
const FORM: &str = "application/x-www-form-urlencoded";

/// A form that a page of ours has sent.
pub(crate) struct Sent {
    pub(crate) fields: Parameters,
    pub(crate) headers: HeaderMap,
    pub(crate) uri: Uri,
    pub(crate) visitor: Visitor,
}

impl Sent {
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    pub(crate) fn currency(&self) -> &'static str {
        currency(&self.query())
    }

    fn query(&self) -> Parameters {
        parameters(self.uri.query().unwrap_or_default().as_bytes())
    }

    /// The page with this form on it, and nothing else of the path.
    pub(crate) fn page(&self, storefront: &Storefront, name: &str) -> Option<View> {
        let route = Arc::new(storefront.routes.named(name)?.clone());
        let (query, currency) = (route.known(self.query()), self.currency());
        Some(View { path: self.uri.path().to_owned(), route, parts: Parameters::new(), query, currency })
    }

    /// Where someone goes on after this form: to a page of this shop, else there.
    pub(crate) fn next_or(&self, usual: &'static str) -> &str {
        Some(self.field("next")).filter(|next| is_own_path(next)).unwrap_or(usual)
    }

    /// The same as the address says it, if it does.
    pub(crate) fn next(&self) -> Option<String> {
        self.query().remove("next").filter(|next| is_own_path(next))
    }
}

/// Whether an address is a path of this site's, whatever a browser makes of it.
fn is_own_path(address: &str) -> bool {
    let is_plain = address.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    is_plain && address.starts_with('/') && !address.starts_with("//")
}

impl FromRequest<Arc<Storefront>> for Sent {
    type Rejection = Response;

    async fn from_request(request: Request, storefront: &Arc<Storefront>) -> Result<Self, Response> {
        if !is_own_page(request.headers(), &storefront.url) {
            let message = "the form was not sent by a page of this shop, but by another site";
            let reply = Reply::new(StatusCode::FORBIDDEN, "CROSS_SITE_REQUEST", message);
            return Err(reply.at("Origin", "a page that this address itself shows").into_response());
        }
        let (head, body) = request.into_parts();
        let kind = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !kind.starts_with(FORM) {
            let reply = Reply::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", "that is not a form");
            return Err(reply.at("Content-Type", FORM).into_response());
        }
        let body = to_bytes(body, MAX_FORM).await.map_err(|_| {
            let reply = Reply::new(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", "the form is too long");
            reply.at("body", &format!("at most {MAX_FORM} bytes")).into_response()
        })?;
        let visitor = storefront.sessions.visitor(&storefront.graph, &head.headers, &head.extensions).await;
        Ok(Self { fields: parameters(&body), headers: head.headers, uri: head.uri, visitor })
    }
}

/// Reads `name=value&…`; of a name that comes twice, the last counts.
pub(crate) fn parameters(text: &[u8]) -> Parameters {
    serde_urlencoded::from_bytes(text).unwrap_or_default()
}

/// What the shop has against an input, as the payloads of its mutations say it: the first error, for people.
pub(crate) fn refusal(payload: &Value, values: &[(&str, &str)]) -> Option<Form> {
    payload["errors"].as_array()?.first().map(|error| refused_form(error, values))
}

/// The form that says what an error, or a refusal, says.
pub(crate) fn refused_form(error: &Value, values: &[(&str, &str)]) -> Form {
    // `address.postalCode` is the field `postalCode` of a form.
    let field = error["field"].as_str().and_then(|field| field.rsplit('.').next()).map(str::to_owned);
    let code = error["code"].as_str().map(str::to_owned);
    Form { message: sentence(error), code, field, values: form_values(values) }
}

/// Shows a page again, with a form as it was sent and what is wrong with it.
pub(crate) async fn again(storefront: &Storefront, sent: &Sent, page: &str, form: Form) -> Response {
    match sent.page(storefront, page) {
        Some(view) => storefront.show_own(&view, &sent.visitor, Some(&form)).await,
        None => see_other(sent.uri.path()),
    }
}

/// What a refusal says, as a sentence.
pub(crate) fn sentence(refusal: &Value) -> String {
    let message = refusal["message"].as_str().unwrap_or("that was refused");
    let mut letters = message.chars();
    let first: String = letters.next().map(|letter| letter.to_uppercase().collect()).unwrap_or_default();
    let end = if message.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

/// One whose sign-in has ended goes on after signing in again; nothing is lost, for the form was not done.
pub(crate) async fn failed(storefront: &Storefront, sent: &Sent, page: &str, error: GraphError) -> Response {
    match (error, sent.page(storefront, page)) {
        (GraphError::NotSignedIn, Some(view)) => {
            let (_, cookie) = storefront.sessions.end(&sent.headers).await;
            with_cookies(to_sign_in(&view), [cookie])
        }
        (error, _) => storefront.sorry(sent.uri.path(), &Error::Graph(error)).await,
    }
}

pub(crate) fn form_values(values: &[(&str, &str)]) -> Parameters {
    values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub(crate) fn variables<const N: usize>(pairs: [(&str, Value); N]) -> Map<String, Value> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The same answer, which has browsers keep these cookies.
pub(crate) fn with_cookies(mut response: Response, cookies: impl IntoIterator<Item = Option<HeaderValue>>) -> Response {
    for cookie in cookies.into_iter().flatten() {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{is_own_path, refusal};

    #[test]
    fn no_one_is_sent_to_another_site() {
        for (address, is_own) in [
            ("/checkout", true),
            ("/checkout/pay?address=adr_1&currency=CZK", true),
            ("//evil.example", false),
            ("/\\evil.example", false),
            ("https://evil.example", false),
            ("javascript:alert(1)", false),
            ("/a\r\nset-cookie:x", false),
            ("", false),
        ] {
            assert_eq!(is_own_path(address), is_own, "{address}");
        }
    }

    #[test]
    fn an_error_is_told_at_its_field() {
        let payload =
            json!({"errors": [{"message": "the postal code is missing", "field": "input.address.postalCode"}]});
        let form = refusal(&payload, &[("city", "Dresden")]).expect("refused");
        assert_eq!(form.message, "The postal code is missing.");
        assert_eq!((form.field.as_deref(), form.values["city"].as_str()), (Some("postalCode"), "Dresden"));
        assert!(refusal(&json!({"errors": []}), &[]).is_none());
    }
}
