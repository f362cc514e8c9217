//! Segments become larger segments.
//!
//! The new segment's files are written; then the manifest lists it in place of the old ones, at once; then queries see
//! it in place of them; the old files are removed when no process reads them any more. A crash leaves files that no
//! manifest lists, and the next start removes them.

use std::sync::Arc;

use vitrine_observe_columns::{Error, Segment, WriteOptions, merge};

use crate::Signal;
use crate::column_engine::manifest::SegmentInfo;
use crate::column_engine::notify::Notify;
use crate::column_engine::read::{Reader, windows};
use crate::column_engine::retention::Retention;
use crate::column_engine::rollup::SegmentRollup;
use crate::column_engine::segment_handle::SegmentHandle;
use crate::column_engine::segments::{BuiltSegment, PAGE_ROWS, SegmentStore};
use crate::column_engine::table::Table;
use crate::column_engine::tables::Tables;
use crate::column_engine::{AFTER_FAILURE, Context, Error as Failure, TICK};
use crate::engine::Tenant;

/// How hard merged segments are compressed: they stay. Higher levels make them smaller by about a thousandth.
const ZSTD_LEVEL: i32 = 5;

/// What of a tenant's files of series is in memory may take this part of it.
const SERIES_CACHE_PART: usize = 8;

/// Merges segments.
#[derive(Debug)]
pub(crate) struct Merger {
    context: Arc<Context>,
    tables: Arc<Tables>,
    segments: Arc<SegmentStore>,
    /// Reads the totals of segments, and takes out what is damaged.
    reader: Arc<Reader>,
    /// Rung when there are new segments.
    due: Arc<Notify>,
}

impl Merger {
    pub(crate) fn new(
        context: Arc<Context>,
        tables: Arc<Tables>,
        segments: Arc<SegmentStore>,
        reader: Arc<Reader>,
        due: Arc<Notify>,
    ) -> Self {
        Self { context, tables, segments, reader, due }
    }

    /// Merges segments, and lets go of old ones, until the engine is closed.
    pub(crate) fn run(&self, retention: &Retention) {
        let mut pause = TICK;
        while !self.context.is_closed() {
            self.due.wait(pause);
            let outcome = retention.expire().and_then(|_| {
                while !self.context.is_closed() && self.merge_once()? {}
                Ok(())
            });
            pause = match outcome {
                Ok(()) => TICK,
                Err(error) => {
                    self.context.troubles.fail(&error);
                    AFTER_FAILURE
                }
            };
        }
    }

    /// Something may be due.
    pub(crate) fn notify(&self) {
        self.due.notify();
    }

    /// Merges once, if a merge is due anywhere.
    pub(crate) fn merge_once(&self) -> Result<bool, Failure> {
        let _turn = self.segments.replacing();
        for table in self.tables.all() {
            let segments = table.snapshot().segments;
            let infos: Vec<SegmentInfo> = segments.iter().map(|handle| handle.info).collect();
            // Rows of metric points are of earlier releases: they stay as they are until they are too old.
            let is_kept = table.signal == Signal::Metrics;
            if let Some(chosen) = self.context.bounds().choose(&infos).filter(|_| !is_kept) {
                let inputs = chosen
                    .iter()
                    .filter_map(|number| segments.iter().find(|handle| handle.info.number == *number).cloned())
                    .collect();
                self.merge(&table, inputs)?;
                return Ok(true);
            }
            if let Some(series) = &table.series {
                series.trim((self.context.options.memory_bytes / SERIES_CACHE_PART) as u64);
                if series.take_suspicion() {
                    table.verify_series(series, &series.files(), &self.context, &self.segments);
                }
                if table.merge_series(series, &self.context, &self.segments)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Writes one file of series again whose series are called otherwise than they would be now. Returns whether there was one.
    pub(crate) fn reindex_once(&self) -> Result<bool, Failure> {
        let _turn = self.segments.replacing();
        for table in self.tables.all() {
            if let Some(series) = &table.series
                && table.reindex_series(series, &self.context, &self.segments)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Writes all files of a tenant's series anew that hold what was deleted. Returns how many.
    pub(crate) fn clean_tombstones(&self, tenant: &Tenant) -> Result<usize, Failure> {
        let Some(table) = self.tables.get(tenant, Signal::Metrics) else { return Ok(0) };
        let Some(series) = &table.series else { return Ok(0) };
        let mut cleaned = 0;
        // Others have a turn between two files.
        while !self.context.is_closed() {
            let _turn = self.segments.replacing();
            if !table.clean_series(series, &self.context, &self.segments)? {
                break;
            }
            cleaned += 1;
        }
        Ok(cleaned)
    }

    fn merge(&self, table: &Table, inputs: Vec<Arc<SegmentHandle>>) -> Result<(), Failure> {
        let mut segments = Vec::with_capacity(inputs.len());
        for handle in &inputs {
            match handle.segment() {
                Ok(segment) => segments.push(segment),
                Err(error) => {
                    self.reader.read_failure(table, handle, error);
                    return Ok(());
                }
            }
        }
        let mut rollup = SegmentRollup::empty(table.signal);
        if let Some(united) = &mut rollup {
            for handle in &inputs {
                match self.reader.rollup_of(table.signal, handle) {
                    Ok(figures) => united.unite(&figures),
                    Err(error) => {
                        self.reader.read_failure(table, handle, error);
                        return Ok(());
                    }
                }
            }
        }
        let number = self.segments.number();
        let numbers: Vec<u64> = inputs.iter().map(|handle| handle.info.number).collect();
        let first_ms = inputs.iter().map(|handle| handle.info.first_ms).min().unwrap_or_default();
        let last_ms = inputs.iter().map(|handle| handle.info.last_ms).max().unwrap_or_default();
        let built = self.segments.build(table, number, |file| {
            let options = WriteOptions { zstd_level: ZSTD_LEVEL, page_rows: PAGE_ROWS };
            let written = merge(table.signal.definition(), &segments, &options, file)?;
            Ok(BuiltSegment { written, rollup, since: Some((first_ms, last_ms)) })
        });
        let handle = match built {
            Err(Failure::Segment { cause: cause @ Error::Damaged(_), .. }) => {
                return self.find_damage(table, &inputs, cause);
            }
            built => built?,
        };
        drop(segments);
        let listed = self.segments.list(&handle, |contents| {
            let listed = &mut contents.table(table.tenant.name(), table.signal).segments;
            // One of them may have turned out to be damaged meanwhile.
            let all = numbers.iter().all(|number| listed.iter().any(|info| info.number == *number));
            if all {
                listed.retain(|info| !numbers.contains(&info.number));
                listed.push(handle.info);
            }
            all
        })?;
        if !listed {
            handle.mark_deleted();
            return Ok(());
        }
        table.replace(&numbers, Some(handle)).iter().for_each(|handle| handle.mark_deleted());
        drop(inputs);
        Ok(())
    }

    /// Takes out the segments that keep others from being merged.
    fn find_damage(&self, table: &Table, inputs: &[Arc<SegmentHandle>], cause: Error) -> Result<(), Failure> {
        let mut found = false;
        for handle in inputs {
            let read = |segment: Segment| {
                windows(0..segment.rows()).try_for_each(|rows| segment.read(&[rows], None).map(|_| ()))
            };
            if let Err(error) = handle.segment().and_then(read) {
                found = true;
                self.reader.read_failure(table, handle, error);
            }
        }
        if found {
            return Ok(());
        }
        let number = inputs.first().map_or(0, |handle| handle.info.number);
        Err(Failure::Segment { action: "merge", number, table: table.name(), cause })
    }
}
