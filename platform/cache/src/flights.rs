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

/// What is loaded, and since which invalidations: who comes after one does not join a load that began before.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Route {
    pub(crate) name: Vec<u8>,
    pub(crate) writes: u64,
    pub(crate) generation: Vec<u8>,
}

/// The loads that are under way. They go on while somebody waits for them.
#[derive(Clone, Default)]
pub(crate) struct Flights(Arc<Mutex<HashMap<Route, WeakShared<BoxFuture<'static, Loaded>>>>>);

impl Flights {
    /// Waits for the load under way, or for this one.
    pub(crate) fn join(&self, route: Route, load: impl FnOnce() -> BoxFuture<'static, Loaded>) -> Flight {
        let mut flights = self.0.lock();
        if let Some(flight) = flights.get(&route).and_then(WeakShared::upgrade) {
            return flight;
        }
        let landing = Landing { flights: self.clone(), route: route.clone() };
        let load = load();
        let flight = async move {
            let _landing = landing;
            load.await
        }
        .boxed()
        .shared();
        if let Some(weak) = flight.downgrade() {
            flights.insert(route, weak);
        }
        flight
    }
}

/// Takes a load from the list when it has ended, or when nobody waits for it any more.
struct Landing {
    flights: Flights,
    route: Route,
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.flights.0.lock().remove(&self.route);
    }
}
