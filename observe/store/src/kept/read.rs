//! Reading: what all queries have in common.

mod engine;
mod filter;
mod scan;
mod search;
mod traces;
mod values;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use vitrine_observe_columns::{Columns, Error, Segment};

use crate::engine::{QueryError, RedQuery, RedRow, Tenant};
use crate::kept::Inner;
use crate::kept::graph::{Graph, calls_within};
use crate::kept::held::Held;
use crate::kept::part::Rows;
use crate::kept::rollup::{COLUMNS, Calls, Counted, Red, Rollup};
use crate::kept::table::{Snapshot, Table};
use crate::{Dependency, Operation, Options, Signal};

/// Rows that are read at once where all are read.
pub(crate) const WINDOW: usize = 8192;
/// Segments' caches may take this part of the memory.
const CACHE_PART: usize = 2;

/// Memory and time that a query has used, within its limits.
pub(crate) struct Spent {
    used: usize,
    most: usize,
    began: Instant,
    longest: Duration,
}

impl Spent {
    /// Counts what was read.
    pub(crate) fn add(&mut self, columns: &Columns) -> Result<(), QueryError> {
        self.add_bytes(columns.bytes())
    }

    /// Counts bytes.
    pub(crate) fn add_bytes(&mut self, bytes: usize) -> Result<(), QueryError> {
        self.used += bytes;
        if self.used > self.most { Err(QueryError::TooMuch { bytes: self.most }) } else { self.check_time() }
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

impl Inner {
    pub(crate) fn spent(&self) -> Spent {
        let Options { query_memory_bytes: most, query_time: longest, .. } = self.options;
        Spent { used: 0, most, began: Instant::now(), longest }
    }

    /// All rows of a tenant and a signal at this moment; none if the tenant never sent something.
    fn rows(&self, tenant: &Tenant, signal: Signal) -> Option<(Arc<Table>, Snapshot)> {
        let table = self.table(tenant, signal)?;
        let snapshot = table.snapshot();
        Some((table, snapshot))
    }

    /// Reads from a segment. One that is damaged is taken out, and answers nothing.
    pub(crate) fn read<T>(
        &self,
        table: &Table,
        held: &Arc<Held>,
        read: impl FnOnce(&Segment) -> Result<T, Error>,
    ) -> Result<Option<T>, QueryError> {
        held.used.store(self.meter.tick(), Ordering::Relaxed);
        match held.segment().and_then(|segment| read(&segment)) {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if is_damage(&error) => {
                self.failed_reading(table, held, error);
                Ok(None)
            }
            Err(error) => Err(QueryError::Disk(story(&error))),
        }
    }

    /// Takes a damaged segment out and keeps its files; notes every other failure.
    pub(crate) fn failed_reading(&self, table: &Table, held: &Arc<Held>, error: Error) {
        let number = held.info.number;
        let story = format!("segment {number} of {} cannot be read: {}", table.name(), story(&error));
        if !is_damage(&error) {
            return self.troubles.tell(story);
        }
        if !table.snapshot().segments.iter().any(|known| Arc::ptr_eq(known, held)) {
            return;
        }
        if let Err(error) = self.unlist(table, held) {
            return self.troubles.fail(&error);
        }
        held.files.quarantine(number);
        self.troubles.quarantined(format!("{story}; it was renamed to .damaged, restore it from a backup"));
    }

    /// Closes the segments that were not read for longest, until caches are small enough.
    pub(crate) fn trim(&self) {
        let most = self.options.memory_bytes / CACHE_PART;
        let mut open: Vec<(u64, usize, Arc<Held>)> = Vec::new();
        for table in self.all_tables() {
            let segments = table.snapshot().segments.into_iter();
            let held = segments.map(|held| (held.used.load(Ordering::Relaxed), held.bytes(), held));
            open.extend(held.filter(|(_, bytes, _)| *bytes > 0));
        }
        let mut sum: usize = open.iter().map(|(_, bytes, _)| bytes).sum();
        open.sort_unstable_by_key(|(used, _, _)| std::cmp::Reverse(*used));
        while sum > most
            && let Some((_, bytes, held)) = open.pop()
        {
            held.close();
            sum -= bytes;
        }
    }

    /// A segment's figures; made anew if they are damaged.
    pub(crate) fn rollup_of(&self, held: &Held) -> Result<Rollup, Error> {
        let found = held.rollup().map_err(|cause| Error::Io { what: "read a segment's figures", cause })?;
        if let Some(rollup) = found {
            return Ok(rollup);
        }
        let segment = held.segment()?;
        let mut rollup = Rollup::default();
        for rows in windows(0..segment.rows()) {
            let columns = segment.read(&[rows], Some(&COLUMNS))?;
            let mut counted = Counted::default();
            counted.add(&columns, 0..columns.rows);
            rollup.unite(counted.rollup());
        }
        rollup.add_calls(&calls_within(&segment)?);
        Ok(rollup)
    }

    /// Figures of all spans whose times may lie in this range, one rollup after the other.
    fn rollups(
        &self,
        tenant: &Tenant,
        range: (i64, i64),
        mut each: impl FnMut(&Rollup),
    ) -> Result<Option<Snapshot>, QueryError> {
        let Some((table, snapshot)) = self.rows(tenant, Signal::Traces) else { return Ok(None) };
        let spent = self.spent();
        for held in &snapshot.segments {
            if held.info.max_time < range.0 || held.info.min_time > range.1 {
                continue;
            }
            if let Some(rollup) = self.read_rollup(&table, held)? {
                each(&rollup);
            }
            spent.check_time()?;
        }
        snapshot.parts.iter().for_each(|part| each(part.0.read().counted.rollup()));
        Ok(Some(snapshot))
    }

    fn read_rollup(&self, table: &Table, held: &Arc<Held>) -> Result<Option<Rollup>, QueryError> {
        match self.rollup_of(held) {
            Ok(rollup) => Ok(Some(rollup)),
            Err(error) if is_damage(&error) => {
                self.failed_reading(table, held, error);
                Ok(None)
            }
            Err(error) => Err(QueryError::Disk(story(&error))),
        }
    }

    pub(crate) fn services(&self, tenant: &Tenant) -> Result<Vec<String>, QueryError> {
        let mut services = BTreeSet::new();
        self.rollups(tenant, (i64::MIN, i64::MAX), |rollup| rollup.services(&mut services))?;
        Ok(services.into_iter().collect())
    }

    pub(crate) fn operations(&self, tenant: &Tenant, service: &str) -> Result<Vec<Operation>, QueryError> {
        let mut operations = BTreeSet::new();
        self.rollups(tenant, (i64::MIN, i64::MAX), |rollup| rollup.operations(service, &mut operations))?;
        Ok(operations.into_iter().collect())
    }

    pub(crate) fn red(&self, tenant: &Tenant, query: &RedQuery) -> Result<Vec<RedRow>, QueryError> {
        let mut red = Red::new(query);
        self.rollups(tenant, red.range(), |rollup| rollup.red(query, &mut red))?;
        Ok(red.rows())
    }

    pub(crate) fn dependencies(
        &self,
        tenant: &Tenant,
        min_ns: i64,
        max_ns: i64,
    ) -> Result<Vec<Dependency>, QueryError> {
        let mut calls = Calls::default();
        // A segment counts calls that it completes, also those of which the other segment has the span that gives the time.
        let all = (i64::MIN, i64::MAX);
        let snapshot = self.rollups(tenant, all, |rollup| rollup.calls(min_ns, max_ns, &mut calls))?;
        if let (Some(snapshot), Some(table)) = (snapshot, self.table(tenant, Signal::Traces)) {
            let (mut fresh, mut spent) = (Graph::default(), self.spent());
            for part in &snapshot.parts {
                let rows = part.0.read();
                let before = fresh.bytes();
                fresh.add(rows.columns(), rows.visible().into_iter().flatten());
                spent.add_bytes(fresh.bytes() - before)?;
            }
            let difference = self.new_calls(&table, &snapshot.segments, fresh, Some(&mut spent))?;
            for (parent, child, _, count) in
                difference.counts().filter(|(.., start, _)| (min_ns..=max_ns).contains(start))
            {
                calls.add(&String::from_utf8_lossy(parent), &String::from_utf8_lossy(child), count);
            }
        }
        Ok(calls.dependencies())
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

fn story(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
