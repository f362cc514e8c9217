//! When which journey begins: a seeded Poisson process.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// What a customer comes for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Journey {
    Browse,
    Search,
    Cart,
    BuyOne,
    BuyMany,
    Return,
    Cancel,
}

impl Journey {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Browse => "journey browse",
            Self::Search => "journey search",
            Self::Cart => "journey cart",
            Self::BuyOne => "journey buy one",
            Self::BuyMany => "journey buy many",
            Self::Return => "journey return",
            Self::Cancel => "journey cancel",
        }
    }
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

    fn pick(self, rng: &mut StdRng) -> Journey {
        let all = [
            (self.browse, Journey::Browse),
            (self.search, Journey::Search),
            (self.cart, Journey::Cart),
            (self.buy_one, Journey::BuyOne),
            (self.buy_many, Journey::BuyMany),
            (self.come_back, Journey::Return),
            (self.cancel, Journey::Cancel),
        ];
        let mut left = rng.random_range(0..all.iter().map(|(w, _)| w).sum::<u32>().max(1));
        for (weight, journey) in all {
            if left < weight {
                return journey;
            }
            left -= weight;
        }
        Journey::Browse
    }
}

/// One customer who comes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Arrival {
    /// How long after the beginning.
    pub(crate) after: Duration,
    pub(crate) journey: Journey,
    pub(crate) seed: u64,
}

/// Endless arrivals.
pub(crate) struct Arrivals {
    rng: StdRng,
    rate: f64,
    weights: Weights,
    at_s: f64,
}

impl Arrivals {
    pub(crate) fn new(seed: u64, rate: f64, weights: Weights) -> Self {
        Self { rng: StdRng::seed_from_u64(seed), rate, weights, at_s: 0.0 }
    }
}

impl Iterator for Arrivals {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        // The gaps of a Poisson process are exponential.
        let share: f64 = self.rng.random();
        self.at_s += -(1.0 - share).ln() / self.rate;
        let journey = self.weights.pick(&mut self.rng);
        Some(Arrival { after: Duration::from_secs_f64(self.at_s), journey, seed: self.rng.random() })
    }
}

#[cfg(test)]
mod tests {
    use super::{Arrivals, Journey, Weights};

    #[test]
    fn the_same_seed_begins_the_same_journeys_at_the_rate() {
        let take = |seed| Arrivals::new(seed, 50.0, Weights::default()).take(5000).collect::<Vec<_>>();
        let arrivals = take(7);
        assert_eq!(arrivals, take(7));
        assert_ne!(arrivals, take(8));
        let took = arrivals.last().expect("some").after.as_secs_f64();
        assert!((95.0..105.0).contains(&took), "5000 at 50 a second took {took}");
        assert!(arrivals.windows(2).all(|w| w[0].after <= w[1].after));
    }

    #[test]
    fn weights_are_kept() {
        let count = |weights, wanted| Arrivals::new(1, 1.0, weights).take(2000).filter(|a| a.journey == wanted).count();
        assert_eq!(count(Weights::only_buy_one(), Journey::BuyOne), 2000);
        assert_eq!(count(Weights::only_browse(), Journey::Browse), 2000);
        let browsing = count(Weights::default(), Journey::Browse);
        assert!((720..880).contains(&browsing), "40 % of 2000: {browsing}");
    }
}
