//! How services reach each other: one client type, many origins, and one Fence around every call.
//!
//! Generated clients are made over a [`Transport`]; where it leads is a [`Placement`], which is configuration. Slots are
//! created empty, transports are handed out, then the slots are filled: services may call each other in circles.
//!
//! A service elsewhere has replicas, perhaps one: they are found as a [`Replicas`] says, and each call goes to one that is well
//! (`docs/guide/replicas.md`). [`Registration`] makes this process found.
//!
//! The Fence stands on both sides of every call, whatever the transport: see [`fence`] for what it promises. This crate is
//! the only one that opens channels. Every contract of the shop is unary, and the Fence relies on it: it holds whole
//! messages, so that status, size and time are known for the call as a whole. A service that streams would need its own
//! way around (gRPC health and reflection are served beside the Fence for that reason).
//!
//! ```
//! use tonic::{Code, Request};
//! use vitrine_contracts::currency::v1::ListCurrenciesRequest;
//! use vitrine_contracts::currency::v1::currency_service_client::CurrencyServiceClient;
//! use vitrine_platform_mesh::{Handlers, Limits, Mesh};
//! use vitrine_platform_telemetry::{Config, Telemetry};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), vitrine_platform_mesh::Error> {
//! let (mesh, telemetry) = (Mesh::new(Limits::default()), Telemetry::new(Config::default()));
//! let mut currency = CurrencyServiceClient::new(mesh.transport(telemetry.service("checkout"), "currency"));
//! assert_eq!(mesh.unplaced(), ["currency"]);
//! let early = currency.list_currencies(Request::new(ListCurrenciesRequest::default())).await;
//! assert_eq!(early.expect_err("it is nowhere yet").code(), Code::Unavailable);
//!
//! // In this process, with no method yet.
//! mesh.place("currency", mesh.server(telemetry.service("currency"), Handlers::default()))?;
//! assert!(mesh.unplaced().is_empty());
//! # Ok(())
//! # }
//! ```

mod balance;
mod breaker;
mod budget;
mod discovery;
mod faulted;
pub mod fence;
mod handlers;
mod hop;
pub mod identity;
mod placement;
mod policy;
mod wire;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use parking_lot::Mutex;
use thiserror::Error;
use tonic::Status;
use tonic::body::Body;
use tower::service_fn;
use tower::util::BoxCloneSyncService;
use vitrine_contracts::Problem;
use vitrine_kit::clock::Clock;
use vitrine_platform_faults::{At, Faults, SiteName};
use vitrine_platform_telemetry as telemetry;
use vitrine_platform_telemetry::semconv::SERVER_ADDRESS;
use vitrine_platform_telemetry::{Observation, ObservationKind};
use vitrine_platform_tls as tls;

use balance::{Address, Balancer, Connecting, Health};

pub use breaker::Breaker;
pub use budget::RetryBudget;
pub use discovery::{Discovery, Registration};
pub use faulted::failed;
pub use fence::Limits;
pub use handlers::{Handler, Handlers, HandlersBuilder};
pub use identity::{Caller, Identity};
pub use placement::{Placement, Replicas, Unreadable};
pub use wire::{code_name, is_fault, parse_timeout};

/// What every generated client is made over, and every server is turned into.
///
/// The error is a [`Status`], not a boxed error: with the latter, calls could not be moved to another task.
pub type Transport = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, Status>;

/// What keeps a service from being placed.
#[derive(Debug, Error)]
pub enum Error {
    /// A service was filled twice.
    #[error("{0} is placed twice")]
    Twice(String),
    /// Not an address for a channel.
    #[error("the address {0} cannot be used for gRPC: http://HOST:PORT expected")]
    Channel(http::Uri),
    /// Not a name server, or the system says nothing useful about names.
    #[error("discovery.name_server cannot be used: set it to IP:PORT, or to nothing for the system's")]
    Names(#[source] vitrine_platform_fetch::ResolverError),
    /// Not Consul's address.
    #[error("discovery.consul = {0:?} is no address of Consul: http://HOST:PORT or https://HOST:PORT expected")]
    Consul(String),
    /// Files that no connection to Consul can be made with.
    #[error("discovery.tls cannot be used")]
    ConsulClient(#[source] vitrine_platform_fetch::Error),
}

/// A service's place in this process: empty at first, filled once.
pub(crate) struct Slot {
    name: Arc<str>,
    target: OnceLock<Transport>,
    /// Where its replicas are, if it is elsewhere.
    replicas: OnceLock<Arc<Balancer>>,
    pub(crate) breaker: Breaker,
    pub(crate) budget: RetryBudget,
    pub(crate) in_flight: tokio::sync::Semaphore,
}

impl Slot {
    pub(crate) fn target(&self) -> Result<Transport, Status> {
        let unplaced =
            || Status::from(Problem::unavailable(&format!("{} has no place in this process yet", self.name)));
        self.target.get().cloned().ok_or_else(unplaced)
    }

    /// What is said when no one listens there.
    pub(crate) fn refusal(&self) -> Status {
        self.replicas.get().map_or_else(|| balance::refusal_of_one(&self.name), |replicas| replicas.refusal())
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn readings(&self, now: Instant) -> Vec<Observation> {
        let figure = |kind, name, unit, description, value| {
            Observation::new(kind, name, unit, description, value).attr(SERVER_ADDRESS, &*self.name)
        };
        let (state, description) = (self.breaker.state(now), "1 for the state that the way to this service is in");
        let mut all: Vec<Observation> = breaker::STATES
            .iter()
            .map(|known| {
                let value = f64::from(u8::from(*known == state));
                figure(ObservationKind::UpDownCounter, "vitrine.circuit_breaker.status", "1", description, value)
                    .attr("vitrine.circuit_breaker.state", *known)
            })
            .collect();
        let left = self.budget.left();
        all.push(figure(
            ObservationKind::Gauge,
            "vitrine.retry_budget.left",
            "{retry}",
            "Calls to this service that may be repeated at once",
            left,
        ));
        all
    }
}

/// The slots of this process. Cheap to clone.
#[derive(Clone)]
pub struct Mesh {
    slots: Arc<Mutex<HashMap<String, Arc<Slot>>>>,
    limits: Limits,
    identity: Identity,
    remotes: Arc<Remotes>,
    faults: Faults,
}

/// How other processes are reached.
#[derive(Debug, Default)]
struct Remotes {
    discovery: Discovery,
    tls: Option<tls::Client>,
}

impl Mesh {
    /// A mesh with nothing in it, whose services no one outside may call.
    pub fn new(limits: Limits) -> Self {
        let identity = Identity::new(Clock::system());
        let (slots, remotes, faults) = (Arc::default(), Arc::default(), Faults::default());
        Self { slots, limits, identity, remotes, faults }
    }

    /// How callers from other processes are known, and how they know this one.
    pub fn with_identity(self, identity: Identity) -> Self {
        Self { identity, ..self }
    }

    /// How other processes are found, and, if there is something to do it with, spoken with over TLS.
    pub fn with_remotes(self, discovery: Discovery, tls: Option<tls::Client>) -> Self {
        Self { remotes: Arc::new(Remotes { discovery, tls }), ..self }
    }

    /// With the faults of this process, whose sites calls pass. To be said before anything is made.
    pub fn with_faults(self, faults: Faults) -> Self {
        Self { faults, ..self }
    }

    /// The faults of this process.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    fn slot(&self, name: &str) -> Arc<Slot> {
        let make = || {
            Arc::new(Slot {
                name: name.into(),
                target: OnceLock::new(),
                replicas: OnceLock::new(),
                breaker: Breaker::default(),
                budget: RetryBudget::default(),
                in_flight: tokio::sync::Semaphore::new(self.limits.client_concurrency),
            })
        };
        self.slots.lock().entry(name.to_owned()).or_insert_with(make).clone()
    }

    /// The way from one service to another, through the caller's side of the Fence. May be asked for before the other one exists.
    pub fn transport(&self, caller: telemetry::Service, callee: &str) -> Transport {
        let name = Caller(caller.name().into());
        let site = self.faults.site(SiteName::call(caller.name(), callee));
        let client =
            fence::Client { slot: self.slot(callee), service: caller, name, limits: self.limits.clone(), site };
        let client = Arc::new(client);
        BoxCloneSyncService::new(service_fn(move |request| fence::client(client.clone(), request)))
    }

    /// A service's own contracts behind the server's side of the Fence: what a listener serves and what a local call reaches.
    pub fn server(&self, service: telemetry::Service, handlers: Handlers) -> Transport {
        let gate = tokio::sync::Semaphore::new(self.limits.server_concurrency);
        let (limits, identity) = (self.limits.clone(), self.identity.clone());
        let site = self.faults.site(SiteName::new(At::Callee, service.name()));
        let server = Arc::new(fence::Server { handlers, service, gate, limits, identity, site });
        BoxCloneSyncService::new(service_fn(move |request| fence::server(server.clone(), request)))
    }

    /// Says that a service is in this process: it is reached by its server.
    pub fn place(&self, name: &str, transport: Transport) -> Result<(), Error> {
        let filled = self.slot(name).target.set(transport);
        filled.map_err(|_| Error::Twice(name.to_owned()))
    }

    /// Says that a service is reached by a transport that leads out of this process: each call shows its caller.
    pub fn place_outside(&self, name: &str, transport: Transport) -> Result<(), Error> {
        self.place(name, self.identity.shown(transport))
    }

    /// Says where the replicas of a service are. They are looked for and connected to from now on, so this needs a runtime.
    pub fn place_remote(&self, name: &str, replicas: &Replicas) -> Result<(), Error> {
        let (service, tls) = (name.into(), self.remotes.tls.clone());
        let balancer = Arc::new(Balancer::new(Connecting { service, tls, health: Health::Watched }));
        discovery::follow(replicas, &self.remotes.discovery, &balancer)?;
        // Only the first one counts, as with the place itself.
        let _ = self.slot(name).replicas.set(balancer.clone());
        self.place_outside(name, through(balancer))
    }

    /// Lets a service tell how the way to each callee stands: that of the process, for all its services go the same way.
    pub fn told_by(&self, process: &telemetry::Service) {
        process.read_while(&self.slots, |slots| {
            let slots: Vec<Arc<Slot>> = slots.lock().values().cloned().collect();
            slots.iter().flat_map(|slot| slot.readings(Instant::now())).collect()
        });
    }

    /// Names that were asked for but never filled.
    pub fn unplaced(&self) -> Vec<String> {
        let slots = self.slots.lock();
        let mut names: Vec<String> =
            slots.values().filter(|s| s.target.get().is_none()).map(|s| s.name.to_string()).collect();
        names.sort();
        names
    }
}

impl fmt::Debug for Mesh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mesh").finish_non_exhaustive()
    }
}

/// A bare gRPC channel, without the Fence: for telemetry, which must not describe itself. It connects by itself, and again when the
/// connection broke; health is not asked for.
pub fn channel(uri: &http::Uri) -> Result<Transport, Error> {
    let authority = uri.authority().filter(|_| uri.scheme_str() == Some("http")).cloned();
    let authority = authority.ok_or_else(|| Error::Channel(uri.clone()))?;
    let name = discovery::bare(authority.host()).into();
    let connecting = Connecting { service: authority.as_str().into(), tls: None, health: Health::Assumed };
    let balancer = Arc::new(Balancer::new(connecting));
    balancer.replace(&[Address { authority, name }]);
    Ok(through(balancer))
}

/// The way to one of several.
fn through(balancer: Arc<Balancer>) -> Transport {
    BoxCloneSyncService::new(service_fn(move |request| {
        let balancer = balancer.clone();
        async move { balancer.call(request).await }
    }))
}
