//! What happens when the log has answered.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use vitrine_kit::clock::Clock;
use vitrine_observe_model::Appended;
use vitrine_platform_log::{AppendFuture, Position};

use crate::Signal;
use crate::column_engine::memtable::MemTable;
use crate::column_engine::notify::Notify;
use crate::column_engine::request_log::MAX_REQUEST_BYTES;
use crate::column_engine::series::Prepared;
use crate::column_engine::table::{Counters, Table};
use crate::column_engine::tails::Tails;
use crate::engine::WriteError;

/// When to come again if too much waits for the log.
const LOG_RETRY: Duration = Duration::from_millis(100);
/// When to come again if the disk is full.
const DISK_RETRY: Duration = Duration::from_secs(2);

/// A request that waits for the log.
pub(crate) struct Commit {
    pub(super) table: Arc<Table>,
    pub(super) pending: Pending,
    pub(super) answer: AppendFuture<Position>,
    /// Tells who asked.
    pub(super) tell: Box<dyn FnOnce(Result<(), WriteError>) + Send>,
}

/// What waits: rows or series.
pub(super) enum Pending {
    Rows(CommitRows),
    Series(CommitSeries),
}

/// Its rows, which are in a part already.
pub(super) struct CommitRows {
    pub(super) memtable: Arc<MemTable>,
    pub(super) rows: Range<usize>,
    pub(super) appended: Appended,
}

/// Its samples, which are in no head yet.
pub(super) struct CommitSeries(pub(super) Prepared);

impl fmt::Debug for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commit").field("table", &self.table.name()).finish_non_exhaustive()
    }
}

impl CommitSeries {
    /// The log has it at this position, or not. Returns whether no other request waits.
    pub(super) fn resolve(&self, table: &Table, position: Option<Position>) -> bool {
        let Some(series) = &table.series else { return false };
        let Prepared { head, batch, written } = &self.0;
        let is_last = head.resolve(batch, position, &series.counters);
        if position.is_some() {
            series.counters.add(written);
        }
        series.account();
        is_last
    }
}

/// Waits for the log's answers, in its order, and passes them on. It ends when the engine is closed.
pub(crate) fn commit(commits: mpsc::Receiver<Commit>, to_seal: &Notify, tails: &Tails, clock: &Clock) {
    for Commit { table, pending, answer, tell } in commits {
        let outcome = answer.wait();
        let position = outcome.as_ref().ok().copied();
        let is_last = match &pending {
            Pending::Rows(CommitRows { memtable, rows, .. }) => {
                let is_last = memtable.resolve(rows.clone(), position, table.span_counts.as_ref(), clock.now_ms());
                if position.is_some() && table.signal == Signal::Logs {
                    tails.committed(&table.tenant, memtable, rows.clone());
                }
                is_last
            }
            Pending::Series(series) => series.resolve(&table, position),
        };
        if is_last && table.waiting() > 0 {
            to_seal.notify();
        }
        if let (Ok(_), Pending::Rows(CommitRows { appended, .. })) = (&outcome, &pending) {
            Counters::add(&table.counters.taken, appended.taken);
            Counters::add(&table.counters.rejected, appended.rejected);
        }
        tell(outcome.map(|_| ()).map_err(refusal));
    }
}

pub(super) fn refusal(error: vitrine_platform_log::Error) -> WriteError {
    use vitrine_platform_log::Error;
    match error {
        Error::Full { .. } => WriteError::Busy { what: "much waits to be written to the log", retry_after: LOG_RETRY },
        Error::TooLarge { bytes } => WriteError::TooLarge { bytes, most: MAX_REQUEST_BYTES },
        Error::Closed => WriteError::Closed,
        error => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            WriteError::Disk { what: format!("{error}{cause}"), retry_after: DISK_RETRY }
        }
    }
}
