//! One customer's visit: its requests, and how each of them counts.

use std::sync::Arc;

use http::{HeaderName, Method};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::Instant;

use crate::LoadInner;
use crate::arrivals::Journey;
use crate::http::{Call, Failed, Response};
use crate::stats::Ending;
use crate::traces;

const BAGGAGE: HeaderName = HeaderName::from_static("baggage");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// The problem code of the declining card.
const DECLINED: &str = "CARD_DECLINED";
/// Problem codes that customers bring about.
const REFUSALS: &[&str] = &[
    "OUT_OF_STOCK",
    "CART_IN_PURCHASE",
    "PRODUCT_GONE",
    "EVENT_OVER",
    "ORDER_STATE",
    "ALREADY_DISPATCHED",
    "NOTHING_SHIPPED",
    "RATE_LIMITED",
    "PRODUCT_NOT_FOUND",
];
const UNAUTHORIZED: u16 = 401;
const TOO_MANY_REQUESTS: u16 = 429;
const UNAVAILABLE: u16 = 503;

/// Why a journey ended early: it was noted already.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopped {
    pub(crate) ending: Ending,
    /// Of the answer, if there was one.
    status: Option<u16>,
    late: bool,
}

impl Stopped {
    /// Without a request that is to blame.
    pub(crate) fn by(ending: Ending) -> Self {
        Self { ending, status: None, late: false }
    }

    /// Whether no one knows if it was done: the same may be asked for again.
    pub(crate) fn is_open(self) -> bool {
        self.late || self.status == Some(UNAVAILABLE)
    }

    /// Whether the shop does not accept the token.
    pub(crate) fn is_unauthorized(self) -> bool {
        self.status == Some(UNAUTHORIZED)
    }

    /// Whether the shop does not accept what it was given, and will not the next time.
    pub(crate) fn is_final(self) -> bool {
        self.status.is_some_and(|s| (400..500).contains(&s) && s != TOO_MANY_REQUESTS)
    }
}

pub(crate) type Step<T> = Result<T, Stopped>;

/// One customer's visit.
pub(crate) struct Visit {
    pub(crate) inner: Arc<LoadInner>,
    pub(crate) rng: StdRng,
    journey: Journey,
    intended: Instant,
    /// From when the next request counts: the journey's intended beginning, then the end of the request before.
    since: Instant,
    session: String,
    /// Who comes, and how many requests they have made.
    seed: u64,
    requests: u64,
    /// What is asked for at the moment.
    asking: Option<&'static str>,
    ended: bool,
}

impl Visit {
    pub(crate) fn new(inner: Arc<LoadInner>, journey: Journey, intended: Instant, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let session = format!("session.id={:016x},synthetic_request=true", rng.random::<u64>());
        inner.stats.started();
        let (since, requests, asking, ended) = (intended, 0, None, false);
        Self { inner, rng, journey, intended, since, session, seed, requests, asking, ended }
    }

    /// Makes the journey and notes how it went.
    pub(crate) async fn make(mut self) {
        let made = self.travel(self.journey).await;
        let ending = made.map_or_else(|stopped| stopped.ending, |()| Ending::Good);
        self.inner.stats.journey(self.journey.name(), self.intended.elapsed(), ending);
        self.ended = true;
    }

    pub(crate) async fn get(&mut self, action: &'static str, path: &str) -> Step<Response> {
        self.send(action, Call::new(Method::GET, path)).await
    }

    /// Sends a request and notes how it went; returns only good responses.
    pub(crate) async fn send(&mut self, action: &'static str, call: Call) -> Step<Response> {
        self.ask(action, call, false).await
    }

    /// The same for a purchase, which a declining card must not make.
    pub(crate) async fn ask(&mut self, action: &'static str, call: Call, declining: bool) -> Step<Response> {
        self.asking = Some(action);
        let mut call = call.header(BAGGAGE, &self.session);
        self.requests += 1;
        if let Some(run) = self.inner.run {
            call = call.header(TRACEPARENT, &traces::traceparent(run, self.seed, self.requests));
        }
        let sent = self.inner.client.send(call).await;
        let latency = self.since.elapsed();
        self.since = Instant::now();
        self.asking = None;
        let result = match sent {
            Ok(answer) if answer.is_good() && declining => {
                Err(self.bad(action, Some(answer.status), "accepted", "the declining card was accepted"))
            }
            Ok(answer) if answer.is_good() => Ok(answer),
            Ok(answer) => Err(self.refused(action, &answer, declining)),
            Err(failed) => {
                let stopped = self.bad(action, None, kind_of(&failed), &failed.to_string());
                Err(Stopped { late: matches!(failed, Failed::Late(_)), ..stopped })
            }
        };
        let ending = result.as_ref().map_or_else(|stopped| stopped.ending, |_| Ending::Good);
        self.inner.stats.request(action, latency, ending);
        result
    }

    fn refused(&self, action: &str, answer: &Response, declining: bool) -> Stopped {
        let (code, status) = (answer.code(), answer.status);
        let expected = REFUSALS.contains(&code.as_str()) || (declining && code == DECLINED);
        if expected || status == TOO_MANY_REQUESTS {
            return Stopped { status: Some(status), ..Stopped::by(Ending::Refused) };
        }
        let detail = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
        self.bad(action, Some(status), format!("{status} {code}").trim_end(), &detail)
    }

    /// Remembers what went wrong.
    pub(crate) fn bad(&self, action: &str, status: Option<u16>, kind: &str, example: &str) -> Stopped {
        self.inner.stats.example(&format!("{action}: {kind}"), example);
        Stopped { ending: Ending::Bad, status, late: false }
    }
}

impl Drop for Visit {
    /// A visit that is cut counts for as long as it lasted. Left out, it would hide the slowest.
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let stats = &self.inner.stats;
        if let Some(action) = self.asking {
            stats.request(action, self.since.elapsed(), Ending::Bad);
        }
        stats.example(&format!("{}: cut", self.journey.name()), "the journey did not end in time");
        stats.journey(self.journey.name(), self.intended.elapsed(), Ending::Bad);
    }
}

fn kind_of(failed: &Failed) -> &'static str {
    match failed {
        Failed::Unreachable(_) => "unreachable",
        Failed::Late(_) => "late",
        Failed::TooLong => "too long",
        Failed::Malformed(_) => "malformed",
    }
}
