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
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::observe::guarded;

/// Most connections of one listener; more wait to be accepted.
pub const MAX_CONNECTIONS: usize = 4096;
/// How long a client may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How HTTP/2 begins (RFC 9113, 3.4).
const HTTP2_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The pause before looking again whether the rest of that has come.
const PEEK_PAUSE: Duration = Duration::from_millis(5);
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

/// Serves a router until stopped: then no connection is accepted any more, idle ones are closed, and requests in flight
/// have until `drain` to end. What has not ended then is cut. A handler that panics is answered for with a 500.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken, drain: Duration) {
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
        let (router, stop, cut) = (router.clone(), stop.clone(), cut.clone());
        connections.spawn(async move {
            cut.run_until_cancelled(connection(stream, peer, router, stop)).await;
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
) -> io::Result<(tokio::net::TcpStream, Peer, tokio::sync::OwnedSemaphorePermit)> {
    let slot = slots.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, address) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, Peer(address), slot))
}

/// Waits until the client has begun to speak, and until it is plain whether it speaks HTTP/2: the server has no bound for that
/// itself. Answers whether it did so in time.
async fn says_something(stream: &tokio::net::TcpStream) -> bool {
    let spoken = async {
        let mut head = [0; HTTP2_PREFACE.len()];
        loop {
            let seen = stream.peek(&mut head).await.ok().filter(|n| *n > 0)?;
            if seen == head.len() || head[..seen] != HTTP2_PREFACE[..seen] {
                return Some(());
            }
            tokio::time::sleep(PEEK_PAUSE).await;
        }
    };
    matches!(tokio::time::timeout(HEAD_TIMEOUT, spoken).await, Ok(Some(())))
}

async fn connection(stream: tokio::net::TcpStream, peer: Peer, router: Router, stop: CancellationToken) {
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
    if !stop.run_until_cancelled(says_something(&stream)).await.unwrap_or(false) {
        return;
    }
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
