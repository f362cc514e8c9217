//! Taking requests.
//!
//! A request is decoded into its table's open part and appended to the log, in one turn of the table. A thread waits for
//! the log's answers in its order: then the rows may be seen, or are taken back, and who asked is told.

use std::ops::Range;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use vitrine_observe_log::{AppendFuture, Position};
use vitrine_observe_model::Builder;

use crate::column_engine::Context;
use crate::column_engine::lock::{Mutex, Rank};
use crate::column_engine::memtable::{MemTable, Rows};
use crate::column_engine::notify::Notify;
use crate::column_engine::request_log::{MAX_REQUEST_BYTES, RequestLog, WriteRecord};
use crate::column_engine::table::{Counters, Table};
use crate::column_engine::tables::Tables;
use crate::engine::{Receipt, Tenant, WriteError};
use crate::{Accepted, Signal};

/// A request of more bytes is decoded on a thread that may block: it takes longer than a millisecond.
const LARGE_REQUEST: usize = 256 << 10;
/// Nanoseconds in a millisecond.
const NANOS_PER_MILLI: u64 = 1_000_000;
/// When to come again if memory is full: a segment is written meanwhile.
const MEMORY_RETRY: Duration = Duration::from_millis(250);
/// When to come again if too much waits for the log.
const LOG_RETRY: Duration = Duration::from_millis(100);
/// When to come again if the disk is full.
const DISK_RETRY: Duration = Duration::from_secs(2);

/// A request that waits for the log.
#[derive(Debug)]
pub(crate) struct Commit {
    table: Arc<Table>,
    memtable: Arc<MemTable>,
    rows: Range<usize>,
    answer: AppendFuture<Position>,
    accepted: Accepted,
    reply: oneshot::Sender<Result<Accepted, WriteError>>,
}

/// Takes requests.
#[derive(Debug)]
pub(crate) struct Ingester {
    context: Arc<Context>,
    log: Arc<RequestLog>,
    tables: Arc<Tables>,
    /// Requests that wait for the log; none when the engine is closed.
    commits: Mutex<Option<mpsc::Sender<Commit>>>,
    /// Rung when parts are full, or memory is.
    to_seal: Arc<Notify>,
}

/// Waits for the log's answers, in its order, and passes them on. It ends when the engine is closed.
pub(crate) fn commit(commits: mpsc::Receiver<Commit>, to_seal: &Notify) {
    for Commit { table, memtable, rows, answer, accepted, reply } in commits {
        let outcome = answer.wait();
        let resolved = memtable.resolve(rows, outcome.as_ref().ok().copied());
        if resolved && table.waiting() > 0 {
            to_seal.notify();
        }
        let outcome = outcome.map_err(refusal).map(|_| accepted);
        if let Ok(accepted) = &outcome {
            Counters::add(&table.counters.taken, accepted.taken);
            Counters::add(&table.counters.rejected, accepted.rejected);
        }
        // Who asked may be gone.
        let _ = reply.send(outcome);
    }
}

fn refusal(error: vitrine_observe_log::Error) -> WriteError {
    use vitrine_observe_log::Error;
    match error {
        Error::Full { .. } => WriteError::Busy { what: "much waits to be written to the log", retry_after: LOG_RETRY },
        Error::TooLarge { bytes } => WriteError::TooLarge { bytes, most: MAX_REQUEST_BYTES },
        Error::Closed => WriteError::Closed,
        error => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            WriteError::Disk { what: format!("{error}{cause}"), retry_after: DISK_RETRY }
        }
    }
}

impl Ingester {
    /// With what waits for the log, for [`commit`].
    pub(crate) fn new(
        context: Arc<Context>,
        log: Arc<RequestLog>,
        tables: Arc<Tables>,
        to_seal: Arc<Notify>,
    ) -> (Self, mpsc::Receiver<Commit>) {
        let (sender, waiting) = mpsc::channel();
        let commits = Mutex::new(Rank::Commits, Some(sender));
        (Self { context, log, tables, commits, to_seal }, waiting)
    }

    /// Takes nothing any more. [`commit`] ends when the log has answered for all that was taken.
    pub(crate) fn close(&self) {
        self.commits.lock().take();
    }

    /// Takes a request.
    pub(crate) fn write(self: &Arc<Self>, tenant: &Tenant, signal: Signal, request: Bytes) -> Receipt {
        if request.len() > LARGE_REQUEST
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let (ingester, tenant) = (self.clone(), tenant.clone());
            let added = runtime.spawn_blocking(move || ingester.add(&tenant, signal, request));
            return Receipt::new(async move {
                match added.await {
                    Ok(Ok(added)) => added.outcome().await,
                    Ok(Err(error)) => Err(error),
                    Err(_) => Err(WriteError::Closed),
                }
            });
        }
        match self.add(tenant, signal, request) {
            Ok(added) => Receipt::new(added.outcome()),
            Err(error) => Receipt::new(std::future::ready(Err(error))),
        }
    }

    fn add(&self, tenant: &Tenant, signal: Signal, request: Bytes) -> Result<AppendOutcome, WriteError> {
        let bytes = request.len();
        if bytes > MAX_REQUEST_BYTES {
            return Err(WriteError::TooLarge { bytes, most: MAX_REQUEST_BYTES });
        }
        if self.context.is_closed() {
            return Err(WriteError::Closed);
        }
        if self.context.memory.used() + bytes > self.context.memory.most {
            self.to_seal.notify();
            return Err(WriteError::Busy { what: "memory is full of rows to be written", retry_after: MEMORY_RETRY });
        }
        let arrival_ns = self.now_ns();
        let table = match self.tables.get(tenant, signal) {
            Some(table) => table,
            None => {
                let most = self.context.options.max_tenants;
                if self.tables.tenant_count() >= most {
                    return Err(WriteError::Tenants { most });
                }
                // No one becomes a tenant by sending nothing of use.
                let tried = Builder::new(signal).append(&request, arrival_ns).map_err(malformed)?;
                if tried.taken == 0 {
                    return Ok(AppendOutcome::Nothing(accepted(tried)));
                }
                self.tables.get_or_create_within(tenant, signal, most).ok_or(WriteError::Tenants { most })?
            }
        };
        self.add_to(table, arrival_ns, request)
    }

    /// Now, in nanoseconds since 1970.
    fn now_ns(&self) -> u64 {
        u64::try_from(self.context.clock.now_ms()).unwrap_or(0).saturating_mul(NANOS_PER_MILLI)
    }

    fn add_to(&self, table: Arc<Table>, arrival_ns: u64, request: Bytes) -> Result<AppendOutcome, WriteError> {
        let writing = table.write();
        let memtable = writing.open();
        let mut rows = memtable.write();
        if rows.is_empty() {
            // Behind everything that is in the log, and not behind what is about to be.
            rows.low = self.log.end();
            rows.since_ms = self.context.clock.now_ms();
            rows.passed = self.log.passed();
        }
        let before = rows.columns().rows;
        let appended = rows.builder.append(&request, arrival_ns).map_err(malformed)?;
        let after = rows.columns().rows;
        if after == before {
            Counters::add(&table.counters.rejected, appended.rejected);
            return Ok(AppendOutcome::Nothing(accepted(appended)));
        }
        let answer = match self.log.append(&table.tenant, table.signal, arrival_ns, request) {
            Ok(answer) => answer,
            Err(error) => {
                rows.builder.truncate(before);
                // Rows that hold back the log become segments, so that there is room for the next one.
                self.to_seal.notify();
                return Err(refusal(error));
            }
        };
        rows.pending += 1;
        rows.account();
        let is_full = self.is_full(&rows, after);
        let (reply, outcome) = oneshot::channel();
        let accepted = accepted(appended);
        let commit =
            Commit { table: table.clone(), memtable: memtable.clone(), rows: before..after, answer, accepted, reply };
        // When the engine is closed no one tells the outcome: the receipt says so.
        if let Some(commits) = &*self.commits.lock() {
            let _ = commits.send(commit);
        }
        drop(rows);
        if is_full {
            writing.freeze(|_| true);
            self.to_seal.notify();
        }
        Ok(AppendOutcome::Waits(outcome))
    }

    /// Whether so many of these rows are enough for a segment.
    fn is_full(&self, rows: &Rows, count: usize) -> bool {
        count >= self.context.options.seal_rows || rows.reservation.bytes() >= self.context.options.seal_bytes
    }

    /// Adds a record of the log again, when the engine is opened.
    pub(crate) fn add_again(&self, position: Position, logged: WriteRecord) -> Result<(), WriteError> {
        let WriteRecord { request, arrival_ns, tenant, signal } = logged;
        // It was taken once, whatever the limit of tenants is now.
        let table = self.tables.get_or_create(&tenant, signal);
        let arrival_ns = arrival_ns.unwrap_or_else(|| self.now_ns());
        let writing = table.write();
        let memtable = writing.open();
        let mut rows = memtable.write();
        if rows.is_empty() {
            rows.low = position;
            rows.since_ms = (arrival_ns / NANOS_PER_MILLI) as i64;
            rows.passed = self.log.passed();
        }
        rows.builder.append(&request, arrival_ns).map_err(malformed)?;
        self.log.pass(request.len());
        let end = rows.columns().rows;
        rows.commit(end);
        rows.high = position;
        rows.account();
        let is_full = self.is_full(&rows, end);
        drop(rows);
        if is_full {
            writing.freeze(|_| true);
            self.to_seal.notify();
        }
        Ok(())
    }
}

/// A request that was added to the rows in memory.
enum AppendOutcome {
    /// It waits for the log.
    Waits(oneshot::Receiver<Result<Accepted, WriteError>>),
    /// There was no row to keep.
    Nothing(Accepted),
}

impl AppendOutcome {
    async fn outcome(self) -> Result<Accepted, WriteError> {
        match self {
            Self::Waits(outcome) => outcome.await.unwrap_or(Err(WriteError::Closed)),
            Self::Nothing(accepted) => Ok(accepted),
        }
    }
}

fn malformed(error: vitrine_observe_model::Malformed) -> WriteError {
    WriteError::Malformed(error.to_string())
}

fn accepted(appended: vitrine_observe_model::Appended) -> Accepted {
    Accepted { taken: appended.taken, rejected: appended.rejected, reason: appended.reason }
}
