//! Texts as numbers.

use std::hash::{BuildHasher, RandomState};

use vitrine_kit::hash;

use crate::text_table::TextTable;

/// Entries of an empty table.
const FIRST_ENTRIES: usize = 64;

/// One entry of the table: a hit reads this and the text itself, nothing else.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    tag: u32,
    /// The text's number plus one; 0 for a free entry.
    code: u32,
    offset: u32,
    length: u32,
}

/// Distinct texts (or bytes), numbered in order of appearance.
///
/// Its hash is seeded for each process: a sender cannot choose texts that collide.
#[derive(Debug, Clone)]
pub struct Dictionary {
    arena: Vec<u8>,
    offsets: Vec<u32>,
    table: Vec<Entry>,
    seed: u64,
}

impl Default for Dictionary {
    fn default() -> Self {
        Self {
            arena: Vec::new(),
            offsets: vec![0],
            table: vec![Entry::default(); FIRST_ENTRIES],
            seed: RandomState::new().hash_one(0u8) | 1,
        }
    }
}

impl Dictionary {
    /// How many texts there are.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of a number. Panics for a number that was never given.
    pub fn get(&self, code: u32) -> &[u8] {
        &self.arena[self.offsets[code as usize] as usize..self.offsets[code as usize + 1] as usize]
    }

    /// The text of a number; what is not UTF-8 is empty. Panics for a number that was never given.
    pub fn text(&self, code: u32) -> &str {
        std::str::from_utf8(self.get(code)).unwrap_or_default()
    }

    /// All texts in order of their numbers.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.offsets.windows(2).map(|ends| &self.arena[ends[0] as usize..ends[1] as usize])
    }

    /// Bytes of all texts together.
    pub fn text_bytes(&self) -> usize {
        self.arena.len()
    }

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        self.arena.capacity() + self.offsets.capacity() * 4 + self.table.capacity() * size_of::<Entry>()
    }

    /// The number of a text, if it has one.
    pub fn find(&self, bytes: &[u8]) -> Option<u32> {
        self.probe(self.hash(bytes), bytes).ok()
    }

    /// Makes room for so many more texts.
    pub(crate) fn reserve(&mut self, texts: usize) {
        let entries = ((self.len() + texts) * 2 + 1).next_power_of_two();
        if entries > self.table.len() {
            self.resize(entries);
        }
    }

    /// The number of a text, which is a new one if it had none.
    pub fn intern(&mut self, bytes: &[u8]) -> u32 {
        let hash = self.hash(bytes);
        self.probe(hash, bytes).unwrap_or_else(|place| self.add(place, hash, bytes))
    }

    /// The same for bytes that should be UTF-8: none, and nothing new, for those that are not. Only what is new is checked.
    #[inline]
    pub fn intern_text(&mut self, bytes: &[u8]) -> Option<u32> {
        let hash = self.hash(bytes);
        match self.probe(hash, bytes) {
            Ok(code) => Some(code),
            Err(place) => std::str::from_utf8(bytes).is_ok().then(|| self.add(place, hash, bytes)),
        }
    }

    /// The number of a text, or the free entry where it belongs.
    #[inline]
    fn probe(&self, hash: u64, bytes: &[u8]) -> Result<u32, usize> {
        let mut place = self.place(hash);
        loop {
            let entry = self.table[place];
            if entry.code == 0 {
                return Err(place);
            }
            if self.is(entry, hash, bytes) {
                return Ok(entry.code - 1);
            }
            place = (place + 1) & (self.table.len() - 1);
        }
    }

    fn add(&mut self, place: usize, hash: u64, bytes: &[u8]) -> u32 {
        let code = self.len() as u32;
        self.table[place] = Entry {
            tag: (hash >> 32) as u32,
            code: code + 1,
            offset: self.arena.len() as u32,
            length: bytes.len() as u32,
        };
        self.arena.extend_from_slice(bytes);
        self.offsets.push(self.arena.len() as u32);
        if self.len() * 2 > self.table.len() {
            self.resize(self.table.len() * 4);
        }
        code
    }

    /// All numbers in order of their texts' bytes.
    pub(crate) fn in_order(&self) -> Vec<u32> {
        // Texts of a column begin alike; the first bytes that tell them apart are compared without looking them up.
        let mut texts = self.iter();
        let first = texts.next().unwrap_or_default();
        let common = texts
            .fold(first.len(), |common, text| first[..common].iter().zip(text).take_while(|(a, b)| a == b).count());
        let key = |text: &[u8]| {
            let mut eight = [0; 8];
            let bytes = &text[common..text.len().min(common + 8)];
            eight[..bytes.len()].copy_from_slice(bytes);
            u64::from_be_bytes(eight)
        };
        let mut keyed: Vec<(u64, u32)> = self.iter().map(key).zip(0..).collect();
        keyed.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| self.get(a.1).cmp(self.get(b.1))));
        keyed.into_iter().map(|(_, code)| code).collect()
    }

    /// Forgets all texts and keeps the memory.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.offsets.truncate(1);
        self.table.fill(Entry::default());
    }

    #[inline]
    fn is(&self, entry: Entry, hash: u64, bytes: &[u8]) -> bool {
        entry.tag == (hash >> 32) as u32
            && entry.length as usize == bytes.len()
            && same(&self.arena[entry.offset as usize..entry.offset as usize + bytes.len()], bytes)
    }

    #[inline]
    fn place(&self, hash: u64) -> usize {
        hash as usize & (self.table.len() - 1)
    }

    #[cold]
    fn resize(&mut self, entries: usize) {
        let mut table = vec![Entry::default(); entries];
        let mask = table.len() - 1;
        for code in 0..self.len() as u32 {
            let hash = self.hash(self.get(code));
            let mut place = hash as usize & mask;
            while table[place].code != 0 {
                place = (place + 1) & mask;
            }
            let offset = self.offsets[code as usize];
            let length = self.offsets[code as usize + 1] - offset;
            table[place] = Entry { tag: (hash >> 32) as u32, code: code + 1, offset, length };
        }
        self.table = table;
    }

    #[inline]
    fn hash(&self, bytes: &[u8]) -> u64 {
        hash::seeded(self.seed, bytes).0
    }
}

impl TextTable for Dictionary {
    fn count(&self) -> u32 {
        self.len() as u32
    }

    fn code_of(&self, text: &[u8]) -> Option<u32> {
        self.find(text)
    }

    fn bytes(&self) -> &[u8] {
        &self.arena
    }

    fn place(&self, code: u32) -> (u32, u32) {
        (self.offsets[code as usize], self.offsets[code as usize + 1])
    }
}

/// Whether two texts of the same length are the same. Most are too short for a call of `memcmp` to pay.
#[inline]
fn same(a: &[u8], b: &[u8]) -> bool {
    if let (Some(tail_a), Some(tail_b)) = (a.last_chunk::<8>(), b.last_chunk::<8>()) {
        let ((words_a, _), (words_b, _)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
        return tail_a == tail_b && words_a.iter().zip(words_b).all(|(a, b)| a == b);
    }
    a.iter().zip(b).fold(0, |differences, (a, b)| differences | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::Dictionary;

    #[test]
    fn texts_keep_their_numbers_while_the_table_grows() {
        let mut dictionary = Dictionary::default();
        let texts: Vec<String> = (0..10_000).map(|n| format!("text number {n}")).collect();
        for round in 0..2 {
            for (number, text) in texts.iter().enumerate() {
                assert_eq!(dictionary.intern(text.as_bytes()), number as u32, "round {round}");
            }
        }
        assert_eq!((dictionary.len(), dictionary.text(77)), (10_000, "text number 77"));
        assert_eq!(
            (dictionary.find(b"text number 9999"), dictionary.find(b"other"), dictionary.find(b"")),
            (Some(9999), None, None)
        );
        assert_eq!(dictionary.intern(b""), 10_000);
        dictionary.clear();
        assert_eq!((dictionary.len(), dictionary.find(b"text number 1")), (0, None));
    }

    #[test]
    fn numbers_are_put_in_order_of_texts() {
        let mut dictionary = Dictionary::default();
        assert!(dictionary.in_order().is_empty());
        let texts = ["path/b", "path/", "path/a\0", "path/a", "path/a long one that differs late: 2"];
        texts.iter().for_each(|text| _ = dictionary.intern(text.as_bytes()));
        dictionary.intern(b"path/a long one that differs late: 1");
        assert_eq!(dictionary.in_order(), [1, 3, 2, 5, 4, 0]);
        dictionary.intern(b"");
        assert_eq!(dictionary.in_order(), [6, 1, 3, 2, 5, 4, 0]);
    }
}
