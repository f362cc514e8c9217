//! What a service builds.

use std::future::Future;
use std::pin::Pin;

use tokio_util::sync::CancellationToken;
use tonic::server::NamedService;
use vitrine_contracts::Problem;
use vitrine_platform_bus::Consumer;
use vitrine_platform_http::Router;
use vitrine_platform_mesh::{Handler, HandlersBuilder};
use vitrine_platform_store::Store;

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
/// A task is given the token that tells it to stop.
pub(crate) type Task = Box<dyn FnOnce(CancellationToken) -> BoxFuture<()> + Send>;

/// A service, built and not yet running.
pub struct Component {
    pub(crate) name: &'static str,
    pub(crate) grpc: HandlersBuilder,
    pub(crate) grpc_names: Vec<&'static str>,
    pub(crate) http: Option<Router>,
    pub(crate) store: Option<Store>,
    pub(crate) consumers: Vec<Consumer>,
    pub(crate) tasks: Vec<(&'static str, Task)>,
    pub(crate) before_ready: Vec<BoxFuture<Result<(), Problem>>>,
}

impl Component {
    /// A service with nothing in it.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            grpc: HandlersBuilder::default(),
            grpc_names: Vec::new(),
            http: None,
            store: None,
            consumers: Vec::new(),
            tasks: Vec::new(),
            before_ready: Vec::new(),
        }
    }

    /// Serves a gRPC contract.
    pub fn grpc<S: Handler + NamedService + 'static>(mut self, server: S) -> Self {
        self.grpc_names.push(S::NAME);
        self.grpc.add(server);
        self
    }

    /// Serves HTTP.
    pub fn http(mut self, router: Router) -> Self {
        self.http = Some(router);
        self
    }

    /// The same, with something before what it serves over HTTP; one that serves nothing stays so.
    pub fn with_http_around(mut self, wrap: impl FnOnce(Router) -> Router) -> Self {
        self.http = self.http.map(wrap);
        self
    }

    /// Keeps data here; the events in its outbox are served to their consumers.
    pub fn store(mut self, store: Store) -> Self {
        self.store = Some(store);
        self
    }

    /// Follows another service's events.
    pub fn consumer(mut self, consumer: Consumer) -> Self {
        self.consumers.push(consumer);
        self
    }

    /// Does something all the time. The task ends when its token says so; if it panics, that is logged and it stays ended.
    pub fn task<F, Fut>(mut self, name: &'static str, task: F) -> Self
    where
        F: FnOnce(CancellationToken) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.tasks.push((name, Box::new(move |stop| Box::pin(task(stop)))));
        self
    }

    /// Has something to do before the first call is answered. A problem stops the start.
    pub fn before_ready(mut self, work: impl Future<Output = Result<(), Problem>> + Send + 'static) -> Self {
        self.before_ready.push(Box::pin(work));
        self
    }

    /// The service's name.
    pub fn name(&self) -> &'static str {
        self.name
    }
}
