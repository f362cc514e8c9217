//! Values in this process, bounded in bytes; what is not asked for goes first.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use quick_cache::Weighter;
use quick_cache::unsync::Cache;

use crate::cache::{DUE, Lookup};

/// What an entry weighs beside its name and value, in bytes; it bounds their number as well.
const OVERHEAD: u64 = 256;
/// Most tags whose last invalidation is remembered. When there are more, all is forgotten.
const MAX_TAGS: usize = 10_000;
/// Expected weight of an entry, in bytes, to begin with.
const EXPECTED: u64 = 4096;

struct Entry {
    value: Bytes,
    /// How many invalidations there had been when its load began.
    since: u64,
    due: Instant,
    until: Instant,
    refreshing: bool,
}

#[derive(Clone)]
struct EntryWeighter;

impl Weighter<Vec<u8>, Entry> for EntryWeighter {
    fn weight(&self, name: &Vec<u8>, entry: &Entry) -> u64 {
        OVERHEAD + (name.len() + entry.value.len()) as u64
    }
}

/// All values of this process.
pub(crate) struct Embedded(Mutex<State>);

struct State {
    entries: Cache<Vec<u8>, Entry, EntryWeighter>,
    /// Invalidations so far.
    writes: u64,
    /// The last of each tag; of all others it was not after `forgotten`.
    tags: HashMap<String, u64>,
    forgotten: u64,
}

impl Embedded {
    pub(crate) fn new(max_bytes: u64) -> Self {
        let expected = usize::try_from(max_bytes / EXPECTED).unwrap_or(usize::MAX);
        let entries = Cache::with_weighter(expected, max_bytes, EntryWeighter);
        Self(Mutex::new(State { entries, writes: 0, tags: HashMap::new(), forgotten: 0 }))
    }

    pub(crate) fn read(&self, name: &[u8], tag: &str, now: Instant) -> Lookup {
        let mut state = self.0.lock();
        let generation = state.writes.to_be_bytes().to_vec();
        let last = state.tags.get(tag).copied().unwrap_or(state.forgotten);
        let Some(mut entries) = state.entries.get_mut(name) else { return Lookup::Nothing { generation } };
        if entries.since < last || entries.until <= now {
            drop(entries);
            state.entries.remove(name);
            return Lookup::Nothing { generation };
        }
        if entries.due <= now && !entries.refreshing {
            entries.refreshing = true;
            return Lookup::Due { generation };
        }
        Lookup::Hit(entries.value.clone())
    }

    /// Keeps a value whose load began at `began`, when the generation was this one.
    pub(crate) fn store(&self, name: Vec<u8>, generation: &[u8], value: Bytes, began: Instant, ttl: Duration) {
        // A generation that is none of ours would be the oldest.
        let since = generation.try_into().map_or(0, u64::from_be_bytes);
        let entries = Entry { value, since, due: began + ttl / DUE, until: began + ttl, refreshing: false };
        self.0.lock().entries.insert(name, entries);
    }

    pub(crate) fn invalidate(&self, tags: &[String]) {
        let mut state = self.0.lock();
        for tag in tags {
            state.writes += 1;
            let writes = state.writes;
            if state.tags.len() >= MAX_TAGS && !state.tags.contains_key(tag) {
                state.tags.clear();
                state.forgotten = writes;
            }
            state.tags.insert(tag.clone(), writes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Embedded, MAX_TAGS, OVERHEAD};
    use crate::cache::Lookup;
    use bytes::Bytes;
    use std::time::{Duration, Instant};

    const TTL: Duration = Duration::from_secs(10);

    fn generation(found: Lookup) -> Vec<u8> {
        match found {
            Lookup::Nothing { generation } | Lookup::Due { generation } => generation,
            Lookup::Hit(value) => panic!("{value:?} is held"),
            Lookup::Gone => panic!("this memory is never gone"),
        }
    }

    fn put(cache: &Embedded, name: &str, tag: &str, now: Instant) {
        let generation = generation(cache.read(name.as_bytes(), tag, now));
        cache.store(name.into(), &generation, Bytes::from_static(b"v"), now, TTL);
    }

    #[test]
    fn values_grow_old_and_one_refreshes_them() {
        let (cache, now) = (Embedded::new(1 << 20), Instant::now());
        put(&cache, "a", "t", now);
        let read = |after| cache.read(b"a", "t", now + after);
        assert!(matches!(read(TTL / 4), Lookup::Hit(_)));
        assert!(matches!(read(TTL / 2), Lookup::Due { .. }));
        assert!(matches!(read(TTL / 2), Lookup::Hit(_)), "another one is at it");
        assert!(matches!(read(TTL), Lookup::Nothing { .. }));
    }

    #[test]
    fn what_was_loaded_before_an_invalidation_is_not_read_after() {
        let (cache, now) = (Embedded::new(1 << 20), Instant::now());
        let early = generation(cache.read(b"a", "t", now));
        cache.invalidate(&["t".to_owned()]);
        cache.store(b"a".to_vec(), &early, Bytes::new(), now, TTL);
        put(&cache, "a", "t", now);
        put(&cache, "b", "other", now);
        cache.invalidate(&["t".to_owned()]);
        assert!(matches!(cache.read(b"a", "t", now), Lookup::Nothing { .. }));
        assert!(matches!(cache.read(b"b", "other", now), Lookup::Hit(_)));
    }

    #[test]
    fn memory_is_bounded() {
        let (cache, now) = (Embedded::new(100 * OVERHEAD), Instant::now());
        for i in 0..1000 {
            put(&cache, &i.to_string(), "t", now);
        }
        assert!(cache.0.lock().entries.weight() <= 100 * OVERHEAD);
        put(&cache, "a", "first", now);
        for i in 0..=MAX_TAGS {
            cache.invalidate(&[i.to_string()]);
        }
        assert!(cache.0.lock().tags.len() <= MAX_TAGS);
        assert!(matches!(cache.read(b"a", "first", now), Lookup::Nothing { .. }), "too many tags forget all");
    }
}
