//! Selling, and walking through what is sold.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use http::header::{IF_MATCH, IF_NONE_MATCH};
use http::{HeaderName, Method};
use serde_json::{Value, json};
use vitrine_shop_load::http::Call;
use vitrine_tests_testkit::{Customer, Shop};

fn workshop(seats: u32) -> Value {
    json!({
        "kind": "event", "name": "Glass harp evening", "description": "Thirty goblets, water and patience.", "category": "workshops",
        "tags": ["music"], "price": {"amount": "35.50", "currency": "EUR"}, "stock": seats,
        "event": {"starts_at": "2099-06-01T18:00:00Z", "duration_min": 90, "venue": "The cold shop"},
    })
}

pub(crate) async fn promoter(shop: &Shop) -> Result<Customer> {
    Customer::sign_in(&shop.anybody()?, "promoter@vitrine.example", "see-through-glass").await
}

pub(crate) async fn new_workshop(shop: &Shop, seats: u32) -> Result<String> {
    let made = promoter(shop).await?.api.expect(201, Method::POST, "/api/v1/products", Some(&workshop(seats))).await?;
    Ok(made["id"].as_str().context("id")?.to_owned())
}

pub(crate) async fn merchants_sell_their_own(shop: &Shop) -> Result<()> {
    let promoter = promoter(shop).await?;
    let key = HeaderName::from_static("idempotency-key");
    let create = Call::new(Method::POST, "/api/v1/products").header(key, "harp-1").json(&workshop(12));
    let made = promoter.api.send(create.clone()).await?;
    ensure!(made.status == 201, "{}", String::from_utf8_lossy(&made.body));
    let product = made.json();
    ensure!(product["promoter_id"] == "pro_demo" && product["available"] == 12, "{product}");
    ensure!(promoter.api.send(create).await?.json()["id"] == product["id"], "a repeat made another product");

    let path = format!("/api/v1/products/{}", product["id"].as_str().context("id")?);
    let anybody = shop.anybody()?;
    let seen = anybody.send(Call::new(Method::GET, &path)).await?;
    let etag = seen.header("etag").context("an ETag")?.to_owned();
    let fresh = anybody.send(Call::new(Method::GET, &path).header(IF_NONE_MATCH, &etag)).await?;
    ensure!(fresh.status == 304 && fresh.body.is_empty(), "{}", fresh.status);

    let patch = |etag: Option<&str>| {
        let call = Call::new(Method::PATCH, &path)
            .json(&json!({"price": {"amount": "40.00", "currency": "EUR"}, "restock": -2}));
        etag.map_or(call.clone(), |etag| call.header(IF_MATCH, etag))
    };
    ensure!(promoter.api.send(patch(None)).await?.status == 428);
    let changed = promoter.api.send(patch(Some(&etag))).await?;
    ensure!(changed.status == 200 && changed.json()["price"]["amount"] == "40.00" && changed.json()["available"] == 10);
    let stale = promoter.api.send(patch(Some(&etag))).await?;
    ensure!(stale.status == 412 && stale.code() == "VERSION_MISMATCH", "{}", stale.status);
    ensure!(anybody.get(&path).await?["available"] == 10, "a refused change took seats");

    // No one sells what is not theirs; customers sell nothing.
    let foreign = Call::new(Method::PATCH, "/api/v1/products/prd_tall-vase")
        .header(IF_MATCH, "\"1\"")
        .json(&json!({"name": "Mine now"}));
    ensure!(promoter.api.send(foreign.clone()).await?.status == 403);
    let customer = Customer::new(&anybody).await?;
    ensure!(customer.api.send(foreign).await?.status == 403);
    ensure!(anybody.send(Call::new(Method::DELETE, &path)).await?.status == 401);
    customer.api.expect(403, Method::GET, "/api/v1/admin/orders", None).await?;

    // A workshop is bought like anything else, and nothing is shipped.
    let order = customer.buy_one(product["id"].as_str().context("id")?).await?;
    ensure!(order["shipping"]["amount"] == "0.00" && order["shipment_id"].is_null(), "{order}");
    promoter.api.expect(204, Method::DELETE, &path, None).await?;
    anybody.expect(404, Method::GET, &path, None).await?;
    Ok(())
}

pub(crate) async fn the_catalogue_can_be_walked_and_searched(shop: &Shop) -> Result<()> {
    let anybody = shop.anybody()?;
    let (mut seen, mut cursor) = (BTreeSet::new(), String::new());
    loop {
        let page = anybody.get(&format!("/api/v1/products?limit=7&cursor={cursor}")).await?;
        for product in page["items"].as_array().context("items")? {
            ensure!(seen.insert(product["id"].as_str().context("id")?.to_owned()), "{product} twice");
        }
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    ensure!(seen.len() >= 60, "{}", seen.len());
    let mut counted = 0;
    for category in anybody.get("/api/v1/categories").await?["items"].as_array().context("items")? {
        let slug = category["slug"].as_str().context("slug")?;
        let listed = anybody.all(&format!("/api/v1/products?category={slug}")).await?;
        ensure!(Some(u64::try_from(listed.len())?) == category["product_count"].as_u64(), "{category}");
        counted += listed.len();
    }
    ensure!(counted == seen.len(), "{counted} of {}", seen.len());
    let events = anybody.all("/api/v1/products?kind=event").await?;
    ensure!(!events.is_empty() && events.iter().all(|e| e["event"]["venue"].is_string() && e["weight_g"] == 0));

    for (words, first) in
        [("amber flask", "prd_amber-flask"), ("gold ruby", "prd_ruby-goblet"), ("harleq", "prd_harlequin-panel")]
    {
        let found = anybody.get(&format!("/api/v1/products/search?q={}", vitrine_kit::percent::encode(words))).await?;
        ensure!(found["items"][0]["id"] == first, "{words}: {}", found["items"][0]["id"]);
    }
    for words in ["\"", "a OR", "NEAR(", "zzzz", "*", "'; DROP TABLE products", "émail ☃"] {
        anybody.get(&format!("/api/v1/products/search?q={}", vitrine_kit::percent::encode(words))).await?;
    }
    let picture = anybody.send(Call::new(Method::GET, "/api/v1/products/prd_tall-vase/picture.svg")).await?;
    ensure!(picture.header("content-type") == Some("image/svg+xml") && picture.body.starts_with(b"<svg "));

    let converted = anybody.get("/api/v1/currencies/convert?amount=10.00&from=EUR&to=JPY").await?;
    ensure!(converted["to"]["currency"] == "JPY" && converted["as_of"].is_string(), "{converted}");
    let document = anybody.get("/api/v1/openapi.json").await?;
    ensure!(document["openapi"] == "3.1.0" && document["paths"]["/api/v1/orders"]["post"].is_object());
    let page = anybody.send(Call::new(Method::GET, "/")).await?;
    ensure!(page.status == 200 && String::from_utf8_lossy(&page.body).contains("Vitrine"));
    Ok(())
}

/// A product's price in cents of its own currency, which is the euro of all that the shop begins with.
fn cents(product: &Value) -> Result<u32> {
    let amount = product["price"]["amount"].as_str().context("amount")?;
    ensure!(product["price"]["currency"] == "EUR", "{product}");
    Ok(amount.replace('.', "").parse()?)
}

pub(crate) async fn lists_are_narrowed_and_sorted(shop: &Shop) -> Result<()> {
    let anybody = shop.anybody()?;
    let goods = anybody.all("/api/v1/products?kind=goods&min_price=30&max_price=60.00&sort=price_desc").await?;
    let prices = goods.iter().map(cents).collect::<Result<Vec<_>>>()?;
    ensure!(prices.len() > 5 && prices.is_sorted_by(|a, b| a >= b), "{prices:?}");
    ensure!(prices.iter().all(|price| (3000..=6000).contains(price)), "{prices:?}");
    // The same bounds in another currency are other prices.
    let cheap = anybody.all("/api/v1/products?kind=goods&max_price=60&currency=CZK").await?;
    ensure!(cheap.iter().all(|product| cents(product).is_ok_and(|price| price < 600)), "{cheap:?}");

    let events = anybody.all("/api/v1/products?sort=starts_at&available=true").await?;
    let starts: Vec<&str> = events.iter().filter_map(|event| event["event"]["starts_at"].as_str()).collect();
    ensure!(starts.len() == events.len() && starts.len() > 1 && starts.is_sorted(), "{starts:?}");
    ensure!(events.iter().all(|event| event["available"].as_u64() > Some(0)));
    let theirs = anybody.all("/api/v1/products?promoter_id=pro_demo").await?;
    ensure!(!theirs.is_empty() && theirs.iter().all(|product| product["promoter_id"] == "pro_demo"));

    let found =
        anybody.get("/api/v1/products/search?q=glass&facets=true&max_price=40&sort=price_asc&limit=100").await?;
    let items = found["items"].as_array().context("items")?;
    let prices = items.iter().map(cents).collect::<Result<Vec<_>>>()?;
    ensure!(!prices.is_empty() && prices.is_sorted() && prices.iter().all(|price| *price <= 4000), "{prices:?}");
    let facets = &found["facets"];
    ensure!(facets["total"].as_u64() == Some(u64::try_from(items.len())?), "{facets}");
    let kinds = facets["kinds"].as_array().context("kinds")?;
    let counted: u64 = kinds.iter().filter_map(|kind| kind["count"].as_u64()).sum();
    ensure!(counted > u64::try_from(items.len())?, "facets count what the filter leaves out, too: {facets}");
    ensure!(anybody.get("/api/v1/products/search?q=glass").await?["facets"].is_null(), "not asked for");
    Ok(())
}
