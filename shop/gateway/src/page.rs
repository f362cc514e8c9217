//! The page at `/`: the catalog to look at, and the way to everything else. The storefront proper is a product of its
//! own.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use vitrine_contracts::catalog::v1::ListProductsRequest;
use vitrine_contracts::common::v1::PageRequest;
use vitrine_flags_client::Subject;
use vitrine_kit::html::escape;
use vitrine_platform_http::{Reply, Router};

use crate::Gateway;
use crate::browse::Reader;
use crate::dto::Product;
use crate::flags::ANNOUNCEMENT;

/// Most products on the page.
const PRODUCTS: u32 = 100;

const STYLE: &str = "\
:root{--ink:#1d3640;--pale:#eef5f6;--line:#cfe0e4;--glass:#2f7f8f}\
*{box-sizing:border-box}body{margin:0;background:var(--pale);color:var(--ink);font:16px/1.5 system-ui,sans-serif}\
a{color:var(--glass)}header{display:flex;flex-wrap:wrap;gap:1rem 2rem;align-items:baseline;padding:1.2rem clamp(1rem,4vw,3rem);background:#fff;border-bottom:1px solid var(--line)}\
header strong{letter-spacing:.25em;font-weight:600}header nav{display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;font-size:.95rem}\
main{padding:1.5rem clamp(1rem,4vw,3rem)}main.narrow{max-width:26rem;margin:6vh auto;background:#fff;border-radius:14px;padding:2rem}\
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(13rem,1fr));gap:1.2rem;padding:0;list-style:none}\
.grid a{display:block;height:100%;background:#fff;border-radius:14px;overflow:hidden;text-decoration:none;color:inherit;border:1px solid var(--line)}\
.grid a:hover,.grid a:focus-visible{border-color:var(--glass);box-shadow:0 6px 20px #1d364022}\
.grid img{width:100%;aspect-ratio:1;display:block;background:var(--pale)}.grid div{padding:.7rem .9rem 1rem}.grid h2{font-size:1rem;margin:0 0 .2rem;font-weight:600}\
.grid p{margin:0;color:#54707a;font-size:.9rem}label{display:block;margin:.8rem 0}input{display:block;width:100%;padding:.6rem;border:1px solid var(--line);border-radius:8px;font:inherit}\
button{margin-top:.6rem;padding:.6rem 1.4rem;border:0;border-radius:8px;background:var(--glass);color:#fff;font:inherit;cursor:pointer}.wrong{color:#a03030}\
nav a[aria-current]{font-weight:600;color:var(--ink)}\
@media(prefers-color-scheme:dark){:root{--ink:#dcebee;--pale:#10222a;--line:#29434d;--glass:#6cc0cf}header,main.narrow,.grid a{background:#172d36}.grid p{color:#9db7bf}input{background:#10222a;color:inherit}button{color:#10222a}}";

pub(crate) fn router() -> Router<Arc<Gateway>> {
    Router::new().route("/", get(home))
}

/// A whole page.
pub(crate) fn frame(title: &str, links: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{} - Vitrine</title><link rel=\"icon\" href=\"data:,\"><style>{STYLE}</style></head><body><header><strong><a href=\"/\" style=\"text-decoration:none;color:inherit\">VITRINE</a></strong>\
         <nav>{links}</nav></header>{body}</body></html>",
        escape(title)
    )
}

#[derive(Deserialize)]
struct HomeQuery {
    category: Option<String>,
}

async fn home(
    State(gateway): State<Arc<Gateway>>,
    reader: Reader,
    Query(query): Query<HomeQuery>,
) -> Result<Response, Reply> {
    let category = query.category.unwrap_or_default();
    let page = Some(PageRequest { size: PRODUCTS, cursor: String::new() });
    let request = ListProductsRequest { category: category.clone(), page, ..ListProductsRequest::default() };
    let products = gateway.browse.list(reader, request).await?.products;
    let categories = gateway.browse.categories(reader).await?.categories;
    let mut links: String = categories
        .iter()
        .map(|c| {
            let current = if c.slug == category { " aria-current=\"page\"" } else { "" };
            format!("<a href=\"/?category={}\"{current}>{}</a>", escape(&c.slug), escape(&c.name))
        })
        .collect();
    links.push_str("<a href=\"/api/v1/openapi.json\">API</a><a href=\"/graphql\">GraphQL</a>");
    if !gateway.config.observe_url.is_empty() {
        links.push_str(&format!("<a href=\"{}\">Traces</a>", escape(gateway.config.observe_url.as_str())));
    }
    let cards: String = products.into_iter().map(|p| card(&p.into())).collect();
    let announcement = match gateway.flags.read(&ANNOUNCEMENT, &Subject::ANYONE) {
        text if text.is_empty() => String::new(),
        text => format!("<p role=\"status\">{}</p>", escape(&text)),
    };
    let body = format!("<main>{announcement}<ul class=\"grid\">{cards}</ul></main>");
    let policy = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:";
    Ok(([(header::CONTENT_SECURITY_POLICY, policy)], Html(frame("A shop made of glass", &links, &body)))
        .into_response())
}

fn card(product: &Product) -> String {
    let left = match product.available {
        0 => "sold out".to_owned(),
        n @ 1..=24 => format!("{n} left"),
        _ => "in stock".to_owned(),
    };
    format!(
        "<li><a href=\"/api/v1/products/{id}\"><img src=\"{picture}\" alt=\"\" loading=\"lazy\" width=\"240\" height=\"240\"><div><h2>{name}</h2><p>{price} &middot; {left}</p></div></a></li>",
        id = escape(&product.id),
        picture = escape(&product.picture),
        name = escape(&product.name),
        price = escape(&product.price.to_string()),
    )
}
