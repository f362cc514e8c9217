//! Segments leave when they are too old or too many.

use std::sync::Arc;

use crate::column_engine::segment_handle::SegmentHandle;
use crate::column_engine::segments::SegmentStore;
use crate::column_engine::series::{SeriesHandle, TenantSeries};
use crate::column_engine::table::{Counters, Table};
use crate::column_engine::tables::Tables;
use crate::column_engine::{Context, Error};

/// Lets go of segments.
#[derive(Debug)]
pub(crate) struct Retention {
    context: Arc<Context>,
    tables: Arc<Tables>,
    segments: Arc<SegmentStore>,
}

impl Retention {
    pub(crate) fn new(context: Arc<Context>, tables: Arc<Tables>, segments: Arc<SegmentStore>) -> Self {
        Self { context, tables, segments }
    }

    /// Removes segments that are too old, then the oldest until the rest is small enough. Returns how many.
    ///
    /// A segment is as old as the time since its last row became part of one. What senders say of times does not count:
    /// rows of long ago, or of no known time, stay as long as all others, and rows from the future no longer.
    pub(crate) fn expire(&self) -> Result<usize, Error> {
        let _turn = self.segments.replacing();
        let mut segments: Vec<(Arc<Table>, Held)> = Vec::new();
        for table in self.tables.all() {
            segments.extend(table.snapshot().segments.into_iter().map(|handle| (table.clone(), Held::Rows(handle))));
            let files = table.series.as_ref().map(TenantSeries::files).unwrap_or_default();
            segments.extend(files.into_iter().map(|handle| (table.clone(), Held::Series(handle))));
        }
        segments.sort_by_key(|(_, held)| held.age());
        let Context { options, clock, .. } = &*self.context;
        let oldest = options
            .retention
            .map(|kept| clock.now_ms().saturating_sub(i64::try_from(kept.as_millis()).unwrap_or(i64::MAX)));
        let mut bytes: u64 = segments.iter().map(|(_, held)| held.bytes()).sum();
        let mut gone = 0;
        for (table, held) in &segments {
            let old = oldest.is_some_and(|oldest| held.age().0 < oldest);
            let many = options.max_bytes.is_some_and(|most| bytes > most);
            if old || many {
                bytes -= held.bytes();
                self.remove(table, held)?;
                gone += 1;
            }
        }
        Ok(gone)
    }

    fn remove(&self, table: &Table, held: &Held) -> Result<(), Error> {
        match held {
            Held::Rows(handle) => {
                self.segments.unlist(table, handle)?;
                handle.mark_deleted();
                Counters::add(&table.counters.removed, handle.info.rows);
            }
            Held::Series(handle) => {
                if let Some(series) = &table.series {
                    self.segments.unlist_series(table, series, handle)?;
                    handle.mark_deleted();
                    Counters::add(&series.counters.removed, handle.info.samples);
                }
            }
        }
        Ok(())
    }
}

/// What leaves as a whole: a segment of rows, or a file of series.
enum Held {
    Rows(Arc<SegmentHandle>),
    Series(Arc<SeriesHandle>),
}

impl Held {
    /// When the last of it came into a segment or a file, and its number.
    fn age(&self) -> (i64, u64) {
        match self {
            Self::Rows(handle) => (handle.info.last_ms, handle.info.number),
            Self::Series(handle) => (handle.info.last_ms, handle.info.number),
        }
    }

    fn bytes(&self) -> u64 {
        match self {
            Self::Rows(handle) => handle.info.bytes,
            Self::Series(handle) => handle.info.bytes,
        }
    }
}
