//! Asks the shop: GraphQL, through the gateway's own router in this process, with all that holds for every client of it.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, header};
use serde_json::{Map, Value, json};
use thiserror::Error as ThisError;
use tower::ServiceExt as _;
use vitrine_platform_http::{Peer, Response, Router};
use vitrine_platform_telemetry::Context;
use vitrine_platform_web::OwnRequest;

/// Where the gateway answers.
const PATH: &str = "/graphql";
/// Where it tells of changes, as events.
const STREAM: &str = "/graphql/stream";
/// How a guest's cart is named to it.
const GUEST: HeaderName = HeaderName::from_static("vitrine-guest");
/// The longest answer, in bytes.
const MAX_ANSWER: usize = 4 << 20;

/// Who asks.
#[derive(Clone, Default)]
pub(crate) struct Caller {
    /// A customer's access token.
    pub(crate) token: Option<String>,
    /// A guest's secret.
    pub(crate) guest: Option<String>,
    /// Who is at the other end of the connection: limits count by it.
    pub(crate) peer: Option<Peer>,
}

impl Caller {
    /// One of whom only the connection is known.
    pub(crate) fn at(extensions: &Extensions) -> Self {
        Self { peer: extensions.get::<Peer>().copied(), ..Self::default() }
    }

    /// The same connection, of whom nothing else is known: for what everyone is shown.
    pub(crate) fn unknown(&self) -> Self {
        Self { peer: self.peer, ..Self::default() }
    }
}

/// Why there is no answer.
#[derive(Debug, ThisError)]
pub(crate) enum Error {
    /// The token is not good any more.
    #[error("the token is not active")]
    NotSignedIn,
    /// Too many questions at once.
    #[error("too many questions")]
    TooMany,
    /// There cannot be such a thing: an id, a cursor or a word that means nothing.
    #[error("what was asked for cannot be there: {0}")]
    Invalid(String),
    /// It is not for who asks: one who sells has nothing of those who buy.
    #[error("that is not for who asks")]
    NotAllowed,
    /// All else, in the gateway's words.
    #[error("the gateway answered {0}")]
    Failed(String),
}

pub(crate) struct Graph {
    gateway: Router,
}

impl Graph {
    pub(crate) fn new(gateway: Router) -> Self {
        Self { gateway }
    }

    /// Returns what was asked for: the `data` of an answer without errors.
    pub(crate) async fn ask(
        &self,
        caller: &Caller,
        document: &str,
        variables: Map<String, Value>,
    ) -> Result<Value, Error> {
        let answer =
            self.send(PATH, caller, headers(caller), &json!({"query": document, "variables": variables})).await;
        let status = answer.status();
        let body = to_bytes(answer.into_body(), MAX_ANSWER).await.map_err(|e| Error::Failed(e.to_string()))?;
        let mut answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        let errors = answer["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        let code = errors.first().and_then(|error| error["extensions"]["code"].as_str());
        match (code.or_else(|| answer["code"].as_str()), status.as_u16()) {
            (Some("INVALID_TOKEN" | "TOKEN_REQUIRED" | "TOKEN_EXPIRED"), _) | (_, 401) => Err(Error::NotSignedIn),
            (Some("RATE_LIMITED"), _) | (_, 429) => Err(Error::TooMany),
            (Some("PERMISSION_DENIED"), _) => Err(Error::NotAllowed),
            (Some(code), _) if code.starts_with("INVALID") || code == "BAD_USER_INPUT" => {
                Err(Error::Invalid(code.to_owned()))
            }
            (None, 200) if errors.is_empty() => Ok(answer["data"].take()),
            // Not its message: that may hold what someone typed.
            (code, status) => Err(Error::Failed(format!("{status} {}", code.unwrap_or("without a code")))),
        }
    }

    /// Follows what everyone may: returns events, for as long as there are any.
    pub(crate) async fn follow(&self, document: &str) -> Result<Body, Error> {
        let caller = Caller::default();
        let mut headers = headers(&caller);
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
        let answer = self.send(STREAM, &caller, headers, &json!({"query": document})).await;
        match answer.status().as_u16() {
            200 => Ok(answer.into_body()),
            status => Err(Error::Failed(status.to_string())),
        }
    }

    async fn send(&self, path: &'static str, caller: &Caller, headers: HeaderMap, body: &Value) -> Response {
        let mut request = Request::new(Body::from(body.to_string()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = http::Uri::from_static(path);
        *request.headers_mut() = headers;
        request.extensions_mut().insert(OwnRequest);
        if let Some(peer) = caller.peer {
            request.extensions_mut().insert(peer);
        }
        match self.gateway.clone().oneshot(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        }
    }
}

fn headers(caller: &Caller) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/graphql-response+json, application/json"));
    let context = Context::current();
    let mut put = |name: HeaderName, value: Option<String>| {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(name, value);
        }
    };
    put(header::AUTHORIZATION, caller.token.as_ref().map(|token| format!("Bearer {token}")));
    put(GUEST, caller.guest.clone());
    put(HeaderName::from_static("traceparent"), context.traceparent());
    put(HeaderName::from_static("baggage"), Some(context.baggage_header()).filter(|baggage| !baggage.is_empty()));
    headers
}
