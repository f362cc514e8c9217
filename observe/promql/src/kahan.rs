//! Sums whose rounding errors are kept beside them (Kahan's algorithm as improved by Neumaier).

/// A sum and what was lost of it by rounding.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Kahan {
    /// The sum as plain addition gives it.
    pub sum: f64,
    /// What it lacks.
    pub lost: f64,
}

impl Kahan {
    /// A sum that begins with a value.
    pub fn new(value: f64) -> Self {
        Self { sum: value, lost: 0.0 }
    }

    /// Adds a value.
    pub fn add(&mut self, value: f64) {
        let sum = self.sum + value;
        if sum.is_infinite() {
            self.lost = 0.0;
        } else if self.sum.abs() >= value.abs() {
            self.lost += (self.sum - sum) + value;
        } else {
            self.lost += (value - sum) + self.sum;
        }
        self.sum = sum;
    }

    /// Adds another sum.
    pub fn add_sum(&mut self, other: Self) {
        self.add(other.sum);
        if other.lost != 0.0 {
            self.add(other.lost);
        }
    }

    /// Multiplies it.
    pub fn scale(&mut self, factor: f64) {
        self.sum *= factor;
        self.lost *= factor;
    }

    /// The sum with what was lost.
    pub fn total(self) -> f64 {
        self.sum + self.lost
    }
}

/// Many sums, to which values are added at once.
#[derive(Debug, Clone, Default)]
pub struct Kahans {
    sums: Vec<f64>,
    lost: Vec<f64>,
}

impl Kahans {
    /// Sums that begin with these values.
    pub fn new(values: &[f64]) -> Self {
        Self { sums: values.to_vec(), lost: vec![0.0; values.len()] }
    }

    /// Adds to each sum its value, as [`Kahan::add`] does. Without a branch, so that several are added together.
    pub fn add(&mut self, values: &[f64]) {
        for ((kept, lost), value) in self.sums.iter_mut().zip(&mut self.lost).zip(values) {
            let sum = *kept + *value;
            let is_greater = kept.abs() >= value.abs();
            let (greater, less) = if is_greater { (*kept, *value) } else { (*value, *kept) };
            let more = *lost + ((greater - sum) + less);
            *lost = if sum.is_infinite() { 0.0 } else { more };
            *kept = sum;
        }
    }

    /// Whether a sum would be infinite with its value.
    pub fn would_overflow(&self, values: &[f64]) -> bool {
        self.sums.iter().zip(values).fold(false, |any, (sum, value)| any | (sum + value).is_infinite())
    }

    /// Each sum.
    pub fn each(&self) -> impl Iterator<Item = Kahan> + '_ {
        self.sums.iter().zip(&self.lost).map(|(sum, lost)| Kahan { sum: *sum, lost: *lost })
    }
}

/// A mean that does not overflow where its sum would: it is a sum until then, and a running mean from there on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mean {
    value: Kahan,
    count: f64,
    running: bool,
}

impl Mean {
    /// The mean of so many values with this sum.
    pub fn of(sum: Kahan, count: f64) -> Self {
        Self { value: sum, count, running: false }
    }

    /// Takes a value.
    pub fn add(&mut self, value: f64) {
        self.count += 1.0;
        if self.count == 1.0 {
            self.value = Kahan::new(value);
            return;
        }
        if !self.running {
            let mut sum = self.value;
            sum.add(value);
            if sum.sum.is_infinite() {
                self.running = true;
                self.value.sum /= self.count - 1.0;
                self.value.lost /= self.count - 1.0;
            } else {
                self.value = sum;
                return;
            }
        }
        self.value.scale((self.count - 1.0) / self.count);
        self.value.add(value / self.count);
    }

    /// The mean; not a number if there was no value.
    pub fn total(self) -> f64 {
        if self.running { self.value.total() } else { self.value.sum / self.count + self.value.lost / self.count }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};

    use super::{Kahan, Kahans, Mean};

    proptest! {
        #[test]
        fn many_sums_are_what_each_is_alone(rows in prop::collection::vec(any::<[f64; 5]>(), 1..9)) {
            let mut many = Kahans::new(&rows[0]);
            let mut alone = rows[0].map(Kahan::new);
            for row in &rows[1..] {
                let expected = alone.iter().zip(row).any(|(sum, value)| (sum.sum + value).is_infinite());
                assert_eq!(many.would_overflow(row), expected);
                many.add(row);
                alone.iter_mut().zip(row).for_each(|(sum, value)| sum.add(*value));
            }
            let bits = |sum: Kahan| [sum.sum.to_bits(), sum.lost.to_bits()];
            assert_eq!(many.each().map(bits).collect::<Vec<_>>(), alone.map(bits));
        }
    }

    #[test]
    fn small_values_beside_great_ones_count() {
        let mut sum = Kahan::default();
        for value in [1.0, 1e100, 1.0, -1e100] {
            sum.add(value);
        }
        assert_eq!(sum.total(), 2.0);
    }

    #[test]
    fn a_mean_of_great_values_does_not_overflow() {
        let mut mean = Mean::default();
        for value in [f64::MAX, f64::MAX, f64::MAX / 2.0, f64::MAX / 2.0] {
            mean.add(value);
        }
        assert!((mean.total() / (f64::MAX * 0.75) - 1.0).abs() < 1e-12);
        assert!(Mean::default().total().is_nan());
    }
}
