//! Checkout load that goes on whatever happens to the shop meanwhile, and what its customers saw.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::future::join_all;
use rand::Rng;
use tokio::task::JoinHandle;

use crate::{Acknowledged, Api, Customer, Engines, eventually, order_body, timed};

/// What is bought: every buyer has one of these in the cart, so that they compete.
const WANTED: &[&str] = &["prd_tall-vase", "prd_apple-bowl", "prd_everyday-tumbler"];
/// Orders that must have been acknowledged before a server fails, so that it fails under load.
const ORDERS_BEFORE: usize = 8;
/// How long a buyer waits after an answer that is no order.
const PAUSE: Duration = Duration::from_millis(20);
/// The slowest answer that a customer may get, whatever is broken: the gateway's own deadline and some slack for a busy machine.
pub const BOUND: Duration = Duration::from_secs(25);

/// What the customers saw.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// What they were told is theirs.
    pub acknowledged: Acknowledged,
    /// How often each answer came that was no order: status and code.
    pub refused: BTreeMap<(u16, String), usize>,
    /// How often nobody answered at all.
    pub unanswered: usize,
    /// Purchases of which nobody knows whether they were made: whose they are, by number, and their keys.
    pub open: Vec<(usize, String)>,
    /// The longest that anybody waited.
    pub slowest: Duration,
}

impl Seen {
    /// Whether every error was a clear one (a problem with a code, of a status that says "later"), and in time.
    pub fn check(&self) -> Result<()> {
        ensure!(self.slowest < BOUND, "somebody waited {:?}", self.slowest);
        for ((status, code), times) in &self.refused {
            ensure!(!code.is_empty(), "{status} without a code, {times} times");
            ensure!(*status != 500, "{status} {code}, {times} times: a fault that nobody expected");
        }
        Ok(())
    }
}

/// Buyers at work.
#[derive(Debug)]
pub struct Storm {
    stop: Arc<AtomicBool>,
    orders: Arc<AtomicUsize>,
    buyers: Vec<JoinHandle<Seen>>,
}

impl Storm {
    /// Lets these customers buy; each turns from gateway to gateway.
    pub fn start(people: &[Customer], gateways: &[Api]) -> Self {
        let (stop, orders) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let buyers = people.iter().enumerate().map(|(n, customer)| {
            let mut doors: Vec<Customer> = gateways.iter().map(|gateway| customer.at(gateway)).collect();
            doors.rotate_left(n % gateways.len().max(1));
            tokio::spawn(buyer(n, doors, stop.clone(), orders.clone()))
        });
        Self { buyers: buyers.collect(), stop, orders }
    }

    /// Waits until so many more orders are acknowledged; says how long that took.
    pub async fn more(&self, orders: usize) -> Result<Duration> {
        let (began, wanted) = (Instant::now(), self.orders.load(Ordering::Relaxed) + orders);
        eventually("orders", async || Ok((self.orders.load(Ordering::Relaxed) >= wanted).then_some(()))).await?;
        Ok(began.elapsed())
    }

    /// Lets them end what they have begun.
    pub async fn stop(self) -> Result<Seen> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Seen::default();
        for joined in join_all(self.buyers).await {
            let seen = joined?;
            all.acknowledged.orders.extend(seen.acknowledged.orders);
            for (answer, times) in seen.refused {
                *all.refused.entry(answer).or_default() += times;
            }
            all.unanswered += seen.unanswered;
            all.open.extend(seen.open);
            all.slowest = all.slowest.max(seen.slowest);
        }
        Ok(all)
    }
}

/// How a server fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// It dies and is started again.
    Killed,
    /// It hangs, with its connections open, and goes on.
    Hung,
}

/// Lets a server fail for a while under load. Says how long it took, from when it was back, to the next order.
pub async fn outage(
    engines: &mut Engines,
    kind: &str,
    how: Outage,
    length: Duration,
    storm: &Storm,
) -> Result<Duration> {
    storm.more(ORDERS_BEFORE).await.with_context(|| format!("before {kind} fails"))?;
    let server = engines.server(kind)?;
    match how {
        Outage::Killed => server.kill()?,
        Outage::Hung => server.pause()?,
    }
    tokio::time::sleep(length).await;
    match how {
        Outage::Killed => server.up()?,
        Outage::Hung => server.resume()?,
    }
    storm.more(1).await.with_context(|| format!("{kind} was {how:?} for {length:?} and is back"))
}

/// Customers with an account each, at any of these gateways.
pub async fn people(gateway: &Api, count: usize) -> Result<Vec<Customer>> {
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        all.push(Customer::new(gateway).await?);
    }
    Ok(all)
}

/// What is on the shelves.
pub async fn stock(admin: &Api) -> Result<BTreeMap<String, u64>> {
    let mut stock = BTreeMap::new();
    for product in admin.all("/api/v1/products").await? {
        let id = product["id"].as_str().context("id")?.to_owned();
        stock.insert(id, product["available"].as_u64().context("available")?);
    }
    Ok(stock)
}

async fn buyer(n: usize, doors: Vec<Customer>, stop: Arc<AtomicBool>, orders: Arc<AtomicUsize>) -> Seen {
    let mut seen = Seen::default();
    let body = order_body("EUR", "4242424242424242");
    let mut turn = 0;
    while !stop.load(Ordering::Relaxed) {
        turn += 1;
        let customer = &doors[turn % doors.len()];
        let key = format!("storm-{n}-{turn}-{:08x}", rand::rng().random::<u32>());
        let product = WANTED[(n + turn) % WANTED.len()];
        let (mut answer, mut took) = timed(customer.try_add(product, 1)).await;
        let asks = matches!(&answer, Ok(answer) if answer.status == 200);
        if asks {
            seen.slowest = seen.slowest.max(took);
            (answer, took) = timed(customer.ask(&key, &body)).await;
        }
        seen.slowest = seen.slowest.max(took);
        match answer {
            Ok(answer) if answer.status == 201 => {
                orders.fetch_add(1, Ordering::Relaxed);
                let id = answer.json()["id"].as_str().map(str::to_owned);
                seen.acknowledged.orders.extend(id.map(|id| (key, id)));
                continue;
            }
            Ok(answer) => {
                let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
                *seen.refused.entry((answer.status, code)).or_default() += 1;
            }
            Err(_) => {
                seen.unanswered += 1;
                seen.open.extend(asks.then_some((n, key)));
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    seen
}
