//! What becomes of a signed-in browser's requests: they get the token by which the observatory lets them in.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use crate::state::ConsoleState;

/// Tells the console's pages that a request was refused because nobody is signed in.
const SESSION_HEADER: HeaderName = HeaderName::from_static("x-console-session");

/// Who made a request, in its extensions, where a browser is signed in.
#[derive(Clone, Debug)]
pub(crate) struct SignedIn(pub(crate) String);

/// Lets a signed-in browser in. Requests with an `Authorization` of their own are none of its business.
pub(crate) async fn let_in(State(console): State<Arc<ConsoleState>>, mut request: Request, next: Next) -> Response {
    if request.headers().contains_key(header::AUTHORIZATION) {
        return next.run(request).await;
    }
    let Some(session) = console.sessions.find(request.headers()) else {
        let mut response = next.run(request).await;
        if response.status() == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(SESSION_HEADER, HeaderValue::from_static("none"));
        }
        return response;
    };
    // A page of another site could have the browser send its cookie along.
    if changes(request.method(), request.headers())
        && let Err(refusal) = console.must_be_own_page(request.headers())
    {
        return refusal.into_response();
    }
    if !session.token.is_empty()
        && let Ok(mut value) = HeaderValue::try_from(format!("Bearer {}", session.token.expose()))
    {
        value.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, value);
    }
    request.extensions_mut().insert(SignedIn(session.name.clone()));
    next.run(request).await
}

/// Whether a request may change something, or stays open and is read by who asked, whatever page that is.
pub(crate) fn changes(method: &Method, headers: &HeaderMap) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) || headers.contains_key(header::UPGRADE)
}
