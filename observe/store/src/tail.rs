//! Log records as they are committed, for who follows them.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use vitrine_observe_model::FoundLog;

/// Tails at a time, of all tenants: each costs processor time on every record that comes.
pub const MAX_TAILS: usize = 64;
/// Records that wait for who follows; of more, the oldest are dropped.
pub const MAX_TAIL_ROWS: usize = 1000;
/// Bytes of records that wait for who follows; of more, the oldest are dropped.
pub const MAX_TAIL_BYTES: usize = 1 << 20;

/// Records that meet a filter, as they are committed: those that are acknowledged after it was begun, each once, in that order.
/// Dropping it ends it.
#[derive(Debug)]
pub struct LogTail(pub(crate) Arc<TailQueue>);

/// What came since the last time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tailed {
    /// The records, shared with all who follow the same. Their cursors are those of the first of equal records.
    pub rows: Vec<Arc<FoundLog>>,
    /// How many came before these that were not looked at, or had no room.
    pub dropped: u64,
}

/// Why records cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TailError {
    /// There are as many tails as there may be.
    #[error("{most} tails are open already, which is the limit: end one first")]
    TooMany {
        /// The limit.
        most: usize,
    },
    /// The process is ending.
    #[error("shutting down")]
    Closed,
}

impl LogTail {
    /// Waits until something comes; none when the engine is closed. What was not taken out yet is not lost when this is not awaited
    /// to its end.
    pub async fn next(&mut self) -> Option<Tailed> {
        loop {
            let ready = self.0.ready.notified();
            match self.0.take() {
                Taken::Some(tailed) => return Some(tailed),
                Taken::Closed => return None,
                Taken::Nothing => ready.await,
            }
        }
    }
}

/// What there was to take.
enum Taken {
    Some(Tailed),
    Nothing,
    Closed,
}

/// What waits for who follows.
#[derive(Debug, Default)]
pub(crate) struct TailQueue {
    state: Mutex<TailState>,
    ready: Notify,
}

#[derive(Debug, Default)]
struct TailState {
    /// Each with the bytes that it takes.
    rows: VecDeque<(Arc<FoundLog>, usize)>,
    bytes: usize,
    dropped: u64,
    is_closed: bool,
}

impl TailState {
    fn take(&mut self) -> Tailed {
        self.bytes = 0;
        let rows = self.rows.drain(..).map(|(found, _)| found).collect();
        Tailed { rows, dropped: std::mem::take(&mut self.dropped) }
    }

    /// Makes room for so many bytes more, at least for one record.
    fn make_room(&mut self, bytes: usize) {
        while self.rows.len() >= MAX_TAIL_ROWS || self.bytes + bytes > MAX_TAIL_BYTES {
            let Some((_, freed)) = self.rows.pop_front() else { break };
            self.bytes -= freed;
            self.dropped += 1;
        }
    }
}

impl TailQueue {
    fn take(&self) -> Taken {
        let mut state = self.state.lock();
        if state.dropped > 0 || !state.rows.is_empty() {
            return Taken::Some(state.take());
        }
        if state.is_closed { Taken::Closed } else { Taken::Nothing }
    }

    /// Adds records, in order.
    pub(crate) fn add(&self, rows: &[Arc<FoundLog>]) {
        if rows.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        for found in rows {
            let bytes = found.row.bytes();
            state.make_room(bytes);
            state.bytes += bytes;
            state.rows.push_back((found.clone(), bytes));
        }
        drop(state);
        self.ready.notify_one();
    }

    /// So many records were not looked at.
    pub(crate) fn miss(&self, rows: usize) {
        if rows > 0 {
            self.state.lock().dropped += rows as u64;
            self.ready.notify_one();
        }
    }

    /// Nothing comes any more.
    pub(crate) fn close(&self) {
        self.state.lock().is_closed = true;
        self.ready.notify_one();
    }
}
