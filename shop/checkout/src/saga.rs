//! Drives sagas through their journal, and takes over those that no process drives.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use tokio_util::task::TaskTracker;
use tonic::{Request, Status};
use vitrine_contracts::carts::v1::{Cart, ReleaseCartRequest};
use vitrine_contracts::orders::v1::{GetAnyOrderRequest, Order, OrderState};
use vitrine_contracts::payments::v1::PaymentMethod;
use vitrine_contracts::{Code, Problem};
use vitrine_flags_client::Handle;
use vitrine_platform_durability as durability;
use vitrine_platform_host::Failure;
use vitrine_platform_telemetry::Context;
use vitrine_platform_workflow::{Definitions, Driver, Error, Outcome, Phase, Stop, Unreadable, Workflow};

use crate::journal::{Journal, Saga, SagaDoc, of_another_version};
use crate::started::StartedSagas;
use crate::telemetry::Metrics;
use crate::work::{Steps, Work};
use crate::{Deps, buy};

/// How long one step may take.
const STEP: Duration = Duration::from_secs(5);
/// A saga that no process touched for so long is taken over. Longer than any step with all its tries.
const ABANDONED_MS: i64 = 45_000;
/// Most purchases and reversals at a time.
const MAX_FLIGHTS: usize = 4096;
/// Most sagas of other versions that are remembered as logged; of more nothing is logged.
const MAX_REPORTED: usize = 1024;

/// A call of a step, with its bound.
pub(crate) fn step<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(STEP);
    request
}

/// Whose unfinished sagas are taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// At the start: no saga has anybody.
    Everyone,
    /// Those that no process has touched for long.
    Abandoned,
}

type Flight = Shared<BoxFuture<'static, Result<Order, Status>>>;

/// All sagas of this process. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Sagas(Arc<SagasInner>);

struct SagasInner {
    journal: Journal,
    definitions: Definitions,
    driver: Driver,
    deps: Deps,
    flags: Handle,
    metrics: Metrics,
    flights: Mutex<HashMap<String, Flight>>,
    started: StartedSagas,
    /// Those of other versions that were logged.
    reported: Mutex<HashSet<String>>,
    tracker: TaskTracker,
}

/// A saga that is driven, by its id and its order: until the driver ends, however it does.
struct Driven(Sagas, String, String);

impl Drop for Driven {
    fn drop(&mut self) {
        let Self(Sagas(inner), id, order_id) = self;
        inner.started.left(id, order_id, Instant::now());
    }
}

impl Sagas {
    pub(crate) fn new(
        journal: Journal,
        definitions: Definitions,
        driver: Driver,
        deps: Deps,
        metrics: Metrics,
        flags: Handle,
    ) -> Self {
        let (flights, started, reported) = (Mutex::default(), StartedSagas::default(), Mutex::default());
        let tracker = TaskTracker::new();
        Self(Arc::new(SagasInner {
            journal,
            definitions,
            driver,
            deps,
            flags,
            metrics,
            flights,
            started,
            reported,
            tracker,
        }))
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.0.journal
    }

    pub(crate) fn flags(&self) -> &Handle {
        &self.0.flags
    }

    pub(crate) fn deps(&self) -> &Deps {
        &self.0.deps
    }

    /// Does some work in a task of its own, which goes on when the caller goes away. Callers with the same key while it is
    /// under way share it.
    pub(crate) async fn single_flight<F>(&self, key: String, work: F) -> Result<Order, Status>
    where
        F: Future<Output = Result<Order, Failure>> + Send + 'static,
    {
        let flight = {
            let mut flights = self.0.flights.lock();
            match flights.get(&key) {
                Some(flight) => flight.clone(),
                None if flights.len() >= MAX_FLIGHTS => {
                    return Err(Problem::unavailable("too many purchases at once").into());
                }
                None => {
                    let (this, landed) = (self.clone(), key.clone());
                    // The caller's time is up sooner than the saga's: its deadline does not go along.
                    let context = Context::current().with_deadline(None);
                    let task = self.0.tracker.spawn(context.scope(async move {
                        // All who wait for this flight get its answer, so the flight itself waits for the disk.
                        let settled = durability::settled(work).await.map_err(Status::from);
                        let result = settled.and_then(|result| result.map_err(Status::from));
                        this.0.flights.lock().remove(&landed);
                        result
                    }));
                    let flight =
                        task.map(|joined| joined.unwrap_or_else(|_| Err(Problem::internal().into()))).boxed().shared();
                    flights.insert(key, flight.clone());
                    flight
                }
            }
        };
        flight.await
    }

    /// Begins a saga, instead of the one of this version if there is one under its id. Returns none if another caller
    /// did meanwhile.
    pub(crate) async fn begin(
        &self,
        id: String,
        fingerprint: String,
        work: Work,
        instead_of: Option<u64>,
    ) -> Result<Option<(Saga, Workflow)>, Failure> {
        let definition = self.0.definitions.get(work.definition()).ok_or_else(Problem::internal)?;
        let workflow = Workflow::begin(definition.clone());
        let doc = SagaDoc::new(id, fingerprint, work, workflow.record(), self.journal().clock.now_ms());
        Ok(self.journal().open(doc, instead_of).await?.map(|saga| (saga, workflow)))
    }

    /// Drives a saga to its end and returns the order, or why it was compensated.
    pub(crate) async fn drive(
        &self,
        mut saga: Saga,
        mut workflow: Workflow,
        method: Option<PaymentMethod>,
    ) -> Result<Order, Failure> {
        let Some(driven) = self.claim(&saga.doc) else { return Err(in_progress().into()) };
        let steps = Steps::new(&saga.doc.work, self.deps(), method)?;
        let (kind, order_id) = (saga.doc.work.kind(), saga.doc.work.order_id().to_owned());
        match self.0.driver.drive(&mut workflow, &mut saga, &steps).await.map_err(failure_of)? {
            Stop::Ended { cause } if workflow.phase() == Phase::Undone => {
                if let Some(status) = &cause {
                    tracing::info!(saga = kind, order_id, reason = status.message(), "a saga was turned back");
                }
                self.0.driver.end(&mut workflow, &mut saga, cause.as_ref()).await.map_err(failure_of)?;
                self.ended(&saga.doc);
                self.outcome(saga.doc).await
            }
            Stop::Ended { .. } => {
                // All is done, and would be found done after a crash: the answer need not wait until the end is written down.
                let (this, doc) = (self.clone(), saga.doc.clone());
                self.0.tracker.spawn(async move {
                    // Nor need anybody wait for the disk.
                    match durability::deferred(this.0.driver.end(&mut workflow, &mut saga, None)).await.0 {
                        Ok(()) => this.ended(&saga.doc),
                        Err(Error::Lost | Error::Stopped) => {}
                        Err(Error::Store(e)) => {
                            tracing::warn!(error = %e, saga = kind, order_id, "a saga's end could not be written down; it is tried again");
                        }
                    }
                    drop(driven);
                });
                match steps.recorded() {
                    Some(order) => Ok(order),
                    None => self.order(doc.work.order_id()).await,
                }
            }
            Stop::Waiting { step, error, refused } => {
                let reason = error.message();
                if refused {
                    tracing::error!(
                        saga = kind,
                        order_id,
                        step,
                        reason,
                        "a step was refused that must not be; it is tried again"
                    );
                } else {
                    tracing::warn!(saga = kind, order_id, step, reason, "a saga waits for a service");
                }
                self.outcome(saga.doc).await
            }
        }
    }

    /// Notes that a saga is driven here, unless it is already.
    fn claim(&self, saga: &SagaDoc) -> Option<Driven> {
        let order_id = saga.work.order_id();
        let is_new = self.0.started.claim(&saga.id, order_id);
        is_new.then(|| Driven(self.clone(), saga.id.clone(), order_id.to_owned()))
    }

    /// Notes that a saga is at its end.
    fn ended(&self, saga: &SagaDoc) {
        self.0.started.ended(&saga.id, saga.work.order_id());
        let took = Duration::from_millis(u64::try_from(saga.updated_at - saga.started_at).unwrap_or(0));
        self.0.metrics.ended(saga.work.kind(), saga.phase() == Phase::Done, took);
    }

    /// What a saga is answered with that no process drives any more, each time it is asked for.
    pub(crate) async fn outcome(&self, saga: SagaDoc) -> Result<Order, Failure> {
        if !saga.phase().is_final() && self.workflow(&saga).is_err() {
            return Err(of_another_version().into());
        }
        match (saga.phase(), saga.refusal) {
            (Phase::Done, _) => self.order(saga.work.order_id()).await,
            (Phase::Undone, Some(refusal)) => Err(Failure::Remote(refusal.into())),
            (Phase::Undone, None) => Err(Problem::internal().into()),
            // An order on record stands, and one that was paid back is: that is told, though something is left to do.
            (Phase::Forward, _) => match self.order(saga.work.order_id()).await {
                Ok(order) if matches!(saga.work, Work::Buy(_)) || order.state() == OrderState::Refunded => Ok(order),
                Ok(_) => Err(in_progress().into()),
                Err(Failure::Remote(status)) if status.code() == Code::NotFound => Err(in_progress().into()),
                unknown => unknown,
            },
            (Phase::Back, _) => Err(in_progress().into()),
        }
    }

    pub(crate) async fn order(&self, order_id: &str) -> Result<Order, Failure> {
        let request = GetAnyOrderRequest { order_id: order_id.to_owned() };
        Ok(self.deps().orders.clone().get_any_order(step(request)).await?.into_inner())
    }

    /// The customer's cart, to be bought. Refused when another purchase is buying it. One whose purchase is over or was never
    /// journalled, after whatever went wrong, is freed: no one else would.
    pub(crate) async fn free_cart(&self, customer_id: &str) -> Result<Cart, Failure> {
        let cart = buy::cart_of(self.deps(), customer_id).await?;
        if cart.purchase_id.is_empty() {
            return Ok(cart);
        }
        if self.journal().is_under_way(&cart.purchase_id).await? {
            return Err(Problem::cart_in_purchase(&cart.purchase_id).into());
        }
        // The purchase may have ended, and freed the cart, since the cart was read.
        let again = buy::cart_of(self.deps(), customer_id).await?;
        if again.purchase_id.is_empty() {
            return Ok(again);
        }
        if again.purchase_id != cart.purchase_id {
            return Err(Problem::cart_in_purchase(&again.purchase_id).into());
        }
        let purchase_id = again.purchase_id;
        tracing::warn!(order_id = purchase_id, "a cart was left taken by a purchase that is over; it is freed");
        let request = ReleaseCartRequest { customer_id: customer_id.to_owned(), purchase_id };
        Ok(self.deps().carts.clone().release_cart(step(request)).await?.into_inner())
    }

    /// Sagas that this process began and could not bring to their end, for a service or the own database was out of reach; those
    /// whose time has come. Their customers' carts are taken until then.
    async fn stuck(&self) -> Result<Vec<Saga>, Failure> {
        let mut stuck = Vec::new();
        for (id, order_id) in self.0.started.due(Instant::now()) {
            let same = |saga: &Saga| !saga.doc.phase().is_final() && saga.doc.work.order_id() == order_id;
            match self.journal().get(&id).await {
                Ok(Some(saga)) if same(&saga) => stuck.push(saga),
                // A replica has ended it, and may have begun other work under this id, perhaps one of another version.
                Ok(_) | Err(Failure::Refused(_)) => self.0.started.ended(&id, &order_id),
                Err(e) => return Err(e),
            }
        }
        Ok(stuck)
    }

    /// Takes over sagas that no process drives, each in a task of its own. Those of other versions are left as they
    /// are.
    pub(crate) async fn recover(&self, owner: Owner) -> Result<(), Failure> {
        let now = self.0.journal.clock.now_ms();
        let untouched_since = if owner == Owner::Everyone { now } else { now - ABANDONED_MS };
        for saga in self.stuck().await? {
            self.take_over(saga).await?;
        }
        let mut cursor = None;
        loop {
            let (page, next) = self.journal().unfinished(untouched_since, cursor.as_deref()).await?;
            for found in page {
                match found {
                    Ok(saga) if self.0.started.contains(&saga.doc.id) => {}
                    Ok(saga) => self.take_over(saga).await?,
                    Err(unreadable) => self.report_unreadable(&unreadable.id, &unreadable.why),
                }
            }
            match next {
                Some(next) => cursor = Some(next),
                None => return Ok(()),
            }
        }
    }

    async fn take_over(&self, mut saga: Saga) -> Result<(), Failure> {
        let mut workflow = match self.workflow(&saga.doc) {
            Ok(workflow) => workflow,
            Err(unreadable) => {
                self.report_unreadable(&saga.doc.id, &unreadable.to_string());
                return Ok(());
            }
        };
        let (kind, order_id) = (saga.doc.work.kind(), saga.doc.work.order_id());
        if self.0.started.is_driven(&saga.doc.id, order_id) {
            return Ok(());
        }
        tracing::info!(saga = kind, order_id, phase = ?saga.doc.phase(), steps = ?saga.doc.record.steps, "a saga is taken over");
        self.0.metrics.recovered(kind);
        let interrupted = Problem::unavailable("the purchase was interrupted and undone; ask again").into();
        match self.0.driver.take_over(&mut workflow, &mut saga, &interrupted).await {
            Ok(()) => {}
            Err(Error::Lost | Error::Stopped) => return Ok(()),
            Err(e) => return Err(failure_of(e)),
        }
        let this = self.clone();
        self.0.tracker.spawn(Context::current().scope(async move {
            if let Err(Failure::Store(error)) = this.drive(saga, workflow, None).await {
                tracing::warn!(error = %error, "a saga could not be taken over; it is tried again");
            }
        }));
        Ok(())
    }

    /// The workflow of a journalled saga.
    fn workflow(&self, saga: &SagaDoc) -> Result<Workflow, Unreadable> {
        Workflow::read(&self.0.definitions, &saga.record)
    }

    /// Logs once that a saga is left as it is.
    fn report_unreadable(&self, id: &str, why: &str) {
        let mut reported = self.0.reported.lock();
        if reported.len() < MAX_REPORTED && reported.insert(id.to_owned()) {
            tracing::error!(saga = id, why, "a saga cannot be read and is left as it is");
        }
    }

    /// Looks after sagas that were left alone, and forgets old ones.
    pub(crate) async fn sweep(&self, remember_ms: i64) -> Result<(), Failure> {
        self.recover(Owner::Abandoned).await?;
        self.0.journal.prune(self.0.journal.clock.now_ms() - remember_ms).await
    }

    /// Waits for the sagas that are under way.
    pub(crate) async fn drain(&self) {
        self.0.tracker.close();
        self.0.tracker.wait().await;
    }
}

/// What a failed step means. An answer that names a reason in the request or in the state of things is final; all else is not known.
/// Who was not let in knows nothing of what came before.
pub(crate) fn outcome_of(status: &Status) -> Outcome {
    match status.code() {
        Code::ResourceExhausted if Problem::from_status(status).reason == "OUT_OF_STOCK" => Outcome::Refused,
        Code::InvalidArgument | Code::NotFound | Code::AlreadyExists | Code::FailedPrecondition | Code::OutOfRange => {
            Outcome::Refused
        }
        _ => Outcome::Unknown,
    }
}

/// The answer while someone else, or no one at the moment, drives the saga.
pub(crate) fn in_progress() -> Problem {
    Problem::unavailable("this is still being worked on: ask again with the same key").with_reason("IN_PROGRESS")
}

fn failure_of(error: Error) -> Failure {
    match error {
        Error::Store(e) => Failure::Store(e),
        Error::Lost | Error::Stopped => in_progress().into(),
    }
}
