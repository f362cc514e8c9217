//! Series one after the other, with all that is kept of them: for who wants every sample as it was sent.
//!
//! Unlike a [selection](crate::Selection) it does not know all series beforehand: where they are is found for a part of all ids at
//! a time, so that a million series of many files take bounded memory. What was sent of a series comes before its samples, which are
//! decoded for those only that someone asks for.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use roaring::RoaringBitmap;

use crate::part::{Joined, SourceNumber, TimesCache, join};
use crate::snapshot::Snapshot;
use crate::source::{PartReader, Source};
use crate::{
    Budget, Exemplar, Labels, MetricType, Projection, QueryError, Reservation, Select, SeriesId, Temporality, Values,
};

/// Series of a block.
const BLOCK_SERIES: usize = 256;
/// Views that are looked at together while series are found.
const VIEWS: usize = 1 << 16;
/// Where series are takes about so many bytes; where it would take more, ids are gone through in several turns.
const PLACES_BYTES: usize = 16 << 20;
/// Most turns.
const MAX_TURNS: usize = 256;
/// What a sample takes at least: its time, its value, and when its total began.
const SAMPLE_BYTES: usize = 24;
/// Times are kept for later series up to so many bytes.
const TIMES_BYTES: usize = 4 << 20;
/// The label that has the upper bound of a histogram's bucket.
const LE: &str = "le";

/// A series, and what was sent of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ScannedSeries {
    /// Its id.
    pub id: SeriesId,
    /// The bytes that its sender's naming of it was reduced to.
    pub identity: Bytes,
    /// What it counts like.
    pub kind: MetricType,
    /// What a total starts from.
    pub temporality: Temporality,
    /// Its labels; of a histogram that is shown as several series, what they have in common.
    pub labels: Labels,
}

/// Samples of one series, with times that rise.
#[derive(Debug, Clone, PartialEq)]
pub struct ScannedSamples {
    /// Milliseconds since 1970.
    pub times: Arc<[i64]>,
    /// As many values.
    pub values: Values,
    /// When each total began, in milliseconds since 1970, 0 where it is not known; none where no sample has one.
    pub starts: Option<Arc<[i64]>>,
}

/// Where a series is.
#[derive(Debug, Clone, Copy)]
struct Location {
    id: SeriesId,
    source: SourceNumber,
    series: u32,
    /// One of its views that meet the conditions.
    view: u32,
    projection: Projection,
    kind: MetricType,
    temporality: Temporality,
}

/// Series as they are gone through.
pub struct Scan {
    sources: Vec<Arc<dyn Source>>,
    /// Views of each source that meet the conditions.
    chosen: Vec<RoaringBitmap>,
    /// After the first, up to and including the second, in milliseconds since 1970.
    range: (i64, i64),
    budget: Arc<Budget>,
    turn: usize,
    turns: usize,
    places: Vec<Location>,
    /// Places of one series each, in the order in which the series stand in the first source that has them.
    groups: Vec<Range<usize>>,
    /// The next group.
    next: usize,
    /// Groups of the block that was returned last.
    block: Range<usize>,
    readers: Vec<Option<Box<dyn PartReader>>>,
    /// Series without labels, by their ids.
    hidden: HashMap<SeriesId, Vec<(SourceNumber, u32)>>,
    times: TimesCache,
    /// Of what is known of all turns.
    _for_all: Reservation,
    /// Of the places of this turn.
    in_turn: Reservation,
}

impl Snapshot {
    /// Goes through the series that have samples in a time and meet all conditions; with `hidden` also those without labels can be
    /// [asked for](Scan::hidden).
    ///
    /// # Errors
    ///
    /// What is kept cannot be read, or the budget does not suffice.
    pub fn scan(&self, select: Select, hidden: bool, budget: &Arc<Budget>) -> Result<Scan, QueryError> {
        let first = select.after_ms.saturating_add(1);
        let sources = self.sources.iter().filter(|source| source.overlaps(first, select.until_ms));
        let sources: Vec<Arc<dyn Source>> = sources.cloned().collect();
        let mut found: HashMap<SeriesId, Vec<(SourceNumber, u32)>> = HashMap::new();
        let mut chosen = Vec::with_capacity(sources.len());
        for (number, source) in sources.iter().enumerate() {
            budget.check()?;
            chosen.push(source.resolve(&select.matchers)?);
            if hidden {
                for (id, series) in source.hidden()? {
                    found.entry(id).or_default().push((number as SourceNumber, series));
                }
            }
        }
        let views: usize = chosen.iter().map(|views| views.len() as usize).sum();
        let turns = (views * size_of::<Location>()).div_ceil(PLACES_BYTES).clamp(1, MAX_TURNS);
        let bytes = found.len() * (size_of::<SeriesId>() + size_of::<Vec<(SourceNumber, u32)>>())
            + chosen.iter().map(RoaringBitmap::serialized_size).sum::<usize>();
        Ok(Scan {
            sources,
            chosen,
            range: (select.after_ms, select.until_ms),
            budget: budget.clone(),
            turn: 0,
            turns,
            places: Vec::new(),
            groups: Vec::new(),
            next: 0,
            block: 0..0,
            readers: Vec::new(),
            hidden: found,
            times: TimesCache::default(),
            _for_all: budget.reserve(bytes)?,
            in_turn: budget.reserve(0)?,
        })
    }
}

impl Scan {
    /// The next series, at most some hundred; none at the end.
    ///
    /// # Errors
    ///
    /// As for [`Snapshot::scan`].
    pub fn next_block(&mut self) -> Result<Option<Vec<ScannedSeries>>, QueryError> {
        while self.next == self.groups.len() {
            if self.turn == self.turns {
                return Ok(None);
            }
            self.find()?;
            self.turn += 1;
        }
        self.budget.check()?;
        if self.times.bytes() > TIMES_BYTES {
            self.times = TimesCache::default();
        }
        let end = self.groups.len().min(self.next + BLOCK_SERIES);
        self.block = self.next..end;
        self.next = end;
        self.describe().map(Some)
    }

    /// Finds series whose ids it is the turn of.
    fn find(&mut self) -> Result<(), QueryError> {
        (self.places, self.groups, self.next) = (Vec::new(), Vec::new(), 0);
        self.in_turn = self.budget.reserve(0)?;
        for (number, (source, chosen)) in self.sources.iter().zip(&self.chosen).enumerate() {
            let mut views = chosen.iter();
            loop {
                let some: RoaringBitmap = views.by_ref().take(VIEWS).collect();
                if some.is_empty() {
                    break;
                }
                self.budget.check()?;
                for info in source.views(&some)? {
                    let source = number as SourceNumber;
                    let is_known = self.places.last().is_some_and(|it| (it.source, it.series) == (source, info.series));
                    if is_known || turn_of(info.id, self.turns) != self.turn {
                        continue;
                    }
                    self.places.push(Location {
                        id: info.id,
                        source,
                        series: info.series,
                        view: info.view,
                        projection: info.projection,
                        kind: info.kind,
                        temporality: info.temporality,
                    });
                }
            }
        }
        self.in_turn =
            self.budget.reserve(self.places.capacity() * (size_of::<Location>() + size_of::<Range<usize>>()))?;
        self.places.sort_unstable_by_key(|place| (place.id, place.source));
        let mut begin = 0;
        for group in self.places.chunk_by(|one, other| one.id == other.id) {
            self.groups.push(begin..begin + group.len());
            begin += group.len();
        }
        // Neighbours in a file are read together.
        let places = &self.places;
        self.groups.sort_unstable_by_key(|group| (places[group.start].source, places[group.start].series));
        let mut wanted: Vec<Vec<u32>> = vec![Vec::new(); self.sources.len()];
        self.places.iter().for_each(|place| wanted[place.source as usize].push(place.series));
        self.hidden.values().flatten().for_each(|(source, series)| wanted[*source as usize].push(*series));
        let readers = self.sources.iter().zip(&wanted).enumerate().map(|(number, (source, series))| {
            (!series.is_empty()).then(|| source.clone().reader(number as SourceNumber, series))
        });
        self.readers = readers.collect();
        self.times = TimesCache::default();
        Ok(())
    }

    /// What is known of the series of the block. What the newest source says of a series counts.
    fn describe(&self) -> Result<Vec<ScannedSeries>, QueryError> {
        let newest = |group: &Range<usize>| self.places[group.end - 1];
        let places: Vec<Location> = self.groups[self.block.clone()].iter().map(newest).collect();
        let mut found: Vec<Option<ScannedSeries>> = vec![None; places.len()];
        for (number, source) in self.sources.iter().enumerate() {
            let of_source = places.iter().enumerate().filter(|(_, place)| place.source as usize == number);
            let mut of_source: Vec<(usize, &Location)> = of_source.collect();
            if of_source.is_empty() {
                continue;
            }
            of_source.sort_unstable_by_key(|(_, place)| place.view);
            let labels = source.labels(&of_source.iter().map(|(_, place)| place.view).collect::<Vec<u32>>())?;
            let identities =
                source.identities(&of_source.iter().map(|(_, place)| place.series).collect::<Vec<u32>>())?;
            for (((at, place), labels), identity) in of_source.into_iter().zip(labels).zip(identities) {
                let Location { id, kind, temporality, projection, .. } = *place;
                let labels = family(&labels, projection);
                found[at] = Some(ScannedSeries { id, identity, kind, temporality, labels });
            }
        }
        Ok(found.into_iter().flatten().collect())
    }

    /// Samples of a series of the block that was returned last, by its place there.
    ///
    /// # Errors
    ///
    /// As for [`Snapshot::scan`].
    pub fn samples(&mut self, at: usize) -> Result<ScannedSamples, QueryError> {
        let group = self.groups[self.block.start + at].clone();
        let places: Vec<(SourceNumber, u32)> =
            self.places[group.clone()].iter().map(|place| (place.source, place.series)).collect();
        self.read(self.places[group.start].id, &places)
    }

    /// Samples of the series without labels that has this identity; none if there is no such series.
    ///
    /// # Errors
    ///
    /// As for [`Snapshot::scan`].
    pub fn hidden(&mut self, identity: &[u8]) -> Result<Option<ScannedSamples>, QueryError> {
        if self.hidden.is_empty() {
            return Ok(None);
        }
        let id = SeriesId::of(identity);
        let Some(places) = self.hidden.get(&id).cloned() else { return Ok(None) };
        self.read(id, &places).map(Some)
    }

    fn read(&mut self, id: SeriesId, places: &[(SourceNumber, u32)]) -> Result<ScannedSamples, QueryError> {
        self.budget.check()?;
        let mut parts = Vec::new();
        for (source, series) in places {
            if let Some(reader) = &mut self.readers[*source as usize] {
                parts.extend(reader.parts((*series, id), self.range, &mut self.times)?);
            }
        }
        let Joined { times, values, starts } = join(parts, &mut self.times);
        self.budget.read_samples(times.len() as u64)?;
        // They are held by who asked.
        self.budget.fits(times.len() * SAMPLE_BYTES)?;
        Ok(ScannedSamples { times, values, starts })
    }

    /// Exemplars of a series of the block that was returned last, by its place there, in order of time and each once.
    ///
    /// # Errors
    ///
    /// As for [`Snapshot::scan`].
    pub fn exemplars(&self, at: usize) -> Result<Vec<Exemplar>, QueryError> {
        let mut found = Vec::new();
        for place in &self.places[self.groups[self.block.start + at].clone()] {
            found.extend(self.sources[place.source as usize].exemplars((place.series, place.id))?);
        }
        let (after_ms, until_ms) = self.range;
        found.retain(|exemplar| after_ms < exemplar.time_ms && exemplar.time_ms <= until_ms);
        found.sort_by_key(|exemplar| exemplar.time_ms);
        found.dedup();
        Ok(found)
    }
}

/// When it is the turn of an id.
fn turn_of(SeriesId(id): SeriesId, turns: usize) -> usize {
    (id % turns as u128) as usize
}

/// What the series have in common that a histogram is shown as.
fn family(labels: &Labels, projection: Projection) -> Labels {
    let (suffix, is_bucket) = match projection {
        Projection::Whole => return labels.clone(),
        Projection::Bucket(_) => ("_bucket", true),
        Projection::Count => ("_count", false),
        Projection::Sum => ("_sum", false),
    };
    let metric = labels.metric();
    let name = metric.strip_suffix(suffix).unwrap_or(metric);
    let kept = labels.iter().filter(|label| !(is_bucket && *label.name == *LE));
    Labels::of(kept.map(|label| match &*label.name {
        crate::NAME => (crate::NAME, name),
        other => (other, &*label.value),
    }))
}
