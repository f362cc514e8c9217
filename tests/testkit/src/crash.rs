//! Kills a shop at random moments under checkout load, or takes its power away, and audits it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
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

/// What a shop loses at the end of each round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Its process: what it wrote is there.
    Process,
    /// The machine's power: a database may be as it was when the disk last had it. What was synced is there, which is the log of commits.
    Power,
}

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

/// Ends the shop so `kills` times and audits it after every `audit_every` of them, and at the end.
pub async fn crash(binary: &Path, loss: Loss, kills: usize, audit_every: usize, seed: u64) -> Result<Crashes> {
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
        let on_disk = (loss == Loss::Power).then(|| databases(&mut shop)).transpose()?;
        if on_disk.is_some() {
            tokio::time::sleep(Duration::from_millis(rng.random_range(1..MAX_LIFE_MS))).await;
        }
        shop.process()?.kill()?;
        if let Some(on_disk) = on_disk {
            on_disk.put_back(shop.data(), &mut rng)?;
        }
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

/// Databases as the disk may have them: the files of each, by the name of its service.
struct OnDisk(BTreeMap<String, [Option<Vec<u8>>; 2]>);

/// What a database's files end in; what is beside it is made anew.
const FILES: [&str; 2] = ["db", "db-wal"];
const SHARED_MEMORY: &str = "db-shm";

/// Reads the databases of a shop while it stands still.
fn databases(shop: &mut Shop) -> Result<OnDisk> {
    shop.process()?.pause()?;
    let data = shop.data().to_owned();
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(&data)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == FILES[0])
            && let Some(service) = path.file_stem().and_then(OsStr::to_str)
        {
            let files = FILES.map(|end| std::fs::read(data.join(service).with_extension(end)).ok());
            found.insert(service.to_owned(), files);
        }
    }
    shop.process()?.resume()?;
    Ok(OnDisk(found))
}

impl OnDisk {
    /// Half of the databases, by chance, are again what they were.
    fn put_back(self, data: &Path, rng: &mut StdRng) -> Result<()> {
        for (service, files) in self.0 {
            if rng.random_bool(0.5) {
                continue;
            }
            let path = |end: &str| data.join(&service).with_extension(end);
            for (end, content) in FILES.into_iter().zip(files) {
                match content {
                    Some(content) => std::fs::write(path(end), content)?,
                    None => remove(&path(end))?,
                }
            }
            remove(&path(SHARED_MEMORY))?;
        }
        Ok(())
    }
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e.into()),
        _ => Ok(()),
    }
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
