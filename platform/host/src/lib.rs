//! Runs services: what a service builds is a [`Component`]; a [`Host`] gives it what it stands on and makes it run.
//!
//! Two phases. First every service is built: it opens its store through the host and gets clients over transports whose
//! slots are still empty. Then [`Host::start`] fills the slots, makes the stores ready, awaits what must be done before the first call, starts consumers and
//! tasks, and returns a [`Running`]: its routers are served by the owner of the listeners, and [`Running::stop`]
//! drains. Health, readiness and reflection are here, so that no service has its own.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use vitrine_kit::clock::Clock;
//! use vitrine_platform_host::{Component, Host};
//! use vitrine_platform_mesh::{Limits, Mesh};
//! use vitrine_platform_telemetry::{Config, Telemetry};
//!
//! let data = tempfile::tempdir()?;
//! let telemetry = Telemetry::new(Config { disabled: true, ..Config::default() });
//! let host = Host::new(data.path(), Clock::system(), 1, telemetry, Mesh::new(Limits::default()));
//! // A service adds its gRPC server, its store, consumers and tasks.
//! let running = host.start(vec![Component::new("ads")]).await?;
//! assert!(running.stop().await, "nothing had to be cut");
//! # Ok(())
//! # }
//! ```

mod component;
pub mod erasure;
mod failure;
mod ops;
mod running;
mod start;
mod supervisor;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use vitrine_kit::clock::{Clock, Skew};
use vitrine_platform_bus::with_relay;
use vitrine_platform_cache as cache;
use vitrine_platform_faults::{At, Faults, Monotonic, Site, SiteName};
use vitrine_platform_mesh::{Mesh, Transport};
use vitrine_platform_nats::Nats;
use vitrine_platform_store as store;
use vitrine_platform_telemetry as telemetry;

pub use component::Component;
pub use failure::{Failure, check_id, check_ids, page_info, page_of};
pub use running::{DRAIN, Error, Running};
#[cfg(feature = "mongodb")]
pub use vitrine_platform_store::MongoDbConfig;
pub use vitrine_platform_store::{Folder, PostgresConfig, Storage};

/// What services stand on. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Host(Arc<HostInner>);

/// What NATS is used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NatsUse {
    /// The services of this process answer calls over NATS, too.
    pub calls: bool,
    /// Events travel over JetStream, and are not pulled from their producers. All processes of a shop must agree on it: what
    /// no process relays, no one gets.
    pub events: bool,
}

#[derive(Clone, Debug)]
struct HostInner {
    data: PathBuf,
    storage: Storage,
    clock: Clock,
    skew: Skew,
    seed: u64,
    telemetry: telemetry::Telemetry,
    mesh: Mesh,
    cache: cache::Engine,
    nats: Option<(Nats, NatsUse)>,
}

impl Host {
    /// A host that keeps everything below `data`, and what is cached in this process's memory.
    pub fn new(data: &Path, clock: Clock, seed: u64, telemetry: telemetry::Telemetry, mesh: Mesh) -> Self {
        let (storage, cache) = (Storage::Folder(data.into()), cache::Engine::embedded());
        mesh.told_by(&telemetry.service(telemetry::PROCESS));
        let (clock, skew) = clock.skewed();
        // Under the name that telemetry has of the process, so that a fault can mean what is seen there.
        let faults = Faults::new(Monotonic::default(), telemetry.instance_id(), env!("CARGO_PKG_VERSION"));
        let mesh = mesh.with_faults(faults);
        Self(Arc::new(HostInner {
            data: data.to_owned(),
            storage,
            clock,
            skew,
            seed,
            telemetry,
            mesh,
            cache,
            nats: None,
        }))
    }

    /// The same with the databases of services elsewhere; [`Host::start`] makes them ready. To be said before anything is built.
    pub fn with_storage(self, storage: Storage) -> Self {
        Self(Arc::new(HostInner { storage, ..Arc::unwrap_or_clone(self.0) }))
    }

    /// The same with another cache; [`Host::start`] waits until it is ready. To be said before anything is built.
    pub fn with_cache(self, cache: cache::Engine) -> Self {
        Self(Arc::new(HostInner { cache, ..Arc::unwrap_or_clone(self.0) }))
    }

    /// The same with NATS. Whom this process calls over it is said to the mesh:
    /// `host.mesh().place("carts", nats.transport("carts")?)`.
    pub fn with_nats(self, nats: Nats, used: NatsUse) -> Self {
        Self(Arc::new(HostInner { nats: Some((nats, used)), ..Arc::unwrap_or_clone(self.0) }))
    }

    /// The time.
    pub fn clock(&self) -> Clock {
        self.0.clock.clone()
    }

    /// Where chance comes from: the same seed gives the same data.
    pub fn seed(&self) -> u64 {
        self.0.seed
    }

    /// Where files are kept.
    pub fn data(&self) -> &Path {
        &self.0.data
    }

    /// Whether other processes may work on the same data.
    pub fn is_shared(&self) -> bool {
        !matches!(self.0.storage, Storage::Folder(_))
    }

    /// The service's own database; [`Host::start`] makes it ready.
    pub fn open_store(&self, service: &str, schema: store::Schema) -> Result<store::Store, store::Error> {
        let store = store::Store::open(&self.0.storage, service, with_relay(schema))?;
        let site = self.faults().site(SiteName::new(At::Store, service));
        Ok(store.faulted_at(site).measured_by(&self.telemetry(service)))
    }

    /// The service's own cache.
    pub fn cache(&self, service: &str) -> cache::Cache {
        let site = self.faults().site(SiteName::new(At::Cache, service));
        self.0.cache.cache(&self.telemetry(service)).faulted_at(site)
    }

    /// Where faults act on what comes to a service from outside.
    pub fn edge(&self, service: &str) -> Site {
        self.faults().site(SiteName::new(At::Edge, service))
    }

    /// The service's handle for spans and metrics.
    pub fn telemetry(&self, service: &str) -> telemetry::Service {
        self.0.telemetry.service(service)
    }

    /// The pipeline of the process.
    pub fn pipeline(&self) -> &telemetry::Telemetry {
        &self.0.telemetry
    }

    /// The way from one service to another.
    pub fn transport(&self, caller: &str, callee: &str) -> Transport {
        self.0.mesh.transport(self.telemetry(caller), callee)
    }

    /// What goes wrong on purpose in this process.
    pub fn faults(&self) -> &Faults {
        self.0.mesh.faults()
    }

    /// The mesh, to place services that are elsewhere.
    pub fn mesh(&self) -> &Mesh {
        &self.0.mesh
    }
}
