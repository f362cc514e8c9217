//! Texts of all inputs.

use crate::column::NULL_CODE;
use crate::dictionary::Dictionary;
use crate::distinct::Distinct;
use crate::error::Error;
use crate::leaf::nearly_all_distinct;
use crate::page::Leaf;
use crate::segment::Segment;
use crate::text_index::MAX_SEARCHED_DICTIONARY_BYTES;
use crate::values::Numbered;

use super::inputs::{Inputs, as_many};

/// A column of texts, of all inputs.
pub(super) enum MergedTexts {
    /// As codes.
    Coded {
        /// A code for each value, or [`NULL_CODE`].
        codes: Vec<u32>,
        /// What the codes mean.
        dictionary: Dictionary,
    },
    /// Nearly all distinct.
    Plain {
        /// A number for each value, or [`NULL_CODE`].
        numbers: Vec<u32>,
        /// What the numbers mean.
        text_list: TextList,
    },
}

/// Texts by number, not known to be distinct.
#[derive(Default)]
pub(super) struct TextList {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl TextList {
    fn push(&mut self, text: &[u8]) -> Result<u32, Error> {
        self.bytes.extend_from_slice(text);
        self.ends.push(u32::try_from(self.bytes.len()).map_err(|_| too_large(self.bytes.len()))?);
        Ok(self.ends.len() as u32 - 1)
    }
}

impl Numbered for TextList {
    fn text(&self, number: u32) -> &[u8] {
        let begin = number.checked_sub(1).map_or(0, |before| self.ends[before as usize]);
        &self.bytes[begin as usize..self.ends[number as usize] as usize]
    }
}

impl MergedTexts {
    /// Reads a column, which must have so many values.
    pub(super) fn read(
        inputs: &Inputs<'_>,
        leaf_of: impl Fn(&Segment) -> Option<usize>,
        count: usize,
        searched: bool,
    ) -> Result<Self, Error> {
        // What was too much for a dictionary before is so all the more.
        let is_plain = |input| leaf_of(input).is_some_and(|leaf| input.0.leaves[leaf].dictionary.is_none());
        if !(searched && inputs.segments.iter().any(is_plain)) {
            let mut dictionary = Dictionary::default();
            let codes = numbers(inputs, &leaf_of, count, |text| {
                let code = intern(&mut dictionary, text)?;
                let too_many = match searched {
                    true => dictionary.text_bytes() > MAX_SEARCHED_DICTIONARY_BYTES,
                    false => nearly_all_distinct(dictionary.len(), count),
                };
                Ok(if too_many { None } else { Some(code) })
            })?;
            if let Some(codes) = codes {
                return Ok(Self::Coded { codes, dictionary });
            }
        }
        let mut text_list = TextList::default();
        let numbers = numbers(inputs, leaf_of, count, |text| text_list.push(text).map(Some))?;
        Ok(Self::Plain { numbers: numbers.unwrap_or_default(), text_list })
    }

    /// What it takes in memory.
    pub(super) fn memory(&self) -> usize {
        match self {
            Self::Coded { codes, dictionary } => codes.len() * 4 + dictionary.text_bytes() + dictionary.len() * 4,
            Self::Plain { numbers, text_list } => numbers.len() * 4 + text_list.bytes.len() + text_list.ends.len() * 4,
        }
    }
}

/// A column's codes, however many distinct texts there are.
pub(super) fn intern_all(
    inputs: &Inputs<'_>,
    leaf_of: impl Fn(&Segment) -> Option<usize>,
    count: usize,
) -> Result<(Vec<u32>, Dictionary), Error> {
    let mut dictionary = Dictionary::default();
    let codes = numbers(inputs, leaf_of, count, |text| intern(&mut dictionary, text).map(Some))?;
    Ok((codes.unwrap_or_default(), dictionary))
}

/// Replaces codes by their places in the order of texts, and returns that order.
pub(super) fn in_order(codes: &mut [u32], dictionary: &Dictionary) -> Vec<u32> {
    let order = dictionary.in_order();
    let mut ranks = vec![0; order.len()];
    for (rank, code) in (0u32..).zip(&order) {
        ranks[*code as usize] = rank;
    }
    codes.iter_mut().filter(|code| **code != NULL_CODE).for_each(|code| *code = ranks[*code as usize]);
    order
}

/// A number for each value of a column; none once `number` answers with none.
fn numbers(
    inputs: &Inputs<'_>,
    leaf_of: impl Fn(&Segment) -> Option<usize>,
    count: usize,
    mut number: impl FnMut(&[u8]) -> Result<Option<u32>, Error>,
) -> Result<Option<Vec<u32>>, Error> {
    let mut all = Vec::with_capacity(count);
    for input in inputs.segments {
        let whole = match leaf_of(input).map(|leaf| &input.0.leaves[leaf]) {
            Some(leaf) => match leaf.read_distinct()? {
                Some(distinct) => coded(leaf, &distinct, &mut all, &mut number)?,
                None => plain(leaf, &mut all, &mut number)?,
            },
            None => {
                all.resize(all.len() + input.rows(), NULL_CODE);
                true
            }
        };
        if !whole {
            return Ok(None);
        }
    }
    as_many(all.len(), count)?;
    Ok(Some(all))
}

fn coded(
    leaf: &Leaf,
    distinct: &Distinct,
    all: &mut Vec<u32>,
    number: &mut impl FnMut(&[u8]) -> Result<Option<u32>, Error>,
) -> Result<bool, Error> {
    let mut numbers = Vec::with_capacity(distinct.len());
    for text in distinct.texts().into_iter().flat_map(|texts| texts.iter()) {
        let Some(number) = number(text)? else { return Ok(false) };
        numbers.push(number);
    }
    for page in 0..leaf.pages.len() {
        let start = all.len();
        let page = leaf.page(page)?;
        if !page.is_coded() {
            return Err(Error::Damaged(format!("a page of column {} has no codes, others have", leaf.name)));
        }
        page.codes(numbers.len(), all)?;
        for code in &mut all[start..] {
            *code = numbers.get(*code as usize).copied().unwrap_or(NULL_CODE);
        }
    }
    Ok(true)
}

fn plain(
    leaf: &Leaf,
    all: &mut Vec<u32>,
    number: &mut impl FnMut(&[u8]) -> Result<Option<u32>, Error>,
) -> Result<bool, Error> {
    for page in 0..leaf.pages.len() {
        let mut outcome = Ok(true);
        leaf.page(page)?.texts(|text| {
            let Ok(true) = outcome else { return };
            match text.map_or(Ok(Some(NULL_CODE)), &mut *number) {
                Ok(Some(number)) => all.push(number),
                Ok(None) => outcome = Ok(false),
                Err(error) => outcome = Err(error),
            }
        })?;
        if !outcome? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn intern(dictionary: &mut Dictionary, text: &[u8]) -> Result<u32, Error> {
    let bytes = dictionary.text_bytes() + text.len();
    if u32::try_from(bytes).is_err() {
        return Err(too_large(bytes));
    }
    Ok(dictionary.intern(text))
}

fn too_large(bytes: usize) -> Error {
    Error::TooLarge(format!("{bytes} bytes of texts in one column, at most {}", u32::MAX))
}
