//! The last hits of a site, each with its trace: what an incident's truth is read from.

use std::collections::VecDeque;

use parking_lot::Mutex;

/// Most hits that a site remembers. Older ones are counted and gone.
pub const MAX_HITS: usize = 4_096;

/// One call that a fault hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The plan that hit it.
    pub plan: u64,
    /// Its trace; 0 outside of any.
    pub trace_id: u128,
    /// The span that was current; 0 outside of any.
    pub span_id: u64,
    /// When, in nanoseconds of [`crate::Monotonic`].
    pub at_ns: u64,
}

/// Hits, and how many were lost for want of room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hits {
    /// The oldest first.
    pub hits: Vec<Hit>,
    /// How many came before them and are gone.
    pub overflow: u64,
}

#[derive(Debug, Default)]
struct Room {
    hits: VecDeque<Hit>,
    overflow: u64,
}

/// A bounded list.
#[derive(Debug, Default)]
pub(crate) struct Ring(Mutex<Room>);

impl Ring {
    pub(crate) fn push(&self, hit: Hit) {
        let mut room = self.0.lock();
        if room.hits.len() == MAX_HITS {
            room.hits.pop_front();
            room.overflow += 1;
        }
        room.hits.push_back(hit);
    }

    /// Takes all that is there.
    pub(crate) fn take(&self) -> Hits {
        let room = std::mem::take(&mut *self.0.lock());
        Hits { hits: room.hits.into(), overflow: room.overflow }
    }
}
