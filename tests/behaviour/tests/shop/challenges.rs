//! Cards whose banks ask first, and quotes that bind.

use anyhow::{Context, Result, ensure};
use http::Method;
use serde_json::{Value, json};
use vitrine_shop_load::http::{Call, Response};
use vitrine_tests_testkit::{Api, Customer, Shop, address, eventually, order_body};

const GOOD: &str = "4242424242424242";
const CHALLENGED: &str = "4000000000003220";

async fn challenge(customer: &Customer, key: &str) -> Result<Value> {
    let told = customer.ask(key, &order_body("EUR", CHALLENGED)).await?;
    ensure!(told.status == 202, "{}: {}", told.status, String::from_utf8_lossy(&told.body));
    let challenge = told.json()["challenge"].clone();
    ensure!(challenge["state"] == "waiting" && challenge["tries_left"] == 5, "{challenge}");
    Ok(challenge)
}

fn path(challenge: &Value) -> Result<String> {
    Ok(format!("/api/v1/challenges/{}", challenge["id"].as_str().context("an id")?))
}

async fn answer(anybody: &Api, challenge: &Value, answer: Value) -> Result<Response> {
    anybody.send(Call::new(Method::POST, &path(challenge)?).json(&answer)).await
}

fn refusal(response: &Response) -> (u16, String) {
    (response.status, response.code())
}

pub(crate) async fn a_bank_that_asks_is_answered_or_nothing_is_bought(shop: &Shop) -> Result<()> {
    let anybody = shop.anybody()?;
    let customer = Customer::new(&anybody).await?;
    customer.add("prd_first-tumbler", 2).await?;
    // Refused: the cart is there, and the same key says why.
    let first = challenge(&customer, "first").await?;
    ensure!(challenge(&customer, "first").await? == first, "a repeat asks the same");
    let refused = answer(&anybody, &first, json!({"refuse": true})).await?;
    ensure!(refused.status == 200 && refused.json()["state"] == "refused", "{}", refused.json());
    let again = eventually("the purchase to turn back", async || {
        let told = customer.ask("first", &order_body("EUR", CHALLENGED)).await?;
        Ok(Some(told).filter(|told| told.status != 503))
    });
    ensure!(refusal(&again.await?) == (402, "CHALLENGE_REFUSED".to_owned()));
    eventually("the cart to be free", async || {
        let cart = customer.api.get("/api/v1/cart").await?;
        Ok((cart["lines"][0]["quantity"] == 2).then_some(()))
    })
    .await?;

    // Passed, at the second try, by one who knows no more than the id.
    let second = challenge(&customer, "second").await?;
    for (bad, code) in [
        (json!({"code": "12345"}), "INVALID_CHALLENGE_CODE"),
        (json!({"code": "000000"}), "WRONG_CHALLENGE_CODE"),
        (json!({"code": "123456", "refuse": true}), "INVALID_FIELD"),
        (json!({}), "INVALID_FIELD"),
    ] {
        let refused = answer(&anybody, &second, bad.clone()).await?;
        ensure!(refusal(&refused) == (400, code.to_owned()) && refused.json()["field"] == "code", "{bad}");
    }
    let seen = anybody.get(&path(&second)?).await?;
    ensure!(seen["state"] == "waiting" && seen["tries_left"] == 4, "a malformed code is no try: {seen}");
    let order_id = seen["order_id"].as_str().context("an order")?;
    let unplaced = customer.api.send(Call::new(Method::GET, &format!("/api/v1/orders/{order_id}"))).await?;
    ensure!(unplaced.status == 404, "nothing is bought yet");
    let passed = answer(&anybody, &second, json!({"code": "123456"})).await?;
    ensure!(passed.status == 200 && passed.json()["state"] == "passed", "{}", passed.json());
    ensure!(passed.json()["amount"] == seen["amount"] && passed.json().get("address").is_none());
    let order = customer.api.get(&format!("/api/v1/orders/{order_id}")).await?;
    ensure!(order["state"] == "paid" && order["total"] == seen["amount"], "{order}");
    ensure!(customer.buy("second", &order_body("EUR", CHALLENGED)).await?["id"] == order["id"]);
    let nobodys = anybody.send(Call::new(Method::GET, "/api/v1/challenges/chl_nobodys")).await?;
    ensure!(refusal(&nobodys) == (404, "NOT_FOUND".to_owned()));
    Ok(())
}

pub(crate) async fn a_quote_binds(shop: &Shop) -> Result<()> {
    let customer = Customer::new(&shop.anybody()?).await?;
    customer.add("prd_first-tumbler", 1).await?;
    let question = json!({"currency": "EUR", "address": address("DE")});
    let quote = customer.api.expect(200, Method::POST, "/api/v1/checkout/quote", Some(&question)).await?;
    let by = |id: &Value| {
        let mut body = order_body("EUR", GOOD);
        body["quote_id"] = id.clone();
        body
    };
    customer.add("prd_first-tumbler", 1).await?;
    let changed = customer.ask("key", &by(&quote["id"])).await?;
    ensure!(refusal(&changed) == (409, "QUOTE_CHANGED".to_owned()) && changed.json()["field"] == "quote_id");
    let malformed = customer.ask("key", &by(&json!("qte_1"))).await?;
    ensure!(refusal(&malformed) == (400, "INVALID_FIELD".to_owned()) && malformed.json()["field"] == "quote_id");
    let quote = customer.api.expect(200, Method::POST, "/api/v1/checkout/quote", Some(&question)).await?;
    let order = customer.buy("key", &by(&quote["id"])).await?;
    ensure!(order["total"] == quote["total"] && quote["expires_at"].is_string(), "{order} {quote}");
    Ok(())
}
