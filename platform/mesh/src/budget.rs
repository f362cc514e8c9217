//! A retry budget: retries may add at most a tenth to the calls, so that they never multiply an outage.

use parking_lot::Mutex;

/// What one call adds, in thousandths of a retry.
const PER_CALL: u32 = 100;
/// What one retry costs.
const PER_RETRY: u32 = 1000;
/// Most that can be saved up: ten retries.
const MOST: u32 = 10_000;

/// The budget of one callee; full at first.
#[derive(Debug)]
pub struct RetryBudget(Mutex<u32>);

impl Default for RetryBudget {
    fn default() -> Self {
        Self(Mutex::new(MOST))
    }
}

impl RetryBudget {
    /// Notes a first attempt.
    pub fn earn(&self) {
        let mut saved = self.0.lock();
        *saved = (*saved + PER_CALL).min(MOST);
    }

    /// How many retries are saved up.
    pub fn left(&self) -> f64 {
        f64::from(*self.0.lock()) / f64::from(PER_RETRY)
    }

    /// Takes one retry, if there is one.
    pub fn spend(&self) -> bool {
        let mut saved = self.0.lock();
        match saved.checked_sub(PER_RETRY) {
            Some(left) => {
                *saved = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RetryBudget;

    #[test]
    fn retries_are_a_tenth() {
        let budget = RetryBudget::default();
        let saved = (0..100).filter(|_| budget.spend()).count();
        assert_eq!(saved, 10);
        assert!(budget.left() < 1.0, "{}", budget.left());
        let retries = (0..1000)
            .filter(|_| {
                budget.earn();
                budget.spend()
            })
            .count();
        assert_eq!(retries, 100);
    }
}
