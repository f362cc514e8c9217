//! Wakes a thread.

use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// Wakes a thread that waits for work. Its lock is the last of all: nothing is taken while it is held.
#[derive(Debug, Default)]
pub(crate) struct Notify {
    notified: Mutex<bool>,
    wake: Condvar,
}

impl Notify {
    /// Wakes who waits, or a caller that waits next.
    pub(crate) fn notify(&self) {
        *self.notified.lock() = true;
        self.wake.notify_all();
    }

    /// Waits until it was notified since the last time, but not longer than this.
    pub(crate) fn wait(&self, most: Duration) {
        let mut notified = self.notified.lock();
        if !*notified {
            self.wake.wait_for(&mut notified, most);
        }
        *notified = false;
    }
}
