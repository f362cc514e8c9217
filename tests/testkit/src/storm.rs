//! Checkout load that goes on whatever happens to the shop meanwhile, and what its customers saw.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::future::join_all;
use http::Method;
use http::header::IF_MATCH;
use rand::Rng;
use serde_json::json;
use tokio::task::JoinHandle;
use vitrine_shop_load::http::{Call, Response};

use crate::{Acknowledged, Api, Customer, Engines, eventually, order_body, timed};

/// What is bought: every buyer has one of these in the cart, so that they compete.
pub const WANTED: &[&str] = &["prd_tall-vase", "prd_apple-bowl", "prd_everyday-tumbler"];
/// Orders that must have been acknowledged before a server fails, so that it fails under load.
const ORDERS_BEFORE: usize = 8;
/// How long a buyer waits after an answer that is no order.
const PAUSE: Duration = Duration::from_millis(20);
/// How long a customer asks for a purchase, with one key, until it is known.
const PATIENCE: Duration = Duration::from_secs(120);
/// What tells a customer to ask again with the same key. The last one is for a service that hangs, or died with the call in its hands.
const LATER: &[u16] = &[429, 503, GATEWAY_TIMEOUT];
const GATEWAY_TIMEOUT: u16 = 504;
/// What tells a customer that it cannot be.
const REFUSED: u16 = 409;
/// The slowest answer that a customer may get, whatever is broken: the gateway's own deadline and some slack for a busy machine.
pub const BOUND: Duration = Duration::from_secs(25);

/// What the customers saw.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// What they were told is theirs.
    pub acknowledged: Acknowledged,
    /// How often each answer came that was no order: status and code.
    pub refused: BTreeMap<(u16, String), usize>,
    /// How often no one answered at all.
    pub unanswered: usize,
    /// Purchases that were cut off before it was known whether they were made: whose they are, by number, and their keys.
    pub open: Vec<(usize, String)>,
    /// The longest that anybody waited.
    pub slowest: Duration,
}

impl Seen {
    /// Whether every purchase came to be known, and every error was a clear one (a problem with a code, of a status that says "later" or
    /// "it cannot be"), and in time.
    pub fn check(&self) -> Result<()> {
        ensure!(self.open.is_empty(), "nobody knows whether these were made: {:?}", self.open);
        self.check_answers(&[LATER, &[REFUSED]].concat())
    }

    /// The same of the answers of a shop in one process, up to its death: no one but itself can keep it waiting.
    pub fn check_alone(&self) -> Result<()> {
        let expected: Vec<u16> = LATER.iter().copied().filter(|status| *status != GATEWAY_TIMEOUT).collect();
        self.check_answers(&[&expected[..], &[REFUSED]].concat())
    }

    fn check_answers(&self, expected: &[u16]) -> Result<()> {
        ensure!(self.slowest < BOUND, "somebody waited {:?}", self.slowest);
        for ((status, code), times) in &self.refused {
            ensure!(!code.is_empty(), "{status} without a code, {times} times");
            ensure!(expected.contains(status), "{status} {code}, {times} times: only {expected:?} are expected");
        }
        Ok(())
    }
}

/// What buyers are told, and tell.
#[derive(Debug, Default)]
struct Flags {
    /// No new purchases.
    stop: AtomicBool,
    /// And no waiting for those that were begun.
    cut: AtomicBool,
    orders: AtomicUsize,
}

/// Buyers at work.
#[derive(Debug)]
pub struct Storm {
    flags: Arc<Flags>,
    buyers: Vec<JoinHandle<Seen>>,
}

impl Storm {
    /// Lets these customers buy; each turns from gateway to gateway.
    pub fn start(people: &[Customer], gateways: &[Api]) -> Self {
        let flags = Arc::new(Flags::default());
        let buyers = people.iter().enumerate().map(|(n, customer)| {
            let mut doors: Vec<Customer> = gateways.iter().map(|gateway| customer.at(gateway)).collect();
            doors.rotate_left(n % gateways.len().max(1));
            tokio::spawn(Buyer { n, doors, flags: flags.clone(), turn: 0, seen: Seen::default() }.buy_on())
        });
        Self { buyers: buyers.collect(), flags }
    }

    /// Waits until so many more orders are acknowledged; says how long that took.
    pub async fn more(&self, orders: usize) -> Result<Duration> {
        let (began, wanted) = (Instant::now(), self.flags.orders.load(Ordering::Relaxed) + orders);
        eventually("orders", async || Ok((self.flags.orders.load(Ordering::Relaxed) >= wanted).then_some(()))).await?;
        Ok(began.elapsed())
    }

    /// Lets them end what they have begun: a caller that got no answer asks again with the same key until it is known.
    pub async fn stop(self) -> Result<Seen> {
        self.flags.stop.store(true, Ordering::Relaxed);
        self.seen().await
    }

    /// Sends them away at once, for the shop is gone.
    pub async fn cut(self) -> Result<Seen> {
        self.flags.cut.store(true, Ordering::Relaxed);
        self.stop().await
    }

    async fn seen(self) -> Result<Seen> {
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

/// Puts more of a product on its shelf.
pub async fn restock(admin: &Api, product_id: &str, pieces: u32) -> Result<()> {
    let call = Call::new(Method::PATCH, &format!("/api/v1/products/{product_id}"));
    let answer = admin.send(call.header(IF_MATCH, "*").json(&json!({ "restock": pieces }))).await?;
    ensure!(answer.status == 200, "{product_id}: {} {}", answer.status, answer.code());
    Ok(())
}

struct Buyer {
    n: usize,
    doors: Vec<Customer>,
    flags: Arc<Flags>,
    turn: usize,
    seen: Seen,
}

impl Buyer {
    async fn buy_on(mut self) -> Seen {
        while !self.flags.stop.load(Ordering::Relaxed) {
            let product = WANTED[(self.n + self.turn) % WANTED.len()];
            let key = format!("storm-{}-{}-{:08x}", self.n, self.turn, rand::rng().random::<u32>());
            let customer = self.door();
            let (added, took) = timed(customer.try_add(product, 1)).await;
            if matches!(&added, Ok(answer) if answer.status == 200) {
                self.seen.slowest = self.seen.slowest.max(took);
                self.buy(key).await;
            } else {
                self.note(added, took);
                tokio::time::sleep(PAUSE).await;
            }
        }
        self.seen
    }

    /// Asks for a purchase, with one key, until it is known.
    async fn buy(&mut self, key: String) {
        let (body, began) = (order_body("EUR", "4242424242424242"), Instant::now());
        loop {
            let customer = self.door();
            let (answer, took) = timed(customer.ask(&key, &body)).await;
            match self.note(answer, took) {
                Some(answer) if answer.status == 201 => {
                    self.flags.orders.fetch_add(1, Ordering::Relaxed);
                    let id = answer.json()["id"].as_str().map(str::to_owned);
                    self.seen.acknowledged.orders.extend(id.map(|id| (key, id)));
                    return;
                }
                Some(answer) if !LATER.contains(&answer.status) => return,
                Some(_) | None => {}
            }
            if self.flags.cut.load(Ordering::Relaxed) || began.elapsed() > PATIENCE {
                self.seen.open.push((self.n, key));
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The next gateway.
    fn door(&mut self) -> Customer {
        self.turn += 1;
        self.doors[self.turn % self.doors.len()].clone()
    }

    /// Notes an answer; none if no one answered.
    fn note(&mut self, answer: Result<Response>, took: Duration) -> Option<Response> {
        self.seen.slowest = self.seen.slowest.max(took);
        let Ok(answer) = answer else {
            self.seen.unanswered += 1;
            return None;
        };
        if !matches!(answer.status, 200 | 201) {
            let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
            *self.seen.refused.entry((answer.status, code)).or_default() += 1;
        }
        Some(answer)
    }
}
