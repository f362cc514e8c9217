//! A tenant's rows of one signal: in memory, waiting, and in segments.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use vitrine_observe_log::Position;

use crate::Signal;
use crate::engine::Tenant;
use crate::kept::budget::Budget;
use crate::kept::catalogue::signal_name;
use crate::kept::graph::OpenTraces;
use crate::kept::held::{Files, Held};
use crate::kept::lock::{Mutex, MutexGuard, Rank};
use crate::kept::part::{Part, Rows};

/// A tenant's rows of one signal.
#[derive(Debug)]
pub(crate) struct Table {
    pub tenant: Tenant,
    pub signal: Signal,
    pub files: Files,
    writing: Mutex<()>,
    state: Mutex<State>,
    budget: Arc<Budget>,
    pub counters: Counters,
    /// Traces of which spans in segments lack their parents; only of spans.
    pub open_traces: Mutex<OpenTraces>,
}

/// What has happened since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Rows taken.
    pub taken: AtomicU64,
    /// Rows refused.
    pub rejected: AtomicU64,
    /// Rows removed because they were too old or too many.
    pub removed: AtomicU64,
}

impl Counters {
    /// Adds to one of them.
    pub(crate) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}

/// A table while somebody adds rows to it, or ends a part: nobody else does.
pub(crate) struct Writing<'a> {
    table: &'a Table,
    _turn: MutexGuard<'a, ()>,
}

/// Each row that may be seen is in exactly one of these.
#[derive(Debug)]
struct State {
    open: Arc<Part>,
    /// The oldest first.
    waiting: VecDeque<Arc<Part>>,
    segments: Vec<Arc<Held>>,
}

/// All rows at one moment. It stays valid as long as it is held.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    /// Rows in memory, the oldest first.
    pub parts: Vec<Arc<Part>>,
    pub segments: Vec<Arc<Held>>,
}

impl Table {
    /// A table with these segments.
    pub(crate) fn new(
        tenant: Tenant,
        signal: Signal,
        files: Files,
        segments: Vec<Arc<Held>>,
        budget: Arc<Budget>,
    ) -> Self {
        let open = Part::empty(signal, budget.clone());
        Self {
            tenant,
            signal,
            files,
            writing: Mutex::new(Rank::Writing, ()),
            state: Mutex::new(Rank::State, State { open, waiting: VecDeque::new(), segments }),
            budget,
            counters: Counters::default(),
            open_traces: Mutex::new(Rank::OpenTraces, OpenTraces::default()),
        }
    }

    /// What it is called in messages.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.tenant, signal_name(self.signal))
    }

    /// The turn of who adds rows, so that they stand in the order of the log.
    pub(crate) fn write(&self) -> Writing<'_> {
        Writing { table: self, _turn: self.writing.lock() }
    }

    /// Bytes of memory that the part takes that grows.
    pub(crate) fn open_bytes(&self) -> usize {
        let open = self.state.lock().open.clone();
        open.read().share.bytes()
    }

    /// All rows at this moment.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let state = self.state.lock();
        let parts = state.waiting.iter().chain([&state.open]).cloned().collect();
        Snapshot { parts, segments: state.segments.clone() }
    }

    /// The part that has waited longest.
    pub(crate) fn first_waiting(&self) -> Option<Arc<Part>> {
        self.state.lock().waiting.front().cloned()
    }

    /// How many parts wait.
    pub(crate) fn waiting(&self) -> usize {
        self.state.lock().waiting.len()
    }

    /// The part that has waited longest is in this segment now, or had no rows.
    pub(crate) fn sealed(&self, segment: Option<Arc<Held>>) {
        let mut state = self.state.lock();
        state.waiting.pop_front();
        state.segments.extend(segment);
    }

    /// These segments are gone, and this one came. Returns those that were there.
    pub(crate) fn replace(&self, gone: &[u64], came: Option<Arc<Held>>) -> Vec<Arc<Held>> {
        let mut state = self.state.lock();
        let removed = state.segments.extract_if(.., |held| gone.contains(&held.info.number)).collect();
        state.segments.extend(came);
        removed
    }
}

impl Writing<'_> {
    /// The part that grows.
    pub(crate) fn open(&self) -> Arc<Part> {
        self.table.state.lock().open.clone()
    }

    /// Lets the open part wait to become a segment, if it has rows and this is so of them.
    pub(crate) fn freeze(&self, due: impl Fn(&Rows) -> bool) {
        let is_due = |rows: &Rows| !rows.is_empty() && due(rows);
        if is_due(&self.open().read()) {
            let fresh = Part::empty(self.table.signal, self.table.budget.clone());
            let mut state = self.table.state.lock();
            let full = std::mem::replace(&mut state.open, fresh);
            state.waiting.push_back(full);
        }
    }

    /// No record of rows in memory has a smaller position; none if there are no such rows.
    pub(crate) fn first_position(&self) -> Option<Position> {
        let parts = self.table.snapshot().parts;
        parts.iter().find_map(|part| {
            let rows = part.read();
            (!rows.is_empty()).then_some(rows.low)
        })
    }
}
