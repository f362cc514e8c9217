//! Segments leave when they are too old or too many.

use std::sync::Arc;

use crate::kept::held::Held;
use crate::kept::segments::SegmentStore;
use crate::kept::table::{Counters, Table};
use crate::kept::tables::Tables;
use crate::kept::{Context, Error};

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
        let mut segments: Vec<(Arc<Table>, Arc<Held>)> = Vec::new();
        for table in self.tables.all() {
            segments.extend(table.snapshot().segments.into_iter().map(|held| (table.clone(), held)));
        }
        segments.sort_by_key(|(_, held)| (held.info.last_ms, held.info.number));
        let Context { options, clock, .. } = &*self.context;
        let oldest = options
            .retention
            .map(|kept| clock.now_ms().saturating_sub(i64::try_from(kept.as_millis()).unwrap_or(i64::MAX)));
        let mut bytes: u64 = segments.iter().map(|(_, held)| held.info.bytes).sum();
        let mut gone = 0;
        for (table, held) in &segments {
            let old = oldest.is_some_and(|oldest| held.info.last_ms < oldest);
            let many = options.max_bytes.is_some_and(|most| bytes > most);
            if old || many {
                bytes -= held.info.bytes;
                self.segments.unlist(table, held)?;
                held.doom();
                Counters::add(&table.counters.removed, held.info.rows);
                gone += 1;
            }
        }
        Ok(gone)
    }
}
