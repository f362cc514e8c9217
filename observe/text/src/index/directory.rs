//! The directory of an index. Its format is told in `index.rs`.

use bytes::Bytes;
use vitrine_kit::varint;

use super::{IndexError, IndexOwner, MAX_SHELF_BITS};

/// What the directory says of a column.
pub(super) struct Column {
    pub(super) name: Box<str>,
    /// Whether groups of UUIDs were left out.
    pub(super) has_uuids: bool,
    /// By bits, pages with words that are not listed.
    pub(super) unlisted_words: Bytes,
    /// By bits, pages with ids that are not listed.
    pub(super) unlisted_ids: Bytes,
    /// Blocks of words, each with its first.
    pub(super) words: Vec<(Bytes, Block)>,
    /// How many bits of a hash choose a shelf.
    pub(super) shelf_bits: u32,
    /// Shelves of ids, one for each value of these bits.
    pub(super) shelves: Vec<Block>,
}

/// Where a block is in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    pub(super) start: u64,
    pub(super) bytes: u32,
    pub(super) crc: u32,
}

impl Column {
    /// Bytes of memory held.
    pub(super) fn held_bytes(&self) -> usize {
        let texts: usize = self.words.iter().map(|(first, _)| first.len()).sum();
        texts
            + size_of_val(&*self.words)
            + size_of_val(&*self.shelves)
            + self.unlisted_words.len()
            + self.unlisted_ids.len()
    }
}

/// The directory, of which the beginning was read.
pub(super) struct Directory {
    rest: Bytes,
    /// Where the next block begins in the file.
    block_start: u64,
}

impl Directory {
    /// The directory of these bytes, whose checksum was compared, of a file whose blocks begin there.
    pub(super) fn new(bytes: Bytes, block_start: u64) -> Self {
        Self { rest: bytes, block_start }
    }

    /// Reads what it says of the columns of a segment's index in a file of so many bytes.
    pub(super) fn columns(mut self, owner: IndexOwner, length: u64) -> Result<Vec<Column>, IndexError> {
        let found = IndexOwner { checksum: self.fixed()?, rows: self.number()?, pages: self.number()? };
        if found != owner {
            return Err(IndexError::Damaged("is of another segment"));
        }
        let columns = (0..self.count()?).map(|_| self.column(owner.pages)).collect::<Result<_, _>>()?;
        if self.block_start != length || !self.rest.is_empty() {
            return Err(IndexError::Damaged("is not as long as it says"));
        }
        Ok(columns)
    }

    fn column(&mut self, pages: usize) -> Result<Column, IndexError> {
        let malformed = || IndexError::Damaged("has a directory that is none");
        let name = std::str::from_utf8(&self.text()?).map_err(|_| malformed())?.into();
        let has_uuids = self.number()? == 1;
        let [unlisted_words, unlisted_ids] = [self.text()?, self.text()?];
        if [&unlisted_words, &unlisted_ids].iter().any(|bits| !bits.is_empty() && bits.len() != pages.div_ceil(8)) {
            return Err(malformed());
        }
        let words = (0..self.count()?).map(|_| Ok((self.text()?, self.block()?)));
        let words = words.collect::<Result<_, IndexError>>()?;
        let shelf_bits = u32::try_from(self.number()?).ok().filter(|bits| *bits <= MAX_SHELF_BITS);
        let shelf_bits = shelf_bits.ok_or_else(malformed)?;
        let shelves = (0..1usize << shelf_bits).map(|_| self.block()).collect::<Result<_, _>>()?;
        Ok(Column { name, has_uuids, unlisted_words, unlisted_ids, words, shelf_bits, shelves })
    }

    fn block(&mut self) -> Result<Block, IndexError> {
        let bytes = u32::try_from(self.number()?).map_err(|_| IndexError::Damaged("has a block of no size"))?;
        let block = Block { start: self.block_start, bytes, crc: self.fixed()? };
        self.block_start += u64::from(bytes);
        Ok(block)
    }

    fn number(&mut self) -> Result<usize, IndexError> {
        let mut rest = &self.rest[..];
        let number = varint::read(&mut rest).ok().and_then(|number| usize::try_from(number).ok());
        let read = self.rest.len() - rest.len();
        drop(self.rest.split_to(read));
        number.ok_or(CUT_OFF)
    }

    /// How many of something follow, each of which takes a byte at least.
    fn count(&mut self) -> Result<usize, IndexError> {
        Some(self.number()?).filter(|count| *count <= self.rest.len()).ok_or(CUT_OFF)
    }

    fn fixed(&mut self) -> Result<u32, IndexError> {
        let bytes = *self.rest.first_chunk::<4>().ok_or(CUT_OFF)?;
        drop(self.rest.split_to(4));
        Ok(u32::from_le_bytes(bytes))
    }

    fn text(&mut self) -> Result<Bytes, IndexError> {
        let length = self.count()?;
        Ok(self.rest.split_to(length))
    }
}

/// The directory ends where something should follow.
const CUT_OFF: IndexError = IndexError::Damaged("has a directory that is cut off");
