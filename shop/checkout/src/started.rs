//! Which sagas this process drives, which of those that it drove are not at their end, and when those that got stuck are taken up again.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use vitrine_kit::Backoff;

/// Most of them. More are left to those who look for abandoned sagas.
const MAX_STARTED: usize = 4096;
/// How long after its driver left a saga is taken up again; doubles with each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest such time.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// See the module's documentation. A saga's id may be used for other work later, also while the last work's driver still waits for the
/// disk, so what is done under it is known by its order.
#[derive(Debug, Default)]
pub(crate) struct StartedSagas(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Those that are driven at the moment, each with its order.
    driven: HashSet<(String, String)>,
    /// Those that were driven and have not ended, by their ids.
    unfinished: HashMap<String, Resume>,
}

#[derive(Debug)]
struct Resume {
    order_id: String,
    at: Instant,
    backoff: Backoff,
}

fn key(id: &str, order_id: &str) -> (String, String) {
    (id.to_owned(), order_id.to_owned())
}

impl StartedSagas {
    /// Notes that a saga is driven from now on. Returns whether it was not driven already.
    pub(crate) fn claim(&self, id: &str, order_id: &str) -> bool {
        let State { driven, unfinished } = &mut *self.0.lock();
        if !driven.insert(key(id, order_id)) {
            return false;
        }
        let backoff = match unfinished.get(id).filter(|before| before.order_id == order_id) {
            Some(before) => before.backoff,
            None if unfinished.len() >= MAX_STARTED && !unfinished.contains_key(id) => return true,
            None => Backoff::new(FIRST_PAUSE, MAX_PAUSE),
        };
        unfinished.insert(id.to_owned(), Resume { order_id: order_id.to_owned(), at: Instant::now(), backoff });
        true
    }

    pub(crate) fn is_driven(&self, id: &str, order_id: &str) -> bool {
        self.0.lock().driven.contains(&key(id, order_id))
    }

    /// Notes that its driver leaves at this moment. If it was not at its end, the pause begins.
    pub(crate) fn left(&self, id: &str, order_id: &str, now: Instant) {
        let State { driven, unfinished } = &mut *self.0.lock();
        driven.remove(&key(id, order_id));
        if let Some(resume) = unfinished.get_mut(id).filter(|resume| resume.order_id == order_id) {
            resume.at = now + resume.backoff.pause();
        }
    }

    /// Forgets a saga whose work for this order is over.
    pub(crate) fn ended(&self, id: &str, order_id: &str) {
        let unfinished = &mut self.0.lock().unfinished;
        if unfinished.get(id).is_some_and(|resume| resume.order_id == order_id) {
            unfinished.remove(id);
        }
    }

    /// Whether it is driven here, or will be taken up again.
    pub(crate) fn contains(&self, id: &str) -> bool {
        self.0.lock().unfinished.contains_key(id)
    }

    /// Those that nobody drives and whose time has come, each with its order.
    pub(crate) fn due(&self, now: Instant) -> Vec<(String, String)> {
        let State { driven, unfinished } = &*self.0.lock();
        let due = unfinished.iter().filter(|(_, resume)| resume.at <= now);
        due.map(|(id, resume)| key(id, &resume.order_id)).filter(|saga| !driven.contains(saga)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::{FIRST_PAUSE, MAX_PAUSE, MAX_STARTED, StartedSagas, key};

    const ID: &str = "buy/cus_1/key";

    #[test]
    fn the_pause_begins_when_the_driver_leaves_and_doubles() {
        let (started, mut now) = (StartedSagas::default(), Instant::now());
        let mut pause = FIRST_PAUSE;
        for _ in 0..10 {
            // However long it was driven.
            now += MAX_PAUSE * 2;
            assert!(started.claim(ID, "ord_1"));
            assert!(started.due(now + MAX_PAUSE * 2).is_empty(), "it is driven");
            started.left(ID, "ord_1", now);
            assert!(started.due(now + pause - FIRST_PAUSE / 2).is_empty());
            assert_eq!(started.due(now + pause), [key(ID, "ord_1")]);
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }

    #[test]
    fn other_work_under_the_same_id_begins_anew() {
        let (started, now) = (StartedSagas::default(), Instant::now());
        for order_id in ["ord_1", "ord_1", "ord_1", "ord_2"] {
            assert!(started.claim(ID, order_id));
            started.left(ID, order_id, now);
        }
        assert_eq!(started.due(now + FIRST_PAUSE), [key(ID, "ord_2")]);
        started.ended(ID, "ord_1");
        assert!(started.contains(ID), "that was other work");
        started.ended(ID, "ord_2");
        assert!(!started.contains(ID));
    }

    #[test]
    fn other_work_is_driven_while_the_last_driver_waits_for_the_disk() {
        let (started, now) = (StartedSagas::default(), Instant::now());
        assert!(started.claim(ID, "ord_1") && !started.claim(ID, "ord_1"));
        assert!(started.claim(ID, "ord_2") && !started.claim(ID, "ord_2"));
        started.ended(ID, "ord_1");
        started.left(ID, "ord_1", now);
        assert!(started.is_driven(ID, "ord_2") && !started.is_driven(ID, "ord_1"));
        started.left(ID, "ord_2", now);
        assert_eq!(started.due(now + FIRST_PAUSE), [key(ID, "ord_2")]);
    }

    #[test]
    fn they_are_bounded() {
        let started = StartedSagas::default();
        let claim = |id: &str, order_id| {
            assert!(started.claim(id, order_id));
            started.left(id, order_id, Instant::now());
        };
        for n in 0..MAX_STARTED {
            claim(&format!("buy/cus_1/{n}"), "ord_1");
        }
        claim("buy/cus_1/more", "ord_1");
        assert!(!started.contains("buy/cus_1/more"));
        claim("buy/cus_1/0", "ord_2");
        assert_eq!(started.due(Instant::now() + MAX_PAUSE).len(), MAX_STARTED);
    }
}
