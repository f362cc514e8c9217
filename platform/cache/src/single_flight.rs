//! One load for all who want the same at the same time in this process.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};
use parking_lot::Mutex;
use tonic::Status;

/// What ends a load: the value, or why there is none.
pub(crate) type Loaded = Result<Bytes, Status>;

/// A load that several wait for.
pub(crate) type SharedLoad = Shared<BoxFuture<'static, Loaded>>;

/// What is loaded, and since which changes: who comes after one does not join a load that began before.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Route {
    pub(crate) name: Vec<u8>,
    /// Changes of this process.
    pub(crate) writes: u64,
    /// Changes that the store of values knows; none when it cannot be asked.
    pub(crate) generation: Option<Vec<u8>>,
}

/// The loads that are under way. They go on while a caller waits for them.
#[derive(Clone, Default)]
pub(crate) struct SingleFlight(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    under_way: HashMap<Route, WeakShared<BoxFuture<'static, Loaded>>>,
    /// How many have ended.
    completed: u64,
}

impl SingleFlight {
    /// How many loads have ended: to be read before it is looked whether a value is there.
    pub(crate) fn completed(&self) -> u64 {
        self.0.lock().completed
    }

    /// The load under way, or this one. When `completed` is said and others have ended since, one of those may have brought the
    /// value: then this one does not begin, and is given back.
    pub(crate) fn join<L>(&self, route: Route, completed: Option<u64>, load: L) -> Result<SharedLoad, L>
    where
        L: FnOnce(Route) -> BoxFuture<'static, Loaded>,
    {
        let mut state = self.0.lock();
        if let Some(shared_load) = state.under_way.get(&route).and_then(WeakShared::upgrade) {
            return Ok(shared_load);
        }
        if completed.is_some_and(|completed| completed != state.completed) {
            return Err(load);
        }
        // In this order: should making the load panic, nothing lands while the list is locked.
        let load = load(route.clone());
        let guard = LoadGuard { single_flight: self.clone(), route: route.clone() };
        let shared_load = async move {
            let _guard = guard;
            load.await
        }
        .boxed()
        .shared();
        if let Some(weak) = shared_load.downgrade() {
            state.under_way.insert(route, weak);
        }
        Ok(shared_load)
    }
}

/// Takes a load from the list when it has ended, or when no caller waits for it any more.
struct LoadGuard {
    single_flight: SingleFlight,
    route: Route,
}

impl Drop for LoadGuard {
    fn drop(&mut self) {
        let mut state = self.single_flight.0.lock();
        state.under_way.remove(&self.route);
        state.completed += 1;
    }
}
