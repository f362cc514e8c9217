//! What settings change: how long tokens live, how much one client may ask for, how fast parcels move, who may call from a browser.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};
use http::{Method, StatusCode};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use vitrine_shop_load::http::Call;
use vitrine_tests_testkit::{Customer, Options, PATIENCE, Placement, Shop, eventually, python};

async fn shop(variables: &[(&str, &str)]) -> Shop {
    let variables = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let options = Options { variables, ..Options::default() };
    Shop::start(Path::new(env!("CARGO_BIN_EXE_vitrine-under-test")), Placement::Local, &options)
        .await
        .expect("it starts")
}

async fn expiry(shop: &Shop) -> Result<()> {
    let customer = Customer::new(&shop.anybody()?).await?;
    let refused = eventually("the token's end", async || {
        let answer = customer.api.send(Call::new(Method::GET, "/api/v1/cart")).await?;
        Ok((answer.status != 200).then_some(answer))
    })
    .await?;
    ensure!(refused.status == 401 && refused.code() == "INVALID_TOKEN", "{}", refused.status);
    ensure!(refused.json()["detail"].as_str().is_some_and(|d| d.contains("expired")), "{}", refused.json());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expired_tokens_are_refused() {
    let shop = shop(&[("VITRINE_AUTH__ACCESS_TOKEN_TTL_S", "1")]).await;
    expiry(&shop).await.expect("refused");
}

async fn rates(shop: &Shop) -> Result<()> {
    let anybody = shop.anybody()?;
    let mut answers = Vec::new();
    for _ in 0..12 {
        answers.push(anybody.send(Call::new(Method::GET, "/api/v1/products/prd_tall-vase")).await?);
    }
    let refused = answers.iter().find(|a| a.status == 429).context("nobody was refused")?;
    ensure!(refused.code() == "RATE_LIMITED" && refused.header("retry-after").is_some(), "{}", refused.json());
    // An account has a rate of its own.
    let admin = shop.admin()?;
    admin.get("/api/v1/admin/orders").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_client_cannot_ask_for_everything() {
    let shop = shop(&[("VITRINE_GATEWAY__RATE_PER_S", "1"), ("VITRINE_GATEWAY__RATE_BURST", "5")]).await;
    rates(&shop).await.expect("limited");
}

async fn preflight(shop: &Shop, origin: &str) -> Result<Option<String>> {
    let call = Call::new(Method::OPTIONS, "/api/v1/orders")
        .header(ORIGIN, origin)
        .header(ACCESS_CONTROL_REQUEST_METHOD, "POST");
    let answer = shop.anybody()?.send(call).await?;
    ensure!(answer.status == StatusCode::OK.as_u16(), "{}", answer.status);
    Ok(answer.header("access-control-allow-origin").map(str::to_owned))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browsers_may_call_from_named_origins() {
    let shop = shop(&[("VITRINE_GATEWAY__CORS_ORIGINS", "[\"https://shop.example\"]")]).await;
    let allowed = preflight(&shop, "https://shop.example").await.expect("answered");
    assert_eq!(allowed.as_deref(), Some("https://shop.example"));
    assert_eq!(preflight(&shop, "https://evil.example").await.expect("answered"), None);
}

async fn parcels(shop: &Shop) -> Result<()> {
    let customer = Customer::new(&shop.anybody()?).await?;
    let order = customer.buy_one("prd_key-dish").await?;
    let path = format!("/api/v1/orders/{}", order["id"].as_str().context("id")?);
    let delivered = eventually("the delivery", async || {
        Ok(Some(customer.api.get(&path).await?).filter(|o| o["state"] == "delivered"))
    })
    .await?;
    let states: Vec<&str> =
        delivered["history"].as_array().context("history")?.iter().filter_map(|h| h["state"].as_str()).collect();
    ensure!(states == ["placed", "paid", "shipped", "delivered"], "{states:?}");
    let shipment = customer.api.get(&format!("{path}/shipment")).await?;
    ensure!(
        shipment["state"] == "delivered" && shipment["history"].as_array().is_some_and(|h| h.len() == 4),
        "{shipment}"
    );
    eventually("two letters", async || {
        let letters = customer.api.all("/api/v1/mailbox").await?;
        let mut templates: Vec<&str> = letters.iter().filter_map(|l| l["template"].as_str()).collect();
        templates.sort_unstable();
        Ok((templates == ["receipt", "shipped"]).then_some(()))
    })
    .await?;
    let refused =
        customer.api.expect(422, Method::POST, &format!("{path}/cancel"), Some(&serde_json::json!({}))).await?;
    ensure!(refused["code"] == "ORDER_STATE", "{refused}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parcels_move_by_themselves() {
    let quick = [
        ("VITRINE_SHIPPING__DISPATCH_AFTER_S", "0"),
        ("VITRINE_SHIPPING__TRANSIT_AFTER_S", "0"),
        ("VITRINE_SHIPPING__DELIVERY_AFTER_S", "0"),
    ];
    let shop = shop(&quick).await;
    parcels(&shop).await.expect("delivered");
}

/// Starts a real relay; returns the process, where it listens, and what it will print of the letters that it takes.
async fn relay() -> Result<(Child, String, Lines<BufReader<ChildStdout>>)> {
    let python = python(Path::new(env!("CARGO_TARGET_TMPDIR")), "aiosmtpd-1.4.6", &["aiosmtpd==1.4.6"]).await?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/settings/relay.py");
    let mut relay = Command::new(python).arg(script).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
    let mut lines = BufReader::new(relay.stdout.take().context("its output")?).lines();
    let first = lines.next_line().await?.context("it ended")?;
    let address = first.strip_prefix("listens at ").context("an address")?.to_owned();
    Ok((relay, address, lines))
}

async fn letter(shop: &Shop, lines: &mut Lines<BufReader<ChildStdout>>) -> Result<()> {
    let customer = Customer::new(&shop.anybody()?).await?;
    let order = customer.buy_one("prd_key-dish").await?;
    let line = tokio::time::timeout(PATIENCE, lines.next_line()).await??.context("no letter")?;
    let letter: serde_json::Value = serde_json::from_str(&line)?;
    let id = order["id"].as_str().context("id")?;
    ensure!(letter["to"] == serde_json::json!([customer.email]), "{letter}");
    ensure!(letter["subject"].as_str().is_some_and(|s| s.ends_with(id)), "{letter}");
    ensure!(letter["types"] == serde_json::json!(["text/plain", "text/html"]), "{letter}");
    ensure!(letter["text"].as_str().is_some_and(|t| t.contains("Key dish")), "{letter}");
    eventually("a record of it", async || {
        let kept = customer.api.all("/api/v1/mailbox").await?;
        Ok(kept.first().is_some_and(|l| l["delivered_by"] == "smtp").then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_go_to_a_relay() {
    let (_relay, address, mut lines) = relay().await.expect("a relay");
    let shop = shop(&[("VITRINE_EMAIL__SMTP_URL", &format!("smtp://{address}"))]).await;
    letter(&shop, &mut lines).await.expect("a letter");
}
