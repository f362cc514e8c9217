//! Pauses between tries, longer each time and different by chance, so that those who failed together do not try again together.

use std::time::Duration;

/// Most doublings that make sense: beyond, every longest pause has been reached.
const MAX_DOUBLINGS: u32 = 16;

/// Exponential backoff: the first pause, then twice as long after each failure, up to the longest.
///
/// ```
/// use std::time::Duration;
/// use vitrine_kit::Backoff;
///
/// let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
/// assert!(backoff.full_jitter() <= Duration::from_millis(50));
/// assert!(backoff.equal_jitter() >= Duration::from_millis(50));
/// backoff.reset();
/// assert!(!backoff.is_failing());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    /// Backoff after no failure yet.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, failures: 0 }
    }

    /// Returns the pause after one more failure, from half of it to all: for whoever waits for something to come back.
    pub fn equal_jitter(&mut self) -> Duration {
        self.pause().mul_f64(rand::random_range(0.5..=1.0))
    }

    /// Returns the pause after one more failure, from nothing to all of it: for whoever was in somebody's way.
    pub fn full_jitter(&mut self) -> Duration {
        self.pause().mul_f64(rand::random_range(0.0..=1.0))
    }

    /// Returns the whole pause after one more failure.
    pub fn pause(&mut self) -> Duration {
        let pause = self.first.saturating_mul(1 << self.failures.min(MAX_DOUBLINGS)).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        pause
    }

    /// Something went well: the next pause is the first again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Whether something failed since the last [`reset`](Self::reset).
    pub fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// The same after this many failures, counted elsewhere.
    pub const fn after(self, failures: u32) -> Self {
        Self { failures, ..self }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Backoff;

    #[test]
    fn pauses_double_up_to_the_longest_and_stay_within_their_bounds() {
        let [first, longest] = [100, 350].map(Duration::from_millis);
        let mut backoff = Backoff::new(first, longest);
        let pauses: Vec<u128> = (0..4).map(|_| backoff.pause().as_millis()).collect();
        assert_eq!(pauses, [100, 200, 350, 350]);
        assert_eq!(backoff.after(u32::MAX).pause(), longest);
        for failures in 0..1000 {
            let at = || backoff.after(failures % 3);
            let whole = at().pause();
            assert!((whole / 2..=whole).contains(&at().equal_jitter()) && at().full_jitter() <= whole);
        }
        backoff.reset();
        assert_eq!((backoff.is_failing(), backoff.pause()), (false, first));
        assert_eq!(Backoff::new(Duration::ZERO, longest).equal_jitter(), Duration::ZERO);
    }
}
