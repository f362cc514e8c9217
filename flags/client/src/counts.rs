//! How often each flag was read, by variant: exact, and bounded by the variants that a flag may have.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use parking_lot::RwLock;
use vitrine_flags_engine::MAX_VARIANTS;

use crate::declaration::Count;
use crate::declared::Declared;

/// Most variants of a flag that are counted by name; others, which only many changes of a definition can make, count as [`OTHER`].
const MAX_COUNTED: usize = 2 * MAX_VARIANTS;
/// The name under which variants beyond [`MAX_COUNTED`] are counted.
const OTHER: &str = "_OTHER";

#[derive(Debug)]
struct Counted {
    variant: Box<str>,
    count: AtomicU64,
    last_ms: AtomicI64,
}

impl Counted {
    fn add(&self, by: u64, at_ms: i64) {
        // The time first: who takes the count then has a time that is no older than it.
        self.last_ms.fetch_max(at_ms, Ordering::Relaxed);
        self.count.fetch_add(by, Ordering::Release);
    }
}

/// How often one flag was read, by variant: exact, and bounded.
#[derive(Debug, Default)]
pub struct Counts(RwLock<Vec<Counted>>);

impl Counts {
    /// Counts one reading, or several. Readers of a variant that is known share the lock.
    pub fn count(&self, variant: &str, by: u64, at_ms: i64) {
        if let Some(known) = self.0.read().iter().find(|counted| *counted.variant == *variant) {
            return known.add(by, at_ms);
        }
        let mut counted = self.0.write();
        let name = if counted.len() < MAX_COUNTED { variant } else { OTHER };
        let known = counted.iter().position(|counted| *counted.variant == *name);
        let place = known.unwrap_or_else(|| {
            let (count, last_ms) = (AtomicU64::new(0), AtomicI64::new(i64::MIN));
            counted.push(Counted { variant: name.into(), count, last_ms });
            counted.len() - 1
        });
        counted[place].add(by, at_ms);
    }

    /// What was counted since the last time, of this flag and by this reader.
    pub fn take(&self, key: &str, reader: &str, out: &mut Vec<Count>) {
        for counted in self.0.read().iter() {
            let count = counted.count.swap(0, Ordering::Acquire);
            if count > 0 {
                out.push(Count {
                    key: key.to_owned(),
                    reader: reader.to_owned(),
                    variant: counted.variant.to_string(),
                    count,
                    last_ms: counted.last_ms.load(Ordering::Relaxed),
                });
            }
        }
    }
}

/// A flag that a service of this process reads.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) declared: Declared,
    reader: String,
    pub(crate) counts: Counts,
}

impl Slot {
    pub(crate) fn new(declared: Declared, reader: &str) -> Self {
        Self { declared, reader: reader.to_owned(), counts: Counts::default() }
    }

    pub(crate) fn take(&self, out: &mut Vec<Count>) {
        self.counts.take(self.declared.key, &self.reader, out);
    }

    pub(crate) fn is_of(&self, count: &Count) -> bool {
        self.declared.key == count.key && self.reader == count.reader
    }
}
