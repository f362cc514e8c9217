//! What operators ask of every process: is it alive, is it ready, what does it speak.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::BodyExt;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use vitrine_platform_http::Router;

use crate::running::Error;

/// What is served beside the contracts.
const BESIDE: &[&str] = &["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"];

/// Whether the process answers calls now. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Readiness(Arc<AtomicBool>);

impl Readiness {
    pub(crate) fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::SeqCst);
    }

    pub(crate) fn get(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Counts those who watch our health over gRPC. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watchers(Arc<AtomicUsize>);

impl Watchers {
    /// Whether anybody would be told now.
    pub(crate) fn any(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }
}

/// One of them, as long as it is told.
struct Watching(Watchers);

impl Watching {
    fn new(watchers: Watchers) -> Self {
        watchers.0.fetch_add(1, Ordering::SeqCst);
        Self(watchers)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The health service, whose watchers are counted.
#[derive(Clone)]
struct Counted<S> {
    health: S,
    watchers: Watchers,
}

impl<S: NamedService> NamedService for Counted<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> tower::Service<Request<Body>> for Counted<S>
where
    S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.health.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let watching = request.uri().path().ends_with("/Watch").then(|| Watching::new(self.watchers.clone()));
        let keep = |response: Response<Body>| {
            response.map(|body| {
                Body::new(body.map_frame(move |frame| {
                    let _ = &watching;
                    frame
                }))
            })
        };
        self.health.call(request).map(|answered| answered.map(keep)).boxed()
    }
}

/// `/healthz` answers as long as the process runs; `/readyz` only between start and stop.
pub(crate) fn router(readiness: Readiness) -> Router {
    vitrine_platform_http::health_routes(move || readiness.get())
}

/// gRPC health and reflection, as routes beside the Fence, for both stream.
pub(crate) async fn grpc(names: &[&'static str]) -> Result<(Routes, HealthReporter, Watchers), Error> {
    let (reporter, health) = tonic_health::server::health_reporter();
    for name in names.iter().chain(&[""]) {
        reporter.set_service_status(*name, ServingStatus::Serving).await;
    }
    let mut builder = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(vitrine_contracts::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
    // Said in any case: with no name at all, everything that is described would be listed as served.
    for name in names.iter().chain(BESIDE) {
        builder = builder.with_service_name(*name);
    }
    let reflection = builder.build_v1().map_err(|e| Error::Reflection(e.to_string()))?;
    let watchers = Watchers::default();
    let mut routes = Routes::builder();
    routes.add_service(Counted { health, watchers: watchers.clone() });
    routes.add_service(reflection);
    Ok((routes.routes(), reporter, watchers))
}
