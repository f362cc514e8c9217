//! What search engines are told: which pages there are, and which are no one's business.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use vitrine_kit::html::escape;

use crate::Storefront;
use crate::engine::Drawn;
use crate::graph::{Caller, Graph};
use crate::pages::Error;

/// Most products of a sitemap; its format ends at 50,000.
const MAX_PRODUCTS: usize = 5000;
const DOCUMENT: &str = "query Sitemap($after: String) { categories { slug } \
     products(first: 100, after: $after) { nodes { slug promoter { id } } pageInfo { hasNextPage endCursor } } }";

pub(crate) async fn robots(State(storefront): State<Arc<Storefront>>) -> Response {
    let hidden =
        ["/cart", "/checkout", "/account", "/mailbox", "/orders/", "/sign-in", "/sign-up", "/session", "/search?"];
    let hidden: String = hidden.iter().map(|path| format!("Disallow: {path}\n")).collect();
    let text = format!("User-agent: *\n{hidden}Sitemap: {}/sitemap.xml\n", storefront.url);
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

/// Every page that is for everyone. Kept like a page.
pub(crate) async fn sitemap(State(storefront): State<Arc<Storefront>>, request: Request) -> Response {
    let caller = Caller::at(request.extensions());
    let made = {
        let storefront = storefront.clone();
        async move { make(&storefront.graph, &storefront.url, &caller).await }
    };
    match storefront.cache.get("/sitemap.xml".to_owned(), || made).await {
        Ok((page, _)) => ([(header::CONTENT_TYPE, "application/xml")], page.html.clone()).into_response(),
        Err(error) => storefront.sorry("/sitemap.xml", &error).await,
    }
}

async fn make(graph: &Graph, url: &str, caller: &Caller) -> Result<Drawn, Error> {
    let slugs = |list: &Value| -> Vec<String> {
        let all = list.as_array().map(Vec::as_slice).unwrap_or_default();
        all.iter().filter_map(|item| item["slug"].as_str().map(str::to_owned)).collect()
    };
    let (mut paths, mut promoters, mut after) = (vec!["/".to_owned()], BTreeSet::new(), Value::Null);
    loop {
        let data = graph.ask(caller, DOCUMENT, Map::from_iter([("after".to_owned(), json!(after))])).await?;
        if after.is_null() {
            paths.extend(slugs(&data["categories"]).into_iter().map(|slug| format!("/c/{slug}")));
        }
        let products = &data["products"]["nodes"];
        paths.extend(slugs(products).into_iter().map(|slug| format!("/p/{slug}")));
        let sellers = products.as_array().map(Vec::as_slice).unwrap_or_default();
        promoters.extend(sellers.iter().filter_map(|product| product["promoter"]["id"].as_str().map(str::to_owned)));
        let info = &data["products"]["pageInfo"];
        if info["hasNextPage"] != true || paths.len() >= MAX_PRODUCTS {
            break;
        }
        after = info["endCursor"].clone();
    }
    paths.extend(promoters.into_iter().map(|id| format!("/promoters/{id}")));
    let mut html =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n"
            .to_owned();
    for path in paths {
        // Writing to a String cannot fail.
        let _ = writeln!(html, "<url><loc>{}</loc></url>", escape(&format!("{url}{path}")));
    }
    html.push_str("</urlset>\n");
    Ok(Drawn { status: 200, html })
}
