//! Texts of a file, in their order, so that numbers compare as texts do.
//!
//! A block has up to [`BLOCK_SYMBOLS`] texts: for each how much greater its number is than that before, how many bytes it shares with
//! the text before, and the others. Numbers may be left out.

use std::io::Write;
use std::sync::Arc;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use vitrine_kit::varint;

use crate::chunk::{read_bytes, read_length};
use crate::error::FileError;
use crate::file::blocks::{BlockRef, BlockWriter, Blocks, MAX_BLOCK_BYTES};
use crate::file::footer::{Footer, block_of};

/// Texts of a block.
const BLOCK_SYMBOLS: usize = 1024;
/// Bytes of a block, after which it ends.
const BLOCK_BYTES: usize = 1 << 20;
const NOT_TEXT: FileError = FileError::Damaged("a text that is not UTF-8");

/// Writes texts with numbers that rise, as the texts do. Returns the blocks, and the block of their first texts.
pub(crate) fn write<'a, W: Write>(
    symbols: impl Iterator<Item = (u32, &'a str)>,
    out: &mut BlockWriter<W>,
) -> Result<(Vec<(u64, BlockRef)>, BlockRef), FileError> {
    let (mut blocks, mut index) = (Vec::new(), Vec::new());
    let (mut block, mut first, mut count) = (Vec::new(), 0u32, 0);
    let (mut before, mut text_before) = (0u32, "");
    for (number, text) in symbols {
        if count == BLOCK_SYMBOLS || block.len() > BLOCK_BYTES {
            blocks.push((u64::from(first), out.block(&block)?));
            block.clear();
            count = 0;
        }
        if count == 0 {
            (first, before, text_before) = (number, number, "");
            varint::write(&mut index, text.len() as u64);
            index.extend(text.as_bytes());
        }
        let shared = text.bytes().zip(text_before.bytes()).take_while(|(one, other)| one == other).count();
        varint::write(&mut block, u64::from(number - before));
        varint::write(&mut block, shared as u64);
        varint::write(&mut block, (text.len() - shared) as u64);
        block.extend(&text.as_bytes()[shared..]);
        (before, text_before) = (number, text);
        count += 1;
    }
    if count > 0 {
        blocks.push((u64::from(first), out.block(&block)?));
    }
    Ok((blocks, out.block(&index)?))
}

/// Calls `each` with the numbers and texts of a block, until it returns false.
fn each(mut block: &[u8], first: u64, mut each: impl FnMut(u32, &[u8]) -> bool) -> Result<(), FileError> {
    let (mut number, mut text) = (first, Vec::new());
    let block = &mut block;
    while !block.is_empty() {
        number += read_length(block, u32::MAX as usize)? as u64;
        let shared = read_length(block, text.len())?;
        text.truncate(shared);
        let length = read_length(block, MAX_BLOCK_BYTES)?;
        text.extend(read_bytes(block, length)?);
        let number = u32::try_from(number).map_err(|_| FileError::Damaged("a text's number is too great"))?;
        if !each(number, &text) {
            break;
        }
    }
    Ok(())
}

/// The number of the first text that is not less than this one, and whether it is the same; none if all are less.
pub(crate) fn at_least(blocks: &Blocks, footer: &Footer, text: &[u8]) -> Result<Option<(u32, bool)>, FileError> {
    let index = blocks.cached(footer.symbol_index)?;
    let mut rest = &index[..];
    let mut after = 0usize;
    while !rest.is_empty() {
        let length = read_length(&mut rest, MAX_BLOCK_BYTES)?;
        if read_bytes(&mut rest, length)? > text {
            break;
        }
        after += 1;
    }
    let mut found = None;
    if let Some((first, place)) = after.checked_sub(1).and_then(|at| footer.symbols.get(at)) {
        each(&blocks.cached(*place)?, *first, |number, other| {
            if other >= text {
                found = Some((number, other == text));
            }
            other < text
        })?;
    }
    let next = || footer.symbols.get(after).map(|(first, _)| (*first as u32, false));
    Ok(found.or_else(next))
}

/// The number of a text; none if it is not there.
pub(crate) fn find(blocks: &Blocks, footer: &Footer, text: &str) -> Result<Option<u32>, FileError> {
    Ok(at_least(blocks, footer, text.as_bytes())?.and_then(|(number, is_same)| is_same.then_some(number)))
}

/// Texts by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Texts(HashMap<u32, Arc<str>, FxBuildHasher>);

impl Texts {
    /// The texts of these numbers.
    pub(crate) fn read(
        blocks: &Blocks,
        footer: &Footer,
        numbers: impl IntoIterator<Item = u32>,
    ) -> Result<Self, FileError> {
        let mut numbers: Vec<u32> = numbers.into_iter().collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut texts = HashMap::with_capacity_and_hasher(numbers.len(), FxBuildHasher);
        let mut wanted = &numbers[..];
        while let Some(number) = wanted.first() {
            let at = block_of(&footer.symbols, u64::from(*number))?;
            let (first, place) = footer.symbols[at];
            let mut is_text = true;
            each(&blocks.cached(place)?, first, |number, text| {
                if wanted.first() == Some(&number) {
                    match std::str::from_utf8(text) {
                        Ok(text) => texts.insert(number, text.into()),
                        Err(_) => {
                            is_text = false;
                            None
                        }
                    };
                    wanted = &wanted[1..];
                }
                is_text && !wanted.is_empty()
            })?;
            let next = footer.symbols.get(at + 1).map_or(u64::MAX, |(first, _)| *first);
            if !is_text || wanted.first().is_some_and(|number| u64::from(*number) < next) {
                return Err(if is_text { FileError::Damaged("a text is missing") } else { NOT_TEXT });
            }
        }
        Ok(Self(texts))
    }

    /// All texts with their numbers, in order.
    pub(crate) fn all(blocks: &Blocks, footer: &Footer) -> Result<Vec<(u32, Arc<str>)>, FileError> {
        let mut texts = Vec::new();
        for (first, place) in &footer.symbols {
            let mut is_text = true;
            each(&blocks.read(*place)?, *first, |number, text| {
                match std::str::from_utf8(text) {
                    Ok(text) => texts.push((number, text.into())),
                    Err(_) => is_text = false,
                }
                is_text
            })?;
            if !is_text {
                return Err(NOT_TEXT);
            }
        }
        Ok(texts)
    }

    pub(crate) fn get(&self, number: u32) -> Result<&Arc<str>, FileError> {
        self.0.get(&number).ok_or(FileError::Damaged("a text is missing"))
    }
}
