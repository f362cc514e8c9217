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
use vitrine_contracts::checkout::v1::complete_challenge_request::Answer as Given;
use vitrine_contracts::checkout::v1::{CompleteChallengeRequest, PurchaseChallenge};
use vitrine_contracts::orders::v1::{GetAnyOrderRequest, Order, OrderState};
use vitrine_contracts::payments::v1::{self as payments, ChallengeState, PaymentMethod, complete_challenge_request};
use vitrine_contracts::{Code, Problem};
use vitrine_flags_client::Handle;
use vitrine_platform_durability as durability;
use vitrine_platform_host::Failure;
use vitrine_platform_telemetry::Context;
use vitrine_platform_workflow::{Definitions, Driver, Error, Outcome, Phase, Stop, Unreadable, Workflow};

use crate::journal::{Journal, Saga, SagaDoc, of_another_version};
use crate::started::StartedSagas;
use crate::telemetry::Metrics;
use crate::work::{Reply, Steps, Work};
use crate::{Deps, buy};

/// How long one step may take.
const STEP: Duration = Duration::from_secs(5);
/// A saga that no process touched for so long is taken over. Longer than any step with all its tries.
pub(crate) const ABANDONED_MS: i64 = 45_000;
/// Most purchases and reversals at a time.
const MAX_FLIGHTS: usize = 4096;
/// Most sagas of other versions that are remembered as logged; of more nothing is logged.
const MAX_REPORTED: usize = 1024;

/// The reason of what is not done for a challenge waits.
const CHALLENGE_WAITS: &str = "CHALLENGE_WAITS";

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

type Flight = Shared<BoxFuture<'static, Result<Reply, Status>>>;

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
    pub(crate) async fn single_flight<F>(&self, key: String, work: F) -> Result<Reply, Status>
    where
        F: Future<Output = Result<Reply, Failure>> + Send + 'static,
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

    /// Drives a saga to its end and returns the order, or why it was compensated; one that has to wait for a challenge is left.
    pub(crate) async fn drive(
        &self,
        mut saga: Saga,
        mut workflow: Workflow,
        method: Option<PaymentMethod>,
    ) -> Result<Reply, Failure> {
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
                    Some(order) => Ok(Reply::Order(order)),
                    None => self.order(doc.work.order_id()).await.map(Reply::Order),
                }
            }
            Stop::Pending { .. } => self.wait(saga, steps.challenge()).await,
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

    /// Leaves a purchase until its challenge is over: what becomes of that goes on with it, at the latest when its time is over.
    async fn wait(&self, mut saga: Saga, asked: Option<PurchaseChallenge>) -> Result<Reply, Failure> {
        let asked = asked.ok_or_else(Problem::internal)?;
        let until = asked.challenge.as_ref().map_or(0, |challenge| challenge.expires_at_unix_ms);
        if !self.journal().wait(&mut saga, until).await? {
            return Err(in_progress().into());
        }
        self.0.started.ended(&saga.doc.id, saga.doc.work.order_id());
        tracing::info!(order_id = saga.doc.work.order_id(), "a purchase waits for a challenge");
        Ok(Reply::Challenge(asked))
    }

    /// What is known of a purchase that waits: its challenge, or, once that is over, what the purchase comes to.
    async fn waiting(&self, saga: Saga) -> Result<Reply, Failure> {
        let payment = buy::payment_of(self.deps(), saga.doc.work.order_id()).await?;
        match buy::challenge_of(&payment) {
            Some(asked) if is_waiting(&asked) => Ok(Reply::Challenge(asked)),
            _ => self.go_on(saga).await,
        }
    }

    /// Goes on with a purchase that has waited.
    async fn go_on(&self, mut saga: Saga) -> Result<Reply, Failure> {
        let mut workflow = self.workflow(&saga.doc).map_err(|_| of_another_version())?;
        // It is firm by now: it goes on, or turns back as its challenge says.
        let claimed = self.0.driver.take_over(&mut workflow, &mut saga, &in_progress().into()).await;
        claimed.map_err(failure_of)?;
        self.drive(saga, workflow, None).await
    }

    /// Takes an answer to a challenge; the purchase goes on, or turns back.
    pub(crate) async fn complete(&self, request: CompleteChallengeRequest) -> Result<Reply, Failure> {
        let CompleteChallengeRequest { challenge_id, answer } = request;
        let answer = answer.map(|answer| match answer {
            Given::Code(code) => complete_challenge_request::Answer::Code(code),
            Given::Refuse(refuse) => complete_challenge_request::Answer::Refuse(refuse),
        });
        let request = payments::CompleteChallengeRequest { challenge_id, answer };
        let payment = self.deps().payments.clone().complete_challenge(step(request)).await?.into_inner();
        let asked = buy::challenge_of(&payment).ok_or_else(Problem::internal)?;
        if is_waiting(&asked) {
            return Ok(Reply::Challenge(asked));
        }
        let gone_on = match self.journal().purchase(&payment.reference).await? {
            Some(saga) if saga.doc.waits_until.is_some() => self.go_on(saga).await,
            Some(saga) => self.outcome(saga.doc).await,
            None => return Ok(Reply::Challenge(asked)),
        };
        let is_passed = asked.challenge.as_ref().is_some_and(|challenge| challenge.state() == ChallengeState::Passed);
        // That it was not passed is known, however long turning back takes.
        if is_passed { gone_on } else { Ok(Reply::Challenge(asked)) }
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

    /// What a saga is answered with that was begun before, each time it is asked for.
    pub(crate) async fn reply(&self, saga: Saga) -> Result<Reply, Failure> {
        if saga.doc.waits_until.is_some() { self.waiting(saga).await } else { self.outcome(saga.doc).await }
    }

    /// What a saga comes to that no process drives any more.
    async fn outcome(&self, saga: SagaDoc) -> Result<Reply, Failure> {
        self.ended_with(saga).await.map(Reply::Order)
    }

    async fn ended_with(&self, saga: SagaDoc) -> Result<Order, Failure> {
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

    /// The customer's cart, as it would be bought. Refused when another purchase is buying it, unless that waits for a challenge: whoever
    /// begins another one gives it up.
    pub(crate) async fn cart_to_quote(&self, customer_id: &str) -> Result<Cart, Failure> {
        let cart = buy::cart_of(self.deps(), customer_id).await?;
        if self.journal().waiting(&cart.purchase_id).await?.is_some() {
            Ok(cart)
        } else {
            self.freed(customer_id, cart).await
        }
    }

    /// The same, to be bought now.
    pub(crate) async fn free_cart(&self, customer_id: &str) -> Result<Cart, Failure> {
        let mut cart = buy::cart_of(self.deps(), customer_id).await?;
        if let Some(saga) = self.journal().waiting(&cart.purchase_id).await? {
            self.give_up(saga).await;
            cart = buy::cart_of(self.deps(), customer_id).await?;
        }
        self.freed(customer_id, cart).await
    }

    /// Refuses the challenge that a purchase waits for, so that it turns back; one that is over by now is brought to its end.
    /// Whether that is so, the cart says.
    async fn give_up(&self, saga: Saga) {
        let Ok(Reply::Challenge(asked)) = self.waiting(saga).await else { return };
        let challenge_id = asked.challenge.unwrap_or_default().id;
        let request = CompleteChallengeRequest { challenge_id, answer: Some(Given::Refuse(true)) };
        drop(self.complete(request).await);
    }

    /// A cart that no purchase has. One whose purchase is over or was never journalled, after whatever went wrong, is freed: no one else
    /// would.
    async fn freed(&self, customer_id: &str, cart: Cart) -> Result<Cart, Failure> {
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
        // At the start those that wait are looked at, too: their challenges may be over.
        let untouched_since = if owner == Owner::Everyone { i64::MAX } else { now - ABANDONED_MS };
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
        if saga.doc.waits_until.is_some() {
            self.spawn(|this| async move { this.reply(saga).await });
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
        self.spawn(|this| async move { this.drive(saga, workflow, None).await });
        Ok(())
    }

    /// Goes on with a saga that was left, in a task of its own.
    fn spawn<F>(&self, work: impl FnOnce(Self) -> F)
    where
        F: Future<Output = Result<Reply, Failure>> + Send + 'static,
    {
        let work = work(self.clone());
        self.0.tracker.spawn(Context::current().scope(async move {
            if let Err(Failure::Store(error)) = work.await {
                tracing::warn!(error = %error, "a saga could not be taken over; it is tried again");
            }
        }));
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

/// Said by a step that waits for a challenge.
pub(crate) fn challenge_waits() -> Problem {
    Problem::aborted(CHALLENGE_WAITS, "the bank's challenge has not been answered yet")
}

fn is_waiting(asked: &PurchaseChallenge) -> bool {
    asked.challenge.as_ref().is_some_and(|challenge| challenge.state() == ChallengeState::Waiting)
}

/// What a failed step means. An answer that names a reason in the request or in the state of things is final; all else is not known.
/// Who was not let in knows nothing of what came before.
pub(crate) fn outcome_of(status: &Status) -> Outcome {
    match status.code() {
        Code::ResourceExhausted if Problem::from_status(status).reason == "OUT_OF_STOCK" => Outcome::Refused,
        Code::Aborted if Problem::from_status(status).reason == CHALLENGE_WAITS => Outcome::Pending,
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
