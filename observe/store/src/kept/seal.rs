//! Rows in memory become segments.
//!
//! The files are written and made to last; then the catalogue lists the segment, and the position of the log up to which
//! a restart need not read; then queries see the segment in place of the rows; then the log is cut. Rows of a table become
//! segments in the order in which they came.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use vitrine_observe_columns::{Columns, WriteOptions, Written, write};

use crate::Signal;
use crate::kept::catalogue::Info;
use crate::kept::graph::Graph;
use crate::kept::held::Held;
use crate::kept::part::{Part, Rows};
use crate::kept::rollup::Rollup;
use crate::kept::table::Table;
use crate::kept::{AFTER_FAILURE, Error, Inner, TICK};

/// How hard segments from memory are compressed: they are merged soon.
const ZSTD_LEVEL: i32 = 1;
/// Rows of a page.
pub(crate) const PAGE_ROWS: usize = 8192;
/// A part becomes a segment when the log has grown by this share of what it may have since the part's first row: a table that
/// few rows come to must not hold back the log for one that many come to.
const LOG_SHARE: u64 = 8;
/// Open parts may take this part of the memory; beyond, the largest of them become segments early.
const OPEN_PART: usize = 2;

/// Makes segments until the engine is closed.
pub(crate) fn run(inner: &Inner) {
    let mut pause = TICK;
    while !inner.is_closed() {
        inner.to_seal.wait(pause);
        let age = i64::try_from(inner.options.seal_after.as_millis()).unwrap_or(i64::MAX);
        let now = inner.clock.now_ms();
        let (logged, held) = (inner.logged.load(Ordering::Relaxed), inner.options.log_bytes / LOG_SHARE);
        inner.freeze(|part| {
            let rows = part.0.read();
            let is_old = now.saturating_sub(rows.since_ms) >= age || logged.saturating_sub(rows.logged) >= held;
            !rows.is_empty() && is_old
        });
        inner.make_room(inner.budget.most / OPEN_PART);
        pause = match inner.seal_waiting(false) {
            Ok(()) => TICK,
            Err(error) => {
                inner.troubles.fail(&error);
                AFTER_FAILURE
            }
        };
    }
}

/// What is written before a segment is listed.
pub(crate) struct Finished {
    pub written: Written,
    pub rollup: Option<Rollup>,
    /// When the first and the last of its rows became a segment; none if they do so now.
    pub since: Option<(i64, i64)>,
}

impl Inner {
    /// Lets the largest open parts wait to become segments, until all open ones take at most this much memory.
    pub(crate) fn make_room(&self, bytes: usize) {
        let mut open: Vec<(usize, Arc<Table>)> = self
            .all_tables()
            .into_iter()
            .map(|table| (table.open().0.read().share.bytes(), table))
            .filter(|(bytes, _)| *bytes > 0)
            .collect();
        open.sort_by_key(|(bytes, _)| *bytes);
        let mut sum: usize = open.iter().map(|(bytes, _)| bytes).sum();
        while sum > bytes
            && let Some((bytes, table)) = open.pop()
        {
            let _writing = table.writing.lock();
            table.freeze();
            sum -= bytes;
        }
    }

    /// Makes segments of what waits, in the order in which it came. What still waits for the log is waited for if
    /// `all`, and else left for the next time.
    pub(crate) fn seal_waiting(&self, all: bool) -> Result<(), Error> {
        let sealing = self.sealing.lock();
        let mut sealed = 0;
        let mut outcome = Ok(());
        for table in self.all_tables() {
            while let Some(part) = table.first_waiting() {
                if part.0.read().pending > 0 {
                    if !all {
                        // Whoever settles the last request rings again.
                        break;
                    }
                    // The log answers soon, whatever happens.
                    std::thread::yield_now();
                    continue;
                }
                match self.seal(&table, &part) {
                    Ok(()) => sealed += 1,
                    Err(error) => {
                        outcome = Err(error);
                        break;
                    }
                }
            }
        }
        drop(sealing);
        if sealed > 0 {
            self.to_merge.ring();
            self.cut_log()?;
        }
        outcome
    }

    fn seal(&self, table: &Table, part: &Part) -> Result<(), Error> {
        let rows = part.0.read();
        let kept = if rows.holes.is_empty() { None } else { Some(without_holes(&rows)) };
        let columns = kept.as_ref().unwrap_or_else(|| rows.columns());
        let through = u64::from(rows.high);
        if columns.rows == 0 {
            drop(rows);
            table.sealed(None);
            return Ok(());
        }
        let number = self.number();
        let calls = (table.signal == Signal::Traces).then(|| {
            let mut fresh = Graph::default();
            fresh.add(columns, 0..columns.rows);
            let calls = self.new_calls(table, &table.snapshot().segments, fresh, None);
            calls.expect("nothing fails that has no limits")
        });
        let rollup = calls.as_ref().map(|calls| {
            let mut rollup = rows.counted.rollup().clone();
            rollup.add_calls(calls);
            rollup
        });
        let held = self.build(table, number, |file| {
            let options = WriteOptions { zstd_level: ZSTD_LEVEL, page_rows: PAGE_ROWS };
            let written = write(columns, &columns.sort(), &options, file)?;
            Ok(Finished { written, rollup, since: None })
        })?;
        self.list_new(&held, |contents| {
            contents.next = contents.next.max(number + 1);
            let listed = contents.table(table.tenant.name(), table.signal);
            listed.through = listed.through.max(through);
            listed.segments.push(held.info);
        })?;
        drop(rows);
        table.open_traces.lock().extend(calls.into_iter().flat_map(|calls| calls.open));
        table.sealed(Some(held));
        Ok(())
    }

    /// A number for a new segment.
    pub(crate) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Writes a segment's files and makes them last. The segment is not listed yet.
    pub(crate) fn build(
        &self,
        table: &Table,
        number: u64,
        fill: impl FnOnce(&mut File) -> Result<Finished, vitrine_observe_columns::Error>,
    ) -> Result<Arc<Held>, Error> {
        let failed = |cause| Error::Segment { action: "write", number, table: table.name(), cause };
        let path = self.temporary.join(number.to_string());
        let temporary = Temporary(path.clone());
        let mut file = File::create(&path).map_err(Error::io("write", path.display()))?;
        let Finished { written, rollup, since } = fill(&mut file).map_err(failed)?;
        drop(file);
        let files = &table.files;
        let index_bytes = written.index.as_ref().map_or(0, Vec::len) as u64;
        let (has_index, has_rollup) = (written.index.is_some(), rollup.is_some());
        let rollup = rollup.map(|rollup| rollup.encode());
        let rollup_bytes = rollup.as_ref().map_or(0, Vec::len) as u64;
        let put =
            |name: String, temporary: &Temporary| files.depot.put(&name, &temporary.0).map_err(Error::io("keep", name));
        let put_bytes = |name: String, bytes: &[u8]| {
            let temporary = Temporary(self.temporary.join(format!("{number}.beside")));
            std::fs::write(&temporary.0, bytes).map_err(Error::io("write", temporary.0.display()))?;
            put(name, &temporary)
        };
        put(files.rows(number), &temporary)
            .and_then(|()| written.index.map_or(Ok(()), |index| put_bytes(files.index(number), &index)))
            .and_then(|()| rollup.map_or(Ok(()), |rollup| put_bytes(files.rollup(number), &rollup)))
            .inspect_err(|_| files.remove(number))?;
        // Only now: a store may be slow, and rows leave when they were a segment for long enough.
        let (first_ms, last_ms) = since.unwrap_or_else(|| (self.clock.now_ms(), self.clock.now_ms()));
        let info = Info {
            number,
            rows: written.rows as u64,
            file_bytes: written.bytes,
            bytes: written.bytes + index_bytes + rollup_bytes,
            min_time: written.min_time,
            max_time: written.max_time,
            first_ms,
            last_ms,
            largest_column_bytes: written.largest_column_bytes,
            index: has_index,
            rollup: has_rollup,
        };
        Ok(Arc::new(Held::new(info, files.clone(), table.signal.definition())))
    }

    /// Lets the log forget what is in segments.
    fn cut_log(&self) -> Result<(), Error> {
        // First of all: what is appended from here on is behind it.
        let mut needed = self.log.status().end;
        for table in self.all_tables() {
            let _writing = table.writing.lock();
            for part in table.snapshot().parts {
                let rows = part.0.read();
                if !rows.is_empty() {
                    needed = needed.min(rows.low);
                    break;
                }
            }
        }
        self.log.truncate_before(needed)?.wait()?;
        Ok(())
    }
}

/// A file that is removed unless it was moved away.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn without_holes(rows: &Rows) -> Columns {
    let kept: Vec<u32> = rows.visible().into_iter().flatten().map(|row| row as u32).collect();
    rows.columns().take(&kept)
}
