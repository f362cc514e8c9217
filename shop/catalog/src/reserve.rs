//! Reservations: all lines or none, never more than there is, back when no one comes.
//!
//! Correctness rests on the versions of the stock documents alone. The locks only keep writers of this process from running into
//! each other's versions: without them, of 64 buyers of one product 63 would read again after each commit.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard};
use vitrine_contracts::Problem;
use vitrine_contracts::catalog::v1::{Reservation, ReservationState, ReserveRequest};
use vitrine_contracts::common::v1::Line;
use vitrine_platform_host::Failure;
use vitrine_platform_store::{Query, Stored, Tx, retry_conflicts};

use crate::domain::{Hold, Stock, check_lines, ttl_ms};
use crate::store::{ProductDoc, Products, ReservationDoc, StockDoc, no_product};

/// Locks that products share by hash.
const LOCKS: usize = 64;
/// Most reservations that one look releases.
const BATCH: usize = 200;

#[derive(Clone)]
pub(crate) struct Reservations {
    products: Products,
    locks: Arc<[Mutex<()>; LOCKS]>,
}

/// One way of moving pieces; none where there are not enough.
type Move = fn(Stock, u32) -> Option<Stock>;

impl Reservations {
    pub(crate) fn new(products: Products) -> Self {
        Self { products, locks: Arc::new(std::array::from_fn(|_| Mutex::new(()))) }
    }

    /// Locks products, always in the same order.
    pub(crate) async fn lock<'a>(&self, ids: impl Iterator<Item = &'a str>) -> Vec<MutexGuard<'_, ()>> {
        let mut places: Vec<usize> = ids
            .map(|id| {
                let mut hasher = DefaultHasher::new();
                id.hash(&mut hasher);
                usize::try_from(hasher.finish() % LOCKS as u64).unwrap_or(0)
            })
            .collect();
        places.sort_unstable();
        places.dedup();
        let mut guards = Vec::with_capacity(places.len());
        for place in places {
            guards.push(self.locks[place].lock().await);
        }
        guards
    }

    pub(crate) async fn reserve(&self, request: ReserveRequest) -> Result<Reservation, Failure> {
        check_lines(&request.lines)?;
        let ttl = ttl_ms(request.ttl_ms)?;
        let (hold, movement): (Hold, Move) =
            if request.committed { (Hold::Committed, Stock::hold_and_sell) } else { (Hold::Held, Stock::hold) };
        let lines: Vec<(String, u32)> = request.lines.into_iter().map(|l| (l.product_id, l.quantity)).collect();
        let _guards = self.lock(lines.iter().map(|(id, _)| id.as_str())).await;
        retry_conflicts(async || {
            let now = self.products.clock.now_ms();
            if let Some(known) = self.products.store.get::<ReservationDoc>(&request.reservation_id).await? {
                return match known.hold {
                    Hold::Held if request.committed => {
                        Err(Problem::already_exists("the reservation is there and not committed").into())
                    }
                    Hold::Held | Hold::Committed if known.lines == lines => Ok(to_wire(known.doc)),
                    Hold::Held | Hold::Committed => {
                        Err(Problem::already_exists("another reservation has this id").into())
                    }
                    Hold::Released | Hold::Expired => Err(gone().into()),
                };
            }
            self.check_events(&lines, now).await?;
            let doc = ReservationDoc {
                id: request.reservation_id.clone(),
                lines: lines.clone(),
                hold,
                expires_at: now + ttl,
            };
            let mut tx = self.products.store.begin();
            self.shift(&mut tx, &lines, movement).await?;
            tx.insert(&doc);
            tx.commit().await?;
            Ok(to_wire(doc))
        })
        .await
    }

    pub(crate) async fn commit(&self, id: &str) -> Result<Reservation, Failure> {
        self.turn(id, Hold::Committed).await
    }

    pub(crate) async fn release(&self, id: &str) -> Result<Reservation, Failure> {
        self.turn(id, Hold::Released).await
    }

    /// Gives back what no one came for.
    pub(crate) async fn expire_due(&self) -> Result<(), Failure> {
        let query = Query::range("held_until", 0..=self.products.clock.now_ms()).limit(BATCH);
        for due in self.products.store.find::<ReservationDoc>(query).await?.items {
            match self.turn(&due.id, Hold::Expired).await {
                // Bought or released at this very moment.
                Ok(_) | Err(Failure::Refused(_)) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Turns a reservation into another state, with its units. A repeat answers as the first time.
    async fn turn(&self, id: &str, to: Hold) -> Result<Reservation, Failure> {
        retry_conflicts(async || {
            let now = self.products.clock.now_ms();
            let Some(Stored { mut doc, version }) = self.products.store.get::<ReservationDoc>(id).await? else {
                if to != Hold::Released {
                    return Err(Problem::not_found("there is no such reservation").into());
                }
                let doc =
                    ReservationDoc { id: id.to_owned(), lines: Vec::new(), hold: Hold::Released, expires_at: now };
                let mut tx = self.products.store.begin();
                tx.insert(&doc);
                tx.commit().await?;
                return Ok(to_wire(doc));
            };
            let movement: Move = match (doc.hold, to) {
                (from, to) if from == to => return Ok(to_wire(doc)),
                (Hold::Expired, Hold::Released) => return Ok(to_wire(doc)),
                (Hold::Held, Hold::Committed) if doc.expires_at > now => Stock::sell,
                (Hold::Held, Hold::Released | Hold::Expired) => Stock::release,
                (Hold::Committed, Hold::Released) => Stock::take_back,
                _ => return Err(gone().into()),
            };
            let _guards = self.lock(doc.lines.iter().map(|(id, _)| id.as_str())).await;
            let mut tx = self.products.store.begin();
            self.shift(&mut tx, &doc.lines, movement).await?;
            doc.hold = to;
            tx.update(&Stored { doc: doc.clone(), version });
            tx.commit().await?;
            Ok(to_wire(doc))
        })
        .await
    }

    /// Moves the units of all lines, or says which fell short. A product that was deleted meanwhile has no shelf to go back to.
    async fn shift(&self, tx: &mut Tx, lines: &[(String, u32)], movement: Move) -> Result<(), Failure> {
        let ids: Vec<&str> = lines.iter().map(|(id, _)| id.as_str()).collect();
        let mut stock = self.products.stock(&ids).await?;
        for (id, quantity) in lines {
            let Some(Stored { doc, version }) = stock.remove(id) else { continue };
            let Some(after) = movement(doc.stock, *quantity) else { return Err(short(id, doc.stock.available).into()) };
            tx.update(&Stored { doc: StockDoc { stock: after, ..doc }, version });
        }
        Ok(())
    }

    /// Every product must be there, and no event over.
    async fn check_events(&self, lines: &[(String, u32)], now: i64) -> Result<(), Failure> {
        let ids: Vec<&str> = lines.iter().map(|(id, _)| id.as_str()).collect();
        let products = self.products.store.get_many::<ProductDoc>(&ids).await?;
        for id in ids {
            let product = products.iter().find(|p| p.id == id).ok_or_else(|| no_product(id))?;
            if product.event.as_ref().is_some_and(|e| e.starts_at <= now) {
                let problem = Problem::precondition("EVENT_OVER", &format!("{} has begun already", product.name));
                return Err(problem.with_field(id).into());
            }
        }
        Ok(())
    }
}

fn gone() -> Problem {
    Problem::precondition("RESERVATION_GONE", "the reservation was released or has expired")
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
