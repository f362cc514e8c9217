//! The series that a process knows of a tenant: what they are called, without their samples.
//!
//! One table serves one [`Head`](crate::Head) after the other, so that a series that goes on is described once. Series are only
//! added; when half of them have no samples any more the next head begins with a new table.

mod symbols;

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use parking_lot::{RwLock, RwLockReadGuard};

use crate::{Description, Label, Labels, MetadataEntry, MetricType, Projection, SeriesId, Temporality};
pub(crate) use symbols::Symbols;

/// Most metadata entries; more are not kept.
const MAX_METADATA: usize = 100_000;
/// Most labels of all series of a table, each counted as often as it is used.
const MAX_LABELS: usize = u32::MAX as usize;

/// No series was sent behind a series yet.
const NO_FOLLOWER: u32 = u32::MAX;

/// A series of a [`SeriesTable`], by the order in which they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesNumber(pub(crate) u32);

/// There are as many series as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are {most} active series, which is the limit")]
pub struct TooManySeries {
    /// The limit.
    pub most: usize,
}

/// Series by their identity, with an index of their labels.
#[derive(Debug)]
pub struct SeriesTable {
    rows: RwLock<Rows>,
    keys: DefaultHashBuilder,
    most: usize,
}

/// What is in a [`SeriesTable`].
#[derive(Debug, Default)]
pub(crate) struct Rows {
    by_identity: HashTable<u32>,
    identities: Vec<u8>,
    identity_ends: Vec<usize>,
    /// Of each series the one that was sent behind it: senders send theirs in the same order again and again.
    followers: Vec<AtomicU32>,
    series: Vec<Series>,
    views: Vec<ViewRow>,
    /// Pairs of all views, one view after the other.
    view_pairs: Vec<u32>,
    symbols: Symbols,
    pairs: HashTable<u32>,
    pair_rows: Vec<PairRow>,
    pairs_by_name: HashMap<u32, Vec<u32>>,
    metadata: Vec<MetadataEntry>,
    known_metadata: HashTable<u32>,
    index_bytes: usize,
}

/// A series, without its identity.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Series {
    pub id: SeriesId,
    pub kind: MetricType,
    pub temporality: Temporality,
    pub clock: u64,
    /// Its views begin here and end where those of the next one begin.
    pub first_view: u32,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct ViewRow {
    pub series: u32,
    pub projection: Projection,
    end: u32,
}

#[derive(Debug)]
pub(crate) struct PairRow {
    pub name: u32,
    pub value: u32,
    /// Views with this label, in order.
    pub views: Vec<u32>,
}

impl SeriesTable {
    /// A table of at most so many series.
    pub fn new(most: usize) -> Arc<Self> {
        let most = most.min(u32::MAX as usize);
        Arc::new(Self { rows: RwLock::default(), keys: DefaultHashBuilder::default(), most })
    }

    /// The series of this identity. One that is not known is described, and is known from then on. `last` is the one that was sent before,
    /// and becomes this one.
    ///
    /// # Errors
    ///
    /// Why it is not described, or that there are too many.
    pub(crate) fn resolve<E: From<TooManySeries>>(
        &self,
        last: &mut Option<SeriesNumber>,
        identity: &[u8],
        describe: impl FnOnce() -> Result<Description, E>,
    ) -> Result<SeriesNumber, E> {
        let before = last.take();
        let hash = {
            let rows = self.rows.read();
            // Without a hash, and where the processor expects it.
            if let Some(number) = rows.follower(before).filter(|number| rows.identity(*number) == identity) {
                return Ok(*last.insert(SeriesNumber(number)));
            }
            // With a key: who sends identities must not be able to make all of them collide.
            let hash = self.keys.hash_one(identity);
            if let Some(number) = rows.find(hash, identity) {
                rows.follows(before, number);
                return Ok(*last.insert(SeriesNumber(number)));
            }
            // Before it is described: what is described is counted as new.
            if rows.series.len() >= self.most {
                return Err(TooManySeries { most: self.most }.into());
            }
            hash
        };
        let description = describe()?;
        let mut rows = self.rows.write();
        if let Some(number) = rows.find(hash, identity) {
            return Ok(*last.insert(SeriesNumber(number)));
        }
        let labels: usize = description.views.iter().map(|view| view.labels.len()).sum();
        if rows.series.len() >= self.most || rows.view_pairs.len() + labels > MAX_LABELS {
            return Err(TooManySeries { most: self.most }.into());
        }
        let number = rows.add(&self.keys, hash, identity, description);
        rows.follows(before, number);
        Ok(*last.insert(SeriesNumber(number)))
    }

    /// Keeps what is known of a metric, once.
    pub(crate) fn add_metadata(&self, entry: &MetadataEntry) {
        let hash = self.keys.hash_one((&entry.metric, entry.kind, &entry.help, &entry.unit));
        let same = |rows: &Rows| rows.known_metadata.find(hash, |at| rows.metadata[*at as usize] == *entry).is_some();
        if same(&self.rows.read()) {
            return;
        }
        let mut rows = self.rows.write();
        if same(&rows) || rows.metadata.len() >= MAX_METADATA {
            return;
        }
        let number = rows.metadata.len() as u32;
        rows.index_bytes += size_of::<MetadataEntry>() + entry.metric.len() + entry.help.len() + entry.unit.len();
        rows.metadata.push(entry.clone());
        let Rows { known_metadata, metadata, .. } = &mut *rows;
        known_metadata.insert_unique(hash, number, |at| {
            let entry = &metadata[*at as usize];
            self.keys.hash_one((&entry.metric, entry.kind, &entry.help, &entry.unit))
        });
    }

    /// How many series there are.
    pub fn len(&self) -> usize {
        self.rows.read().series.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Most series.
    pub fn most(&self) -> usize {
        self.most
    }

    /// Memory that it takes, in bytes.
    pub fn bytes(&self) -> usize {
        self.rows.read().bytes()
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Rows> {
        self.rows.read()
    }
}

impl Rows {
    fn find(&self, hash: u64, identity: &[u8]) -> Option<u32> {
        self.by_identity.find(hash, |number| self.identity(*number) == identity).copied()
    }

    /// What was sent behind a series the last time.
    fn follower(&self, last: Option<SeriesNumber>) -> Option<u32> {
        let number = self.followers.get(last?.0 as usize)?.load(Ordering::Relaxed);
        (number != NO_FOLLOWER).then_some(number)
    }

    /// This one was sent behind that one.
    fn follows(&self, last: Option<SeriesNumber>, number: u32) {
        if let Some(follower) = last.and_then(|last| self.followers.get(last.0 as usize)) {
            follower.store(number, Ordering::Relaxed);
        }
    }

    /// The identity of a series.
    pub(crate) fn identity(&self, number: u32) -> &[u8] {
        identity_of(&self.identities, &self.identity_ends, number)
    }

    fn add(&mut self, keys: &DefaultHashBuilder, hash: u64, identity: &[u8], description: Description) -> u32 {
        let number = self.series.len() as u32;
        self.identities.extend_from_slice(identity);
        self.identity_ends.push(self.identities.len());
        self.followers.push(AtomicU32::new(NO_FOLLOWER));
        let Description { kind, temporality, clock, views } = description;
        let first_view = self.views.len() as u32;
        self.series.push(Series { id: SeriesId::of(identity), kind, temporality, clock, first_view });
        for view in views {
            for label in view.labels.iter() {
                let pair = self.pair(keys, label);
                self.pair_rows[pair as usize].views.push(self.views.len() as u32);
                self.view_pairs.push(pair);
            }
            self.index_bytes += view.labels.len() * size_of::<u32>();
            let end = self.view_pairs.len() as u32;
            self.views.push(ViewRow { series: number, projection: view.projection, end });
        }
        let Self { by_identity, identities, identity_ends, .. } = self;
        by_identity
            .insert_unique(hash, number, |number| keys.hash_one(identity_of(identities, identity_ends, *number)));
        number
    }

    fn pair(&mut self, keys: &DefaultHashBuilder, label: &Label) -> u32 {
        let (name, value) = (self.symbols.intern(keys, &label.name), self.symbols.intern(keys, &label.value));
        let hash = keys.hash_one((name, value));
        let Self { pairs, pair_rows, .. } = self;
        let is_it = |at: &u32| (pair_rows[*at as usize].name, pair_rows[*at as usize].value) == (name, value);
        if let Some(pair) = pairs.find(hash, is_it) {
            return *pair;
        }
        let pair = pair_rows.len() as u32;
        pair_rows.push(PairRow { name, value, views: Vec::new() });
        pairs.insert_unique(hash, pair, |at| {
            let row = &pair_rows[*at as usize];
            keys.hash_one((row.name, row.value))
        });
        self.pairs_by_name.entry(name).or_default().push(pair);
        self.index_bytes += size_of::<PairRow>() + 2 * size_of::<u32>();
        pair
    }

    pub(crate) fn series(&self) -> &[Series] {
        &self.series
    }

    pub(crate) fn views(&self) -> &[ViewRow] {
        &self.views
    }

    /// Views of a series.
    pub(crate) fn views_of(&self, number: u32) -> std::ops::Range<u32> {
        let first = self.series[number as usize].first_view;
        first..self.series.get(number as usize + 1).map_or(self.views.len() as u32, |next| next.first_view)
    }

    /// The pairs of a view's labels, in order of their names.
    pub(crate) fn pairs_of(&self, view: u32) -> &[u32] {
        let first = if view == 0 { 0 } else { self.views[view as usize - 1].end as usize };
        &self.view_pairs[first..self.views[view as usize].end as usize]
    }

    /// The labels of a view.
    pub(crate) fn labels(&self, view: u32) -> Labels {
        let label = |pair: &u32| {
            let PairRow { name, value, .. } = &self.pair_rows[*pair as usize];
            Label { name: self.symbols.get(*name).clone(), value: self.symbols.get(*value).clone() }
        };
        Labels::from_sorted(self.pairs_of(view).iter().map(label).collect())
    }

    /// All pairs of name and value.
    pub(crate) fn pairs(&self) -> &[PairRow] {
        &self.pair_rows
    }

    /// Pairs of a name.
    pub(crate) fn pairs_named(&self, name: &str, keys: &SeriesTable) -> impl Iterator<Item = &PairRow> {
        let name = self.symbols.find(&keys.keys, name);
        let pairs = name.and_then(|name| self.pairs_by_name.get(&name));
        pairs.into_iter().flatten().map(|pair| &self.pair_rows[*pair as usize])
    }

    /// The views with a label.
    pub(crate) fn views_with(&self, name: &str, value: &str, keys: &SeriesTable) -> &[u32] {
        let symbol = |text| self.symbols.find(&keys.keys, text);
        let (Some(name), Some(value)) = (symbol(name), symbol(value)) else { return &[] };
        let hash = keys.keys.hash_one((name, value));
        let is_it = |at: &u32| {
            let row = &self.pair_rows[*at as usize];
            (row.name, row.value) == (name, value)
        };
        self.pairs.find(hash, is_it).map_or(&[], |pair| &self.pair_rows[*pair as usize].views)
    }

    pub(crate) fn symbol(&self, number: u32) -> &Arc<str> {
        self.symbols.get(number)
    }

    pub(crate) fn symbols(&self) -> &[Arc<str>] {
        self.symbols.all()
    }

    pub(crate) fn metadata(&self) -> &[MetadataEntry] {
        &self.metadata
    }

    fn bytes(&self) -> usize {
        self.identities.capacity()
            + self.identity_ends.capacity() * size_of::<usize>()
            + self.followers.capacity() * size_of::<AtomicU32>()
            + self.series.capacity() * size_of::<Series>()
            + self.views.capacity() * size_of::<ViewRow>()
            + self.view_pairs.capacity() * size_of::<u32>()
            + self.by_identity.allocation_size()
            + self.pairs.allocation_size()
            + self.symbols.bytes()
            + self.index_bytes
    }
}

fn identity_of<'a>(bytes: &'a [u8], ends: &[usize], number: u32) -> &'a [u8] {
    let number = number as usize;
    let first = if number == 0 { 0 } else { ends[number - 1] };
    &bytes[first..ends[number]]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop, proptest};

    use super::{SeriesTable, TooManySeries};
    use crate::{Description, Labels, MetricType};

    proptest! {
        #[test]
        fn a_series_is_found_whatever_came_before_it(requests in prop::collection::vec(prop::collection::vec(0u32..9, 0..12), 1..9)) {
            let table = SeriesTable::new(8);
            let mut known = Vec::new();
            for request in requests {
                let mut last = None;
                for name in request {
                    let identity = name.to_be_bytes();
                    let labels = Labels::of([("__name__", "up"), ("instance", &*name.to_string())]);
                    let describe = || Ok::<_, TooManySeries>(Description::new(MetricType::Gauge, 0, labels));
                    let found = table.resolve(&mut last, &identity, describe).ok().map(|number| number.0);
                    let place = known.iter().position(|other| *other == name);
                    match place {
                        Some(place) => assert_eq!(found, Some(place as u32)),
                        None if known.len() == 8 => assert_eq!(found, None, "one too many"),
                        None => {
                            assert_eq!(found, Some(known.len() as u32));
                            known.push(name);
                        }
                    }
                }
            }
        }
    }
}
