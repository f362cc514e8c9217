//! Rows by id. The format of the index is told in `index.rs`.

use std::collections::BTreeSet;
use std::ops::Range;

use bytes::Bytes;

use crate::column::Data;
use crate::index::{HEADER_BYTES, MAGIC, MAX_BUCKET_BITS, MAX_PAGE_BITS, hash};
use crate::{Error, Segment};

/// Bytes of the checksum at the end.
const CRC_BYTES: usize = 4;

/// The index of ids, as it stands in its file.
pub(crate) struct Index {
    file: Bytes,
    bucket_bits: u32,
    page_bits: u32,
    entry_bytes: usize,
    entries: usize,
    pages: usize,
}

impl Index {
    /// Checks the file of a segment of so many rows and pages.
    pub fn open(file: Bytes, rows: usize, pages: usize) -> Result<Self, Error> {
        let damaged = |what: &str| Error::Damaged(format!("the index of ids {what}"));
        let end = file.len().checked_sub(CRC_BYTES).filter(|end| *end >= HEADER_BYTES);
        let end = end.ok_or_else(|| damaged("is cut off"))?;
        if number(&file, end) != crc32fast::hash(&file[..end]) {
            return Err(damaged("does not match its checksum"));
        }
        if file[..4] != MAGIC {
            return Err(damaged("is not one of this version"));
        }
        let index = Self {
            bucket_bits: file[4].into(),
            page_bits: file[5].into(),
            entry_bytes: file[6].into(),
            entries: number(&file, 16) as usize,
            pages,
            file,
        };
        if number(&index.file, 12) as usize != rows {
            return Err(damaged("is of another segment"));
        }
        let fits = index.bucket_bits <= MAX_BUCKET_BITS
            && (1..=MAX_PAGE_BITS).contains(&index.page_bits)
            && (2..=3).contains(&index.entry_bytes)
            && index.entries_start() + index.entries * index.entry_bytes == end;
        if fits { Ok(index) } else { Err(damaged("is not as long as it says")) }
    }

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        self.file.len()
    }

    /// The pages that may hold an id, ascending: those that do, and seldom another.
    pub fn pages(&self, id: u128) -> Vec<usize> {
        let hash = hash(id);
        let bucket = hash.checked_shr(u64::BITS - self.bucket_bits).unwrap_or(0) as usize;
        let fingerprint_bits = 8 * self.entry_bytes as u32 - self.page_bits;
        let fingerprint = (hash << self.bucket_bits) >> (u64::BITS - fingerprint_bits);
        let start = |bucket: usize| number(&self.file, HEADER_BYTES + bucket * 4) as usize;
        let entries = self.entries_start();
        let bytes =
            self.file.get(entries + start(bucket) * self.entry_bytes..entries + start(bucket + 1) * self.entry_bytes);
        let mut pages = Vec::new();
        for entry in bytes.unwrap_or_default().chunks_exact(self.entry_bytes) {
            let mut eight = [0; 8];
            eight[..entry.len()].copy_from_slice(entry);
            let entry = u64::from_le_bytes(eight);
            let page = (entry & ((1 << self.page_bits) - 1)) as usize;
            if entry >> self.page_bits == fingerprint && page < self.pages {
                pages.push(page);
            }
        }
        pages
    }

    fn entries_start(&self) -> usize {
        HEADER_BYTES + ((1 << self.bucket_bits) + 1) * 4
    }
}

/// The number at a place. Panics outside the file.
fn number(file: &[u8], at: usize) -> u32 {
    let mut four = [0; 4];
    four.copy_from_slice(&file[at..at + 4]);
    u32::from_le_bytes(four)
}

impl Segment {
    /// The rows of an id in the indexed column ([`crate::Definition::indexed`]), as runs of neighbouring rows. Of an id
    /// that is absent nothing is read, nearly always. There are no rows of id 0, nor of any if no column is indexed.
    pub fn find(&self, id: u128) -> Result<Vec<Range<usize>>, Error> {
        self.find_all(&[id])
    }

    /// The rows of any of these ids, which are in order, as [`Self::find`] has them; each page is read once.
    pub fn find_all(&self, ids: &[u128]) -> Result<Vec<Range<usize>>, Error> {
        let mut runs: Vec<Range<usize>> = Vec::new();
        let Some(column) = self.0.definition.indexed else { return Ok(runs) };
        let leaf = &self.0.leaves[self.0.flat[column].leaf];
        let pages: BTreeSet<usize> = match &self.0.index {
            Some(index) => ids.iter().flat_map(|id| index.pages(*id)).collect(),
            None => (0..leaf.pages.len()).collect(),
        };
        let contains_code = |id: &u128| *id != 0 && ids.binary_search(id).is_ok();
        for number in pages {
            let page = leaf.page(number)?;
            let mut values = Data::new(leaf.kind);
            page.values(None, &mut values)?;
            let Data::Id16(found) = values else { return Ok(runs) };
            let mut place = 0;
            // Rows of an id stand together, so each id is looked up once.
            for run in found.chunk_by(|a, b| a == b) {
                let rows = page.rows.start + place..page.rows.start + place + run.len();
                place += run.len();
                if !contains_code(&run[0]) {
                    continue;
                }
                match runs.last_mut() {
                    Some(last) if last.end == rows.start => last.end = rows.end,
                    _ => runs.push(rows),
                }
            }
        }
        Ok(runs)
    }
}
