//! Pauses that differ by chance, so that those who failed together do not try again together.

use std::time::Duration;

/// From half of a pause to all of it: for whoever waits for something to come back.
pub fn equal(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(0.5..=1.0))
}

/// From nothing to all of a pause: for whoever was in somebody's way.
pub fn full(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(0.0..=1.0))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{equal, full};

    #[test]
    fn pauses_stay_within_their_bounds() {
        let pause = Duration::from_millis(100);
        for _ in 0..1000 {
            assert!((pause / 2..=pause).contains(&equal(pause)) && full(pause) <= pause);
        }
        assert_eq!((equal(Duration::ZERO), full(Duration::ZERO)), (Duration::ZERO, Duration::ZERO));
    }
}
