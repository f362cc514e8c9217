//! The audit: after whatever happened, is everything there that was acknowledged, charged once, and does the stock add up?

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{Api, within};

/// How long a shop may take to come to rest: a purchase whose process died is taken over by a replica after 45 seconds.
const REST: Duration = Duration::from_secs(90);

/// What the shop told its customers that it had done: all of it, for a caller that got no answer asked again until it
/// was known.
#[derive(Clone, Debug, Default)]
pub struct Acknowledged {
    /// Ids of orders, by the idempotency keys with which they were asked for.
    pub orders: BTreeMap<String, String>,
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value[key].as_str().with_context(|| format!("{key} of {value}"))
}

fn stands(order: &Value) -> bool {
    !matches!(order["state"].as_str(), Some("cancelled" | "refunded"))
}

/// How many pieces there are of each product: on the shelf, and sold.
async fn pieces(admin: &Api) -> Result<BTreeMap<String, (u64, u64)>> {
    let mut all = BTreeMap::new();
    for product in admin.all("/api/v1/products").await? {
        let count = |key: &str| product[key].as_u64().with_context(|| format!("{key} of {product}"));
        all.insert(text(&product, "id")?.to_owned(), (count("available")?, count("sold")?));
    }
    Ok(all)
}

/// Orders that stand, and how many pieces of each product they hold.
async fn bought(admin: &Api) -> Result<(Vec<Value>, BTreeMap<String, u64>)> {
    let orders = admin.all("/api/v1/admin/orders").await?;
    let mut sold: BTreeMap<String, u64> = BTreeMap::new();
    for order in orders.iter().filter(|o| stands(o)) {
        for line in order["lines"].as_array().context("lines")? {
            *sold.entry(text(line, "product_id")?.to_owned()).or_default() +=
                line["quantity"].as_u64().context("quantity")?;
        }
    }
    Ok((orders, sold))
}

/// Waits until every saga has ended and every event was booked: then nothing moves any more.
pub async fn settle(admin: &Api, stock_before: &BTreeMap<String, u64>) -> Result<()> {
    within(REST, "a shop at rest", async || match is_at_rest(admin, stock_before).await {
        // A circuit that has opened in an outage closes a moment later.
        Err(error) if error.to_string().contains(": 503 instead of ") => Ok(None),
        looked => looked.map(|is_at_rest| is_at_rest.then_some(())),
    })
    .await
    .map_err(|e| e.context("stock, payments, orders and ledger do not agree"))
}

async fn is_at_rest(admin: &Api, stock_before: &BTreeMap<String, u64>) -> Result<bool> {
    let (orders, sold) = bought(admin).await?;
    let pieces = pieces(admin).await?;
    let stock_fits = stock_before.iter().all(|(id, before)| {
        let (available, counted) = pieces.get(id).copied().unwrap_or_default();
        let expected = sold.get(id).copied().unwrap_or(0);
        counted == expected && available + counted == *before
    });
    let payments = admin.all("/api/v1/admin/payments").await?;
    let open = payments.iter().filter(|p| p["state"] == "authorized").count();
    let charged: BTreeSet<&str> =
        payments.iter().filter(|p| p["state"] == "captured").filter_map(|p| p["reference"].as_str()).collect();
    let standing: BTreeSet<&str> = orders.iter().filter(|o| stands(o)).filter_map(|o| o["id"].as_str()).collect();
    let refunded = orders.iter().filter(|o| o["state"] == "refunded").count();
    let booked = admin.get("/api/v1/admin/ledger/balance").await?["transaction_count"].as_u64().unwrap_or(0);
    let all_booked = booked == u64::try_from(orders.len() + refunded)?;
    Ok(stock_fits && open == 0 && charged == standing && all_booked)
}

/// Audits a shop at rest. `stock_before` is what was on the shelves before anybody bought.
pub async fn audit(admin: &Api, stock_before: &BTreeMap<String, u64>, acknowledged: &Acknowledged) -> Result<()> {
    settle(admin, stock_before).await?;
    let (orders, _) = bought(admin).await?;
    let by_id: BTreeMap<&str, &Value> = orders.iter().filter_map(|o| Some((o["id"].as_str()?, o))).collect();
    ensure!(by_id.len() == orders.len(), "an order is there twice");

    // What was acknowledged is there, and one key made one order.
    let mut made_by_key = BTreeSet::new();
    for (key, id) in &acknowledged.orders {
        ensure!(by_id.contains_key(id.as_str()), "{id} was acknowledged and is not there");
        ensure!(made_by_key.insert(id.as_str()), "{id} was made by two keys, one of them {key}");
    }
    let unasked: Vec<&&str> = by_id.keys().filter(|id| !made_by_key.contains(**id)).collect();
    ensure!(
        unasked.is_empty(),
        "{unasked:?} are there and were told to nobody: a key made two, or one that was refused"
    );

    // Every order that stands was charged once, and what it costs; every other charge was given back whole.
    let mut charges: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for payment in admin.all("/api/v1/admin/payments").await? {
        charges.entry(text(&payment, "reference")?.to_owned()).or_default().push(payment);
    }
    for order in &orders {
        let id = text(order, "id")?;
        let paid = charges.get(id).map_or(&[][..], Vec::as_slice);
        ensure!(paid.len() == 1, "{id} was charged {} times", paid.len());
        ensure!(
            paid[0]["captured"] == order["total"],
            "{id} costs {} and was charged {}",
            order["total"],
            paid[0]["captured"]
        );
        if !stands(order) {
            ensure!(
                paid[0]["refunded"] == order["total"],
                "{id} was cancelled and {} was given back",
                paid[0]["refunded"]
            );
        }
    }
    for (reference, payments) in charges.iter().filter(|(reference, _)| !by_id.contains_key(reference.as_str())) {
        for payment in payments {
            // Not even for a moment: what is captured is brought to an order.
            let was_captured = !matches!(payment["state"].as_str(), Some("voided" | "declined"));
            ensure!(!was_captured, "{reference} is no order, but {payment} was captured");
        }
    }

    let balance = admin.get("/api/v1/admin/ledger/balance").await?;
    ensure!(balance["balanced"] == true, "the ledger does not balance: {balance}");
    Ok(())
}
