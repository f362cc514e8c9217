//! Segments become larger segments.
//!
//! The new segment's files are written; then the catalogue lists it in place of the old ones, at once; then queries see
//! it in place of them; the old files are removed when nobody reads them any more. A crash leaves files that no catalogue
//! lists, and the next start removes them.

use std::sync::Arc;

use vitrine_observe_columns::{Error, Segment, WriteOptions, merge};

use crate::Signal;
use crate::kept::catalogue::Info;
use crate::kept::held::Held;
use crate::kept::policy::Bounds;
use crate::kept::read::windows;
use crate::kept::rollup::Rollup;
use crate::kept::seal::{Finished, PAGE_ROWS};
use crate::kept::table::Table;
use crate::kept::{AFTER_FAILURE, Error as Failure, Inner, TICK};

/// How hard merged segments are compressed: they stay. Higher levels make them smaller by about a thousandth.
const ZSTD_LEVEL: i32 = 5;

/// Merges and removes segments until the engine is closed.
pub(crate) fn run(inner: &Inner) {
    let mut pause = TICK;
    while !inner.is_closed() {
        inner.to_merge.wait(pause);
        let outcome = inner.expire().and_then(|_| {
            while !inner.is_closed() && inner.merge_once()? {}
            Ok(())
        });
        pause = match outcome {
            Ok(()) => TICK,
            Err(error) => {
                inner.troubles.fail(&error);
                AFTER_FAILURE
            }
        };
    }
}

impl Inner {
    pub(crate) fn bounds(&self) -> Bounds {
        Bounds {
            now_ms: self.clock.now_ms(),
            fan_in: self.options.fan_in,
            rows: self.options.max_segment_rows,
            column_bytes: self.options.max_column_bytes,
            retention: self.options.retention,
        }
    }

    /// Merges once, if a merge is due anywhere.
    pub(crate) fn merge_once(&self) -> Result<bool, Failure> {
        let _merging = self.merging.lock();
        for table in self.all_tables() {
            let segments = table.snapshot().segments;
            let infos: Vec<Info> = segments.iter().map(|held| held.info).collect();
            if let Some(chosen) = self.bounds().choose(&infos) {
                let inputs = chosen
                    .iter()
                    .filter_map(|number| segments.iter().find(|held| held.info.number == *number).cloned())
                    .collect();
                self.merge(&table, inputs)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn merge(&self, table: &Table, inputs: Vec<Arc<Held>>) -> Result<(), Failure> {
        let mut segments = Vec::with_capacity(inputs.len());
        for held in &inputs {
            match held.segment() {
                Ok(segment) => segments.push(segment),
                Err(error) => {
                    self.failed_reading(table, held, error);
                    return Ok(());
                }
            }
        }
        let mut rollup = None;
        if table.signal == Signal::Traces {
            let mut united = Rollup::default();
            for held in &inputs {
                match self.rollup_of(held) {
                    Ok(figures) => united.unite(&figures),
                    Err(error) => {
                        self.failed_reading(table, held, error);
                        return Ok(());
                    }
                }
            }
            rollup = Some(united);
        }
        let number = self.number();
        let numbers: Vec<u64> = inputs.iter().map(|held| held.info.number).collect();
        let first_ms = inputs.iter().map(|held| held.info.first_ms).min().unwrap_or_default();
        let last_ms = inputs.iter().map(|held| held.info.last_ms).max().unwrap_or_default();
        let built = self.build(table, number, |file| {
            let options = WriteOptions { zstd_level: ZSTD_LEVEL, page_rows: PAGE_ROWS };
            let written = merge(table.signal.definition(), &segments, &options, file)?;
            Ok(Finished { written, rollup, since: Some((first_ms, last_ms)) })
        });
        let held = match built {
            Err(Failure::Segment { cause: cause @ Error::Damaged(_), .. }) => {
                return self.find_damage(table, &inputs, cause);
            }
            built => built?,
        };
        drop(segments);
        let listed = self.list_new(&held, |contents| {
            contents.next = contents.next.max(number + 1);
            let listed = &mut contents.table(table.tenant.name(), table.signal).segments;
            // One of them may have turned out to be damaged meanwhile.
            let all = numbers.iter().all(|number| listed.iter().any(|info| info.number == *number));
            if all {
                listed.retain(|info| !numbers.contains(&info.number));
                listed.push(held.info);
            }
            all
        })?;
        if !listed {
            held.doom();
            return Ok(());
        }
        table.replace(&numbers, Some(held)).iter().for_each(|held| held.doom());
        drop(inputs);
        Ok(())
    }

    /// Takes out the segments that keep others from being merged.
    fn find_damage(&self, table: &Table, inputs: &[Arc<Held>], cause: Error) -> Result<(), Failure> {
        let mut found = false;
        for held in inputs {
            let read = |segment: Segment| {
                windows(0..segment.rows()).try_for_each(|rows| segment.read(&[rows], None).map(|_| ()))
            };
            if let Err(error) = held.segment().and_then(read) {
                found = true;
                self.failed_reading(table, held, error);
            }
        }
        if found {
            return Ok(());
        }
        let number = inputs.first().map_or(0, |held| held.info.number);
        Err(Failure::Segment { action: "merge", number, table: table.name(), cause })
    }
}
