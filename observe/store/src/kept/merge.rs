//! Segments become larger segments.
//!
//! The new segment's files are written; then the catalogue lists it in place of the old ones, at once; then queries see
//! it in place of them; the old files are removed when nobody reads them any more. A crash leaves files that no catalogue
//! lists, and the next start removes them.

use std::sync::Arc;

use vitrine_observe_columns::{Error, Segment, WriteOptions, merge};

use crate::Signal;
use crate::kept::bell::Bell;
use crate::kept::catalogue::Info;
use crate::kept::held::Held;
use crate::kept::read::{Reader, windows};
use crate::kept::retention::Retention;
use crate::kept::rollup::Rollup;
use crate::kept::segments::{Finished, PAGE_ROWS, SegmentStore};
use crate::kept::table::Table;
use crate::kept::tables::Tables;
use crate::kept::{AFTER_FAILURE, Context, Error as Failure, TICK};

/// How hard merged segments are compressed: they stay. Higher levels make them smaller by about a thousandth.
const ZSTD_LEVEL: i32 = 5;

/// Merges segments.
#[derive(Debug)]
pub(crate) struct Merger {
    context: Arc<Context>,
    tables: Arc<Tables>,
    segments: Arc<SegmentStore>,
    /// Reads the figures of segments, and takes out what is damaged.
    reader: Arc<Reader>,
    /// Rung when there are new segments.
    due: Arc<Bell>,
}

impl Merger {
    pub(crate) fn new(
        context: Arc<Context>,
        tables: Arc<Tables>,
        segments: Arc<SegmentStore>,
        reader: Arc<Reader>,
        due: Arc<Bell>,
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

    /// Merges once, if a merge is due anywhere.
    pub(crate) fn merge_once(&self) -> Result<bool, Failure> {
        let _turn = self.segments.replacing();
        for table in self.tables.all() {
            let segments = table.snapshot().segments;
            let infos: Vec<Info> = segments.iter().map(|held| held.info).collect();
            if let Some(chosen) = self.context.bounds().choose(&infos) {
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
                    self.reader.failed_reading(table, held, error);
                    return Ok(());
                }
            }
        }
        let mut rollup = None;
        if table.signal == Signal::Traces {
            let mut united = Rollup::default();
            for held in &inputs {
                match self.reader.rollup_of(held) {
                    Ok(figures) => united.unite(&figures),
                    Err(error) => {
                        self.reader.failed_reading(table, held, error);
                        return Ok(());
                    }
                }
            }
            rollup = Some(united);
        }
        let number = self.segments.number();
        let numbers: Vec<u64> = inputs.iter().map(|held| held.info.number).collect();
        let first_ms = inputs.iter().map(|held| held.info.first_ms).min().unwrap_or_default();
        let last_ms = inputs.iter().map(|held| held.info.last_ms).max().unwrap_or_default();
        let built = self.segments.build(table, number, |file| {
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
        let listed = self.segments.list(&held, |contents| {
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
                self.reader.failed_reading(table, held, error);
            }
        }
        if found {
            return Ok(());
        }
        let number = inputs.first().map_or(0, |held| held.info.number);
        Err(Failure::Segment { action: "merge", number, table: table.name(), cause })
    }
}
