//! The operations listener: health for probes and metrics for scrapers, on a door of its own.
//!
//! It has its own accept loop and its own few connections, so that a caller that fills the other listeners does not make a process look
//! dead; it speaks plain HTTP, whatever the others speak; it is the first to open, so that a process that takes long to get ready is alive
//! meanwhile; and it is the last to close, so that a process that drains says so.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Result;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use vitrine_platform_http::{Bounds, Listener, bind, health_routes, operations_routes, serve};
use vitrine_platform_telemetry::Telemetry;

/// How long a probe that is being answered has when the process ends.
const DRAIN: Duration = Duration::from_secs(1);

/// A listener that answers health and `/metrics`, and nothing else. It closes when it is dropped.
pub struct Operations {
    /// Its base URL.
    pub url: String,
    ready: Arc<AtomicBool>,
    telemetry: Arc<OnceLock<Telemetry>>,
    stop: DropGuard,
    serving: JoinHandle<()>,
}

impl Operations {
    /// Takes an address and answers there: the process is alive, and not ready yet.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let listener = bind(address).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (ready, stop) = (Arc::new(AtomicBool::new(false)), CancellationToken::new());
        let telemetry = Arc::<OnceLock<Telemetry>>::default();
        let (asked, exposed) = (ready.clone(), telemetry.clone());
        let health = health_routes(move || asked.load(Ordering::SeqCst));
        let listener = Listener::from(listener).with_bounds(Bounds::operations());
        let routes = operations_routes(health, move || exposed.get().cloned());
        let serving = tokio::spawn(serve(listener, routes, stop.clone(), DRAIN));
        Ok(Self { url, ready, telemetry, stop: stop.drop_guard(), serving })
    }

    /// Whether the process does its work from now on.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::SeqCst);
    }

    /// Whose metrics it answers from now on.
    pub fn set_telemetry(&self, telemetry: &Telemetry) {
        // Telemetry is started once; a second one would not be another.
        let _ = self.telemetry.set(telemetry.clone());
    }

    /// Closes it: the last thing that a process does.
    pub async fn stop(self) {
        drop(self.stop);
        // Nothing in it panics; and if it did, the process ends all the same.
        let _ = self.serving.await;
    }
}
