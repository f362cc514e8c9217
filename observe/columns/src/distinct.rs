//! Values that pages hold once, and texts as they stand in pages.

use std::sync::OnceLock;

use bytes::Bytes;

use crate::decode::{self, Malformation};
use crate::text_table::TextTable;

/// The distinct values that codes stand for.
#[derive(Debug)]
pub(crate) enum Distinct {
    /// Of [`crate::Kind::Int`] and [`crate::Kind::Time`].
    Ints(Vec<i64>),
    /// Of [`crate::Kind::Double`], as bits.
    Doubles(Vec<u64>),
    /// Of [`crate::Kind::Text`].
    Texts(DistinctTexts),
}

/// Distinct texts as they stand in the page.
#[derive(Debug)]
pub(crate) struct DistinctTexts {
    /// Each with four bytes of length before it.
    bytes: Bytes,
    /// Where each starts, and where the last ends.
    starts: Vec<u32>,
    /// Whether they are in order, once it was asked.
    sorted: OnceLock<bool>,
}

/// Texts of a page that stand for themselves.
pub(crate) struct PageTexts {
    /// What they are parts of.
    pub bytes: Bytes,
    /// Where each starts and ends; none for null.
    pub places: Vec<Option<(u32, u32)>>,
}

impl PageTexts {
    /// How many elements there are, nulls included.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// The text of an element, if it has one.
    pub fn get(&self, element: usize) -> Option<&[u8]> {
        self.places[element].map(|(start, end)| &self.bytes[start as usize..end as usize])
    }
}

impl Distinct {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Ints(values) => values.len(),
            Self::Doubles(values) => values.len(),
            Self::Texts(texts) => texts.len(),
        }
    }

    /// Bytes of memory held.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Ints(values) => values.capacity() * 8,
            Self::Doubles(values) => values.capacity() * 8,
            Self::Texts(texts) => texts.bytes.len() + texts.starts.capacity() * 4,
        }
    }

    /// The texts, if they are texts.
    pub fn texts(&self) -> Option<&DistinctTexts> {
        match self {
            Self::Texts(texts) => Some(texts),
            _ => None,
        }
    }
}

impl DistinctTexts {
    /// So many texts out of a page of values.
    pub fn new(bytes: Bytes, count: usize) -> Result<Self, Malformation> {
        let starts = decode::plain_texts(&bytes, count)?;
        Ok(Self { bytes, starts, sorted: OnceLock::new() })
    }

    /// Whether they are in order. Found out here, for what says so in the file has no checksum; and only when it is
    /// asked, because it takes as long as reading them.
    fn sorted(&self) -> bool {
        let in_order = || (1..self.len() as u32).all(|code| self.get(code - 1) < self.get(code));
        *self.sorted.get_or_init(in_order)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// The text of a code. Panics for a code that there is not; [`crate::page::Page::codes`] gives none such.
    pub fn get(&self, code: u32) -> &[u8] {
        &self.bytes[self.starts[code as usize] as usize + 4..self.starts[code as usize + 1] as usize]
    }

    /// All texts by their code.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len() as u32).map(|code| self.get(code))
    }

    fn find(&self, text: &[u8]) -> Option<u32> {
        if !self.sorted() {
            return self.iter().position(|each| each == text).map(|code| code as u32);
        }
        let (mut low, mut high) = (0, self.len() as u32);
        while low < high {
            let middle = low.midpoint(high);
            match self.get(middle).cmp(text) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }
}

impl TextTable for DistinctTexts {
    fn count(&self) -> u32 {
        self.len() as u32
    }

    fn code_of(&self, text: &[u8]) -> Option<u32> {
        self.find(text)
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn place(&self, code: u32) -> (u32, u32) {
        (self.starts[code as usize] + 4, self.starts[code as usize + 1])
    }
}
