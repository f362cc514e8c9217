//! Reads a segment's records, and finds the next one when something cannot be read.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use bytes::Bytes;

use crate::format::{ALIGN, BadHeader, HEADER, Position, RECORD_HEADER, RecordHeader, SegmentHeader, framed};

/// Bytes that are read at once; larger payloads are read by themselves.
const WINDOW: usize = 256 << 10;
/// Bytes that are searched at once; a small part of the window, which is then seldom read again.
const SEARCH: usize = 4 << 10;

/// A record of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it stands.
    pub position: Position,
    /// What the writer said it is.
    pub kind: u8,
    /// What it holds.
    pub payload: Bytes,
}

/// What a segment has next.
#[derive(Debug)]
pub(crate) enum Step {
    /// A record.
    Record(Record),
    /// Bytes that are no record, from this offset to that. A record follows, or the end.
    Gap(u64, u64),
    /// Reading failed at this offset. Nothing follows.
    Failed(u64, io::Error),
}

/// Reads one segment from its first record on.
#[derive(Debug)]
pub(crate) struct Reader {
    window: Window,
    header: SegmentHeader,
    /// Where the next record begins.
    offset: u64,
    /// Where to stop.
    end: u64,
}

/// Reads a segment's header: the outer error is the file system's.
pub(crate) fn read_header(path: &Path, number: u32) -> io::Result<Result<SegmentHeader, BadHeader>> {
    let mut both = Vec::with_capacity(HEADER);
    io::Read::read_to_end(&mut io::Read::take(File::open(path)?, HEADER as u64), &mut both)?;
    Ok(SegmentHeader::decode(number, &both))
}

impl Reader {
    /// Reads the file up to this offset.
    pub(crate) fn new(file: File, header: SegmentHeader, end: u64) -> Self {
        let window = Window { file, bytes: Vec::new(), start: 0, end };
        Self { window, header, offset: HEADER as u64, end }
    }

    /// Where the next record begins, or the end.
    pub(crate) fn offset(&self) -> u64 {
        self.offset.min(self.end)
    }

    /// The record at an offset, and where it ends; none if there is none.
    fn record_at(&mut self, offset: u64) -> io::Result<Option<(Record, u64)>> {
        let position = Position::new(self.header.number, offset);
        let bytes = self.window.at(offset, RECORD_HEADER)?;
        let Some(header) = RecordHeader::decode(self.header.mark, position, bytes) else { return Ok(None) };
        // The header's own CRC says that this is the length that was written, and it was bounded then.
        let (begin, length) = (offset + RECORD_HEADER as u64, header.length as usize);
        if begin + u64::from(header.length) > self.end {
            return Ok(None);
        }
        let payload = self.window.payload(begin, length)?;
        let whole = crc32fast::hash(&payload) == header.crc;
        let record = Record { position, kind: header.kind, payload };
        Ok(whole.then_some((record, offset + framed(length) as u64)))
    }

    /// The offset of the next record behind this offset, or the end.
    fn search(&mut self, behind: u64) -> io::Result<u64> {
        let mark = self.header.mark.to_le_bytes();
        let mut offset = behind + ALIGN as u64;
        while offset < self.end {
            let bytes = self.window.at(offset, SEARCH)?;
            match bytes.chunks_exact(ALIGN).position(|word| word == mark) {
                Some(word) => {
                    offset += (word * ALIGN) as u64;
                    if self.record_at(offset)?.is_some() {
                        return Ok(offset);
                    }
                    offset += ALIGN as u64;
                }
                None => offset += SEARCH as u64,
            }
        }
        Ok(self.end)
    }

    fn step(&mut self) -> io::Result<Option<Step>> {
        if self.offset >= self.end {
            return Ok(None);
        }
        if let Some((record, end)) = self.record_at(self.offset)? {
            self.offset = end;
            return Ok(Some(Step::Record(record)));
        }
        let from = self.offset;
        self.offset = self.search(from)?;
        Ok(Some(Step::Gap(from, self.offset)))
    }
}

impl Iterator for Reader {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        self.step().unwrap_or_else(|e| {
            let failed = Step::Failed(self.offset, e);
            self.offset = self.end;
            Some(failed)
        })
    }
}

/// A part of the file, in memory.
#[derive(Debug)]
struct Window {
    file: File,
    bytes: Vec<u8>,
    /// The first byte's offset in the file.
    start: u64,
    /// Nothing is read from here on.
    end: u64,
}

impl Window {
    /// The bytes from this offset on: at most so many, and fewer only before the end.
    fn at(&mut self, offset: u64, most: usize) -> io::Result<&[u8]> {
        let left = usize::try_from(self.end.saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = most.min(left).min(WINDOW);
        let held = offset >= self.start && offset + length as u64 <= self.start + self.bytes.len() as u64;
        if !held {
            self.bytes.resize(left.min(WINDOW), 0);
            self.start = offset;
            if let Err(e) = self.file.read_exact_at(&mut self.bytes, offset) {
                self.bytes.clear();
                return Err(e);
            }
        }
        let from = usize::try_from(offset - self.start).unwrap_or(usize::MAX);
        Ok(self.bytes.get(from..from + length).unwrap_or_default())
    }

    /// The payload of this length at this offset; all of it is before the end.
    fn payload(&mut self, offset: u64, length: usize) -> io::Result<Bytes> {
        if length <= WINDOW / 2 {
            return self.at(offset, length).map(Bytes::copy_from_slice);
        }
        let mut payload = vec![0; length];
        self.file.read_exact_at(&mut payload, offset)?;
        Ok(payload.into())
    }
}
