//! When which journey begins: a seeded Poisson process.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::config::Weights;

/// The latest arrival that is told apart, in seconds: a year. Rates near 0 would leave the range of durations.
const LATEST_S: f64 = 365.0 * 24.0 * 3600.0;

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

impl Weights {
    pub(crate) fn pick(self, rng: &mut StdRng) -> Journey {
        let all = [
            (self.browse, Journey::Browse),
            (self.search, Journey::Search),
            (self.cart, Journey::Cart),
            (self.buy_one, Journey::BuyOne),
            (self.buy_many, Journey::BuyMany),
            (self.come_back, Journey::Return),
            (self.cancel, Journey::Cancel),
        ];
        let mut left = rng.random_range(0..self.sum().max(1));
        for (weight, journey) in all {
            if left < u64::from(weight) {
                return journey;
            }
            left -= u64::from(weight);
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
        self.at_s = (self.at_s - (1.0 - share).ln() / self.rate).min(LATEST_S);
        let journey = self.weights.pick(&mut self.rng);
        Some(Arrival { after: Duration::from_secs_f64(self.at_s), journey, seed: self.rng.random() })
    }
}

#[cfg(test)]
mod tests {
    use super::{Arrivals, Journey};
    use crate::config::Weights;

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

    #[test]
    fn extreme_rates_and_weights_are_no_trouble() {
        let rarest = Arrivals::new(1, f64::MIN_POSITIVE, Weights::default()).nth(1).expect("some");
        assert_eq!(rarest.after.as_secs(), 365 * 24 * 3600);
        let heavy = Weights { browse: u32::MAX, search: u32::MAX, ..Weights::default() };
        let searches = Arrivals::new(1, 1.0, heavy).take(2000).filter(|a| a.journey == Journey::Search).count();
        assert!((880..1120).contains(&searches), "half of 2000: {searches}");
    }
}
