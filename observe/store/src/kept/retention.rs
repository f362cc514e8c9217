//! Segments leave when they are too old or too many.

use std::sync::Arc;

use crate::kept::held::Held;
use crate::kept::table::{Counters, Table};
use crate::kept::{Error, Inner};

impl Inner {
    /// Removes segments that are too old, then the oldest until the rest is small enough. Returns how many.
    ///
    /// A segment is as old as the time since its last row became part of one. What senders say of times does not count:
    /// rows of long ago, or of no known time, stay as long as all others, and rows from the future no longer.
    pub(crate) fn expire(&self) -> Result<usize, Error> {
        let _merging = self.merging.lock();
        let mut segments: Vec<(Arc<Table>, Arc<Held>)> = Vec::new();
        for table in self.all_tables() {
            segments.extend(table.snapshot().segments.into_iter().map(|held| (table.clone(), held)));
        }
        segments.sort_by_key(|(_, held)| (held.info.last_ms, held.info.number));
        let oldest = self
            .options
            .retention
            .map(|kept| self.clock.now_ms().saturating_sub(i64::try_from(kept.as_millis()).unwrap_or(i64::MAX)));
        let mut bytes: u64 = segments.iter().map(|(_, held)| held.info.bytes).sum();
        let mut gone = 0;
        for (table, held) in &segments {
            let old = oldest.is_some_and(|oldest| held.info.last_ms < oldest);
            let many = self.options.max_bytes.is_some_and(|most| bytes > most);
            if old || many {
                bytes -= held.info.bytes;
                self.unlist(table, held)?;
                held.doom();
                Counters::add(&table.counters.removed, held.info.rows);
                gone += 1;
            }
        }
        Ok(gone)
    }

    /// Takes a segment out of the catalogue and out of sight.
    pub(crate) fn unlist(&self, table: &Table, held: &Held) -> Result<(), Error> {
        let number = held.info.number;
        self.list(|contents| {
            let listed = &mut contents.table(table.tenant.name(), table.signal).segments;
            listed.retain(|info| info.number != number);
        })?;
        table.replace(&[number], None);
        Ok(())
    }
}
