//! Chance that repeats: numbers drawn of a seed, always the same ones in the same order.

use vitrine_platform_faults::mix64;

/// How many of the bits of a hash a number from 0 to 1 is made of: as many as it can hold.
const UNIT_BITS: u32 = 53;

/// A stream of numbers.
#[derive(Clone, Debug)]
pub struct Chance {
    key: u64,
    drawn: u64,
}

impl Chance {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Self { key: seed, drawn: 0 }
    }

    /// Another stream of the same seed, so that more draws from one leave the others as they are.
    pub fn stream(seed: u64, number: u64) -> Self {
        Self::new(mix64(seed, number))
    }

    /// Returns 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.drawn += 1;
        mix64(self.key, self.drawn)
    }

    /// Returns a number from 0 to below 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> (u64::BITS - UNIT_BITS)) as f64 / (1_u64 << UNIT_BITS) as f64
    }

    /// Returns a whole number from 0 to below `n`; 0 of nothing.
    pub fn below(&mut self, n: usize) -> usize {
        // The upper half of the product: as even as 64 bits can be, and without a loop.
        ((u128::from(self.bits()) * n as u128) >> u64::BITS) as usize
    }

    /// Returns the place of one of these, each as often as its weight says; none where they have none.
    pub fn weighted(&mut self, weights: &[f64]) -> Option<usize> {
        let total: f64 = weights.iter().sum();
        let mut left = self.unit() * total;
        for (at, weight) in weights.iter().enumerate() {
            left -= weight;
            if left < 0.0 {
                return Some(at);
            }
        }
        // What is left is an error of rounding: the last one that can be drawn.
        weights.iter().rposition(|weight| *weight > 0.0)
    }

    /// Puts these into an order by chance (Fisher and Yates).
    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for at in (1..all.len()).rev() {
            let other = self.below(at + 1);
            all.swap(at, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Chance;

    #[test]
    fn draws_are_within_and_even() {
        let mut chance = Chance::new(7);
        let mut counts = [0_u32; 10];
        for _ in 0..10_000 {
            counts[chance.below(10)] += 1;
        }
        // Four standard deviations of a binomial distribution.
        assert!(counts.iter().all(|n| (880..=1120).contains(n)), "{counts:?}");
        assert_eq!(chance.below(0), 0);
        assert_eq!(chance.weighted(&[0.0, 0.0]), None);
        assert_eq!(chance.weighted(&[0.0, 3.0, 0.0]), Some(1));
    }

    #[test]
    fn a_shuffle_keeps_all_and_repeats() {
        let shuffled = |seed| {
            let mut all: Vec<u32> = (0..50).collect();
            Chance::new(seed).shuffle(&mut all);
            all
        };
        let mut once = shuffled(1);
        assert_eq!(once, shuffled(1));
        assert_ne!(once, shuffled(2));
        once.sort_unstable();
        assert_eq!(once, (0..50).collect::<Vec<u32>>());
    }
}
