//! Drives sagas through their journal.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use tokio_util::task::TaskTracker;
use tonic::{Request, Status};
use vitrine_contracts::carts::v1::{Cart, ReleaseCartRequest};
use vitrine_contracts::orders::v1::{GetAnyOrderRequest, Order};
use vitrine_contracts::payments::v1::PaymentMethod;
use vitrine_contracts::{Code, Problem};
use vitrine_kit::jitter;
use vitrine_platform_host::Failure;
use vitrine_platform_store::Stored;
use vitrine_platform_telemetry::Context;

use crate::begun::Begun;
use crate::domain::course::{Outcome, Position};
use crate::journal::{Journal, Refusal, SagaDoc, Work};
use crate::telemetry::Metrics;
use crate::{Deps, buy};

/// How long one step may take.
const STEP: Duration = Duration::from_secs(5);
/// How often a step is tried before the saga is left to [`Sagas::tend`].
const MAX_TRIES: u32 = 6;
/// The pause before the second try; doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// A saga that nobody touched for so long is taken over. Longer than any step with all its tries.
const ABANDONED_MS: i64 = 45_000;
/// Most purchases and cancellations at a time.
const MAX_FLIGHTS: usize = 4096;

/// A call of a step, with its bound.
pub(crate) fn step<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(STEP);
    request
}

/// Whose unfinished sagas are taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// At the start: no saga has anybody.
    Everyone,
    /// Those that nobody has touched for long.
    Abandoned,
}

type Flight = Shared<BoxFuture<'static, Result<Order, Status>>>;

/// All sagas of this process. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Sagas(Arc<Inner>);

struct Inner {
    journal: Journal,
    deps: Deps,
    metrics: Metrics,
    flights: Mutex<HashMap<String, Flight>>,
    /// Those that are being driven here.
    driven: Mutex<HashSet<String>>,
    /// Those that were driven here and have not ended, be they driven or stuck.
    begun: Begun,
    tracker: TaskTracker,
}

/// Takes an id out of the driven ones, however the driver ends.
struct Driven<'a>(&'a Inner, String);

impl Drop for Driven<'_> {
    fn drop(&mut self) {
        self.0.begun.left(&self.1, Instant::now());
        self.0.driven.lock().remove(&self.1);
    }
}

impl Sagas {
    pub(crate) fn new(journal: Journal, deps: Deps, metrics: Metrics) -> Self {
        let (flights, driven, begun) = (Mutex::default(), Mutex::default(), Begun::default());
        Self(Arc::new(Inner { journal, deps, metrics, flights, driven, begun, tracker: TaskTracker::new() }))
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.0.journal
    }

    pub(crate) fn deps(&self) -> &Deps {
        &self.0.deps
    }

    /// Does some work in a task of its own, which goes on when the caller goes away. Callers with the same key while it is
    /// under way share it.
    pub(crate) async fn fly<F>(&self, key: String, work: F) -> Result<Order, Status>
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
                        let result = work.await.map_err(Status::from);
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

    /// Drives a saga to its end and answers with the order, or why it was undone.
    pub(crate) async fn drive(
        &self,
        mut saga: Stored<SagaDoc>,
        method: Option<PaymentMethod>,
    ) -> Result<Order, Failure> {
        if !self.0.driven.lock().insert(saga.id.clone()) {
            return Err(in_progress().into());
        }
        let _driven = Driven(&self.0, saga.id.clone());
        self.0.begun.driven(&saga.id, saga.work.order_id());
        let course = saga.work.course();
        let (mut pause, mut tries) = (FIRST_PAUSE, 1);
        while !saga.position.is_final() {
            let at = saga.position;
            let acted = self.act(&saga.work, at, method.as_ref()).await;
            let outcome = acted.as_ref().map_or_else(outcome_of, |()| Outcome::Succeeded);
            let next = course.after(at, outcome);
            let Err(status) = acted else {
                (pause, tries) = (FIRST_PAUSE, 1);
                saga = self.note(saga, next, None).await?;
                continue;
            };
            if next != at {
                tracing::info!(saga = saga.work.kind(), order_id = saga.work.order_id(), at = ?at, reason = status.message(), "a saga turns back");
                (pause, tries) = (FIRST_PAUSE, 1);
                saga = self.note(saga, next, Some(Refusal::new(&status, outcome))).await?;
                continue;
            }
            if tries >= MAX_TRIES {
                tracing::warn!(saga = saga.work.kind(), order_id = saga.work.order_id(), at = ?at, reason = status.message(), "a saga waits for a service");
                return self.end(saga.doc).await;
            }
            tokio::time::sleep(jitter::equal(pause)).await;
            (pause, tries) = (pause * 2, tries + 1);
        }
        self.0.begun.ended(&saga.id, saga.work.order_id());
        let took = self.0.journal.clock.now_ms() - saga.started_at;
        let done = saga.position == Position::Done;
        self.0.metrics.ended(saga.work.kind(), done, Duration::from_millis(u64::try_from(took).unwrap_or(0)));
        self.end(saga.doc).await
    }

    /// What a saga is answered with that nobody drives any more, each time it is asked for.
    pub(crate) async fn end(&self, saga: SagaDoc) -> Result<Order, Failure> {
        if saga.position == Position::Done || saga.work.is_recorded(saga.position) {
            let request = GetAnyOrderRequest { order_id: saga.work.order_id().to_owned() };
            return Ok(self.0.deps.orders.clone().get_any_order(step(request)).await?.into_inner());
        }
        match saga.refusal {
            _ if !saga.position.is_final() => Err(in_progress().into()),
            Some(refusal) => Err(Failure::Remote(refusal.into())),
            None => Err(Problem::internal().into()),
        }
    }

    /// The customer's cart, to be bought. Refused when another purchase is buying it. One whose purchase is over or was never
    /// journalled, after whatever went wrong, is freed: nobody else would.
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
        if again.purchase_id != cart.purchase_id {
            return if again.purchase_id.is_empty() {
                Ok(again)
            } else {
                Err(Problem::cart_in_purchase(&again.purchase_id).into())
            };
        }
        let purchase_id = again.purchase_id;
        tracing::warn!(order_id = purchase_id, "a cart was left taken by a purchase that is over; it is freed");
        let request = ReleaseCartRequest { customer_id: customer_id.to_owned(), purchase_id };
        Ok(self.deps().carts.clone().release_cart(step(request)).await?.into_inner())
    }

    async fn act(&self, work: &Work, at: Position, method: Option<&PaymentMethod>) -> Result<(), Status> {
        match (work, at) {
            (Work::Buy(purchase), Position::Doing(step)) => purchase.act(step, &self.0.deps, method).await,
            (Work::Buy(purchase), Position::Undoing(step)) => purchase.undo(step, &self.0.deps).await,
            (Work::Cancel(cancellation), Position::Doing(step)) => cancellation.act(step, &self.0.deps).await,
            // Its first step alone can be refused, and then there was nothing to undo.
            (Work::Cancel(_), Position::Undoing(_)) | (_, Position::Done | Position::Undone) => Ok(()),
        }
    }

    async fn note(
        &self,
        mut saga: Stored<SagaDoc>,
        next: Position,
        refusal: Option<Refusal>,
    ) -> Result<Stored<SagaDoc>, Failure> {
        saga.doc.position = next;
        saga.doc.refusal = refusal.or(saga.doc.refusal);
        if next.is_final() {
            saga.doc.work.forget_person();
        }
        // Two drivers of one saga do no harm (see `domain::course`), but one of them is enough.
        self.0.journal.note(saga).await?.ok_or_else(|| in_progress().into())
    }

    /// Sagas that this process began and could not bring to their end, for a service or the own database was out of reach; those
    /// whose time has come. Their customers' carts are taken until then.
    async fn stuck(&self) -> Result<Vec<Stored<SagaDoc>>, Failure> {
        let mut stuck = Vec::new();
        for (id, order_id) in self.0.begun.due(Instant::now()) {
            if self.0.driven.lock().contains(&id) {
                continue;
            }
            let same = |saga: &Stored<SagaDoc>| !saga.position.is_final() && saga.work.order_id() == order_id;
            match self.journal().get(&id).await?.filter(same) {
                Some(saga) => stuck.push(saga),
                // A replica has ended it, and may have begun other work under this id.
                None => self.0.begun.ended(&id, &order_id),
            }
        }
        Ok(stuck)
    }

    /// Takes over sagas that nobody drives, each in a task of its own.
    pub(crate) async fn recover(&self, whose: Whose) -> Result<(), Failure> {
        let now = self.0.journal.clock.now_ms();
        let untouched_since = if whose == Whose::Everyone { now } else { now - ABANDONED_MS };
        let mut unfinished = self.stuck().await?;
        let abandoned = self.0.journal.unfinished(untouched_since).await?;
        unfinished.extend(abandoned.into_iter().filter(|saga| !self.0.begun.contains(&saga.id)));
        for mut saga in unfinished {
            if self.0.driven.lock().contains(&saga.id) {
                continue;
            }
            tracing::info!(saga = saga.work.kind(), order_id = saga.work.order_id(), at = ?saga.position, "a saga is taken over");
            self.0.metrics.recovered(saga.work.kind());
            let next = saga.work.course().after_crash(saga.position);
            if next != saga.position {
                saga = match self.note(saga, next, Some(Refusal::interrupted())).await {
                    Ok(saga) => saga,
                    Err(Failure::Refused(_)) => continue,
                    Err(e) => return Err(e),
                };
            }
            let this = self.clone();
            self.0.tracker.spawn(Context::current().scope(async move {
                if let Err(Failure::Store(error)) = this.drive(saga, None).await {
                    tracing::warn!(error = %error, "a saga could not be taken over; it is tried again");
                }
            }));
        }
        Ok(())
    }

    /// Looks after sagas that were left alone, and forgets old ones.
    pub(crate) async fn tend(&self, remember_ms: i64) -> Result<(), Failure> {
        self.recover(Whose::Abandoned).await?;
        self.0.journal.prune(self.0.journal.clock.now_ms() - remember_ms).await
    }

    /// Waits for the sagas that are under way.
    pub(crate) async fn drain(&self) {
        self.0.tracker.close();
        self.0.tracker.wait().await;
    }
}

/// What a failed step means. An answer that names a reason in the request or in the state of things is final; all else is not known.
fn outcome_of(status: &Status) -> Outcome {
    match status.code() {
        Code::ResourceExhausted if Problem::from_status(status).reason == "OUT_OF_STOCK" => Outcome::Refused,
        Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::Unauthenticated
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented => Outcome::Refused,
        _ => Outcome::Unknown,
    }
}

/// The answer while somebody else, or nobody at the moment, drives the saga.
pub(crate) fn in_progress() -> Problem {
    Problem::unavailable("this is still being worked on: ask again with the same key").with_reason("IN_PROGRESS")
}
