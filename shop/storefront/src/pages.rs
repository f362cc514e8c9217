//! Pages: what they ask is asked side by side, then they are drawn.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use futures::future::join_all;
use serde::Serialize;
use serde_json::{Map, Value};
use thiserror::Error as ThisError;
use vitrine_kit::id;
use vitrine_platform_http::SpanAttributes;
use vitrine_platform_telemetry::semconv::ERROR_TYPE;
use vitrine_platform_telemetry::span;
use vitrine_platform_web::{accepts_encoding, with_frame_policies, with_policies};

use crate::Storefront;
use crate::browsers::SERVER_TIMING;
use crate::engine::{self, Drawn};
use crate::graph::{self, Caller};
use crate::page_cache::{Lookup, Page};
use crate::routes::{Access, Need, Parameters, Route, address};
use crate::session::Visitor;

/// Pages that are the same for everyone, for whoever stands in front of us.
const SHARED: &str = "public, max-age=0, s-maxage=1, stale-while-revalidate=60";
/// Where promoters see their keys.
pub(crate) const KEYS: &str = "/account/keys";
const PRIVATE: &str = "private, no-store";
/// After so many seconds it is worth another try.
const RETRY_AFTER_S: u32 = 1;
/// The page that needs nothing: where even the engine fails.
const LAST_RESORT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Something broke · Vitrine</title>\
     <h1>Something broke</h1><p>Nothing was bought or lost. <a href=\"\">Try again</a> in a moment.</p></html>";
const CART_COUNT: &str = "query Visitor { cart { totalQuantity } }";

/// The page that may stand in a frame: of pages of this site.
const FRAMED: &str = "challenge";
const OWN_SITE: &str = "'self'";

/// What the build says about scripts, styles and fonts; the page's own script reads it.
pub(crate) type Assets = Value;

/// Why there is no page.
#[derive(Debug, ThisError)]
pub(crate) enum Error {
    #[error("the page's data could not be read")]
    Graph(#[from] graph::Error),
    #[error("the page could not be drawn")]
    Engine(#[from] engine::Error),
}

/// What became of a form that is shown again. Secrets are not among the values.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Form {
    pub(crate) values: Parameters,
    pub(crate) message: String,
    /// Why it was refused, for programs.
    pub(crate) code: Option<String>,
    pub(crate) field: Option<String>,
}

/// A page that someone wants to see.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) route: Arc<Route>,
    /// As the browser shows it.
    pub(crate) path: String,
    /// The variable parts of it.
    pub(crate) parts: Parameters,
    pub(crate) query: Parameters,
    pub(crate) currency: &'static str,
}

impl View {
    /// The address under which it is found again: what the cache knows the page by, too.
    pub(crate) fn address(&self) -> String {
        let query: Vec<_> = self.query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        address(&self.path, &query, self.currency)
    }
}

#[derive(Serialize)]
struct QueryResult<'a> {
    operation: &'a str,
    variables: Map<String, Value>,
    data: Value,
}

#[derive(Serialize)]
struct Looking<'a> {
    name: Option<&'a str>,
    cart: u64,
    country: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Input<'a> {
    page: &'a str,
    path: &'a str,
    query: &'a Parameters,
    origin: &'a str,
    currency: &'a str,
    results: Vec<QueryResult<'a>>,
    visitor: Option<Looking<'a>>,
    form: Option<&'a Form>,
    idempotency_key: Option<String>,
    assets: &'a Assets,
}

impl Storefront {
    /// The answer to one who wants to see a page.
    pub(crate) async fn show(self: &Arc<Self>, view: View, headers: &HeaderMap, visitor: Visitor) -> Response {
        match view.route.access {
            Access::Everyone => self.show_shared(view, headers, visitor.caller).await,
            Access::Customer if !visitor.is_customer() => to_sign_in(&view),
            Access::Visitor | Access::Customer if wants_json(headers) => self.data(&view, &visitor).await,
            Access::Visitor | Access::Customer => self.show_own(&view, &visitor, None).await,
        }
    }

    async fn show_shared(self: &Arc<Self>, view: View, headers: &HeaderMap, caller: Caller) -> Response {
        // What a customer or a guest is told must not be told to everyone.
        let anyone = caller.unknown();
        let draw = || {
            let (storefront, view, context) =
                (self.clone(), view.clone(), vitrine_platform_telemetry::Context::current());
            let visitor = Visitor { caller: anyone, ..Visitor::default() };
            context.scope(async move { storefront.draw(&view, &visitor, None).await })
        };
        match self.cache.get(view.address(), draw).await {
            Ok((page, found)) => shared(&page, found, headers),
            Err(Error::Graph(graph::Error::Invalid(_))) => self.not_found(&view.path, caller).await,
            Err(error) => self.sorry(&view.path, &error).await,
        }
    }

    /// The answer to one who wants to see a page of their own, perhaps with a form as it was sent.
    pub(crate) async fn show_own(&self, view: &View, visitor: &Visitor, form: Option<&Form>) -> Response {
        match self.draw(view, visitor, form).await {
            Ok(drawn) if view.route.page == FRAMED => with_frame_policies(own(drawn), &[OWN_SITE.to_owned()]),
            Ok(drawn) => own(drawn),
            Err(Error::Graph(graph::Error::NotSignedIn)) => to_sign_in(view),
            // Promoters have keys, and nothing of what customers have.
            Err(Error::Graph(graph::Error::NotAllowed)) if view.path != KEYS => see_other(KEYS),
            Err(Error::Graph(graph::Error::Invalid(_))) => self.not_found(&view.path, visitor.caller.clone()).await,
            Err(error) => self.sorry(&view.path, &error).await,
        }
    }

    /// The data of a page alone, for one that is shown already.
    async fn data(&self, view: &View, visitor: &Visitor) -> Response {
        match self.answers(&view.route.needs, view, &visitor.caller).await {
            Ok(answers) => ([(header::CACHE_CONTROL, PRIVATE)], axum::Json(answers)).into_response(),
            Err(graph::Error::NotSignedIn) => StatusCode::UNAUTHORIZED.into_response(),
            Err(graph::Error::NotAllowed) => StatusCode::FORBIDDEN.into_response(),
            Err(graph::Error::TooMany) => StatusCode::TOO_MANY_REQUESTS.into_response(),
            Err(graph::Error::Invalid(_)) => StatusCode::NOT_FOUND.into_response(),
            Err(graph::Error::Failed(_)) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        }
    }

    /// The page that says that there is nothing here.
    pub(crate) async fn not_found(&self, path: &str, caller: Caller) -> Response {
        let view = self.plain("not-found", path);
        let visitor = Visitor { caller: caller.unknown(), ..Visitor::default() };
        match self.draw(&view, &visitor, None).await {
            Ok(drawn) => own(drawn),
            Err(error) => self.sorry(path, &error).await,
        }
    }

    /// The page that says that something went wrong.
    pub(crate) async fn sorry(&self, path: &str, error: &Error) -> Response {
        let status = match error {
            Error::Graph(graph::Error::TooMany) => StatusCode::TOO_MANY_REQUESTS,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        let cause = std::error::Error::source(error).unwrap_or(error).to_string();
        tracing::warn!(error = %cause, "a page was not shown");
        let view = self.plain("sorry", path);
        let answers = view.route.needs.iter().map(|need| {
            let (operation, variables) = (need.operation.as_str(), Map::new());
            QueryResult { operation, variables, data: Value::Null }
        });
        let drawn = self.draw_of(&view, answers.collect(), None, None).await;
        let html = drawn.map_or_else(|_| LAST_RESORT.to_owned(), |drawn| drawn.html);
        let told = [(header::RETRY_AFTER, RETRY_AFTER_S.to_string()), (header::CACHE_CONTROL, PRIVATE.to_owned())];
        with_policies((status, told, Html(html)).into_response())
    }

    /// A page without a place of its own.
    fn plain(&self, page: &str, path: &str) -> View {
        let needs = self.routes.around().to_vec();
        let route = Route { path: String::new(), page: page.to_owned(), access: Access::Everyone, needs };
        let (parts, query) = (Parameters::new(), Parameters::new());
        View {
            route: Arc::new(route),
            path: path.to_owned(),
            parts,
            query,
            currency: crate::routes::currency(&Parameters::new()),
        }
    }

    async fn draw(&self, view: &View, visitor: &Visitor, form: Option<&Form>) -> Result<Drawn, Error> {
        let is_own = view.route.access != Access::Everyone;
        let looking = async { if is_own { Some(self.cart_count(visitor).await) } else { None } };
        let (answers, cart) = tokio::join!(self.answers(&view.route.needs, view, &visitor.caller), looking);
        let looking =
            cart.map(|cart| Looking { name: visitor.name.as_deref(), cart, country: visitor.country.as_deref() });
        self.draw_of(view, answers?, looking, form).await
    }

    async fn draw_of(
        &self,
        view: &View,
        results: Vec<QueryResult<'_>>,
        visitor: Option<Looking<'_>>,
        form: Option<&Form>,
    ) -> Result<Drawn, Error> {
        let input = Input {
            page: &view.route.page,
            path: &view.path,
            query: &view.query,
            origin: &self.url,
            currency: view.currency,
            results,
            visitor,
            form,
            idempotency_key: (view.route.page == "pay").then(|| id::new("buy")),
            assets: &self.assets,
        };
        let input = serde_json::to_string(&input).map_err(|e| engine::Error::Script(e.to_string()))?;
        let mut span = span("ssr.render").attr("vitrine.ssr.engine", self.engine.name());
        let drawn = self.engine.draw(input).await;
        match &drawn {
            Ok(drawn) => span.set("vitrine.ssr.size", i64::try_from(drawn.html.len()).unwrap_or(i64::MAX)),
            Err(error) => {
                span.set(ERROR_TYPE, error.kind());
                span.error("the page was not drawn");
            }
        }
        Ok(drawn?)
    }

    async fn answers<'a>(
        &self,
        needs: &'a [Need],
        view: &View,
        caller: &Caller,
    ) -> Result<Vec<QueryResult<'a>>, graph::Error> {
        let questions = needs.iter().map(|need| async move {
            let variables = need.variables(&view.parts, &view.query, view.currency);
            let data = match self.graph.ask(caller, &need.document, variables.clone()).await {
                Ok(data) => data,
                Err(error) if need.optional => {
                    tracing::debug!(operation = need.operation, %error, "a page does without something");
                    Value::Null
                }
                Err(error) => return Err(error),
            };
            Ok(QueryResult { operation: &need.operation, variables, data })
        });
        join_all(questions).await.into_iter().collect()
    }

    /// How many pieces are in someone's cart; none where that cannot be known.
    pub(crate) async fn cart_count(&self, visitor: &Visitor) -> u64 {
        if visitor.caller.token.is_none() && visitor.caller.guest.is_none() {
            return 0;
        }
        let counted = self.graph.ask(&visitor.caller, CART_COUNT, Map::new()).await;
        counted.ok().and_then(|data| data["cart"]["totalQuantity"].as_u64()).unwrap_or_default()
    }
}

/// Whether a script asks, and not a browser that shows a page.
pub(crate) fn wants_json(headers: &HeaderMap) -> bool {
    accepts(headers, "application/json") && !wants_html(headers)
}

pub(crate) fn wants_html(headers: &HeaderMap) -> bool {
    accepts(headers, "text/html")
}

fn accepts(headers: &HeaderMap, kind: &str) -> bool {
    headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accepted| accepted.contains(kind))
}

/// Sends a customer who is none to sign in, and then on to where they were going.
pub(crate) fn to_sign_in(view: &View) -> Response {
    see_other(&address("/sign-in", &[("next", &view.address())], view.currency))
}

/// Sends a browser on with a GET.
pub(crate) fn see_other(to: &str) -> Response {
    let headers = [(header::LOCATION, to), (header::CACHE_CONTROL, PRIVATE)];
    (StatusCode::SEE_OTHER, headers).into_response()
}

fn own(drawn: Drawn) -> Response {
    let status = StatusCode::from_u16(drawn.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    with_policies((status, [(header::CACHE_CONTROL, PRIVATE)], Html(drawn.html)).into_response())
}

fn shared(page: &Page, found: Lookup, asked: &HeaderMap) -> Response {
    let accepted = asked.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_packed = accepts_encoding(accepted, "gzip");
    let status = StatusCode::from_u16(page.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = if is_packed { &page.gzip } else { &page.html };
    let mut response = (status, Html(body.clone())).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(SHARED));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::ETAG, page.etags[usize::from(is_packed)].clone());
    if let Ok(told) = HeaderValue::try_from(format!("cache;desc={}", found.name())) {
        headers.insert(SERVER_TIMING, told);
    }
    if is_packed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response.extensions_mut().insert(SpanAttributes(vec![("vitrine.page.cache", found.name().into())]));
    with_policies(response)
}
