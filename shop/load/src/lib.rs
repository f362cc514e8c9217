//! Shops at any base URL, to load it and to measure it.
//!
//! The load is open: journeys begin when the seeded arrivals say so, whether or not earlier ones have ended, and latencies count
//! from the moment at which a journey should have begun. A shop that stalls therefore looks as bad as it is to
//! customers; there is no coordinated omission. What customers do is in `journeys`; who they are in `shoppers`.

mod arrivals;
pub mod http;
mod journeys;
mod report;
mod shoppers;
mod stats;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use thiserror::Error;
use tokio::task::JoinSet;
use tokio::time::Instant;

pub use arrivals::Weights;
pub use journeys::sign_in;
pub use report::{Report, Row};
pub use stats::Progress;

use arrivals::Arrivals;
use journeys::Visit;
use shoppers::Shoppers;
use stats::Stats;

/// Most journeys at a time. One that finds no room is counted as shed: the load generator is at its end, not the shop.
pub const MAX_IN_FLIGHT: usize = 2000;
/// Highest rate, in journeys a second.
const MAX_RATE: f64 = 100_000.0;
/// How long journeys may go on after the last one began.
const DRAIN: Duration = Duration::from_secs(15);

/// What load, and on whom.
#[derive(Clone, Debug)]
pub struct Config {
    /// The shop, for example "http://127.0.0.1:8080".
    pub base_url: String,
    /// Journeys that begin in a second, on average.
    pub rate: f64,
    /// The same seed begins the same journeys at the same times.
    pub seed: u64,
    /// For how long journeys begin; without it, until stopped.
    pub duration: Option<Duration>,
    /// How often each kind of journey is.
    pub weights: Weights,
}

/// Why no load can be made.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum Error {
    /// Not a base URL.
    #[error("{0:?} is not the address of a shop: expected http://HOST:PORT")]
    Url(String),
    /// Not a rate.
    #[error("a rate of {0} journeys a second cannot be made: expected more than 0, at most {MAX_RATE}")]
    Rate(f64),
}

/// A load generator. Cheap to clone.
#[derive(Clone)]
pub struct Load(Arc<Inner>);

pub(crate) struct Inner {
    config: Config,
    client: http::Client,
    stats: Stats,
    shoppers: Shoppers,
    categories: Mutex<Vec<String>>,
}

impl Load {
    /// A generator that has not begun.
    pub fn new(config: Config) -> Result<Self, Error> {
        if !(config.rate > 0.0 && config.rate <= MAX_RATE) {
            return Err(Error::Rate(config.rate));
        }
        let client = http::Client::new(&config.base_url)?;
        let shoppers = Shoppers::new(config.seed);
        Ok(Self(Arc::new(Inner { config, client, stats: Stats::new(), shoppers, categories: Mutex::default() })))
    }

    /// Begins journeys until the duration is over or `stop` resolves, lets them end, and reports.
    pub async fn run(&self, stop: impl Future<Output = ()> + Send) -> Report {
        let inner = &self.0;
        let began = Instant::now();
        inner.stats.begin();
        let mut journeys = JoinSet::new();
        tokio::pin!(stop);
        for arrival in Arrivals::new(inner.config.seed, inner.config.rate, inner.config.weights) {
            if inner.config.duration.is_some_and(|d| arrival.after >= d) {
                break;
            }
            let intended = began + arrival.after;
            tokio::select! {
                () = &mut stop => break,
                () = tokio::time::sleep_until(intended) => {}
            }
            while journeys.try_join_next().is_some() {}
            if journeys.len() >= MAX_IN_FLIGHT {
                inner.stats.shed();
                continue;
            }
            let visit = Visit::new(inner.clone(), intended, arrival.seed);
            journeys.spawn(visit.make(arrival.journey));
        }
        let took = began.elapsed();
        let drained = tokio::time::timeout(DRAIN, async { while journeys.join_next().await.is_some() {} }).await;
        if drained.is_err() {
            inner.stats.cut(journeys.len());
        }
        inner.stats.report(took)
    }

    /// How it goes.
    pub fn progress(&self) -> Progress {
        self.0.stats.progress()
    }
}
