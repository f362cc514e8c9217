//! Memory that is accounted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes in use, of so many.
#[derive(Debug)]
pub(crate) struct Budget {
    used: AtomicUsize,
    /// How many bytes there are.
    pub most: usize,
}

impl Budget {
    /// Nothing in use.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { used: AtomicUsize::new(0), most })
    }

    /// Bytes in use.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

/// A share of a budget; dropping it gives the share back.
#[derive(Debug)]
pub(crate) struct MemoryReservation {
    budget: Arc<Budget>,
    bytes: usize,
}

impl MemoryReservation {
    /// None of it yet.
    pub(crate) fn new(budget: Arc<Budget>) -> Self {
        Self { budget, bytes: 0 }
    }

    /// How much it is.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// It is this much from now on.
    pub(crate) fn set(&mut self, bytes: usize) {
        self.budget.used.fetch_add(bytes, Ordering::Relaxed);
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = bytes;
    }
}

impl Drop for MemoryReservation {
    fn drop(&mut self) {
        self.set(0);
    }
}
