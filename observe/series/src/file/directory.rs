//! Where the chunks of series are.
//!
//! A block is of 512 series, in groups of 64 whose chunks stand together in pages: first the first chunk of each series, then the second of
//! each that has one, and so on, so that a short range of all is in few pages. For each group: how many series, and how many chunks
//! of each; its pages, and how many chunks are in each; then, of all chunks in the order of the pages, the pieces of the clocks as
//! differences, the first places, the spans, and the lengths.

use vitrine_kit::varint;

use crate::chunk::{MAX_SAMPLES, read_length, read_signed, write_signed};
use crate::error::FileError;
use crate::file::blocks::{BlockRef, MAX_BLOCK_BYTES};
use crate::file::{BLOCK_SERIES, PAGE_SERIES};

/// A chunk, without where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ChunkEntry {
    /// Of the clock.
    pub piece: u32,
    pub first: u32,
    pub span: u32,
    /// Bytes.
    pub length: u32,
}

/// A chunk, and where it is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ChunkPlace {
    pub entry: ChunkEntry,
    pub page: BlockRef,
    pub offset: usize,
}

/// Chunks of 64 series.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// How many chunks each series has.
    pub counts: Vec<u32>,
    /// Pages, and how many chunks each has.
    pub pages: Vec<(BlockRef, usize)>,
    /// In the order of the pages.
    pub entries: Vec<ChunkEntry>,
}

impl Group {
    /// Adds it to a block.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        varint::write(out, self.counts.len() as u64);
        self.counts.iter().for_each(|count| varint::write(out, u64::from(*count)));
        varint::write(out, self.pages.len() as u64);
        for (place, chunks) in &self.pages {
            place.write(out);
            varint::write(out, *chunks as u64);
        }
        let mut before = 0;
        for entry in &self.entries {
            write_signed(out, i64::from(entry.piece) - before);
            before = i64::from(entry.piece);
        }
        for column in [|it: &ChunkEntry| it.first, |it: &ChunkEntry| it.span, |it: &ChunkEntry| it.length] {
            self.entries.iter().for_each(|entry| varint::write(out, u64::from(column(entry))));
        }
    }

    fn read(bytes: &mut &[u8], into: &mut ChunkPlaces) -> Result<(), FileError> {
        let count = read_length(bytes, PAGE_SERIES)?;
        // Each chunk takes bytes below.
        let most = bytes.len();
        let counts: Vec<usize> = (0..count).map(|_| read_length(bytes, most)).collect::<Result<_, _>>()?;
        let chunks: usize = counts.iter().sum();
        let pages = read_length(bytes, most)?;
        let pages: Vec<(BlockRef, usize)> = (0..pages)
            .map(|_| Ok((BlockRef::read(bytes)?, read_length(bytes, most)?)))
            .collect::<Result<_, FileError>>()?;
        if chunks > bytes.len() || pages.iter().map(|(_, chunks)| chunks).sum::<usize>() != chunks {
            return Err(FileError::Damaged("chunks are missing"));
        }
        let mut entries = vec![ChunkEntry::default(); chunks];
        let mut piece = 0i64;
        for entry in &mut entries {
            piece = piece.wrapping_add(read_signed(bytes)?);
            entry.piece = u32::try_from(piece).map_err(|_| FileError::Damaged("a clock is missing"))?;
        }
        let mut column = |most, of: fn(&mut ChunkEntry) -> &mut u32| {
            entries.iter_mut().map(of).try_for_each(|number| {
                *number = read_length(bytes, most)? as u32;
                Ok::<_, FileError>(())
            })
        };
        column(MAX_SAMPLES, |entry| &mut entry.first)?;
        column(MAX_SAMPLES, |entry| &mut entry.span)?;
        column(MAX_BLOCK_BYTES, |entry| &mut entry.length)?;
        // Where the chunks of each series go: behind those of the series before.
        let begin = into.places.len();
        let mut next = Vec::with_capacity(count);
        for of_series in &counts {
            next.push(into.ends.last().copied().unwrap_or(0));
            into.ends.push(into.ends.last().copied().unwrap_or(0) + of_series);
        }
        into.places.resize(begin + chunks, ChunkPlace::default());
        let mut places = pages.iter().flat_map(|(page, chunks)| std::iter::repeat_n(*page, *chunks));
        let (mut offset, mut page_before) = (0, None);
        let deepest = counts.iter().copied().max().unwrap_or(0);
        let order = (0..deepest).flat_map(|depth| counts.iter().enumerate().filter(move |(_, count)| depth < **count));
        for (entry, (at, _)) in entries.into_iter().zip(order) {
            let page = places.next().ok_or(FileError::Damaged("a page is missing"))?;
            if page_before != Some(page) {
                (offset, page_before) = (0, Some(page));
            }
            into.places[next[at]] = ChunkPlace { entry, page, offset };
            next[at] += 1;
            offset += entry.length as usize;
        }
        Ok(())
    }
}

/// Chunks of the series of a block.
#[derive(Debug, Default)]
pub(crate) struct ChunkPlaces {
    /// Of each series behind the one before.
    places: Vec<ChunkPlace>,
    /// Behind the last one of each series.
    ends: Vec<usize>,
}

impl ChunkPlaces {
    /// Reads a block.
    pub(crate) fn read(mut bytes: &[u8]) -> Result<Self, FileError> {
        let mut places = Self::default();
        while !bytes.is_empty() && places.ends.len() < BLOCK_SERIES {
            Group::read(&mut bytes, &mut places)?;
        }
        if bytes.is_empty() { Ok(places) } else { Err(FileError::Damaged("a block has chunks of too many series")) }
    }

    /// Chunks of a series, by its place in the block; none if it is not there.
    pub(crate) fn of(&self, series: usize) -> Option<&[ChunkPlace]> {
        let end = *self.ends.get(series)?;
        let begin = series.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.places.get(begin..end)
    }
}
