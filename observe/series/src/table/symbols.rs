//! Texts, each kept once and called by a number.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};

/// Memory of a shared text beside its bytes: two counters before it, and what an allocation costs.
const TEXT_OVERHEAD: usize = 24;

/// Texts by number, and numbers by text.
#[derive(Debug, Default)]
pub(crate) struct Symbols {
    texts: Vec<Arc<str>>,
    numbers: HashTable<u32>,
    text_bytes: usize,
}

impl Symbols {
    /// The number of a text, which is kept if it is new.
    pub(crate) fn intern(&mut self, keys: &DefaultHashBuilder, text: &Arc<str>) -> u32 {
        let hash = keys.hash_one(&**text);
        let Self { texts, numbers, .. } = self;
        if let Some(number) = numbers.find(hash, |number| *texts[*number as usize] == **text) {
            return *number;
        }
        let number = texts.len() as u32;
        texts.push(text.clone());
        numbers.insert_unique(hash, number, |number| keys.hash_one(&*texts[*number as usize]));
        self.text_bytes += text.len() + TEXT_OVERHEAD;
        number
    }

    /// The number of a text; none if it is not here.
    pub(crate) fn find(&self, keys: &DefaultHashBuilder, text: &str) -> Option<u32> {
        self.numbers.find(keys.hash_one(text), |number| *self.texts[*number as usize] == *text).copied()
    }

    /// The text of a number.
    pub(crate) fn get(&self, number: u32) -> &Arc<str> {
        &self.texts[number as usize]
    }

    /// All texts, in the order in which they came.
    pub(crate) fn all(&self) -> &[Arc<str>] {
        &self.texts
    }

    /// Memory that they take, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.text_bytes + self.texts.capacity() * size_of::<Arc<str>>() + self.numbers.allocation_size()
    }
}
