//! Reads a file: no more of it than is asked for.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use parking_lot::Mutex;
use rustc_hash::FxBuildHasher;
use vitrine_observe_columns::Source;

use crate::chunk::{Chunk, Starts, decode};
use crate::error::FileError;
use crate::file::blocks::Blocks;
use crate::file::clocks::{ClockBlock, ClockKey};
use crate::file::directory::{ChunkPlace, ChunkPlaces};
use crate::file::footer::{Footer, block_of};
use crate::file::labels::{LabelName, read_index};
use crate::file::names::NamedSeries;
use crate::file::{BLOCK_SERIES, MAGIC, Written, exemplars, metadata};
use crate::part::{Column, Part, SourceNumber, TimesCache, TimesKey};
use crate::{Exemplar, MetadataEntry};

/// Bytes behind the footer: its place, its length, its checksum, and [`MAGIC`].
const TRAILER: usize = 24;
/// Most bytes of a footer.
const MAX_FOOTER: usize = 256 << 20;

/// A file of series. It is opened by its footer; all else is read when it is asked for, and checked.
#[derive(Debug)]
pub struct SeriesFile {
    pub(crate) blocks: Blocks,
    pub(crate) footer: Footer,
    labels: OnceLock<Vec<LabelName>>,
    /// The block of exemplars that was read last.
    exemplars: Mutex<Option<(usize, Arc<ExemplarBlock>)>>,
}

type ExemplarBlock = Vec<(usize, Vec<Exemplar>)>;

impl SeriesFile {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// It cannot be read, or it is none.
    pub fn open(source: Arc<dyn Source>) -> Result<Arc<Self>, FileError> {
        let blocks = Blocks::new(source);
        let none = FileError::Damaged("it is not a file of series, or it is cut off");
        let end = blocks.len().checked_sub((TRAILER + MAGIC.len()) as u64);
        let Some(trailer) = end.map(|end| end + MAGIC.len() as u64) else { return Err(none) };
        let bytes = blocks.raw(trailer, TRAILER)?;
        let field = |range: Range<usize>| bytes.get(range).unwrap_or_default();
        let number = |bytes: &[u8]| bytes.iter().rev().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
        let (place, length, crc) = (number(field(0..8)), number(field(8..12)) as usize, number(field(12..16)));
        let fits = place.checked_add(length as u64) == Some(trailer) && length <= MAX_FOOTER;
        if field(16..24) != MAGIC || blocks.raw(0, MAGIC.len())? != MAGIC.as_slice() || !fits {
            return Err(none);
        }
        let footer = blocks.raw(place, length)?;
        if u64::from(crc32fast::hash(&footer)) != crc {
            return Err(FileError::Damaged("its footer's checksum is another"));
        }
        let footer = Footer::read(&footer)?;
        Ok(Arc::new(Self { blocks, footer, labels: OnceLock::new(), exemplars: Mutex::default() }))
    }

    /// What was written.
    pub fn written(&self) -> Written {
        let Footer { name_bytes, series, samples, exemplars, min_ms, max_ms, .. } = self.footer;
        Written { bytes: self.blocks.len(), name_bytes, series, samples, exemplars, min_ms, max_ms }
    }

    /// Memory of what is kept of it while it is open, in bytes.
    pub fn held_bytes(&self) -> usize {
        let footer = &self.footer;
        let refs = [&footer.names, &footer.identities, &footer.directories, &footer.clocks, &footer.symbols];
        let refs: usize = refs.iter().map(|blocks| size_of_val(&blocks[..])).sum();
        let names = self.labels.get().map_or(0, |names| names.len() * size_of::<LabelName>());
        size_of::<Self>() + refs + names + self.blocks.held_bytes()
    }

    /// Reads all of it, and compares every checksum.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn verify(self: &Arc<Self>) -> Result<(), FileError> {
        for block in 0..self.footer.names.len() {
            let names = self.names(block)?;
            self.blocks.read(self.footer.identities[block].1)?;
            let mut reader = FileReader::new(self.clone(), 0);
            let first = (block * BLOCK_SERIES) as u32;
            for series in first..first + names.len() as u32 {
                let mut times = TimesCache::default();
                reader.read(series, (i64::MIN, i64::MAX), &mut times)?;
            }
        }
        for (series, _) in &self.footer.exemplar_blocks {
            self.exemplars(*series as u32)?;
        }
        for (_, place) in &self.footer.symbols {
            self.blocks.read(*place)?;
        }
        for name in self.label_names()? {
            for run in &name.runs {
                run.union(&self.blocks, self.footer.views, |_| true)?;
            }
        }
        self.metadata().map(drop)
    }

    /// Names of labels, with where their values are.
    pub(crate) fn label_names(&self) -> Result<&[LabelName], FileError> {
        if let Some(names) = self.labels.get() {
            return Ok(names);
        }
        let names = read_index(&self.blocks.read(self.footer.label_index)?)?;
        Ok(self.labels.get_or_init(|| names))
    }

    /// Series of a block.
    pub(crate) fn names(&self, block: usize) -> Result<Vec<NamedSeries>, FileError> {
        let (_, place) = self.footer.names.get(block).ok_or(FileError::Damaged("a series is missing"))?;
        let names = NamedSeries::read_block(&self.blocks.cached(*place)?)?;
        let expected = (self.footer.series as usize - block * BLOCK_SERIES).min(BLOCK_SERIES);
        if names.len() == expected { Ok(names) } else { Err(FileError::Damaged("a series is missing")) }
    }

    /// Exemplars of a series.
    pub(crate) fn exemplars(&self, series: u32) -> Result<Vec<Exemplar>, FileError> {
        let blocks = &self.footer.exemplar_blocks;
        let Ok(at) = block_of(blocks, u64::from(series)) else { return Ok(Vec::new()) };
        let (first, place) = blocks[at];
        let within = (u64::from(series) - first) as usize;
        if within >= BLOCK_SERIES {
            return Ok(Vec::new());
        }
        let mut last = self.exemplars.lock();
        let block = match &*last {
            Some((number, block)) if *number == at => block.clone(),
            _ => {
                let block = Arc::new(exemplars::read_block(&self.blocks.read(place)?)?);
                *last = Some((at, block.clone()));
                block
            }
        };
        drop(last);
        Ok(block.iter().find(|(series, _)| *series == within).map_or_else(Vec::new, |(_, found)| found.clone()))
    }

    /// What is known of metrics.
    pub(crate) fn metadata(&self) -> Result<Vec<MetadataEntry>, FileError> {
        metadata::read(&self.blocks.cached(self.footer.metadata)?)
    }
}

/// Reads samples of a file, series by series, and remembers where it was.
pub(crate) struct FileReader {
    file: Arc<SeriesFile>,
    number: SourceNumber,
    /// The block of chunk places that was read last.
    directory: Option<(usize, ChunkPlaces)>,
    clocks: HashMap<usize, Arc<ClockBlock>, FxBuildHasher>,
}

/// Blocks of clocks that are kept parsed.
const CLOCK_BLOCKS: usize = 64;

impl FileReader {
    pub(crate) fn new(file: Arc<SeriesFile>, number: SourceNumber) -> Self {
        Self { file, number, directory: None, clocks: HashMap::default() }
    }

    fn chunks(&mut self, series: u32) -> Result<&[ChunkPlace], FileError> {
        let block = series as usize / BLOCK_SERIES;
        if self.directory.as_ref().is_none_or(|(known, _)| *known != block) {
            let missing = FileError::Damaged("a series is missing");
            let (_, place) = self.file.footer.directories.get(block).ok_or(missing)?;
            let bytes = self.file.blocks.cached(*place)?;
            self.directory = Some((block, ChunkPlaces::read(&bytes)?));
        }
        let of_block = self.directory.as_ref().and_then(|(_, of_block)| of_block.of(series as usize % BLOCK_SERIES));
        of_block.ok_or(FileError::Damaged("a series is missing"))
    }

    fn clock(&mut self, piece: u32) -> Result<(Arc<ClockBlock>, usize), FileError> {
        let clocks = &self.file.footer.clocks;
        let block = block_of(clocks, u64::from(piece))?;
        let (first, place) = clocks[block];
        let within = (u64::from(piece) - first) as usize;
        if let Some(known) = self.clocks.get(&block) {
            return Ok((known.clone(), within));
        }
        let parsed = Arc::new(ClockBlock::read(self.file.blocks.cached(place)?)?);
        if self.clocks.len() >= CLOCK_BLOCKS {
            self.clocks.clear();
        }
        self.clocks.insert(block, parsed.clone());
        Ok((parsed, within))
    }

    /// The clock of a series; none if it has none with others.
    pub(crate) fn clock_of(&mut self, series: u32) -> Result<Option<ClockKey>, FileError> {
        let Some(last) = self.chunks(series)?.last().copied() else { return Ok(None) };
        let (block, within) = self.clock(last.entry.piece)?;
        Ok(block.piece(within)?.key)
    }

    /// Samples of a series later than the first time, up to and including the second.
    pub(crate) fn read(
        &mut self,
        series: u32,
        (after_ms, until_ms): (i64, i64),
        times: &mut TimesCache,
    ) -> Result<Vec<Part>, FileError> {
        let mut parts = Vec::new();
        for number in 0..self.chunks(series)?.len() {
            let chunk = self.chunks(series)?[number];
            let piece = chunk.entry.piece;
            let (block, within) = self.clock(piece)?;
            let known = block.piece(within)?;
            if known.max_ms <= after_ms || known.min_ms > until_ms {
                continue;
            }
            let key = |first, end| TimesKey { source: self.number, clock: piece, first, end };
            let clock = times.try_get(key(0, known.count as u32), || Ok(block.times(within)?.into()))?;
            let (first, span) = (chunk.entry.first as usize, chunk.entry.span as usize);
            let own = clock.get(first..first + span).ok_or(FileError::Damaged("a chunk goes beyond its clock"))?;
            let begin = own.partition_point(|time| *time <= after_ms);
            let end = own.partition_point(|time| *time <= until_ms);
            if begin >= end {
                continue;
            }
            let bytes = self.chunk(&chunk)?;
            let decoded = decode(&bytes, span)?;
            parts.push(part(decoded, own, begin..end, key((first + begin) as u32, (first + end) as u32), times));
        }
        Ok(parts)
    }

    fn chunk(&self, chunk: &ChunkPlace) -> Result<Bytes, FileError> {
        let page = self.file.blocks.cached(chunk.page)?;
        let end = chunk.offset.saturating_add(chunk.entry.length as usize);
        if end > page.len() {
            return Err(FileError::Damaged("a chunk goes beyond its page"));
        }
        Ok(page.slice(chunk.offset..end))
    }
}

/// The samples of a chunk at some of its places.
fn part(chunk: Chunk, own: &[i64], places: Range<usize>, key: TimesKey, cache: &mut TimesCache) -> Part {
    let Chunk { gaps, values, starts } = chunk;
    let before = |place: usize| gaps.partition_point(|gap| (*gap as usize) < place);
    let range = places.start - before(places.start)..places.end - before(places.end);
    let is_sample = |place: &usize| gaps.binary_search(&(*place as u32)).is_err();
    let starts = match starts {
        Starts::Unknown => None,
        starts if gaps.is_empty() => starts.resolve(own),
        starts => starts.resolve(&(0..own.len()).filter(is_sample).map(|place| own[place]).collect::<Vec<i64>>()),
    };
    let starts = starts.map(|starts| starts[range.clone()].to_vec());
    // Without gaps among them, others have these times too.
    let (key, times) = if range.len() == places.len() {
        (Some(key), cache.get(key, || own[places].into()))
    } else {
        (None, places.filter(is_sample).map(|place| own[place]).collect())
    };
    Part { key, times, values: values.slice(range), starts }
}

impl Column {
    fn slice(self, range: Range<usize>) -> Self {
        if range == (0..self.len()) {
            return self;
        }
        match self {
            Self::Floats(values) => Self::Floats(values[range].to_vec()),
            Self::Histograms(values) => Self::Histograms(values[range].to_vec()),
        }
    }
}
