//! The authorization endpoint, and the page on which people sign in.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use vitrine_contracts::auth::v1 as wire;
use vitrine_kit::html::escape;
use vitrine_platform_http::Reply;
use vitrine_platform_web::{SetCookie, cookie, is_own_page};

use super::parameters::{Fault, Form, Parameters, Unreadable};
use crate::Gateway;
use crate::guard::AUTHORIZE;
use crate::page::frame;

/// A page that is filled in here and nowhere else.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'";
/// The cookie by which a browser is known again; only this endpoint reads it.
const COOKIE: &str = "vitrine_session";

/// What may be asked and changes nothing (OpenID Connect Core, sections 3.1.2.1 and 5.5); once, like all that is known.
const PASSED_OVER: [&str; 5] = ["acr_values", "claims", "claims_locales", "display", "ui_locales"];

/// Asked by link.
pub(super) async fn by_query(State(gateway): State<Arc<Gateway>>, headers: HeaderMap, uri: Uri) -> Response {
    ask(&gateway, &headers, Parameters::read(uri.query().unwrap_or_default().as_bytes())).await
}

/// Asked by form, or signed in on the page.
pub(super) async fn by_form(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    form: Result<Form, Unreadable>,
) -> Response {
    match form {
        Ok(Form(parameters)) if parameters.has("password") => sign_in(&gateway, &headers, parameters).await,
        Ok(Form(parameters)) => ask(&gateway, &headers, parameters).await,
        Err(unreadable) => unreadable.into_response(),
    }
}

/// The request of RFC 6749, section 4.1.1, RFC 7636 and OpenID Connect Core, section 3.1.2.1. Others are ignored, as the RFC wants it.
fn authorization(headers: &HeaderMap, parameters: &mut Parameters) -> wire::AuthorizationRequest {
    let mut take = |name| parameters.take(name);
    for name in PASSED_OVER {
        take(name);
    }
    let request = wire::AuthorizationRequest {
        response_type: take("response_type"),
        client_id: take("client_id"),
        redirect_uri: take("redirect_uri"),
        scope: take("scope"),
        state: take("state"),
        code_challenge: take("code_challenge"),
        code_challenge_method: take("code_challenge_method"),
        nonce: take("nonce"),
        prompt: take("prompt"),
        max_age: take("max_age"),
        response_mode: take("response_mode"),
        id_token_hint: take("id_token_hint"),
        request: take("request"),
        request_uri: take("request_uri"),
        registration: take("registration"),
        faults: Vec::new(),
        session: cookie(headers, COOKIE).unwrap_or_default().to_owned(),
    };
    let fault = |f: &Fault| wire::ParameterFault { name: f.name.to_owned(), message: f.message.to_owned() };
    wire::AuthorizationRequest { faults: parameters.faults().iter().map(fault).collect(), ..request }
}

async fn ask(gateway: &Gateway, headers: &HeaderMap, mut parameters: Parameters) -> Response {
    let email = parameters.take("login_hint");
    let request = authorization(headers, &mut parameters);
    match gateway.deps.auth.clone().check_authorization(request.clone()).await.map(tonic::Response::into_inner) {
        Ok(checked) if checked.location.is_empty() => {
            sign_in_page(StatusCode::OK, &checked.client_name, &request, &email, "")
        }
        Ok(checked) => sent_to(&checked.location),
        Err(status) => refused(headers, status.into()),
    }
}

async fn sign_in(gateway: &Gateway, headers: &HeaderMap, mut parameters: Parameters) -> Response {
    let (email, password) = (parameters.take("email"), parameters.take("password"));
    if let Some(fault) = parameters.faults().first() {
        let reply = Reply::new(StatusCode::BAD_REQUEST, "INVALID_REQUEST", &fault.sentence());
        return refused(headers, reply.at(fault.name, "one value, form-encoded in UTF-8"));
    }
    let request = authorization(headers, &mut parameters);
    // Another site's form must not sign its own account in to someone's browser.
    if !is_own_page(headers, &gateway.config.issuer) {
        let message = "the form was not sent by this page, but by another site";
        let reply = Reply::new(StatusCode::FORBIDDEN, "CROSS_SITE_REQUEST", message);
        return refused(headers, reply.at("Origin", "the page that this address itself shows"));
    }
    // Programs sign in, too, and keep no cookies.
    let (authorization, remember) = (Some(request.clone()), wants_html(headers));
    let login = wire::LoginRequest { authorization, email: email.clone(), password, remember };
    match gateway.deps.auth.clone().login(login).await.map(tonic::Response::into_inner) {
        Ok(done) => {
            let mut response = sent_to(&done.location);
            if let Some(cookie) = remembered(&gateway.config.issuer, &done) {
                response.headers_mut().insert(header::SET_COOKIE, cookie);
            }
            response
        }
        Err(status) => {
            let reply = Reply::from(status);
            let tries_again = matches!(reply.reason(), "BAD_CREDENTIALS" | "LOCKED_OUT");
            if tries_again && wants_html(headers) {
                return sign_in_page(reply.status(), "the shop", &request, &email, reply.message());
            }
            refused(headers, reply)
        }
    }
}

/// The cookie of a session: no script reads it, and no other site's form sends it.
fn remembered(issuer: &str, done: &wire::LoginResponse) -> Option<HeaderValue> {
    if done.session.is_empty() {
        return None;
    }
    let (max_age_s, secure) = (done.session_ttl_s, issuer.starts_with("https://"));
    SetCookie { name: COOKIE, value: &done.session, path: AUTHORIZE, max_age_s, secure }.header()
}

/// By GET, whatever came: no one's password goes along (RFC 9700, section 4.12).
fn sent_to(location: &str) -> Response {
    let headers =
        [(header::LOCATION, location), (header::CACHE_CONTROL, "no-store"), (header::REFERRER_POLICY, "no-referrer")];
    (StatusCode::SEE_OTHER, headers).into_response()
}

fn wants_html(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains("text/html"))
}

fn sign_in_page(
    status: StatusCode,
    client: &str,
    request: &wire::AuthorizationRequest,
    email: &str,
    message: &str,
) -> Response {
    let hidden: String = [
        ("response_type", &request.response_type),
        ("client_id", &request.client_id),
        ("redirect_uri", &request.redirect_uri),
        ("scope", &request.scope),
        ("state", &request.state),
        ("code_challenge", &request.code_challenge),
        ("code_challenge_method", &request.code_challenge_method),
        ("nonce", &request.nonce),
        ("id_token_hint", &request.id_token_hint),
    ]
    .iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(name, value)| format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape(value)))
    .collect();
    let message = if message.is_empty() {
        String::new()
    } else {
        format!("<p class=\"wrong\" role=\"alert\">{}</p>", escape(message))
    };
    let form = format!(
        "<main class=\"narrow\"><h1>Sign in</h1><p>to go on to {}</p>{message}<form method=\"post\" action=\"/oauth2/authorize\">{hidden}\
         <label>E-mail<input name=\"email\" type=\"email\" autocomplete=\"username\" required value=\"{}\"></label>\
         <label>Password<input name=\"password\" type=\"password\" autocomplete=\"current-password\" required></label>\
         <button>Sign in</button></form></main>",
        escape(client),
        escape(email),
    );
    page(status, "Sign in", &form)
}

fn page(status: StatusCode, title: &str, body: &str) -> Response {
    // Where no referrer is sent to anybody, forms have `null` for an origin.
    let headers = [
        (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "same-origin"),
    ];
    (status, headers, Html(frame(title, "", body))).into_response()
}

/// A request that cannot be trusted to say where to go back to: told here.
fn refused(headers: &HeaderMap, reply: Reply) -> Response {
    if !wants_html(headers) {
        return reply.into_response();
    }
    let body =
        format!("<main class=\"narrow\"><h1>This sign-in cannot go on</h1><p>{}</p></main>", escape(reply.message()));
    page(reply.status(), "Sign in", &body)
}
