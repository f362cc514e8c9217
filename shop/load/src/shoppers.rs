//! The customers whom the load generator plays: a bounded pool, each used by one journey at a time, because a cart is a customer's.
//!
//! Passwords cost a shop much, and on purpose. Customers are therefore signed up when they are first needed, and used again, and so
//! are their tokens.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::Method;
use parking_lot::Mutex;
use rand::Rng;
use serde_json::json;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::http::{Call, Response};
use crate::oauth::{self, Verifier};
use crate::people;
use crate::visit::{Step, Visit};

/// Most customers. More buyers at a time than this wait, and their wait counts.
pub(crate) const MAX_SHOPPERS: usize = 64;
/// How long before it expires a token is renewed.
const RENEW_EARLY: Duration = Duration::from_secs(30);
/// Longest life of a token that is believed.
const MAX_TOKEN_LIFE: Duration = Duration::from_secs(24 * 3600);

/// Tokens of a signed-in customer.
struct Tokens {
    access: String,
    refresh: String,
    renew_at: Instant,
}

/// One customer.
pub(crate) struct Shopper {
    email: String,
    password: String,
    tokens: Option<Tokens>,
    signed_up: bool,
    /// The shop does not know them, or not so: someone else takes their place.
    gone: bool,
}

impl Shopper {
    /// Their token is not accepted any more.
    pub(crate) fn sign_out(&mut self) {
        self.tokens = None;
    }
}

/// All customers.
pub(crate) struct Shoppers {
    seed: u64,
    run: u32,
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
        self.pool.idle.lock().extend(self.shopper.take().filter(|s| !s.gone));
    }
}

impl Shoppers {
    pub(crate) fn new(seed: u64) -> Self {
        // The same load may run twice against the same shop: its customers are new each time.
        let run = rand::rng().random();
        Self { seed, run, made: AtomicU64::new(0), idle: Mutex::default(), turns: Semaphore::new(MAX_SHOPPERS) }
    }

    /// A customer whom no one else plays at the moment.
    pub(crate) async fn take(&self) -> Option<Busy<'_>> {
        let turn = self.turns.acquire().await.ok()?;
        let known = self.idle.lock().pop();
        let shopper = known.unwrap_or_else(|| {
            let n = self.made.fetch_add(1, Ordering::Relaxed);
            Shopper {
                email: format!("load-{}-{n}-{:08x}@load.vitrine.example", self.seed, self.run),
                password: format!("pw-{:032x}", rand::rng().random::<u128>()),
                tokens: None,
                signed_up: false,
                gone: false,
            }
        });
        Some(Busy { pool: self, shopper: Some(shopper), _turn: turn })
    }
}

impl Visit {
    /// An access token; a returning customer renews it, and who has none signs up or in.
    pub(crate) async fn sign_in(&mut self, shopper: &mut Shopper, renew: bool) -> Step<String> {
        if let Some(tokens) = &shopper.tokens {
            if !renew && Instant::now() < tokens.renew_at {
                return Ok(tokens.access.clone());
            }
            let call = oauth::refresh(&tokens.refresh);
            // Whatever comes of it, the old token is used up.
            shopper.tokens = None;
            let answer = self.send("POST token refresh", call).await?;
            return self.keep_tokens(shopper, &answer);
        }
        let signed_in = self.sign_in_anew(shopper).await;
        // For example, a sign-up of which no one knew that it was done, or a shop that has begun afresh.
        shopper.gone = signed_in.as_ref().is_err_and(|stopped| stopped.is_final());
        signed_in
    }

    async fn sign_in_anew(&mut self, shopper: &mut Shopper) -> Step<String> {
        if !shopper.signed_up {
            let name = people::name(&mut self.rng);
            let body = json!({"email": shopper.email, "password": shopper.password, "display_name": name});
            self.send("POST sign-up", Call::new(Method::POST, "/api/v1/customers").json(&body)).await?;
            shopper.signed_up = true;
        }
        let verifier = Verifier::new();
        let answer = self.send("POST sign-in", verifier.authorize(&shopper.email, &shopper.password)).await?;
        let code = oauth::code_of(&answer)
            .ok_or_else(|| self.bad("POST sign-in", None, "no code", "the answer leads nowhere with a code"))?;
        let answer = self.send("POST token", verifier.redeem(&code)).await?;
        self.keep_tokens(shopper, &answer)
    }

    fn keep_tokens(&self, shopper: &mut Shopper, answer: &Response) -> Step<String> {
        let body = answer.json();
        let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        let access = text("access_token");
        if access.is_empty() {
            return Err(self.bad("POST token", None, "no token", "the answer holds no access_token"));
        }
        let life = Duration::from_secs(body["expires_in"].as_u64().unwrap_or(0)).min(MAX_TOKEN_LIFE);
        let renew_at = Instant::now() + life.saturating_sub(RENEW_EARLY);
        shopper.tokens = Some(Tokens { access: access.clone(), refresh: text("refresh_token"), renew_at });
        Ok(access)
    }
}
