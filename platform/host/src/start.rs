//! From components to a process at work, in phases: events, places, ready, subscribed, at work, open. A phase that fails leaves nothing
//! running.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::server::NamedService;
use vitrine_contracts::bus::v1::event_log_service_server::EventLogServiceServer;
use vitrine_contracts::{Problem, topics};
use vitrine_platform_bus::{Consumer, EventLog, Log, Outbox, Relay, Source};
use vitrine_platform_faults::{At, SiteName};
use vitrine_platform_http::{Router, grpc_routes, nowhere, problem_errors};
use vitrine_platform_mesh::Transport;
use vitrine_platform_nats::Nats;
use vitrine_platform_store::Store;
use vitrine_platform_telemetry::{Context, PROCESS};

use crate::component::Task;
use crate::running::{Error, Running};
use crate::supervisor::Supervisor;
use crate::{Component, Host, NatsUse, ops};

/// Where every contract's path begins.
const PACKAGE: &str = "/vitrine.";

/// A component whose contracts are in their place, and what is still to be set to work of it.
struct Placed {
    name: &'static str,
    server: Transport,
    store: Option<Store>,
    before_ready: Vec<BoxFuture<'static, Result<(), Problem>>>,
    consumers: Vec<(Box<dyn Source>, Consumer)>,
    tasks: Vec<(&'static str, Task)>,
}

/// All of them, on the way.
struct Starting<'a> {
    host: &'a Host,
    services: Vec<Placed>,
    log: EventLog,
    grpc_names: Vec<&'static str>,
    http: Option<Router>,
    stop: CancellationToken,
    tracker: TaskTracker,
}

impl Host {
    /// Fills the slots and sets the components to work.
    pub async fn start(&self, components: Vec<Component>) -> Result<Running, Error> {
        self.0.cache.ready().await?;
        if let (_, Some(nats)) = self.nats() {
            let sources = event_sources(&components);
            nats.prepare_events(sources.iter().map(String::as_str)).await?;
        }
        let mut starting = Starting::place(self, components)?;
        starting.make_ready().await?;
        // Before anything is set to work, so that a refusal leaves nothing behind.
        let calls = starting.subscribe().await?;
        starting.set_to_work(calls);
        starting.open().await
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

/// Returns the services whose events these components publish or follow.
fn event_sources(components: &[Component]) -> BTreeSet<String> {
    let followed = components.iter().flat_map(|c| c.consumers.iter().map(Consumer::source));
    let published = components.iter().filter(|c| c.store.is_some()).map(|c| c.name);
    let sources = followed.chain(published).filter(|source| topics::of(source).next().is_some());
    sources.map(str::to_owned).collect()
}

impl<'a> Starting<'a> {
    /// Puts the contracts of each into its slot; then no one may be asked for who is nowhere.
    fn place(host: &'a Host, components: Vec<Component>) -> Result<Self, Error> {
        let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
        let stores = components.iter().filter_map(|c| Some((c.name.to_owned(), c.store.clone()?))).collect();
        let log = EventLog::new(stores, stop.clone());
        let (services, grpc_names, http) = (Vec::new(), Vec::new(), None);
        let mut starting = Self { host, services, log, grpc_names, http, stop, tracker };
        for component in components {
            let Component { name, mut grpc, grpc_names, http, store, consumers, tasks, before_ready } = component;
            grpc.add(EventLogServiceServer::new(starting.log.clone()));
            let server = host.mesh().server(host.telemetry(name), grpc.build());
            host.mesh().place(name, server.clone())?;
            starting.grpc_names.extend(grpc_names);
            starting.http = match (starting.http.take(), http) {
                (Some(known), Some(router)) => Some(known.merge(router)),
                (known, router) => known.or(router),
            };
            // A source is someone who is called, too.
            let source = |consumer: &Consumer| -> Box<dyn Source> {
                match host.nats() {
                    (_, Some(nats)) => nats.source(consumer),
                    _ => Box::new(Log::new(consumer, host.transport(name, consumer.source()))),
                }
            };
            let consumers = consumers.into_iter().map(|consumer| (source(&consumer), consumer)).collect();
            starting.services.push(Placed { name, server, store, before_ready, consumers, tasks });
        }
        if !starting.services.is_empty() {
            starting.grpc_names.push(EventLogServiceServer::<EventLog>::NAME);
        }
        let unplaced = host.mesh().unplaced();
        if unplaced.is_empty() { Ok(starting) } else { Err(Error::Unplaced(unplaced)) }
    }

    /// Makes the stores ready, and then does what each component does before its first call.
    async fn make_ready(&mut self) -> Result<(), Error> {
        // All at once, for a server far away makes each of them wait.
        let stores = self.services.iter().filter_map(|service| Some((service.name, service.store.as_ref()?)));
        let ready = stores.map(|(service, store)| async move {
            store.ready().await.map_err(|source| Error::Store { service, source })
        });
        futures::future::try_join_all(ready).await?;
        for Placed { name, before_ready, .. } in &mut self.services {
            for work in before_ready.drain(..) {
                let context = self.host.telemetry(name).root_context(Context::default());
                context.scope(work).await.map_err(|problem| Error::NotReady { service: name, problem })?;
            }
        }
        Ok(())
    }

    /// Takes calls over NATS, where it carries them; they are answered when what is returned runs.
    async fn subscribe(&mut self) -> Result<Vec<(&'static str, BoxFuture<'static, ()>)>, Error> {
        let mut calls = Vec::new();
        if let (Some(nats), _) = self.host.nats() {
            for Placed { name, server, .. } in &mut self.services {
                calls.push((*name, nats.serve(name, server.clone(), self.stop.clone()).await?.boxed()));
            }
        }
        Ok(calls)
    }

    /// Sets everything to work that goes on until the process stops.
    fn set_to_work(&mut self, calls: Vec<(&'static str, BoxFuture<'static, ()>)>) {
        let Self { host, services, log, stop, tracker, .. } = self;
        for (service, answering) in calls {
            host.spawn(tracker, service, "calls over NATS", answering);
        }
        let (_, events) = host.nats();
        for Placed { name, store, consumers, tasks, .. } in services {
            let (name, store) = (*name, store.take());
            let outbox = match (events, &store) {
                (Some(_), Some(store)) => Outbox::relayed(name, store.clone()),
                _ => log.outbox(name),
            };
            if let Some(outbox) = outbox {
                let watching = outbox.watch(host.telemetry(name), host.clock(), stop.clone());
                host.spawn(tracker, name, "outbox", watching);
            }
            let relay = events.zip(store).and_then(|(nats, store)| Relay::new(name, store, Arc::new(nats.clone())));
            let site = |at| host.faults().site(SiteName::new(at, name));
            if let Some(relay) = relay {
                host.spawn(tracker, name, "relay", relay.faulted_at(site(At::Relay)).run(stop.clone()));
            }
            for (source, consumer) in consumers.drain(..) {
                let consumer = consumer.faulted_at(site(At::Consumer));
                host.spawn(tracker, name, "consumer", consumer.run(source, host.telemetry(name), stop.clone()));
            }
            for (task_name, task) in tasks.drain(..) {
                host.spawn(tracker, name, task_name, task(stop.clone()));
            }
        }
    }

    /// Makes the routers for those who own the listeners, and says that the process is ready.
    async fn open(self) -> Result<Running, Error> {
        let Self { host, services, grpc_names, http, stop, tracker, .. } = self;
        let (extra_routes, health, watchers) = ops::grpc(&grpc_names).await?;
        let readiness = ops::Readiness::default();
        readiness.set(true);
        let sites = services.iter().map(|s| host.faults().site(SiteName::new(At::Process, s.name))).collect();
        let supervisor = Supervisor {
            faults: host.faults().clone(),
            sites,
            folder: host.data().to_owned(),
            skew: host.0.skew.clone(),
            readiness: readiness.clone(),
            health: health.clone(),
            grpc_names: grpc_names.clone(),
            exit: Arc::new(|code| std::process::exit(code.into())),
        };
        host.spawn(&tracker, PROCESS, "supervisor", supervisor.run(stop.clone()));
        host.spawn(&tracker, PROCESS, "endings", host.faults().clone().run(stop.clone()));
        let servers = services.into_iter().map(|service| (service.name, service.server)).collect();
        let grpc = grpc_routes(dispatch(servers), extra_routes);
        // A component that answers over HTTP says itself what it does not have.
        let http = http.unwrap_or_else(|| nowhere(Router::new(), problem_errors));
        let (host, lame_duck) = (host.clone(), Duration::ZERO);
        Ok(Running { host, readiness, health, watchers, lame_duck, grpc_names, grpc, http, stop, tracker })
    }
}

/// Finds the server of a path: `/vitrine.<area>.v1.<Service>/<Method>` belongs to the service named like the area. The event log answers
/// for all stores of this process, so any server will do for it.
fn dispatch(
    servers: HashMap<&'static str, Transport>,
) -> impl Fn(&str) -> Option<Transport> + Clone + Send + Sync + 'static {
    let servers = Arc::new(servers);
    move |path: &str| {
        let area = path.strip_prefix(PACKAGE)?.split('.').next()?;
        if area == "bus" { servers.values().next().cloned() } else { servers.get(area).cloned() }
    }
}
