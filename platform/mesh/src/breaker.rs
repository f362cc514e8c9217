//! A circuit breaker: after too many failures calls fail at once for a while, then a few are let through to see.
//!
//! Closed: calls pass, and a window of ten seconds counts outcomes. When at least [`MIN_CALLS`] ended in a window and half of them
//! failed, it opens for [`OPEN_FOR`]. Then it is half open: [`PROBES`] calls pass; the first failure opens it again, and when
//! all of them succeed it closes. "Failure" means that the service, not the request, is at fault.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How long outcomes are counted before counting starts over.
const WINDOW: Duration = Duration::from_secs(10);
/// Fewer calls than this never open it.
const MIN_CALLS: u32 = 20;
/// How long it stays open: as long as clients are told to wait (`Retry-After`). A service that is back just after a probe failed is
/// called again only when this has passed, and those who call it are called again after that.
const OPEN_FOR: Duration = Duration::from_secs(1);
/// How many calls pass while it is half open.
const PROBES: u32 = 3;

/// The names of its states.
pub(crate) const STATES: [&str; 3] = ["closed", "half_open", "open"];

/// The breaker of one callee. See the module's documentation.
#[derive(Debug, Default)]
pub struct Breaker(Mutex<State>);

#[derive(Debug)]
enum State {
    Closed { since: Option<Instant>, calls: u32, failures: u32 },
    Open { until: Instant },
    HalfOpen { since: Instant, started: u32, succeeded: u32 },
}

impl Default for State {
    fn default() -> Self {
        Self::Closed { since: None, calls: 0, failures: 0 }
    }
}

impl Breaker {
    /// Whether a call may be made now.
    pub fn admits(&self, now: Instant) -> bool {
        let mut state = self.0.lock();
        match &mut *state {
            State::Closed { .. } => true,
            State::Open { until } if now < *until => false,
            State::Open { .. } => {
                *state = State::HalfOpen { since: now, started: 1, succeeded: 0 };
                true
            }
            // A probe whose outcome never comes must not keep the breaker half open for ever.
            State::HalfOpen { since, started, succeeded } if now.duration_since(*since) > WINDOW => {
                (*since, *started, *succeeded) = (now, 1, 0);
                true
            }
            State::HalfOpen { started, .. } => {
                let admitted = *started < PROBES;
                *started += u32::from(admitted);
                admitted
            }
        }
    }

    /// Returns the name of its state, one of [`STATES`]. Open for long enough, it would let a call through to see: it is half open.
    pub fn state(&self, now: Instant) -> &'static str {
        let [closed, half_open, open] = STATES;
        match &*self.0.lock() {
            State::Closed { .. } => closed,
            State::Open { until } if now < *until => open,
            State::Open { .. } | State::HalfOpen { .. } => half_open,
        }
    }

    /// Takes back a call that was admitted and says nothing, because its caller went away: another one may see.
    pub fn take_back(&self) {
        if let State::HalfOpen { started, .. } = &mut *self.0.lock() {
            *started = started.saturating_sub(1);
        }
    }

    /// Notes how a call ended.
    pub fn note(&self, now: Instant, failed: bool) {
        let mut state = self.0.lock();
        match &mut *state {
            State::Closed { since, calls, failures } => {
                if since.is_none_or(|s| now.duration_since(s) > WINDOW) {
                    (*since, *calls, *failures) = (Some(now), 0, 0);
                }
                *calls += 1;
                *failures += u32::from(failed);
                if *calls >= MIN_CALLS && *failures * 2 >= *calls {
                    *state = State::Open { until: now + OPEN_FOR };
                }
            }
            State::Open { .. } => {}
            State::HalfOpen { .. } if failed => *state = State::Open { until: now + OPEN_FOR },
            State::HalfOpen { succeeded, .. } => {
                *succeeded += 1;
                if *succeeded >= PROBES {
                    *state = State::default();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Breaker, MIN_CALLS, OPEN_FOR, PROBES, WINDOW};
    use std::time::{Duration, Instant};

    fn opened(now: Instant) -> Breaker {
        let breaker = Breaker::default();
        (0..MIN_CALLS).for_each(|_| breaker.note(now, true));
        breaker
    }

    #[test]
    fn it_opens_on_failures_only() {
        let (now, breaker) = (Instant::now(), Breaker::default());
        for i in 0..MIN_CALLS * 4 {
            breaker.note(now, i % 3 == 0);
        }
        assert!(breaker.admits(now), "a third of failures is not half");
        assert_eq!(breaker.state(now), "closed");
        assert!(!opened(now).admits(now));
    }

    #[test]
    fn failures_of_another_window_do_not_count() {
        let (now, breaker) = (Instant::now(), Breaker::default());
        (1..MIN_CALLS).for_each(|_| breaker.note(now, true));
        breaker.note(now + WINDOW + Duration::from_millis(1), true);
        assert!(breaker.admits(now + WINDOW));
    }

    #[test]
    fn probes_close_it_or_open_it_again() {
        let now = Instant::now();
        let (later, breaker) = (now + OPEN_FOR, opened(now));
        let admitted = (0..10).filter(|_| breaker.admits(later)).count();
        assert_eq!(admitted, usize::try_from(PROBES).expect("small"));
        assert_eq!((breaker.state(now), breaker.state(later)), ("half_open", "half_open"));
        breaker.note(later, true);
        assert!(!breaker.admits(later));
        assert_eq!(breaker.state(later), "open");
        let again = later + OPEN_FOR;
        assert!(breaker.admits(again));
        (0..PROBES).for_each(|_| breaker.note(again, false));
        assert!((0..10).all(|_| breaker.admits(again)));
    }

    #[test]
    fn a_probe_that_is_taken_back_makes_room_for_another() {
        let now = Instant::now();
        let (later, breaker) = (now + OPEN_FOR, opened(now));
        for _ in 0..10 {
            assert!(breaker.admits(later));
            breaker.take_back();
        }
        assert_eq!((0..10).filter(|_| breaker.admits(later)).count(), usize::try_from(PROBES).expect("small"));
        // While it is closed or open there is nothing to take back.
        (0..PROBES).for_each(|_| breaker.note(later, false));
        breaker.take_back();
        assert!(breaker.admits(later));
    }

    #[test]
    fn lost_probes_do_not_hold_it_half_open() {
        let now = Instant::now();
        let (later, breaker) = (now + OPEN_FOR, opened(now));
        assert_eq!((0..10).filter(|_| breaker.admits(later)).count(), usize::try_from(PROBES).expect("a small number"));
        assert!(!breaker.admits(later));
        assert!(breaker.admits(later + WINDOW + Duration::from_millis(1)));
    }
}
