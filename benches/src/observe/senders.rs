//! Connections that send, and send again what was refused for now.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use super::wire::Wire;

/// Connections that send.
pub(crate) const SENDERS: usize = 4;
/// What OTLP is sent as.
pub(crate) const PROTOBUF: &str = "application/x-protobuf";
/// Requests made in advance.
const AHEAD: usize = 16;
/// How long a request that was refused for now waits.
const PAUSE: Duration = Duration::from_millis(50);
/// How long it is sent again.
const PATIENCE: Duration = Duration::from_secs(600);

/// Senders of requests to one path.
pub(crate) struct Senders {
    requests: mpsc::Sender<Vec<u8>>,
    all: JoinSet<Result<()>>,
}

impl Senders {
    pub(crate) async fn start(url: &str, path: &'static str, kind: &'static str) -> Result<Self> {
        let (requests, queue) = mpsc::channel(AHEAD);
        let (queue, mut all) = (Arc::new(Mutex::new(queue)), JoinSet::new());
        for _ in 0..SENDERS {
            let (wire, queue) = (Wire::connect(url).await?, queue.clone());
            all.spawn(send(wire, path, kind, queue));
        }
        Ok(Self { requests, all })
    }

    /// Has a request sent. Returns whether senders are left: what was wrong says [`Senders::finish`].
    pub(crate) async fn send(&self, request: Vec<u8>) -> bool {
        self.requests.send(request).await.is_ok()
    }

    /// Waits until all that was given is taken.
    pub(crate) async fn finish(mut self) -> Result<()> {
        drop(self.requests);
        while let Some(sent) = self.all.join_next().await {
            sent??;
        }
        Ok(())
    }
}

async fn send(
    mut wire: Wire,
    path: &'static str,
    kind: &'static str,
    queue: Arc<Mutex<mpsc::Receiver<Vec<u8>>>>,
) -> Result<()> {
    loop {
        let Some(request) = queue.lock().await.recv().await else { return Ok(()) };
        let until = Instant::now() + PATIENCE;
        loop {
            let (status, body) = wire.post(path, kind, &request).await?;
            match status {
                200 => break,
                // Back-pressure: the same again a little later.
                429 | 503 if Instant::now() < until => tokio::time::sleep(PAUSE).await,
                _ => anyhow::bail!("{status}: {}", String::from_utf8_lossy(&body)),
            }
        }
    }
}
