//! The storefront's routes before the gateway's.

use std::sync::Arc;

use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;
use tower::ServiceExt as _;
use vitrine_platform_http::{Router, conditional, observe};
use vitrine_platform_telemetry::Service;

use crate::graph::Caller;
use crate::pages::{KEYS, View, wants_html};
use crate::routes::{Parameters, Route, currency};
use crate::{Storefront, browsers, forms, measuring, sitemap, widget};

/// Where the gateway speaks to programs, which read no pages.
const FOR_PROGRAMS: [&str; 6] = ["/api/", "/v1/", "/analytics/v1/", "/oauth2/", "/graphql", "/.well-known/"];

/// Puts the storefront's routes before the gateway's.
pub(crate) fn before(gateway: Router, storefront: Arc<Storefront>, telemetry: Service) -> Router {
    let mut router = Router::new();
    for route in &storefront.routes.0 {
        let route = Arc::new(route.clone());
        let path = route.path.clone();
        let page =
            get(async move |State(storefront): State<Arc<Storefront>>, parts: Path<Parameters>, request: Request| {
                show(&storefront, route, parts.0, request).await
            });
        router = router.route(&path, page);
    }
    let forms = Router::new()
        .route("/cart", post(forms::cart::change))
        .route("/sign-in", post(forms::sign::sign_in))
        .route("/sign-up", post(forms::sign::sign_up))
        .route("/sign-out", post(forms::sign::sign_out))
        .route("/checkout", post(forms::checkout::destination))
        .route("/checkout/pay", post(forms::checkout::pay))
        .route("/account", post(forms::account::change))
        .route("/region", post(forms::region::choose))
        .route("/challenge/{id}", post(forms::challenge::answer))
        .route("/orders/{id}", post(forms::checkout::cancel))
        .route(KEYS, post(forms::promoter_keys::change));
    // What only describes a page is no work of the shop's: it has no span of its own.
    let untold = Router::new().route("/telemetry/v1/traces", post(browsers::take));
    router
        .merge(forms)
        .route_layer(from_fn_with_state(storefront.clone(), browsers::traced))
        .merge(widget::routes())
        .route("/session", get(session))
        .route("/consent", post(measuring::answer))
        .route("/visit", get(measuring::look))
        .route("/assets/{file}", get(file))
        .route("/icon.svg", get(file))
        .route("/sw.js", get(file))
        .route("/favicon.ico", get(async || StatusCode::NO_CONTENT))
        .route("/robots.txt", get(sitemap::robots))
        .route("/sitemap.xml", get(sitemap::sitemap))
        .route_layer(from_fn(conditional))
        .route_layer(from_fn(move |request: Request, next: Next| observe(telemetry.clone(), request, next)))
        .route_layer(from_fn(measuring::carried))
        .merge(untold)
        .fallback(async move |State(storefront): State<Arc<Storefront>>, request: Request| {
            otherwise(&storefront, gateway, request).await
        })
        .with_state(storefront)
}

async fn show(storefront: &Arc<Storefront>, route: Arc<Route>, parts: Parameters, request: Request) -> Response {
    let view = view(route, parts, &request);
    let (headers, extensions) = (request.headers(), request.extensions());
    let visitor = storefront.sessions.visitor(&storefront.graph, headers, extensions).await;
    storefront.show(view, headers, visitor).await
}

/// The page that a request is about.
pub(crate) fn view(route: Arc<Route>, parts: Parameters, request: &Request) -> View {
    let query = Query::<Parameters>::try_from_uri(request.uri()).map(|query| query.0).unwrap_or_default();
    let currency = currency(&query);
    View { query: route.known(query), path: request.uri().path().to_owned(), route, parts, currency }
}

/// Who looks, and how many pieces are in their cart: for pages that are the same for everyone.
async fn session(State(storefront): State<Arc<Storefront>>, request: Request) -> Response {
    let visitor = storefront.sessions.visitor(&storefront.graph, request.headers(), request.extensions()).await;
    let cart = storefront.cart_count(&visitor).await;
    let told = [(header::CACHE_CONTROL, "private, no-store")];
    (told, axum::Json(json!({"name": visitor.name, "cart": cart, "country": visitor.country}))).into_response()
}

async fn file(State(storefront): State<Arc<Storefront>>, request: Request) -> Response {
    let found = storefront.bundle.response(request.uri().path(), request.headers());
    found.unwrap_or_else(|| StatusCode::NOT_FOUND.into_response())
}

/// What the gateway answers; where it has nothing for one who looks with a browser, a page that says so.
async fn otherwise(storefront: &Storefront, gateway: Router, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let shows_page = wants_html(request.headers()) && !FOR_PROGRAMS.iter().any(|start| path.starts_with(start));
    let caller = Caller::at(request.extensions());
    let answer = match gateway.oneshot(request).await {
        Ok(answer) => answer,
        Err(never) => match never {},
    };
    if shows_page && answer.status() == StatusCode::NOT_FOUND {
        return storefront.not_found(&path, caller).await;
    }
    answer
}
