//! Components that run.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use thiserror::Error as ThisError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::server::NamedService;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use vitrine_contracts::bus::v1::event_log_service_server::EventLogServiceServer;
use vitrine_contracts::{Problem, topics};
use vitrine_platform_bus::{Consumer, EventLog, Log, Outbox, Relay, Source};
use vitrine_platform_cache as cache;
use vitrine_platform_http::{Router, nowhere, problem_words};
use vitrine_platform_mesh as mesh;
use vitrine_platform_mesh::Transport;
use vitrine_platform_nats as nats;
use vitrine_platform_nats::Nats;
use vitrine_platform_store as store;
use vitrine_platform_telemetry::Context;

use crate::{Component, Host, NatsUse, ops};

/// How long a stop waits for what is still in flight.
pub const DRAIN: Duration = Duration::from_secs(10);
/// How much longer for those who end by themselves after [`DRAIN`], as listeners do.
const GRACE: Duration = Duration::from_secs(1);
/// How long a stop waits for telemetry to be sent.
const FLUSH: Duration = Duration::from_secs(3);
/// Where every contract's path begins.
const PACKAGE: &str = "/vitrine.";

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
    #[error("nobody said where these services are: {}", .0.join(", "))]
    Unplaced(Vec<String>),
    /// The descriptors are broken.
    #[error("gRPC reflection could not be built: {0}")]
    Reflection(String),
}

/// Components at work.
pub struct Running {
    host: Host,
    readiness: ops::Readiness,
    health: HealthReporter,
    watchers: ops::Watchers,
    lame_duck: Duration,
    grpc_names: Vec<&'static str>,
    grpc: Router,
    http: Router,
    stop: CancellationToken,
    tracker: TaskTracker,
}

impl Host {
    /// Fills the slots and sets the components to work.
    pub async fn start(&self, components: Vec<Component>) -> Result<Running, Error> {
        self.0.cache.ready().await?;
        let stop = CancellationToken::new();
        let tracker = TaskTracker::new();
        let stores: Vec<_> = components.iter().filter_map(|c| c.store.clone().map(|s| (c.name, s))).collect();
        let log = EventLog::new(stores.iter().map(|(name, s)| ((*name).to_owned(), s.clone())).collect(), stop.clone());
        let (calls, events) = self.nats();
        if let Some(nats) = events {
            let followed = components.iter().flat_map(|c| c.consumers.iter().map(Consumer::source));
            let published = components.iter().filter(|c| c.store.is_some()).map(|c| c.name);
            let sources: BTreeSet<&str> =
                followed.chain(published).filter(|s| topics::of(s).next().is_some()).collect();
            nats.prepare_events(sources).await?;
        }

        let mut rest = Vec::new();
        let mut servers = HashMap::new();
        let mut grpc_names = Vec::new();
        let mut http: Option<Router> = None;
        for mut component in components {
            let name = component.name;
            component.grpc.add_service(EventLogServiceServer::new(log.clone()));
            let server = self.mesh().server(self.telemetry(name), component.grpc.routes());
            self.mesh().place(name, server.clone())?;
            servers.insert(name, server);
            grpc_names.append(&mut component.grpc_names);
            if let Some(router) = component.http {
                http = Some(match http {
                    Some(known) => known.merge(router),
                    None => router,
                });
            }
            let source = |consumer: &Consumer| -> Box<dyn Source> {
                match events {
                    Some(nats) => nats.source(consumer),
                    None => Box::new(Log::new(consumer, self.transport(name, consumer.source()))),
                }
            };
            let consumers: Vec<_> = component.consumers.into_iter().map(|c| (source(&c), c)).collect();
            let broker = events.map(|nats| Arc::new(nats.clone()));
            let relay = broker.zip(component.store).and_then(|(broker, store)| Relay::new(name, store, broker));
            rest.push((name, component.before_ready, consumers, relay, component.tasks));
        }
        let unplaced = self.mesh().unplaced();
        if !unplaced.is_empty() {
            return Err(Error::Unplaced(unplaced));
        }
        // All at once, for a server far away makes each of them wait.
        let ready = stores.iter().map(|(name, store)| async {
            store.ready().await.map_err(|source| Error::Store { service: name, source })
        });
        futures::future::try_join_all(ready).await?;
        for (name, before_ready, ..) in &mut rest {
            for work in before_ready.drain(..) {
                let context = self.telemetry(name).root_context(Context::default());
                context.scope(work).await.map_err(|problem| Error::NotReady { service: name, problem })?;
            }
        }
        // Subscribed before anything is set to work, so that a refusal leaves nothing behind.
        let mut desks = Vec::new();
        if let Some(nats) = calls {
            for (&name, server) in &servers {
                desks.push((name, nats.serve(name, server.clone(), stop.clone()).await?));
            }
        }
        for (name, desk) in desks {
            self.spawn(&tracker, name, "calls over NATS", desk);
        }
        for (name, store) in &stores {
            let outbox = if events.is_some() { Outbox::relayed(name, store.clone()) } else { log.outbox(name) };
            if let Some(outbox) = outbox {
                self.spawn(&tracker, name, "outbox", outbox.watch(self.telemetry(name), self.clock(), stop.clone()));
            }
        }
        for (name, _, consumers, relay, tasks) in rest {
            if let Some(relay) = relay {
                self.spawn(&tracker, name, "relay", relay.run(stop.clone()));
            }
            for (source, consumer) in consumers {
                let run = consumer.run(source, self.telemetry(name), stop.clone());
                self.spawn(&tracker, name, "consumer", run);
            }
            for (task_name, task) in tasks {
                self.spawn(&tracker, name, task_name, task(stop.clone()));
            }
        }

        if !servers.is_empty() {
            grpc_names.push(EventLogServiceServer::<EventLog>::NAME);
        }
        let (beside, health, watchers) = ops::grpc(&grpc_names).await?;
        let readiness = ops::Readiness::default();
        readiness.set(true);
        let grpc = vitrine_platform_http::grpc_routes(dispatch(servers), beside);
        // A component that answers over HTTP says itself what it does not have.
        let http = http.unwrap_or_else(|| nowhere(Router::new(), problem_words));
        let (host, lame_duck) = (self.clone(), Duration::ZERO);
        Ok(Running { host, readiness, health, watchers, lame_duck, grpc_names, grpc, http, stop, tracker })
    }

    /// NATS for calls, and for events.
    fn nats(&self) -> (Option<&Nats>, Option<&Nats>) {
        let wanted = |used: fn(&NatsUse) -> bool| self.0.nats.as_ref().filter(|(_, u)| used(u)).map(|(nats, _)| nats);
        (wanted(|u| u.calls), wanted(|u| u.events))
    }

    fn spawn<F: Future<Output = ()> + Send + 'static>(
        &self,
        tracker: &TaskTracker,
        service: &'static str,
        task: &'static str,
        work: F,
    ) {
        let context = self.telemetry(service).root_context(Context::default());
        let guarded = std::panic::AssertUnwindSafe(work).catch_unwind();
        tracker.spawn(context.scope(async move {
            if guarded.await.is_err() {
                tracing::error!(service, task, "a task panicked and stays ended");
            }
        }));
    }
}

/// Finds the server of a path: `/vitrine.<area>.v1.<Service>/<Method>` belongs to the service named like the area. The event log answers
/// for all stores of this process, so any server will do for it.
fn dispatch(
    servers: HashMap<&'static str, Transport>,
) -> impl Fn(&str) -> Option<Transport> + Clone + Send + Sync + 'static {
    let servers = Arc::new(parking_lot::Mutex::new(servers));
    move |path: &str| {
        let area = path.strip_prefix(PACKAGE)?.split('.').next()?;
        let servers = servers.lock();
        if area == "bus" { servers.values().next().cloned() } else { servers.get(area).cloned() }
    }
}

impl Running {
    /// gRPC with health and reflection, for a listener.
    pub fn grpc(&self) -> Router {
        self.grpc.clone()
    }

    /// What the components answer over HTTP, and `/healthz` and `/readyz`, for a listener.
    pub fn http(&self) -> Router {
        self.http.clone().merge(self.health())
    }

    /// `/healthz` and `/readyz` alone, for a listener of their own.
    pub fn health(&self) -> Router {
        ops::router(self.readiness.clone())
    }

    /// Cancelled when the process begins to stop: listeners stop accepting then.
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Where listeners and other work of this process are counted, so that a stop waits for them.
    pub fn tracker(&self) -> &TaskTracker {
        &self.tracker
    }

    /// For how long a stop goes on answering new calls after it has said "not serving", so that whoever watches health calls
    /// somebody else meanwhile. Nothing when this is not called; left out when nobody watches.
    pub fn with_lame_duck(self, lame_duck: Duration) -> Self {
        Self { lame_duck, ..self }
    }

    /// Says "not ready", waits for the lame-duck time, lets what is in flight end, for at most [`DRAIN`], and sends what telemetry
    /// is left. Answers whether all had ended in time.
    pub async fn stop(mut self) -> bool {
        self.readiness.set(false);
        for name in self.grpc_names.iter().chain(&[""]) {
            self.health.set_service_status(*name, ServingStatus::NotServing).await;
        }
        if self.watchers.any() {
            tokio::time::sleep(self.lame_duck).await;
        }
        self.stop.cancel();
        // Whoever watches has been told; a watch that went on would keep its connection, and the stop, to the end of the drain.
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
