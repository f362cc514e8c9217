//! What every request passes: trace and figures, CORS, a deadline, rate limit, preconditions, size limit, token and role.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{DefaultBodyLimit, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderName, Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower_http::cors::CorsLayer;
use vitrine_contracts::Problem;
use vitrine_contracts::services::GATEWAY;
use vitrine_platform_durability as durability;
use vitrine_platform_host::Host;
use vitrine_platform_http::{
    Origins, Peer, Refusal, Reply, RequestInfo, Router, conditional, faulted, network, nowhere, observe, plain_bodies,
    problem_errors, with_error_format,
};
use vitrine_platform_telemetry::Context;

use crate::oauth::oauth_error;
use crate::tokens::Caller;
use crate::{Gateway, graph, intake};

/// How long a request may take in all.
const DEADLINE: Duration = Duration::from_secs(15);

/// The longest problem document that is said in other words, in bytes.
const MAX_PROBLEM_BYTES: usize = 64 << 10;
/// Where programs speak OAuth.
const OAUTH: &[&str] = &["/oauth2/token", "/oauth2/revoke"];
/// Where people sign in: the one place that looks at a cookie.
pub(crate) const AUTHORIZE: &str = "/oauth2/authorize";
/// How the headers begin by which browsers are told what pages may do.
const CORS: &str = "access-control-";

/// Who may use an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everyone.
    Public,
    /// Someone who buys.
    Customer,
    /// Someone who sells, or who runs the shop.
    Seller,
    /// Someone who sells.
    Promoter,
    /// Who runs the shop.
    Admin,
}

impl Access {
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Public => "For everyone.",
            Self::Customer => "For customers.",
            Self::Seller => "For promoters and admins.",
            Self::Promoter => "For promoters.",
            Self::Admin => "For admins.",
        }
    }

    pub(crate) fn admits(self, caller: &Caller) -> bool {
        match self {
            Self::Public => true,
            Self::Customer => caller.has("customer"),
            Self::Seller => caller.has("promoter") || caller.has("admin"),
            Self::Promoter => caller.has("promoter"),
            Self::Admin => caller.has("admin"),
        }
    }
}

/// Puts everything around the routes that holds for all of them.
pub(crate) fn around(operations: Router<Arc<Gateway>>, gateway: &Arc<Gateway>, host: &Host) -> Result<Router, Problem> {
    let (telemetry, edge) = (host.telemetry(GATEWAY), host.edge(GATEWAY));
    let max_body = usize::try_from(gateway.config.max_body_bytes).unwrap_or(usize::MAX);
    let pages = crate::oauth::router().merge(crate::page::router()).layer(from_fn(conditional));
    let routes = plain_bodies(operations.merge(pages).merge(graph::router())).merge(intake::router());
    let limited = nowhere(routes, problem_errors)
        // Not behind a guard: what is not possible for anybody needs no token to be told.
        .method_not_allowed_fallback(async || StatusCode::METHOD_NOT_ALLOWED)
        .layer(DefaultBodyLimit::max(max_body))
        .layer(from_fn_with_state(gateway.clone(), limit))
        .layer(from_fn(with_oauth_errors))
        .layer(from_fn(graph::with_graphql_errors));
    Ok(with_error_format(limited, words)
        .layer(cors(&gateway.config.cors_origins)?)
        .layer(from_fn(closed_to_pages))
        .layer(from_fn(settled))
        .layer(from_fn(deadline))
        .layer(from_fn(move |request: Request, next: Next| faulted(edge.clone(), request, next)))
        .layer(from_fn(move |request: Request, next: Next| observe(telemetry.clone(), request, next)))
        .with_state(gateway.clone()))
}

/// Tells browsers nothing that lets other sites' pages read what a cookie opens. All else rests on a token that the page itself must have,
/// so every origin may be let in there.
async fn closed_to_pages(request: Request, next: Next) -> Response {
    let rests_on_a_cookie = request.uri().path() == AUTHORIZE;
    let mut response = next.run(request).await;
    if rests_on_a_cookie {
        let headers = response.headers_mut();
        let told: Vec<HeaderName> = headers.keys().filter(|name| name.as_str().starts_with(CORS)).cloned().collect();
        told.iter().for_each(|name| drop(headers.remove(name)));
    }
    response
}

/// OAuth clients read errors as RFC 6749, section 5.2, has them, and GraphQL's as it has them; everyone else gets a problem document.
fn words(asked: &RequestInfo, refusal: &Refusal) -> Response {
    let path = asked.uri.path();
    if graph::is_graphql(path) {
        return graph::error_format(asked, refusal);
    }
    if !OAUTH.contains(&path) {
        return problem_errors(asked, refusal);
    }
    oauth_errors(refusal.status, &refusal.message, Some((&refusal.field, refusal.expected)))
}

/// What is wrong, and where something else was expected, if that is known.
fn oauth_errors(status: StatusCode, message: &str, at: Option<(&str, &str)>) -> Response {
    let error = match status {
        // A caller that is told of an invalid request does not send it again.
        StatusCode::TOO_MANY_REQUESTS => "temporarily_unavailable",
        status if status.is_server_error() => "server_error",
        _ => "invalid_request",
    };
    let told = match at {
        Some((field, expected)) => format!("{message}; {field}: expected {expected}"),
        None => message.to_owned(),
    };
    (status, oauth_error(error, &told)).into_response()
}

/// Says to OAuth clients in their words, too, what is refused before an endpoint is reached: too many requests, a precondition.
async fn with_oauth_errors(request: Request, next: Next) -> Response {
    let is_oauth = OAUTH.contains(&request.uri().path());
    let response = next.run(request).await;
    let content_type = response.headers().get(header::CONTENT_TYPE);
    if !is_oauth || content_type.is_none_or(|value| value != "application/problem+json") {
        return response;
    }
    let (head, body) = response.into_parts();
    let problem = axum::body::to_bytes(body, MAX_PROBLEM_BYTES).await.unwrap_or_default();
    let problem = serde_json::from_slice::<serde_json::Value>(&problem).unwrap_or_default();
    let message = problem["detail"].as_str().unwrap_or("the request is refused");
    let mut response = oauth_errors(head.status, message, problem["field"].as_str().zip(problem["expected"].as_str()));
    if let Some(pause) = head.headers.get(header::RETRY_AFTER) {
        response.headers_mut().insert(header::RETRY_AFTER, pause.clone());
    }
    response
}

fn cors(origins: &[String]) -> Result<CorsLayer, Problem> {
    let origins = Origins::parse(origins).map_err(|message| {
        Problem::invalid("gateway.cors_origins", "origins such as https://shop.example", &message)
    })?;
    let own = |name| HeaderName::from_static(name);
    Ok(CorsLayer::new()
        .allow_origin(origins.allow())
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_MATCH,
            header::IF_NONE_MATCH,
            own("idempotency-key"),
            own(graph::GUEST),
            own("traceparent"),
            own("baggage"),
        ])
        .expose_headers([header::ETAG, header::LOCATION, header::RETRY_AFTER, own("x-trace-id")])
        .max_age(Duration::from_secs(3600)))
}

/// Nothing is answered before all that the answer rests on is on disk: waited for once, however many services were asked.
async fn settled(request: Request, next: Next) -> Response {
    let answered = durability::settled(next.run(request)).await;
    answered.unwrap_or_else(|e| Reply::from(Problem::from(e)).into_response())
}

async fn deadline(request: Request, next: Next) -> Response {
    Context::current().with_deadline(Some(Instant::now() + DEADLINE)).scope(next.run(request)).await
}

/// The outcome of looking at a request's token: none given, or who it stands for, or why it does not.
#[derive(Clone)]
struct Presented(Option<Result<Caller, Reply>>);

/// Verifies the token, if there is one, and lets no client make too many requests. Who is known by a token counts by name, everyone else
/// by address: with a token that is not known yet, before anything is done about it, because it may be forged.
async fn limit(State(gateway): State<Arc<Gateway>>, mut request: Request, next: Next) -> Response {
    let bearer = bearer_of(request.headers());
    let remembered = bearer.as_ref().and_then(|token| gateway.tokens.remembered(token.as_ref().ok()?));
    let client = match (&bearer, &remembered) {
        (_, Some(caller)) => format!("client:{}", caller.id),
        // Apart from those without any token, who would else lock out one who signs in at the same address.
        (Some(_), None) => format!("unverified:{}", address(request.extensions())),
        (None, None) => format!("client:{}", address(request.extensions())),
    };
    let config = &gateway.config;
    let decision = gateway.cache.limit(&client, config.rate_per_s, config.rate_burst).await;
    if !decision.allowed {
        let expected = format!("at most {} requests a second", config.rate_per_s);
        return Reply::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", "too many requests: wait a second")
            .at("rate", &expected)
            .into_response();
    }
    let presented = match (bearer, remembered) {
        (None, _) => None,
        (Some(_), Some(caller)) => Some(Ok(caller)),
        (Some(Ok(token)), None) => Some(gateway.tokens.verify(token).await),
        (Some(Err(reply)), None) => Some(Err(reply)),
    };
    request.extensions_mut().insert(Presented(presented));
    next.run(request).await
}

/// Where a request comes from: one client as the listener counts them.
fn address(extensions: &Extensions) -> String {
    extensions.get::<Peer>().map_or_else(|| "unknown".to_owned(), |peer| network(peer.0.ip()).to_string())
}

/// Whether a request is from someone who sells, or who runs the shop.
pub(crate) fn sells(extensions: &Extensions) -> bool {
    let presented = extensions.get::<Presented>().and_then(|p| p.0.as_ref());
    presented.is_some_and(|who| who.as_ref().is_ok_and(|caller| Access::Seller.admits(caller)))
}

/// Who a request's token stands for, if it has one; it may have been revoked.
pub(crate) fn presented(extensions: &Extensions) -> Option<Result<Caller, Reply>> {
    extensions.get::<Presented>()?.0.clone()
}

/// The token of the Authorization header, if there is one; an error, if it is none or there are several.
pub(crate) fn bearer_of(headers: &HeaderMap) -> Option<Result<&str, Reply>> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let value = given.next()?;
    let token = value.to_str().ok().filter(|_| given.next().is_none()).and_then(bearer);
    Some(token.ok_or_else(|| {
        Reply::from(Problem::unauthenticated("INVALID_TOKEN", "the Authorization header is not one bearer token"))
            .at("Authorization", "Bearer and an access token from /oauth2/token")
    }))
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Lets a request to its operation, if its caller may.
pub(crate) async fn admit(
    State((gateway, access)): State<(Arc<Gateway>, Access)>,
    mut request: Request,
    next: Next,
) -> Response {
    if access == Access::Public {
        return next.run(request).await;
    }
    let presented = request.extensions().get::<Presented>().and_then(|p| p.0.clone());
    let caller = match presented {
        Some(Ok(caller)) => caller,
        Some(Err(reply)) => return reply.into_response(),
        None => {
            return Reply::from(Problem::unauthenticated("TOKEN_REQUIRED", "this needs an access token"))
                .at("Authorization", "Bearer and an access token from /oauth2/token")
                .into_response();
        }
    };
    if let Err(reply) = gateway.tokens.check_active(&caller).await {
        return reply.into_response();
    }
    if !access.admits(&caller) {
        return Reply::from(Problem::permission_denied(access.meaning())).into_response();
    }
    request.extensions_mut().insert(caller);
    next.run(request).await
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Reply;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Reply> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Problem::internal().into())
    }
}
