//! Which sagas this process began and has not brought to their end, and when those that got stuck are taken up again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use vitrine_kit::Backoff;

/// Most of them. More are left to those who look for abandoned sagas.
const MAX_STARTED: usize = 4096;
/// How long after its driver left a saga is taken up again; doubles with each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest such time.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// See the module's documentation. A saga's id may be used for other work later, so what is done under it is known by its order.
#[derive(Debug, Default)]
pub(crate) struct StartedSagas(Mutex<HashMap<String, Resume>>);

#[derive(Debug)]
struct Resume {
    order_id: String,
    at: Instant,
    backoff: Backoff,
}

impl StartedSagas {
    /// Notes that a saga is driven here.
    pub(crate) fn driven(&self, id: &str, order_id: &str) {
        let mut started = self.0.lock();
        let backoff = match started.get(id).filter(|before| before.order_id == order_id) {
            Some(before) => before.backoff,
            None if started.len() >= MAX_STARTED && !started.contains_key(id) => return,
            None => Backoff::new(FIRST_PAUSE, MAX_PAUSE),
        };
        started.insert(id.to_owned(), Resume { order_id: order_id.to_owned(), at: Instant::now(), backoff });
    }

    /// Notes that its driver leaves at this moment. If it was not at its end, the pause begins.
    pub(crate) fn left(&self, id: &str, now: Instant) {
        if let Some(resume) = self.0.lock().get_mut(id) {
            resume.at = now + resume.backoff.pause();
        }
    }

    /// Forgets a saga whose work for this order is over.
    pub(crate) fn ended(&self, id: &str, order_id: &str) {
        let mut started = self.0.lock();
        if started.get(id).is_some_and(|resume| resume.order_id == order_id) {
            started.remove(id);
        }
    }

    pub(crate) fn contains(&self, id: &str) -> bool {
        self.0.lock().contains_key(id)
    }

    /// Those whose time has come, each with its order.
    pub(crate) fn due(&self, now: Instant) -> Vec<(String, String)> {
        let started = self.0.lock();
        started.iter().filter(|(_, r)| r.at <= now).map(|(id, r)| (id.clone(), r.order_id.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::{FIRST_PAUSE, MAX_PAUSE, MAX_STARTED, StartedSagas};

    #[test]
    fn the_pause_begins_when_the_driver_leaves_and_doubles() {
        let (started, mut now) = (StartedSagas::default(), Instant::now());
        let mut pause = FIRST_PAUSE;
        for _ in 0..10 {
            // However long it was driven.
            now += MAX_PAUSE * 2;
            started.driven("buy/cus_1/key", "ord_1");
            started.left("buy/cus_1/key", now);
            assert!(started.due(now + pause - FIRST_PAUSE / 2).is_empty());
            assert_eq!(started.due(now + pause), [("buy/cus_1/key".to_owned(), "ord_1".to_owned())]);
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }

    #[test]
    fn other_work_under_the_same_id_begins_anew() {
        let (started, now) = (StartedSagas::default(), Instant::now());
        for order_id in ["ord_1", "ord_1", "ord_1", "ord_2"] {
            started.driven("buy/cus_1/key", order_id);
            started.left("buy/cus_1/key", now);
        }
        assert_eq!(started.due(now + FIRST_PAUSE), [("buy/cus_1/key".to_owned(), "ord_2".to_owned())]);
        started.ended("buy/cus_1/key", "ord_1");
        assert!(started.contains("buy/cus_1/key"), "that was other work");
        started.ended("buy/cus_1/key", "ord_2");
        assert!(!started.contains("buy/cus_1/key"));
    }

    #[test]
    fn they_are_bounded() {
        let started = StartedSagas::default();
        for n in 0..MAX_STARTED {
            started.driven(&format!("buy/cus_1/{n}"), "ord_1");
        }
        started.driven("buy/cus_1/more", "ord_1");
        assert!(!started.contains("buy/cus_1/more"));
        started.driven("buy/cus_1/0", "ord_2");
        assert_eq!(started.due(Instant::now() + MAX_PAUSE).len(), MAX_STARTED);
    }
}
