//! Rows in memory that are in the log, and in no segment yet.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use parking_lot::Condvar;
use vitrine_observe_columns::Columns;
use vitrine_observe_model::Builder;
use vitrine_platform_log::Position;

use crate::Signal;
use crate::column_engine::budget::{Budget, MemoryReservation};
use crate::column_engine::lock::{Mutex, Rank, ReadGuard, RwLock, WriteGuard};
use crate::column_engine::span_metrics::{SpanBlock, SpanCounts};
use crate::column_engine::span_pass::SpanPass;

/// Rows in memory: a memtable is open and grows, then it is frozen and waits to become a segment.
pub(crate) struct MemTable {
    rows: RwLock<Rows>,
    /// Held by who waits until no request waits for the log, while they look.
    settling: Mutex<()>,
    resolved: Condvar,
}

/// When the first of what is in memory came.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Age {
    /// In milliseconds since 1970.
    pub since_ms: i64,
    /// How many bytes had passed through the log by then, of all tables.
    pub passed: u64,
}

/// What is in a [`MemTable`].
pub(crate) struct Rows {
    /// All rows, also such as are not in the log yet.
    pub builder: Builder,
    /// Rows before this one are in the log, or in a hole.
    pub committed: usize,
    /// Rows that were not written to the log, though later ones were: no one may see them.
    pub holes: Vec<Range<usize>>,
    /// How many requests wait for the log.
    pub pending: usize,
    /// No record of these rows has a smaller position.
    pub low: Position,
    /// No record of these rows has a greater position.
    pub high: Position,
    /// When the first row came.
    pub age: Age,
    /// What was found in the rows that may be seen, if they are spans.
    pub pass: SpanPass,
    /// Memory that the rows take.
    pub reservation: MemoryReservation,
}

impl fmt::Debug for MemTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemTable").finish_non_exhaustive()
    }
}

impl MemTable {
    /// An empty memtable that fills this builder, which is empty.
    pub(crate) fn new(builder: Builder, budget: Arc<Budget>) -> Arc<Self> {
        let rows = Rows {
            builder,
            committed: 0,
            holes: Vec::new(),
            pending: 0,
            low: Position::default(),
            high: Position::default(),
            age: Age::default(),
            pass: SpanPass::default(),
            reservation: MemoryReservation::new(budget),
        };
        let (rows, settling) = (RwLock::new(Rank::Rows, rows), Mutex::new(Rank::Settling, ()));
        Arc::new(Self { rows, settling, resolved: Condvar::new() })
    }

    /// An empty memtable.
    pub(crate) fn empty(signal: Signal, budget: Arc<Budget>) -> Arc<Self> {
        Self::new(Builder::new(signal), budget)
    }

    pub(crate) fn read(&self) -> ReadGuard<'_, Rows> {
        self.rows.read()
    }

    pub(crate) fn write(&self) -> WriteGuard<'_, Rows> {
        self.rows.write()
    }

    /// A request's rows are in the log at this position, or not. Spans are counted, where they are. Returns whether no other
    /// request waits.
    pub(crate) fn resolve(
        &self,
        range: Range<usize>,
        position: Option<Position>,
        counts: Option<&SpanCounts>,
        now_ms: i64,
    ) -> bool {
        let mut rows = self.write();
        rows.resolve(range, position, counts, now_ms);
        let is_last = rows.pending == 0;
        drop(rows);
        if is_last {
            // A caller that looks just now has begun to wait when they let go of this.
            drop(self.settling.lock());
            self.resolved.notify_all();
        }
        is_last
    }

    /// Waits until no request waits for the log, which answers whatever happens.
    pub(crate) fn wait_until_settled(&self) {
        let mut settling = self.settling.lock();
        while self.read().pending > 0 {
            settling.wait(&self.resolved);
        }
    }
}

impl Rows {
    /// A request's rows are in the log at this position, or not.
    fn resolve(&mut self, range: Range<usize>, position: Option<Position>, counts: Option<&SpanCounts>, now_ms: i64) {
        self.pending -= 1;
        match position {
            Some(position) => {
                self.high = self.high.max(position);
                let block = self.commit(range.end, counts, now_ms);
                // Before the rows may become a segment, so that the log is not cut before they are counted.
                if let Some(counts) = counts {
                    counts.count(block, position);
                }
            }
            None if self.builder.columns().rows == range.end => {
                self.builder.truncate(range.start);
                self.committed = range.start;
            }
            None => {
                self.committed = range.end;
                self.holes.push(range);
            }
        }
    }

    /// Whether there are no rows, nor will be of requests so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.builder.columns().rows == 0 && self.pending == 0
    }

    /// All columns; see [`Self::visible`] for which rows of them count.
    pub(crate) fn columns(&self) -> &Columns {
        self.builder.columns()
    }

    /// Rows that may be seen.
    pub(crate) fn visible(&self) -> Vec<Range<usize>> {
        let mut ranges = Vec::with_capacity(self.holes.len() + 1);
        let mut from = 0;
        for hole in &self.holes {
            ranges.push(from..hole.start);
            from = hole.end;
        }
        ranges.push(from..self.committed);
        ranges.retain(|range| !range.is_empty());
        ranges
    }

    /// How many rows may be seen.
    pub(crate) fn count(&self) -> usize {
        self.visible().iter().map(Range::len).sum()
    }

    /// Rows up to this one may be seen. Returns what of them is to be counted.
    pub(crate) fn commit(&mut self, end: usize, counts: Option<&SpanCounts>, now_ms: i64) -> SpanBlock {
        let (rows, plan) = (self.committed..end, counts.map(SpanCounts::plan));
        self.committed = end;
        self.pass.visit(self.builder.columns(), self.builder.sizes(), rows, plan, now_ms)
    }

    /// Whether no one may see this row.
    pub(crate) fn is_hidden(&self, row: usize) -> bool {
        row >= self.committed || self.holes.iter().any(|hole| hole.contains(&row))
    }

    /// Accounts for the memory that the rows take.
    pub(crate) fn account(&mut self) {
        let bytes = self.builder.columns().bytes() + size_of_val(self.builder.sizes()) + self.pass.bytes();
        self.reservation.set(bytes);
    }
}

#[cfg(test)]
mod tests {
    use vitrine_platform_log::Position;

    use super::{Budget, MemTable};
    use crate::Signal;

    #[test]
    fn who_waits_is_woken_by_the_last_answer_of_the_log() {
        let memtable = MemTable::empty(Signal::Traces, Budget::new(0));
        memtable.wait_until_settled();
        memtable.write().pending = 2;
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| memtable.wait_until_settled());
            assert!(!memtable.resolve(0..0, None, None, 0));
            assert!(!waiting.is_finished(), "one request still waits");
            assert!(memtable.resolve(0..0, Some(Position::default()), None, 0));
            waiting.join().expect("it is woken");
        });
        assert_eq!(memtable.read().pending, 0);
    }
}
