//! What holds for every call, on both sides, whatever the transport.
//!
//! On the caller's side ([`client`]): a deadline (the sooner of the caller's own, the request's and the contract's), carried along and
//! enforced here; extensions are cleared; a concurrency limit and a circuit breaker per callee; calls that
//! end in UNAVAILABLE and that their contract lets repeat, and any that no handler saw, are repeated with jitter and within a
//! budget; a call that was not even sent goes to another replica at once (`docs/adr/0010-repeating-on-another-replica.md`);
//! a refusal of who calls is no answer to what was asked, and comes back as INTERNAL; one client span and the client's RED
//! metrics. What the other side is to know goes out as a [`Hop`].
//!
//! On the server's side ([`server`]): the caller is known, and the method's contract names it ([`crate::identity`]); trace
//! context, baggage and deadline come in and become the current context; a handler that panics answers INTERNAL and harms
//! no one else; a handler that takes too long is dropped and answers DEADLINE_EXCEEDED; one server span and the server's RED
//! metrics. The answer to another process waits until everything that the handler did is on disk; within a process it need not
//! (`docs/adr/0050-one-log-for-the-stores-of-a-process.md`).
//!
//! What differs from method to method is said by its contract and read in [`Policy`].
//!
//! Both sides hold whole messages (at most [`MAX_MESSAGE_BYTES`]): the deadline then covers all of the call, and the
//! status is known wherever it travels, in headers or in trailers.

use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::FutureExt;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use tokio::sync::Semaphore;
use tonic::body::Body;
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};
use vitrine_contracts::Problem;
use vitrine_kit::Backoff;
use vitrine_platform_durability as durability;
use vitrine_platform_faults::Site;
use vitrine_platform_telemetry::semconv::{
    ERROR_TYPE, OTHER, RPC_METHOD, RPC_RESPONSE_STATUS_CODE, RPC_SYSTEM_NAME, SERVER_ADDRESS,
};
use vitrine_platform_telemetry::{Context, Kind, Service, Span};

use crate::balance::NotSent;
use crate::faulted::{self, Limited, acts};
use crate::handlers::Handlers;
use crate::hop::{BufferedResponse, Hop, whole};
use crate::identity::{self, Caller, Identity};
use crate::policy::Policy;
use crate::wire::{UNHANDLED, code_name, is_fault, parse_timeout};
use crate::{Slot, Transport};

/// The largest message that passes, in either direction.
pub const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;

/// The bounds of every call.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How long a call may take by default.
    pub default_deadline: Duration,
    /// How long any call may take.
    pub max_deadline: Duration,
    /// How often a safe call is tried.
    pub max_attempts: u32,
    /// The first pause between tries; doubles, and is jittered from nothing to all of it.
    pub first_backoff: Duration,
    /// Calls to one service that this process makes at a time.
    pub client_concurrency: usize,
    /// Calls that one service answers at a time.
    pub server_concurrency: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            default_deadline: Duration::from_secs(10),
            max_deadline: Duration::from_secs(60),
            max_attempts: 3,
            first_backoff: Duration::from_millis(20),
            client_concurrency: 1024,
            server_concurrency: 1024,
        }
    }
}

/// How often a call that reached no one is sent again, whatever the method: so many replicas may be on their way out at
/// once.
const MAX_UNSENT: u32 = 5;

/// The way from one service to another.
pub(crate) struct Client {
    pub(crate) slot: Arc<Slot>,
    /// Who calls, for telemetry.
    pub(crate) service: Service,
    /// Who calls, for the callee.
    pub(crate) name: Caller,
    pub(crate) limits: Limits,
    pub(crate) site: Site,
}

/// The caller's side. See the module's documentation.
pub(crate) async fn client(client: Arc<Client>, request: Request<Body>) -> Result<Response<Body>, Status> {
    let Client { slot, service: caller, name, limits, site } = &*client;
    let (mut head, body) = request.into_parts();
    head.extensions.clear();
    let policy = Policy::of(head.uri.path());
    let method = policy.name(head.uri.path());
    let now = Instant::now();
    let mut parent = Context::current();
    // A call is always the caller's own, also from a task that set no context.
    if parent.service().is_none() {
        parent = caller.root_context(parent);
    }
    let deadline = policy.deadline(limits, now, parent.deadline(), parse_timeout(&head.headers));
    let mut span = if policy.observed {
        Span::child(parent, method.clone(), Kind::Client)
            .attr(RPC_SYSTEM_NAME, "grpc")
            .attr(RPC_METHOD, method.clone())
            .attr(SERVER_ADDRESS, slot.name().clone())
    } else {
        Span::silent(parent)
    };

    let call = async {
        // A write that no caller waits for any more must not happen.
        if deadline <= now {
            return Err(late(&method));
        }
        let hop = Hop::new(name.clone(), policy, span.context(), deadline);
        attempts(Call { slot, head: &head, hop, site }, limits, body).await
    };
    let outcome = match tokio::time::timeout_at(deadline.into(), call).await {
        Ok(outcome) => outcome,
        Err(_) => Err(late(&method)),
    };
    let outcome = if refuses_us(&outcome, &method) { Err(Problem::internal().into()) } else { outcome };
    let code = match &outcome {
        Ok(answer) => answer.status.code(),
        Err(status) => status.code(),
    };
    span.set(RPC_RESPONSE_STATUS_CODE, code_name(code));
    if code != Code::Ok {
        span.set(ERROR_TYPE, code_name(code));
        span.error(outcome.as_ref().map_or_else(Status::message, |a| a.status.message()));
    }
    if policy.observed {
        let record = || caller.record_rpc_client(&method, slot.name(), code_name(code), now.elapsed());
        span.context().sync_scope(record);
    }
    outcome.map(BufferedResponse::into_response)
}

/// Whether this service is not known over there, or may not call: someone has set up the deployment so, and the request is not to blame.
/// A caller that handed it on would tell a customer to sign in, or take a payment for declined.
fn refuses_us(outcome: &Result<BufferedResponse, Status>, method: &str) -> bool {
    let status = match outcome {
        Ok(answer) => &answer.status,
        Err(status) => status,
    };
    if !matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied) {
        return false;
    }
    let problem = Problem::from_status(status);
    let refused = [identity::CALLER_UNKNOWN, identity::CALLER_NOT_ADMITTED].contains(&&*problem.reason);
    if refused {
        tracing::error!(method, refusal = problem.message, "the other side does not admit this service");
    }
    refused
}

pub(crate) fn late(method: &str) -> Status {
    Status::deadline_exceeded(format!("{method} was not answered in time"))
}

/// A call as all its attempts have it.
struct Call<'a> {
    slot: &'a Slot,
    head: &'a http::request::Parts,
    hop: Hop,
    site: &'a Site,
}

async fn attempts(call: Call<'_>, limits: &Limits, body: Body) -> Result<BufferedResponse, Status> {
    let body = whole(body).await?.0;
    let slot = call.slot;
    let _permit = slot.in_flight.acquire().await.map_err(|_| Status::unavailable("the process is stopping"))?;
    slot.budget.earn();
    if acts(call.site, &call.hop.policy) {
        return Box::pin(limited(call, limits, body)).await;
    }
    tries(&call, limits, None, body).await
}

/// The same within the bounds that a fault sets, if it does.
async fn limited(mut call: Call<'_>, limits: &Limits, body: Bytes) -> Result<BufferedResponse, Status> {
    let path = call.head.uri.path();
    let bounds = faulted::limits(call.site, &mut call.hop, path, &body).await;
    let tried = tokio::time::timeout_at(call.hop.deadline.into(), tries(&call, limits, bounds.as_ref(), body)).await;
    tried.unwrap_or_else(|_| Err(late(&call.hop.policy.name(path))))
}

async fn tries(
    call: &Call<'_>,
    limits: &Limits,
    bounds: Option<&Limited>,
    body: Bytes,
) -> Result<BufferedResponse, Status> {
    let slot = call.slot;
    let max_attempts = call.hop.policy.attempts.unwrap_or(limits.max_attempts);
    let max_attempts = bounds.and_then(|b| b.attempts).unwrap_or(max_attempts);
    let has_budget = || bounds.is_some_and(|b| b.is_budget_off) || slot.budget.spend();
    let mut backoff = Backoff::new(limits.first_backoff, limits.max_deadline).with_tries(max_attempts);
    let mut unsent = 0;
    loop {
        // Neither of these gets better by waiting a little: they are answered at once, and cost no retry.
        let target = slot.target()?;
        if !slot.breaker.admits(Instant::now()) {
            return Err(Problem::unavailable(&format!("{} failed too often lately", slot.name()))
                .with_reason("CIRCUIT_OPEN")
                .into());
        }
        let outcome = attempt_once(call, target, body.clone()).await;
        match outcome.as_ref().err().and_then(NotSent::of) {
            Some(NotSent::Nobody) => return outcome,
            // It costs no one anything, so it needs neither a pause nor the budget.
            Some(NotSent::Unsent) if unsent < MAX_UNSENT => {
                unsent += 1;
                continue;
            }
            Some(NotSent::Unsent) | None => {}
        }
        let code = outcome.as_ref().map_or_else(Status::code, |a| a.status.code());
        let may_be_repeated = call.hop.policy.repeatable || outcome.as_ref().is_ok_and(|a| a.unhandled);
        let again = code == Code::Unavailable && backoff.has_try_left() && may_be_repeated && has_budget();
        if !again {
            return outcome;
        }
        tracing::debug!(method = call.head.uri.path(), "the call is repeated");
        tokio::time::sleep(backoff.full_jitter()).await;
    }
}

async fn attempt_once(call: &Call<'_>, target: Transport, body: Bytes) -> Result<BufferedResponse, Status> {
    let (slot, head, deadline) = (call.slot, call.head, call.hop.deadline);
    let mut reporter = OutcomeReporter { slot, deadline, failed: None };
    let outcome = if acts(call.site, &call.hop.policy) {
        Box::pin(faulted::attempt(call.site, slot, target, &call.hop, head, body)).await
    } else {
        BufferedResponse::of_hop(target, call.hop.clone(), outgoing(head, body)).await
    };
    reporter.failed = match &outcome {
        Ok(answer) => Some(is_fault(answer.status.code())),
        // The balancer knows better whom to leave alone.
        Err(status) if NotSent::of(status).is_some() => None,
        Err(status) => Some(is_fault(status.code())),
    };
    outcome
}

/// A request as it goes out.
pub(crate) fn outgoing(head: &http::request::Parts, body: Bytes) -> Request<Body> {
    let mut request = Request::new(Body::new(Full::new(body).map_err(|never| match never {})));
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = head.uri.clone();
    *request.version_mut() = http::Version::HTTP_2;
    *request.headers_mut() = head.headers.clone();
    request
}

/// Tells the breaker how a call ended. It must hear of one that is dropped at its deadline, too; one that is dropped before,
/// because its caller went away, says nothing about the service.
struct OutcomeReporter<'a> {
    slot: &'a Slot,
    deadline: Instant,
    failed: Option<bool>,
}

impl Drop for OutcomeReporter<'_> {
    fn drop(&mut self) {
        let now = Instant::now();
        match self.failed {
            Some(failed) => self.slot.breaker.note(now, failed),
            None if now >= self.deadline => self.slot.breaker.note(now, true),
            None => self.slot.breaker.take_back(),
        }
    }
}

/// What a service is served with.
pub(crate) struct Server {
    pub(crate) handlers: Handlers,
    pub(crate) service: Service,
    /// Calls that may be answered at a time.
    pub(crate) gate: Semaphore,
    pub(crate) limits: Limits,
    pub(crate) identity: Identity,
    pub(crate) site: Site,
}

/// Runs the handler of a call, or what a fault makes of it.
async fn handled_by(server: &Server, policy: Policy, request: Request<Body>) -> Result<BufferedResponse, Status> {
    if acts(&server.site, &policy) {
        return Box::pin(faulted::handle(&server.site, policy, &server.handlers, request)).await;
    }
    BufferedResponse::of(server.handlers.call(request)).await
}

/// The server's side. See the module's documentation.
pub(crate) async fn server(server: Arc<Server>, mut request: Request<Body>) -> Result<Response<Body>, Status> {
    let Server { service, gate, limits, identity, .. } = &*server;
    let now = Instant::now();
    let hop = request.extensions_mut().remove::<Hop>();
    let policy = hop.as_ref().map_or_else(|| Policy::of(request.uri().path()), |hop| hop.policy);
    let method = policy.name(request.uri().path());
    // Callers can make up paths without end, and each would be another series.
    let span_name = if policy.method.is_some() { method.clone() } else { OTHER.into() };
    let mut span = if policy.observed {
        let span = match &hop {
            Some(hop) => service.server_span_below(span_name.clone(), &hop.context),
            None => served_from_outside(service, span_name.clone(), request.headers()),
        };
        span.attr(RPC_SYSTEM_NAME, "grpc").attr(RPC_METHOD, span_name.clone())
    } else {
        Span::silent(service.root_context(Context::default()))
    };
    let deadline = match &hop {
        Some(hop) => hop.deadline.min(now + limits.max_deadline),
        None => policy.deadline(limits, now, None, parse_timeout(request.headers())),
    };
    let context = span.context().with_deadline(Some(deadline));
    let is_local = hop.is_some();

    let handled = async {
        identity::admit(identity, policy.method, hop.as_ref().map(|hop| hop.caller.clone()), &mut request)?;
        let Ok(_permit) = gate.try_acquire() else {
            let full = Problem::unavailable(&format!("{} has too many calls at once", service.name()));
            let mut refused = Status::from(full);
            refused.metadata_mut().insert(UNHANDLED, MetadataValue::from_static("1"));
            return Err(refused);
        };
        let answered = handle(&server, policy, request, &method, is_local);
        let answered = tokio::time::timeout_at(deadline.into(), answered);
        answered.await.unwrap_or_else(|_| Err(late(&method)))
    };
    let outcome = context.clone().scope(handled).await;
    let status = match &outcome {
        Ok(answer) => &answer.status,
        Err(status) => status,
    };
    let code = status.code();
    span.set(RPC_RESPONSE_STATUS_CODE, code_name(code));
    if is_fault(code) {
        span.set(ERROR_TYPE, code_name(code));
        span.error(status.message());
    }
    if policy.observed {
        context.sync_scope(|| service.record_rpc(&span_name, code_name(code), is_fault(code), now.elapsed()));
    }
    let answer = match outcome {
        // Whatever a handler says: it saw the call.
        Ok(mut answer) => {
            answer.unhandled = false;
            answer
        }
        Err(status) => BufferedResponse::from(status),
    };
    Ok(match hop {
        Some(hop) => hop.give_back(answer),
        None => answer.sent(),
    })
}

/// Lets a service do what it is called for. What another process is answered is on disk before; in this process the call that came
/// from outside, or the customer's request, waits for it.
async fn handle(
    server: &Server,
    policy: Policy,
    request: Request<Body>,
    method: &str,
    is_local: bool,
) -> Result<BufferedResponse, Status> {
    let called = AssertUnwindSafe(handled_by(server, policy, request)).catch_unwind();
    let answered = match is_local {
        true => called.await,
        false => durability::settled(called).boxed().await?,
    };
    answered.unwrap_or_else(|panic| {
        tracing::error!(method, panic = vitrine_kit::panic::text(&*panic), "a handler panicked");
        Err(Problem::internal().into())
    })
}

fn served_from_outside(service: &Service, method: Cow<'static, str>, headers: &HeaderMap) -> Span {
    let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    service.server_span(method, header("traceparent"), header("baggage"))
}
