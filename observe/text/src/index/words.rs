//! The words of a column, each kept once while an index is being written.

use std::hash::{BuildHasher, RandomState};

use super::{MAX_ALL_WORDS_BYTES, MAX_WORD_BYTES, MAX_WORDS};
use crate::hash;

/// Entries of an empty table.
const FIRST_ENTRIES: usize = 1 << 10;

/// What became of a word.
pub(super) enum Added {
    /// It was on this page before.
    Before,
    /// It was not: its number.
    Now(u32),
    /// There are too many words, or it is too long.
    Refused,
}

/// Words of up to so many bytes are told apart by their ends alone.
const END_BYTES: usize = 8;

/// One entry of the table: a hit reads this and, of a long word, the word itself, nothing else.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    /// The word's last bytes ([`hash::seeded`]).
    end: u64,
    start: u32,
    /// The page that had it last, plus one; 0 for a free entry.
    page: u32,
    number: u16,
    length: u8,
}

/// Distinct words, numbered in order of appearance. The hash is seeded for each process: a sender cannot choose words that collide.
#[derive(Debug)]
pub(super) struct DistinctWords {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    table: Vec<Entry>,
    seed: u64,
}

impl Default for DistinctWords {
    fn default() -> Self {
        let seed = RandomState::new().hash_one(0u8) | 1;
        Self { bytes: Vec::new(), ends: Vec::new(), table: vec![Entry::default(); FIRST_ENTRIES], seed }
    }
}

impl DistinctWords {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The word of a number.
    pub(super) fn get(&self, number: u32) -> &[u8] {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before as usize]);
        &self.bytes[start as usize..self.ends[number as usize] as usize]
    }

    /// Adds a word of a page; pages come in order.
    #[inline]
    pub(super) fn add(&mut self, word: &str, page: u32) -> Added {
        let word = word.as_bytes();
        if word.len() > MAX_WORD_BYTES {
            return Added::Refused;
        }
        let (hash, end) = hash::seeded(self.seed, word);
        let mask = self.table.len() - 1;
        let mut place = hash as usize & mask;
        loop {
            let entry = &mut self.table[place];
            if entry.page == 0 {
                return self.insert(place, end, word, page);
            }
            let start = entry.start as usize;
            if entry.end == end
                && usize::from(entry.length) == word.len()
                && (word.len() <= END_BYTES || self.bytes[start..start + word.len()] == *word)
            {
                if entry.page == page + 1 {
                    return Added::Before;
                }
                entry.page = page + 1;
                return Added::Now(entry.number.into());
            }
            place = (place + 1) & mask;
        }
    }

    #[cold]
    fn insert(&mut self, place: usize, end: u64, word: &[u8], page: u32) -> Added {
        let number = self.len();
        if number == MAX_WORDS || self.bytes.len() + word.len() > MAX_ALL_WORDS_BYTES {
            return Added::Refused;
        }
        let start = self.bytes.len() as u32;
        self.table[place] = Entry { end, start, page: page + 1, number: number as u16, length: word.len() as u8 };
        self.bytes.extend_from_slice(word);
        self.ends.push(self.bytes.len() as u32);
        if self.len() * 2 > self.table.len() {
            self.grow();
        }
        Added::Now(number as u32)
    }

    fn grow(&mut self) {
        let mut table = vec![Entry::default(); self.table.len() * 4];
        let mask = table.len() - 1;
        for entry in self.table.iter().filter(|entry| entry.page > 0) {
            let start = entry.start as usize;
            let word = &self.bytes[start..start + usize::from(entry.length)];
            let mut place = hash::seeded(self.seed, word).0 as usize & mask;
            while table[place].page > 0 {
                place = (place + 1) & mask;
            }
            table[place] = *entry;
        }
        self.table = table;
    }
}
