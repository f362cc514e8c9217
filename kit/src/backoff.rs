//! Pauses between tries, longer each time and different by chance, so that those who failed together do not try again together.

use std::time::Duration;

/// Most doublings that make sense: beyond, every longest pause has been reached.
const MAX_DOUBLINGS: u32 = 16;

/// Exponential backoff: the first pause, then twice as long after each failure, up to the longest.
///
/// Every loop that tries again has this shape: what is final returns, what may go another time waits, as long as a try is left.
///
/// ```
/// use std::time::Duration;
/// use vitrine_kit::Backoff;
///
/// const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// const MAX_PAUSE: Duration = Duration::from_secs(5);
/// const MAX_TRIES: u32 = 3;
///
/// fn call(tries: &mut u32) -> Result<(), &'static str> {
///     *tries += 1;
///     Err("busy")
/// }
///
/// let (mut tries, mut waited) = (0, Duration::ZERO);
/// let mut backoff = Backoff::new(FIRST_PAUSE, MAX_PAUSE).with_tries(MAX_TRIES);
/// let result = loop {
///     match call(&mut tries) {
///         Err("busy") if backoff.has_try_left() => waited += backoff.equal_jitter(), // and sleep so long
///         other => break other,
///     }
/// };
/// assert_eq!((result, tries), (Err("busy"), MAX_TRIES));
/// assert!(waited >= (FIRST_PAUSE + FIRST_PAUSE * 2) / 2);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    max_tries: u32,
    failures: u32,
}

impl Backoff {
    /// Backoff after no failure yet, for any number of tries.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, max_tries: u32::MAX, failures: 0 }
    }

    /// The same for at most so many tries, the first one among them.
    pub const fn with_tries(self, max_tries: u32) -> Self {
        Self { max_tries, ..self }
    }

    /// Whether another try is left after the one that has just failed: to be asked before its pause is taken.
    pub const fn has_try_left(&self) -> bool {
        self.failures.saturating_add(1) < self.max_tries
    }

    /// Returns the pause after one more failure, from half of it to all: for those who wait for something to come back.
    pub fn equal_jitter(&mut self) -> Duration {
        self.pause().mul_f64(rand::random_range(0.5..=1.0))
    }

    /// Returns the pause after one more failure, from nothing to all of it: for those who were in each other's way.
    pub fn full_jitter(&mut self) -> Duration {
        self.pause().mul_f64(rand::random_range(0.0..=1.0))
    }

    /// Returns the whole pause after one more failure.
    pub fn pause(&mut self) -> Duration {
        let pause = self.first.saturating_mul(1 << self.failures.min(MAX_DOUBLINGS)).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        pause
    }

    /// Something went well: the next pause is the first again, and all tries are left.
    pub const fn reset(&mut self) {
        self.failures = 0;
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
        assert_eq!(backoff.pause(), first);
        assert_eq!(Backoff::new(Duration::ZERO, longest).equal_jitter(), Duration::ZERO);
    }

    #[test]
    fn there_are_as_many_tries_as_were_asked_for() {
        for (max_tries, expected) in [(0, 1), (1, 1), (2, 2), (5, 5)] {
            let mut backoff = Backoff::new(Duration::ZERO, Duration::ZERO).with_tries(max_tries);
            // The second time after a success.
            for _ in 0..2 {
                let mut tries = 1;
                while backoff.has_try_left() {
                    backoff.pause();
                    tries += 1;
                }
                assert_eq!(tries, expected);
                backoff.reset();
            }
        }
        assert!(Backoff::new(Duration::ZERO, Duration::ZERO).after(u32::MAX - 2).has_try_left());
    }
}
