//! What the engine tells about itself.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::column_engine::lock::{Mutex, Rank};
use crate::column_engine::policy::tier;
use crate::column_engine::table::{Snapshot, Table};
use crate::column_engine::{ColumnEngine, Context, Error, error_chain};
use crate::engine::{QueryError, Tenant};
use crate::{LogStatus, QueryStatus, SeriesStatus, SignalStatus, Status, TenantStatus, TierStatus};

/// Messages that are remembered.
const MESSAGES: usize = 16;

/// What went wrong in the background.
#[derive(Debug)]
pub(crate) struct ErrorLog {
    messages: Mutex<VecDeque<String>>,
    quarantined: AtomicU64,
}

impl ErrorLog {
    /// None yet but so many segments that were put aside before.
    pub(crate) fn new(quarantined: usize) -> Self {
        Self { messages: Mutex::new(Rank::Status, VecDeque::new()), quarantined: AtomicU64::new(quarantined as u64) }
    }

    /// Something failed, and is tried again.
    pub(crate) fn fail(&self, error: &Error) {
        self.tell(error_chain(error));
    }

    /// Something is wrong that a person may want to look at.
    pub(crate) fn tell(&self, message: String) {
        let mut messages = self.messages.lock();
        // What fails again and again is said once.
        if messages.back() == Some(&message) {
            return;
        }
        tracing::error!("{message}");
        if messages.len() == MESSAGES {
            messages.pop_front();
        }
        messages.push_back(message);
    }

    /// A segment was taken out.
    pub(crate) fn quarantined(&self, message: String) {
        self.quarantined.fetch_add(1, Ordering::Relaxed);
        self.tell(message);
    }
}

/// How many queries there were, and how long they took.
#[derive(Debug)]
pub(crate) struct Meter {
    status: Mutex<QueryStatus>,
    reads: AtomicU64,
}

impl Default for Meter {
    fn default() -> Self {
        Self { status: Mutex::new(Rank::Status, QueryStatus::default()), reads: AtomicU64::new(0) }
    }
}

impl Meter {
    /// The queries so far.
    pub(crate) fn status(&self) -> QueryStatus {
        *self.status.lock()
    }

    /// A number for a reading, greater than all before.
    pub(crate) fn tick(&self) -> u64 {
        self.reads.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Measures a query.
    pub(crate) fn measure<T>(&self, query: impl FnOnce() -> Result<T, QueryError>) -> Result<T, QueryError> {
        let begun = Instant::now();
        let answer = query();
        let took = begun.elapsed();
        let mut status = self.status.lock();
        status.count += 1;
        status.failed += u64::from(answer.is_err());
        status.time += took;
        status.longest = status.longest.max(took);
        answer
    }
}

impl Table {
    /// Adds what it holds and has seen to what is told of its signal.
    fn tell(&self, snapshot: &Snapshot, signal: &mut SignalStatus) {
        for memtable in &snapshot.memtables {
            let rows = memtable.read();
            signal.memory_rows += rows.count() as u64;
            signal.memory_bytes += rows.reservation.bytes() as u64;
        }
        for handle in &snapshot.segments {
            signal.segments += 1;
            signal.segment_rows += handle.info.rows;
            signal.segment_bytes += handle.info.bytes;
        }
        signal.waiting += snapshot.memtables.len() as u64 - 1;
        signal.taken += self.counters.taken.load(Ordering::Relaxed);
        signal.rejected += self.counters.rejected.load(Ordering::Relaxed);
        signal.evicted += self.counters.removed.load(Ordering::Relaxed);
        if let Some(series) = &self.series {
            let mut of_series = SeriesStatus::default();
            series.tell(&mut of_series);
            signal.add_series(&of_series);
        }
        signal.rows = signal.memory_rows + signal.segment_rows;
        signal.bytes = signal.memory_bytes + signal.segment_bytes;
    }
}

impl ColumnEngine {
    /// What the engine holds of a tenant, and has seen of it.
    pub(crate) fn tenant_status_of(&self, tenant: &Tenant) -> TenantStatus {
        let mut status = TenantStatus::default();
        for table in self.tables.of(tenant) {
            table.tell(&table.snapshot(), status.of(table.signal));
            if let Some(series) = &table.series {
                series.tell(&mut status.series);
            }
        }
        status
    }

    /// What the engine holds and has seen.
    pub(crate) fn whole_status(&self) -> Status {
        let Context { options, memory, troubles, .. } = &*self.context;
        let log = self.log.status();
        let mut all = TenantStatus::default();
        let mut status = Status {
            limit_bytes: options.max_bytes.unwrap_or_default(),
            memory_bytes: memory.used() as u64,
            memory_limit_bytes: memory.most as u64,
            tenants: self.tables.tenant_count() as u64,
            log: LogStatus {
                bytes: log.bytes,
                limit_bytes: options.log_bytes,
                waiting: log.waiting as u64,
                waiting_bytes: log.waiting_bytes,
                syncs: log.syncs,
                syncs_failed: log.syncs_failed,
                sync_longest: log.sync_longest,
            },
            queries: self.reader.queries(),
            quarantined: troubles.quarantined.load(Ordering::Relaxed),
            troubles: troubles.messages.lock().iter().cloned().collect(),
            ..Status::default()
        };
        for table in self.tables.all() {
            let snapshot = table.snapshot();
            table.tell(&snapshot, all.of(table.signal));
            if let Some(series) = &table.series {
                series.tell(&mut all.series);
                status.cached_bytes += series.held_bytes();
            }
            for handle in &snapshot.segments {
                status.cached_bytes += handle.cached().iter().map(|(.., bytes)| *bytes as u64).sum::<u64>();
                let tier = tier(handle.info.rows);
                match status.tiers.iter_mut().find(|known| known.tier == tier) {
                    Some(known) => {
                        known.segments += 1;
                        known.rows += handle.info.rows;
                    }
                    None => status.tiers.push(TierStatus { tier, segments: 1, rows: handle.info.rows }),
                }
            }
            let infos: Vec<_> = snapshot.segments.iter().map(|handle| handle.info).collect();
            status.merge_debt += if table.series.is_none() { self.context.bounds().debt(&infos) } else { 0 };
        }
        status.tiers.sort_by_key(|tier| tier.tier);
        let TenantStatus { traces, logs, metrics, series } = all;
        Status { traces, logs, metrics, series, ..status }
    }
}
