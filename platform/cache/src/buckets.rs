//! Limits, counted in this process.
//!
//! A bucket is a debt that each allowed request raises by [`REQUEST`] and that time pays back at `rate` a microsecond; a request is
//! allowed while the debt stays within `burst` requests. All numbers are whole, so that `limit.lua`, which counts the same way in
//! Redis, comes to the same decisions.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// What one request costs; at a rate of one a second, one is paid back each microsecond.
const REQUEST: u64 = 1_000_000;
/// Most buckets that are not full. When there are so many, a caller that is new has to wait.
pub const MAX_BUCKETS: usize = 10_000;
/// How long a caller that found no room waits.
const NO_ROOM: Duration = Duration::from_secs(1);

/// Whether a request may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// It may.
    pub allowed: bool,
    /// After how long the next one may be, if this one may not; zero if it may.
    pub retry_after: Duration,
    /// How many more could be made at once.
    pub remaining: u32,
}

#[derive(Clone, Copy)]
struct Bucket {
    debt: u64,
    /// When the debt was so, in microseconds since the beginning.
    at_us: u64,
    rate: u64,
}

impl Bucket {
    fn debt_at(&self, now_us: u64) -> u64 {
        self.debt.saturating_sub(now_us.saturating_sub(self.at_us).saturating_mul(self.rate))
    }
}

/// All buckets of a process.
pub(crate) struct Buckets {
    began: Instant,
    buckets: Mutex<HashMap<String, Bucket>>,
}

impl Default for Buckets {
    fn default() -> Self {
        Self { began: Instant::now(), buckets: Mutex::default() }
    }
}

impl Buckets {
    /// Asks for one request now.
    pub(crate) fn take(&self, key: String, rate_per_s: u32, burst: u32) -> Decision {
        let now_us = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.take_at(key, rate_per_s, burst, now_us)
    }

    fn take_at(&self, key: String, rate_per_s: u32, burst: u32, now_us: u64) -> Decision {
        let (rate, full) = (u64::from(rate_per_s.max(1)), u64::from(burst.max(1)) * REQUEST);
        let mut buckets = self.buckets.lock();
        if buckets.len() >= MAX_BUCKETS && !buckets.contains_key(&key) {
            // A caller that owes nothing is as good as unknown.
            buckets.retain(|_, bucket| bucket.debt_at(now_us) > 0);
            if buckets.len() >= MAX_BUCKETS {
                return Decision { allowed: false, retry_after: NO_ROOM, remaining: 0 };
            }
        }
        let bucket = buckets.entry(key).or_insert(Bucket { debt: 0, at_us: now_us, rate });
        let mut debt = bucket.debt_at(now_us);
        let allowed = debt + REQUEST <= full;
        if allowed {
            debt += REQUEST;
        }
        *bucket = Bucket { debt, at_us: now_us, rate };
        let missing = if allowed { 0 } else { (debt + REQUEST - full).div_ceil(rate) };
        Decision {
            allowed,
            retry_after: Duration::from_micros(missing),
            remaining: u32::try_from(full.saturating_sub(debt) / REQUEST).unwrap_or(u32::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Buckets, Decision, MAX_BUCKETS, REQUEST};
    use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};
    use std::time::Duration;

    #[test]
    fn a_client_that_hurries_waits_and_others_do_not() {
        let buckets = Buckets::default();
        let take = |key: &str, ms: u64| buckets.take_at(key.to_owned(), 10, 3, ms * 1000);
        let allowed: Vec<bool> = (0..5).map(|_| take("a", 0).allowed).collect();
        assert_eq!(allowed, [true, true, true, false, false]);
        assert_eq!(take("b", 0), Decision { allowed: true, retry_after: Duration::ZERO, remaining: 2 });
        assert_eq!(take("a", 40).retry_after, Duration::from_millis(60));
        assert!(take("a", 100).allowed && !take("a", 100).allowed);
        assert!((0..3).all(|_| take("a", 10_000).allowed) && !take("a", 10_000).allowed);
    }

    #[test]
    fn memory_is_bounded() {
        let buckets = Buckets::default();
        for i in 0..=MAX_BUCKETS {
            buckets.take_at(i.to_string(), 1, 2, 0);
        }
        assert_eq!(buckets.buckets.lock().len(), MAX_BUCKETS);
        assert!(buckets.take_at("later".to_owned(), 1, 2, 5_000_000).allowed);
    }

    proptest! {
        /// In whatever window one looks, no more is allowed than a full bucket and what flows in; and what is refused says when to come.
        #[test]
        fn no_window_allows_more(
            rate in 1_u32..2000, burst in 1_u32..50, gaps in prop::collection::vec(any::<u16>(), 1..200)
        ) {
            let buckets = Buckets::default();
            let (mut now_us, mut allowed_at) = (0, Vec::new());
            for gap in gaps {
                now_us += u64::from(gap);
                let decision = buckets.take_at("k".to_owned(), rate, burst, now_us);
                if decision.allowed {
                    prop_assert_eq!(decision.retry_after, Duration::ZERO);
                    allowed_at.push(now_us);
                } else {
                    // One microsecond too early is refused, the time said is allowed: on a copy, for asking changes it.
                    let wait = u64::try_from(decision.retry_after.as_micros()).expect("small");
                    let copy = Buckets { began: buckets.began, buckets: buckets.buckets.lock().clone().into() };
                    prop_assert!(!copy.take_at("k".to_owned(), rate, burst, now_us + wait - 1).allowed);
                    prop_assert!(copy.take_at("k".to_owned(), rate, burst, now_us + wait).allowed);
                }
            }
            for (i, from) in allowed_at.iter().enumerate() {
                for (n, to) in (1_u64..).zip(&allowed_at[i..]) {
                    prop_assert!(n * REQUEST <= u64::from(burst) * REQUEST + (to - from) * u64::from(rate));
                }
            }
        }
    }
}
