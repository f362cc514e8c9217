//! A head, and which records of the log its samples are from.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Condvar;
use vitrine_observe_series::{Batch, Head};
use vitrine_platform_log::Position;

use super::SeriesCounters;
use crate::column_engine::budget::{Budget, MemoryReservation};
use crate::column_engine::lock::{Mutex, Rank};
use crate::column_engine::memtable::Age;

/// A head is open and grows, then it is frozen and waits to become a file.
pub(crate) struct LoggedHead {
    head: Arc<Head>,
    state: Mutex<State>,
    resolved: Condvar,
}

struct State {
    /// How many requests wait for the log.
    pending: usize,
    /// Since when there are samples, or there are requests that wait.
    began: Option<Began>,
    /// No record of these samples has a greater position.
    high: Position,
    /// Memory that samples take.
    reservation: MemoryReservation,
}

#[derive(Clone, Copy)]
struct Began {
    /// No record of these samples has a smaller position.
    low: Position,
    age: Age,
}

impl fmt::Debug for LoggedHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoggedHead").finish_non_exhaustive()
    }
}

impl LoggedHead {
    /// An empty head of the log.
    pub(crate) fn new(head: Arc<Head>, budget: Arc<Budget>) -> Arc<Self> {
        let reservation = MemoryReservation::new(budget);
        let state = State { pending: 0, began: None, high: Position::default(), reservation };
        Arc::new(Self { head, state: Mutex::new(Rank::Heads, state), resolved: Condvar::new() })
    }

    pub(crate) fn head(&self) -> &Arc<Head> {
        &self.head
    }

    /// A request is about to be written to the log, behind this position.
    pub(crate) fn expect(&self, low: Position, age: Age) {
        let mut state = self.state.lock();
        state.pending += 1;
        state.began.get_or_insert(Began { low, age });
    }

    /// A request is in the log at this position, and its samples may be seen; or it is not, and nothing has happened. Returns whether
    /// no other request waits.
    pub(crate) fn resolve(&self, batch: &Batch, position: Option<Position>, counters: &SeriesCounters) -> bool {
        if position.is_some() {
            let applied = self.head.apply(batch);
            counters.repeated.fetch_add(applied.same, Ordering::Relaxed);
            counters.replaced.fetch_add(applied.replaced, Ordering::Relaxed);
        }
        let bytes = self.head.status().bytes;
        let mut state = self.state.lock();
        state.high = state.high.max(position.unwrap_or_default());
        state.reservation.set(bytes);
        state.pending -= 1;
        let is_last = state.pending == 0;
        if is_last && bytes == 0 && self.head.status().samples == 0 {
            state.began = None;
        }
        drop(state);
        if is_last {
            self.resolved.notify_all();
        }
        is_last
    }

    /// Waits until no request waits for the log, which answers whatever happens.
    pub(crate) fn wait_until_settled(&self) {
        let mut state = self.state.lock();
        while state.pending > 0 {
            state.wait(&self.resolved);
        }
    }

    /// How many requests wait for the log.
    pub(crate) fn pending(&self) -> usize {
        self.state.lock().pending
    }

    /// How old it is; none if it is empty.
    pub(crate) fn age(&self) -> Option<Age> {
        self.state.lock().began.map(|began| began.age)
    }

    /// No record of its samples has a smaller position; none if it is empty.
    pub(crate) fn low(&self) -> Option<Position> {
        self.state.lock().began.map(|began| began.low)
    }

    /// No record of its samples has a greater position.
    pub(crate) fn high(&self) -> Position {
        self.state.lock().high
    }

    /// Bytes of memory that its samples take.
    pub(crate) fn bytes(&self) -> usize {
        self.state.lock().reservation.bytes()
    }
}
