//! The catalog as shoppers walk through it, and as sellers change it.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::world::{Caller, PASSWORD, PROMOTER, World};

fn texts(list: &Value, of: impl Fn(&Value) -> &Value) -> Vec<String> {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(|item| of(item).as_str().map(str::to_owned)).collect()
}

/// All of a connection, page after page.
async fn all(caller: &Caller, arguments: &str, first: usize) -> Result<Vec<Value>> {
    let query = format!(
        "query($after: String) {{ products({arguments} first: {first}, after: $after) {{ \
         edges {{ cursor node {{ id kind category {{ slug }} price {{ amount }} available event {{ startsAt seats seatsLeft }} }} }} \
         pageInfo {{ hasNextPage endCursor }} }} }}"
    );
    let (mut found, mut after) = (Vec::new(), Value::Null);
    loop {
        let page = caller.run(&query, json!({ "after": after })).await?["products"].clone();
        let edges = page["edges"].as_array().context("edges")?;
        found.extend(edges.iter().map(|edge| edge["node"].clone()));
        if page["pageInfo"]["hasNextPage"] != true {
            return Ok(found);
        }
        after = page["pageInfo"]["endCursor"].clone();
        ensure!(!edges.is_empty() || after.is_string(), "a page that goes on says where: {page}");
    }
}

fn cents(product: &Value) -> i64 {
    let amount = product["price"]["amount"].as_str().unwrap_or_default();
    amount.replace('.', "").parse().unwrap_or(-1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_sorted_filtered_and_paged() -> Result<()> {
    let world = World::start().await?;
    let anybody = &world.anybody;
    let every = all(anybody, "", 50).await?;
    ensure!(every.len() >= 58, "{}", every.len());
    for first in [1, 7, 40] {
        ensure!(all(anybody, "", first).await? == every, "pages of {first} give each product once");
    }
    let by_price = all(anybody, "sort: PRICE_ASC,", 13).await?;
    ensure!(by_price.len() == every.len() && by_price.is_sorted_by_key(cents), "{by_price:?}");
    let down = all(anybody, "sort: PRICE_DESC,", 50).await?;
    ensure!(down.is_sorted_by_key(|p| -cents(p)) && down.len() == every.len());
    ensure!(all(anybody, "sort: NEWEST,", 50).await?.len() == every.len());
    let to_come = all(anybody, "sort: STARTS_AT,", 3).await?;
    let starts = |p: &Value| p["event"]["startsAt"].as_str().unwrap_or_default().to_owned();
    ensure!(!to_come.is_empty() && to_come.is_sorted_by_key(starts) && to_come.iter().all(|p| p["kind"] == "EVENT"));
    let (low, high) = (cents(&by_price[5]), cents(&by_price[20]));
    let euros = |cents: i64| format!("{{ amount: \"{}.{:02}\", currency: EUR }}", cents / 100, cents % 100);
    let filter =
        format!("filter: {{ minPrice: {}, maxPrice: {} }},", euros(low), euros(high)).replace("EUR", "\"EUR\"");
    let within = every.iter().filter(|p| (low..=high).contains(&cents(p))).count();
    for sort in ["", "sort: PRICE_DESC,", "sort: NEWEST,"] {
        ensure!(all(anybody, &format!("{sort} {filter}"), 4).await?.len() == within, "{sort} {filter}");
    }
    let vases = all(anybody, "filter: { category: \"vases\", kind: GOODS, available: true },", 3).await?;
    ensure!(!vases.is_empty() && vases.iter().all(|p| p["category"]["slug"] == "vases"), "{vases:?}");
    let by_promoter = "{ promoter(id: \"pro_demo\") { products { nodes { promoter { id } event { text } } } } }";
    let theirs = anybody.run(by_promoter, json!({})).await?["promoter"]["products"]["nodes"].clone();
    ensure!(
        theirs.as_array().is_some_and(|t| !t.is_empty() && t.iter().all(|p| p["promoter"]["id"] == "pro_demo")),
        "{theirs}"
    );
    ensure!(anybody.refused("{ products(first: 0) { nodes { id } } }", json!({})).await? == "INVALID_FIELD");
    ensure!(anybody.refused("{ products(after: \"x\") { nodes { id } } }", json!({})).await? == "INVALID_CURSOR");
    ensure!(
        anybody.refused("{ products(filter: { category: \"x\" }) { nodes { id } } }", json!({})).await?
            == "UNKNOWN_CATEGORY"
    );
    searches(anybody).await
}

async fn searches(anybody: &Caller) -> Result<()> {
    let query = "query($f: ProductFilter, $s: ProductSort! = RELEVANCE, $after: String) { products(query: \"glass\", filter: $f, sort: $s, first: 5, after: $after) { \
                 totalCount nodes { id category { slug } price { amount } } pageInfo { hasNextPage endCursor } \
                 facets { categories { count category { slug } } kinds { kind count } availableCount minPrice(in: \"EUR\") { amount } maxPrice { amount } } } }";
    let found = anybody.run(query, json!({})).await?["products"].clone();
    let total = found["totalCount"].as_i64().context("a total")?;
    let counted: i64 =
        found["facets"]["categories"].as_array().context("facets")?.iter().filter_map(|c| c["count"].as_i64()).sum();
    ensure!(total > 5 && counted == total, "{found}");
    let slug = found["facets"]["categories"][0]["category"]["slug"].clone();
    let count = found["facets"]["categories"][0]["count"].as_i64();
    let narrowed = anybody.run(query, json!({ "f": { "category": slug } })).await?["products"].clone();
    ensure!(narrowed["totalCount"].as_i64() == count && narrowed["facets"] == found["facets"], "{narrowed}");
    let (mut prices, mut after) = (Vec::new(), Value::Null);
    loop {
        let page = anybody.run(query, json!({ "s": "PRICE_ASC", "after": after })).await?["products"].clone();
        prices.extend(page["nodes"].as_array().context("nodes")?.iter().map(cents));
        if page["pageInfo"]["hasNextPage"] != true {
            break;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
    ensure!(prices.is_sorted() && i64::try_from(prices.len())? == total, "{prices:?}");
    let typed = anybody.run("{ suggestions(query: \"tall va\") { name } }", json!({})).await?;
    ensure!(
        texts(&typed["suggestions"], |p| &p["name"]).iter().any(|name| name.to_lowercase().contains("tall vase")),
        "{typed}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prices_are_shown_in_every_currency_and_beside_them_stands_what_goes_with_them() -> Result<()> {
    let world = World::start().await?;
    let query = "query($in: CurrencyCode, $id: ID!) { product(id: $id) { slug price(in: $in) { amount currency text } own: price { currency } picture category { name } } \
                 recommendations(productIds: [$id], first: 3) { reason product { id } } ads(productId: $id) { href context } \
                 currencies { asOf items { code } } countries convert(amount: { amount: \"10.00\", currency: \"EUR\" }, to: \"JPY\") { to { amount currency } } }";
    let shown = world.anybody.run(query, json!({ "id": "prd_tall-vase", "in": "USD" })).await?;
    ensure!(shown["product"]["slug"] == "tall-vase" && shown["product"]["own"]["currency"] == "EUR", "{shown}");
    ensure!(shown["product"]["price"]["text"].as_str().is_some_and(|text| text.starts_with('$')), "{shown}");
    ensure!(shown["recommendations"].as_array().is_some_and(|r| r.len() == 3), "{shown}");
    ensure!(shown["ads"].as_array().is_some_and(|ads| ads.len() == 1), "{shown}");
    ensure!(shown["convert"]["to"]["currency"] == "JPY", "{shown}");
    ensure!(
        world.anybody.run("{ product(id: \"prd_nothing\") { id } }", json!({})).await? == json!({ "product": null })
    );
    let nodes =
        "{ nodes(ids: [\"prd_tall-vase\", \"prd_nothing\", \"ord_1\", \"pro_demo\", \"what\"]) { id __typename } }";
    let nodes = world.anybody.run(nodes, json!({})).await?;
    let expected = json!([{ "id": "prd_tall-vase", "__typename": "Product" }, null, null, { "id": "pro_demo", "__typename": "Promoter" }, null]);
    ensure!(nodes["nodes"] == expected, "{nodes}");
    ensure!(
        world.anybody.refused("{ product(id: \"prd_tall-vase\") { price(in: \"euro\") { text } } }", json!({})).await?
            == "BAD_USER_INPUT"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sellers_change_what_is_theirs() -> Result<()> {
    let world = World::start().await?;
    let make = "mutation($input: CreateProductInput!) { createProduct(input: $input) { product { id version available sold price { text } promoter { id } } errors { code field } } }";
    let input = json!({
        "kind": "EVENT", "name": "Glass harp evening", "description": "Thirty goblets, water and patience.", "category": "workshops",
        "price": { "amount": "20.00", "currency": "CHF" }, "stock": 8,
        "event": { "startsAt": "2034-05-01T18:00:00Z", "durationMin": 90, "venue": "The hot shop" },
    });
    ensure!(world.anybody.refused(make, json!({ "input": input })).await? == "TOKEN_REQUIRED");
    let promoter = world.anybody.sign_in(PROMOTER, PASSWORD).await?;
    let made = promoter.run(make, json!({ "input": input })).await?["createProduct"]["product"].clone();
    ensure!(made["promoter"]["id"] == "pro_demo" && made["price"]["text"] == "CHF\u{a0}20.00", "{made}");
    let id = made["id"].clone();
    let by_price = "{ products(sort: PRICE_ASC, first: 100, filter: { kind: EVENT }) { nodes { id } } }";
    let sorted = promoter.run(by_price, json!({})).await?;
    let place = texts(&sorted["products"]["nodes"], |p| &p["id"]).iter().position(|found| id == found.as_str());
    ensure!(place.is_some_and(|place| place < 3), "it is compared by what it is in euros: {place:?}");
    let change = "mutation($input: UpdateProductInput!) { updateProduct(input: $input) { product { name available } errors { code } } }";
    let stale = json!({ "id": id, "name": "Later", "expected": { "version": 7, "available": 8, "sold": 0 } });
    ensure!(
        promoter.run(change, json!({ "input": stale })).await?["updateProduct"]["errors"][0]["code"]
            == "VERSION_MISMATCH"
    );
    let restocked = promoter.run(change, json!({ "input": { "id": id, "restock": 2 } })).await?;
    ensure!(restocked["updateProduct"]["product"]["available"] == 10, "{restocked}");
    let not_theirs = promoter.run(change, json!({ "input": { "id": "prd_tall-vase", "restock": 1 } })).await?;
    ensure!(not_theirs["updateProduct"]["errors"][0]["code"] == "PERMISSION_DENIED", "{not_theirs}");
    let delete = "mutation($id: ID!) { deleteProduct(input: { id: $id }) { deletedId errors { code } } }";
    ensure!(promoter.run(delete, json!({ "id": id })).await?["deleteProduct"]["deletedId"] == id);
    ensure!(
        world.anybody.run("query($id: ID!) { product(id: $id) { id } }", json!({ "id": id })).await?["product"]
            .is_null()
    );
    Ok(())
}
