//! Where ids are: an index of its own beside a segment.
//!
//! A segment's pages all end at the same rows, so "where" is the number of a page. The index has one entry for each
//! distinct pair of an id and a page that holds it; ids of 0 are not in it. An id is known by its [`hash`] only, for ids
//! need not be random (Zipkin's are zeros in the upper half, X-Ray's begin with the time): an entry may be of another
//! id, and a caller that finds one looks at the page.
//!
//! The file, all numbers little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | `VIX1` |
//! | 1 | `bucket_bits`, at most 24 |
//! | 1 | `page_bits`, 1 to 16: enough for the highest page number |
//! | 1 | `entry_bytes`, 2 or 3 |
//! | 1 | 0 |
//! | 4 | rows of a page; the last page may have fewer |
//! | 4 | rows of the segment |
//! | 4 | `entries` |
//! | 4 × (2^`bucket_bits` + 1) | where each bucket's entries begin, counted in entries; last, where the last bucket's end |
//! | `entry_bytes` × `entries` | entries, ascending within a bucket |
//! | 4 | CRC-32 (IEEE) of all bytes before |
//!
//! An id's bucket is the upper `bucket_bits` bits of its hash. An entry is the page's number in the lower `page_bits` bits
//! and above it the bits of the hash that follow those of the bucket, as many as fit: `8 * entry_bytes - page_bits`.

use crate::error::Error;

/// Begins the file, with the version of its format.
pub(crate) const MAGIC: [u8; 4] = *b"VIX1";
/// Bytes before the buckets.
pub(crate) const HEADER_BYTES: usize = 20;
/// Most bits of a hash that choose a bucket.
pub(crate) const MAX_BUCKET_BITS: u32 = 24;
/// Most bits of a page's number.
pub(crate) const MAX_PAGE_BITS: u32 = 16;
/// Buckets are halved until they hold fewer entries than this on average.
const BUCKET_ENTRIES: usize = 16;
/// An id that is absent is taken for one in a bucket about once in 2 to the power of this, divided by
/// [`BUCKET_ENTRIES`]; entries are widened to keep so many bits of the hash.
const FINGERPRINT_BITS: u32 = 7;
/// Odd numbers without a pattern (digits of pi).
const FACTORS: [u64; 2] = [0x243F_6A88_85A3_08D3, 0x1319_8A2E_0370_7345];

/// The hash by which an index knows an id. It is part of the format.
pub(crate) fn hash(id: u128) -> u64 {
    let mixed = (id as u64 ^ FACTORS[0]).wrapping_mul(FACTORS[1]);
    let mixed = (mixed ^ (mixed >> 32) ^ (id >> 64) as u64).wrapping_mul(FACTORS[0]);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(FACTORS[1]);
    mixed ^ (mixed >> 32)
}

/// An index being built, row after row.
#[derive(Debug)]
pub(crate) struct Builder {
    /// The upper bits of a hash and the number of a page, for each run of an id in a page.
    runs: Vec<u64>,
    page_rows: usize,
    rows: usize,
    last: u128,
}

impl Builder {
    /// An index of a segment with pages of so many rows.
    pub(crate) fn new(page_rows: usize) -> Self {
        Self { runs: Vec::new(), page_rows, rows: 0, last: 0 }
    }

    /// Adds the ids of the next page.
    pub(crate) fn page(&mut self, ids: impl Iterator<Item = u128>) {
        let page = (self.rows / self.page_rows) as u64;
        self.last = 0;
        for id in ids {
            self.rows += 1;
            if id != self.last && id != 0 {
                self.runs.push(hash(id) >> MAX_PAGE_BITS << MAX_PAGE_BITS | page);
            }
            self.last = id;
        }
    }

    /// The file.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>, Error> {
        let pages = self.rows.div_ceil(self.page_rows);
        if pages > 1 << MAX_PAGE_BITS {
            return Err(Error::TooLarge(format!("{pages} pages in one segment, at most {}", 1 << MAX_PAGE_BITS)));
        }
        self.runs.sort_unstable();
        self.runs.dedup();
        let page_bits = bits(pages.saturating_sub(1)).max(1);
        let entry_bytes = if page_bits + FINGERPRINT_BITS <= 16 { 2 } else { 3 };
        let bucket_bits = bits(self.runs.len() / BUCKET_ENTRIES).min(MAX_BUCKET_BITS);
        // At most 23, and so no more than are kept beside the bits of the bucket.
        let fingerprint_bits = 8 * entry_bytes - page_bits;
        for run in &mut self.runs {
            let bucket = run.checked_shr(64 - bucket_bits).unwrap_or(0);
            let fingerprint = (*run >> (64 - bucket_bits - fingerprint_bits)) & ((1 << fingerprint_bits) - 1);
            *run = bucket << 32 | fingerprint << page_bits | (*run & ((1 << MAX_PAGE_BITS) - 1));
        }
        self.runs.sort_unstable();
        self.runs.dedup();

        let mut starts = vec![0u32; (1 << bucket_bits) + 1];
        let mut entries: Vec<u8> = Vec::with_capacity(self.runs.len() * entry_bytes as usize);
        for run in &self.runs {
            starts[(run >> 32) as usize + 1] += 1;
            entries.extend_from_slice(&run.to_le_bytes()[..entry_bytes as usize]);
        }
        for bucket in 1..starts.len() {
            starts[bucket] += starts[bucket - 1];
        }

        let mut file = Vec::with_capacity(HEADER_BYTES + starts.len() * 4 + entries.len() + 4);
        file.extend_from_slice(&MAGIC);
        file.extend_from_slice(&[bucket_bits as u8, page_bits as u8, entry_bytes as u8, 0]);
        for number in [self.page_rows as u32, self.rows as u32, self.runs.len() as u32] {
            file.extend_from_slice(&number.to_le_bytes());
        }
        starts.iter().for_each(|start| file.extend_from_slice(&start.to_le_bytes()));
        file.extend_from_slice(&entries);
        file.extend_from_slice(&crc32fast::hash(&file).to_le_bytes());
        Ok(file)
    }
}

/// Bits that a number needs.
fn bits(number: usize) -> u32 {
    usize::BITS - number.leading_zeros()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{Builder, MAX_PAGE_BITS};
    use crate::Error;
    use crate::lookup::Index;

    /// An index of these ids, and the size of its file.
    fn index(ids: &[u128], page_rows: usize) -> (Index, usize) {
        let mut builder = Builder::new(page_rows);
        ids.chunks(page_rows).for_each(|page| builder.page(page.iter().copied()));
        let file = builder.finish().expect("not too many pages");
        let bytes = file.len();
        (Index::open(Bytes::from(file), ids.len(), ids.len().div_ceil(page_rows)).expect("an index"), bytes)
    }

    #[test]
    fn one_row_has_an_index_and_so_have_rows_without_ids() {
        assert_eq!(index(&[7], 8192).0.pages(7), [0]);
        assert!(index(&[0, 0, 0], 2).0.pages(7).is_empty());
    }

    #[test]
    fn ids_are_found_whatever_they_look_like_and_others_seldom() {
        // Numbered ones, ones that begin alike, and ones that end alike; each in three rows.
        let looks: [fn(u128) -> u128; 3] = [|n| n + 1, |n| ((n + 1) << 64) | 5, |n| (0x6789_ABCD << 96) | (n * 7919)];
        for probe in looks {
            let ids: Vec<u128> = (0..300_000).map(|row| probe(row / 3)).collect();
            let (index, bytes) = index(&ids, 1000);
            assert!(bytes * 10 < ids.len() * 11, "{bytes} bytes for {} rows", ids.len());
            for (row, id) in ids.iter().enumerate().step_by(101) {
                assert!(index.pages(*id).contains(&(row / 1000)));
            }
            let wrong = (0..10_000).filter(|n| !index.pages(probe(200_000 + n)).is_empty()).count();
            assert!(wrong < 1500, "{wrong} of 10,000 absent ids seem to be there");
        }
    }

    #[test]
    fn an_id_in_many_pages_is_found_in_all() {
        let ids: Vec<u128> = (0..5000).map(|row| if row % 2 == 0 { 42 } else { row }).collect();
        let (index, _) = index(&ids, 10);
        assert_eq!(index.pages(42), (0..500).collect::<Vec<_>>());
    }

    #[test]
    fn there_may_be_as_many_pages_as_their_numbers_allow() {
        let ids: Vec<u128> = (1..=1 << MAX_PAGE_BITS).collect();
        let (index, _) = index(&ids, 1);
        assert!(index.pages(1 << MAX_PAGE_BITS).contains(&((1 << MAX_PAGE_BITS) - 1)));
        let mut builder = Builder::new(1);
        (0..=1 << MAX_PAGE_BITS).for_each(|id: u128| builder.page(std::iter::once(id)));
        assert!(matches!(builder.finish(), Err(Error::TooLarge(_))));
    }
}
