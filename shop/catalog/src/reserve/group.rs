//! Changes that share one commit: everything that they concern is read at once, each is decided on what those before it leave, and what
//! has changed is written.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use vitrine_contracts::Problem;
use vitrine_platform_host::Failure;
use vitrine_platform_store::{Store, Stored};

use super::{gone, short};
use crate::domain::{Hold, Stock};
use crate::store::{ProductDoc, Products, ReservationDoc, StockDoc, no_product};

/// What is asked for.
pub(super) enum Change {
    /// A reservation of these quantities; it is held for so many milliseconds unless it is committed.
    Reserve { id: String, lines: Vec<(String, u32)>, hold: Hold, ttl: i64 },
    /// A reservation is released, or expires.
    Turn { id: String, to: Hold },
}

impl Change {
    fn id(&self) -> &str {
        match self {
            Self::Reserve { id, .. } | Self::Turn { id, .. } => id,
        }
    }
}

/// One way of moving pieces; none where there are not enough.
type Move = fn(Stock, u32) -> Option<Stock>;

/// What some changes concern, as it is and as they leave it.
pub(super) struct Group {
    now: i64,
    products: HashMap<String, Stored<ProductDoc>>,
    stock: HashMap<String, Stored<StockDoc>>,
    reservations: HashMap<String, Stored<ReservationDoc>>,
    /// Reservations that were made or turned, with the version before; in the order of their ids, in which replicas write, too.
    written: BTreeMap<String, Option<u64>>,
    /// Products of which pieces were moved.
    moved: BTreeSet<String>,
}

impl Group {
    /// Reads what the changes concern.
    pub(super) async fn read(products: &Products, changes: &[Change]) -> Result<Self, Failure> {
        let ids: BTreeSet<&str> = changes.iter().map(Change::id).collect();
        let found = products.store.get_many::<ReservationDoc>(&Vec::from_iter(ids)).await?;
        let asked: BTreeSet<&str> = changes.iter().flat_map(Change::product_ids).collect();
        let known = found.iter().flat_map(|r| r.lines.iter().map(|(id, _)| id.as_str()));
        let stocked: BTreeSet<&str> = asked.iter().copied().chain(known).collect();
        let sold = products.store.get_many::<ProductDoc>(&Vec::from_iter(asked)).await?;
        let stock = products.stock(&Vec::from_iter(stocked)).await?;
        Ok(Self {
            now: products.clock.now_ms(),
            products: sold.into_iter().map(|p| (p.id.clone(), p)).collect(),
            stock,
            reservations: found.into_iter().map(|r| (r.id.clone(), r)).collect(),
            written: BTreeMap::new(),
            moved: BTreeSet::new(),
        })
    }

    /// Decides on one of the changes. A repeat answers as the first time.
    pub(super) fn apply(&mut self, change: &Change) -> Result<ReservationDoc, Problem> {
        match change {
            Change::Reserve { id, lines, hold, ttl } => self.reserve(id, lines, *hold, self.now + ttl),
            Change::Turn { id, to } => self.turn(id, *to),
        }
    }

    fn reserve(
        &mut self,
        id: &str,
        lines: &[(String, u32)],
        hold: Hold,
        expires_at: i64,
    ) -> Result<ReservationDoc, Problem> {
        if let Some(known) = self.reservations.get(id) {
            return match known.hold {
                Hold::Released | Hold::Expired => Err(gone()),
                _ if known.lines != lines => Err(Problem::already_exists("another reservation has this id")),
                Hold::Held if hold == Hold::Committed => self.turn(id, Hold::Committed),
                Hold::Held | Hold::Committed => Ok(known.doc.clone()),
            };
        }
        self.check_events(lines)?;
        let movement = if hold == Hold::Committed { Stock::hold_and_sell } else { Stock::hold };
        self.shift(lines, movement)?;
        Ok(self.write(ReservationDoc { id: id.to_owned(), lines: lines.to_vec(), hold, expires_at }))
    }

    /// Turns a reservation into another state, with its units.
    fn turn(&mut self, id: &str, to: Hold) -> Result<ReservationDoc, Problem> {
        let Some(known) = self.reservations.get(id) else {
            if to != Hold::Released {
                return Err(Problem::not_found("there is no such reservation"));
            }
            let doc = ReservationDoc { id: id.to_owned(), lines: Vec::new(), hold: to, expires_at: self.now };
            return Ok(self.write(doc));
        };
        let mut doc = known.doc.clone();
        let movement: Move = match (doc.hold, to) {
            (from, to) if from == to => return Ok(doc),
            (Hold::Expired, Hold::Released) => return Ok(doc),
            (Hold::Held, Hold::Committed) if doc.expires_at > self.now => Stock::sell,
            (Hold::Held, Hold::Released | Hold::Expired) => Stock::release,
            (Hold::Committed, Hold::Released) => Stock::take_back,
            _ => return Err(gone()),
        };
        self.shift(&doc.lines, movement)?;
        doc.hold = to;
        Ok(self.write(doc))
    }

    /// Moves the units of all lines, or says which fell short. A product that was deleted meanwhile has no shelf to go back to.
    fn shift(&mut self, lines: &[(String, u32)], movement: Move) -> Result<(), Problem> {
        let mut after = Vec::with_capacity(lines.len());
        for (id, quantity) in lines {
            let Some(Stored { doc, .. }) = self.stock.get(id) else { continue };
            after.push((id, movement(doc.stock, *quantity).ok_or_else(|| short(id, doc.stock.available))?));
        }
        for (id, stock) in after {
            if let Some(stored) = self.stock.get_mut(id) {
                stored.doc.stock = stock;
                self.moved.insert(id.clone());
            }
        }
        Ok(())
    }

    /// Every product must be there, and no event over.
    fn check_events(&self, lines: &[(String, u32)]) -> Result<(), Problem> {
        for (id, _) in lines {
            let product = self.products.get(id).ok_or_else(|| no_product(id))?;
            if product.event.as_ref().is_some_and(|e| e.starts_at <= self.now) {
                let problem = Problem::precondition("EVENT_OVER", &format!("{} has begun already", product.name));
                return Err(problem.with_field(id));
            }
        }
        Ok(())
    }

    fn write(&mut self, doc: ReservationDoc) -> ReservationDoc {
        let before = self.reservations.get(&doc.id).map(|known| known.version);
        // A reservation that this commit makes has no version before, however often it turns.
        self.written.entry(doc.id.clone()).or_insert(before);
        let stored = Stored { doc: doc.clone(), version: before.unwrap_or_default() };
        self.reservations.insert(doc.id.clone(), stored);
        doc
    }

    /// Writes what has changed.
    pub(super) async fn commit(self, store: &Store) -> Result<(), Failure> {
        let mut tx = store.begin();
        for id in &self.moved {
            if let Some(stock) = self.stock.get(id) {
                tx.update(stock);
            }
        }
        for (id, before) in self.written {
            match (self.reservations.get(&id), before) {
                (Some(Stored { doc, .. }), Some(version)) => tx.update(&Stored { doc: doc.clone(), version }),
                (Some(Stored { doc, .. }), None) => tx.insert(doc),
                (None, _) => {}
            }
        }
        Ok(tx.commit().await?)
    }
}

impl Change {
    fn product_ids(&self) -> impl Iterator<Item = &str> {
        let lines = match self {
            Self::Reserve { lines, .. } => lines.as_slice(),
            Self::Turn { .. } => &[],
        };
        lines.iter().map(|(id, _)| id.as_str())
    }
}
