//! What waits to be exported, within bounds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::Service;

/// How many spans wait to be exported. They themselves wait with their services.
pub(super) struct Spans {
    pub(super) waiting: AtomicUsize,
    bound: usize,
    batch: usize,
    pub(super) full: Notify,
    pub(super) dropped: AtomicU64,
}

impl Spans {
    pub(super) fn new(bound: usize, batch: usize) -> Self {
        let (waiting, dropped) = (AtomicUsize::new(0), AtomicU64::new(0));
        Self { waiting, bound, batch: batch.max(1), full: Notify::new(), dropped }
    }

    /// Makes room for one more, if there is any.
    pub(super) fn admit(&self) -> bool {
        let waiting = self.waiting.fetch_add(1, Ordering::Relaxed) + 1;
        if waiting > self.bound {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        // Not at one number alone: those that come while others are taken away may jump over it.
        if waiting.is_multiple_of(self.batch) {
            self.full.notify_one();
        }
        true
    }
}

/// The spans of a service that wait, as the field `spans` of OTLP's `ScopeSpans`.
#[derive(Default)]
pub(super) struct EncodedSpans {
    pub(super) bytes: Vec<u8>,
    pub(super) count: usize,
}

/// What waits to be exported, each with its service.
pub(super) struct Buffer<T> {
    waiting: Mutex<Vec<(Service, T)>>,
    bound: usize,
    batch: usize,
    pub(super) full: Notify,
    pub(super) dropped: AtomicU64,
}

impl<T> Buffer<T> {
    pub(super) fn new(bound: usize, batch: usize) -> Self {
        let waiting = Mutex::new(Vec::new());
        Self { waiting, bound, batch, full: Notify::new(), dropped: AtomicU64::new(0) }
    }

    pub(super) fn push(&self, service: Service, item: T) {
        let mut waiting = self.waiting.lock();
        if waiting.len() >= self.bound {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        waiting.push((service, item));
        if waiting.len() == self.batch {
            self.full.notify_one();
        }
    }

    /// Takes all that waits, gathered by service.
    pub(super) fn take(&self) -> Vec<(Service, Vec<T>)> {
        let waiting = std::mem::take(&mut *self.waiting.lock());
        let mut by_service: Vec<(Service, Vec<T>)> = Vec::new();
        for (service, item) in waiting {
            match by_service.iter_mut().find(|(s, _)| Arc::ptr_eq(&s.0, &service.0)) {
                Some((_, items)) => items.push(item),
                None => by_service.push((service, vec![item])),
            }
        }
        by_service
    }
}
