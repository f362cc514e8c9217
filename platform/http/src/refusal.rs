//! What is refused around an API's handlers, as the API says its errors.
//!
//! Much is refused by others than a handler: a path that no process serves, a method, parameters that cannot be read, a body that does not
//! come, a handler that panics. axum says such things in plain text or in nothing at all. [`with_error_format`] and [`nowhere`] have them
//! said as the API promises to say its errors.

use axum::Router;
use axum::body::HttpBody;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use vitrine_kit::percent;

use crate::body::Arrival;
use crate::extract::quoted;
use crate::observe::guarded;
use crate::problem::Reply;

/// How a refusal of a compressed body begins.
const ENCODED: &str = "Content-Encoding";
/// The longest text of an answer that is said in other words, in bytes: it may quote a whole target.
const MAX_TEXT_BYTES: usize = 128 << 10;

/// What was asked for, as far as the words may depend on it.
#[derive(Clone, Debug)]
pub struct RequestInfo {
    /// The method.
    pub method: Method,
    /// The target.
    pub uri: Uri,
    /// `Content-Type`, if there is one.
    pub content_type: Option<HeaderValue>,
}

impl RequestInfo {
    pub(crate) fn of(request: &Request) -> Self {
        let content_type = request.headers().get(header::CONTENT_TYPE).cloned();
        Self { method: request.method().clone(), uri: request.uri().clone(), content_type }
    }

    /// Whether it was asked over gRPC.
    pub fn is_grpc(&self) -> bool {
        self.content_type.as_ref().is_some_and(is_grpc)
    }
}

/// Whether a content type is one of gRPC's.
pub(crate) fn is_grpc(content_type: &HeaderValue) -> bool {
    const GRPC: &[u8] = b"application/grpc";
    let content_type = content_type.as_bytes();
    let is_named = content_type.get(..GRPC.len()).is_some_and(|name| name.eq_ignore_ascii_case(GRPC));
    // gRPC-Web is another protocol, and its name begins alike.
    is_named && matches!(content_type.get(GRPC.len()), None | Some(b'+' | b';' | b' '))
}

/// What is refused, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: StatusCode,
    /// A stable word for programs.
    pub code: &'static str,
    /// A sentence for people.
    pub message: String,
    /// What it is about.
    pub field: String,
    /// What was expected there.
    pub expected: &'static str,
}

/// How an API says a refusal.
pub type ErrorFormat = fn(&RequestInfo, &Refusal) -> Response;

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: String, field: &str, expected: &'static str) -> Self {
        Self { status, code, message: quoted(&message), field: quoted(field), expected }
    }

    /// There is no such path.
    fn nowhere(asked: &RequestInfo) -> Self {
        let message = format!("there is nothing at {} {}", asked.method, asked.uri.path());
        Self::new(StatusCode::NOT_FOUND, "NO_SUCH_ROUTE", message, "path", "a path that the API's documentation names")
    }

    /// It is for a site that is not answered for here: RFC 9110, section 15.5.20.
    pub(crate) fn of_another_host(host: &str) -> Self {
        let message = format!("the Host {host:?} is none of this listener's");
        let expected = "localhost, an address of this machine, or a name that the settings list";
        Self::new(StatusCode::MISDIRECTED_REQUEST, "UNKNOWN_HOST", message, "Host", expected)
    }

    /// A page of another site sends it.
    pub(crate) fn of_another_site(origin: &str) -> Self {
        let message = format!("pages of {origin:?} may not send here");
        let expected = "a page of this site, or of an origin that the settings allow";
        Self::new(StatusCode::FORBIDDEN, "CROSS_SITE_REQUEST", message, "Origin", expected)
    }

    fn late() -> Self {
        let message = "the body did not come in time".to_owned();
        Self::new(StatusCode::REQUEST_TIMEOUT, "REQUEST_TIMEOUT", message, "body", "a whole body soon after the head")
    }

    fn panicked() -> Self {
        let message = "something went wrong on our side".to_owned();
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", message, "request", "another try, later")
    }

    fn malformed_parameter(name: &str) -> Self {
        let message = format!("the value or the name of the parameter {name} is not UTF-8");
        Self::new(StatusCode::BAD_REQUEST, "INVALID_QUERY", message, name, "percent-encoded UTF-8")
    }

    /// What an answer means that has a status, and at most a text.
    fn of(asked: &RequestInfo, status: StatusCode, text: &str) -> Self {
        let or = |other: String| if text.is_empty() { other } else { text.to_owned() };
        let method = &asked.method;
        match status {
            StatusCode::NOT_FOUND if text.is_empty() => Self::nowhere(asked),
            StatusCode::METHOD_NOT_ALLOWED => {
                let message = format!("{method} is not possible here");
                Self::new(status, "METHOD_NOT_ALLOWED", message, "method", "a method that the header Allow names")
            }
            StatusCode::PAYLOAD_TOO_LARGE => {
                Self::new(status, "BODY_TOO_LARGE", "the body is too large".to_owned(), "body", "a smaller body")
            }
            StatusCode::UNSUPPORTED_MEDIA_TYPE if text.starts_with(ENCODED) => {
                Self::new(status, "UNSUPPORTED_ENCODING", text.to_owned(), ENCODED, "identity, or no such header")
            }
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                let message = or("the body is of another type than this takes".to_owned());
                Self::new(status, "UNSUPPORTED_MEDIA_TYPE", message, "Content-Type", "a type that this path takes")
            }
            // "Invalid URL: Invalid UTF-8 in `id`"
            StatusCode::BAD_REQUEST if text.starts_with("Invalid URL") => {
                let field = text.split('`').nth(1).unwrap_or("path");
                let message = format!("the path is not UTF-8 where {field} stands");
                Self::new(status, "INVALID_PATH", message, field, "percent-encoded UTF-8")
            }
            StatusCode::BAD_REQUEST if text.contains("query string") => Self::new(
                status,
                "INVALID_QUERY",
                text.to_owned(),
                "query",
                "parameters that the API's documentation names",
            ),
            _ if status.is_server_error() => Self { status, ..Self::panicked() },
            _ => {
                let reason = status.canonical_reason().unwrap_or("refused").to_lowercase();
                Self::new(status, "INVALID_REQUEST", or(reason), "request", "see the API's documentation")
            }
        }
    }
}

/// As a problem document, RFC 9457.
pub fn problem_errors(_: &RequestInfo, refusal: &Refusal) -> Response {
    Reply::new(refusal.status, refusal.code, &refusal.message).at(&refusal.field, refusal.expected).into_response()
}

/// In plain text.
pub fn plain_errors(_: &RequestInfo, refusal: &Refusal) -> Response {
    (refusal.status, format!("{}: expected {}\n", refusal.message, refusal.expected)).into_response()
}

/// Says in these words what is refused around the handlers of these routes, and what they refuse themselves without saying why.
pub fn with_error_format<S: Clone + Send + Sync + 'static>(router: Router<S>, error_format: ErrorFormat) -> Router<S> {
    router.layer(from_fn(move |request: Request, next: Next| formatted(error_format, false, request, next)))
}

/// The same in plain text, for an API whose handlers speak so, too: what has a text keeps it.
pub fn with_plain_errors<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router.layer(from_fn(move |request: Request, next: Next| formatted(plain_errors, true, request, next)))
}

/// Says in these words that there is no such path, for paths that no route of the router has.
pub fn nowhere<S: Clone + Send + Sync + 'static>(router: Router<S>, error_format: ErrorFormat) -> Router<S> {
    router.fallback(move |request: Request| async move {
        let asked = RequestInfo::of(&request);
        error_format(&asked, &Refusal::nowhere(&asked))
    })
}

/// Refuses bodies that are compressed, for routes that would take them for something malformed.
pub fn plain_bodies<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router.layer(from_fn(async |request: Request, next: Next| {
        let is_plain = |value: &HeaderValue| value.is_empty() || value.as_bytes().eq_ignore_ascii_case(b"identity");
        if request.body().is_end_stream() || request.headers().get_all(header::CONTENT_ENCODING).iter().all(is_plain) {
            return next.run(request).await;
        }
        let text = format!("{ENCODED}: compressed bodies are not taken here");
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, [(header::ACCEPT_ENCODING, "identity")], text).into_response()
    }))
}

async fn formatted(error_format: ErrorFormat, keeps_text: bool, request: Request, next: Next) -> Response {
    let (asked, arrival) = (RequestInfo::of(&request), request.extensions().get::<Arrival>().cloned());
    // A caller that reads parameters would put other characters in the place of what is none.
    if let Some(name) = asked.uri.query().and_then(malformed_parameter) {
        return error_format(&asked, &Refusal::malformed_parameter(name));
    }
    let response = guarded(next.run(request), || error_format(&asked, &Refusal::panicked())).await;
    if arrival.is_some_and(|arrival| arrival.is_late()) {
        return error_format(&asked, &Refusal::late());
    }
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || !is_bare(response.headers()) {
        return response;
    }
    let (head, body) = response.into_parts();
    let text = axum::body::to_bytes(body, MAX_TEXT_BYTES).await.unwrap_or_default();
    if keeps_text && !text.is_empty() {
        return Response::from_parts(head, text.into());
    }
    let refusal = Refusal::of(&asked, status, &String::from_utf8_lossy(&text));
    let mut response = error_format(&asked, &refusal);
    for (name, value) in head.headers.iter().filter(|(name, _)| !is_of_body(name)) {
        response.headers_mut().entry(name).or_insert_with(|| value.clone());
    }
    response
}

/// The first parameter of a query that is not UTF-8, by its name as it was sent.
fn malformed_parameter(query: &str) -> Option<&str> {
    let mut pairs = query
        .split('&')
        .filter(|pair| pair.contains('%') && std::str::from_utf8(&percent::decode_bytes(pair)).is_err());
    pairs.next().map(|pair| pair.split('=').next().unwrap_or_default())
}

/// Whether an answer says nothing, or in plain text.
fn is_bare(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_none_or(|value| value.as_bytes().starts_with(b"text/plain"))
}

fn is_of_body(name: &header::HeaderName) -> bool {
    matches!(*name, header::CONTENT_TYPE | header::CONTENT_LENGTH)
}
