//! Reading many things of one kind by one call, however many fields of an operation ask for them one by one.
//!
//! The fields of one level are polled one after the other, in one task. The first of them that asks for something waits until all others
//! had their turn, and then asks for all of it. async-graphql's own `DataLoader` was left: it waits a millisecond each time, and its
//! calls run in tasks of their own, outside of the request's deadline, trace and durability scope.

use std::collections::HashMap;
use std::hash::Hash;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tonic::Status;

/// What is known of a key.
enum Slot<V> {
    /// It is asked for.
    Asked,
    /// There is this, or nothing.
    Answered(Option<V>),
}

struct State<K, V> {
    slots: HashMap<K, Slot<V>>,
    /// What waits to be asked for.
    waiting: Vec<K>,
    /// Whether someone is going to ask.
    gathering: bool,
}

/// Loads things of one kind for one request, each once.
pub(crate) struct Loader<K, V> {
    state: Mutex<State<K, V>>,
    answered: Notify,
    most: usize,
}

/// The one who asks for what waits. If it is dropped before it has, what it was to ask for is forgotten, and another one asks.
struct Leader<'a, K: Eq + Hash, V> {
    loader: &'a Loader<K, V>,
    /// What it asks for; nothing as long as more may come.
    keys: Option<Vec<K>>,
}

impl<K: Eq + Hash, V> Drop for Leader<'_, K, V> {
    fn drop(&mut self) {
        let mut state = self.loader.state.lock();
        let keys = self.keys.take().unwrap_or_else(|| state.gathered());
        for key in &keys {
            if matches!(state.slots.get(key), Some(Slot::Asked)) {
                state.slots.remove(key);
            }
        }
        drop(state);
        self.loader.answered.notify_waiters();
    }
}

impl<K, V> State<K, V> {
    /// Takes what waits; who comes now leads.
    fn gathered(&mut self) -> Vec<K> {
        self.gathering = false;
        std::mem::take(&mut self.waiting)
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Loader<K, V> {
    /// Asks for at most so many at once.
    pub(crate) fn new(most: usize) -> Self {
        let state = State { slots: HashMap::new(), waiting: Vec::new(), gathering: false };
        Self { state: Mutex::new(state), answered: Notify::new(), most }
    }

    /// Forgets all: what is read next is what is then.
    pub(crate) fn clear(&self) {
        self.state.lock().slots.retain(|_, slot| matches!(slot, Slot::Asked));
    }

    /// Knows something without asking.
    pub(crate) fn know(&self, key: K, value: V) {
        self.state.lock().slots.insert(key, Slot::Answered(Some(value)));
    }

    /// What has this key, or nothing. `ask` gets all keys that are wanted at this moment, and returns what it finds of them.
    pub(crate) async fn load<F>(&self, key: K, ask: impl Fn(Vec<K>) -> F) -> Result<Option<V>, Status>
    where
        F: Future<Output = Result<HashMap<K, V>, Status>>,
    {
        loop {
            let answered = self.answered.notified();
            tokio::pin!(answered);
            answered.as_mut().enable();
            let leads = {
                let mut state = self.state.lock();
                match state.slots.get(&key) {
                    Some(Slot::Answered(value)) => return Ok(value.clone()),
                    Some(Slot::Asked) => false,
                    None => {
                        state.slots.insert(key.clone(), Slot::Asked);
                        state.waiting.push(key.clone());
                        !std::mem::replace(&mut state.gathering, true)
                    }
                }
            };
            if leads { self.lead(&ask).await? } else { answered.await }
        }
    }

    async fn lead<F>(&self, ask: &impl Fn(Vec<K>) -> F) -> Result<(), Status>
    where
        F: Future<Output = Result<HashMap<K, V>, Status>>,
    {
        let mut leader = Leader { loader: self, keys: None };
        tokio::task::yield_now().await;
        let keys = leader.keys.insert(self.state.lock().gathered()).clone();
        for part in keys.chunks(self.most) {
            let mut found = ask(part.to_vec()).await?;
            let mut state = self.state.lock();
            for key in part {
                let value = found.remove(key);
                state.slots.insert(key.clone(), Slot::Answered(value));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::{join_all, select};
    use tonic::Status;

    use super::Loader;

    async fn doubled(calls: &AtomicUsize, keys: Vec<u32>) -> Result<HashMap<u32, u32>, Status> {
        calls.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        Ok(keys.into_iter().filter(|key| *key < 100).map(|key| (key, key * 2)).collect())
    }

    #[tokio::test]
    async fn who_asks_at_the_same_time_is_answered_by_one_call() {
        let (loader, calls) = (Loader::new(10), AtomicUsize::new(0));
        let load = |key| loader.load(key, |keys| doubled(&calls, keys));
        let found = join_all([1, 2, 3, 2, 200].map(load)).await;
        let found: Vec<Option<u32>> = found.into_iter().map(|found| found.expect("answered")).collect();
        assert_eq!(found, [Some(2), Some(4), Some(6), Some(4), None]);
        assert_eq!(load(3).await.expect("known"), Some(6));
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        loader.clear();
        assert_eq!(load(3).await.expect("asked again"), Some(6));
        assert_eq!(calls.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn many_are_asked_for_in_parts() {
        let (loader, calls) = (Loader::new(10), AtomicUsize::new(0));
        let found = join_all((0..25).map(|key| loader.load(key, |keys| doubled(&calls, keys)))).await;
        assert!(found.into_iter().enumerate().all(|(i, found)| found.expect("answered") == u32::try_from(2 * i).ok()));
        assert_eq!(calls.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn who_is_left_by_the_one_that_asks_asks_itself() {
        let (loader, calls) = (Loader::new(10), AtomicUsize::new(0));
        let never = Box::pin(loader.load(1, |_| std::future::pending()));
        let other = Box::pin(async {
            for _ in 0..5 {
                tokio::task::yield_now().await;
            }
        });
        // It has asked, and is dropped.
        let both = join_all([1, 1].map(|key| loader.load(key, |keys| doubled(&calls, keys))));
        let (found, ()) = futures::future::join(both, async { drop(select(never, other).await) }).await;
        assert!(found.into_iter().all(|found| found.expect("answered") == Some(2)));
    }

    #[tokio::test]
    async fn a_failure_is_told_and_not_kept() {
        let (loader, calls) = (Loader::<u32, u32>::new(10), AtomicUsize::new(0));
        let refused = loader.load(1, |_| async { Err(Status::unavailable("away")) }).await;
        assert!(refused.is_err());
        assert_eq!(loader.load(1, |keys| doubled(&calls, keys)).await.expect("asked again"), Some(2));
    }
}
