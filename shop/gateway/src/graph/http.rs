//! GraphQL over HTTP, as its specification has it: `POST` with JSON, `GET` for what only reads, statuses by the media type that is accepted.

use std::sync::Arc;

use async_graphql::parser::types::OperationType;
use async_graphql::{Request as Operation, Response as Executed, ServerError};
use axum::body::Bytes;
use axum::extract::{Query, Request, State};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use vitrine_platform_http::{Refusal, Reply, RequestInfo, SpanAttributes};
use vitrine_platform_telemetry::Context;
use vitrine_platform_telemetry::semconv::{GRAPHQL_OPERATION_NAME, GRAPHQL_OPERATION_TYPE};
use vitrine_platform_web::OwnRequest;

use super::cost::Progress;
use super::documents::Document;
use super::error::guarded;
use super::limits::refused;
use super::request::RawRequest;
use super::session::{Identity, Session};
use crate::{Gateway, guard};

/// Where GraphQL is spoken.
pub(crate) const PATH: &str = "/graphql";
/// Where subscriptions are told as events.
pub(crate) const STREAM: &str = "/graphql/stream";
/// The header with a guest's secret.
pub(crate) const GUEST: &str = "vitrine-guest";
/// The media type of GraphQL's own.
const GRAPHQL_RESPONSE: &str = "application/graphql-response+json";
pub(crate) const JSON: &str = "application/json";
/// The longest problem document that is said in other words, in bytes.
const MAX_PROBLEM_BYTES: usize = 64 << 10;
/// How a shared cache may keep what a trusted document has read for no one in particular: as long as the gateway itself does.
const SHARED: &str = "public, max-age=0, s-maxage=1, stale-while-revalidate=60";

/// Whether GraphQL is spoken at this path.
pub(crate) fn is_graphql(path: &str) -> bool {
    path == PATH || path == STREAM
}

/// In which words an answer is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Media {
    Json,
    GraphqlResponse,
}

impl Media {
    fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json; charset=utf-8",
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
        }
    }

    /// The one of both that is liked best; none if neither is accepted.
    pub(crate) fn accepted(headers: &HeaderMap) -> Option<Self> {
        let (json, own) = (liked(headers, JSON), liked(headers, GRAPHQL_RESPONSE));
        match (json > 0, own > json) {
            (_, true) => Some(Self::GraphqlResponse),
            (true, false) => Some(Self::Json),
            (false, false) => None,
        }
    }
}

/// How much a media type is liked, in thousandths (RFC 9110, section 12.5.1). A range that names it counts before one with a `*`.
pub(crate) fn liked(headers: &HeaderMap, wanted: &str) -> u32 {
    let mut ranges = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    if ranges.peek().is_none() {
        return 1000;
    }
    let family = wanted.split('/').next().unwrap_or_default();
    let mut best = (0, 0);
    for range in ranges.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let precision = match name {
            "*/*" => 1,
            _ if name.strip_suffix("/*").is_some_and(|named| named.eq_ignore_ascii_case(family)) => 2,
            _ if name.eq_ignore_ascii_case(wanted) => 3,
            _ => continue,
        };
        let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse::<f32>().ok());
        let thousandths = quality.filter(|q| (0.0..=1.0).contains(q)).map_or(0, |q| (q * 1000.0) as u32);
        best = best.max((precision, thousandths));
    }
    best.1
}

/// Who sends a request; a token that is none ends it.
pub(crate) fn identity(headers: &HeaderMap, extensions: &Extensions) -> Result<Identity, Reply> {
    let presented = guard::presented(extensions);
    if let Some(Err(reply)) = presented {
        return Err(reply);
    }
    let guest = headers.get(GUEST).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Ok(Identity { presented, guest, is_own: extensions.get::<OwnRequest>().is_some() })
}

/// An operation that may be executed, with what it is executed for.
pub(crate) struct Ready {
    pub(crate) operation: Operation,
    pub(crate) document: Document,
    pub(crate) progress: Arc<Progress>,
}

/// Looks up what is asked for.
pub(crate) fn ready(gateway: &Arc<Gateway>, identity: Identity, asked: RawRequest) -> Result<Ready, ServerError> {
    let (operation, document) = asked.find(&gateway.graph.documents, identity.is_own)?;
    let progress = Progress::new(identity.presented.is_some());
    let session = Arc::new(Session::new(gateway.clone(), identity));
    let operation = operation.data(session).data(progress.clone());
    Ok(Ready { operation, document, progress })
}

/// An answer as it is sent. What was not begun to be executed has no data.
pub(crate) fn response_body(executed: Executed, progress: &Progress) -> Value {
    let was_executed = progress.is_executed();
    let errors: Vec<Value> = executed.errors.into_iter().map(|error| error_body(error, was_executed)).collect();
    let mut answer = json!({});
    if was_executed {
        answer["data"] = executed.data.into_json().unwrap_or_default();
    }
    if !errors.is_empty() {
        answer["errors"] = errors.into();
    }
    if !executed.extensions.is_empty() {
        answer["extensions"] = serde_json::to_value(&executed.extensions).unwrap_or_default();
    }
    answer
}

/// An error with what programs read of it, whoever has found it.
pub(crate) fn error_body(mut error: ServerError, was_executed: bool) -> Value {
    let known = error.extensions.as_ref().is_some_and(|extensions| extensions.get("code").is_some());
    if !known {
        let code = if was_executed { "BAD_USER_INPUT" } else { "GRAPHQL_VALIDATION_FAILED" };
        error.extensions = refused(code, &error.message).extensions;
    }
    serde_json::to_value(&error).unwrap_or_default()
}

/// Nothing but an error.
pub(crate) fn only(error: ServerError) -> Value {
    json!({ "errors": [error_body(error, false)] })
}

pub(crate) fn answer(status: StatusCode, media: Media, body: &Value) -> Response {
    let headers = [(header::CONTENT_TYPE, media.name()), (header::CACHE_CONTROL, "no-store")];
    (status, headers, body.to_string()).into_response()
}

/// A refusal of the guard's, or of the listener's.
fn refusal(reply: &Reply) -> Response {
    let error = guarded(reply);
    let error = ServerError { extensions: error.extensions, ..ServerError::new(error.message, None) };
    let mut response = answer(reply.status(), Media::Json, &only(error));
    if reply.status() == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Bearer realm=\"vitrine\", error=\"invalid_token\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

/// What is refused around the handlers, as GraphQL says it.
pub(crate) fn error_format(_: &RequestInfo, refusal: &Refusal) -> Response {
    let message = format!("{}; {}: expected {}", refusal.message, refusal.field, refusal.expected);
    answer(refusal.status, Media::Json, &only(refused(refusal.code, &message)))
}

/// Says as GraphQL what is refused before it is reached, such as too many requests.
pub(crate) async fn with_graphql_errors(request: Request, next: Next) -> Response {
    let is_graphql = is_graphql(request.uri().path());
    let response = next.run(request).await;
    let content_type = response.headers().get(header::CONTENT_TYPE);
    if !is_graphql || content_type.is_none_or(|value| value != "application/problem+json") {
        return response;
    }
    let (head, body) = response.into_parts();
    let problem = axum::body::to_bytes(body, MAX_PROBLEM_BYTES).await.unwrap_or_default();
    let problem = serde_json::from_slice::<Value>(&problem).unwrap_or_default();
    let (code, message) = (problem["code"].as_str(), problem["detail"].as_str());
    let error = refused(code.unwrap_or("BAD_REQUEST"), message.unwrap_or("the request is refused"));
    let mut response = answer(head.status, Media::Json, &only(error));
    for name in [header::RETRY_AFTER, header::WWW_AUTHENTICATE] {
        if let Some(value) = head.headers.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

/// Why a body is not read.
fn check_content_type(headers: &HeaderMap) -> Result<(), ServerError> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = given.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(JSON));
    let charset = parts.find_map(|part| part.to_ascii_lowercase().strip_prefix("charset=").map(str::to_owned));
    let is_utf8 = charset.is_none_or(|charset| charset.trim_matches('"') == "utf-8");
    if is_json && is_utf8 {
        return Ok(());
    }
    Err(refused("UNSUPPORTED_MEDIA_TYPE", "Content-Type: expected application/json, in UTF-8"))
}

/// The request of a body.
pub(crate) fn asked_by_body(headers: &HeaderMap, body: &[u8]) -> Result<RawRequest, (StatusCode, ServerError)> {
    check_content_type(headers).map_err(|error| (StatusCode::UNSUPPORTED_MEDIA_TYPE, error))?;
    RawRequest::of_json(body).map_err(|error| (StatusCode::BAD_REQUEST, error))
}

/// The request of a URI.
pub(crate) fn asked_by_uri(uri: &Uri) -> Result<RawRequest, (StatusCode, ServerError)> {
    let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri);
    let pairs = pairs.map_err(|e| refused("BAD_REQUEST", &format!("the query cannot be read: {e}")));
    pairs.and_then(|Query(pairs)| RawRequest::of_query(pairs)).map_err(|error| (StatusCode::BAD_REQUEST, error))
}

/// The media type of what is answered, and who asks.
fn admitted(headers: &HeaderMap, extensions: &Extensions) -> Result<(Media, Identity), Response> {
    let Some(media) = Media::accepted(headers) else {
        let message = format!("Accept: expected {JSON} or {GRAPHQL_RESPONSE}");
        return Err(answer(StatusCode::NOT_ACCEPTABLE, Media::Json, &only(refused("NOT_ACCEPTABLE", &message))));
    };
    identity(headers, extensions).map(|identity| (media, identity)).map_err(|reply| refusal(&reply))
}

/// The answer to what is asked by a body.
pub(crate) async fn write(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    extensions: Extensions,
    body: Bytes,
) -> Response {
    let (media, identity) = match admitted(&headers, &extensions) {
        Ok(admitted) => admitted,
        Err(response) => return response,
    };
    match asked_by_body(&headers, &body) {
        Ok(asked) => execute(&gateway, identity, asked, media, false).await,
        Err((status, error)) => answer(status, media, &only(error)),
    }
}

/// The answer to what is asked by a URI.
pub(crate) async fn read(gateway: &Arc<Gateway>, request: &Parts) -> Response {
    let (media, identity) = match admitted(&request.headers, &request.extensions) {
        Ok(admitted) => admitted,
        Err(response) => return response,
    };
    match asked_by_uri(&request.uri) {
        Ok(asked) => execute(gateway, identity, asked, media, true).await,
        Err((status, error)) => answer(status, media, &only(error)),
    }
}

async fn execute(
    gateway: &Arc<Gateway>,
    identity: Identity,
    asked: RawRequest,
    media: Media,
    by_get: bool,
) -> Response {
    let is_anonymous = identity.presented.is_none() && identity.guest.is_none();
    let not_accepted = |media| if media == Media::Json { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let Ready { operation, document, progress } = match ready(gateway, identity, asked) {
        Ok(ready) => ready,
        Err(error) => return answer(not_accepted(media), media, &only(error)),
    };
    let told = span_attributes(&document);
    match document.operation {
        OperationType::Mutation if by_get => {
            let error = refused("METHOD_NOT_ALLOWED", "a mutation is not executed by GET: POST it");
            let mut response = answer(StatusCode::METHOD_NOT_ALLOWED, media, &only(error));
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
            return response;
        }
        OperationType::Subscription => {
            let message = format!("subscriptions are told over WebSocket, and as events at {STREAM}");
            return answer(not_accepted(media), media, &only(refused("SUBSCRIPTION_NOT_SUPPORTED", &message)));
        }
        OperationType::Query | OperationType::Mutation => {}
    }
    let executed = gateway.graph.schema.execute(operation).await;
    let is_whole = executed.errors.is_empty();
    let status = if progress.is_executed() { StatusCode::OK } else { not_accepted(media) };
    let mut response = answer(status, media, &response_body(executed, &progress));
    response.extensions_mut().insert(told);
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("accept, authorization, vitrine-guest"));
    if by_get && document.trusted && is_anonymous && is_whole {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(SHARED));
    }
    response
}

/// What a request's span says of its operation. A name is told of documents that are known only: others' clients may have put anything there.
fn span_attributes(document: &Document) -> SpanAttributes {
    let mut attributes = vec![(GRAPHQL_OPERATION_TYPE, document.operation.to_string().into())];
    if let Some(name) = document.name.clone().filter(|_| document.trusted) {
        attributes.push((GRAPHQL_OPERATION_NAME, name.into()));
    }
    SpanAttributes(attributes)
}

/// Has the calls of what lasts belong to the trace that began it.
pub(crate) fn context() -> Context {
    // A deadline is of one request: each call of what lasts has its own.
    Context::current().with_deadline(None)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::{Media, check_content_type, liked};

    fn accepting(accept: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_str(accept).expect("a value"))])
    }

    #[test]
    fn what_is_liked_best_is_answered() {
        assert_eq!(Media::accepted(&HeaderMap::new()), Some(Media::Json));
        for (accept, media) in [
            ("*/*", Some(Media::Json)),
            ("application/json", Some(Media::Json)),
            ("application/graphql-response+json", Some(Media::GraphqlResponse)),
            ("application/graphql-response+json, application/json;q=0.9", Some(Media::GraphqlResponse)),
            ("application/json, application/graphql-response+json;q=0.9", Some(Media::Json)),
            ("application/*;q=0.5, application/graphql-response+json", Some(Media::GraphqlResponse)),
            ("text/html", None),
            ("application/json;q=0", None),
        ] {
            assert_eq!(Media::accepted(&accepting(accept)), media, "{accept}");
        }
        let browser = accepting("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
        assert!(liked(&browser, "text/html") > liked(&browser, "application/json"));
        let anything = accepting("*/*");
        assert_eq!(liked(&anything, "text/html"), liked(&anything, "application/json"));
    }

    #[test]
    fn bodies_are_json_in_utf_8() {
        let typed = |value: &str| {
            HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_str(value).expect("a value"))])
        };
        for good in ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=\"UTF-8\""] {
            assert!(check_content_type(&typed(good)).is_ok(), "{good}");
        }
        for bad in ["text/plain", "application/json; charset=latin1", "application/jsonp", ""] {
            assert!(check_content_type(&typed(bad)).is_err(), "{bad}");
        }
        assert!(check_content_type(&HeaderMap::new()).is_err());
    }
}
