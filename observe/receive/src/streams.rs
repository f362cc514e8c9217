//! Connections of protocols that are not HTTP: accepted, bounded, over TLS or not, and let end when the process does.

mod stream;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vitrine_platform_http::Bounds;
use vitrine_platform_tls as tls;

use crate::budget::Buffer;
use crate::error::Error;

pub(crate) use stream::Stream;

/// The pause after the system could not give a connection (too many open files).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Until memory is asked for again.
pub(crate) const PAUSE: Duration = Duration::from_millis(100);
/// How often it is asked for, half a minute long: connections that wait for each other's are closed in the end.
pub(crate) const MAX_PAUSES: usize = 300;

/// Where connections come in.
#[derive(Debug)]
pub enum Door {
    /// In plain text.
    Tcp(TcpListener),
    /// Over TLS.
    Tls(TcpListener, tls::Server),
    /// From this machine.
    Unix(UnixListener),
}

/// How a listener ends, and how much it lets in.
#[derive(Clone, Debug)]
pub struct Serving {
    /// Connections at a time, and how long a handshake may take. One more connection waits until another has ended.
    pub bounds: Bounds,
    /// Ends it: no connection is accepted any more, and those that are there take what has reached them.
    pub stop: CancellationToken,
    /// How long that may take. What has not ended then is cut.
    pub drain: Duration,
}

impl Door {
    async fn accept(&self) -> io::Result<(Stream, Option<SocketAddr>)> {
        match self {
            Self::Tcp(listener) | Self::Tls(listener, _) => {
                let (stream, address) = listener.accept().await?;
                // It only makes answers faster.
                let _ = stream.set_nodelay(true);
                Ok((Stream::Tcp(stream), Some(address)))
            }
            Self::Unix(listener) => Ok((Stream::Unix(listener.accept().await?.0), None)),
        }
    }

    /// A connection for which there is room.
    async fn admit(&self, room: &Arc<Semaphore>) -> io::Result<(OwnedSemaphorePermit, Stream, Option<SocketAddr>)> {
        let permit = room.clone().acquire_owned().await.map_err(io::Error::other)?;
        let (stream, peer) = self.accept().await?;
        Ok((permit, stream, peer))
    }

    fn tls(&self) -> Option<tls::Server> {
        if let Self::Tls(_, server) = self { Some(server.clone()) } else { None }
    }
}

/// Has each connection handled until stopped.
pub(crate) async fn serve<F, H>(door: Door, serving: Serving, handle: H)
where
    H: Fn(Stream, Option<SocketAddr>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let Serving { bounds, stop, drain } = serving;
    let room = Arc::new(Semaphore::new(bounds.connections));
    let (connections, cut) = (TaskTracker::new(), CancellationToken::new());
    loop {
        let admitted = tokio::select! {
            () = stop.cancelled() => break,
            admitted = door.admit(&room) => admitted,
        };
        let (permit, stream, peer) = match admitted {
            Ok(admitted) => admitted,
            Err(e) => {
                tracing::warn!(error = %e, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (tls, handle, cut, handshake) = (door.tls(), handle.clone(), cut.clone(), bounds.handshake);
        connections.spawn(async move {
            let _permit = permit;
            let handled = async {
                match tokio::time::timeout(handshake, stream.secured(tls)).await {
                    Ok(Ok(stream)) => handle(stream, peer).await,
                    // Anybody may knock with the wrong key.
                    Ok(Err(e)) => tracing::debug!(error = %e, "a TLS handshake failed"),
                    Err(_) => tracing::debug!("a TLS handshake took too long"),
                }
            };
            tokio::select! {
                () = handled => {}
                () = cut.cancelled() => {}
            }
        });
    }
    // A client that connects now is refused.
    drop(door);
    connections.close();
    if tokio::time::timeout(drain, connections.wait()).await.is_err() {
        tracing::warn!(left = connections.len(), "connections were cut at the end of the drain");
        cut.cancel();
    }
}

/// Pays for so many bytes more, as soon as there is memory.
pub(crate) async fn room(buffer: &mut Buffer, bytes: usize) -> Result<(), Error> {
    for _ in 0..MAX_PAUSES {
        match buffer.room(bytes) {
            Err(Error::Busy) => tokio::time::sleep(PAUSE).await,
            paid => return paid,
        }
    }
    buffer.room(bytes)
}
