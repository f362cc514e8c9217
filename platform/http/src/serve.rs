//! The accept loop.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use vitrine_platform_tls as tls;

use crate::admission::{Admission, Admitted};
use crate::bounds::Bounds;
use crate::connection::{Connection, connection};
use crate::rejection;

/// What is read of a client that is turned away, in bytes: what comes with its first packet.
const UNREAD_BYTES: usize = 2048;
/// The pause after the system could not give a connection (too many open files).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Who is at the other end of the connection, in a request's extensions.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// How the connection is spoken, as a URL names it, in a request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Takes an address. The error says which one, and what to do when another caller has it.
pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|e| {
        let hint = match e.kind() {
            io::ErrorKind::AddrInUse => {
                "another process listens there: stop that, or choose another address (port 0 picks a free one)"
            }
            io::ErrorKind::PermissionDenied => "that port is not ours to take: choose one above 1023",
            io::ErrorKind::AddrNotAvailable => "this machine has no such address",
            _ => "it cannot be listened on",
        };
        io::Error::new(e.kind(), format!("{address}: {hint}"))
    })
}

/// Takes a path for a Unix socket. A socket that a process left there which is gone makes place; anything else does not.
pub fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    let named = |e: io::Error, hint: &str| io::Error::new(e.kind(), format!("{}: {hint}", path.display()));
    match UnixListener::bind(path) {
        Err(e) if e.kind() == io::ErrorKind::AddrInUse => {}
        bound => return bound.map_err(|e| named(e, "no socket can be made there")),
    }
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    // Nobody listens on it any more; a file that is no socket refuses in the same way, and stays.
    let is_refused = |e: &io::Error| e.kind() == io::ErrorKind::ConnectionRefused;
    if !is_socket || !std::os::unix::net::UnixStream::connect(path).as_ref().is_err_and(is_refused) {
        return Err(named(io::ErrorKind::AddrInUse.into(), "another process listens there, or it is no socket"));
    }
    std::fs::remove_file(path).map_err(|e| named(e, "the socket of a process that is gone cannot be removed"))?;
    UnixListener::bind(path).map_err(|e| named(e, "no socket can be made there"))
}

/// Where connections come in: an address that was taken, in plain text or over TLS, or a Unix socket.
#[derive(Debug)]
pub struct Listener {
    door: Door,
    tls: Option<tls::Server>,
    bounds: Bounds,
}

#[derive(Debug)]
enum Door {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A connection that came in.
enum Visitor {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl From<TcpListener> for Listener {
    fn from(tcp: TcpListener) -> Self {
        Self { door: Door::Tcp(tcp), tls: None, bounds: Bounds::default() }
    }
}

impl From<UnixListener> for Listener {
    /// Who comes over a Unix socket counts as this machine.
    fn from(unix: UnixListener) -> Self {
        Self { door: Door::Unix(unix), tls: None, bounds: Bounds::default() }
    }
}

impl Door {
    async fn accept(&self) -> io::Result<(Visitor, SocketAddr)> {
        Ok(match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // It only makes answers faster.
                let _ = stream.set_nodelay(true);
                (Visitor::Tcp(stream), address)
            }
            Self::Unix(listener) => {
                (Visitor::Unix(listener.accept().await?.0), SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0))
            }
        })
    }
}

impl Listener {
    /// Takes TLS connections only, if there is something to make them with. A Unix socket stays in plain text: nobody is between.
    pub fn with_tls(self, tls: Option<tls::Server>) -> Self {
        Self { tls, ..self }
    }

    /// Lets one client hold no more than this.
    pub fn with_bounds(self, bounds: Bounds) -> Self {
        Self { bounds, ..self }
    }
}

/// Serves a router until stopped: then no connection is accepted any more, idle ones are closed, and requests in flight
/// have until `drain` to end; their answers say that the connection ends. What has not ended then is cut. A handler that panics is
/// answered for with a 500.
pub async fn serve(listener: impl Into<Listener>, router: Router, stop: CancellationToken, drain: Duration) {
    let Listener { door, tls, bounds } = listener.into();
    let bounds = Arc::new(bounds);
    let admission = Admission::new(&bounds);
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = door.accept() => accepted,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(e) => {
                tracing::warn!(error = %e, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Some(admitted) = admission.admit(address.ip()) else {
            stream.turn_away(tls.is_some());
            continue;
        };
        let (tls, router, stop, bounds, cut) = (tls.clone(), router.clone(), stop.clone(), bounds.clone(), cut.clone());
        connections.spawn(async move {
            let about = Connection { peer: Peer(address), scheme: Scheme::Http, names: None, router, stop, bounds };
            let served = visited(stream, tls, about, &admitted);
            tokio::select! {
                () = served => {}
                () = cut.cancelled() => {}
            }
        });
    }
    // A client that connects now is refused, and does not wait in the system's queue for an answer that never comes.
    drop(door);
    connections.close();
    if tokio::time::timeout(drain, connections.wait()).await.is_err() {
        tracing::warn!(left = connections.len(), "connections were cut at the end of the drain");
        cut.cancel();
    }
}

impl Visitor {
    /// Tells a client that there is no room, as far as that costs nothing: without waiting, and not where a handshake would have to come first.
    /// A stream that is dropped with something unread is reset, and the answer may be lost.
    fn turn_away(&self, is_tls: bool) {
        match self {
            Self::Tcp(_) if is_tls => {}
            Self::Tcp(stream) => {
                let _ = stream.try_read(&mut [0; UNREAD_BYTES]);
                let _ = stream.try_write(&rejection::full());
            }
            Self::Unix(stream) => {
                let _ = stream.try_read(&mut [0; UNREAD_BYTES]);
                let _ = stream.try_write(&rejection::full());
            }
        }
    }
}

async fn visited(stream: Visitor, tls: Option<tls::Server>, about: Connection, admitted: &Admitted) {
    match stream {
        Visitor::Tcp(stream) => match tls {
            // A handshake's state is large, and a connection in plain text is not to have room for it.
            Some(tls) => Box::pin(secured(stream, tls, about, admitted)).await,
            None => connection(stream, about, admitted).await,
        },
        Visitor::Unix(stream) => connection(stream, about, admitted).await,
    }
}

/// A connection, from its first byte: TLS is its own task's business, so no caller waits for another's handshake.
async fn secured(stream: TcpStream, tls: tls::Server, about: Connection, admitted: &Admitted) {
    let handshake = tokio::time::timeout(about.bounds.handshake, tls.accept(stream));
    let outcome = tokio::select! {
        outcome = handshake => outcome.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
        () = about.stop.cancelled() => return,
        () = admitted.evicted.cancelled() => return,
    };
    match outcome {
        Ok(stream) => {
            let about = Connection { scheme: Scheme::Https, names: tls::PeerNames::of(&stream), ..about };
            connection(stream, about, admitted).await;
        }
        // Anybody may knock with the wrong key.
        Err(e) => tracing::debug!(error = %e, "a TLS handshake failed"),
    }
}
