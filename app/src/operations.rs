//! The operations listener: health, for probes, on a door of its own.
//!
//! It has its own accept loop and its own few connections, so that a caller that fills the other listeners does not make a process look
//! dead; it speaks plain HTTP, whatever the others speak; it is the first to open, so that a process that takes long to get ready is alive
//! meanwhile; and it is the last to close, so that a process that drains says so.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use vitrine_platform_http::{Bounds, Listener, bind, health_routes, operations_routes, serve};

/// How long a probe that is being answered has when the process ends.
const DRAIN: Duration = Duration::from_secs(1);

/// A listener that answers health, and nothing else. It closes when it is dropped.
pub struct Operations {
    /// Its base URL.
    pub url: String,
    ready: Arc<AtomicBool>,
    stop: DropGuard,
    serving: JoinHandle<()>,
}

impl Operations {
    /// Takes an address and answers there: the process is alive, and not ready yet.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let listener = bind(address).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (ready, stop) = (Arc::new(AtomicBool::new(false)), CancellationToken::new());
        let asked = ready.clone();
        let health = health_routes(move || asked.load(Ordering::SeqCst));
        let listener = Listener::from(listener).with_bounds(Bounds::operations());
        let serving = tokio::spawn(serve(listener, operations_routes(health), stop.clone(), DRAIN));
        Ok(Self { url, ready, stop: stop.drop_guard(), serving })
    }

    /// Whether the process does its work from now on.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::SeqCst);
    }

    /// Closes it: the last thing that a process does.
    pub async fn stop(self) {
        drop(self.stop);
        // Nothing in it panics; and if it did, the process ends all the same.
        let _ = self.serving.await;
    }
}
