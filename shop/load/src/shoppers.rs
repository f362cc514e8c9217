//! The customers whom the load generator plays: a bounded pool, each used by one journey at a time, for a cart is a customer's.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rand::Rng;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// Most customers. More buyers at a time than this wait, and their wait counts.
pub(crate) const MAX_SHOPPERS: usize = 64;

/// Tokens of a signed-in customer.
#[derive(Clone)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) expires_at: Instant,
}

/// One customer.
pub(crate) struct Shopper {
    pub(crate) email: String,
    pub(crate) password: String,
    pub(crate) tokens: Option<Tokens>,
    pub(crate) signed_up: bool,
}

/// All customers.
pub(crate) struct Shoppers {
    run: String,
    made: AtomicU64,
    idle: Mutex<Vec<Shopper>>,
    turns: Semaphore,
}

/// A customer who is on a journey; goes back to the pool when it ends.
pub(crate) struct Busy<'a> {
    pool: &'a Shoppers,
    shopper: Option<Shopper>,
    _turn: SemaphorePermit<'a>,
}

impl Busy<'_> {
    pub(crate) fn get(&mut self) -> Option<&mut Shopper> {
        self.shopper.as_mut()
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.pool.idle.lock().extend(self.shopper.take());
    }
}

impl Shoppers {
    pub(crate) fn new(seed: u64) -> Self {
        // The same load may run twice against the same shop: its customers are new each time.
        let run = format!("{seed}-{:08x}", rand::rng().random::<u32>());
        Self { run, made: AtomicU64::new(0), idle: Mutex::default(), turns: Semaphore::new(MAX_SHOPPERS) }
    }

    /// A customer whom nobody else plays at the moment.
    pub(crate) async fn take(&self) -> Option<Busy<'_>> {
        let turn = self.turns.acquire().await.ok()?;
        let known = self.idle.lock().pop();
        let shopper = known.unwrap_or_else(|| {
            let n = self.made.fetch_add(1, Ordering::Relaxed);
            Shopper {
                email: format!("load-{}-{n}@load.vitrine.example", self.run),
                password: format!("pw-{:032x}", rand::rng().random::<u128>()),
                tokens: None,
                signed_up: false,
            }
        });
        Some(Busy { pool: self, shopper: Some(shopper), _turn: turn })
    }
}

/// When a token that lives so long should be renewed.
pub(crate) fn renew_at(expires_in_s: u64) -> Instant {
    Instant::now() + Duration::from_secs(expires_in_s.saturating_sub(30))
}
