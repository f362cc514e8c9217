//! Wakes a thread.

use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// Wakes a thread that waits for work. Its lock is the last of all: nothing is taken while it is held.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: Mutex<bool>,
    wake: Condvar,
}

impl Bell {
    /// Wakes who waits, or whoever waits next.
    pub(crate) fn ring(&self) {
        *self.rung.lock() = true;
        self.wake.notify_all();
    }

    /// Waits until it was rung since the last time, but not longer than this.
    pub(crate) fn wait(&self, most: Duration) {
        let mut rung = self.rung.lock();
        if !*rung {
            self.wake.wait_for(&mut rung, most);
        }
        *rung = false;
    }
}
