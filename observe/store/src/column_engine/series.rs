//! A tenant's series: in memory, waiting, and in files.
//!
//! They live as rows do: a request is decoded into a batch, written to the log, and applied to the [head](logged_head) that grows when
//! the log has it; heads become files, files become larger files. What differs is that nothing has to be taken back when the log
//! refuses a request, because a batch that is not applied has changed nothing.

mod files;
mod handle;
mod logged_head;
mod policy;
mod prepare;
mod status;
mod view;

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use vitrine_observe_model::Refusals;
use vitrine_observe_model::metrics::Written;
use vitrine_observe_series::{Budget as QueryBudget, Filter, Head, QueryError, SeriesId, Snapshot, Tombstones};
use vitrine_platform_log::Position;

use crate::column_engine::budget::{Budget, MemoryReservation};
use crate::column_engine::lock::{Mutex, Rank};
use crate::column_engine::manifest::Deleted;
use crate::column_engine::memtable::Age;

pub(crate) use files::buffered;
pub(crate) use handle::{SERIES, SeriesHandle, file_name};
pub(crate) use logged_head::LoggedHead;
use prepare::NewSeries;
pub(crate) use prepare::{Arrival, Prepared};
use view::FileGuard;
pub(crate) use view::SeriesView;

/// A tenant's series.
pub(crate) struct TenantSeries {
    state: Mutex<State>,
    budget: Arc<Budget>,
    /// Memory that names take: they outlive heads.
    names: Mutex<MemoryReservation>,
    /// How many new series may come.
    new_series: Mutex<NewSeries>,
    pub(crate) counters: SeriesCounters,
    /// Whether a file could not be read when it was asked.
    suspect: Arc<AtomicBool>,
}

/// What has happened since the start.
#[derive(Debug)]
pub(crate) struct SeriesCounters {
    /// Samples that are doubles.
    pub samples: AtomicU64,
    /// Samples that are histograms.
    pub histograms: AtomicU64,
    /// Exemplars.
    pub exemplars: AtomicU64,
    /// Samples and exemplars that were refused.
    pub refused: Mutex<Refusals>,
    /// Samples that were there already.
    pub repeated: AtomicU64,
    /// Samples that took the place of others.
    pub replaced: AtomicU64,
    /// Samples that were removed because they were too old or too many.
    pub removed: AtomicU64,
}

/// Each sample that may be seen is in one of these.
struct State {
    open: Arc<LoggedHead>,
    /// The oldest first.
    waiting: VecDeque<Arc<LoggedHead>>,
    /// In order of rank.
    files: Vec<Arc<SeriesHandle>>,
    deleted: Arc<[Deleted]>,
}

impl fmt::Debug for TenantSeries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantSeries").finish_non_exhaustive()
    }
}

impl Default for SeriesCounters {
    fn default() -> Self {
        Self {
            samples: AtomicU64::default(),
            histograms: AtomicU64::default(),
            exemplars: AtomicU64::default(),
            refused: Mutex::new(Rank::Status, Refusals::default()),
            repeated: AtomicU64::default(),
            replaced: AtomicU64::default(),
            removed: AtomicU64::default(),
        }
    }
}

impl SeriesCounters {
    /// Counts what became of a request.
    pub(crate) fn add(&self, written: &Written) {
        for (counter, count) in [
            (&self.samples, written.samples),
            (&self.histograms, written.histograms),
            (&self.exemplars, written.exemplars),
        ] {
            counter.fetch_add(count, Ordering::Relaxed);
        }
        if written.is_partial() {
            self.refused.lock().add(&written.refused);
        }
    }
}

/// What was deleted of a file of this number.
fn tombstones(deleted: &[Deleted], number: u64) -> Arc<Tombstones> {
    let of_file = deleted.iter().filter(|gone| number < gone.before);
    let ids = of_file.flat_map(|gone| {
        let id = |id: &String| u128::from_str_radix(id, 16).ok().map(SeriesId);
        gone.series.iter().filter_map(id).map(|id| (id, gone.start_ms, gone.end_ms))
    });
    Arc::new(Tombstones::new(ids))
}

impl TenantSeries {
    /// Series in these files, and at most so many that are active.
    pub(crate) fn new(most: usize, budget: Arc<Budget>, files: Vec<SeriesHandle>, deleted: Vec<Deleted>) -> Self {
        let open = LoggedHead::new(Head::new(most), budget.clone());
        let mut files: Vec<Arc<SeriesHandle>> = files.into_iter().map(Arc::new).collect();
        files.sort_by_key(|handle| handle.info.rank);
        let state = State { open, waiting: VecDeque::new(), files, deleted: deleted.into() };
        Self {
            state: Mutex::new(Rank::State, state),
            suspect: Arc::default(),
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
    pub(crate) fn view(&self) -> SeriesView {
        let (files, heads, deleted) = {
            let state = self.state.lock();
            let heads: Vec<Arc<Head>> =
                state.waiting.iter().chain([&state.open]).map(|head| head.head().clone()).collect();
            (state.files.clone(), heads, state.deleted.clone())
        };
        let opened = view::inputs(&files, |handle| tombstones(&deleted, handle.info.number));
        let snapshot = opened.map(|opened| Snapshot::new(opened, heads));
        let limit = self.open().head().table().most() as u64;
        let refused = *self.counters.refused.lock();
        let guard = FileGuard { _files: files.into(), suspect: self.suspect.clone() };
        SeriesView { snapshot, guard, limit, refused }
    }

    /// Files, in order of rank.
    pub(crate) fn files(&self) -> Vec<Arc<SeriesHandle>> {
        self.state.lock().files.clone()
    }

    /// Files, in order of rank, and what was deleted of them, at one moment.
    pub(crate) fn files_and_deleted(&self) -> (Vec<Arc<SeriesHandle>>, Arc<[Deleted]>) {
        let state = self.state.lock();
        (state.files.clone(), state.deleted.clone())
    }

    /// What was deleted and may still be in files.
    pub(crate) fn deleted(&self) -> Arc<[Deleted]> {
        self.state.lock().deleted.clone()
    }

    /// What was deleted of a file of this number.
    pub(crate) fn tombstones(&self, number: u64) -> Arc<Tombstones> {
        tombstones(&self.deleted(), number)
    }

    /// Ids of series that meet the conditions.
    pub(crate) fn ids(&self, filter: &Filter, budget: &Arc<QueryBudget>) -> Result<BTreeSet<SeriesId>, QueryError> {
        self.view().snapshot?.ids(filter, budget)
    }

    /// The head that has waited longest is in this file now, or was empty.
    pub(crate) fn sealed(&self, file: Option<Arc<SeriesHandle>>) {
        let mut state = self.state.lock();
        state.waiting.pop_front();
        state.files.extend(file);
    }

    /// These files are gone, and this one came; and this is what is deleted now. Returns those that were there.
    pub(crate) fn replace(
        &self,
        gone: &[u64],
        came: Option<Arc<SeriesHandle>>,
        deleted: Option<Vec<Deleted>>,
    ) -> Vec<Arc<SeriesHandle>> {
        let mut state = self.state.lock();
        let removed = state.files.extract_if(.., |handle| gone.contains(&handle.info.number)).collect();
        state.files.extend(came);
        state.files.sort_by_key(|handle| handle.info.rank);
        if let Some(deleted) = deleted {
            state.deleted = deleted.into();
        }
        removed
    }

    /// Whether a file could not be read since this was asked the last time.
    pub(crate) fn take_suspicion(&self) -> bool {
        self.suspect.swap(false, Ordering::Relaxed)
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
