//! A tenant's rows of one signal: in memory, waiting, and in segments.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use vitrine_platform_log::Position;

use crate::Signal;
use crate::column_engine::budget::Budget;
use crate::column_engine::graph::OpenTraces;
use crate::column_engine::lock::{Mutex, MutexGuard, Rank};
use crate::column_engine::manifest::signal_name;
use crate::column_engine::memtable::{Age, MemTable};
use crate::column_engine::segment_handle::{Files, SegmentHandle};
use crate::column_engine::series::TenantSeries;
use crate::column_engine::span_metrics::{CountingPlan, SpanCounts};
use crate::engine::Tenant;

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
    /// What metric points are as series; only of metrics.
    pub series: Option<TenantSeries>,
    /// What is counted of spans for series; only of spans, if series are made of them.
    pub span_counts: Option<SpanCounts>,
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

/// A table while someone adds rows to it, or ends a part: no one else does.
pub(crate) struct Writing<'a> {
    table: &'a Arc<Table>,
    _turn: MutexGuard<'a, ()>,
}

/// Each row that may be seen is in exactly one of these.
#[derive(Debug)]
struct State {
    open: Arc<MemTable>,
    /// The oldest first.
    waiting: VecDeque<Arc<MemTable>>,
    segments: Vec<Arc<SegmentHandle>>,
}

/// All rows at one moment. It stays valid as long as it is held.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    /// Rows in memory, the oldest first.
    pub memtables: Vec<Arc<MemTable>>,
    pub segments: Vec<Arc<SegmentHandle>>,
}

impl Table {
    /// A table with these segments.
    pub(crate) fn new(
        tenant: Tenant,
        signal: Signal,
        files: Files,
        segments: Vec<Arc<SegmentHandle>>,
        budget: Arc<Budget>,
        series: Option<TenantSeries>,
        plan: Option<Arc<CountingPlan>>,
    ) -> Self {
        let span_counts = plan.filter(|_| signal == Signal::Traces).map(SpanCounts::new);
        let open = MemTable::empty(signal, budget.clone());
        Self {
            tenant,
            signal,
            files,
            writing: Mutex::new(Rank::Writing, ()),
            state: Mutex::new(Rank::State, State { open, waiting: VecDeque::new(), segments }),
            budget,
            counters: Counters::default(),
            open_traces: Mutex::new(Rank::OpenTraces, OpenTraces::default()),
            series,
            span_counts,
        }
    }

    /// Whether no request waits for the log.
    pub(crate) fn is_settled(&self) -> bool {
        self.snapshot().memtables.iter().all(|memtable| memtable.read().pending == 0)
    }

    /// What it is called in messages.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.tenant, signal_name(self.signal))
    }

    /// The turn of who adds rows, so that they stand in the order of the log.
    pub(crate) fn write(self: &Arc<Self>) -> Writing<'_> {
        Writing { table: self, _turn: self.writing.lock() }
    }

    /// Bytes of memory that the part takes that grows.
    pub(crate) fn open_bytes(&self) -> usize {
        let open = self.state.lock().open.clone();
        let samples = self.series.as_ref().map_or(0, |series| series.open().bytes());
        open.read().reservation.bytes() + samples
    }

    /// All rows at this moment.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let state = self.state.lock();
        let memtables = state.waiting.iter().chain([&state.open]).cloned().collect();
        Snapshot { memtables, segments: state.segments.clone() }
    }

    /// The part that has waited longest.
    pub(crate) fn first_waiting(&self) -> Option<Arc<MemTable>> {
        self.state.lock().waiting.front().cloned()
    }

    /// How many parts wait.
    pub(crate) fn waiting(&self) -> usize {
        let rows = self.state.lock().waiting.len();
        rows + self.series.as_ref().map_or(0, TenantSeries::waiting)
    }

    /// The part that has waited longest is in this segment now, or had no rows.
    pub(crate) fn sealed(&self, segment: Option<Arc<SegmentHandle>>) {
        let mut state = self.state.lock();
        state.waiting.pop_front();
        state.segments.extend(segment);
    }

    /// These segments are gone, and this one came. Returns those that were there.
    pub(crate) fn replace(&self, gone: &[u64], came: Option<Arc<SegmentHandle>>) -> Vec<Arc<SegmentHandle>> {
        let mut state = self.state.lock();
        let removed = state.segments.extract_if(.., |handle| gone.contains(&handle.info.number)).collect();
        state.segments.extend(came);
        removed
    }
}

impl<'a> Writing<'a> {
    /// The table.
    pub(crate) fn table(&self) -> &'a Arc<Table> {
        self.table
    }

    /// The part that grows.
    pub(crate) fn open(&self) -> Arc<MemTable> {
        self.table.state.lock().open.clone()
    }

    /// Lets what is open in memory wait to become a segment or a file, if it is not empty and this is so of it.
    pub(crate) fn freeze(&self, due: impl Fn(Age) -> bool) {
        if let Some(series) = &self.table.series {
            series.freeze(&due);
        }
        self.freeze_rows_if(due);
    }

    /// Lets the open part wait to become a segment, if it has rows.
    pub(crate) fn freeze_rows(&self) {
        self.freeze_rows_if(|_| true);
    }

    /// Lets the open head wait to become a file, if it has samples.
    pub(crate) fn freeze_series(&self) {
        if let Some(series) = &self.table.series {
            series.freeze(|_| true);
        }
    }

    fn freeze_rows_if(&self, due: impl Fn(Age) -> bool) {
        let open = self.open();
        let is_due = {
            let rows = open.read();
            !rows.is_empty() && due(rows.age)
        };
        if is_due {
            let fresh = MemTable::empty(self.table.signal, self.table.budget.clone());
            let mut state = self.table.state.lock();
            let full = std::mem::replace(&mut state.open, fresh);
            state.waiting.push_back(full);
        }
    }

    /// No record of rows in memory, or of what is counted of them, has a smaller position; none if there is nothing.
    pub(crate) fn first_position(&self) -> Option<Position> {
        let memtables = self.table.snapshot().memtables;
        let of_rows = memtables.iter().find_map(|memtable| {
            let rows = memtable.read();
            (!rows.is_empty()).then_some(rows.low)
        });
        let of_series = self.table.series.as_ref().and_then(TenantSeries::first_position);
        let of_counts = self.table.span_counts.as_ref().and_then(SpanCounts::first_position);
        [of_rows, of_series, of_counts].into_iter().flatten().min()
    }
}
