//! One connection, and what is around every request of it.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, Version, header};
use axum::response::IntoResponse;
use hyper::body::{Body as _, Incoming};
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use vitrine_platform_tls as tls;

use crate::admission::Admitted;
use crate::body::{Arrival, ResponseBody, TimedBody};
use crate::bounds::Bounds;
use crate::observe::{guarded, panicked};
use crate::pulse::{Open, Overdue, Pulse, Taking, overdue};
use crate::rewind::Rewind;
use crate::serve::{Peer, Scheme};
use crate::wire::Wire;
use crate::{host, rejection};

/// Streams of one HTTP/2 connection at a time.
const MAX_STREAMS: u32 = 1024;
/// How often an HTTP/2 client is asked whether it is still there.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// Largest head of an HTTP/1.1 request, and what is read and written at a time, in bytes: room for the longest target that hyper takes
/// (64 KiB), so that a longer one is told as such.
const HTTP1_BUFFER_BYTES: usize = 128 << 10;
/// How long a connection may take to end that was told to.
const LEAVE: Duration = Duration::from_secs(1);

tokio::task_local! {
    /// Whether the client of this task's HTTP/2 stream takes its answer.
    static TAKING: Arc<Taking>;
}

/// What a connection is served with.
pub(crate) struct Connection {
    pub(crate) peer: Peer,
    pub(crate) scheme: Scheme,
    /// What the client's certificate says, over TLS and if it has shown one.
    pub(crate) names: Option<tls::PeerNames>,
    pub(crate) router: Router,
    pub(crate) stop: CancellationToken,
    pub(crate) bounds: Arc<Bounds>,
}

/// Serves a client until it goes, is too slow, has to make place, or the listener stops.
pub(crate) async fn connection<S>(stream: S, about: Connection, admitted: &Admitted)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (about, pulse) = (Arc::new(about), admitted.pulse.clone());
    let wire = Wire::new(stream, pulse.clone());
    let begun = tokio::select! {
        biased;
        begun = Rewind::read(wire) => begun,
        _ = overdue(|| pulse.due(&about.bounds)) => return,
        () = about.stop.cancelled() => return,
        () = admitted.evicted.cancelled() => return,
    };
    // Gone before it said anything.
    let Ok(stream) = begun else { return };
    let is_http2 = stream.is_http2();
    let io = TokioIo::new(stream);
    if is_http2 {
        pulse.speaks_http2();
    }
    let service = {
        let about = about.clone();
        service_fn(move |request| respond(about.clone(), pulse.open(), request))
    };
    let ended = if is_http2 {
        // Its state is large, and a connection of HTTP/1.1 is not to have room for it.
        Box::pin(async {
            let mut builder = http2::Builder::new(Streams { unread: about.bounds.unread });
            builder.timer(TokioTimer::new()).max_concurrent_streams(MAX_STREAMS).keep_alive_interval(PING_INTERVAL);
            let mut served = builder.serve_connection(io, service);
            drive(&mut served, |served| served.graceful_shutdown(), &about, admitted).await
        })
        .await
    } else {
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(HTTP1_BUFFER_BYTES);
        // A handler that has taken a connection over, for a socket, bounds it itself.
        let mut served = builder.serve_connection(io, service).with_upgrades();
        let ended = drive(&mut served, |served| served.graceful_shutdown(), &about, admitted).await;
        if let (Ended::Overdue(Overdue::Head), Some(parts)) = (&ended, served.into_parts()) {
            let mut stream = parts.io.into_inner().into_inner();
            // Who is slow to speak may be slow to listen.
            let told = async { stream.write_all(&rejection::late_head()).await.and(stream.shutdown().await) };
            let _ = tokio::time::timeout(LEAVE, told).await;
        }
        ended
    };
    match ended {
        Ended::Itself(Ok(())) => {}
        // A client that goes away is no matter of ours.
        Ended::Itself(Err(e)) => tracing::debug!(error = %e, "a connection ended early"),
        Ended::Overdue(what) => tracing::debug!(?what, "a connection was closed whose client was too slow"),
    }
}

/// How a connection came to its end.
enum Ended {
    Itself(hyper::Result<()>),
    Overdue(Overdue),
}

/// Serves until the end. A connection that has to go is told to: it takes no new request, and its answers say so.
async fn drive<C>(served: &mut C, tell: impl Fn(Pin<&mut C>), about: &Connection, admitted: &Admitted) -> Ended
where
    C: Future<Output = hyper::Result<()>> + Unpin,
{
    let pulse = &admitted.pulse;
    let due = || pulse.due(&about.bounds);
    let mut late = pin!(overdue(&due));
    let mut is_draining = false;
    // It may have become busy at that moment, and its place is another's.
    let mut gone_by: Option<Instant> = None;
    loop {
        let unused = tokio::select! {
            biased;
            result = &mut *served => return Ended::Itself(result),
            what = &mut late => {
                if what != Overdue::Request {
                    return Ended::Overdue(what);
                }
                late.set(overdue(&due));
                true
            }
            () = admitted.evicted.cancelled() => {
                if Instant::now() >= *gone_by.get_or_insert_with(|| Instant::now() + about.bounds.request) {
                    return Ended::Overdue(Overdue::Request);
                }
                true
            }
            // Looked at again: it may be idle now.
            () = pulse.quiet() => false,
            () = about.stop.cancelled(), if !is_draining => {
                is_draining = true;
                tell(Pin::new(served));
                false
            }
        };
        if unused && leave(served, &tell, pulse).await {
            return Ended::Overdue(Overdue::Request);
        }
    }
}

/// Tells a connection that no one uses to go; says whether it is gone. A request that was sent at just that moment is
/// answered.
async fn leave<C>(served: &mut C, tell: impl Fn(Pin<&mut C>), pulse: &Pulse) -> bool
where
    C: Future<Output = hyper::Result<()>> + Unpin,
{
    tell(Pin::new(served));
    // What it ends with is of no interest.
    tokio::time::timeout(LEAVE, served).await.is_ok() || pulse.idle_since().is_some()
}

/// Handles a request.
async fn respond(
    about: Arc<Connection>,
    open: Open,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<ResponseBody>, Infallible> {
    let version = request.version();
    let taking = TAKING.try_with(Arc::clone).ok();
    let (mut head, body) = request.into_parts();
    let checked = host::check(&head);
    let is_bent = checked.is_err();
    let mut response = match checked {
        Err(reply) => reply.into_response(),
        Ok(()) => {
            head.extensions.insert(about.peer);
            head.extensions.insert(about.scheme);
            if let Some(names) = &about.names {
                head.extensions.insert(names.clone());
            }
            let body = if body.is_end_stream() {
                Body::empty()
            } else {
                let arrival = Arrival::default();
                head.extensions.insert(arrival.clone());
                Body::new(TimedBody::new(body, about.bounds.request, arrival))
            };
            let answered = about.router.clone().oneshot(hyper::Request::from_parts(head, body));
            guarded(async { answered.await.unwrap_or_else(|never| match never {}) }, panicked).await
        }
    };
    // The rest of a late request may still come, and must not be taken for another; who speaks no HTTP is not heard further.
    let ends = is_bent || response.status() == StatusCode::REQUEST_TIMEOUT;
    if ends && version < Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response.map(|body| ResponseBody::new(body, taking, open)))
}

/// Runs the streams of HTTP/2 connections, each in a task, until its client takes nothing of its answer for too long.
#[derive(Clone, Copy)]
struct Streams {
    unread: Duration,
}

impl<F> Executor<F> for Streams
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, stream: F) {
        let (taking, unread) = (Arc::<Taking>::default(), self.unread);
        let watched = taking.clone();
        tokio::spawn(TAKING.scope(taking, async move {
            tokio::select! {
                biased;
                _ = stream => {}
                // The stream is dropped, which resets it.
                _ = overdue(|| watched.due(unread)) => tracing::debug!("a stream was reset whose client took none of it"),
            }
        }));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use axum::Router;
    use axum::routing::get;
    use tokio::io::AsyncWriteExt;
    use tokio_util::sync::CancellationToken;

    use super::{Bounds, Connection, Peer, Scheme, connection};
    use crate::admission::Admission;

    /// Most bytes of the future that serves a connection.
    const MAX_FUTURE_BYTES: usize = 2_560;

    fn about(peer: &str, router: Router) -> Connection {
        let peer = Peer(peer.parse().expect("an address"));
        let (stop, bounds) = (CancellationToken::new(), Arc::new(Bounds::default()));
        Connection { peer, scheme: Scheme::Http, names: None, router, stop, bounds }
    }

    /// A thousand clients that wait for news are a thousand of these.
    #[tokio::test]
    async fn a_connection_in_plain_text_takes_little_memory() {
        let admission = Admission::new(&Arc::new(Bounds::default()));
        let admitted = admission.admit("10.0.0.1".parse().expect("an address")).expect("room");
        let (_client, server) = tokio::io::duplex(1024);
        let size = std::mem::size_of_val(&connection(server, about("10.0.0.1:1", Router::new()), &admitted));
        assert!(size <= MAX_FUTURE_BYTES, "{size} bytes");
    }

    #[tokio::test(start_paused = true)]
    async fn who_becomes_busy_while_it_makes_place_does_not_stay() {
        let bounds = Arc::new(Bounds { connections: 1, ..Bounds::default() });
        let admission = Admission::new(&bounds);
        let peer = "10.0.0.1:1".parse().expect("an address");
        let admitted = admission.admit(std::net::SocketAddr::ip(&peer)).expect("room");
        let (mut client, server) = tokio::io::duplex(1024);
        client.write_all(b"GET /hang HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
        let router = Router::new().route("/hang", get(async || -> &'static str { std::future::pending().await }));
        let most = bounds.request * 2;
        let about = Connection {
            peer: Peer(peer),
            scheme: Scheme::Http,
            names: None,
            router,
            stop: CancellationToken::new(),
            bounds,
        };
        // Nothing of the request is read yet.
        let _other = admission.admit("10.0.0.2".parse().expect("an address")).expect("instead of an idle one");
        tokio::time::timeout(most, connection(server, about, &admitted)).await.expect("it ends");
        assert!(tokio::time::timeout(Duration::from_secs(1), client.shutdown()).await.is_ok());
    }
}
