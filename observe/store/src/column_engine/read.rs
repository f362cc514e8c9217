//! Reading: what all queries have in common.

mod filter;
pub(crate) mod logs;
mod outlines;
mod points;
mod scan;
mod search;
mod services;
mod spans;
mod traces;
mod values;
mod wanted;

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use vitrine_observe_columns::{Columns, Error, Segment};

use crate::column_engine::graph::calls_within;
use crate::column_engine::memtable::Rows;
use crate::column_engine::rollup::logs::LogRollup;
use crate::column_engine::rollup::{Rollup, SegmentRollup};
use crate::column_engine::segment_handle::{SegmentHandle, Slot};
use crate::column_engine::segments::SegmentStore;
use crate::column_engine::span_pass::{COLUMNS, SpanPass};
use crate::column_engine::status::Meter;
use crate::column_engine::table::{Snapshot, Table};
use crate::column_engine::tables::Tables;
use crate::column_engine::{Context, error_chain};
use crate::engine::{QueryError, Tenant};
use crate::{Options, QueryStatus, Signal};

/// Rows that are read at once where all are read.
pub(crate) const WINDOW: usize = 8192;
/// Segments' caches may take this part of the memory.
const CACHE_PART: usize = 2;

/// Memory and time that a query has used, within its limits.
pub(crate) struct QueryBudget {
    used: usize,
    most: usize,
    began: Instant,
    longest: Duration,
}

impl QueryBudget {
    /// Counts what was read.
    pub(crate) fn add(&mut self, columns: &Columns) -> Result<(), QueryError> {
        self.add_bytes(columns.bytes())
    }

    /// Counts bytes.
    pub(crate) fn add_bytes(&mut self, bytes: usize) -> Result<(), QueryError> {
        self.used += bytes;
        if self.used > self.most { Err(QueryError::TooMuch { bytes: self.most }) } else { self.check_time() }
    }

    /// Fails when what was read is more than may be held. It is let go of at once, and not counted.
    pub(crate) fn check(&self, columns: &Columns) -> Result<(), QueryError> {
        if columns.bytes() > self.most { Err(QueryError::TooMuch { bytes: self.most }) } else { self.check_time() }
    }

    /// Fails when it has taken too long.
    pub(crate) fn check_time(&self) -> Result<(), QueryError> {
        if self.began.elapsed() > self.longest { Err(QueryError::TooLong { most: self.longest }) } else { Ok(()) }
    }
}

/// Rows, some thousand at a time.
pub(crate) fn windows(rows: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    rows.clone().step_by(WINDOW).map(move |from| from..rows.end.min(from + WINDOW))
}

/// A time as columns have it.
pub(crate) fn time(nanoseconds: u64) -> i64 {
    i64::try_from(nanoseconds).unwrap_or(i64::MAX)
}

/// Runs queries. It changes nothing but what of segments is in memory, and takes out those that are damaged.
#[derive(Debug)]
pub(crate) struct Reader {
    context: Arc<Context>,
    tables: Arc<Tables>,
    segments: Arc<SegmentStore>,
    meter: Meter,
}

impl Reader {
    pub(crate) fn new(context: Arc<Context>, tables: Arc<Tables>, segments: Arc<SegmentStore>) -> Self {
        Self { context, tables, segments, meter: Meter::default() }
    }

    /// Returns a question, and counts it.
    pub(crate) fn answer<T>(
        self: &Arc<Self>,
        query: impl FnOnce(&Arc<Self>) -> Result<T, QueryError>,
    ) -> Result<T, QueryError> {
        if self.context.is_closed() {
            return Err(QueryError::Closed);
        }
        let answer = self.meter.measure(|| query(self));
        self.trim();
        answer
    }

    /// The questions so far.
    pub(crate) fn queries(&self) -> QueryStatus {
        self.meter.status()
    }

    /// Now, in milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> i64 {
        self.context.clock.now_ms()
    }

    /// What a query may use, of which nothing is used yet.
    pub(crate) fn query_budget(&self) -> QueryBudget {
        let Options { query_memory_bytes: most, query_time: longest, .. } = self.context.options;
        QueryBudget { used: 0, most, began: Instant::now(), longest }
    }

    /// All rows of a tenant and a signal at this moment; none if the tenant never sent something.
    fn rows(&self, tenant: &Tenant, signal: Signal) -> Option<(Arc<Table>, Snapshot)> {
        let table = self.tables.get(tenant, signal)?;
        let snapshot = table.snapshot();
        Some((table, snapshot))
    }

    /// Reads from a segment. One that is damaged is taken out, and nothing is returned.
    pub(crate) fn read<T>(
        &self,
        table: &Table,
        handle: &Arc<SegmentHandle>,
        read: impl FnOnce(&Segment) -> Result<T, Error>,
    ) -> Result<Option<T>, QueryError> {
        handle.touch(Slot::Rows, self.meter.tick());
        match handle.segment().and_then(|segment| read(&segment)) {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if is_damage(&error) => {
                self.read_failure(table, handle, error);
                Ok(None)
            }
            Err(error) => Err(QueryError::Disk(error_chain(&error))),
        }
    }

    /// Takes a damaged segment out and keeps its files; notes every other failure.
    pub(crate) fn read_failure(&self, table: &Table, handle: &Arc<SegmentHandle>, error: Error) {
        let number = handle.info.number;
        let error_chain = format!("segment {number} of {} cannot be read: {}", table.name(), error_chain(&error));
        if !is_damage(&error) {
            return self.context.troubles.tell(error_chain);
        }
        if !table.snapshot().segments.iter().any(|known| Arc::ptr_eq(known, handle)) {
            return;
        }
        if let Err(error) = self.segments.unlist(table, handle) {
            return self.context.troubles.fail(&error);
        }
        handle.files.quarantine(number);
        self.context
            .troubles
            .quarantined(format!("{error_chain}; it was renamed to .damaged, restore it from a backup"));
    }

    /// Lets go of what of segments was not used for longest, until what is in memory is small enough.
    pub(crate) fn trim(&self) {
        let most = self.context.options.memory_bytes / CACHE_PART;
        let mut cached: Vec<(u64, usize, Arc<SegmentHandle>, Slot)> = Vec::new();
        for table in self.tables.all() {
            for handle in table.snapshot().segments {
                let slots = handle.cached().into_iter().filter(|(.., bytes)| *bytes > 0);
                cached.extend(slots.map(|(slot, used, bytes)| (used, bytes, handle.clone(), slot)));
            }
        }
        let mut sum: usize = cached.iter().map(|(_, bytes, ..)| bytes).sum();
        if sum <= most {
            return;
        }
        cached.sort_unstable_by_key(|(used, ..)| std::cmp::Reverse(*used));
        while sum > most
            && let Some((_, bytes, handle, slot)) = cached.pop()
        {
            handle.forget(slot);
            sum -= bytes;
        }
    }

    /// A segment's rollup: the one in memory, or that of its file; rebuilt if that is damaged.
    pub(crate) fn rollup_of(&self, signal: Signal, handle: &SegmentHandle) -> Result<Arc<SegmentRollup>, Error> {
        if let Some(rollup) = handle.cached_rollup() {
            return Ok(rollup);
        }
        let found =
            handle.read_rollup(signal).map_err(|cause| Error::Io { what: "read a segment's figures", cause })?;
        if let Some(rollup) = found {
            return Ok(Arc::new(rollup));
        }
        let segment = handle.segment()?;
        Ok(Arc::new(match signal {
            Signal::Logs => {
                let mut rollup = LogRollup::default();
                for rows in windows(0..segment.rows()) {
                    rollup.add_rows(&segment.read(&[rows], Some(&LogRollup::COLUMNS))?);
                }
                SegmentRollup::Logs(rollup)
            }
            Signal::Traces | Signal::Metrics => {
                let mut rollup = Rollup::default();
                for rows in windows(0..segment.rows()) {
                    let columns = segment.read(&[rows], Some(&COLUMNS))?;
                    let mut pass = SpanPass::default();
                    pass.visit(&columns, &[], 0..columns.rows, None, 0);
                    rollup.unite(pass.rollup());
                }
                rollup.add_calls(&calls_within(&segment)?);
                SegmentRollup::Spans(rollup)
            }
        }))
    }

    /// A segment's rollup, which is in memory from then on while there is room.
    fn read_rollup(
        &self,
        table: &Table,
        handle: &Arc<SegmentHandle>,
    ) -> Result<Option<Arc<SegmentRollup>>, QueryError> {
        handle.touch(Slot::Rollup, self.meter.tick());
        if let Some(rollup) = handle.cached_rollup() {
            return Ok(Some(rollup));
        }
        match self.rollup_of(table.signal, handle) {
            Ok(rollup) => {
                handle.cache_rollup(rollup.clone());
                self.trim();
                Ok(Some(rollup))
            }
            Err(error) if is_damage(&error) => {
                self.read_failure(table, handle, error);
                Ok(None)
            }
            Err(error) => Err(QueryError::Disk(error_chain(&error))),
        }
    }
}

impl Rows {
    /// Rows that may be seen of these.
    pub(crate) fn seen(&self, mut rows: Vec<u32>) -> Vec<u32> {
        rows.retain(|row| !self.is_hidden(*row as usize));
        rows
    }
}

/// Whether reading again would fail again.
pub(crate) fn is_damage(error: &Error) -> bool {
    matches!(error, Error::Damaged(_) | Error::Parquet { .. })
}
