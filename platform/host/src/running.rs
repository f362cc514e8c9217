//! Components that run.

use std::time::Duration;

use thiserror::Error as ThisError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use vitrine_contracts::Problem;
use vitrine_platform_cache as cache;
use vitrine_platform_http::Router;
use vitrine_platform_mesh as mesh;
use vitrine_platform_nats as nats;
use vitrine_platform_store as store;

use crate::{Host, ops};

/// How long a stop waits for what is still in flight.
pub const DRAIN: Duration = Duration::from_secs(10);
/// How much longer for those who end by themselves after [`DRAIN`], as listeners do.
const GRACE: Duration = Duration::from_secs(1);
/// How long a stop waits for telemetry to be sent.
const FLUSH: Duration = Duration::from_secs(3);
/// What kept the components from starting.
#[derive(Debug, ThisError)]
pub enum Error {
    /// Placing a service failed.
    #[error("the services could not be placed")]
    Mesh(#[from] mesh::Error),
    /// A service's database cannot be used.
    #[error("{service} cannot use its database")]
    Store {
        /// Which.
        service: &'static str,
        /// Why, and what to do.
        #[source]
        source: store::Error,
    },
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] cache::Error),
    /// NATS cannot be used.
    #[error("NATS cannot be used as it is set up: {0}")]
    Nats(#[from] nats::Error),
    /// A service could not get ready.
    #[error("{service} could not get ready: {}", .problem.message)]
    NotReady {
        /// Which.
        service: &'static str,
        /// Why.
        problem: Problem,
    },
    /// A service was asked for that is neither here nor placed elsewhere.
    #[error("nothing says where these services are: {}: run them here too, or say where each is, with --place NAME=grpc://HOST:PORT", .0.join(", "))]
    Unplaced(Vec<String>),
    /// The descriptors are broken.
    #[error("gRPC reflection could not be built: {0}")]
    Reflection(String),
}

/// Components at work.
pub struct Running {
    pub(crate) host: Host,
    pub(crate) readiness: ops::Readiness,
    pub(crate) health: HealthReporter,
    pub(crate) watchers: ops::Watchers,
    pub(crate) lame_duck: Duration,
    pub(crate) grpc_names: Vec<&'static str>,
    pub(crate) grpc: Router,
    pub(crate) http: Router,
    pub(crate) stop: CancellationToken,
    pub(crate) tracker: TaskTracker,
}

impl Running {
    /// gRPC with health and reflection, for a listener.
    pub fn grpc(&self) -> Router {
        self.grpc.clone()
    }

    /// What the components answer over HTTP, and `/healthz` and `/readyz`, for a listener.
    pub fn http(&self) -> Router {
        self.http.clone().merge(ops::router(self.readiness.clone()))
    }

    /// Cancelled when the process begins to stop: listeners stop accepting then.
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Where listeners and other work of this process are counted, so that a stop waits for them.
    pub fn tracker(&self) -> &TaskTracker {
        &self.tracker
    }

    /// For how long a stop goes on answering new calls after it has said "not serving", so that a caller that watches health
    /// calls someone else meanwhile. Nothing when this is not called; left out when no one watches.
    pub fn with_lame_duck(self, lame_duck: Duration) -> Self {
        Self { lame_duck, ..self }
    }

    /// Says "not ready", waits for the lame-duck time, lets what is in flight end, for at most [`DRAIN`], and sends what telemetry
    /// is left. Returns whether all had ended in time.
    pub async fn stop(mut self) -> bool {
        self.readiness.set(false);
        for name in self.grpc_names.iter().chain(&[""]) {
            self.health.set_service_status(*name, ServingStatus::NotServing).await;
        }
        if self.watchers.any() {
            tokio::time::sleep(self.lame_duck).await;
        }
        self.stop.cancel();
        // A caller that watches has been told; a watch that went on would keep its connection, and the stop, to the end
        // of the drain.
        for name in self.grpc_names.iter().chain(&[""]) {
            self.health.clear_service_status(name).await;
        }
        self.tracker.close();
        let drained = tokio::time::timeout(DRAIN + GRACE, self.tracker.wait()).await.is_ok();
        if !drained {
            tracing::warn!(left = self.tracker.len(), "some work did not end in time");
        }
        self.host.pipeline().flush(FLUSH).await;
        drained
    }
}
