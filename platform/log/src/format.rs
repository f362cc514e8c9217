//! What stands in a segment's file, byte by byte. All numbers are little endian.
//!
//! A file begins with its header, twice, so that one damaged copy costs nothing:
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 8 | `vtr-log` and a zero |
//! | 8 | 4 | version, 1 |
//! | 12 | 4 | the segment's number |
//! | 16 | 8 | the segment's mark: chance, and in no other file |
//! | 24 | 4 | number of the segment before it; 0 if there was none |
//! | 28 | 4 | where the good bytes of that segment end |
//! | 32 | 28 | zeros |
//! | 60 | 4 | CRC-32 of the 60 bytes before |
//!
//! Records follow from offset 128 on, each filled up with zeros to a multiple of eight bytes:
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 8 | the segment's mark |
//! | 8 | 8 | the record's position: the segment's number times 2³², plus the record's offset in the file |
//! | 16 | 4 | the payload's length |
//! | 20 | 1 | the record's kind; three zeros follow |
//! | 24 | 4 | CRC-32 of the payload |
//! | 28 | 4 | CRC-32 of the 28 bytes before |
//! | 32 | … | the payload |
//!
//! The mark says where a record begins when what was before it cannot be read. A payload cannot pretend to hold records:
//! no one outside the file knows the mark.

use std::fmt;

/// The first bytes of each segment's file.
const MAGIC: [u8; 8] = *b"vtr-log\0";
/// The only version there is.
pub(crate) const VERSION: u32 = 1;
/// Bytes of one copy of a segment's header.
const HEADER_COPY: usize = 64;
/// Bytes before a segment's first record: the header, twice.
pub(crate) const HEADER: usize = 2 * HEADER_COPY;
/// Bytes before a record's payload.
pub(crate) const RECORD_HEADER: usize = 32;
/// Records begin at multiples of this.
pub(crate) const ALIGN: usize = 8;

/// Most bytes of one record's payload: the largest body that OTLP receivers take, twice.
pub const MAX_RECORD_BYTES: usize = 128 << 20;

/// Where a record stands. Later records have greater positions, also after a restart; none is given twice.
///
/// Positions are not dense. Zero is before every record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position(u64);

impl Position {
    pub(crate) fn new(segment: u32, offset: u64) -> Self {
        Self((u64::from(segment) << 32) + offset)
    }
}

impl From<u64> for Position {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl From<Position> for u64 {
    fn from(position: Position) -> Self {
        position.0
    }
}

/// The segment's number and the offset in it: `7:128`.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0 >> 32, self.0 & u64::from(u32::MAX))
    }
}

/// A segment, and where its good bytes end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) number: u32,
    pub(crate) end: u64,
}

/// What a segment says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) number: u32,
    pub(crate) mark: u64,
    pub(crate) previous: Option<Link>,
}

/// Why a segment's header is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadHeader {
    Damaged,
    Version(u32),
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; HEADER] {
        let previous = self.previous.unwrap_or(Link { number: 0, end: 0 });
        // A segment's end is below 2³²: segments have at most 1 GiB, a record that is alone in its own a little more.
        let end = u32::try_from(previous.end).unwrap_or(u32::MAX);
        let mut copy = [0; HEADER_COPY];
        put(&mut copy, 0, &MAGIC);
        put(&mut copy, 8, &VERSION.to_le_bytes());
        put(&mut copy, 12, &self.number.to_le_bytes());
        put(&mut copy, 16, &self.mark.to_le_bytes());
        put(&mut copy, 24, &previous.number.to_le_bytes());
        put(&mut copy, 28, &end.to_le_bytes());
        let crc = crc32fast::hash(&copy[..HEADER_COPY - 4]);
        put(&mut copy, HEADER_COPY - 4, &crc.to_le_bytes());
        let mut both = [0; HEADER];
        put(&mut both, 0, &copy);
        put(&mut both, HEADER_COPY, &copy);
        both
    }

    /// Reads the header of the segment of this number: whichever copy is whole.
    pub(crate) fn decode(number: u32, both: &[u8]) -> Result<Self, BadHeader> {
        let whole = |copy: &&[u8]| {
            copy.len() == HEADER_COPY
                && copy.starts_with(&MAGIC)
                && crc32fast::hash(&copy[..HEADER_COPY - 4]) == u32_at(copy, HEADER_COPY - 4)
        };
        let copy = both.chunks(HEADER_COPY).take(2).find(whole).ok_or(BadHeader::Damaged)?;
        match u32_at(copy, 8) {
            VERSION => {}
            other => return Err(BadHeader::Version(other)),
        }
        if u32_at(copy, 12) != number {
            return Err(BadHeader::Damaged);
        }
        let previous = Link { number: u32_at(copy, 24), end: u64::from(u32_at(copy, 28)) };
        Ok(Self { number, mark: u64_at(copy, 16), previous: (previous.number != 0).then_some(previous) })
    }
}

/// What stands before a record's payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    pub(crate) position: Position,
    pub(crate) length: u32,
    pub(crate) kind: u8,
    pub(crate) crc: u32,
}

impl RecordHeader {
    pub(crate) fn encode(&self, mark: u64) -> [u8; RECORD_HEADER] {
        let mut bytes = [0; RECORD_HEADER];
        put(&mut bytes, 0, &mark.to_le_bytes());
        put(&mut bytes, 8, &self.position.0.to_le_bytes());
        put(&mut bytes, 16, &self.length.to_le_bytes());
        bytes[20] = self.kind;
        put(&mut bytes, 24, &self.crc.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..RECORD_HEADER - 4]);
        put(&mut bytes, RECORD_HEADER - 4, &crc.to_le_bytes());
        bytes
    }

    /// Reads the header of the record at this position; none if there is no such record.
    pub(crate) fn decode(mark: u64, position: Position, bytes: &[u8]) -> Option<Self> {
        let header = Self {
            position,
            length: u32_at(bytes, 16),
            kind: bytes.get(20).copied().unwrap_or_default(),
            crc: u32_at(bytes, 24),
        };
        let known = bytes.starts_with(&header.encode(mark));
        (known && usize::try_from(header.length).is_ok_and(|n| n <= MAX_RECORD_BYTES)).then_some(header)
    }
}

/// Bytes of a record with this much payload, as it stands in a file.
pub(crate) fn framed(payload: usize) -> usize {
    (RECORD_HEADER + payload).next_multiple_of(ALIGN)
}

fn put(bytes: &mut [u8], at: usize, what: &[u8]) {
    bytes[at..at + what.len()].copy_from_slice(what);
}

/// The number at an offset; zero behind the end.
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|b| b.first_chunk()).copied().map_or(0, u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|b| b.first_chunk()).copied().map_or(0, u64::from_le_bytes)
}
