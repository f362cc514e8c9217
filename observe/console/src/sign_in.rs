//! Who is let in: by a token of the observatory, or by a provider.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use vitrine_kit::{Secret, percent};

use crate::provider::SignInFailure;
use crate::refusal::Refusal;
use crate::role::Role;
use crate::state::ConsoleState;

/// What someone is called who signed in by a token, and where nobody has to.
const BY_TOKEN: &str = "token";
const EVERYONE: &str = "everyone";
/// Stands in for a cookie that cannot be one, which those of ours can.
const EMPTY: HeaderValue = HeaderValue::from_static("");

/// Who is signed in, how one signs in, and what there is to look at.
pub(crate) async fn session(State(console): State<Arc<ConsoleState>>, headers: HeaderMap) -> Response {
    let session = console.sessions.find(&headers);
    let is_open = console.access.is_open();
    let user = match &session {
        Some(session) => Some((session.name.as_str(), session.role)),
        None => is_open.then_some((EVERYONE, Role::Admin)),
    };
    let has_shop = console.shop.get().is_some_and(|shop| {
        shop.demo.is_some() && is_open || session.as_ref().is_some_and(|session| session.granted.is_some())
    });
    let told = json!({
        "user": user.map(|(name, role)| json!({ "name": name, "role": role })),
        "isOpen": is_open && session.is_none(),
        "ways": { "token": !is_open, "provider": console.provider.get().map(|provider| provider.name()) },
        "shop": has_shop,
        "flags": console.flags.get().is_some(),
        "version": console.version,
    });
    ([(header::CACHE_CONTROL, "no-store")], Json(told)).into_response()
}

#[derive(Deserialize)]
pub(crate) struct ByToken {
    token: Secret,
}

/// Signs a browser in that knows a token.
pub(crate) async fn by_token(
    State(console): State<Arc<ConsoleState>>,
    headers: HeaderMap,
    Json(ByToken { token }): Json<ByToken>,
) -> Result<Response, Refusal> {
    console.must_be_own_page(&headers)?;
    let role = Role::of_token(&console.access, &format!("Bearer {}", token.expose()))
        .filter(|_| !console.access.is_open())
        .ok_or_else(|| Refusal::forbidden("the token is not known, or it is not for reading"))?;
    let cookie = console.sessions.begin(BY_TOKEN.to_owned(), role, token, None);
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie.unwrap_or(EMPTY))]).into_response())
}

#[derive(Deserialize)]
pub(crate) struct Back {
    #[serde(default)]
    back: String,
}

/// Sends a browser to the provider.
pub(crate) async fn by_provider(
    State(console): State<Arc<ConsoleState>>,
    Query(Back { back }): Query<Back>,
) -> Response {
    let Some(provider) = console.provider.get() else {
        return failed("server_error", "");
    };
    match provider.begin(&console.redirect_uri(), &own_path(&back), console.sessions.now_ms()).await {
        Ok((address, state)) => {
            ([(header::SET_COOKIE, provider.state_cookie(&state, console.is_secure()))], Redirect::to(&address))
                .into_response()
        }
        Err(failure) => failure_page(&failure, &back),
    }
}

#[derive(Deserialize)]
pub(crate) struct Returned {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

/// Takes a browser that the provider sent back.
pub(crate) async fn callback(
    State(console): State<Arc<ConsoleState>>,
    headers: HeaderMap,
    Query(returned): Query<Returned>,
) -> Response {
    let Some(provider) = console.provider.get() else {
        return failed("server_error", "");
    };
    if !returned.error.is_empty() {
        let failure = SignInFailure::Provider(format!("{}: {}", returned.error, returned.error_description));
        tracing::warn!(error = %failure, "nobody was signed in to the console");
        return failed(&returned.error, "");
    }
    let now_ms = console.sessions.now_ms();
    match provider.finish(&headers, &returned.state, &returned.code, &console.redirect_uri(), now_ms).await {
        Ok(person) => {
            let token = console.session_tokens.of(person.role);
            let cookie = console.sessions.begin(person.name, person.role, token, Some(person.granted));
            let mut response = Redirect::to(&person.back).into_response();
            let gone = provider.state_cookie("", console.is_secure());
            for cookie in [cookie.unwrap_or(EMPTY), gone] {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            response
        }
        Err(failure) => failure_page(&failure, ""),
    }
}

/// Signs a browser out.
pub(crate) async fn sign_out(
    State(console): State<Arc<ConsoleState>>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    console.must_be_own_page(&headers)?;
    if let (Some(session), Some(provider)) = (console.sessions.find(&headers), console.provider.get())
        && let Some(granted) = &session.granted
    {
        provider.revoke(&granted.lock().await.refresh_token).await;
    }
    let cookie = console.sessions.end(&headers).unwrap_or(EMPTY);
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

/// A path of this site, whatever was sent.
fn own_path(back: &str) -> String {
    let is_own = back.starts_with('/') && !back.starts_with("//") && !back.contains(['\\', '\r', '\n']);
    if is_own { back.to_owned() } else { "/".to_owned() }
}

/// Says why nobody was signed in: all of it here, and the kind of it on the page.
fn failure_page(failure: &SignInFailure, back: &str) -> Response {
    tracing::warn!(error = %failure, "nobody was signed in to the console");
    failed(failure.code(), back)
}

/// The page on which one signs in, which says what went wrong, by an error of OAuth or `expired`.
fn failed(code: &str, back: &str) -> Response {
    let query = percent::form([("error", code), ("back", &own_path(back)), ("v", "1")]);
    Redirect::to(&format!("/sign-in?{query}")).into_response()
}

#[cfg(test)]
mod tests {
    use super::own_path;

    #[test]
    fn nobody_is_sent_to_another_site() {
        for (back, expected) in [
            ("/trace/1?x=2", "/trace/1?x=2"),
            ("", "/"),
            ("//evil.example/", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example/", "/"),
            ("javascript:alert(1)", "/"),
        ] {
            assert_eq!(own_path(back), expected, "{back}");
        }
    }
}
