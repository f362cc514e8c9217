//! Many want the last seats.

use anyhow::{Result, ensure};
use futures::future::try_join_all;
use vitrine_tests_testkit::{Customer, Shop, eventually, order_body};

const BUYERS: usize = 64;
const SEATS: u32 = 10;

pub(crate) async fn the_last_seats(shop: &Shop) -> Result<()> {
    let workshop = super::selling::new_workshop(shop, SEATS).await?;
    let anybody = shop.anybody()?;
    let buyers = try_join_all((0..BUYERS).map(|_| Customer::new(&anybody))).await?;
    try_join_all(buyers.iter().map(|b| b.add(&workshop, 1))).await?;
    let body = order_body("EUR", "4242424242424242");
    let answers = try_join_all(buyers.iter().map(|b| b.ask("race", &body))).await?;
    let sold = answers.iter().filter(|a| a.status == 201).count();
    let refused = answers.iter().filter(|a| a.code() == "OUT_OF_STOCK").count();
    let others: Vec<String> =
        answers.iter().filter(|a| a.status != 201).map(|a| format!("{} {}", a.status, a.code())).collect();
    ensure!(sold == usize::try_from(SEATS)? && sold + refused == BUYERS, "{sold} sold, {refused} refused: {others:?}");
    let product = anybody.get(&format!("/api/v1/products/{workshop}")).await?;
    ensure!(product["available"] == 0 && product["sold"] == SEATS, "{product}");

    // No one who was refused was charged, and the ledger knows the others.
    let admin = shop.admin()?;
    let orders: Vec<String> = answers.iter().filter_map(|a| a.json()["id"].as_str().map(str::to_owned)).collect();
    for order in &orders {
        let payments = admin.all("/api/v1/admin/payments").await?;
        let charged = payments.iter().filter(|p| p["reference"] == order.as_str() && p["state"] == "captured").count();
        ensure!(charged == 1, "{order} was charged {charged} times");
        eventually("a booking", async || {
            let booked = admin.all(&format!("/api/v1/admin/ledger/transactions?order_id={order}")).await?;
            Ok((booked.len() == 1).then_some(()))
        })
        .await?;
    }
    ensure!(admin.get("/api/v1/admin/ledger/balance").await?["balanced"] == true, "the ledger does not balance");
    Ok(())
}
