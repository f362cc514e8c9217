//! A dead service costs its callers their deadline at most, and what does not need it goes on.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http::Method;
use vitrine_shop_load::http::Call;
use vitrine_tests_testkit::{Customer, Shop, eventually, order_body, timed};

/// What a caller may wait in the worst case: the gateway's own deadline and some slack for a busy machine.
const BOUND: Duration = Duration::from_secs(20);

pub(crate) async fn a_dead_service_costs_no_more_than_a_deadline(shop: &mut Shop) -> Result<()> {
    let customer = Customer::new(&shop.anybody()?).await?;

    // No caller waits for letters, the ledger or the rules.
    for name in ["email", "accounting", "fraud", "recommendations", "ads"] {
        shop.processes.get_mut(name).context(name)?.kill()?;
    }
    let (order, took) = timed(customer.buy_one("prd_dawn-vase")).await;
    ensure!(order?["state"] == "paid" && took < BOUND, "{took:?}");

    // A service that hangs costs its callers their time, not more; when it goes on, so does everything.
    let currency = shop.processes.get("currency").context("currency")?;
    currency.pause()?;
    customer.add("prd_dawn-vase", 1).await.err().context("a cart without prices")?;
    let (answer, took) = timed(customer.ask("hangs", &order_body("EUR", "4242424242424242"))).await;
    let answer = answer?;
    ensure!(matches!(answer.status, 503 | 504) && took < BOUND, "{} after {took:?}", answer.status);
    currency.resume()?;
    let again = eventually("the same purchase", async || {
        let answer = customer.ask("hangs", &order_body("EUR", "4242424242424242")).await?;
        Ok((answer.status == 201).then(|| answer.json()))
    })
    .await?;
    ensure!(again["state"] == "paid", "{again}");

    // Without shipping nothing is bought, and nothing is kept.
    shop.processes.get_mut("shipping").context("shipping")?.kill()?;
    customer.add("prd_dawn-vase", 1).await?;
    let (answer, took) = timed(customer.ask("no-shipping", &order_body("EUR", "4242424242424242"))).await;
    let answer = answer?;
    ensure!(answer.status == 503 && took < BOUND, "{} after {took:?}", answer.status);
    ensure!(customer.api.all("/api/v1/orders").await?.len() == 2, "an order without shipping");
    let page = shop.anybody()?.get("/api/v1/products?limit=1").await?;
    ensure!(page["items"][0].is_object(), "browsing needs no shipping");

    // Without auth no one is let in, because no one could say who was erased; what is for everyone goes on.
    shop.processes.get_mut("auth").context("auth")?.kill()?;
    let (answer, took) = timed(customer.api.send(Call::new(Method::GET, "/api/v1/orders"))).await;
    let answer = answer?;
    ensure!(answer.status == 503 && !answer.code().is_empty() && took < BOUND, "{} after {took:?}", answer.status);
    customer.api.get("/api/v1/products?limit=1").await?;
    shop.restart("auth")?;
    eventually("to be let in again", async || {
        let answer = customer.api.send(Call::new(Method::GET, "/api/v1/orders")).await?;
        Ok((answer.status == 200).then_some(()))
    })
    .await?;
    Ok(())
}
