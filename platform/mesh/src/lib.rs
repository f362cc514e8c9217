//! How services reach each other: one client type, many origins, and one Fence around every call.
//!
//! Generated clients are made over a [`Transport`]; where it leads is a [`Placement`], which is configuration. Slots are
//! created empty, transports are handed out, then the slots are filled: services may call each other in circles.
//!
//! The Fence stands on both sides of every call, whatever the transport: see [`fence`] for what it promises. This crate is
//! the only one that opens channels. Every contract of the shop is unary, and the Fence relies on it: it holds whole
//! messages, so that status, size and time are known for the call as a whole. A service that streams would need its own
//! way around (gRPC health and reflection are served beside the Fence for that reason).

mod breaker;
mod budget;
pub mod fence;
mod wire;

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use thiserror::Error;
use tonic::body::Body;
use tonic::service::Routes;
use tonic::transport::Endpoint;
use tonic::{Code, Status};
use tower::util::BoxCloneSyncService;
use tower::{ServiceExt, service_fn};
use vitrine_contracts::Problem;
use vitrine_platform_telemetry as telemetry;

pub use breaker::Breaker;
pub use budget::RetryBudget;
pub use fence::Limits;
pub use wire::parse_timeout;

/// What every generated client is made over, and every server is turned into.
///
/// The error is a [`Status`], not a boxed error: with the latter, calls could not be moved to another task.
pub type Transport = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, Status>;

/// How long a connection attempt may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How often an idle connection is probed.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// Where a service lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placement {
    /// In this process.
    Local,
    /// At this address, over gRPC.
    Grpc(http::Uri),
    /// Wherever it answers on NATS. Who places it brings the transport: see `vitrine-platform-nats`.
    Nats,
}

/// A placement that cannot be read, or an address that cannot be used.
#[derive(Debug, Error)]
pub enum Error {
    /// Not a placement.
    #[error("{0:?} is not a placement: expected local, nats or grpc://HOST:PORT")]
    Placement(String),
    /// Not an address for a channel.
    #[error("the address {0} cannot be used for gRPC")]
    Channel(http::Uri, #[source] tonic::transport::Error),
    /// A service was filled twice.
    #[error("{0} is placed twice")]
    Twice(String),
}

impl FromStr for Placement {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "local" => return Ok(Self::Local),
            "nats" => return Ok(Self::Nats),
            _ => {}
        }
        let bad = || Error::Placement(text.to_owned());
        let rest = text.strip_prefix("grpc://").ok_or_else(bad)?;
        let uri: http::Uri = format!("http://{rest}").parse().map_err(|_| bad())?;
        match (uri.host(), uri.port_u16(), uri.path()) {
            (Some(_), Some(_), "/" | "") => Ok(Self::Grpc(uri)),
            _ => Err(bad()),
        }
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("local"),
            Self::Nats => f.write_str("nats"),
            Self::Grpc(uri) => write!(f, "grpc://{}", uri.authority().map_or("", |a| a.as_str())),
        }
    }
}

/// A service's place in this process: empty at first, filled once.
pub(crate) struct Slot {
    name: Arc<str>,
    target: OnceLock<Mutex<Transport>>,
    pub(crate) breaker: Breaker,
    pub(crate) budget: RetryBudget,
    pub(crate) in_flight: tokio::sync::Semaphore,
}

impl Slot {
    pub(crate) fn target(&self) -> Result<Transport, Status> {
        let unplaced =
            || Status::from(Problem::unavailable(&format!("{} has no place in this process yet", self.name)));
        self.target.get().map(|t| t.lock().clone()).ok_or_else(unplaced)
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }
}

/// The slots of this process. Cheap to clone.
#[derive(Clone)]
pub struct Mesh {
    slots: Arc<Mutex<HashMap<String, Arc<Slot>>>>,
    limits: Limits,
}

impl Mesh {
    /// A mesh with nothing in it.
    pub fn new(limits: Limits) -> Self {
        Self { slots: Arc::default(), limits }
    }

    fn slot(&self, name: &str) -> Arc<Slot> {
        let make = || {
            Arc::new(Slot {
                name: name.into(),
                target: OnceLock::new(),
                breaker: Breaker::default(),
                budget: RetryBudget::default(),
                in_flight: tokio::sync::Semaphore::new(self.limits.client_concurrency),
            })
        };
        self.slots.lock().entry(name.to_owned()).or_insert_with(make).clone()
    }

    /// The way from one service to another, through the caller's side of the Fence. May be asked for before the other one exists.
    pub fn transport(&self, caller: telemetry::Service, callee: &str) -> Transport {
        let (slot, limits) = (self.slot(callee), self.limits.clone());
        BoxCloneSyncService::new(service_fn(move |request| {
            fence::client(slot.clone(), caller.clone(), limits.clone(), request)
        }))
    }

    /// A service's own routes behind the server's side of the Fence: what a listener serves and what a local call reaches.
    pub fn server(&self, service: telemetry::Service, routes: Routes) -> Transport {
        let gate = Arc::new(tokio::sync::Semaphore::new(self.limits.server_concurrency));
        let (routes, limits) = (bare(routes), self.limits.clone());
        BoxCloneSyncService::new(service_fn(move |request| {
            fence::server(routes.clone(), service.clone(), gate.clone(), limits.clone(), request)
        }))
    }

    /// Says how a service is reached: by its server when it is in this process, or else by a transport that somebody made.
    pub fn place(&self, name: &str, transport: Transport) -> Result<(), Error> {
        let filled = self.slot(name).target.set(Mutex::new(transport));
        filled.map_err(|_| Error::Twice(name.to_owned()))
    }

    /// Says that a service is at an address. The connection is made when it is first used, and made again when it broke.
    pub fn place_remote(&self, name: &str, uri: &http::Uri) -> Result<(), Error> {
        self.place(name, channel(uri)?)
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

/// Routes of this process as a transport, without the Fence.
fn bare(routes: Routes) -> Transport {
    // `Routes` is Send but not Sync; the box wants both, so each call clones it out of a lock.
    let routes = Arc::new(Mutex::new(routes.prepare()));
    BoxCloneSyncService::new(service_fn(move |request| {
        let routes = routes.lock().clone();
        async move { Ok(routes.oneshot(request).await.unwrap_or_else(|never| match never {})) }
    }))
}

/// A bare gRPC channel, without the Fence: for telemetry, which must not describe itself.
pub fn channel(uri: &http::Uri) -> Result<Transport, Error> {
    let endpoint = Endpoint::from_shared(uri.to_string()).map_err(|e| Error::Channel(uri.clone(), e))?;
    let channel = endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(CONNECT_TIMEOUT)
        .connect_lazy();
    Ok(BoxCloneSyncService::new(service_fn(move |request: http::Request<Body>| {
        let channel = channel.clone();
        async move { channel.oneshot(request).await.map_err(|e| unreachable_status(&e)) }
    })))
}

/// What a broken connection means to a caller: nothing is known but that there was no answer.
fn unreachable_status(error: &tonic::transport::Error) -> Status {
    // The channel keeps the request's time, too, and may be a little quicker than the Fence.
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<tonic::TimeoutExpired>() {
            return Status::deadline_exceeded("the service did not answer in time");
        }
        cause = error.source();
    }
    tracing::debug!(?error, "a channel failed");
    Status::new(Code::Unavailable, "the service cannot be reached")
}
