//! How far something is on disk, and those who wait for it.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

/// How far it is.
#[derive(Clone, Copy, Default)]
struct Progress {
    /// Up to here it is on disk.
    flushed: u64,
    /// What is above `flushed` and up to here was tried in vain.
    failed: u64,
    closed: bool,
}

/// Positions that come to be on disk, in their order.
#[derive(Default)]
pub(crate) struct Flushed {
    /// [`Progress::flushed`], for a quick look.
    position: AtomicU64,
    progress: watch::Sender<Progress>,
}

impl Flushed {
    /// Up to where everything is on disk.
    pub(crate) fn position(&self) -> u64 {
        self.position.load(Ordering::Acquire)
    }

    /// Whether everything up to this position is on disk.
    pub(crate) fn is_flushed(&self, position: u64) -> bool {
        self.position() >= position
    }

    /// Everything up to this position is on disk, or that was tried in vain.
    pub(crate) fn tried(&self, position: u64, is_durable: bool) {
        self.progress.send_modify(|progress| {
            let reached = if is_durable { &mut progress.flushed } else { &mut progress.failed };
            *reached = position.max(*reached);
        });
        if is_durable {
            self.position.fetch_max(position, Ordering::Release);
        }
    }

    /// Nothing more will come to be on disk.
    pub(crate) fn close(&self) {
        self.progress.send_modify(|progress| progress.closed = true);
    }

    /// Asks, unless it is on disk already, and waits until it is or that was tried in vain. Returns whether it is.
    pub(crate) async fn reached(&self, position: u64, ask: impl FnOnce()) -> bool {
        if self.is_flushed(position) {
            return true;
        }
        let mut progress = self.progress.subscribe();
        ask();
        let is_decided = |p: &Progress| p.flushed >= position || p.failed >= position || p.closed;
        let decided = progress.wait_for(is_decided).await.map(|p| *p).unwrap_or_default();
        decided.flushed >= position
    }
}
