//! Writing an index. Its format is told in `index.rs`.

use vitrine_kit::varint;

use super::words::{Added, DistinctWords};
use super::{BLOCK_WORDS, FINGERPRINT_BITS, HEADER_BYTES, IndexOwner, MAGIC, MAX_IDS, MAX_PAGES, MAX_SHELF_BITS};
use super::{PAGE_BITS, SHELF_ENTRIES, page_bytes, set};
use crate::hash;
use crate::terms::{Term, canonical, terms};

/// An index that is being made, column by column.
#[derive(Debug, Default)]
pub struct TextIndexWriter {
    columns: Vec<Column>,
}

/// A column's part of an index, complete.
#[derive(Debug)]
struct Column {
    directory: Vec<u8>,
    blocks: Vec<u8>,
    pages: usize,
}

impl TextIndexWriter {
    /// Begins a column of this name.
    pub fn column(&mut self, name: &str) -> ColumnIndexWriter<'_> {
        ColumnIndexWriter {
            index: self,
            name: name.to_owned(),
            words: DistinctWords::default(),
            hits: Vec::new(),
            ids: Vec::new(),
            page_ids: Vec::new(),
            page: 0,
            has_uuids: false,
            unlisted_words: Vec::new(),
            unlisted_ids: Vec::new(),
            folded: String::new(),
        }
    }

    /// Returns the file; none if nothing was indexed, or a column does not have as many pages as the segment.
    pub fn finish(self, owner: IndexOwner) -> Option<Vec<u8>> {
        if self.columns.is_empty() || self.columns.iter().any(|column| column.pages != owner.pages) {
            return None;
        }
        let mut directory = owner.checksum.to_le_bytes().to_vec();
        for number in [owner.rows, owner.pages, self.columns.len()] {
            varint::write(&mut directory, number as u64);
        }
        self.columns.iter().for_each(|column| directory.extend_from_slice(&column.directory));
        let blocks: usize = self.columns.iter().map(|column| column.blocks.len()).sum();
        let length = u32::try_from(directory.len()).ok()?;
        let mut file = Vec::with_capacity(HEADER_BYTES + directory.len() + blocks);
        file.extend_from_slice(&MAGIC);
        file.extend_from_slice(&length.to_le_bytes());
        file.extend_from_slice(&crc32fast::hash(&directory).to_le_bytes());
        file.extend_from_slice(&directory);
        self.columns.iter().for_each(|column| file.extend_from_slice(&column.blocks));
        Some(file)
    }
}

/// A column whose texts are being indexed, page by page.
#[derive(Debug)]
pub struct ColumnIndexWriter<'a> {
    index: &'a mut TextIndexWriter,
    name: String,
    words: DistinctWords,
    /// The number of a word and, in the lower half, of a page that has it.
    hits: Vec<u32>,
    /// The upper bits of an id's hash and, below, the number of a page that has it.
    ids: Vec<u64>,
    /// Hashes of ids of this page.
    page_ids: Vec<u64>,
    page: usize,
    has_uuids: bool,
    unlisted_words: Vec<usize>,
    unlisted_ids: Vec<usize>,
    folded: String,
}

impl ColumnIndexWriter<'_> {
    /// Adds a text of this page.
    pub fn add(&mut self, text: &str) {
        let mut folded = std::mem::take(&mut self.folded);
        folded.clear();
        if text.is_ascii() {
            folded.push_str(text);
            folded.make_ascii_lowercase();
        } else {
            folded.push_str(&canonical(text));
        }
        terms(&folded, &mut |term| match term {
            Term::Listed(word) => self.listed(word),
            Term::Id(id) => self.page_ids.push(hash::id(id)),
            Term::Omitted => self.has_uuids = true,
        });
        self.folded = folded;
    }

    #[inline]
    fn listed(&mut self, word: &str) {
        match self.words.add(word, self.page as u32) {
            Added::Before => {}
            Added::Now(number) => self.hits.push(number << PAGE_BITS | self.page as u32 & 0xFFFF),
            Added::Refused => {
                self.page_ids.push(hash::id(word));
                if self.unlisted_words.last() != Some(&self.page) {
                    self.unlisted_words.push(self.page);
                }
            }
        }
    }

    /// Ends this page; what is added from here on is of the next.
    pub fn end_page(&mut self) {
        self.page_ids.sort_unstable();
        self.page_ids.dedup();
        if self.ids.len() + self.page_ids.len() > MAX_IDS {
            self.unlisted_ids.push(self.page);
        } else {
            let page = self.page as u64;
            self.ids.extend(self.page_ids.iter().map(|hash| hash >> PAGE_BITS << PAGE_BITS | page));
        }
        self.page_ids.clear();
        self.page += 1;
    }

    /// Ends the column. One of too many pages is not indexed.
    pub fn finish(self) {
        let pages = self.page;
        if pages > MAX_PAGES {
            return;
        }
        let (mut directory, mut blocks) = (Vec::new(), Vec::new());
        put_text(&mut directory, self.name.as_bytes());
        directory.push(u8::from(self.has_uuids));
        put_pages(&mut directory, &self.unlisted_words, pages);
        put_pages(&mut directory, &self.unlisted_ids, pages);
        put_words(&self.words, self.hits, pages, &mut directory, &mut blocks);
        put_ids(self.ids, pages, &mut directory, &mut blocks);
        self.index.columns.push(Column { directory, blocks, pages });
    }
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    varint::write(out, text.len() as u64);
    out.extend_from_slice(text);
}

/// Pages as bits; nothing if there are none.
fn put_pages(out: &mut Vec<u8>, marked: &[usize], pages: usize) {
    let mut bits = vec![0; if marked.is_empty() { 0 } else { pages.div_ceil(8) }];
    marked.iter().for_each(|page| set(&mut bits, *page));
    put_text(out, &bits);
}

/// The blocks of words, and what the directory says of them.
fn put_words(words: &DistinctWords, mut hits: Vec<u32>, pages: usize, directory: &mut Vec<u8>, blocks: &mut Vec<u8>) {
    hits.sort_unstable();
    let mut order: Vec<u32> = (0..words.len() as u32).collect();
    order.sort_unstable_by_key(|number| words.get(*number));
    varint::write(directory, order.len().div_ceil(BLOCK_WORDS) as u64);
    for block in order.chunks(BLOCK_WORDS) {
        let start = blocks.len();
        let mut before: &[u8] = b"";
        for number in block {
            let word = words.get(*number);
            let common = before.iter().zip(word).take_while(|(a, b)| a == b).count();
            varint::write(blocks, common as u64);
            put_text(blocks, &word[common..]);
            let first = hits.partition_point(|hit| hit >> PAGE_BITS < *number);
            let of_word = hits[first..].iter().take_while(|hit| **hit >> PAGE_BITS == *number);
            put_postings(blocks, of_word.map(|hit| (hit & 0xFFFF) as usize), pages);
            before = word;
        }
        put_text(directory, words.get(block[0]));
        put_block(directory, &blocks[start..]);
    }
}

/// The pages of a word, ascending.
fn put_postings(out: &mut Vec<u8>, of_word: impl Iterator<Item = usize> + Clone, pages: usize) {
    let start = out.len();
    varint::write(out, of_word.clone().count() as u64);
    let mut before = 0;
    for page in of_word.clone() {
        varint::write(out, (page - before) as u64);
        before = page;
    }
    if out.len() - start > 1 + pages.div_ceil(8) {
        out.truncate(start);
        out.push(0);
        let bits = out.len();
        out.resize(bits + pages.div_ceil(8), 0);
        of_word.for_each(|page| set(&mut out[bits..], page));
    }
}

/// The shelves of ids, and what the directory says of them.
fn put_ids(mut ids: Vec<u64>, pages: usize, directory: &mut Vec<u8>, blocks: &mut Vec<u8>) {
    ids.sort_unstable();
    let shelf_bits = (ids.len() / SHELF_ENTRIES).checked_ilog2().map_or(0, |bits| bits + 1).min(MAX_SHELF_BITS);
    varint::write(directory, shelf_bits.into());
    let mut rest = ids.as_slice();
    for shelf in 0..1u64 << shelf_bits {
        let is_here = |id: &u64| id.checked_shr(u64::BITS - shelf_bits).unwrap_or(0) == shelf;
        let (here, after) = rest.split_at(rest.partition_point(is_here));
        rest = after;
        let start = blocks.len();
        let mut before = 0;
        for id in here {
            let fingerprint = (id << shelf_bits) >> (u64::BITS - FINGERPRINT_BITS);
            varint::write(blocks, fingerprint - before);
            let page = (id & 0xFFFF) as u16;
            blocks.extend_from_slice(&page.to_le_bytes()[..page_bytes(pages)]);
            before = fingerprint;
        }
        put_block(directory, &blocks[start..]);
    }
}

fn put_block(directory: &mut Vec<u8>, block: &[u8]) {
    varint::write(directory, block.len() as u64);
    directory.extend_from_slice(&crc32fast::hash(block).to_le_bytes());
}
