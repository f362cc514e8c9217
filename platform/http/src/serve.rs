//! The accept loop.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use vitrine_platform_tls as tls;

use crate::begun::Begun;
use crate::observe::guarded;

/// Most connections of one listener; more wait to be accepted.
pub const MAX_CONNECTIONS: usize = 4096;
/// How long a client may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a TLS handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause after the system could not give a connection (too many open files).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Who is at the other end of the connection, in a request's extensions.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Takes an address. The error says which one, and what to do when somebody else has it.
pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|e| {
        let hint = match e.kind() {
            io::ErrorKind::AddrInUse => {
                "somebody else listens there: stop that, or choose another address (port 0 picks a free one)"
            }
            io::ErrorKind::PermissionDenied => "that port is not ours to take: choose one above 1023",
            io::ErrorKind::AddrNotAvailable => "this machine has no such address",
            _ => "it cannot be listened on",
        };
        io::Error::new(e.kind(), format!("{address}: {hint}"))
    })
}

/// Where connections come in: an address that was taken, in plain text or over TLS.
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    tls: Option<tls::Server>,
}

impl From<TcpListener> for Listener {
    fn from(tcp: TcpListener) -> Self {
        Self { tcp, tls: None }
    }
}

impl Listener {
    /// Takes TLS connections only, if there is something to make them with.
    pub fn with_tls(self, tls: Option<tls::Server>) -> Self {
        Self { tls, ..self }
    }
}

/// Serves a router until stopped: then no connection is accepted any more, idle ones are closed, and requests in flight
/// have until `drain` to end. What has not ended then is cut. A handler that panics is answered for with a 500.
pub async fn serve(listener: impl Into<Listener>, router: Router, stop: CancellationToken, drain: Duration) {
    let Listener { tcp: listener, tls } = listener.into();
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        let (stream, peer, slot) = match accepted {
            Ok(accepted) => accepted,
            Err(e) => {
                tracing::warn!(error = %e, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (tls, router, stop, cut) = (tls.clone(), router.clone(), stop.clone(), cut.clone());
        connections.spawn(async move {
            cut.run_until_cancelled(secured(stream, tls, peer, router, stop)).await;
            drop(slot);
        });
    }
    // Whoever connects now is refused, and does not wait in the system's queue for an answer that never comes.
    drop(listener);
    connections.close();
    if tokio::time::timeout(drain, connections.wait()).await.is_err() {
        tracing::warn!(left = connections.len(), "connections were cut at the end of the drain");
        cut.cancel();
    }
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, Peer, tokio::sync::OwnedSemaphorePermit)> {
    let slot = slots.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, address) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, Peer(address), slot))
}

/// A connection, from its first byte: TLS is its own task's business, so nobody waits for somebody else's handshake.
async fn secured(stream: TcpStream, tls: Option<tls::Server>, peer: Peer, router: Router, stop: CancellationToken) {
    let Some(tls) = tls else { return connection(stream, peer, router, stop).await };
    let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream));
    let outcome = match stop.run_until_cancelled(handshake).await {
        Some(Ok(outcome)) => outcome,
        Some(Err(_)) => Err(io::ErrorKind::TimedOut.into()),
        None => return,
    };
    match outcome {
        Ok(stream) => connection(stream, peer, router, stop).await,
        // Anybody may knock with the wrong key.
        Err(e) => tracing::debug!(peer = %peer.0, error = %e, "a TLS handshake failed"),
    }
}

async fn connection<S>(stream: S, peer: Peer, router: Router, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    // The server has no bound for this itself.
    let begun = tokio::time::timeout(HEAD_TIMEOUT, Begun::read(stream));
    let Some(Ok(Ok(stream))) = stop.run_until_cancelled(begun).await else { return };
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(1024).keep_alive_interval(Some(HEAD_TIMEOUT * 2));
    let service = tower::service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(peer);
        let answered = router.clone().oneshot(request);
        async move {
            let answered = async { answered.await.unwrap_or_else(|never| match never {}) };
            Ok::<Response, Infallible>(guarded(answered).await)
        }
    });
    let served = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    tokio::pin!(served);
    let result = tokio::select! {
        result = served.as_mut() => result,
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(e) = result {
        // A client that goes away is no matter of ours.
        tracing::debug!(error = %e, "a connection ended early");
    }
}
