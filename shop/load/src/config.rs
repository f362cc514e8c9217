//! What load, and on whom.

use std::time::Duration;

use thiserror::Error as ThisError;

/// Highest rate, in journeys a second.
const MAX_RATE: f64 = 100_000.0;

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

impl Config {
    pub(crate) fn check(&self) -> Result<(), Error> {
        if !(self.rate > 0.0 && self.rate <= MAX_RATE) {
            return Err(Error::Rate(self.rate));
        }
        if self.weights.sum() == 0 { Err(Error::Weights) } else { Ok(()) }
    }
}

/// Why no load can be made.
#[derive(Clone, Debug, ThisError, PartialEq)]
pub enum Error {
    /// Not a base URL.
    #[error("{0:?} is not the address of a shop: expected http://HOST:PORT")]
    Url(String),
    /// Not a rate.
    #[error("a rate of {0} journeys a second cannot be made: expected more than 0, at most {MAX_RATE}")]
    Rate(f64),
    /// No kind of journey is ever made.
    #[error("all weights are 0: expected at least one kind of journey")]
    Weights,
}

/// How often each kind of journey is, in parts of their sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights {
    /// Looks at categories, products, pictures, recommendations and advertisements.
    pub browse: u32,
    /// Searches.
    pub search: u32,
    /// Fills a cart and leaves it.
    pub cart: u32,
    /// Buys one thing.
    pub buy_one: u32,
    /// Buys several.
    pub buy_many: u32,
    /// Comes back to look at orders and letters.
    pub come_back: u32,
    /// Buys and cancels.
    pub cancel: u32,
}

impl Default for Weights {
    fn default() -> Self {
        Self { browse: 40, search: 20, cart: 10, buy_one: 12, buy_many: 8, come_back: 7, cancel: 3 }
    }
}

impl Weights {
    /// Purchases of one thing, and nothing else.
    pub fn only_buy_one() -> Self {
        Self { browse: 0, search: 0, cart: 0, buy_one: 1, buy_many: 0, come_back: 0, cancel: 0 }
    }

    /// Browsing, and nothing else.
    pub fn only_browse() -> Self {
        Self { browse: 1, buy_one: 0, ..Self::only_buy_one() }
    }

    fn parts(self) -> [u32; 7] {
        [self.browse, self.search, self.cart, self.buy_one, self.buy_many, self.come_back, self.cancel]
    }

    pub(crate) fn sum(self) -> u64 {
        self.parts().into_iter().map(u64::from).sum()
    }
}
