//! Asking the engine: for whom, how many at a time, and for how long.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, header};
use tokio::sync::{Semaphore, watch};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use vitrine_observe_store::model::TraceId;
use vitrine_observe_store::{
    Access, Denied, Logs, MAX_SEARCH_SPANS, MAX_TRACE_SPANS, Reports, Right, SCOPE_HEADER, Services, Spans, Tenant,
    Trace, TraceQuery, Traces,
};

use crate::Options;
use crate::error::Error;

/// What a header that is not ASCII is read as: no token and no tenant can be this.
const UNREADABLE: &str = "\u{fffd}";

/// What the protocols ask of whatever keeps telemetry.
pub trait Telemetry: Traces + Spans + Services + Logs + Reports {}

impl<T: Traces + Spans + Services + Logs + Reports> Telemetry for T {}

/// The engine as the protocols ask it; clones share the bounds, whatever router they serve.
#[derive(Clone)]
pub struct Queries(Arc<QueriesInner>);

struct QueriesInner {
    engine: Arc<dyn Telemetry>,
    options: Options,
    turns: Turns,
    /// Whether streams that have no end of their own are to end.
    ending: watch::Sender<bool>,
}

/// Who may ask, how many at a time, and how long they wait.
#[derive(Debug)]
pub(crate) struct Turns {
    access: Access,
    /// Room for the queries that are being answered, and for those that wait.
    room: Arc<Semaphore>,
    /// One permit for each query that is being answered.
    turns: Arc<Semaphore>,
    max_waiting: usize,
    time_limit: Duration,
}

impl Turns {
    /// So many queries at a time, so many that wait, each for so long.
    pub(crate) fn new(access: Access, max_queries: usize, max_waiting: usize, time_limit: Duration) -> Self {
        let turns = max_queries.clamp(1, Semaphore::MAX_PERMITS);
        let room = max_waiting.saturating_add(turns).min(Semaphore::MAX_PERMITS);
        let (room, turns) = (Arc::new(Semaphore::new(room)), Arc::new(Semaphore::new(turns)));
        Self { access, room, turns, max_waiting, time_limit }
    }

    /// Who may ask.
    pub(crate) fn access(&self) -> &Access {
        &self.access
    }

    /// Runs a query off the async threads. One whose asker has gone keeps its turn until the engine has answered, which
    /// bounds the time as well: the bound on turns is on memory.
    pub(crate) async fn run<T: Send + 'static, E: From<Error> + Send + 'static>(
        &self,
        right: Right,
        headers: &HeaderMap,
        work: impl FnOnce(Tenant) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let tenant = tenant_of(&self.access, right, headers).map_err(Error::from)?;
        let busy = |_| Error::Busy { waiting: self.max_waiting };
        let room = self.room.clone().try_acquire_owned().map_err(busy)?;
        let answer = async {
            let turn = self.turns.clone().acquire_owned().await.map_err(|_| Error::Stopped)?;
            let work = move || {
                let _held = (room, turn);
                work(tenant)
            };
            spawn_blocking(work).await.map_err(|_| Error::Stopped)?
        };
        let too_slow = |_| Error::TooSlow { seconds: self.time_limit.as_secs() };
        timeout(self.time_limit, answer).await.map_err(too_slow)?
    }
}

impl Queries {
    /// Queries to this engine within these bounds, of those who may read.
    pub fn new(engine: Arc<dyn Telemetry>, access: Access, options: Options) -> Self {
        let turns = Turns::new(access, options.max_queries, options.max_waiting, options.time_limit);
        Self(Arc::new(QueriesInner { engine, options, turns, ending: watch::Sender::new(false) }))
    }

    /// Ends streams that have no end of their own, and those that are begun later.
    pub fn end_streams(&self) {
        self.0.ending.send_replace(true);
    }

    /// Whether such streams are to end.
    pub(crate) fn ending(&self) -> watch::Receiver<bool> {
        self.0.ending.subscribe()
    }

    pub(crate) fn options(&self) -> &Options {
        &self.0.options
    }

    /// Runs a query for who may read.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        headers: &HeaderMap,
        work: impl FnOnce(&Reader) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.ask_for(Right::Read, headers, work).await
    }

    /// The same for who has another right.
    pub(crate) async fn ask_for<T: Send + 'static>(
        &self,
        right: Right,
        headers: &HeaderMap,
        work: impl FnOnce(&Reader) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let engine = self.0.engine.clone();
        self.0.turns.run(right, headers, move |tenant| work(&Reader { engine, tenant })).await
    }
}

/// Ends work when it is dropped, which is when nobody waits for the answer any more.
pub(crate) struct Canceling<F: Fn()>(pub(crate) F);

impl<F: Fn()> Drop for Canceling<F> {
    fn drop(&mut self) {
        self.0();
    }
}

/// Whose telemetry a request is about whose sender needs this right.
pub(crate) fn tenant_of(access: &Access, right: Right, headers: &HeaderMap) -> Result<Tenant, Denied> {
    let header = |name| headers.get(name).map(|value| value.to_str().unwrap_or(UNREADABLE));
    access.check(header(header::AUTHORIZATION.as_str()), header(SCOPE_HEADER), right)
}

/// What a query may see: one tenant's telemetry.
pub(crate) struct Reader {
    pub(crate) engine: Arc<dyn Telemetry>,
    pub(crate) tenant: Tenant,
}

impl Reader {
    pub(crate) fn services(&self) -> Result<Vec<String>, Error> {
        Ok(self.engine.services(&self.tenant)?)
    }

    /// The names of a service's operations, each once, in order.
    pub(crate) fn operation_names(&self, service: &str) -> Result<Vec<String>, Error> {
        let operations = self.engine.operations(&self.tenant, service)?;
        let mut names: Vec<String> = operations.into_iter().map(|operation| operation.name).collect();
        names.dedup();
        Ok(names)
    }

    pub(crate) fn trace(&self, id: TraceId) -> Result<Trace, Error> {
        self.engine.trace(&self.tenant, id, MAX_TRACE_SPANS)?.ok_or(Error::TraceNotFound(id))
    }

    /// The traces of these ids, and the ids of which there is none; as many spans together as a search may return.
    pub(crate) fn traces(&self, ids: &[TraceId]) -> Result<(Vec<Trace>, Vec<TraceId>), Error> {
        let (mut found, mut absent) = (Vec::new(), Vec::new());
        let mut room = MAX_SEARCH_SPANS;
        for id in ids {
            if room == 0 {
                let many = format!("these traces have more than {MAX_SEARCH_SPANS} spans: ask for fewer at a time");
                return Err(Error::Question(many));
            }
            match self.engine.trace(&self.tenant, *id, room.min(MAX_TRACE_SPANS))? {
                Some(trace) => {
                    room = room.saturating_sub(trace.spans.len());
                    found.push(trace);
                }
                None => absent.push(*id),
            }
        }
        Ok((found, absent))
    }

    pub(crate) fn search(&self, query: &TraceQuery) -> Result<Vec<Trace>, Error> {
        Ok(self.engine.search(&self.tenant, query)?)
    }
}
