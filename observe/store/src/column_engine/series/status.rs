//! What a tenant's series tell about themselves.

use std::sync::atomic::{AtomicU64, Ordering};

use super::TenantSeries;
use crate::SeriesStatus;

impl TenantSeries {
    /// Adds what they hold and have seen.
    pub(crate) fn tell(&self, status: &mut SeriesStatus) {
        let heads = self.heads();
        let table = self.open().head().table().clone();
        status.active += table.len() as u64;
        status.limit = table.most() as u64;
        status.name_bytes += self.name_bytes() as u64;
        status.waiting += heads.len() as u64 - 1;
        for head in &heads {
            status.memory_samples += head.head().status().samples;
            status.memory_bytes += head.bytes() as u64;
        }
        for handle in self.files() {
            status.files += 1;
            status.file_samples += handle.info.samples;
            status.file_bytes += handle.info.bytes;
        }
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        status.samples += count(&self.counters.samples);
        status.histograms += count(&self.counters.histograms);
        status.exemplars += count(&self.counters.exemplars);
        status.refused.add(&self.counters.refused.lock());
        status.repeated += count(&self.counters.repeated);
        status.replaced += count(&self.counters.replaced);
        status.removed += count(&self.counters.removed);
    }

    /// Lets go of what of files is in memory if that is more than so many bytes.
    pub(crate) fn trim(&self, most: u64) {
        if self.held_bytes() > most {
            self.files().iter().for_each(|handle| handle.forget());
        }
    }

    /// Bytes of what of files is in memory.
    pub(crate) fn held_bytes(&self) -> u64 {
        self.files().iter().map(|handle| handle.held_bytes() as u64).sum()
    }
}
