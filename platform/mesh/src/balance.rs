//! One of several: the replicas of a service, and which of them gets the next call.
//!
//! Discovery replaces the set as a whole; an address that stays keeps its connection. Each [`Endpoint`] connects by itself and knows
//! whether it may be called. Among those the choice is the less busy of two that chance names ("power of two choices"): nearly
//! as even as always asking the least busy one, and callers do not all run to the same.

mod endpoint;

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::client::conn::http2::SendRequest;
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::Status;
use tonic::body::Body;
use vitrine_contracts::Problem;
use vitrine_platform_tls as tls;

pub(crate) use endpoint::{Address, Health};
use endpoint::{CONNECT_TIMEOUT, Endpoint, EndpointState, InFlight};

/// How long a call waits for connections that failed before and are tried again because it came.
const RETRY_NOW_WAIT: Duration = Duration::from_millis(100);

/// The addresses that a call went to already, in its extensions: another one is better.
#[derive(Clone, Default)]
pub(crate) struct Tried(Arc<Mutex<Vec<Address>>>);

/// The source of a status whose call certainly did not reach a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotSent {
    /// There was nobody to send it to: that will not change within a moment.
    Nobody,
    /// It was not sent, or refused unread: another replica may get it.
    Unsent,
}

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nobody => "no replica could be asked",
            Self::Unsent => "the call reached no handler",
        })
    }
}

impl StdError for NotSent {}

impl NotSent {
    /// What a status says about its call, if anything.
    pub(crate) fn of(status: &Status) -> Option<Self> {
        status.source().and_then(|source| source.downcast_ref()).copied()
    }

    fn status(self, problem: Problem) -> Status {
        let mut status = Status::from(problem);
        status.set_source(Arc::new(self));
        status
    }
}

/// How connections are made.
#[derive(Clone, Debug)]
pub(crate) struct Connecting {
    pub(crate) service: Arc<str>,
    pub(crate) tls: Option<tls::Client>,
    pub(crate) health: Health,
}

/// The replicas of one service. Its tasks end with it; calls in flight do not.
pub(crate) struct Balancer {
    endpoints: RwLock<Vec<Arc<Endpoint>>>,
    /// Why there is no set yet, or none could be had lately.
    discovery_error: Mutex<Option<String>>,
    connecting: Connecting,
    /// Told whenever an endpoint or the set has changed.
    changed: watch::Sender<()>,
    gone: CancellationToken,
    _gone: DropGuard,
}

enum Pick {
    Ready(Arc<Endpoint>, SendRequest<Body>),
    /// Someone may be ready within this time.
    Wait(Duration),
    Nobody,
}

impl Balancer {
    /// Without any replica, until [`Balancer::replace`].
    pub(crate) fn new(connecting: Connecting) -> Self {
        let gone = CancellationToken::new();
        Self {
            endpoints: RwLock::default(),
            discovery_error: Mutex::default(),
            connecting,
            changed: watch::channel(()).0,
            _gone: gone.clone().drop_guard(),
            gone,
        }
    }

    /// The set as it is now. Who is in it already stays connected; who has left gets no more calls.
    ///
    /// An empty set is ignored once there was another: a replica that is left may well answer, and one that does not is not asked
    /// anyway.
    pub(crate) fn replace(&self, addresses: &[Address]) {
        *self.discovery_error.lock() = addresses.is_empty().then(|| "discovery found none".to_owned());
        if addresses.is_empty() {
            self.changed.send_replace(());
            return;
        }
        let mut endpoints = self.endpoints.write();
        let (stay, leave): (Vec<_>, Vec<_>) = endpoints.drain(..).partition(|e| addresses.contains(e.address()));
        leave.iter().for_each(|endpoint| endpoint.leave());
        *endpoints = stay;
        for address in addresses {
            if !endpoints.iter().any(|e| e.address() == address) {
                let gone = self.gone.child_token();
                endpoints.push(Endpoint::start(address.clone(), self.connecting.clone(), self.changed.clone(), gone));
            }
        }
        drop(endpoints);
        self.changed.send_replace(());
    }

    /// Discovery did not answer. The set stays as it was.
    pub(crate) fn discovery_error(&self, why: String) {
        *self.discovery_error.lock() = Some(why);
        self.changed.send_replace(());
    }

    /// Cancelled when this is dropped.
    pub(crate) fn gone(&self) -> CancellationToken {
        self.gone.clone()
    }

    /// Sends a call to one of the replicas.
    pub(crate) async fn call(&self, mut request: Request<Body>) -> Result<Response<Body>, Status> {
        let tried = request.extensions_mut().remove::<Tried>().unwrap_or_default();
        let (endpoint, mut sender) = self.pick(&tried).await?;
        tried.0.lock().push(endpoint.address().clone());
        *request.uri_mut() = endpoint.uri(request.uri());
        let in_flight = InFlight::new(endpoint.clone());
        match sender.try_send_request(request).await {
            // It is in flight until its answer is read, or left.
            Ok(response) => Ok(response.map(|body| {
                Body::new(body.map_frame(move |frame| {
                    let _ = &in_flight;
                    frame
                }))
            })),
            Err(e) => {
                let unsent = e.message().is_some() || refused(e.error());
                let (service, address, error) = (&*self.connecting.service, endpoint.address(), e.error());
                tracing::debug!(service, %address, unsent, ?error, "a call broke");
                let problem = Problem::unavailable(&format!("{service} cannot be reached"));
                Err(if unsent { NotSent::Unsent.status(problem) } else { problem.into() })
            }
        }
    }

    async fn pick(&self, tried: &Tried) -> Result<(Arc<Endpoint>, SendRequest<Body>), Status> {
        let began = Instant::now();
        loop {
            let mut changed = self.changed.subscribe();
            match self.try_pick(tried) {
                Pick::Ready(endpoint, sender) => return Ok((endpoint, sender)),
                Pick::Wait(most) if began.elapsed() < most => {
                    // Too late or changed: both are seen by looking again.
                    let _ = tokio::time::timeout_at((began + most).into(), changed.changed()).await;
                }
                Pick::Wait(_) | Pick::Nobody => return Err(self.no_endpoint()),
            }
        }
    }

    fn try_pick(&self, tried: &Tried) -> Pick {
        let endpoints = self.endpoints.read();
        if endpoints.is_empty() {
            return if self.discovery_error.lock().is_some() { Pick::Nobody } else { Pick::Wait(CONNECT_TIMEOUT) };
        }
        let ready: Vec<_> = endpoints.iter().filter_map(|e| e.sender().map(|sender| (e, sender))).collect();
        let tried = tried.0.lock();
        let fresh = ready.iter().filter(|(e, _)| !tried.contains(e.address())).count();
        let candidates: Vec<_> =
            ready.into_iter().filter(|(e, _)| fresh == 0 || !tried.contains(e.address())).collect();
        if let Some((endpoint, sender)) = less_busy(candidates) {
            return Pick::Ready(endpoint.clone(), sender);
        }
        let mut wait = Pick::Nobody;
        for endpoint in endpoints.iter() {
            match endpoint.endpoint_state() {
                EndpointState::Connecting => return Pick::Wait(CONNECT_TIMEOUT),
                EndpointState::Failed if endpoint.retry_now() => wait = Pick::Wait(RETRY_NOW_WAIT),
                EndpointState::Failed | EndpointState::NotServing => {}
            }
        }
        wait
    }

    /// Says who is missing, and why the last one failed.
    fn no_endpoint(&self) -> Status {
        let endpoints = self.endpoints.read();
        let last = endpoints.iter().filter_map(|e| e.failure()).max_by_key(|(at, _)| *at).map(|(_, why)| why);
        let why = last
            .or_else(|| self.discovery_error.lock().clone())
            .unwrap_or_else(|| "no replica has answered yet".to_owned());
        let status = nobody(&self.connecting.service, endpoints.len(), &why);
        tracing::debug!(service = &*self.connecting.service, message = status.message(), "no replica can be called");
        status
    }

    /// What is said when the last replica that was asked refuses connections.
    pub(crate) fn refusal(&self) -> Status {
        let endpoints = self.endpoints.read();
        let why = endpoints.last().map(|endpoint| format!("{}: {REFUSED}", endpoint.address()));
        nobody(&self.connecting.service, endpoints.len(), why.as_deref().unwrap_or(REFUSED))
    }
}

/// What the system says of a port at which no one listens.
const REFUSED: &str = "Connection refused (os error 111)";

/// Nobody can be asked.
fn nobody(service: &str, replicas: usize, why: &str) -> Status {
    let message = format!("{service} cannot be reached: none of {replicas} replicas can be called: {why}");
    NotSent::Nobody.status(Problem::unavailable(&message).with_reason("NO_REPLICA"))
}

/// What is said of a service that is in this process, and is to be as one that is not.
pub(crate) fn refusal_of_one(service: &str) -> Status {
    nobody(service, 1, REFUSED)
}

/// The less busy of two that chance names.
fn less_busy<T>(mut candidates: Vec<(&Arc<Endpoint>, T)>) -> Option<(Arc<Endpoint>, T)> {
    let mut draw = || match candidates.len() {
        0 => None,
        n => Some(candidates.swap_remove(rand::random_range(0..n))),
    };
    let busy = |endpoint: &Arc<Endpoint>| endpoint.in_flight.load(Ordering::Relaxed);
    let (first, second) = (draw(), draw());
    let chosen = match (first, second) {
        (Some(first), Some(second)) if busy(second.0) < busy(first.0) => Some(second),
        (first, _) => first,
    };
    chosen.map(|(endpoint, sender)| (endpoint.clone(), sender))
}

/// Whether the other side said that it did nothing with the request (RFC 9113, 8.7): REFUSED_STREAM, or a GOAWAY whose last stream
/// came before this one. h2 gives a remote GOAWAY to no other stream; what breaks later gets an I/O error.
fn refused(error: &hyper::Error) -> bool {
    let Some(error) = error.source().and_then(|source| source.downcast_ref::<h2::Error>()) else { return false };
    error.is_remote() && (error.is_go_away() || error.reason() == Some(h2::Reason::REFUSED_STREAM))
}
