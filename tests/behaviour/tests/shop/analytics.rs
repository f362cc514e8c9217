//! What visitors do: told once, seen by whose source it is, and joined to the traces of their pages.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use http::{HeaderName, Method};
use serde_json::{Value, json};
use vitrine_shop_load::http::Call;
use vitrine_tests_testkit::{Customer, Options, Placement, Shop, eventually, order_body};

/// The key of the shop's own pages.
const SHOP_KEY: &str = "vitrine-shop";
const SHOP_MESSAGES: &str = "/api/v1/analytics/sources/src_shop/messages";

/// A visit that has agreed to be measured sees a page; returns the trace in which it says that it did.
async fn visit(shop: &Shop, session: &str) -> Result<String> {
    let anybody = shop.anybody()?;
    let seen = anybody.send(Call::new(Method::GET, "/api/v1/products/prd_tall-vase")).await?;
    let trace_id = seen.header("x-trace-id").context("the trace's id")?.to_owned();
    let context =
        json!({"sessionId": session, "traceId": trace_id, "consent": {"categoryPreferences": {"analytics": true}}});
    let message = |name: &str| json!({"messageId": format!("{session}-{name}"), "anonymousId": "vis_1"});
    let mut page = message("page");
    page["type"] = json!("page");
    let mut viewed = message("viewed");
    viewed["type"] = json!("track");
    viewed["event"] = json!("Product Viewed");
    let body = json!({"writeKey": SHOP_KEY, "context": context, "batch": [page, viewed]});
    anybody.expect(200, Method::POST, "/v1/batch", Some(&body)).await?;
    Ok(trace_id)
}

async fn buy(shop: &Shop, session: &str) -> Result<Value> {
    let customer = Customer::new(&shop.anybody()?).await?;
    customer.add("prd_tall-vase", 1).await?;
    let call = Call::new(Method::POST, "/api/v1/orders")
        .header(HeaderName::from_static("idempotency-key"), session)
        .header(HeaderName::from_static("baggage"), &format!("session.id={session}"))
        .json(&order_body("EUR", "4242424242424242"));
    let answer = customer.api.send(call).await?;
    ensure!(answer.status == 201, "{}", String::from_utf8_lossy(&answer.body));
    Ok(answer.json())
}

pub(crate) async fn visits_are_measured_where_visitors_agreed(shop: &Shop) -> Result<()> {
    visit(shop, "ses_agreed").await?;
    let (measured, silent) = (buy(shop, "ses_agreed").await?, buy(shop, "ses_silent").await?);
    let completed = |order: &Value| format!("completed-{}", order["id"].as_str().unwrap_or_default());
    let admin = shop.admin()?;
    let all = eventually("the order is told", async || {
        let all = admin.all(SHOP_MESSAGES).await?;
        Ok(all.iter().any(|message| message["message_id"] == completed(&measured)).then_some(all))
    })
    .await?;
    ensure!(all.iter().all(|message| message["message_id"] != completed(&silent)), "one who did not agree was told of");
    Ok(())
}

pub(crate) async fn sources_are_ones_own(shop: &Shop) -> Result<()> {
    let (admin, promoter) = (shop.admin()?, super::selling::promoter(shop).await?.api);
    let body = json!({"name": "My pages"});
    let made = promoter.expect(201, Method::POST, "/api/v1/analytics/sources", Some(&body)).await?;
    ensure!(made["owner_id"] == "pro_demo" && made["write_key"].as_str().is_some_and(|key| key.len() == 32), "{made}");
    let path = format!("/api/v1/analytics/sources/{}", made["id"].as_str().context("an id")?);
    let customer = Customer::new(&shop.anybody()?).await?;
    customer.api.expect(403, Method::GET, &path, None).await?;
    promoter.expect(404, Method::GET, "/api/v1/analytics/sources/src_shop", None).await?;
    ensure!(promoter.all("/api/v1/analytics/sources").await?.iter().all(|source| source["owner_id"] == "pro_demo"));
    ensure!(admin.all("/api/v1/analytics/sources").await?.iter().any(|source| source["id"] == "src_shop"));

    let destinations = format!("{path}/destinations");
    for (body, status, code, field) in [
        (json!({"kind": "ga4", "measurement_id": "UA-1", "secret": "s"}), 400, "INVALID_FIELD", "measurement_id"),
        (json!({"kind": "mixpanel"}), 400, "INVALID_FIELD", "secret"),
        (json!({"kind": "webhook", "url": "http://127.0.0.1:1/", "secret": "s"}), 403, "HOST_NOT_ALLOWED", "url"),
        (json!({"kind": "file"}), 403, "PERMISSION_DENIED", "kind"),
    ] {
        let told = promoter.expect(status, Method::PUT, &destinations, Some(&body)).await?;
        ensure!(told["code"] == code && told["field"] == field, "{told}");
    }
    let ga4 = json!({"kind": "ga4", "measurement_id": "G-ABC123", "secret": "s3cret"});
    let put = promoter.expect(200, Method::PUT, &destinations, Some(&ga4)).await?;
    ensure!(put["destinations"][0]["kind"] == "ga4" && !put.to_string().contains("s3cret"), "{put}");
    promoter.expect(200, Method::DELETE, &format!("{destinations}?kind=ga4"), None).await?;
    promoter.expect(204, Method::DELETE, &path, None).await?;
    let page = json!({"writeKey": made["write_key"], "userId": "u"});
    let told = shop.anybody()?.expect(401, Method::POST, "/v1/page", Some(&page)).await?;
    ensure!(told["code"] == "UNKNOWN_WRITE_KEY", "{told}");
    Ok(())
}

/// The statement of the page, which the guide shows.
fn funnel() -> Result<String> {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/analytics.md");
    let text = std::fs::read_to_string(guide)?;
    let mut statements =
        text.split("```sql\n").filter_map(|part| part.split_once("```")).map(|(statement, _)| statement);
    Ok(statements.find(|statement| statement.starts_with("WITH steps AS")).context("the guide shows none")?.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_observatory_knows_how_far_visits_come() -> Result<()> {
    let mut shop = Shop::start(Path::new(super::BINARY), Placement::Local, &Options::default()).await?;
    visit(&shop, "ses_buys").await?;
    buy(&shop, "ses_buys").await?;
    visit(&shop, "ses_looks").await?;
    let (observatory, statement) = (shop.observatory()?, funnel()?);
    eventually("both visits are there, with their traces", async || {
        let rows = observatory.sql(&statement).await?;
        let sum = |step: &str| rows.iter().filter_map(|row| row[step].as_i64()).sum::<i64>();
        let is_traced = rows.iter().all(|row| row["answered"] != "not traced");
        let steps = ["page", "product", "cart", "paid"].map(sum);
        Ok((steps == [2, 2, 0, 1] && is_traced).then_some(()))
    })
    .await?;
    shop.process()?.stop()?;
    Ok(())
}
