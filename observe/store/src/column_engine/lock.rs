//! Locks, and the order in which they are taken.
//!
//! A thread that holds a lock takes only locks of later ranks: so no two threads ever wait for each other. Debug builds
//! check it whenever a lock is taken, before they wait for it.

use std::cell::Cell;
use std::fmt;
use std::ops::{Deref, DerefMut};

use parking_lot::Condvar;

/// Which lock it is. In the order in which they are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// The sealer's turn: held while rows become segments.
    Sealing,
    /// Held while segments are replaced by a merged one, or removed: merging and retention take turns.
    Replacing,
    /// Which tables there are.
    Tables,
    /// A table's turn: held while a request is added to it, so that rows stand in the order of the log.
    Writing,
    /// Held by a caller that waits until the log has answered for all requests of a part.
    Settling,
    /// The rows of a part.
    Rows,
    /// What is counted of spans.
    SpanCounts,
    /// Which records of the log the samples of a head are from.
    Heads,
    /// The way to the thread that waits for the log.
    Commits,
    /// Which parts and segments a table has.
    State,
    /// The list of segments, also while it is being written.
    Manifest,
    /// Segments of which it is not known whether they are listed.
    Uncertain,
    /// What of a segment is in memory, also while its file is opened.
    Cached,
    /// Which traces lack spans.
    OpenTraces,
    /// Who follows log records, and what was committed since.
    Tails,
    /// What is counted of queries, and what went wrong: nothing is taken while one of these is held.
    Status,
}

thread_local! {
    /// A bit for each rank that the thread holds.
    static HELD: Cell<u32> = const { Cell::new(0) };
}

/// That a thread holds a lock of a rank.
struct Ranked(Rank);

impl Ranked {
    fn take(rank: Rank) -> Self {
        if cfg!(debug_assertions) {
            let before = HELD.get();
            assert!(
                before >> (rank as u32) == 0,
                "{rank:?} is taken by a thread that holds it, or a later one: {before:b}"
            );
            HELD.set(before | 1 << (rank as u32));
        }
        Self(rank)
    }
}

impl Drop for Ranked {
    fn drop(&mut self) {
        if cfg!(debug_assertions) {
            HELD.set(HELD.get() & !(1 << (self.0 as u32)));
        }
    }
}

/// A lock that is held until this is dropped.
pub(crate) struct Guard<G> {
    // Given back before its rank is.
    guard: G,
    _ranked: Ranked,
}

impl<G: Deref> Deref for Guard<G> {
    type Target = G::Target;

    fn deref(&self) -> &G::Target {
        &self.guard
    }
}

impl<G: DerefMut> DerefMut for Guard<G> {
    fn deref_mut(&mut self) -> &mut G::Target {
        &mut self.guard
    }
}

impl<T> MutexGuard<'_, T> {
    /// Gives the lock to others until the condition is signalled.
    pub(crate) fn wait(&mut self, condition: &Condvar) {
        condition.wait(&mut self.guard);
    }
}

/// A mutex that is held.
pub(crate) type MutexGuard<'a, T> = Guard<parking_lot::MutexGuard<'a, T>>;
/// A lock that is held to read.
pub(crate) type ReadGuard<'a, T> = Guard<parking_lot::RwLockReadGuard<'a, T>>;
/// A lock that is held to write.
pub(crate) type WriteGuard<'a, T> = Guard<parking_lot::RwLockWriteGuard<'a, T>>;

/// A mutex of a rank.
pub(crate) struct Mutex<T> {
    rank: Rank,
    inner: parking_lot::Mutex<T>,
}

impl<T> Mutex<T> {
    pub(crate) const fn new(rank: Rank, value: T) -> Self {
        Self { rank, inner: parking_lot::Mutex::new(value) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        let _ranked = Ranked::take(self.rank);
        Guard { guard: self.inner.lock(), _ranked }
    }
}

impl<T: fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// A lock of a rank for many readers or one writer.
pub(crate) struct RwLock<T> {
    rank: Rank,
    inner: parking_lot::RwLock<T>,
}

impl<T> RwLock<T> {
    pub(crate) const fn new(rank: Rank, value: T) -> Self {
        Self { rank, inner: parking_lot::RwLock::new(value) }
    }

    pub(crate) fn read(&self) -> ReadGuard<'_, T> {
        let _ranked = Ranked::take(self.rank);
        Guard { guard: self.inner.read(), _ranked }
    }

    pub(crate) fn write(&self) -> WriteGuard<'_, T> {
        let _ranked = Ranked::take(self.rank);
        Guard { guard: self.inner.write(), _ranked }
    }
}

impl<T: fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::{Mutex, Rank, RwLock};

    #[test]
    fn locks_are_taken_in_their_order() {
        let (first, second) = (Mutex::new(Rank::Writing, 1), RwLock::new(Rank::Rows, 2));
        {
            let one = first.lock();
            assert_eq!(*one + *second.read(), 3);
            *second.write() = 4;
        }
        let two = second.read();
        assert_eq!(*two, 4);
        drop(two);
        drop(first.lock());
    }

    #[test]
    fn a_wrong_order_is_found_though_nobody_waits() {
        let (first, second) = (Mutex::new(Rank::Writing, ()), RwLock::new(Rank::Rows, ()));
        let backwards = || {
            let _second = second.read();
            drop(first.lock());
        };
        let again = || {
            let _second = second.read();
            drop(second.read());
        };
        let found = [catch_unwind(AssertUnwindSafe(backwards)), catch_unwind(AssertUnwindSafe(again))];
        assert!(found.iter().all(|found| found.is_err() == cfg!(debug_assertions)));
        drop(first.lock());
    }
}
