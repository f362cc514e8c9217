//! The open end of one signal.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use vitrine_observe_model::{Batch, OpenBatch};

/// Builder and counters of one signal.
pub(crate) struct Signal<B: OpenBatch> {
    tail: Mutex<Tail<B>>,
    /// Bytes in the open builder.
    pub(crate) open_bytes: AtomicUsize,
    /// Rows taken since the start.
    pub(crate) taken: AtomicU64,
    /// Rows refused since the start.
    pub(crate) rejected: AtomicU64,
    /// Rows that left to make room.
    pub(crate) evicted: AtomicU64,
    /// Rows held, open and sealed.
    pub(crate) rows: AtomicU64,
    /// Bytes in sealed batches.
    pub(crate) sealed_bytes: AtomicUsize,
}

struct Tail<B: OpenBatch> {
    builder: B,
    /// A frozen copy of the builder, until the next append.
    frozen: Option<Arc<B::Batch>>,
}

impl<B: OpenBatch> Default for Signal<B> {
    fn default() -> Self {
        Self {
            tail: Mutex::new(Tail { builder: B::default(), frozen: None }),
            open_bytes: AtomicUsize::new(0),
            taken: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            sealed_bytes: AtomicUsize::new(0),
        }
    }
}

/// When a builder is full.
#[derive(Clone, Copy)]
pub(crate) struct SealAt {
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
}

impl<B: OpenBatch> Signal<B> {
    /// Runs `append` for each item; hands full builders to `sealed`. The signal is locked for the whole request, so
    /// that a reader sees all of it or nothing.
    pub(crate) fn append<T>(
        &self,
        at: SealAt,
        items: impl Iterator<Item = T>,
        mut append: impl FnMut(&mut B, T),
        mut sealed: impl FnMut(Arc<B::Batch>),
    ) {
        let mut tail = self.tail.lock();
        tail.frozen = None;
        for item in items {
            let before = tail.builder.rows();
            append(&mut tail.builder, item);
            self.rows.fetch_add((tail.builder.rows() - before) as u64, Ordering::Relaxed);
            if tail.builder.rows() >= at.rows || tail.builder.bytes() >= at.bytes {
                let full = std::mem::take(&mut tail.builder);
                let batch = Arc::new(full.freeze());
                self.open_bytes.store(0, Ordering::Relaxed);
                self.sealed_bytes.fetch_add(batch.bytes(), Ordering::Relaxed);
                sealed(batch);
            }
        }
        self.open_bytes.store(tail.builder.bytes(), Ordering::Relaxed);
    }

    /// A frozen copy of the open builder, and whatever `with` reads while no append can come between.
    pub(crate) fn freeze<R>(&self, with: impl FnOnce() -> R) -> (Option<Arc<B::Batch>>, R) {
        let mut tail = self.tail.lock();
        if tail.builder.rows() == 0 {
            return (None, with());
        }
        let Tail { builder, frozen } = &mut *tail;
        let frozen = frozen.get_or_insert_with(|| Arc::new(builder.freeze()));
        (Some(frozen.clone()), with())
    }

    /// Notes that a sealed batch left.
    pub(crate) fn left(&self, batch: &B::Batch) {
        self.sealed_bytes.fetch_sub(batch.bytes(), Ordering::Relaxed);
        self.rows.fetch_sub(batch.rows() as u64, Ordering::Relaxed);
        self.evicted.fetch_add(batch.rows() as u64, Ordering::Relaxed);
    }
}
