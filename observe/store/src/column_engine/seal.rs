//! Rows in memory become segments.
//!
//! The files are written and made to last; then the manifest lists the segment, and the position of the log up to which
//! a restart need not read; then queries see the segment in place of the rows; then the log is cut. Rows of a table become
//! segments in the order in which they came.

use std::sync::Arc;

use vitrine_observe_columns::{Columns, WriteOptions, write};
use vitrine_observe_series::{Budget, Filter};

use crate::Signal;
use crate::column_engine::graph::Graph;
use crate::column_engine::lock::{Mutex, Rank};
use crate::column_engine::memtable::{Age, MemTable, Rows};
use crate::column_engine::notify::Notify;
use crate::column_engine::read::Reader;
use crate::column_engine::request_log::RequestLog;
use crate::column_engine::rollup::SegmentRollup;
use crate::column_engine::segments::{BuiltSegment, PAGE_ROWS, SegmentStore};
use crate::column_engine::table::Table;
use crate::column_engine::tables::Tables;
use crate::column_engine::{AFTER_FAILURE, Context, Error, TICK, error_chain};
use crate::engine::{DeleteError, Tenant};

/// How hard segments from memory are compressed: they are merged soon.
const ZSTD_LEVEL: i32 = 1;
/// A part becomes a segment when the log has grown by this share of what it may have since the part's first row: a table that
/// few rows come to must not hold back the log for one that many come to.
const LOG_SHARE: u64 = 8;
/// Open parts may take this part of the memory; beyond, the largest of them become segments early.
const OPEN_PART: usize = 2;

/// Makes segments of rows in memory.
#[derive(Debug)]
pub(crate) struct Sealer {
    context: Arc<Context>,
    log: Arc<RequestLog>,
    tables: Arc<Tables>,
    segments: Arc<SegmentStore>,
    /// Finds earlier spans of new ones, for the service graph.
    reader: Arc<Reader>,
    /// Held while rows become segments, so that those of a table do so in their order.
    turn: Mutex<()>,
    /// Rung when parts wait.
    due: Arc<Notify>,
    /// Rung when there are new segments.
    to_merge: Arc<Notify>,
}

impl Sealer {
    pub(crate) fn new(
        context: Arc<Context>,
        log: Arc<RequestLog>,
        tables: Arc<Tables>,
        segments: Arc<SegmentStore>,
        reader: Arc<Reader>,
        [due, to_merge]: [Arc<Notify>; 2],
    ) -> Self {
        Self { context, log, tables, segments, reader, turn: Mutex::new(Rank::Sealing, ()), due, to_merge }
    }

    /// Makes segments until the engine is closed.
    pub(crate) fn run(&self) {
        let mut pause = TICK;
        while !self.context.is_closed() {
            self.due.wait(pause);
            self.freeze_old();
            self.make_room(self.context.memory.most / OPEN_PART);
            pause = match self.seal_waiting(false) {
                Ok(()) => TICK,
                Err(error) => {
                    self.context.troubles.fail(&error);
                    AFTER_FAILURE
                }
            };
        }
    }

    /// Makes segments of all rows in memory.
    pub(crate) fn seal_all(&self) -> Result<(), Error> {
        self.freeze(|_| true);
        self.seal_waiting(true)
    }

    /// Lets open parts wait to become segments that are old, or hold back the log.
    fn freeze_old(&self) {
        let options = &self.context.options;
        let age = i64::try_from(options.seal_after.as_millis()).unwrap_or(i64::MAX);
        let now = self.context.clock.now_ms();
        let (passed, handle) = (self.log.passed(), options.log_bytes / LOG_SHARE);
        self.freeze(|of| now.saturating_sub(of.since_ms) >= age || passed.saturating_sub(of.passed) >= handle);
    }

    /// Lets open parts wait to become segments that have rows, and of which this is so.
    fn freeze(&self, due: impl Fn(Age) -> bool) {
        for table in self.tables.all() {
            table.write().freeze(&due);
        }
    }

    /// Lets the largest open parts wait to become segments, until all open ones take at most this much memory.
    pub(crate) fn make_room(&self, bytes: usize) {
        let mut open: Vec<(usize, Arc<Table>)> = self
            .tables
            .all()
            .into_iter()
            .map(|table| (table.open_bytes(), table))
            .filter(|(bytes, _)| *bytes > 0)
            .collect();
        open.sort_by_key(|(bytes, _)| *bytes);
        let mut sum: usize = open.iter().map(|(bytes, _)| bytes).sum();
        while sum > bytes
            && let Some((bytes, table)) = open.pop()
        {
            table.write().freeze(|_| true);
            sum -= bytes;
        }
    }

    /// Makes segments of what waits, in the order in which it came. What still waits for the log is waited for if
    /// `all`, and else left for the next time.
    pub(crate) fn seal_waiting(&self, all: bool) -> Result<(), Error> {
        let turn = self.turn.lock();
        let mut sealed = 0;
        let mut outcome = Ok(());
        for table in self.tables.all() {
            while let Some(memtable) = table.first_waiting() {
                if all {
                    memtable.wait_until_settled();
                } else if memtable.read().pending > 0 {
                    // The sealer notifies again when the last request is settled.
                    break;
                }
                match self.seal(&table, &memtable) {
                    Ok(()) => sealed += 1,
                    Err(error) => {
                        outcome = Err(error);
                        break;
                    }
                }
            }
            match self.seal_series(&table, all) {
                Ok(files) => sealed += files,
                Err(error) => outcome = Err(error),
            }
        }
        drop(turn);
        if sealed > 0 {
            self.to_merge.notify();
            self.cut_log()?;
        }
        outcome
    }

    /// Makes files of a table's heads that wait. Returns how many.
    fn seal_series(&self, table: &Table, all: bool) -> Result<usize, Error> {
        let Some(series) = &table.series else { return Ok(0) };
        let mut sealed = 0;
        while let Some(head) = series.first_waiting() {
            if all {
                head.wait_until_settled();
            } else if head.pending() > 0 {
                break;
            }
            table.seal_series(series, &head, &self.segments)?;
            sealed += 1;
        }
        Ok(sealed)
    }

    /// Deletes samples of series: what is in memory becomes files first, so that files alone have them.
    pub(crate) fn delete_series(
        &self,
        tenant: &Tenant,
        filter: &Filter,
        budget: &Arc<Budget>,
    ) -> Result<u64, DeleteError> {
        let Some(table) = self.tables.get(tenant, Signal::Metrics) else { return Ok(0) };
        let Some(series) = &table.series else { return Ok(0) };
        let disk = |error: Error| DeleteError::Disk(error_chain(&error));
        let _turn = self.turn.lock();
        table.write().freeze_series();
        self.seal_series(&table, true).map_err(disk)?;
        table.delete_series(series, filter, budget, &self.segments)
    }

    /// Makes files of a tenant's series in memory.
    pub(crate) fn seal_series_of(&self, table: &Arc<Table>) -> Result<(), Error> {
        let _turn = self.turn.lock();
        table.write().freeze_series();
        self.seal_series(table, true).map(|_| ())
    }

    fn seal(&self, table: &Table, memtable: &MemTable) -> Result<(), Error> {
        let rows = memtable.read();
        let kept = if rows.holes.is_empty() { None } else { Some(without_holes(&rows)) };
        let columns = kept.as_ref().unwrap_or_else(|| rows.columns());
        let through = u64::from(rows.high);
        if columns.rows == 0 {
            drop(rows);
            table.sealed(None);
            return Ok(());
        }
        let number = self.segments.number();
        let calls = (table.signal == Signal::Traces).then(|| {
            let mut fresh = Graph::default();
            fresh.add_known(rows.columns(), rows.visible().into_iter().flatten(), rows.pass.ends());
            let calls = self.reader.new_calls(table, &table.snapshot().segments, fresh, None);
            calls.expect("nothing fails that has no limits")
        });
        let mut rollup = SegmentRollup::empty(table.signal);
        match (&mut rollup, &calls) {
            (Some(SegmentRollup::Spans(rollup)), Some(calls)) => {
                rollup.clone_from(rows.pass.rollup());
                rollup.add_calls(calls);
            }
            (Some(SegmentRollup::Logs(rollup)), _) => rollup.add_rows(columns),
            _ => {}
        }
        let handle = self.segments.build(table, number, |file| {
            let options = WriteOptions { zstd_level: ZSTD_LEVEL, page_rows: PAGE_ROWS };
            let written = write(columns, &columns.sort(), &options, file)?;
            Ok(BuiltSegment { written, rollup, since: None })
        })?;
        self.segments.list(&handle, |contents| {
            let listed = contents.table(table.tenant.name(), table.signal);
            listed.through = listed.through.max(through);
            listed.segments.push(handle.info);
        })?;
        drop(rows);
        table.open_traces.lock().extend(calls.into_iter().flat_map(|calls| calls.open));
        table.sealed(Some(handle));
        Ok(())
    }

    /// Lets the log forget what is in segments.
    fn cut_log(&self) -> Result<(), Error> {
        // First of all: what is appended from here on is behind it.
        let end = self.log.end();
        let needed = self.tables.all().into_iter().filter_map(|table| table.write().first_position()).min();
        Ok(self.log.cut_before(needed.map_or(end, |needed| needed.min(end)))?)
    }
}

fn without_holes(rows: &Rows) -> Columns {
    let kept: Vec<u32> = rows.visible().into_iter().flatten().map(|row| row as u32).collect();
    rows.columns().take(&kept)
}
