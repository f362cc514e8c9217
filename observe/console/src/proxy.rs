//! What is handed on to the shop and to flags, with the rights of who is signed in.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, HeaderName, Method, StatusCode, header};
use vitrine_kit::Secret;
use vitrine_platform_fetch::{Request as Asked, Streaming, secret_value};

use crate::around::changes;
use crate::provider::SignInFailure;
use crate::refusal::Refusal;
use crate::role::Role;
use crate::state::ConsoleState;

/// How long the head of an answer may take, and each part of its body.
const WITHIN: Duration = Duration::from_secs(30);
/// Most bytes of a body that is handed on.
const MAX_BODY: usize = 2 << 20;
/// For how long the demo's token is used, in milliseconds.
const DEMO_TOKEN_MS: i64 = 3_600_000;
/// Headers that are handed on, and those that come back.
const THERE: [HeaderName; 8] = [
    header::ACCEPT,
    header::ACCEPT_LANGUAGE,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("prefer"),
    HeaderName::from_static("traceparent"),
];
const BACK: [HeaderName; 9] = [
    header::CACHE_CONTROL,
    header::CONTENT_DISPOSITION,
    header::CONTENT_TYPE,
    header::ETAG,
    header::LOCATION,
    header::RETRY_AFTER,
    HeaderName::from_static("traceparent"),
    header::X_CONTENT_TYPE_OPTIONS,
    HeaderName::from_static("x-trace-id"),
];

type HandlerResult = Result<Response, Refusal>;

/// A request to the shop's REST API.
pub(crate) async fn shop(
    State(console): State<Arc<ConsoleState>>,
    Path(path): Path<String>,
    request: Request,
) -> HandlerResult {
    let shop = console.shop.get().filter(|_| path.starts_with("api/")).ok_or_else(nothing)?;
    of_own_page(&console, &request)?;
    let token = shop_token(&console, request.headers()).await?;
    hand_on(&console, &shop.url, request, Some(&token)).await
}

/// A request to the API of flags and faults.
pub(crate) async fn flags(
    State(console): State<Arc<ConsoleState>>,
    Path(path): Path<String>,
    request: Request,
) -> HandlerResult {
    let url = console.flags.get().filter(|_| path.starts_with("api/")).ok_or_else(nothing)?;
    of_own_page(&console, &request)?;
    let role = match console.sessions.find(request.headers()) {
        Some(session) => session.role,
        None if console.access.is_open() => Role::Admin,
        None => return Err(not_signed_in()),
    };
    let reads = request.method() == Method::GET || path.ends_with("/explain");
    if role == Role::Viewer && !reads {
        return Err(Refusal::forbidden("a viewer changes no flags and no faults"));
    }
    let token = Some(&console.flags_token).filter(|token| !token.is_empty());
    hand_on(&console, url, request, token).await
}

fn nothing() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "there is nothing there")
}

fn not_signed_in() -> Refusal {
    Refusal::new(StatusCode::UNAUTHORIZED, "you are not signed in")
}

/// Also where nobody is signed in: what everyone may do, other sites' pages may not do in their name.
fn of_own_page(console: &ConsoleState, request: &Request) -> Result<(), Refusal> {
    match changes(request.method(), request.headers()) {
        true => console.must_be_own_page(request.headers()),
        false => Ok(()),
    }
}

/// The token that the shop takes: of who is signed in by the provider, or the demo's.
async fn shop_token(console: &ConsoleState, headers: &HeaderMap) -> Result<Secret, Refusal> {
    let unavailable = |problem: String| Refusal::new(StatusCode::BAD_GATEWAY, problem);
    if let Some(session) = console.sessions.find(headers) {
        let provider = console.provider.get();
        let (Some(granted), Some(provider)) = (&session.granted, provider) else {
            return Err(Refusal::forbidden("the shop is for those who sign in by its provider"));
        };
        let mut granted = granted.lock().await;
        let renewed = provider.renew(&mut granted, console.sessions.now_ms()).await;
        renewed.map_err(|failure| match failure {
            SignInFailure::Unknown => not_signed_in(),
            failure => unavailable(failure.to_string()),
        })?;
        return Ok(granted.access_token.clone());
    }
    let demo = console.shop.get().and_then(|shop| shop.demo.as_ref()).filter(|_| console.access.is_open());
    let demo = demo.ok_or_else(not_signed_in)?;
    let mut kept = console.demo_token.lock().await;
    let now_ms = console.sessions.now_ms();
    match &*kept {
        Some((token, given_ms)) if now_ms < given_ms + DEMO_TOKEN_MS => Ok(token.clone()),
        _ => {
            let token = demo().await.map_err(unavailable)?;
            *kept = Some((token.clone(), now_ms));
            Ok(token)
        }
    }
}

async fn hand_on(console: &ConsoleState, url: &str, request: Request, token: Option<&Secret>) -> HandlerResult {
    let (parts, body) = request.into_parts();
    let large = |_| Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, format!("expected at most {MAX_BODY} bytes"));
    let body = axum::body::to_bytes(body, MAX_BODY).await.map_err(large)?;
    // As it was sent, below `/console/shop`: a key's slashes stay encoded.
    let sent = parts.uri.path_and_query().map_or("/", |sent| sent.as_str());
    let below = sent.splitn(4, '/').nth(3).unwrap_or_default();
    let headers = chosen(&parts.headers, &THERE);
    let mut asked = Asked { method: parts.method, url: format!("{url}/{below}"), headers, body };
    if let Some(token) = token {
        let bad = |_| Refusal::forbidden("the token cannot be sent");
        let value = secret_value(header::AUTHORIZATION, &format!("Bearer {}", token.expose())).map_err(bad)?;
        asked.headers.insert(header::AUTHORIZATION, value);
    }
    let away = |e| Refusal::new(StatusCode::BAD_GATEWAY, format!("{url} does not answer: {e}"));
    let answer = console.client.open(asked, WITHIN).await.map_err(away)?;
    let (status, headers) = (answer.status, chosen(&answer.headers, &BACK));
    Ok((status, headers, Body::from_stream(parts_of(answer))).into_response())
}

fn chosen(headers: &HeaderMap, names: &[HeaderName]) -> HeaderMap {
    names.iter().filter_map(|name| Some((name.clone(), headers.get(name)?.clone()))).collect()
}

fn parts_of(answer: Streaming) -> impl stream::Stream<Item = Result<Bytes, vitrine_platform_fetch::Error>> {
    stream::try_unfold(answer, async |mut answer| Ok(answer.next(WITHIN).await?.map(|part| (part, answer))))
}
