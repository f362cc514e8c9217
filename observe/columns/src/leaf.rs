//! A column's values as a column chunk, in the encoding that suits them.
//!
//! | kind | encoding |
//! |---|---|
//! | ids | `PLAIN` |
//! | [`Kind::Time`] | `BYTE_STREAM_SPLIT` |
//! | [`Kind::Int`], [`Kind::Double`] | `RLE_DICTIONARY` if few are distinct, else `BYTE_STREAM_SPLIT` |
//! | [`Kind::Bool`] | `PLAIN` |
//! | [`Kind::Text`] | `RLE_DICTIONARY`, but `DELTA_LENGTH_BYTE_ARRAY` if nearly all are distinct, or they are searched and many |
//!
//! A chunk has one encoding throughout, and a dictionary holds only what occurs. Merged dictionaries are in order of
//! their texts' bytes, so that codes have statistics; sorting the many small ones of new segments would cost more than
//! all the rest of writing.

mod indexing;

use std::borrow::Cow;
use std::ops::RangeInclusive;

use parquet::bloom_filter::Sbbf;
use parquet::schema::types::ColumnDescPtr;

use crate::chunk::{Bounds, Chunk, Chunks, Entries, Shape};
use crate::column::{Data, NULL_CODE, NULL_DOUBLE, NULL_INT, Texts};
use crate::definition::Kind;
use crate::dictionary::Dictionary;
use crate::encode::code_width;
use crate::error::Error;
use crate::text_index::MAX_SEARCHED_DICTIONARY_BYTES;
use crate::values::{
    Bools, Codes, Doubles, Gathered, Ids8, Ids16, Ints, Numbered, PlainTexts, double_bounds, int_bounds, text_bounds,
};

/// Most distinct numbers in a dictionary.
const MAX_NUMBERS: usize = 512;
/// Slots of the table that counts distinct numbers, as a power of two.
const SLOT_BITS: u32 = 11;
/// With so many distinct texts or fewer, there is always a dictionary.
const MIN_PLAIN_TEXTS: usize = 8192;
/// Most distinct texts in a bloom filter.
const MAX_BLOOM_TEXTS: usize = 65_536;
/// How often a bloom filter wrongly says "perhaps".
const BLOOM_ERRORS: f64 = 0.01;
/// A bloom filter may take one byte for so many rows; if it would take more, there is none.
const BLOOM_ROWS: usize = 8;
/// A bloom filter's block, its least size.
const BLOOM_BLOCK_BYTES: usize = 32;
/// The golden ratio in 64 bits.
const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

/// Where a chunk's values come from, and where it goes.
pub(crate) struct Target<'a> {
    /// The leaf in the schema.
    pub(crate) descriptor: ColumnDescPtr,
    /// Whether there may be none.
    pub(crate) optional: bool,
    /// How values belong to rows.
    pub(crate) shape: Shape<'a>,
    /// Which value stands at each place in the file; without, all stand as they are.
    pub(crate) places: Option<&'a [u32]>,
    /// Whether texts get a bloom filter.
    pub(crate) bloom: bool,
    /// Whether they are those that are searched.
    pub(crate) searched: bool,
}

/// Distinct texts, in the order of a dictionary page.
pub(crate) struct TextEntries<'a> {
    /// Where the texts are.
    pub(crate) dictionary: &'a Dictionary,
    /// Their numbers there, where these are not the codes; [`NULL_CODE`] for an empty text that is not there.
    pub(crate) order: Option<Vec<u32>>,
    /// Whether they are in order of their bytes.
    pub(crate) sorted: bool,
}

impl TextEntries<'_> {
    fn len(&self) -> usize {
        self.order.as_ref().map_or(self.dictionary.len(), Vec::len)
    }

    /// Bytes of all of them together.
    fn bytes(&self) -> usize {
        (0..self.len() as u32).map(|code| self.text(code).len()).sum()
    }

    fn entries(&self) -> Entries {
        let mut plain = Vec::new();
        for text in (0..self.len() as u32).map(|code| self.text(code)) {
            plain.extend_from_slice(&(text.len() as u32).to_le_bytes());
            plain.extend_from_slice(text);
        }
        Entries { plain, count: self.len(), sorted: self.sorted }
    }
}

impl Numbered for TextEntries<'_> {
    fn text(&self, number: u32) -> &[u8] {
        match self.order.as_ref().map_or(number, |order| order[number as usize]) {
            NULL_CODE => b"",
            number => self.dictionary.get(number),
        }
    }
}

impl Chunks {
    /// A chunk of the first `count` values of a column.
    pub(crate) fn column(&mut self, target: Target<'_>, kind: Kind, data: &Data, count: usize) -> Result<Chunk, Error> {
        let Target { shape, places, .. } = target;
        match data {
            Data::Id16(values) => self.chunk(target.descriptor, shape, &Ids16(Gathered { values, places }), None, None),
            Data::Id8(values) => self.chunk(target.descriptor, shape, &Ids8(Gathered { values, places }), None, None),
            Data::Bool(values) => self.chunk(target.descriptor, shape, &Bools(Gathered { values, places }), None, None),
            Data::Int(values) if kind == Kind::Time => {
                self.chunk(target.descriptor, shape, &Ints(Gathered { values, places }), None, None)
            }
            Data::Int(values) => {
                let null = target.optional.then_some(NULL_INT as u64);
                match small_dictionary(values[..count].iter().map(|value| *value as u64), null, |bits| bits ^ (1 << 63))
                {
                    Some(small_dictionary) => self.numbers(target, &small_dictionary, int_bounds),
                    None => self.chunk(target.descriptor, shape, &Ints(Gathered { values, places }), None, None),
                }
            }
            Data::Double(values) => {
                let null = target.optional.then_some(NULL_DOUBLE);
                match small_dictionary(values[..count].iter().copied(), null, double_rank) {
                    // What is not a number has no place among statistics.
                    Some(small_dictionary)
                        if small_dictionary.numbers.iter().all(|bits| !f64::from_bits(*bits).is_nan()) =>
                    {
                        self.numbers(target, &small_dictionary, double_bounds)
                    }
                    _ => self.chunk(target.descriptor, shape, &Doubles(Gathered { values, places }), None, None),
                }
            }
            Data::Text(texts) => self.texts(target, texts, count),
        }
    }

    /// Texts as they stand in memory.
    fn texts(&mut self, target: Target<'_>, texts: &Texts, count: usize) -> Result<Chunk, Error> {
        let codes = &texts.codes[..count];
        let mut used = vec![false; texts.dictionary.len()];
        let mut absent = false;
        for code in codes {
            match used.get_mut(*code as usize) {
                Some(used) => *used = true,
                None => absent = true,
            }
        }
        let absent = absent && !target.optional;
        if !absent && used.iter().all(|used| *used) {
            let entries = TextEntries { dictionary: &texts.dictionary, order: None, sorted: false };
            return self.coded(target, codes, &entries);
        }
        let mut order: Vec<u32> = (0u32..).zip(&used).filter(|(_, used)| **used).map(|(code, _)| code).collect();
        let mut renumbered = vec![NULL_CODE; used.len()];
        for (new, old) in (0u32..).zip(&order) {
            renumbered[*old as usize] = new;
        }
        let mut null = NULL_CODE;
        if absent {
            let empty = order.iter().position(|code| texts.dictionary.get(*code).is_empty());
            null = empty.unwrap_or(order.len()) as u32;
            if empty.is_none() {
                order.push(NULL_CODE);
            }
        }
        let codes: Cow<'_, [u32]> =
            codes.iter().map(|code| renumbered.get(*code as usize).copied().unwrap_or(null)).collect();
        let entries = TextEntries { dictionary: &texts.dictionary, order: Some(order), sorted: false };
        self.coded(target, &codes, &entries)
    }

    /// Texts by codes.
    pub(crate) fn coded(
        &mut self,
        target: Target<'_>,
        codes: &[u32],
        entries: &TextEntries<'_>,
    ) -> Result<Chunk, Error> {
        let too_many = match target.searched {
            true => entries.bytes() > MAX_SEARCHED_DICTIONARY_BYTES,
            false => nearly_all_distinct(entries.len(), codes.len()),
        };
        if too_many || entries.len() == 0 {
            return self.plain_texts(target, codes, entries);
        }
        let Target { descriptor, shape, places, .. } = target;
        let page = entries.entries();
        let codes = Codes {
            codes: Gathered { values: codes, places },
            width: code_width(page.count),
            sorted: page.sorted,
            bounds: |ends: RangeInclusive<u32>| text_bounds(entries.text(*ends.start()), entries.text(*ends.end())),
        };
        let bloom = if target.bloom { bloom_filter(entries, codes.codes.values.len())? } else { None };
        self.chunk(descriptor, shape, &codes, Some(&page), bloom)
    }

    /// Texts without a dictionary.
    pub(crate) fn plain_texts(
        &mut self,
        target: Target<'_>,
        numbers: &[u32],
        texts: &impl Numbered,
    ) -> Result<Chunk, Error> {
        self.index_texts(&target, numbers, texts);
        let texts = PlainTexts { numbers: Gathered { values: numbers, places: target.places }, texts };
        self.chunk(target.descriptor, target.shape, &texts, None, None)
    }

    /// Numbers by codes.
    fn numbers(
        &mut self,
        target: Target<'_>,
        small_dictionary: &SmallDictionary,
        bounds: fn(u64, u64) -> Option<Bounds>,
    ) -> Result<Chunk, Error> {
        let plain = small_dictionary.numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let page = Entries { plain, count: small_dictionary.numbers.len(), sorted: true };
        let number = |code: u32| small_dictionary.numbers[code as usize];
        let codes = Codes {
            codes: Gathered { values: &small_dictionary.codes, places: target.places },
            width: code_width(page.count),
            sorted: true,
            bounds: |ends: RangeInclusive<u32>| bounds(number(*ends.start()), number(*ends.end())),
        };
        self.chunk(target.descriptor, target.shape, &codes, Some(&page), None)
    }
}

/// Whether so many distinct texts are too many for a dictionary of so many values.
pub(crate) fn nearly_all_distinct(distinct: usize, values: usize) -> bool {
    distinct > MIN_PLAIN_TEXTS && distinct / 3 > values / 4
}

fn bloom_filter(entries: &TextEntries<'_>, rows: usize) -> Result<Option<Sbbf>, Error> {
    if entries.len() > MAX_BLOOM_TEXTS {
        return Ok(None);
    }
    let mut filter = Sbbf::new_with_ndv_fpp(entries.len() as u64, BLOOM_ERRORS)
        .map_err(|cause| Error::Parquet { what: "make a bloom filter", cause })?;
    if filter.num_blocks() * BLOOM_BLOCK_BYTES > rows / BLOOM_ROWS {
        return Ok(None);
    }
    (0..entries.len() as u32).for_each(|code| filter.insert(entries.text(code)));
    Ok(Some(filter))
}

/// Numbers of which few are distinct.
struct SmallDictionary {
    /// The distinct ones, ascending.
    numbers: Vec<u64>,
    /// Each as its place among these.
    codes: Vec<u32>,
}

/// The distinct ones of some numbers, if they are few. `rank` puts their bits in order.
fn small_dictionary(
    values: impl ExactSizeIterator<Item = u64>,
    null: Option<u64>,
    rank: fn(u64) -> u64,
) -> Option<SmallDictionary> {
    let mut slots = [(0u64, NULL_CODE); 1 << SLOT_BITS];
    let mut numbers: Vec<u64> = Vec::new();
    let mut codes = Vec::with_capacity(values.len());
    for value in values {
        if Some(value) == null {
            codes.push(NULL_CODE);
            continue;
        }
        let mut slot = (value.wrapping_mul(MULTIPLIER) >> (u64::BITS - SLOT_BITS)) as usize;
        while slots[slot].1 != NULL_CODE && slots[slot].0 != value {
            slot = (slot + 1) % slots.len();
        }
        if slots[slot].1 == NULL_CODE {
            if numbers.len() == MAX_NUMBERS {
                return None;
            }
            slots[slot] = (value, numbers.len() as u32);
            numbers.push(value);
        }
        codes.push(slots[slot].1);
    }
    if numbers.is_empty() {
        return None;
    }
    let mut order: Vec<u32> = (0..numbers.len() as u32).collect();
    order.sort_unstable_by_key(|code| rank(numbers[*code as usize]));
    let mut ranks = vec![0; numbers.len()];
    for (new, old) in (0u32..).zip(&order) {
        ranks[*old as usize] = new;
    }
    codes.iter_mut().filter(|code| **code != NULL_CODE).for_each(|code| *code = ranks[*code as usize]);
    Some(SmallDictionary { numbers: order.iter().map(|code| numbers[*code as usize]).collect(), codes })
}

/// Doubles' bits as whole numbers in the same order, as [`f64::total_cmp`] has it.
pub(crate) fn double_rank(bits: u64) -> u64 {
    if bits >> 63 == 0 { bits ^ (1 << 63) } else { !bits }
}
