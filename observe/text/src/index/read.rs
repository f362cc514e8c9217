//! Asking an index. Its format is told in `index.rs`.

use std::fmt;
use std::io;
use std::ops::Range;

use bytes::Bytes;
use memchr::memmem;
use vitrine_kit::varint;

use super::directory::{Block, Column, Directory};
use super::{
    BLOCK_WORDS, FINGERPRINT_BITS, HEADER_BYTES, IndexError, IndexOwner, MAGIC, MAX_WORD_BYTES, is_set, page_bytes,
};
use crate::ask::Ask;
use crate::hash;
use crate::terms::may_be_omitted;

/// Bytes that are read at first: mostly the whole directory.
const FIRST_READ: u64 = 16 << 10;

/// Reads exactly these bytes of the file: where they begin, and how many.
type ReadAt = dyn Fn(u64, usize) -> io::Result<Bytes> + Send + Sync;

/// The index of a segment's texts, open. Of the file it holds the directory; blocks are read when they are asked for.
pub struct TextIndex {
    read: Box<ReadAt>,
    pages: usize,
    columns: Vec<Column>,
}

impl fmt::Debug for TextIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextIndex").field("pages", &self.pages).finish_non_exhaustive()
    }
}

impl TextIndex {
    /// Opens the index of a segment; `length` are the file's bytes, and `read` reads some of them.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is not what was written for this segment.
    pub fn open(
        owner: IndexOwner,
        length: u64,
        read: impl Fn(u64, usize) -> io::Result<Bytes> + Send + Sync + 'static,
    ) -> Result<Self, IndexError> {
        let first = read(0, length.min(FIRST_READ) as usize).map_err(IndexError::Io)?;
        let header = first.first_chunk::<HEADER_BYTES>().ok_or(IndexError::Damaged("is cut off"))?;
        let number = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        if header[..4] != MAGIC {
            return Err(IndexError::Damaged("is not one of this version"));
        }
        let end = HEADER_BYTES as u64 + u64::from(number(4));
        if end > length {
            return Err(IndexError::Damaged("is cut off"));
        }
        let directory = match first.len() as u64 >= end {
            true => first.slice(HEADER_BYTES..end as usize),
            false => read(HEADER_BYTES as u64, number(4) as usize).map_err(IndexError::Io)?,
        };
        if crc32fast::hash(&directory) != number(8) {
            return Err(IndexError::Damaged("does not match its checksum"));
        }
        let columns = Directory::new(directory, end).columns(owner, length)?;
        Ok(Self { read: Box::new(read), pages: owner.pages, columns })
    }

    /// Bytes of memory held.
    pub fn held_bytes(&self) -> usize {
        self.columns.iter().map(Column::held_bytes).sum()
    }

    /// Returns, by the page, whether it may have texts of a column that have what is asked for. Other pages have none. None if the
    /// column is not indexed, or no page is ruled out.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is damaged.
    pub fn pages(&self, column: &str, ask: &Ask) -> Result<Option<Vec<bool>>, IndexError> {
        let Some(column) = self.columns.iter().find(|known| *known.name == *column) else { return Ok(None) };
        let mut pages = vec![false; self.pages];
        Asking { index: self, column }.answer(ask, &mut pages)?;
        Ok(pages.contains(&false).then_some(pages))
    }

    /// Reads blocks that stand one after the other, and checks them.
    fn blocks(&self, blocks: &[Block]) -> Result<Vec<Bytes>, IndexError> {
        let Some(first) = blocks.first() else { return Ok(Vec::new()) };
        let length = blocks.iter().map(|block| block.bytes as usize).sum();
        let mut rest = (self.read)(first.start, length).map_err(IndexError::Io)?;
        let check = |block: &Block| {
            if rest.len() < block.bytes as usize {
                return Err(IndexError::Damaged("is cut off"));
            }
            let bytes = rest.split_to(block.bytes as usize);
            match crc32fast::hash(&bytes) == block.crc {
                true => Ok(bytes),
                false => Err(IndexError::Damaged("does not match its checksum")),
            }
        };
        blocks.iter().map(check).collect()
    }
}

/// A column that is asked.
#[derive(Clone, Copy)]
struct Asking<'a> {
    index: &'a TextIndex,
    column: &'a Column,
}

impl Asking<'_> {
    /// Marks the pages that may have what is asked for.
    fn answer(self, ask: &Ask, pages: &mut [bool]) -> Result<(), IndexError> {
        match ask {
            Ask::Everything => pages.fill(true),
            Ask::All(asks) => {
                let mut all = vec![true; pages.len()];
                for ask in asks {
                    let mut each = vec![false; pages.len()];
                    self.answer(ask, &mut each)?;
                    all.iter_mut().zip(each).for_each(|(all, each)| *all &= each);
                    if !all.contains(&true) {
                        break;
                    }
                }
                pages.iter_mut().zip(all).for_each(|(any, each)| *any |= each);
            }
            Ask::Any(asks) => asks.iter().try_for_each(|ask| self.answer(ask, pages))?,
            Ask::Word(word) => {
                let near = self.near(word);
                self.words(near..near + 1, |found| found == word.as_bytes(), pages)?;
                if !self.column.unlisted_words.is_empty() {
                    self.id(word, pages)?;
                }
            }
            Ask::Prefix(start) => {
                let is_after =
                    |(first, _): &(Bytes, Block)| **first > *start.as_bytes() && !first.starts_with(start.as_bytes());
                let end = self.column.words.partition_point(|block| !is_after(block));
                self.words(self.near(start)..end, |found| found.starts_with(start.as_bytes()), pages)?;
                mark(&self.column.unlisted_words, pages);
            }
            Ask::Infix(part) => {
                let finder = memmem::Finder::new(part.as_bytes());
                self.words(0..self.column.words.len(), |found| finder.find(found).is_some(), pages)?;
                mark(&self.column.unlisted_words, pages);
            }
            Ask::Id(id) if self.column.has_uuids && may_be_omitted(id) => pages.fill(true),
            Ask::Id(id) => self.id(id, pages)?,
        }
        Ok(())
    }

    /// The block that has a word, if any has.
    fn near(self, word: &str) -> usize {
        self.column.words.partition_point(|(first, _)| **first <= *word.as_bytes()).saturating_sub(1)
    }

    /// Marks the pages of those words of some blocks that are wanted.
    fn words(self, blocks: Range<usize>, wanted: impl Fn(&[u8]) -> bool, pages: &mut [bool]) -> Result<(), IndexError> {
        let blocks: Vec<Block> = self.column.words.get(blocks).into_iter().flatten().map(|(_, block)| *block).collect();
        for block in self.index.blocks(&blocks)? {
            block_words(&block, &wanted, pages).ok_or(IndexError::Damaged("has a block of words that is none"))?;
        }
        Ok(())
    }

    /// Marks the pages that may have an id.
    fn id(self, id: &str, pages: &mut [bool]) -> Result<(), IndexError> {
        let (hash, bits) = (hash::id(id), self.column.shelf_bits);
        let shelf = hash.checked_shr(u64::BITS - bits).unwrap_or(0) as usize;
        let wanted = ((hash << bits) >> (u64::BITS - FINGERPRINT_BITS)) as usize;
        for block in self.index.blocks(&self.column.shelves[shelf..=shelf])? {
            shelf_ids(&block, wanted, pages).ok_or(IndexError::Damaged("has a shelf of ids that is none"))?;
        }
        mark(&self.column.unlisted_ids, pages);
        Ok(())
    }
}

fn mark(bits: &[u8], pages: &mut [bool]) {
    pages.iter_mut().enumerate().for_each(|(page, marked)| *marked |= is_set(bits, page));
}

/// Marks the pages of those words of a block that are wanted; none if it is no such block.
fn block_words(block: &[u8], wanted: &impl Fn(&[u8]) -> bool, pages: &mut [bool]) -> Option<()> {
    let mut rest = block;
    let mut word = Vec::with_capacity(MAX_WORD_BYTES);
    for _ in 0..BLOCK_WORDS {
        if rest.is_empty() {
            break;
        }
        let common = number(&mut rest)?;
        if common > word.len() {
            return None;
        }
        word.truncate(common);
        let more = number(&mut rest)?;
        word.extend_from_slice(rest.split_off(..more)?);
        let is_wanted = wanted(&word);
        let count = number(&mut rest)?;
        if count == 0 {
            let bits = rest.split_off(..pages.len().div_ceil(8))?;
            if is_wanted {
                mark(bits, pages);
            }
        }
        let mut page = 0usize;
        for _ in 0..count {
            page = page.checked_add(number(&mut rest)?)?;
            *pages.get_mut(page)? |= is_wanted;
        }
    }
    rest.is_empty().then_some(())
}

/// Marks the pages of a fingerprint on a shelf; none if it is no shelf.
fn shelf_ids(shelf: &[u8], wanted: usize, pages: &mut [bool]) -> Option<()> {
    let (mut rest, mut fingerprint, bytes) = (shelf, 0usize, page_bytes(pages.len()));
    while !rest.is_empty() && fingerprint <= wanted {
        fingerprint = fingerprint.checked_add(number(&mut rest)?)?;
        let page = rest.split_off(..bytes)?;
        let page = page.iter().rev().fold(0, |page, byte| page << 8 | usize::from(*byte));
        *pages.get_mut(page)? |= fingerprint == wanted;
    }
    Some(())
}

fn number(bytes: &mut &[u8]) -> Option<usize> {
    varint::read(bytes).ok().and_then(|number| usize::try_from(number).ok())
}
