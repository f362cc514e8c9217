//! What faults do to calls: the caller's leg, which is the network between two services, and the callee's, which is the service itself.
//!
//! Nothing here runs unless a site is armed. What callers see are the statuses of real failures, to the letter, so that no text tells the cause.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, request};
use http_body_util::{BodyExt, Full};
use tokio::sync::OwnedSemaphorePermit;
use tonic::body::Body;
use tonic::metadata::MetadataValue;
use tonic::{Code, Status};
use vitrine_contracts::Problem;
use vitrine_platform_faults::effect::LimitsEffect;
use vitrine_platform_faults::{Call, Effect, Leg, Ruling, Site, When, said, unframed, within};
use vitrine_platform_telemetry::Context;

use crate::fence::outgoing;
use crate::handlers::Handlers;
use crate::hop::{BufferedResponse, Hop, whole};
use crate::policy::Policy;
use crate::wire::UNHANDLED;
use crate::{Slot, Transport};

/// What a method's policy lets a site do: nothing to one that must never be hit, or that no contract has.
pub(crate) fn acts(site: &Site, policy: &Policy) -> bool {
    site.is_armed() && policy.method.is_some_and(|method| method.may_be_faulted)
}

/// A call as its site sees it.
fn seen<'a>(context: &'a Context, path: &'a str, body: &'a Bytes) -> Call<'a> {
    Call { path, message: unframed(body).unwrap_or_default(), ..Call::within(context) }
}

/// Other bounds for a call.
pub(crate) struct Limited {
    pub(crate) attempts: Option<u32>,
    pub(crate) is_budget_off: bool,
    _permit: Option<OwnedSemaphorePermit>,
}

/// Waits until a call may be made, if there are fewer at a time than usual, and returns its bounds. A sooner deadline becomes the hop's.
pub(crate) async fn limits(site: &Site, hop: &mut Hop, path: &str, body: &Bytes) -> Option<Limited> {
    let found = site.limits(&seen(&hop.context, path, body));
    let (LimitsEffect { deadline_ms, attempts, budget_off, .. }, gate) = found?;
    if let Some(ms) = deadline_ms {
        hop.deadline = hop.deadline.min(Instant::now() + Duration::from_millis(ms.into()));
    }
    let permit = match gate {
        // Closed when the fault ends: then all may go on.
        Some(gate) => gate.acquire_owned().await.ok(),
        None => None,
    };
    Some(Limited { attempts, is_budget_off: budget_off, _permit: permit })
}

/// The network between two services, at one attempt.
pub(crate) async fn attempt(
    site: &Site,
    slot: &Slot,
    target: Transport,
    hop: &Hop,
    head: &request::Parts,
    body: Bytes,
) -> Result<BufferedResponse, Status> {
    let ruling = site.decide(&seen(&hop.context, head.uri.path(), &body));
    let Some(ruling) = ruling else { return BufferedResponse::of_hop(target, hop.clone(), outgoing(head, body)).await };
    let callee = &*site.name().service;
    ruling.wait().await;
    match ruling.ending() {
        Some(Effect::Refuse) => return Err(slot.refusal()),
        Some(Effect::Reset { when: When::Before }) => return Err(broken(callee)),
        _ => {}
    }
    if ruling.loses(Leg::Request) {
        // When the fault ends, what was lost is sent again, as TCP does.
        ruling.wait_for_the_end().await;
    }
    let copies = ruling.effects().find_map(|e| if let Effect::Duplicate { copies } = e { Some(*copies) } else { None });
    let copies = (0..copies.unwrap_or(0)).map(|_| {
        let copy = Hop::new(hop.caller.clone(), hop.policy, hop.context.clone(), hop.deadline);
        BufferedResponse::of_hop(target.clone(), copy, outgoing(head, body.clone()))
    });
    let copies: Vec<_> = copies.collect();
    let original = BufferedResponse::of_hop(target, hop.clone(), outgoing(head, body));
    let (answer, _) = tokio::join!(original, futures::future::join_all(copies));
    if let Ok(answer) = &answer {
        ruling.wait_for_bytes(answer.body().len()).await;
    }
    if ruling.loses(Leg::Answer) {
        ruling.wait_for_the_end().await;
    }
    if let Some(Effect::Reset { when: When::After }) = ruling.ending() {
        return Err(broken(callee));
    }
    answer
}

/// The service itself, once the call is let in.
pub(crate) async fn handle(
    site: &Site,
    policy: Policy,
    handlers: &Handlers,
    request: Request<Body>,
) -> Result<BufferedResponse, Status> {
    let (head, body) = request.into_parts();
    let body = whole(body).await?.0;
    let path = policy.method.map_or("", |method| method.path);
    let ruling = site.decide(&seen(&Context::current(), path, &body));
    let request = Request::from_parts(head, Body::new(Full::new(body.clone()).map_err(|never| match never {})));
    let work = within::run(path, BufferedResponse::of(handlers.call(request)));
    let Some(ruling) = ruling else { return work.await };
    ruling.wait().await;
    if let Some(status) = failure(&ruling, When::Before, site, &policy, path) {
        return Err(status);
    }
    let message = unframed(&body).unwrap_or_default();
    let earlier = ruling.earlier(path, message);
    let is_new = earlier.is_none();
    let mut answer = match earlier {
        // Nobody looks: that is why it is old, and there at once.
        Some(earlier) => BufferedResponse::of_body(earlier.into()),
        None => work.await?,
    };
    if let Some(status) = failure(&ruling, When::After, site, &policy, path) {
        return Err(status);
    }
    if answer.status.code() == Code::Ok {
        if is_new {
            ruling.remember(path, message, answer.body());
        }
        let changed = ruling.answer(path, answer.body());
        if let Some(changed) = changed {
            answer.replace_body(changed.into());
        }
    }
    Ok(answer)
}

/// What a service that fails says, if it is to fail before its work, or after it.
fn failure(ruling: &Ruling, now: When, site: &Site, policy: &Policy, path: &str) -> Option<Status> {
    match ruling.ending()? {
        Effect::Error { code, reason, when } if *when == now => {
            Some(failed(code, reason.as_deref(), &policy.name(path)))
        }
        Effect::Reset { when } if *when == now => Some(broken(&site.name().service)),
        Effect::Unready if now == When::Before => Some(unready()),
        _ => None,
    }
}

/// The connection broke, as [`crate::balance`] says it.
fn broken(callee: &str) -> Status {
    Problem::unavailable(&format!("{callee} cannot be reached")).into()
}

/// The process answers and does not serve; no handler saw the call.
fn unready() -> Status {
    let mut status = Status::from(Problem::unavailable("the process is stopping"));
    status.metadata_mut().insert(UNHANDLED, MetadataValue::from_static("1"));
    status
}

/// The status of a service that fails with a code, given by its name, when `method` was called.
pub fn failed(code: &str, reason: Option<&str>, method: &str) -> Status {
    // The Fence says this one itself.
    if code == "DEADLINE_EXCEEDED" { crate::fence::late(method) } else { said(code, reason).into() }
}
