//! One replica: its connection, its health, and how busy it is.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Uri};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tower::service_fn;
use vitrine_kit::{Backoff, Outage};

use super::Connecting;
use crate::discovery::bare;

/// How long a connection attempt may take: TCP, TLS, and the first word about health, each.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Where HTTP is by default.
const HTTP_PORT: u16 = 80;
/// How often a connection is probed.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// The first pause after a connection failed; doubles, and is jittered from half to all of it. Callers do not hurry it below this.
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
/// The longest pause.
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);

/// Where one replica is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// Host and port.
    pub(crate) authority: Authority,
    /// The name that its certificate must bear.
    pub(crate) name: Arc<str>,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.authority.as_str())
    }
}

/// Whether a replica's health is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// By `grpc.health.v1`, the process as a whole. No call is sent before the first answer, so a server that goes away while it
    /// is being connected to, refuses our certificate or speaks something else gets none.
    Watched,
    /// It may be called as soon as it is connected.
    Assumed,
}

/// What may be done with a replica now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndpointState {
    /// It may soon be ready.
    Connecting,
    /// It is there and does not want calls.
    NotServing,
    /// It could not be reached, and is tried again after a pause.
    Failed,
}

enum State {
    Connecting,
    Ready(SendRequest<Body>),
    NotServing(Instant),
    Failed { at: Instant, why: String, retrying: bool },
}

/// One replica.
pub(crate) struct Endpoint {
    address: Address,
    connecting: Connecting,
    state: Mutex<State>,
    /// Calls that it has not answered.
    pub(super) in_flight: AtomicUsize,
    retry_now: Notify,
    changed: watch::Sender<()>,
    gone: CancellationToken,
}

/// A call that is counted while it lasts.
pub(crate) struct InFlight(Arc<Endpoint>);

impl InFlight {
    pub(crate) fn new(endpoint: Arc<Endpoint>) -> Self {
        endpoint.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(endpoint)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Endpoint {
    /// Begins to connect, and goes on until it has left.
    pub(crate) fn start(
        address: Address,
        connecting: Connecting,
        changed: watch::Sender<()>,
        gone: CancellationToken,
    ) -> Arc<Self> {
        let state = Mutex::new(State::Connecting);
        let (in_flight, retry_now) = (AtomicUsize::new(0), Notify::new());
        let endpoint = Arc::new(Self { address, connecting, state, in_flight, retry_now, changed, gone });
        let running = endpoint.clone();
        tokio::spawn(async move {
            // Requests that are sent are driven by the connection's own task and end as they would.
            running.gone.run_until_cancelled(running.run()).await;
            *running.state.lock() = State::NotServing(Instant::now());
        });
        endpoint
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// It gets no more calls.
    pub(crate) fn leave(&self) {
        self.gone.cancel();
    }

    /// The way in, if it may be called now.
    pub(crate) fn sender(&self) -> Option<SendRequest<Body>> {
        match &*self.state.lock() {
            State::Ready(sender) if sender.is_ready() => Some(sender.clone()),
            _ => None,
        }
    }

    /// What it is when it cannot be called.
    pub(crate) fn endpoint_state(&self) -> EndpointState {
        match &*self.state.lock() {
            // A connection that has just ended: its task will notice at once.
            State::Connecting | State::Ready(_) => EndpointState::Connecting,
            State::NotServing(_) => EndpointState::NotServing,
            State::Failed { .. } => EndpointState::Failed,
        }
    }

    /// Has a failed connection tried again without a pause, because a call is waiting. Returns whether it is being
    /// tried.
    pub(crate) fn retry_now(&self) -> bool {
        match &mut *self.state.lock() {
            State::Failed { retrying: true, .. } => true,
            State::Failed { at, retrying, .. } if at.elapsed() >= FIRST_BACKOFF => {
                *retrying = true;
                self.retry_now.notify_one();
                true
            }
            _ => false,
        }
    }

    /// When and why it failed last, if it cannot be called for that.
    pub(crate) fn failure(&self) -> Option<(Instant, String)> {
        match &*self.state.lock() {
            State::Failed { at, why, .. } => Some((*at, format!("{}: {why}", self.address))),
            State::NotServing(at) => Some((*at, format!("{}: it says that it is not serving", self.address))),
            State::Connecting | State::Ready(_) => None,
        }
    }

    /// A request's URI as this replica gets it.
    pub(crate) fn uri(&self, asked: &Uri) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(if self.connecting.tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP });
        parts.authority = Some(self.address.authority.clone());
        parts.path_and_query = asked.path_and_query().cloned().or(Some(PathAndQuery::from_static("/")));
        // All three are there, so they make a URI.
        Uri::from_parts(parts).unwrap_or_default()
    }

    fn set(&self, state: State) {
        *self.state.lock() = state;
        self.changed.send_replace(());
    }

    /// Connects again and again.
    async fn run(&self) {
        let (mut backoff, mut outage) = (Backoff::new(FIRST_BACKOFF, LONGEST_BACKOFF), Outage::default());
        loop {
            let began = Instant::now();
            let why = self.live().await;
            let worked = matches!(*self.state.lock(), State::Ready(_) | State::NotServing(_));
            let service = &*self.connecting.service;
            tracing::debug!(service, address = %self.address, why, "a connection ended");
            if worked {
                backoff.reset();
                outage = Outage::default();
                // Someone who closes each connection at once is not asked again without a pause.
                if began.elapsed() > FIRST_BACKOFF {
                    self.set(State::Connecting);
                    continue;
                }
            }
            if outage.begins() {
                tracing::info!(service, address = %self.address, why, "a replica cannot be called");
            }
            self.set(State::Failed { at: Instant::now(), why, retrying: false });
            let pause = tokio::time::sleep(backoff.equal_jitter());
            tokio::select! {
                () = pause => {}
                () = self.retry_now.notified() => {}
            }
            if let State::Failed { retrying, .. } = &mut *self.state.lock() {
                *retrying = true;
            }
        }
    }

    /// One connection, from its beginning to its end. Returns why it ended.
    async fn live(&self) -> String {
        let connected = tokio::time::timeout(CONNECT_TIMEOUT, self.connect()).await;
        let stream = match connected {
            Ok(Ok(stream)) => stream,
            Ok(Err(e)) => return e.to_string(),
            Err(_) => return format!("not connected within {CONNECT_TIMEOUT:?}"),
        };
        let handshake = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(CONNECT_TIMEOUT)
            .handshake(TokioIo::new(stream))
            .await;
        let (sender, connection) = match handshake {
            Ok(made) => made,
            Err(e) => return e.to_string(),
        };
        tokio::select! {
            ended = connection => ended.map_or_else(|e| e.to_string(), |()| "the other side closed the connection".to_owned()),
            why = self.watch(sender) => why,
        }
    }

    async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        let authority = &self.address.authority;
        let address = (bare(authority.host()), authority.port_u16().unwrap_or(HTTP_PORT));
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(match &self.connecting.tls {
            Some(tls) => Box::new(tls.connect(&self.address.name, stream).await?),
            None => Box::new(stream),
        })
    }

    /// Keeps the state as the other side's health says. Returns why that is not known any more.
    async fn watch(&self, sender: SendRequest<Body>) -> String {
        if self.connecting.health == Health::Assumed {
            self.set(State::Ready(sender));
            return std::future::pending().await;
        }
        let ask = |mut request: Request<Body>| {
            *request.uri_mut() = self.uri(request.uri());
            let mut sender = sender.clone();
            async move { sender.send_request(request).await }
        };
        let mut client = HealthClient::new(service_fn(ask));
        let first = async {
            let mut updates = client.watch(HealthCheckRequest { service: String::new() }).await?.into_inner();
            let update = updates.message().await?;
            Ok::<_, Status>((updates, update))
        };
        let (mut updates, mut update) = match tokio::time::timeout(CONNECT_TIMEOUT, first).await {
            Ok(Ok(first)) => first,
            Ok(Err(status)) if status.code() == Code::Unimplemented => {
                self.set(State::Ready(sender));
                return std::future::pending().await;
            }
            Ok(Err(status)) => return format!("its health is not known: {}", status.message()),
            Err(_) => return format!("it did not answer within {CONNECT_TIMEOUT:?}"),
        };
        while let Some(health) = update {
            self.set(match health.status() {
                ServingStatus::Serving => State::Ready(sender.clone()),
                _ => State::NotServing(Instant::now()),
            });
            update = match updates.message().await {
                Ok(update) => update,
                Err(status) => return format!("its health is not known any more: {}", status.message()),
            };
        }
        "it stopped telling its health".to_owned()
    }
}

/// What a connection goes over.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}
