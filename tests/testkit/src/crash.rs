//! Kills a shop at random moments under checkout load, and audits it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use futures::future::join_all;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::{Acknowledged, Api, Customer, Options, Placement, Shop, audit, order_body};

/// Buyers at a time.
const BUYERS: usize = 8;
/// What they buy: each has one of these in the cart, so that they compete.
const WANTED: &[&str] = &["prd_tall-vase", "prd_apple-bowl", "prd_everyday-tumbler"];
/// The longest that the shop lives in a round, in milliseconds.
const MAX_LIFE_MS: u64 = 400;

/// What the rounds came to.
#[derive(Clone, Debug, Default)]
pub struct Crashes {
    /// How often the shop was killed.
    pub kills: usize,
    /// Orders that it had acknowledged.
    pub acknowledged: usize,
    /// The longest that it took to be ready again.
    pub slowest_start: Duration,
}

/// One buyer: asks until told to stop, again with the same key while nobody knows what became of it.
async fn buyer(n: usize, customer: Customer, stop: Arc<AtomicBool>) -> Vec<(String, String)> {
    let mut bought = Vec::new();
    let body = order_body("EUR", "4242424242424242");
    let mut round = 0;
    while !stop.load(Ordering::Relaxed) {
        round += 1;
        let product = WANTED[(n + round) % WANTED.len()];
        let key = format!("crash-{n}-{round}-{:08x}", rand::rng().random::<u32>());
        if customer.add(product, 1).await.is_err() {
            return bought;
        }
        match customer.ask(&key, &body).await {
            Ok(answer) if answer.status == 201 => {
                bought.extend(answer.json()["id"].as_str().map(|id| (key, id.to_owned())))
            }
            Ok(_) => {}
            Err(_) => return bought,
        }
    }
    bought
}

/// Kills the shop `kills` times and audits it after every `audit_every` of them, and at the end.
pub async fn crash(binary: &Path, kills: usize, audit_every: usize, seed: u64) -> Result<Crashes> {
    let options = Options::default();
    let mut rng = StdRng::seed_from_u64(seed);
    let mut shop = Shop::start(binary, Placement::Local, &options).await?;
    let admin = |shop: &Shop| shop.admin();
    let mut stock_before = BTreeMap::new();
    for product in admin(&shop)?.all("/api/v1/products").await? {
        stock_before.insert(
            product["id"].as_str().context("id")?.to_owned(),
            product["available"].as_u64().context("available")?,
        );
    }
    let mut people = Vec::new();
    for _ in 0..BUYERS {
        people.push(Customer::new(&shop.anybody()?).await?);
    }
    let mut acknowledged = Acknowledged::default();
    let mut crashes = Crashes::default();
    for round in 1..=kills {
        let stop = Arc::new(AtomicBool::new(false));
        let buyers =
            people.iter().cloned().enumerate().map(|(n, customer)| tokio::spawn(buyer(n, customer, stop.clone())));
        let buyers: Vec<_> = buyers.collect();
        tokio::time::sleep(Duration::from_millis(rng.random_range(1..MAX_LIFE_MS))).await;
        shop.process()?.kill()?;
        stop.store(true, Ordering::Relaxed);
        for bought in join_all(buyers).await {
            acknowledged.orders.extend(bought?);
        }
        shop.kill_and_restart(&options)?;
        crashes.kills += 1;
        crashes.slowest_start = crashes.slowest_start.max(shop.process()?.started_in);
        people = again(&shop.anybody()?, people).await?;
        if round % audit_every == 0 || round == kills {
            audit(&admin(&shop)?, &stock_before, &acknowledged)
                .await
                .with_context(|| format!("after {round} kills"))?;
        }
    }
    crashes.acknowledged = acknowledged.orders.len();
    shop.process()?.stop()?;
    Ok(crashes)
}

/// The same customers at the shop's new address. What an earlier round left in their carts stays there.
async fn again(anybody: &Api, people: Vec<Customer>) -> Result<Vec<Customer>> {
    let mut here = Vec::with_capacity(people.len());
    for customer in people {
        here.push(Customer::sign_in(anybody, &customer.email, &customer.password).await?);
    }
    Ok(here)
}
