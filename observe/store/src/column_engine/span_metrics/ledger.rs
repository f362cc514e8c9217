//! Totals by what they are of, within bounds.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

/// What is called that is one too many.
pub(super) const OTHER: &str = "…other";
/// Most bytes of the names in one ledger; what comes later counts as [`OTHER`].
const MAX_NAME_BYTES: usize = 16 << 20;

/// What totals are of.
pub(super) trait LedgerKey: Clone + Debug + Eq + Hash {
    /// Most keys; what comes later counts as [`OTHER`].
    const MOST: usize;
    /// Most keys of a group.
    const MOST_OF_GROUP: usize;

    /// What bounds apply to besides.
    fn group(&self) -> &Arc<str>;
    /// The key of what is one too many, of its group or of all.
    fn other(&self, keeps_group: bool) -> Self;
    /// Bytes of its names.
    fn bytes(&self) -> usize;
}

/// When something was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Life {
    /// First, in milliseconds since 1970.
    pub began_ms: i64,
    /// Last.
    pub last_ms: i64,
    /// Whether no more is expected: this is the last that is told of it.
    pub ended: bool,
}

/// A total.
pub(super) trait LedgerTotal: Clone + Debug + Default {
    fn life(&self) -> Life;
    fn life_mut(&mut self) -> &mut Life;
    /// Grows with whatever is counted.
    fn events(&self) -> f64;
    /// Adds another total, but for its life.
    fn add(&mut self, other: &Self);
    /// Exemplars were told.
    fn end_exemplars(&mut self) {}
}

/// Totals by key.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ledger<K: LedgerKey, V> {
    entries: HashMap<K, V>,
    of_groups: HashMap<Arc<str>, usize>,
    name_bytes: usize,
}

impl<K: LedgerKey, V> Default for Ledger<K, V> {
    fn default() -> Self {
        Self { entries: HashMap::new(), of_groups: HashMap::new(), name_bytes: 0 }
    }
}

impl<K: LedgerKey, V: LedgerTotal> Ledger<K, V> {
    /// The total of a key, or that of the others if there are too many, of which something is counted now.
    pub(super) fn entry(&mut self, key: K, now_ms: i64) -> &mut V {
        let key = if self.entries.contains_key(&key) { key } else { self.admit(key) };
        let total = self.entries.entry(key).or_insert_with(|| {
            let mut total = V::default();
            *total.life_mut() = Life { began_ms: now_ms, last_ms: now_ms, ended: false };
            total
        });
        let life = total.life_mut();
        life.last_ms = life.last_ms.max(now_ms);
        total
    }

    /// Adds a total.
    pub(super) fn add(&mut self, key: K, total: &V) {
        let added = total.life();
        let own = self.entry(key, added.last_ms);
        own.add(total);
        let life = own.life_mut();
        life.began_ms = life.began_ms.min(added.began_ms);
    }

    /// Puts a total as it is.
    pub(super) fn put(&mut self, key: K, total: V) {
        let last_ms = total.life().last_ms;
        *self.entry(key, last_ms) = total;
    }

    /// Makes room for a new key. Returns that of the others if there is none.
    fn admit(&mut self, key: K) -> K {
        let key = if self.has_room(&key) {
            key
        } else {
            key.other(self.entries.len() < 2 * K::MOST && self.name_bytes < 2 * MAX_NAME_BYTES)
        };
        if !self.entries.contains_key(&key) {
            self.name_bytes += key.bytes();
            *self.of_groups.entry(key.group().clone()).or_default() += 1;
        }
        key
    }

    fn has_room(&self, key: &K) -> bool {
        self.entries.len() < K::MOST
            && self.name_bytes < MAX_NAME_BYTES
            && self.of_groups.get(key.group()).is_none_or(|count| *count < K::MOST_OF_GROUP)
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (&K, &V)> {
        self.entries.iter()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The same, with those as ended of which nothing was counted since this time.
    pub(super) fn ending_before(&self, time_ms: i64) -> Self {
        let mut totals = self.clone();
        for total in totals.entries.values_mut() {
            let life = total.life_mut();
            life.ended = life.last_ms < time_ms;
        }
        totals
    }

    /// Without those that have ended.
    pub(super) fn without_ended(mut self) -> Self {
        self.retain(|_, total| !total.life().ended);
        self
    }

    /// Leaves out what ended in these totals, unless something was counted since.
    pub(super) fn forget_ended(&mut self, written: &Self) {
        if !written.entries.values().any(|total| total.life().ended) {
            return;
        }
        let has_ended = |key: &K, total: &V| {
            let written = written.entries.get(key).filter(|written| written.life().ended);
            written.is_some_and(|written| written.events() == total.events())
        };
        self.retain(|key, total| !has_ended(key, total));
    }

    fn retain(&mut self, is_kept: impl Fn(&K, &V) -> bool) {
        self.entries.retain(|key, total| is_kept(key, total));
        self.of_groups.clear();
        self.name_bytes = 0;
        for key in self.entries.keys() {
            self.name_bytes += key.bytes();
            *self.of_groups.entry(key.group().clone()).or_default() += 1;
        }
    }

    /// Exemplars are told once.
    pub(super) fn end_exemplars(&mut self) {
        self.entries.values_mut().for_each(V::end_exemplars);
    }
}
