//! The widget that promoters put into their own pages: the script that draws its button, what it offers there, and the frame in which all is
//! typed that the page around must not see. A promoter's key names the pages that may show it; the browser holds them to it.

mod refusal;

use std::sync::Arc;

use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Value, json};
use vitrine_kit::html::escape;
use vitrine_platform_http::Router;
use vitrine_platform_web::with_frame_policies;

use crate::Storefront;
use crate::forms::variables;
use crate::graph::{self, Caller};
use crate::routes::{Parameters, currency};

use refusal::Refusal;

/// The script, under an address that stays: pages that have it get what is new within this time.
const SCRIPT: &str = "/widget/v1.js";
const SCRIPT_LASTS: HeaderValue = HeaderValue::from_static("public, max-age=300");
/// Price and stock are live: what lies between may give the same answer to many who ask at once.
const OFFER_LASTS: HeaderValue = HeaderValue::from_static("public, max-age=1");
const NOT_KEPT: HeaderValue = HeaderValue::from_static("no-store");
/// The most that a page may ask to be bought at once; the frame's own script asks for less.
const MAX_QUANTITY: u32 = 999;
/// Every page may load the script, and read what is offered: it is no secret, and no cookie opens it.
const EVERYONE: HeaderValue = HeaderValue::from_static("*");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const CROSS_ORIGIN: HeaderValue = HeaderValue::from_static("cross-origin");

const OFFER: &str = "query Widget($key: ID!, $product: ID!, $currency: CurrencyCode) { origins: promoterKeyOrigins(id: $key) \
     product(id: $product) { id slug name kind available picture price(in: $currency) { text } event { text venue } } countries }";

/// What `make web` says of the frame's document.
#[derive(Deserialize)]
pub(crate) struct FrameAssets {
    script: String,
    styles: Vec<String>,
}

/// The routes.
pub(crate) fn routes() -> Router<Arc<Storefront>> {
    Router::new().route(SCRIPT, get(script)).route("/widget/v1/offer", get(offer)).route("/widget/v1/frame", get(frame))
}

async fn script(State(storefront): State<Arc<Storefront>>, headers: HeaderMap) -> Response {
    let Some(mut response) = storefront.bundle.response(SCRIPT, &headers) else {
        return Refusal::Failed.into_response();
    };
    let told = [
        (header::CACHE_CONTROL, SCRIPT_LASTS),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, EVERYONE),
        (RESOURCE_POLICY, CROSS_ORIGIN),
    ];
    for (name, value) in told {
        response.headers_mut().insert(name, value);
    }
    response
}

/// What a page may sell, and who may show it.
struct Sold {
    origins: Vec<String>,
    offer: Value,
    countries: Value,
}

/// Price and stock, for the button.
async fn offer(State(storefront): State<Arc<Storefront>>, request: Request) -> Response {
    let (asked, caller) = (query(&request), Caller::at(request.extensions()));
    let (head, _) = request.into_parts();
    let mut response = match sold(&storefront, &asked, caller).await {
        // Only browsers say where they come from, and only of other sites' pages.
        Ok(sold) if head.headers.get(header::ORIGIN).is_none_or(|origin| sold.is_for(origin.as_bytes())) => {
            ([(header::CACHE_CONTROL, OFFER_LASTS)], axum::Json(sold.offer)).into_response()
        }
        Ok(_) => Refusal::ForeignOrigin.into_response(),
        Err(refusal) => refusal.into_response(),
    };
    // Who is told what depends on who asks: what lies between must not mix them up.
    let told = [(header::ACCESS_CONTROL_ALLOW_ORIGIN, EVERYONE), (header::VARY, HeaderValue::from_static("origin"))];
    response.headers_mut().extend(told);
    response
}

/// The frame's document.
async fn frame(State(storefront): State<Arc<Storefront>>, request: Request) -> Response {
    let (asked, caller) = (query(&request), Caller::at(request.extensions()));
    let origin = asked.get("origin").map_or("", String::as_str);
    match sold(&storefront, &asked, caller).await {
        Ok(sold) if sold.is_for(origin.as_bytes()) => document(&storefront, &asked, &sold, origin),
        Ok(_) => Refusal::ForeignOrigin.page(),
        Err(refusal) => refusal.page(),
    }
}

fn query(request: &Request) -> Parameters {
    Query::<Parameters>::try_from_uri(request.uri()).map(|query| query.0).unwrap_or_default()
}

async fn sold(storefront: &Storefront, asked: &Parameters, caller: Caller) -> Result<Sold, Refusal> {
    let named = |name| asked.get(name).filter(|value| !value.is_empty()).map(String::as_str);
    let key = named("key").ok_or(Refusal::Missing("key", "a promoter's key, pk_ and what follows"))?;
    let product = named("product").ok_or(Refusal::Missing("product", "a product's id, prd_ and what follows"))?;
    let variables = variables([("key", key.into()), ("product", product.into()), ("currency", currency(asked).into())]);
    let mut data = storefront.graph.ask(&caller, OFFER, variables).await.map_err(|error| match error {
        graph::Error::TooMany => Refusal::TooMany,
        graph::Error::Invalid(_) => Refusal::UnknownProduct,
        graph::Error::NotSignedIn | graph::Error::NotAllowed | graph::Error::Failed(_) => Refusal::Failed,
    })?;
    let origins = Vec::<String>::deserialize(data["origins"].take()).map_err(|_| Refusal::UnknownKey)?;
    if data["product"].is_null() {
        return Err(Refusal::UnknownProduct);
    }
    Ok(Sold { origins, offer: offer_of(&data["product"]), countries: data["countries"].take() })
}

/// A product as the widget's script reads it.
fn offer_of(product: &Value) -> Value {
    let event = product["event"]["text"].as_str().zip(product["event"]["venue"].as_str());
    json!({
        "id": product["id"],
        "name": product["name"],
        "href": format!("/p/{}", product["slug"].as_str().unwrap_or_default()),
        "price": product["price"]["text"],
        "available": product["available"],
        "kind": product["kind"],
        "event": event.map(|(when, place)| format!("{when}, {place}")),
        "picture": product["picture"],
    })
}

impl Sold {
    fn is_for(&self, origin: &[u8]) -> bool {
        self.origins.iter().any(|known| known.as_bytes() == origin)
    }
}

fn document(storefront: &Storefront, asked: &Parameters, sold: &Sold, origin: &str) -> Response {
    let quantity = asked.get("quantity").and_then(|text| text.parse::<u32>().ok()).unwrap_or(1);
    let data = json!({
        "offer": sold.offer,
        "key": asked.get("key"),
        "origin": origin,
        "quantity": quantity.clamp(1, MAX_QUANTITY),
        "currency": currency(asked),
        "countries": sold.countries,
    });
    // Within a script element nothing but `<` can end it.
    let data = data.to_string().replace('<', "\\u003c");
    let FrameAssets { script, styles } = &storefront.frame;
    let styles: String =
        styles.iter().map(|path| format!("<link rel=\"stylesheet\" href=\"{}\">", escape(path))).collect();
    let title = escape(sold.offer["name"].as_str().unwrap_or_default());
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{title} · Vitrine</title>{styles}\
         <script type=\"module\" src=\"{}\"></script></head><body><div id=\"root\"></div>\
         <script type=\"application/json\" id=\"data\">{data}</script></body></html>",
        escape(script),
    );
    with_frame_policies(([(header::CACHE_CONTROL, NOT_KEPT)], Html(html)).into_response(), &sold.origins)
}
