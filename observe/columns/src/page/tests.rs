//! Pages that are wrong although their checksums are right, as a faulty writer might make them.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use parquet::basic::Encoding;

use super::{Bounds, Leaf, PageRange};
use crate::column::Data;
use crate::header::{PageHeader, PageKind};
use crate::{Error, Kind};

/// Rows of the page.
const ROWS: usize = 40;
const KINDS: [Kind; 7] = [Kind::Id16, Kind::Id8, Kind::Time, Kind::Int, Kind::Double, Kind::Bool, Kind::Text];
const ENCODINGS: [Encoding; 5] = [
    Encoding::PLAIN,
    Encoding::RLE_DICTIONARY,
    Encoding::BYTE_STREAM_SPLIT,
    Encoding::DELTA_LENGTH_BYTE_ARRAY,
    Encoding::DELTA_BINARY_PACKED,
];

/// SplitMix64.
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % most as u64) as usize
    }
}

/// A page with a header that fits it, and the leaf that it is all of.
fn leaf(
    kind: Kind,
    shape: usize,
    compressed: bool,
    page_kind: PageKind,
    encoding: Encoding,
    values: usize,
    body: &[u8],
) -> Leaf {
    let stored = if compressed { zstd::bulk::compress(body, 1).expect("compressed") } else { body.to_vec() };
    let header = PageHeader {
        kind: page_kind,
        uncompressed: body.len(),
        compressed: stored.len(),
        crc: crc32fast::hash(&stored),
        values,
        encoding,
    };
    let mut file = Vec::new();
    header.write(&mut file);
    file.extend(stored);
    let place = PageRange { offset: 0, bytes: file.len() as u32 };
    Leaf {
        name: "x".to_owned(),
        kind,
        optional: shape % 2 == 1,
        is_empty: false,
        in_list: shape > 1,
        compressed,
        encoding,
        dictionary: Some(place),
        pages: vec![place],
        bounds: Bounds::Unknown,
        bloom: None,
        page_starts: Arc::new([0, ROWS as u32]),
        source: Arc::new(Bytes::from(file)),
        cache: Mutex::new(None),
    }
}

/// Reads the page in every way. What it gives must be as long as it says.
fn read(leaf: &Leaf) -> Result<(), Error> {
    let page = leaf.page(0)?;
    let mut ends = Vec::new();
    if leaf.in_list {
        page.list_ends(0, &mut ends)?;
        assert_eq!((ends.len(), ends.last().map(|end| *end as usize)), (ROWS, Some(page.elements)));
    } else {
        assert_eq!(page.elements, ROWS);
    }
    if leaf.kind == Kind::Text && page.is_coded() {
        let mut codes = Vec::new();
        page.codes(9, &mut codes)?;
        assert!(codes.len() == page.elements && codes.iter().all(|code| *code < 9 || *code == crate::NULL_CODE));
    } else if leaf.kind == Kind::Text {
        assert_eq!(page.plain_texts()?.len(), page.elements);
    } else {
        let mut data = Data::new(leaf.kind);
        page.values(None, &mut data)?;
        assert_eq!(data.len(), page.elements);
    }
    Ok(())
}

#[test]
fn pages_that_make_no_sense_are_refused_and_never_panic() {
    let mut rng = SplitMix(1);
    let mut read_some = 0;
    for _ in 0..60_000 {
        let (kind, encoding) = (KINDS[rng.below(KINDS.len())], ENCODINGS[rng.below(ENCODINGS.len())]);
        let shape = rng.below(4);
        // Mostly as many values as rows, and levels that begin as levels do, so that something is read.
        let entries = if rng.below(3) == 0 { rng.below(200) } else { ROWS };
        let mut body = Vec::new();
        let (in_list, optional) = (shape > 1, shape % 2 == 1);
        let top = u8::from(in_list) + u8::from(optional);
        for level in [in_list.then_some(0), (top > 0).then_some(top)].into_iter().flatten() {
            if rng.below(6) > 0 {
                body.extend([2, 0, 0, 0, (entries << 1) as u8, level]);
            }
        }
        let width = match kind {
            Kind::Id16 => 16,
            Kind::Bool | Kind::Text => 1,
            _ => 8,
        };
        let fitting = if kind == Kind::Bool { entries.div_ceil(8) } else { entries * width };
        let length = if rng.below(2) == 0 { rng.below(64) } else { fitting };
        let noise = if rng.below(2) == 0 { 4 } else { 256 };
        body.extend((0..length).map(|_| rng.below(noise) as u8));
        let leaf = leaf(kind, shape, rng.below(2) == 0, PageKind::Data, encoding, entries, &body);
        read_some += usize::from(read(&leaf).is_ok());
    }
    assert!(read_some > 1000, "only {read_some} pages made sense");
}

#[test]
fn dictionaries_that_make_no_sense_are_refused_and_never_panic() {
    let mut rng = SplitMix(2);
    for _ in 0..20_000 {
        let kind = KINDS[rng.below(KINDS.len())];
        let length = rng.below(100);
        let body: Vec<u8> = (0..length).map(|_| rng.below(4) as u8).collect();
        let values = if rng.below(4) == 0 { usize::MAX >> 33 } else { rng.below(30) };
        let page_kind = if rng.below(9) == 0 { PageKind::Data } else { PageKind::Dictionary { sorted: true } };
        let leaf = leaf(kind, 0, rng.below(2) == 0, page_kind, Encoding::PLAIN, values, &body);
        if let Ok(Some(distinct)) = leaf.distinct() {
            assert_eq!(distinct.len(), values);
            if let Some(texts) = distinct.texts() {
                assert_eq!(texts.iter().map(|text| text.len() + 4).sum::<usize>(), length);
            }
        }
    }
}

#[test]
fn a_page_of_another_encoding_than_its_column_is_refused() {
    let body = [0; ROWS * 8];
    let mut leaf = leaf(Kind::Int, 0, true, PageKind::Data, Encoding::BYTE_STREAM_SPLIT, ROWS, &body);
    read(&leaf).expect("as it should be");
    leaf.encoding = Encoding::PLAIN;
    assert!(matches!(read(&leaf), Err(Error::Damaged(what)) if what.contains("page 0 of column x")));
}
