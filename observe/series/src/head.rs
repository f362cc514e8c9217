//! Samples in memory that are in the log, and in no file yet.

mod clocks;
mod source;
mod track;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::{RwLock, RwLockReadGuard};

use crate::Exemplar;
use crate::batch::{Batch, BatchSample, BatchValue};
use crate::part::{Column, Part, SourceNumber, TimesCache};
use crate::table::{self, SeriesTable};
use clocks::Clocks;
use track::{Seen, Track};

/// Most exemplars of a series and a minute; newer ones take the place of older ones.
const EXEMPLARS_PER_MINUTE: usize = 8;
/// Most exemplars of a series.
const EXEMPLARS_PER_SERIES: usize = 256;
/// Milliseconds of a minute.
const MINUTE_MS: i64 = 60_000;
/// What an entry of a map in order costs beside key and value.
const MAP_OVERHEAD: usize = 16;

/// Samples of a tenant until they become a file. Cheap to ask while it grows: what is read is copied under a short lock.
#[derive(Debug)]
pub struct Head {
    table: Arc<SeriesTable>,
    rows: RwLock<Rows>,
}

/// What is in a [`Head`].
#[derive(Debug, Default)]
pub(crate) struct Rows {
    clocks: Clocks,
    /// By the number of the series in the table.
    tracks: Vec<Track>,
    /// Samples that came out of order, and such as take the place of others, by series and time.
    late: BTreeMap<(u32, i64), Late>,
    exemplars: HashMap<u32, Vec<Exemplar>>,
    status: HeadStatus,
}

#[derive(Debug, Clone)]
pub(crate) struct Late {
    value: BatchValue,
    start_ms: i64,
}

/// What a head holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HeadStatus {
    /// Samples, each time of a series once.
    pub samples: u64,
    /// Series with samples.
    pub series: u64,
    /// Runs of samples of a series whose times are those of a clock.
    pub chunks: u64,
    /// Memory, without the table's, in bytes.
    pub bytes: usize,
    /// The earliest sample, in milliseconds since 1970; meaningless while there is none.
    pub min_ms: i64,
    /// The latest sample.
    pub max_ms: i64,
    /// Exemplars.
    pub exemplars: u64,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Applied {
    /// Samples of times that their series had no sample of.
    pub added: u64,
    /// Samples that were there already.
    pub same: u64,
    /// Samples that took the place of others.
    pub replaced: u64,
    /// Exemplars that had no room.
    pub exemplars_dropped: u64,
}

impl Head {
    /// An empty head, of a tenant that may have so many active series.
    pub fn new(most_series: usize) -> Arc<Self> {
        Self::of(SeriesTable::new(most_series))
    }

    fn of(table: Arc<SeriesTable>) -> Arc<Self> {
        Arc::new(Self { table, rows: RwLock::default() })
    }

    /// The head that follows when this one waits to become a file. It knows the same series, unless most of them are over.
    pub fn successor(&self) -> Arc<Self> {
        let used = self.rows.read().status.series as usize;
        if used * 2 >= self.table.len() { Self::of(self.table.clone()) } else { Self::new(self.table.most()) }
    }

    /// The series that it knows.
    pub fn table(&self) -> &Arc<SeriesTable> {
        &self.table
    }

    /// An empty batch for this head.
    pub fn batch(&self) -> Batch {
        Batch::new(self.table.clone())
    }

    /// Shows what a batch brings. Batches are applied in the order of the log, each as a whole: of two samples of one series and
    /// time the later one counts.
    ///
    /// # Panics
    ///
    /// If the batch is of another head that has another table.
    pub fn apply(&self, batch: &Batch) -> Applied {
        assert!(batch.is_of(&self.table), "a batch goes to the head that made it");
        for entry in &batch.metadata {
            self.table.add_metadata(entry);
        }
        let mut applied = Applied::default();
        // In this order, as everywhere.
        let known = self.table.read();
        let mut rows = self.rows.write();
        for sample in &batch.samples {
            rows.add(&known, sample, &mut applied);
        }
        for (series, exemplar) in &batch.exemplars {
            applied.exemplars_dropped += u64::from(!rows.add_exemplar(series.0, exemplar));
        }
        applied
    }

    /// What it holds.
    pub fn status(&self) -> HeadStatus {
        self.rows.read().status
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Rows> {
        self.rows.read()
    }
}

impl Rows {
    fn add(&mut self, table: &table::Rows, sample: &BatchSample, applied: &mut Applied) {
        let number = sample.series.0 as usize;
        if number >= self.tracks.len() {
            self.tracks.resize_with(number + 1, Track::default);
        }
        let track = &mut self.tracks[number];
        let is_new = track.is_empty();
        let late = track.last_time(&self.clocks).is_some_and(|last| sample.time_ms <= last);
        if late {
            return self.amend(sample, applied);
        }
        let key = || table.series()[number].clock;
        let grown = track.push(&mut self.clocks, key, sample);
        self.status.bytes += grown.bytes;
        self.status.chunks += u64::from(grown.is_chunk);
        self.status.series += u64::from(is_new);
        self.count(sample.time_ms);
        applied.added += 1;
    }

    fn count(&mut self, time_ms: i64) {
        let status = &mut self.status;
        let (min, max) = if status.samples == 0 { (time_ms, time_ms) } else { (status.min_ms, status.max_ms) };
        (status.min_ms, status.max_ms) = (min.min(time_ms), max.max(time_ms));
        status.samples += 1;
    }

    /// A sample that is no later than the last one of its series.
    fn amend(&mut self, sample: &BatchSample, applied: &mut Applied) {
        let key = (sample.series.0, sample.time_ms);
        let late = Late { value: sample.value.clone(), start_ms: sample.start_ms };
        if let Some(known) = self.late.get_mut(&key) {
            if known.value.is_same(&late.value) {
                applied.same += 1;
            } else {
                self.status.bytes = self.status.bytes + late.bytes() - known.bytes();
                *known = late;
                applied.replaced += 1;
            }
            return;
        }
        match self.tracks[sample.series.0 as usize].at(&self.clocks, sample.time_ms) {
            Some(value) if value.is_same(&sample.value) => {
                applied.same += 1;
                return;
            }
            Some(_) => applied.replaced += 1,
            None => {
                applied.added += 1;
                self.count(sample.time_ms);
            }
        }
        self.status.bytes += late.bytes();
        self.late.insert(key, late);
    }

    /// Whether there was room.
    fn add_exemplar(&mut self, series: u32, exemplar: &Exemplar) -> bool {
        let known = self.exemplars.entry(series).or_default();
        if known.contains(exemplar) {
            return true;
        }
        let minute = |exemplar: &Exemplar| exemplar.time_ms.div_euclid(MINUTE_MS);
        let of_minute = known.iter().filter(|other| minute(other) == minute(exemplar)).count();
        if of_minute >= EXEMPLARS_PER_MINUTE {
            let oldest = known.iter_mut().filter(|other| minute(other) == minute(exemplar)).min_by_key(|e| e.time_ms);
            if let Some(oldest) = oldest.filter(|oldest| oldest.time_ms <= exemplar.time_ms) {
                *oldest = exemplar.clone();
            }
            return false;
        }
        if known.len() >= EXEMPLARS_PER_SERIES {
            return false;
        }
        let labels: usize = exemplar.labels.iter().map(|label| label.name.len() + label.value.len()).sum();
        self.status.bytes += size_of::<Exemplar>() + labels;
        self.status.exemplars += 1;
        known.push(exemplar.clone());
        true
    }

    /// Whether a series has samples here.
    pub(crate) fn has(&self, series: u32) -> bool {
        self.tracks.get(series as usize).is_some_and(|track| !track.is_empty())
    }

    /// How much of a series there is now. What comes later is left out of [`parts`](Self::parts) with this.
    pub(crate) fn seen(&self, series: u32) -> Seen {
        self.tracks.get(series as usize).map(Track::seen).unwrap_or_default()
    }

    /// Samples of a series later than `after_ms`, up to and including `until_ms`, in the order in which they take each other's place.
    pub(crate) fn parts(
        &self,
        source: SourceNumber,
        series: u32,
        seen: Seen,
        (after_ms, until_ms): (i64, i64),
        times: &mut TimesCache,
    ) -> Vec<Part> {
        let Some(track) = self.tracks.get(series as usize) else { return Vec::new() };
        let mut parts = track.parts(&self.clocks, source, seen, (after_ms, until_ms), times);
        if after_ms < until_ms {
            let first = after_ms.saturating_add(1);
            let late = self.late.range((series, first)..=(series, until_ms));
            let late = late.filter(|((_, time), _)| *time > after_ms);
            parts.extend(late.map(|((_, time), late)| late.part(*time)));
        }
        parts
    }

    /// Exemplars of a series, in the order in which they came.
    pub(crate) fn exemplars(&self, series: u32) -> &[Exemplar] {
        self.exemplars.get(&series).map_or(&[], Vec::as_slice)
    }
}

impl Late {
    fn bytes(&self) -> usize {
        let value = match &self.value {
            BatchValue::Float(_) => 0,
            BatchValue::Histogram(histogram) => histogram.bytes(),
        };
        size_of::<((u32, i64), Self)>() + MAP_OVERHEAD + value
    }

    fn part(&self, time_ms: i64) -> Part {
        let values = match &self.value {
            BatchValue::Float(bits) => Column::Floats(vec![*bits]),
            BatchValue::Histogram(histogram) => Column::Histograms(vec![histogram.clone()]),
        };
        let starts = (self.start_ms != 0).then(|| vec![self.start_ms]);
        Part { key: None, times: Arc::new([time_ms]), values, starts }
    }
}
