//! What is gathered of numbers, and of values that are counted apart.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use super::values::Key;

/// Numbers that are kept as they are; of more, only their classes are.
const EXACT_NUMBERS: usize = 4_096;
/// How much wider each class of numbers is than the one before: quantiles are off by half of this at most.
const CLASS_GROWTH: f64 = 1.01;
/// Numbers closer to 0 are 0.
const SMALLEST: f64 = 1e-12;

/// Values that are kept as their hashes; of more, only an estimate is.
const EXACT_VALUES: usize = 8_192;
/// Registers of an estimate, as a power of 2: off by 0.8 % usually.
const REGISTER_BITS: u32 = 14;

/// Count, sum and extremes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stats {
    pub(crate) count: u64,
    pub(crate) sum: f64,
    pub(crate) squares: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// Quantiles of numbers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Quantiles {
    exact: Vec<f64>,
    /// How many by class: negative ones mirrored, and 0 between.
    classes: BTreeMap<i32, u64>,
    count: u64,
}

/// How many distinct values.
#[derive(Debug, Clone, Default)]
pub(crate) struct Distinct {
    exact: HashSet<u64, BuildHasherDefault<DefaultHasher>>,
    registers: Vec<u8>,
}

impl Default for Stats {
    fn default() -> Self {
        Self { count: 0, sum: 0.0, squares: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY }
    }
}

impl Stats {
    pub(crate) fn add(&mut self, number: f64) {
        self.count += 1;
        self.sum += number;
        self.squares += number * number;
        self.min = self.min.min(number);
        self.max = self.max.max(number);
    }

    /// A number of them by its name in Elasticsearch; none if there are no numbers, or no such name.
    pub(crate) fn get(&self, name: &str) -> Option<f64> {
        let count = self.count as f64;
        let some = |number: f64| (self.count > 0).then_some(number);
        let variance = |less: f64| {
            let deviation = (self.squares - self.sum * self.sum / count).max(0.0);
            (count > less).then(|| deviation / (count - less))
        };
        match name {
            "count" => Some(count),
            "sum" => Some(self.sum),
            "sum_of_squares" => some(self.squares),
            "min" => some(self.min),
            "max" => some(self.max),
            "avg" => some(self.sum / count),
            "variance" | "variance_population" => variance(0.0),
            "variance_sampling" => variance(1.0),
            "std_deviation" | "std_deviation_population" => variance(0.0).map(f64::sqrt),
            "std_deviation_sampling" => variance(1.0).map(f64::sqrt),
            _ => None,
        }
    }
}

fn class_of(number: f64) -> i32 {
    if number.abs() < SMALLEST {
        return 0;
    }
    let class = ((number.abs() / SMALLEST).ln() / CLASS_GROWTH.ln()).ceil() as i32 + 1;
    if number < 0.0 { -class } else { class }
}

fn middle_of(class: i32) -> f64 {
    if class == 0 {
        return 0.0;
    }
    let number = SMALLEST * CLASS_GROWTH.powf(f64::from(class.abs()) - 1.5);
    if class < 0 { -number } else { number }
}

impl Quantiles {
    /// Adds a number; returns how many bytes more are held.
    pub(crate) fn add(&mut self, number: f64) -> usize {
        let before = self.bytes();
        self.count += 1;
        if self.classes.is_empty() {
            self.exact.push(number);
            if self.exact.len() > EXACT_NUMBERS {
                for number in std::mem::take(&mut self.exact) {
                    *self.classes.entry(class_of(number)).or_default() += 1;
                }
            }
        } else {
            *self.classes.entry(class_of(number)).or_default() += 1;
        }
        self.bytes().saturating_sub(before)
    }

    fn bytes(&self) -> usize {
        self.exact.capacity() * size_of::<f64>() + self.classes.len() * 2 * size_of::<(i32, u64)>()
    }

    /// The numbers in order, for quantiles.
    pub(crate) fn sort(&mut self) {
        self.exact.sort_unstable_by(f64::total_cmp);
    }

    /// The number that this part of all, in percent, is not above; between two of them, what lies between. None if there is none.
    /// The numbers must be in order.
    pub(crate) fn get(&self, percent: f64) -> Option<f64> {
        let rank = percent.clamp(0.0, 100.0) / 100.0 * self.count.checked_sub(1)? as f64;
        if self.classes.is_empty() {
            let (low, high) = (self.exact.get(rank.floor() as usize)?, self.exact.get(rank.ceil() as usize)?);
            return Some(low + (high - low) * rank.fract());
        }
        let mut seen = 0;
        let found = self.classes.iter().find(|(_, count)| {
            seen += **count;
            seen as f64 > rank
        });
        found.or(self.classes.last_key_value()).map(|(class, _)| middle_of(*class))
    }
}

impl Quantiles {
    /// Which part of all numbers, in percent, is not above this one. None if there is none.
    pub(crate) fn rank(&self, number: f64) -> Option<f64> {
        let below = if self.classes.is_empty() {
            self.exact.partition_point(|found| *found <= number) as u64
        } else {
            self.classes.range(..=class_of(number)).map(|(_, count)| count).sum()
        };
        (self.count > 0).then(|| below as f64 / self.count as f64 * 100.0)
    }
}

impl Distinct {
    /// Adds a value; returns how many bytes more are held.
    pub(crate) fn add(&mut self, key: &Key) -> usize {
        let hash = mixed(BuildHasherDefault::<DefaultHasher>::default().hash_one(key));
        if !self.registers.is_empty() {
            self.register(hash);
            return 0;
        }
        let before = self.exact.capacity();
        self.exact.insert(hash);
        if self.exact.len() > EXACT_VALUES {
            self.registers = vec![0; 1 << REGISTER_BITS];
            for hash in std::mem::take(&mut self.exact) {
                self.register(hash);
            }
            return self.registers.len();
        }
        (self.exact.capacity() - before) * 2 * size_of::<u64>()
    }

    fn register(&mut self, hash: u64) {
        let place = (hash >> (u64::BITS - REGISTER_BITS)) as usize;
        let zeros = ((hash << REGISTER_BITS) | 1 << (REGISTER_BITS - 1)).leading_zeros() as u8 + 1;
        self.registers[place] = self.registers[place].max(zeros);
    }

    /// How many there are: exactly, or as Flajolet and others' HyperLogLog estimates it.
    pub(crate) fn count(&self) -> u64 {
        if self.registers.is_empty() {
            return self.exact.len() as u64;
        }
        let registers = self.registers.len() as f64;
        let sum: f64 = self.registers.iter().map(|zeros| 2f64.powi(-i32::from(*zeros))).sum();
        let estimate = 0.7213 / (1.0 + 1.079 / registers) * registers * registers / sum;
        let empty = self.registers.iter().filter(|zeros| **zeros == 0).count() as f64;
        let is_small = estimate <= 2.5 * registers && empty > 0.0;
        (if is_small { registers * (registers / empty).ln() } else { estimate }).round() as u64
    }
}

/// A hash whose every bit depends on every bit: the last step of MurmurHash3.
fn mixed(hash: u64) -> u64 {
    let hash = (hash ^ hash >> 33).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    let hash = (hash ^ hash >> 33).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    hash ^ hash >> 33
}

#[cfg(test)]
mod tests {
    use super::{Distinct, Quantiles, Stats};
    use crate::elastic::aggs::values::Key;

    #[test]
    fn quantiles_are_near() {
        for count in [10u32, 100_000] {
            let mut quantiles = Quantiles::default();
            for number in 1..=count {
                quantiles.add(f64::from(number));
            }
            quantiles.sort();
            for percent in [1.0, 50.0, 95.0, 99.9] {
                let (found, exact) =
                    (quantiles.get(percent).expect("numbers"), 1.0 + percent / 100.0 * f64::from(count - 1));
                assert!((found / exact - 1.0).abs() < 0.01, "{percent} of {count}: {found}, not {exact}");
            }
        }
        assert_eq!(Quantiles::default().get(50.0), None);
    }

    #[test]
    fn distinct_values_are_counted() {
        let mut distinct = Distinct::default();
        for (number, expected) in (0..200_000).map(|n| (n % 100_000, n.min(100_000))) {
            distinct.add(&Key::Int(number));
            if number == 5_000 && expected < 100_000 {
                assert_eq!(distinct.count(), 5_001);
            }
        }
        assert!((distinct.count() as f64 / 100_000.0 - 1.0).abs() < 0.03, "{}", distinct.count());
    }

    #[test]
    fn deviations_are_of_the_population_and_of_samples() {
        let mut stats = Stats::default();
        [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0].into_iter().for_each(|number| stats.add(number));
        assert_eq!(stats.get("std_deviation"), Some(2.0));
        assert_eq!(stats.get("variance_sampling"), Some(32.0 / 7.0));
        assert_eq!(Stats::default().get("avg"), None);
    }
}
