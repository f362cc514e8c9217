//! Reservations: all lines or none, never more than there is, back when no one comes.
//!
//! Correctness rests on the versions of the stock documents alone. All who want to move pieces at the same time share one commit
//! ([`Group`]), because everybody buys the same product: one commit after the other, each waiting for the disk, is what a shop
//! that sells one bestseller would be as slow as. docs/adr/0038-one-commit-for-all-who-wait.md says more.

mod group;

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{MutexGuard, oneshot};
use tonic::Status;
use vitrine_contracts::Problem;
use vitrine_contracts::catalog::v1::{Reservation, ReservationState, ReserveRequest};
use vitrine_contracts::common::v1::Line;
use vitrine_platform_durability::{Unflushed, deferred};
use vitrine_platform_host::Failure;
use vitrine_platform_store::{Query, retry_conflicts};

use crate::domain::{Hold, check_lines, ttl_ms};
use crate::store::{Products, ReservationDoc};
use group::{Change, Group};

/// Most reservations that one look releases.
const BATCH: usize = 200;
/// Most changes of one commit.
const MAX_TOGETHER: usize = 64;
/// Most changes that wait; more are refused for now.
const MAX_WAITING: usize = 4096;

/// All reservations. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Reservations(Arc<ReservationsInner>);

struct ReservationsInner {
    products: Products,
    queue: Mutex<Queue>,
    /// Held by who changes stock, so that writers of this process do not run into each other's versions.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Waiting>,
    /// Whether there is a task that looks after what waits.
    is_served: bool,
}

struct Waiting {
    change: Change,
    reply: oneshot::Sender<(Result<ReservationDoc, Status>, Unflushed)>,
}

impl Reservations {
    pub(crate) fn new(products: Products) -> Self {
        Self(Arc::new(ReservationsInner { products, queue: Mutex::default(), turn: tokio::sync::Mutex::default() }))
    }

    /// The turn of a caller that changes stock by itself.
    pub(crate) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.0.turn.lock().await
    }

    pub(crate) async fn reserve(&self, request: ReserveRequest) -> Result<Reservation, Status> {
        check_lines(&request.lines)?;
        let ttl = ttl_ms(request.ttl_ms)?;
        let hold = if request.committed { Hold::Committed } else { Hold::Held };
        let lines = request.lines.into_iter().map(|l| (l.product_id, l.quantity)).collect();
        self.change(Change::Reserve { id: request.reservation_id, lines, hold, ttl }).await.map(to_wire)
    }

    pub(crate) async fn release(&self, id: &str) -> Result<Reservation, Status> {
        self.change(Change::Turn { id: id.to_owned(), to: Hold::Released }).await.map(to_wire)
    }

    /// Gives back what no one came for.
    pub(crate) async fn expire_due(&self) -> Result<(), Failure> {
        let products = &self.0.products;
        let query = Query::range("held_until", 0..=products.clock.now_ms()).limit(BATCH);
        let due = products.store.find::<ReservationDoc>(query).await?.items;
        // What was bought or released at this very moment is refused, and said to nobody.
        let expire = |id: String| self.change(Change::Turn { id, to: Hold::Expired });
        for answer in futures::future::join_all(due.into_iter().map(|due| expire(due.doc.id))).await {
            match answer {
                Err(status) if Problem::from_status(&status).reason != GONE => return Err(status.into()),
                _ => {}
            }
        }
        Ok(())
    }

    /// Makes a change together with all that wait by then. It goes on when its caller goes away.
    async fn change(&self, change: Change) -> Result<ReservationDoc, Status> {
        let (reply, answer) = oneshot::channel();
        let is_served = {
            let mut queue = self.0.queue.lock();
            if queue.waiting.len() >= MAX_WAITING {
                return Err(Problem::unavailable("too many reservations wait").into());
            }
            queue.waiting.push(Waiting { change, reply });
            std::mem::replace(&mut queue.is_served, true)
        };
        if !is_served {
            tokio::spawn(Server { reservations: self.clone(), is_needed: true }.run());
        }
        let interrupted = |_| Problem::unavailable("the reservation was interrupted; ask again");
        let (outcome, unflushed) = answer.await.map_err(interrupted)?;
        unflushed.hand_on().await?;
        outcome
    }

    /// Makes some changes in one commit, and returns what each comes to.
    async fn commit(&self, changes: &[Change]) -> Result<Vec<Result<ReservationDoc, Problem>>, Failure> {
        let _turn = self.turn().await;
        retry_conflicts(async || {
            let mut group = Group::read(&self.0.products, changes).await?;
            let outcomes = changes.iter().map(|change| group.apply(change)).collect();
            group.commit(&self.0.products.store).await?;
            Ok(outcomes)
        })
        .await
    }
}

/// Looks after what waits, until nothing does.
struct Server {
    reservations: Reservations,
    /// Whether there may be something.
    is_needed: bool,
}

impl Server {
    async fn run(mut self) {
        while let Some(group) = self.next() {
            let (changes, replies): (Vec<Change>, Vec<_>) = group.into_iter().map(|w| (w.change, w.reply)).unzip();
            let (committed, unflushed) = deferred(self.reservations.commit(&changes)).await;
            let outcomes = match committed {
                Ok(outcomes) => outcomes.into_iter().map(|outcome| outcome.map_err(Status::from)).collect(),
                Err(failure) => vec![Err(Status::from(failure)); replies.len()],
            };
            for (reply, outcome) in replies.into_iter().zip(outcomes) {
                // Its caller may have gone away.
                let _ = reply.send((outcome, unflushed.clone()));
            }
        }
    }

    /// What waits; none ends the work, and whoever comes next begins it again.
    fn next(&mut self) -> Option<Vec<Waiting>> {
        let mut queue = self.reservations.0.queue.lock();
        let some = queue.waiting.len().min(MAX_TOGETHER);
        (queue.is_served, self.is_needed) = (some > 0, some > 0);
        (some > 0).then(|| queue.waiting.drain(..some).collect())
    }
}

impl Drop for Server {
    /// Where it was ended in the middle, with the caller's runtime or by a panic, those who wait are not left alone: they hear that there is
    /// no answer.
    fn drop(&mut self) {
        let mut queue = self.reservations.0.queue.lock();
        if self.is_needed {
            *queue = Queue::default();
        }
    }
}

/// The reason of a refusal.
const GONE: &str = "RESERVATION_GONE";

fn gone() -> Problem {
    Problem::precondition(GONE, "the reservation was released or has expired")
}

fn short(id: &str, available: u32) -> Problem {
    Problem::exhausted("OUT_OF_STOCK", &format!("of {id} only {available} can be had")).with_field(id)
}

fn to_wire(doc: ReservationDoc) -> Reservation {
    let state = match doc.hold {
        Hold::Held => ReservationState::Held,
        Hold::Committed => ReservationState::Committed,
        Hold::Released => ReservationState::Released,
        Hold::Expired => ReservationState::Expired,
    };
    let lines = doc.lines.into_iter().map(|(product_id, quantity)| Line { product_id, quantity }).collect();
    Reservation { id: doc.id, lines, state: state.into(), expires_at_unix_ms: doc.expires_at }
}

#[cfg(test)]
mod tests {
    use vitrine_contracts::{Code, Problem};
    use vitrine_kit::clock::Clock;
    use vitrine_platform_store::{Schema, Store, retry_conflicts};

    use super::{Line, Reservation, ReservationDoc, ReservationState, Reservations, ReserveRequest, Status};
    use crate::domain::Stock;
    use crate::store::{ProductDoc, Products, StockDoc};

    /// A catalog with so many of each of two products.
    async fn catalog(available: u32) -> (Reservations, Store) {
        let schema = Schema::new().with::<ProductDoc>().with::<StockDoc>().with::<ReservationDoc>();
        let store = Store::temporary("catalog", schema).expect("a database");
        let mut tx = store.begin();
        for id in ["prd_jar", "prd_vase"] {
            let product_id = id.to_owned();
            let product = crate::store::from_wire(product_id.clone(), Default::default(), 1);
            tx.insert(&product.expect("a product"));
            tx.insert(&StockDoc { product_id, stock: Stock { available, ..Stock::default() } });
        }
        tx.commit().await.expect("put in");
        (Reservations::new(Products { store: store.clone(), clock: Clock::system() }), store)
    }

    fn asked(id: &str, lines: &[(&str, u32)], committed: bool) -> ReserveRequest {
        let line = |(id, quantity): &(&str, u32)| Line { product_id: (*id).to_owned(), quantity: *quantity };
        ReserveRequest { reservation_id: id.to_owned(), lines: lines.iter().map(line).collect(), ttl_ms: 0, committed }
    }

    async fn stock(store: &Store, id: &str) -> (u32, u32, u64) {
        let Stock { available, reserved, sold } = store.get::<StockDoc>(id).await.expect("read").expect("there").stock;
        (available, reserved, sold)
    }

    fn state(answer: Result<Reservation, Status>) -> ReservationState {
        answer.expect("granted").state()
    }

    fn reason(answer: Result<Reservation, Status>) -> String {
        Problem::from_status(&answer.expect_err("refused")).reason
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_crowd_buys_what_there_is_and_shares_commits() {
        const BUYERS: u32 = 300;
        let (reservations, store) = catalog(200).await;
        let restock = async |by| {
            retry_conflicts(async || {
                let _turn = reservations.turn().await;
                let mut found = store.get::<StockDoc>("prd_vase").await?.expect("there");
                found.doc.stock = found.stock.restock(by).expect("within bounds");
                let mut tx = store.begin();
                tx.update(&found);
                tx.commit().await
            })
            .await
        };
        let buyers = (0..BUYERS).map(|n| {
            let reservations = reservations.clone();
            tokio::spawn(async move {
                let asked = asked(&format!("rsv_{n}"), &[("prd_vase", 1)], true);
                // Each asks twice, as one does whose answer was lost.
                let (first, again) = tokio::join!(reservations.reserve(asked.clone()), reservations.reserve(asked));
                assert_eq!(first.is_ok(), again.is_ok());
                first
            })
        });
        let (answers, restocked) = tokio::join!(futures::future::join_all(buyers), restock(10));
        restocked.expect("has its turn, too");
        let refused: Vec<Status> = answers.into_iter().filter_map(|a| a.expect("no panic").err()).collect();
        assert!(refused.iter().all(|status| status.code() == Code::ResourceExhausted), "{refused:?}");
        let (available, reserved, sold) = stock(&store, "prd_vase").await;
        assert_eq!((available + u32::try_from(sold).expect("few"), reserved), (210, 0));
        assert_eq!(u64::try_from(refused.len()).expect("few"), u64::from(BUYERS) - sold);
        let version = store.get::<StockDoc>("prd_vase").await.expect("read").expect("there").version;
        assert!(version < sold, "{version} commits for {sold} sales");
    }

    #[tokio::test]
    async fn who_waits_for_one_that_ends_in_the_middle_is_told() {
        let (reservations, store) = catalog(5).await;
        let ask = |id: &str| {
            let (reservations, asked) = (reservations.clone(), asked(id, &[("prd_vase", 1)], true));
            async move { reservations.reserve(asked).await }
        };
        let turn = reservations.turn().await;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
        runtime.spawn(ask("rsv_a"));
        // The first is served, then the second waits behind it.
        let until = async |waiting: usize| {
            while {
                let queue = reservations.0.queue.lock();
                !queue.is_served || queue.waiting.len() != waiting
            } {
                tokio::task::yield_now().await;
            }
        };
        until(0).await;
        let waiting = tokio::spawn(ask("rsv_b"));
        until(1).await;
        runtime.shutdown_background();
        let answer = waiting.await.expect("no panic");
        assert_eq!(answer.expect_err("it was interrupted").code(), Code::Unavailable);
        drop(turn);
        assert_eq!(state(ask("rsv_b").await), ReservationState::Committed);
        assert_eq!(stock(&store, "prd_vase").await, (4, 0, 1));
    }

    #[tokio::test]
    async fn of_those_who_share_a_commit_each_is_answered_by_itself() {
        let (reservations, store) = catalog(5).await;
        let [a, b, c, d, e] = [
            asked("rsv_a", &[("prd_vase", 3), ("prd_jar", 1)], true),
            asked("rsv_b", &[("prd_jar", 1), ("prd_vase", 3)], true),
            asked("rsv_c", &[("prd_vase", 2)], false),
            asked("rsv_d", &[("prd_lamp", 1)], true),
            asked("rsv_a", &[("prd_vase", 1)], true),
        ];
        let answers = tokio::join!(
            reservations.reserve(a),
            reservations.reserve(b),
            reservations.reserve(c),
            reservations.reserve(d),
            reservations.reserve(e),
            reservations.release("rsv_c"),
        );
        assert_eq!(state(answers.0), ReservationState::Committed);
        assert_eq!(reason(answers.1), "OUT_OF_STOCK");
        assert_eq!(state(answers.2), ReservationState::Held);
        assert_eq!(reason(answers.3), "PRODUCT_NOT_FOUND");
        assert_eq!(answers.4.expect_err("another one").code(), Code::AlreadyExists);
        assert_eq!(state(answers.5), ReservationState::Released);
        assert_eq!((stock(&store, "prd_vase").await, stock(&store, "prd_jar").await), ((2, 0, 3), (4, 0, 1)));
        let made = store.get::<ReservationDoc>("rsv_c").await.expect("read").expect("there");
        assert_eq!(made.version, 1, "made and released in one");
    }

    #[tokio::test]
    async fn what_is_held_is_sold_released_or_expires_once() {
        let (reservations, store) = catalog(5).await;
        let held = asked("rsv_a", &[("prd_vase", 2)], false);
        assert_eq!(state(reservations.reserve(held.clone()).await), ReservationState::Held);
        let sold = ReserveRequest { committed: true, ..held.clone() };
        for _ in 0..2 {
            assert_eq!(state(reservations.reserve(sold.clone()).await), ReservationState::Committed);
            assert_eq!(stock(&store, "prd_vase").await, (3, 0, 2));
        }
        for _ in 0..2 {
            assert_eq!(state(reservations.release("rsv_a").await), ReservationState::Released);
            assert_eq!(stock(&store, "prd_vase").await, (5, 0, 0));
        }
        for late in [held, sold] {
            assert_eq!(reason(reservations.reserve(late).await), "RESERVATION_GONE");
        }
        // Released before it comes.
        assert_eq!(state(reservations.release("rsv_late").await), ReservationState::Released);
        let late = asked("rsv_late", &[("prd_vase", 1)], true);
        assert_eq!(reason(reservations.reserve(late).await), "RESERVATION_GONE");
        reservations.expire_due().await.expect("nothing is due");
        assert_eq!(stock(&store, "prd_vase").await, (5, 0, 0));
    }
}
