//! The operations listener: health, for probes, on a door of its own.
//!
//! It has its own accept loop and its own few connections, so that whoever fills the other listeners does not make a process look dead; it
//! speaks plain HTTP, whatever the others speak; and it is the last to close, so that a process that drains says so.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vitrine_platform_http::{Bounds, Listener, Router, bind, operations_routes, serve};

/// How long a probe that is being answered has when the process ends.
const DRAIN: Duration = Duration::from_secs(1);

/// An address that was taken.
pub struct Door {
    listener: TcpListener,
    /// Its base URL.
    pub url: String,
}

/// A listener that answers.
pub struct Operations {
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Door {
    /// Takes an address.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let listener = bind(address).await?;
        let url = format!("http://{}", listener.local_addr()?);
        Ok(Self { listener, url })
    }

    /// Answers health, and nothing else.
    pub fn serve(self, health: Router) -> Operations {
        let stop = CancellationToken::new();
        let listener = Listener::from(self.listener).with_bounds(Bounds::operations());
        let serving = tokio::spawn(serve(listener, operations_routes(health), stop.clone(), DRAIN));
        Operations { stop, serving }
    }
}

impl Operations {
    /// Closes it: the last thing that a process does.
    pub async fn stop(self) {
        self.stop.cancel();
        // Nothing in it panics; and if it did, the process ends all the same.
        let _ = self.serving.await;
    }
}
