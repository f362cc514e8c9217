//! Which pages hold a word: an index of the texts of a segment, page by page.
//!
//! It is written for some columns of texts, whose pages all end at the same rows, and answers an [`Ask`](crate::Ask) with pages: all
//! that have what is asked for, and perhaps others. The texts themselves decide.
//!
//! The file, numbers little-endian or, where it says so, varints:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | `VWX1` |
//! | 4 | bytes of the directory |
//! | 4 | CRC-32 (IEEE) of the directory |
//! | | the directory |
//! | | blocks, one after the other, in the order of the directory, each with a CRC-32 there |
//!
//! The directory: 4 bytes that are a checksum of the segment's file, then varints: rows and pages of the segment, and columns. Of each
//! column: its name with its length before it; 1 if groups of UUIDs were left out, else 0; pages with words that are not listed, and pages
//! with ids that are not listed, each as the number of its bytes (0 if there is no such page) and a bit for each page; how many blocks of
//! words, and of each its first word with its length before it, its bytes and its checksum (4 bytes); how many bits of a hash choose a
//! shelf, and of each shelf of ids its bytes and its checksum.
//!
//! **A block of words** has up to [`BLOCK_WORDS`] words in order of their bytes. Of each, as varints: how many bytes it has in common
//! with the one before, how many follow, and these; then of its pages how many there are and the distance of each to the one before (the
//! first to 0), or, where that is shorter, 0 and a bit for each page.
//!
//! **A shelf of ids** has those whose [hash](crate::hash::id) begins with its bits, in order of the [`FINGERPRINT_BITS`] bits that follow: of
//! each page with an id the distance of these bits to those before as a varint, and the page in 1 byte, or 2 if there are more than 256. An
//! id that is absent is taken for another about once in 60 times.
//!
//! Beyond [`MAX_WORDS`] words or [`MAX_ALL_WORDS_BYTES`] bytes of them, and of words longer than [`MAX_WORD_BYTES`], further words are kept as ids, and
//! their pages are told: any of these may hold any part of a word.

mod directory;
mod read;
mod words;
mod write;

pub use read::TextIndex;
pub use write::{ColumnIndexWriter, TextIndexWriter};

use std::io;

/// Begins the file, with the version of its format.
const MAGIC: [u8; 4] = *b"VWX1";
/// Bytes before the directory.
const HEADER_BYTES: usize = 12;
/// Words of a block.
const BLOCK_WORDS: usize = 32;
/// Most words that a column lists.
const MAX_WORDS: usize = 1 << 16;
/// Most bytes of all words that a column lists.
const MAX_ALL_WORDS_BYTES: usize = 1 << 20;
/// Longest word that is listed.
const MAX_WORD_BYTES: usize = 64;
/// Bits of a page's number where a word or a hash is kept with one.
const PAGE_BITS: u32 = 16;
/// Most pages of a segment that has an index.
const MAX_PAGES: usize = 1 << PAGE_BITS;
/// Bits of a hash that are kept, beyond those that choose a shelf.
const FINGERPRINT_BITS: u32 = 17;
/// Most entries of a shelf, on average.
const SHELF_ENTRIES: usize = 2048;
/// Most bits that choose a shelf.
const MAX_SHELF_BITS: u32 = 16;
/// Most pages' ids of a column that are listed; they are in memory while the index is written, 8 bytes each.
const MAX_IDS: usize = 8 << 20;

/// What an index is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexOwner {
    /// A checksum of the segment's file.
    pub checksum: u32,
    /// How many rows it has.
    pub rows: usize,
    /// How many pages.
    pub pages: usize,
}

/// Why an index cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// It cannot be read.
    #[error("the text index cannot be read")]
    Io(#[source] io::Error),
    /// It is not what was written.
    #[error("the text index {0}")]
    Damaged(&'static str),
}

/// Sets a page's bit.
fn set(bits: &mut [u8], page: usize) {
    bits[page / 8] |= 1 << (page % 8);
}

/// Whether a page's bit is set.
fn is_set(bits: &[u8], page: usize) -> bool {
    bits.get(page / 8).is_some_and(|byte| byte >> (page % 8) & 1 == 1)
}

/// Bytes of a page's number beside an id.
fn page_bytes(pages: usize) -> usize {
    if pages <= 256 { 1 } else { 2 }
}
