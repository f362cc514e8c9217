//! Customers with several tabs: one cart is bought once, and what is put in meanwhile stays.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use futures::future::{join_all, try_join_all};
use serde_json::Value;
use vitrine_tests_testkit::{Customer, Shop, order_body};

const TABS: usize = 6;
const GOOD: &str = "4242424242424242";

/// Pieces by product of an order's or a cart's lines.
fn pieces(lines: &Value) -> Result<BTreeMap<String, u64>> {
    let lines = lines["lines"].as_array().with_context(|| format!("lines of {lines}"))?;
    let piece = |line: &Value| Some((line["product_id"].as_str()?.to_owned(), line["quantity"].as_u64()?));
    lines.iter().map(|line| piece(line).with_context(|| format!("{line}"))).collect()
}

pub(crate) async fn six_tabs_buy_a_cart_once(shop: &Shop) -> Result<()> {
    let customer = Customer::new(&shop.anybody()?).await?;
    let admin = shop.admin()?;
    for round in 0..3 {
        customer.add("prd_tide-bowl", 2).await?;
        customer.add("prd_key-dish", 1).await?;
        let wanted = pieces(&customer.api.get("/api/v1/cart").await?)?;
        let body = order_body("EUR", GOOD);
        let keys: Vec<String> = (0..TABS).map(|tab| format!("tab-{round}-{tab}")).collect();
        let answers = try_join_all(keys.iter().map(|key| customer.ask(key, &body))).await?;
        let told: Vec<String> = answers.iter().map(|a| format!("{} {}", a.status, a.code())).collect();
        let bought: Vec<&_> = answers.iter().filter(|a| a.status == 201).collect();
        ensure!(bought.len() == 1 && pieces(&bought[0].json())? == wanted, "{told:?}");
        // A tab that comes when the first has ended finds an empty cart.
        let refused =
            |told: &&String| matches!(told.as_str(), "409 CART_IN_PURCHASE" | "409 CART_CHANGED" | "422 CART_EMPTY");
        ensure!(told.iter().filter(refused).count() == TABS - 1, "{told:?}");
        ensure!(pieces(&customer.api.get("/api/v1/cart").await?)?.is_empty(), "what was bought is still in the cart");

        // Each tab asks again with its key: the one that bought gets its order again, the others have nothing to buy.
        for (key, before) in keys.iter().zip(&answers) {
            let again = customer.ask(key, &body).await?;
            let same = before.status == 201 && again.json()["id"] == before.json()["id"];
            ensure!(
                same || (again.status, again.code().as_str()) == (422, "CART_EMPTY"),
                "{} {}",
                again.status,
                again.code()
            );
        }
    }
    let orders = customer.api.all("/api/v1/orders").await?;
    ensure!(orders.len() == 3, "{} orders", orders.len());
    let mine = |payment: &&Value| orders.iter().any(|order| order["id"] == payment["reference"]);
    let payments = admin.all("/api/v1/admin/payments").await?;
    let states: Vec<&Value> = payments.iter().filter(mine).map(|payment| &payment["state"]).collect();
    ensure!(states == ["captured"; 3], "{states:?}");
    Ok(())
}

pub(crate) async fn what_is_put_in_while_buying_stays(shop: &Shop) -> Result<()> {
    const MORE: usize = 8;
    let customer = Customer::new(&shop.anybody()?).await?;
    for round in 0..3 {
        customer.add("prd_tide-bowl", 2).await?;
        let (key, body) = (format!("meanwhile-{round}"), order_body("EUR", GOOD));
        let adding = async {
            for _ in 0..MORE {
                try_join_all([customer.add("prd_tide-bowl", 1), customer.add("prd_one-stem", 1)]).await?;
            }
            Ok::<_, anyhow::Error>(())
        };
        let (order, added) = futures::future::join(customer.buy(&key, &body), adding).await;
        added?;
        // Whatever came first: each piece was bought or is still there, and none is both.
        let (bought, left) = (pieces(&order?)?, pieces(&customer.api.get("/api/v1/cart").await?)?);
        let count = |id: &str| bought.get(id).unwrap_or(&0) + left.get(id).unwrap_or(&0);
        let more = u64::try_from(MORE)?;
        ensure!(count("prd_tide-bowl") == 2 + more, "bought {bought:?}, left {left:?}");
        ensure!(count("prd_one-stem") == more, "bought {bought:?}, left {left:?}");
        customer.api.expect(204, http::Method::DELETE, "/api/v1/cart", None).await?;
    }
    Ok(())
}

/// A purchase that is refused leaves the cart to the next one, also when several are refused at once.
pub(crate) async fn a_refused_purchase_frees_the_cart(shop: &Shop) -> Result<()> {
    let customer = Customer::new(&shop.anybody()?).await?;
    customer.add("prd_one-stem", 1).await?;
    let declined = order_body("EUR", "4000000000000002");
    let keys: Vec<String> = (0..TABS).map(|tab| format!("declined-{tab}")).collect();
    for answer in join_all(keys.iter().map(|key| customer.ask(key, &declined))).await {
        let answer = answer?;
        let told = (answer.status, answer.code());
        ensure!(matches!((told.0, told.1.as_str()), (402, "CARD_DECLINED") | (409, "CART_IN_PURCHASE")), "{told:?}");
    }
    customer.buy("at-last", &order_body("EUR", GOOD)).await?;
    Ok(())
}
