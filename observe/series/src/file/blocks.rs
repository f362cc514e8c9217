//! Blocks: bytes that are read as a whole, and checked.

use std::fmt;
use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use hashbrown::HashMap;
use parking_lot::Mutex;
use vitrine_kit::varint;
use vitrine_observe_columns::Source;

use crate::chunk::{read_length, read_number};
use crate::error::FileError;

/// Most bytes of a block, also before compression.
pub(crate) const MAX_BLOCK_BYTES: usize = 64 << 20;
/// Bytes of blocks that a file keeps in memory, beside the last one that was read.
const CACHE_BYTES: usize = 4 << 20;
/// Compression is worth it if it saves one part of so many.
const SAVES: usize = 10;

/// Where a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct BlockRef {
    offset: u64,
    /// Bytes in the file: fewer than `length` if it is compressed.
    stored: u32,
    /// Bytes.
    length: u32,
    /// Of the bytes in the file.
    crc: u32,
}

impl BlockRef {
    pub(crate) fn stored(self) -> u64 {
        u64::from(self.stored)
    }

    pub(crate) fn write(self, out: &mut Vec<u8>) {
        varint::write(out, self.offset);
        varint::write(out, u64::from(self.stored));
        varint::write(out, u64::from(self.length));
        out.extend(self.crc.to_le_bytes());
    }

    pub(crate) fn read(bytes: &mut &[u8]) -> Result<Self, FileError> {
        let offset = read_number(bytes)?;
        let stored = read_length(bytes, MAX_BLOCK_BYTES)? as u32;
        let length = read_length(bytes, MAX_BLOCK_BYTES)? as u32;
        let (crc, rest) = bytes.split_first_chunk().ok_or(FileError::Damaged("it ends within a value"))?;
        *bytes = rest;
        Ok(Self { offset, stored, length, crc: u32::from_le_bytes(*crc) })
    }
}

/// Writes blocks one after the other.
pub(crate) struct BlockWriter<W> {
    out: W,
    offset: u64,
    level: i32,
}

impl<W: Write> BlockWriter<W> {
    pub(crate) fn new(out: W, level: i32) -> Self {
        Self { out, offset: 0, level }
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Writes bytes that are no block.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.out.write_all(bytes).map_err(FileError::io("write a file of series"))?;
        self.offset += bytes.len() as u64;
        Ok(())
    }

    /// Writes a page of samples.
    pub(crate) fn page(&mut self, bytes: &[u8]) -> Result<BlockRef, FileError> {
        self.at_level(bytes, self.level)
    }

    /// Writes anything else.
    pub(crate) fn block(&mut self, bytes: &[u8]) -> Result<BlockRef, FileError> {
        self.at_level(bytes, self.level.max(1))
    }

    fn at_level(&mut self, bytes: &[u8], level: i32) -> Result<BlockRef, FileError> {
        if bytes.len() > MAX_BLOCK_BYTES {
            return Err(FileError::TooLarge("a block"));
        }
        let compressed = if level == 0 {
            None
        } else {
            let compressed = zstd::bulk::compress(bytes, level).map_err(FileError::io("compress a block"))?;
            (compressed.len() + bytes.len() / SAVES < bytes.len()).then_some(compressed)
        };
        let stored = compressed.as_deref().unwrap_or(bytes);
        let place = BlockRef {
            offset: self.offset,
            stored: stored.len() as u32,
            length: bytes.len() as u32,
            crc: crc32fast::hash(stored),
        };
        self.raw(stored)?;
        Ok(place)
    }

    /// Ends writing. Returns how many bytes there are.
    pub(crate) fn finish(mut self) -> Result<u64, FileError> {
        self.out.flush().map_err(FileError::io("write a file of series"))?;
        Ok(self.offset)
    }
}

/// Reads blocks, and keeps the last ones.
pub(crate) struct Blocks {
    source: Arc<dyn Source>,
    cache: Mutex<Cache>,
}

#[derive(Default)]
struct Cache {
    /// By place, with the number of the reading that used it last.
    blocks: HashMap<u64, (Bytes, u64)>,
    bytes: usize,
    readings: u64,
}

impl fmt::Debug for Blocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocks").finish_non_exhaustive()
    }
}

impl Blocks {
    pub(crate) fn new(source: Arc<dyn Source>) -> Self {
        Self { source, cache: Mutex::default() }
    }

    /// Bytes of a place that is no block.
    pub(crate) fn raw(&self, offset: u64, length: usize) -> Result<Bytes, FileError> {
        self.source.read(offset, length).map_err(FileError::io("read a file of series"))
    }

    pub(crate) fn len(&self) -> u64 {
        self.source.len()
    }

    /// A block that is used again soon.
    pub(crate) fn cached(&self, place: BlockRef) -> Result<Bytes, FileError> {
        {
            let mut cache = self.cache.lock();
            cache.readings += 1;
            let reading = cache.readings;
            if let Some((bytes, used)) = cache.blocks.get_mut(&place.offset) {
                *used = reading;
                return Ok(bytes.clone());
            }
        }
        let bytes = self.read(place)?;
        self.cache.lock().keep(place.offset, bytes.clone());
        Ok(bytes)
    }

    /// A block.
    pub(crate) fn read(&self, place: BlockRef) -> Result<Bytes, FileError> {
        let stored = self.raw(place.offset, place.stored as usize)?;
        if crc32fast::hash(&stored) != place.crc {
            return Err(FileError::Damaged("a block's checksum is another"));
        }
        if place.stored == place.length {
            return Ok(stored);
        }
        let bytes = zstd::bulk::decompress(&stored, place.length as usize)
            .map_err(|_| FileError::Damaged("a block cannot be decompressed"))?;
        if bytes.len() != place.length as usize {
            return Err(FileError::Damaged("a block has another length"));
        }
        Ok(bytes.into())
    }

    /// Memory of the blocks that are kept, in bytes.
    pub(crate) fn held_bytes(&self) -> usize {
        self.cache.lock().bytes
    }
}

impl Cache {
    fn keep(&mut self, offset: u64, bytes: Bytes) {
        while self.bytes + bytes.len() > CACHE_BYTES
            && let Some(oldest) = self.blocks.iter().min_by_key(|(_, (_, used))| *used).map(|(offset, _)| *offset)
        {
            let removed = self.blocks.remove(&oldest);
            self.bytes -= removed.map_or(0, |(bytes, _)| bytes.len());
        }
        self.bytes += bytes.len();
        if let Some((before, _)) = self.blocks.insert(offset, (bytes, self.readings)) {
            self.bytes -= before.len();
        }
    }
}
