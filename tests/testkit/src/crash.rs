//! Kills a shop at random moments under checkout load, and audits it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::storm::{Storm, WANTED, people, restock, stock};
use crate::{Acknowledged, Api, Customer, Options, Placement, Shop, audit, eventually, order_body};

/// Buyers at a time.
const BUYERS: usize = 8;
/// More of each product than can be sold between the kills.
const SHELF: u32 = 1_000_000;
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

/// Kills the shop `kills` times and audits it after every `audit_every` of them, and at the end.
pub async fn crash(binary: &Path, kills: usize, audit_every: usize, seed: u64) -> Result<Crashes> {
    let options = Options::default();
    let mut rng = StdRng::seed_from_u64(seed);
    let mut shop = Shop::start(binary, Placement::Local, &options).await?;
    let admin = |shop: &Shop| shop.admin();
    for product in WANTED {
        restock(&admin(&shop)?, product, SHELF).await?;
    }
    let stock_before = stock(&admin(&shop)?).await?;
    let mut people = people(&shop.anybody()?, BUYERS).await?;
    let mut acknowledged = Acknowledged::default();
    let mut crashes = Crashes::default();
    for round in 1..=kills {
        let storm = Storm::start(&people, &[shop.anybody()?]);
        tokio::time::sleep(Duration::from_millis(rng.random_range(1..MAX_LIFE_MS))).await;
        shop.process()?.kill()?;
        let seen = storm.cut().await?;
        seen.check_alone().with_context(|| format!("before kill {round}"))?;
        acknowledged.orders.extend(seen.acknowledged.orders);
        shop.kill_and_restart(&options)?;
        crashes.kills += 1;
        crashes.slowest_start = crashes.slowest_start.max(shop.process()?.started_in);
        people = again(&shop.anybody()?, people).await?;
        for (n, key) in seen.open {
            let order = asked_again(&people[n], &key).await.with_context(|| format!("{key} after {round} kills"))?;
            acknowledged.orders.extend(order.map(|id| (key, id)));
        }
        if round % audit_every == 0 || round == kills {
            audit(&admin(&shop)?, &stock_before, &acknowledged)
                .await
                .with_context(|| format!("after {round} kills"))?;
        }
    }
    for customer in &people {
        no_cart_is_stuck(customer).await?;
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

/// Asks once more, with the same key, for a purchase whose answer a crash cut off. Returns the order; none if it was refused.
async fn asked_again(customer: &Customer, key: &str) -> Result<Option<String>> {
    eventually("an answer to the same key", async || {
        let answer = customer.ask(key, &order_body("EUR", "4242424242424242")).await?;
        match answer.status {
            201 => Ok(Some(answer.json()["id"].as_str().map(str::to_owned))),
            409 => Ok(Some(None)),
            429 | 503 => Ok(None),
            other => bail!("{other} {}", answer.code()),
        }
    })
    .await
}

/// Whatever was cut short, a customer's cart can be bought again.
async fn no_cart_is_stuck(customer: &Customer) -> Result<()> {
    eventually("a purchase after the crashes", async || match customer.buy_one("prd_tall-vase").await {
        Ok(_) => Ok(Some(())),
        Err(refused) if refused.to_string().contains("CART_IN_PURCHASE") => Ok(None),
        Err(other) => Err(other),
    })
    .await
    .with_context(|| customer.email.clone())
}
