//! The time that faults are counted in: it never goes back, and a fault that shifts the wall clock does not shift it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Nanoseconds since it was made. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Monotonic(Source);

#[derive(Clone, Debug)]
enum Source {
    System(Instant),
    Manual(Arc<AtomicU64>),
}

impl Default for Monotonic {
    fn default() -> Self {
        Self(Source::System(Instant::now()))
    }
}

impl Monotonic {
    /// A clock that stands still until its [`Turn`] moves it: for tests.
    pub fn manual() -> (Self, Turn) {
        let now = Arc::new(AtomicU64::new(0));
        (Self(Source::Manual(now.clone())), Turn(now))
    }

    /// Nanoseconds since this clock was made.
    pub fn now_ns(&self) -> u64 {
        match &self.0 {
            Source::System(begin) => ns(begin.elapsed()),
            Source::Manual(now) => now.load(Ordering::SeqCst),
        }
    }
}

/// Moves a manual clock.
#[derive(Clone, Debug)]
pub struct Turn(Arc<AtomicU64>);

impl Turn {
    /// Moves the clock forward.
    pub fn forward(&self, by: Duration) {
        self.0.fetch_add(ns(by), Ordering::SeqCst);
    }
}

/// A duration in nanoseconds; five centuries are as long as any longer one.
pub(crate) fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
