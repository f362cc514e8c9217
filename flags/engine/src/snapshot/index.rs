//! Which flag has a key: a table of numbers and one text of all keys, small enough to stay at hand where flags are asked for by chance.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

#[derive(Debug, Default)]
pub(super) struct Index {
    /// Numbers of keys, by the keys' hashes.
    numbers: HashTable<u32>,
    /// All keys, one after the other.
    text: String,
    /// Where each of them ends.
    ends: Vec<u32>,
}

impl Index {
    /// Of different keys, numbered from 0.
    pub(super) fn new<'k>(keys: impl Iterator<Item = &'k str>) -> Self {
        let mut index = Self::default();
        for key in keys {
            index.text.push_str(key);
            // A set has at most MAX_FLAGS with keys of at most MAX_NAME_BYTES; what is beyond 4 GiB is not found.
            index.ends.push(u32::try_from(index.text.len()).unwrap_or(u32::MAX));
        }
        index.text.shrink_to_fit();
        index.ends.shrink_to_fit();
        let Self { numbers, text, ends } = &mut index;
        let hash_of = |n: &u32| hash(key_of(text, ends, *n as usize));
        numbers.reserve(ends.len(), hash_of);
        for n in (0_u32..).take(ends.len()) {
            numbers.insert_unique(hash_of(&n), n, hash_of);
        }
        index
    }

    /// The number of a key.
    pub(super) fn find(&self, key: &str) -> Option<usize> {
        let found = self.numbers.find(hash(key), |n| self.key(*n as usize) == key);
        found.map(|n| *n as usize)
    }

    /// The key with this number; not the flag's own, which is far away.
    pub(super) fn key(&self, n: usize) -> &str {
        key_of(&self.text, &self.ends, n)
    }
}

fn key_of<'t>(text: &'t str, ends: &[u32], n: usize) -> &'t str {
    let start = if n == 0 { 0 } else { ends[n - 1] };
    text.get(start as usize..ends[n] as usize).unwrap_or_default()
}

fn hash(key: &str) -> u64 {
    FxBuildHasher.hash_one(key)
}
