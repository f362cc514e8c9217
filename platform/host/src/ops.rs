//! What operators ask of every process: is it alive, is it ready, what does it speak.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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

/// `/healthz` answers as long as the process runs; `/readyz` only between start and stop.
pub(crate) fn router(readiness: Readiness) -> Router {
    vitrine_platform_http::health_routes(move || readiness.get())
}

/// gRPC health and reflection, as routes beside the Fence, for both stream.
pub(crate) async fn grpc(names: &[&'static str]) -> Result<(Routes, HealthReporter), Error> {
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
    let mut routes = Routes::builder();
    routes.add_service(health);
    routes.add_service(reflection);
    Ok((routes.routes(), reporter))
}
