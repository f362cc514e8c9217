//! The samples of one series in memory.

use std::ops::Range;
use std::sync::Arc;

use crate::Histogram;
use crate::batch::{BatchSample, BatchValue};
use crate::head::clocks::Clocks;
use crate::part::{Column, Part, SourceNumber, TimesCache, TimesKey};

/// Room for values of a series that turns out not to be constant.
const FIRST_CAPACITY: usize = 8;

/// Samples of one series, in chunks that follow each other in time.
#[derive(Debug, Default)]
pub(crate) struct Track {
    chunks: Vec<Chunk>,
}

/// Samples whose times are a part of a clock. The last place is never a gap.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub clock: u32,
    pub first: u32,
    /// Places of the clock from the first sample's to the last one's.
    pub span: u32,
    values: ChunkValues,
    /// What few chunks have.
    more: Option<Box<More>>,
}

#[derive(Debug, Default)]
struct More {
    /// Places, from the first one on, without a sample.
    gaps: Vec<u32>,
    /// From which sample on the total began when; before the first entry it is not known.
    starts: Vec<(u32, i64)>,
}

#[derive(Debug)]
enum ChunkValues {
    /// Most series never change.
    Constant {
        bits: u64,
        count: u32,
    },
    Floats(Vec<u64>),
    Histograms(Vec<Arc<Histogram>>),
}

/// How much of a track there was at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Seen {
    chunks: u32,
    last_span: u32,
}

/// What a sample took.
pub(crate) struct Grown {
    pub bytes: usize,
    pub is_chunk: bool,
}

impl Track {
    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    pub(crate) fn chunks(&self) -> &[Chunk] {
        &self.chunks
    }

    /// The time of the last sample.
    pub(crate) fn last_time(&self, clocks: &Clocks) -> Option<i64> {
        self.chunks.last().map(|chunk| clocks.times(chunk.clock)[chunk.places().end - 1])
    }

    pub(crate) fn seen(&self) -> Seen {
        Seen { chunks: self.chunks.len() as u32, last_span: self.chunks.last().map_or(0, |chunk| chunk.span) }
    }

    /// Adds a sample that is later than the last one. `key` returns the key of the series's clocks.
    pub(crate) fn push(&mut self, clocks: &mut Clocks, key: impl Fn() -> u64, sample: &BatchSample) -> Grown {
        if let Some(chunk) = self.chunks.last_mut()
            && chunk.values.takes(&sample.value)
            && let Some(place) = clocks.advance(chunk.clock, chunk.places().end as u32, sample.time_ms)
        {
            let bytes = place.bytes + chunk.push(place.index, sample);
            return Grown { bytes, is_chunk: false };
        }
        // Of a series whose values change their kind the clock is fine.
        let last = self.chunks.last().map(|chunk| (chunk.clock, chunk.places().end as u32));
        let same = last.and_then(|(clock, next)| clocks.advance(clock, next, sample.time_ms));
        let place = same.unwrap_or_else(|| clocks.place(key(), sample.time_ms, last.is_some()));
        let (values, value_bytes) = ChunkValues::new(&sample.value);
        let before = self.chunks.capacity();
        if self.chunks.is_empty() {
            self.chunks.reserve_exact(1);
        }
        let mut chunk = Chunk { clock: place.clock, first: place.index, span: 1, values, more: None };
        let start_bytes = chunk.start(0, sample.start_ms);
        self.chunks.push(chunk);
        let chunk_bytes = (self.chunks.capacity() - before) * size_of::<Chunk>();
        Grown { bytes: place.bytes + value_bytes + start_bytes + chunk_bytes, is_chunk: true }
    }

    /// The value at a time, if there is one.
    pub(crate) fn at(&self, clocks: &Clocks, time_ms: i64) -> Option<BatchValue> {
        let after = self.chunks.partition_point(|chunk| clocks.times(chunk.clock)[chunk.first as usize] <= time_ms);
        let chunk = &self.chunks[after.checked_sub(1)?];
        let index = clocks.times(chunk.clock)[chunk.places()].binary_search(&time_ms).ok()? as u32;
        if chunk.gaps().binary_search(&index).is_ok() {
            return None;
        }
        let at = chunk.values_before(index);
        Some(match &chunk.values {
            ChunkValues::Constant { bits, .. } => BatchValue::Float(*bits),
            ChunkValues::Floats(values) => BatchValue::Float(values[at]),
            ChunkValues::Histograms(values) => BatchValue::Histogram(values[at].clone()),
        })
    }

    /// Samples later than the first time, up to and including the second.
    pub(crate) fn parts(
        &self,
        clocks: &Clocks,
        source: SourceNumber,
        seen: Seen,
        (after_ms, until_ms): (i64, i64),
        cache: &mut TimesCache,
    ) -> Vec<Part> {
        let mut parts = Vec::new();
        for (number, chunk) in self.chunks.iter().take(seen.chunks as usize).enumerate() {
            let span = if number + 1 == seen.chunks as usize { seen.last_span } else { chunk.span };
            let times = &clocks.times(chunk.clock)[chunk.first as usize..(chunk.first + span) as usize];
            let first = times.partition_point(|time| *time <= after_ms) as u32;
            let end = times.partition_point(|time| *time <= until_ms) as u32;
            if first < end {
                parts.push(chunk.part(times, source, first..end, cache));
            }
        }
        parts
    }
}

impl Chunk {
    /// Places of the clock.
    fn places(&self) -> Range<usize> {
        self.first as usize..(self.first + self.span) as usize
    }

    fn gaps(&self) -> &[u32] {
        self.more.as_ref().map_or(&[], |more| &more.gaps)
    }

    /// How many values come before a place, counted from the first one.
    fn values_before(&self, place: u32) -> usize {
        place as usize - self.gaps().partition_point(|gap| *gap < place)
    }

    /// Adds a sample at a place of the clock that is behind the last one. Returns the memory that it took.
    fn push(&mut self, index: u32, sample: &BatchSample) -> usize {
        let place = index - self.first;
        let mut bytes = 0;
        if place > self.span {
            bytes += self.more_bytes() + (place - self.span) as usize * size_of::<u32>();
            self.more.get_or_insert_default().gaps.extend(self.span..place);
        }
        let at = self.values_before(place) as u32;
        self.span = place + 1;
        bytes + self.start(at, sample.start_ms) + self.values.push(&sample.value)
    }

    /// Notes when the total of a value began. Returns the memory that it took.
    fn start(&mut self, at: u32, start_ms: i64) -> usize {
        let known = self.more.as_ref().and_then(|more| more.starts.last()).map_or(0, |(_, start)| *start);
        if known == start_ms {
            return 0;
        }
        let bytes = self.more_bytes() + size_of::<(u32, i64)>();
        self.more.get_or_insert_default().starts.push((at, start_ms));
        bytes
    }

    /// Memory that it takes to have [`More`] for the first time.
    fn more_bytes(&self) -> usize {
        if self.more.is_some() { 0 } else { size_of::<More>() }
    }

    fn part(&self, times: &[i64], source: SourceNumber, places: Range<u32>, cache: &mut TimesCache) -> Part {
        let Range { start: first, end } = places;
        let gaps = self.gaps();
        let gaps = &gaps[gaps.partition_point(|gap| *gap < first)..gaps.partition_point(|gap| *gap < end)];
        let all = &times[first as usize..end as usize];
        let (key, times) = if gaps.is_empty() {
            let key = TimesKey { source, clock: self.clock, first: self.first + first, end: self.first + end };
            (Some(key), cache.get(key, || all.into()))
        } else {
            let places = (first..end).zip(all).filter(|(place, _)| gaps.binary_search(place).is_err());
            (None, places.map(|(_, time)| *time).collect())
        };
        let range = self.values_before(first)..self.values_before(end);
        let values = match &self.values {
            ChunkValues::Constant { bits, .. } => Column::Floats(vec![*bits; range.len()]),
            ChunkValues::Floats(values) => Column::Floats(values[range.clone()].to_vec()),
            ChunkValues::Histograms(values) => Column::Histograms(values[range.clone()].to_vec()),
        };
        Part { key, times, values, starts: self.starts_of(range) }
    }

    fn starts_of(&self, values: Range<usize>) -> Option<Vec<i64>> {
        let changes = &self.more.as_ref().filter(|more| !more.starts.is_empty())?.starts;
        let start = |at: usize| match changes.partition_point(|(from, _)| *from as usize <= at) {
            0 => 0,
            after => changes[after - 1].1,
        };
        Some(values.map(start).collect())
    }
}

impl ChunkValues {
    fn new(value: &BatchValue) -> (Self, usize) {
        match value {
            BatchValue::Float(bits) => (Self::Constant { bits: *bits, count: 1 }, 0),
            BatchValue::Histogram(histogram) => {
                (Self::Histograms(vec![histogram.clone()]), histogram.bytes() + size_of::<Arc<Histogram>>())
            }
        }
    }

    fn takes(&self, value: &BatchValue) -> bool {
        matches!(self, Self::Histograms(_)) == matches!(value, BatchValue::Histogram(_))
    }

    /// Adds a value of the same kind. Returns the memory that it took.
    fn push(&mut self, value: &BatchValue) -> usize {
        match (&mut *self, value) {
            (Self::Constant { bits, count }, BatchValue::Float(new)) if bits == new => {
                *count += 1;
                0
            }
            (Self::Constant { bits, count }, BatchValue::Float(new)) => {
                let mut values = Vec::with_capacity((*count as usize + 1).max(FIRST_CAPACITY));
                values.resize(*count as usize, *bits);
                values.push(*new);
                let bytes = values.capacity() * size_of::<u64>();
                *self = Self::Floats(values);
                bytes
            }
            (Self::Floats(values), BatchValue::Float(new)) => {
                let before = values.capacity();
                values.push(*new);
                (values.capacity() - before) * size_of::<u64>()
            }
            (Self::Histograms(values), BatchValue::Histogram(new)) => {
                values.push(new.clone());
                new.bytes() + size_of::<Arc<Histogram>>()
            }
            (_, value) => unreachable!("a chunk was given a value of another kind: {value:?}"),
        }
    }
}

impl BatchValue {
    /// Whether both are the same to the bit.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Float(one), Self::Float(other)) => one == other,
            (Self::Histogram(one), Self::Histogram(other)) => one.is_same(other),
            _ => false,
        }
    }
}
