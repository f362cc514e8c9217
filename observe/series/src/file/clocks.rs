//! Clocks of a file: times in pieces of up to [`PIECE_TIMES`], to which chunks refer.
//!
//! A block has up to [`BLOCK_PIECES`]: how many; for each what its series have in common, how many times, the first and the last of
//! them, and how many bytes they take; then the times as numbers.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use hashbrown::HashMap;
use vitrine_kit::varint;

use crate::chunk::{
    MAX_SAMPLES, read_bytes, read_length, read_number, read_numbers, read_signed, write_numbers, write_signed,
};
use crate::error::FileError;
use crate::file::blocks::{BlockRef, BlockWriter, MAX_BLOCK_BYTES};

/// Times of a piece: a chunk lies in one piece.
const PIECE_TIMES: usize = MAX_SAMPLES;
/// Pieces of a block.
const BLOCK_PIECES: usize = 64;
/// Times of clocks that are kept decoded while a file is written.
const DECODED_TIMES: usize = 1 << 20;
/// A series whose samples take more places than this many times their number has a clock of its own.
const SPARSE: usize = 4;

/// Which clock a piece is of: what its series have in common, and which of the clocks with that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ClockKey {
    pub key: u64,
    pub ordinal: u32,
}

impl ClockKey {
    /// Of times that no clock has, however many series have them.
    const OWN: Self = Self { key: 0, ordinal: u32::MAX };
}

/// A part of a series, with the places that it has of a piece.
#[derive(Debug, PartialEq)]
pub(crate) struct Cut {
    pub piece: u32,
    pub first: u32,
    pub span: u32,
    pub gaps: Vec<u32>,
    /// The samples.
    pub samples: Range<usize>,
}

/// Clocks of a file that is being written.
pub(crate) struct ClockWriter {
    block: Vec<u8>,
    heads: Vec<u8>,
    in_block: usize,
    first: u32,
    next: u32,
    blocks: Vec<(u64, BlockRef)>,
    groups: HashMap<ClockKey, Group>,
    decoded: HashMap<ClockKey, Arc<[i64]>>,
    decoded_times: usize,
    /// Pieces that are of no clock, by a hash of their times that none who sends times can foresee.
    own: HashMap<[u64; 2], u32>,
    hashers: [RandomState; 2],
}

/// A clock that is known from the beginning.
struct Group {
    first_piece: u32,
    times: usize,
    encoded: Vec<u8>,
}

/// The times of such a clock.
struct Known {
    first_piece: u32,
    times: Arc<[i64]>,
}

impl ClockWriter {
    pub(crate) fn new() -> Self {
        Self {
            block: Vec::new(),
            heads: Vec::new(),
            in_block: 0,
            first: 0,
            next: 0,
            blocks: Vec::new(),
            groups: HashMap::new(),
            decoded: HashMap::new(),
            decoded_times: 0,
            own: HashMap::new(),
            hashers: [RandomState::new(), RandomState::new()],
        }
    }

    /// Adds a clock, whose times rise, before any series.
    pub(crate) fn add<W: Write>(
        &mut self,
        key: ClockKey,
        times: &[i64],
        out: &mut BlockWriter<W>,
    ) -> Result<(), FileError> {
        let mut group = Group { first_piece: self.next, times: times.len(), encoded: Vec::new() };
        for piece in times.chunks(PIECE_TIMES) {
            write_numbers(piece, &mut group.encoded);
            self.push(key, piece, out)?;
        }
        self.groups.insert(key, group);
        Ok(())
    }

    fn push<W: Write>(&mut self, key: ClockKey, times: &[i64], out: &mut BlockWriter<W>) -> Result<u32, FileError> {
        if self.in_block == BLOCK_PIECES {
            self.flush(out)?;
        }
        let (first, last) = (times[0], times[times.len() - 1]);
        self.heads.extend(key.key.to_le_bytes());
        varint::write(&mut self.heads, u64::from(key.ordinal));
        varint::write(&mut self.heads, times.len() as u64);
        write_signed(&mut self.heads, first);
        varint::write(&mut self.heads, last.wrapping_sub(first) as u64);
        let begin = self.block.len();
        write_numbers(times, &mut self.block);
        varint::write(&mut self.heads, (self.block.len() - begin) as u64);
        self.in_block += 1;
        let piece = self.next;
        self.next = piece.checked_add(1).ok_or(FileError::TooLarge("clocks"))?;
        Ok(piece)
    }

    fn flush<W: Write>(&mut self, out: &mut BlockWriter<W>) -> Result<(), FileError> {
        if self.in_block == 0 {
            return Ok(());
        }
        let mut block = Vec::with_capacity(self.heads.len() + self.block.len() + 1);
        varint::write(&mut block, self.in_block as u64);
        block.append(&mut self.heads);
        block.append(&mut self.block);
        self.blocks.push((u64::from(self.first), out.block(&block)?));
        self.first = self.next;
        self.in_block = 0;
        Ok(())
    }

    pub(crate) fn finish<W: Write>(mut self, out: &mut BlockWriter<W>) -> Result<Vec<(u64, BlockRef)>, FileError> {
        self.flush(out)?;
        Ok(self.blocks)
    }

    fn times(&mut self, key: ClockKey) -> Result<Option<Known>, FileError> {
        let Some(group) = self.groups.get(&key) else { return Ok(None) };
        let first_piece = group.first_piece;
        if let Some(times) = self.decoded.get(&key) {
            return Ok(Some(Known { first_piece, times: times.clone() }));
        }
        let (mut times, mut bytes) = (Vec::with_capacity(group.times), &group.encoded[..]);
        while times.len() < group.times {
            times.extend(read_numbers(&mut bytes, PIECE_TIMES.min(group.times - times.len()))?);
        }
        if self.decoded_times + times.len() > DECODED_TIMES {
            self.decoded.clear();
            self.decoded_times = 0;
        }
        self.decoded_times += times.len();
        let times: Arc<[i64]> = times.into();
        self.decoded.insert(key, times.clone());
        Ok(Some(Known { first_piece, times }))
    }

    /// Cuts a series, whose times rise, into parts of one piece each: of this clock, if it has nearly those times and no others.
    pub(crate) fn cut<W: Write>(
        &mut self,
        key: Option<ClockKey>,
        times: &[i64],
        out: &mut BlockWriter<W>,
    ) -> Result<Vec<Cut>, FileError> {
        let clock = match key {
            Some(key) => self.times(key)?,
            None => None,
        };
        if let Some(clock) = clock
            && let Some(cuts) = cut_by(&clock.times, clock.first_piece, times)
        {
            return Ok(cuts);
        }
        let mut cuts = Vec::new();
        let mut begin = 0;
        for own in times.chunks(PIECE_TIMES) {
            let hash = [self.hashers[0].hash_one(own), self.hashers[1].hash_one(own)];
            let piece = match self.own.get(&hash) {
                Some(piece) => *piece,
                None => {
                    let piece = self.push(ClockKey::OWN, own, out)?;
                    self.own.insert(hash, piece);
                    piece
                }
            };
            let samples = begin..begin + own.len();
            begin = samples.end;
            cuts.push(Cut { piece, first: 0, span: own.len() as u32, gaps: Vec::new(), samples });
        }
        Ok(cuts)
    }
}

/// None if the clock has not all times, or too many others.
fn cut_by(clock: &[i64], first_piece: u32, times: &[i64]) -> Option<Vec<Cut>> {
    let mut cuts: Vec<Cut> = Vec::new();
    let mut place = clock.partition_point(|time| time < times.first().unwrap_or(&i64::MAX));
    for (number, time) in times.iter().enumerate() {
        place +=
            clock[place..].iter().position(|other| other >= time).filter(|skipped| clock[place + skipped] == *time)?;
        let (piece, within) = (first_piece + (place / PIECE_TIMES) as u32, (place % PIECE_TIMES) as u32);
        match cuts.last_mut().filter(|cut| cut.piece == piece) {
            Some(cut) => {
                cut.gaps.extend(cut.span..within - cut.first);
                cut.span = within - cut.first + 1;
                cut.samples.end = number + 1;
            }
            None => {
                cuts.push(Cut { piece, first: within, span: 1, gaps: Vec::new(), samples: number..number + 1 });
            }
        }
        place += 1;
    }
    let places: usize = cuts.iter().map(|cut| cut.span as usize).sum();
    (places <= times.len() * SPARSE).then_some(cuts)
}

/// A block of clocks.
#[derive(Debug)]
pub(crate) struct ClockBlock {
    pieces: Vec<Piece>,
    bytes: Bytes,
}

/// A piece of a clock.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    /// Of which clock it is; none if of no one's.
    pub key: Option<ClockKey>,
    pub count: usize,
    pub min_ms: i64,
    pub max_ms: i64,
    range: Range<usize>,
}

impl ClockBlock {
    pub(crate) fn read(block: Bytes) -> Result<Self, FileError> {
        let mut bytes = &block[..];
        let count = read_length(&mut bytes, BLOCK_PIECES)?;
        let mut pieces = Vec::with_capacity(count);
        let mut begin = 0;
        for _ in 0..count {
            let key = read_bytes(&mut bytes, 8)?.first_chunk().map_or(0, |key| u64::from_le_bytes(*key));
            let key = ClockKey { key, ordinal: read_length(&mut bytes, u32::MAX as usize)? as u32 };
            let count = read_length(&mut bytes, PIECE_TIMES)?;
            let min_ms = read_signed(&mut bytes)?;
            let max_ms = min_ms.wrapping_add(read_number(&mut bytes)? as i64);
            let length = read_length(&mut bytes, MAX_BLOCK_BYTES)?;
            let key = (key != ClockKey::OWN).then_some(key);
            pieces.push(Piece { key, count, min_ms, max_ms, range: begin..begin + length });
            begin += length;
        }
        let head = block.len() - bytes.len();
        Ok(Self { pieces, bytes: block.slice(head..) })
    }

    pub(crate) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    pub(crate) fn piece(&self, within: usize) -> Result<&Piece, FileError> {
        self.pieces.get(within).ok_or(FileError::Damaged("a clock is missing"))
    }

    /// The times of a piece, which rise.
    pub(crate) fn times(&self, within: usize) -> Result<Vec<i64>, FileError> {
        let piece = self.piece(within)?;
        let mut bytes = self.bytes.get(piece.range.clone()).ok_or(FileError::Damaged("a clock is missing"))?;
        if piece.count == 0 {
            return Err(FileError::Damaged("a clock without times"));
        }
        let times = read_numbers(&mut bytes, piece.count)?;
        let is_whole = times.first() == Some(&piece.min_ms) && times.last() == Some(&piece.max_ms);
        if !is_whole || !times.is_sorted_by(|one, other| one < other) {
            return Err(FileError::Damaged("times of a clock do not rise"));
        }
        Ok(times)
    }
}
