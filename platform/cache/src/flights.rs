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
pub(crate) type Flight = Shared<BoxFuture<'static, Loaded>>;

/// What is loaded, and since which changes: who comes after one does not join a load that began before.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Route {
    pub(crate) name: Vec<u8>,
    /// Changes of this process.
    pub(crate) writes: u64,
    /// Changes that the store of values knows; none when it cannot be asked.
    pub(crate) generation: Option<Vec<u8>>,
}

/// The loads that are under way. They go on while somebody waits for them.
#[derive(Clone, Default)]
pub(crate) struct Flights(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    under_way: HashMap<Route, WeakShared<BoxFuture<'static, Loaded>>>,
    /// How many have ended.
    landed: u64,
}

impl Flights {
    /// How many loads have ended: to be read before it is looked whether a value is there.
    pub(crate) fn landed(&self) -> u64 {
        self.0.lock().landed
    }

    /// The load under way, or this one. When `landed` is said and others have ended since, one of those may have brought the
    /// value: then this one does not begin, and is given back.
    pub(crate) fn join<L>(&self, route: Route, landed: Option<u64>, load: L) -> Result<Flight, L>
    where
        L: FnOnce(Route) -> BoxFuture<'static, Loaded>,
    {
        let mut state = self.0.lock();
        if let Some(flight) = state.under_way.get(&route).and_then(WeakShared::upgrade) {
            return Ok(flight);
        }
        if landed.is_some_and(|landed| landed != state.landed) {
            return Err(load);
        }
        // In this order: should making the load panic, nothing lands while the list is locked.
        let load = load(route.clone());
        let landing = Landing { flights: self.clone(), route: route.clone() };
        let flight = async move {
            let _landing = landing;
            load.await
        }
        .boxed()
        .shared();
        if let Some(weak) = flight.downgrade() {
            state.under_way.insert(route, weak);
        }
        Ok(flight)
    }
}

/// Takes a load from the list when it has ended, or when nobody waits for it any more.
struct Landing {
    flights: Flights,
    route: Route,
}

impl Drop for Landing {
    fn drop(&mut self) {
        let mut state = self.flights.0.lock();
        state.under_way.remove(&self.route);
        state.landed += 1;
    }
}
