//! A tenant's series: in memory, waiting, and in files.
//!
//! They live as rows do: a request is decoded into a batch, written to the log, and applied to the [head](logged_head) that grows when
//! the log has it; heads become files, files become larger files. What differs is that nothing has to be taken back when the log
//! refuses a request, because a batch that is not applied has changed nothing.

mod logged_head;
mod prepare;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use vitrine_observe_log::Position;
use vitrine_observe_model::metrics::Written;
use vitrine_observe_series::{Head, Snapshot};

use crate::column_engine::budget::{Budget, MemoryReservation};
use crate::column_engine::lock::{Mutex, Rank};
use crate::column_engine::memtable::Age;

pub(crate) use logged_head::LoggedHead;
use prepare::NewSeries;
pub(crate) use prepare::{Arrival, Prepared};

/// A tenant's series.
pub(crate) struct TenantSeries {
    state: Mutex<State>,
    budget: Arc<Budget>,
    /// Memory that names take: they outlive heads.
    names: Mutex<MemoryReservation>,
    /// How many new series may come.
    new_series: Mutex<NewSeries>,
    pub(crate) counters: SeriesCounters,
}

/// What has happened since the start.
#[derive(Debug, Default)]
pub(crate) struct SeriesCounters {
    /// Samples that are doubles.
    pub samples: AtomicU64,
    /// Samples that are histograms.
    pub histograms: AtomicU64,
    /// Exemplars.
    pub exemplars: AtomicU64,
    /// Samples and exemplars that were refused.
    pub rejected: AtomicU64,
    /// Samples that were there already.
    pub repeated: AtomicU64,
    /// Samples that took the place of others.
    pub replaced: AtomicU64,
}

/// Each sample that may be seen is in one of these.
struct State {
    open: Arc<LoggedHead>,
    /// The oldest first.
    waiting: VecDeque<Arc<LoggedHead>>,
}

impl fmt::Debug for TenantSeries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantSeries").finish_non_exhaustive()
    }
}

impl SeriesCounters {
    /// Counts what became of a request.
    pub(crate) fn add(&self, written: &Written) {
        for (counter, count) in [
            (&self.samples, written.samples),
            (&self.histograms, written.histograms),
            (&self.exemplars, written.exemplars),
            (&self.rejected, written.rejected),
        ] {
            counter.fetch_add(count, Ordering::Relaxed);
        }
    }
}

impl TenantSeries {
    /// No series yet, and at most so many that are active.
    pub(crate) fn new(most: usize, budget: Arc<Budget>) -> Self {
        let open = LoggedHead::new(Head::new(most), budget.clone());
        Self {
            state: Mutex::new(Rank::State, State { open, waiting: VecDeque::new() }),
            names: Mutex::new(Rank::Status, MemoryReservation::new(budget.clone())),
            new_series: Mutex::new(Rank::Status, NewSeries::default()),
            budget,
            counters: SeriesCounters::default(),
        }
    }

    /// The head that grows.
    pub(crate) fn open(&self) -> Arc<LoggedHead> {
        self.state.lock().open.clone()
    }

    /// Heads in memory, the oldest first.
    pub(crate) fn heads(&self) -> Vec<Arc<LoggedHead>> {
        let state = self.state.lock();
        state.waiting.iter().chain([&state.open]).cloned().collect()
    }

    /// All series at this moment.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.heads().iter().map(|head| head.head().clone()).collect())
    }

    /// Lets the open head wait to become a file, if it has samples and this is so of them. Its table's turn is taken.
    pub(crate) fn freeze(&self, due: impl Fn(Age) -> bool) {
        let open = self.open();
        if open.age().is_some_and(due) {
            let fresh = LoggedHead::new(open.head().successor(), self.budget.clone());
            let mut state = self.state.lock();
            let full = std::mem::replace(&mut state.open, fresh);
            state.waiting.push_back(full);
        }
    }

    /// No record of samples in memory has a smaller position; none if there are no such samples.
    pub(crate) fn first_position(&self) -> Option<Position> {
        self.heads().iter().find_map(|head| head.low())
    }

    /// The head that has waited longest.
    pub(crate) fn first_waiting(&self) -> Option<Arc<LoggedHead>> {
        self.state.lock().waiting.front().cloned()
    }

    /// How many heads wait.
    pub(crate) fn waiting(&self) -> usize {
        self.state.lock().waiting.len()
    }

    /// Accounts for the memory that names take.
    pub(crate) fn account(&self) {
        let bytes = self.open().head().table().bytes();
        self.names.lock().set(bytes);
    }

    /// Bytes of memory that names take.
    pub(crate) fn name_bytes(&self) -> usize {
        self.names.lock().bytes()
    }
}
