//! Taking requests.

use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use vitrine_observe_log::{Answer, MAX_RECORD_BYTES, Position};
use vitrine_observe_model::Builder;

use crate::engine::{MAX_TENANT_BYTES, Receipt, Tenant, WriteError};
use crate::kept::Inner;
use crate::kept::part::Part;
use crate::kept::table::{Counters, Table};
use crate::{Accepted, Signal};

/// A request of more bytes is decoded on a thread that may block: it takes longer than a millisecond.
const LARGE_REQUEST: usize = 256 << 10;
/// Bytes of a time in a record.
const TIME_BYTES: usize = 8;
/// The largest request: a record holds its arrival and the tenant's name too.
const MAX_REQUEST_BYTES: usize = MAX_RECORD_BYTES - TIME_BYTES - MAX_TENANT_BYTES - 1;
/// Nanoseconds in a millisecond.
const NANOS_PER_MILLI: u64 = 1_000_000;
/// Kinds of records that say when their request arrived, in the order of [`Signal::ALL`].
const KINDS: [u8; 3] = [4, 5, 6];
/// Kinds of records of older logs, which do not say it.
const KINDS_WITHOUT_ARRIVAL: [u8; 3] = [1, 2, 3];
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
    part: Arc<Part>,
    rows: Range<usize>,
    answer: Answer<Position>,
    accepted: Accepted,
    reply: oneshot::Sender<Result<Accepted, WriteError>>,
}

/// Waits for the log's answers, in its order, and tells them on. It ends when the engine is closed.
pub(crate) fn commit(inner: &Inner, commits: mpsc::Receiver<Commit>) {
    for Commit { table, part, rows, answer, accepted, reply } in commits {
        let outcome = answer.wait();
        let settled = part.settle(rows, outcome.as_ref().ok().copied());
        if settled && table.waiting() > 0 {
            inner.to_seal.ring();
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

/// A request as a record of the log has it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Logged {
    pub signal: Signal,
    /// When it arrived, in nanoseconds since 1970; none in older logs.
    pub arrival_ns: Option<u64>,
    pub tenant: Tenant,
    pub request: Bytes,
}

/// A record of one of [`KINDS`]: when the request arrived (nanoseconds since 1970, little endian), the length of the
/// tenant's name, the name, and the request. The arrival stands in for times that the sender does not know, so that
/// reading the record again must give the same.
fn record(tenant: &Tenant, arrival_ns: u64, request: Bytes) -> [Bytes; 2] {
    let name = tenant.name().as_bytes();
    let mut front = Vec::with_capacity(TIME_BYTES + 1 + name.len());
    front.extend_from_slice(&arrival_ns.to_le_bytes());
    front.push(name.len() as u8);
    front.extend_from_slice(name);
    [front.into(), request]
}

/// What a record holds; none if it is not one that this or an earlier release writes.
pub(crate) fn parse_record(kind: u8, payload: &Bytes) -> Option<Logged> {
    let place = |kinds: [u8; 3]| kinds.iter().position(|known| *known == kind);
    let (place, times) = place(KINDS).map(|at| (at, 1)).or_else(|| place(KINDS_WITHOUT_ARRIVAL).map(|at| (at, 0)))?;
    let (time, rest) = payload.split_at_checked(times * TIME_BYTES)?;
    let (length, rest) = rest.split_first()?;
    let name = std::str::from_utf8(rest.get(..usize::from(*length))?).ok()?;
    Some(Logged {
        signal: Signal::ALL[place],
        arrival_ns: time.try_into().ok().map(u64::from_le_bytes),
        tenant: Tenant::new(name).ok()?,
        request: payload.slice(time.len() + 1 + usize::from(*length)..),
    })
}

impl Inner {
    /// Takes a request.
    pub(crate) fn write(self: &Arc<Self>, tenant: &Tenant, signal: Signal, request: Bytes) -> Receipt {
        if request.len() > LARGE_REQUEST
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let (inner, tenant) = (self.clone(), tenant.clone());
            let added = runtime.spawn_blocking(move || inner.add(&tenant, signal, request));
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

    fn add(&self, tenant: &Tenant, signal: Signal, request: Bytes) -> Result<Added, WriteError> {
        let bytes = request.len();
        if bytes > MAX_REQUEST_BYTES {
            return Err(WriteError::TooLarge { bytes, most: MAX_REQUEST_BYTES });
        }
        if self.is_closed() {
            return Err(WriteError::Closed);
        }
        if self.budget.used() + bytes > self.budget.most {
            self.to_seal.ring();
            return Err(WriteError::Busy { what: "memory is full of rows to be written", retry_after: MEMORY_RETRY });
        }
        let arrival_ns = self.now_ns();
        let table = match self.table(tenant, signal) {
            Some(table) => table,
            None => {
                let most = self.options.max_tenants;
                if self.tables.read().len() >= most {
                    return Err(WriteError::Tenants { most });
                }
                // Nobody becomes a tenant by sending nothing of use.
                let tried = Builder::new(signal).append(&request, arrival_ns).map_err(malformed)?;
                if tried.taken == 0 {
                    return Ok(Added::Nothing(accepted(tried)));
                }
                self.table_of(tenant, signal)
            }
        };
        self.add_to(table, arrival_ns, request)
    }

    /// Now, in nanoseconds since 1970.
    fn now_ns(&self) -> u64 {
        u64::try_from(self.clock.now_ms()).unwrap_or(0).saturating_mul(NANOS_PER_MILLI)
    }

    fn add_to(&self, table: Arc<Table>, arrival_ns: u64, request: Bytes) -> Result<Added, WriteError> {
        let _writing = table.writing.lock();
        let part = table.open();
        let mut rows = part.0.write();
        if rows.is_empty() {
            // Behind everything that is in the log, and not behind what is about to be.
            rows.low = self.log.status().end;
            rows.since_ms = self.clock.now_ms();
            rows.logged = self.logged.load(Ordering::Relaxed);
        }
        let before = rows.columns().rows;
        let appended = rows.builder.append(&request, arrival_ns).map_err(malformed)?;
        let after = rows.columns().rows;
        if after == before {
            Counters::add(&table.counters.rejected, appended.rejected);
            return Ok(Added::Nothing(accepted(appended)));
        }
        let bytes = request.len() as u64;
        let appending = self.log.append(KINDS[table.signal as usize], record(&table.tenant, arrival_ns, request));
        let answer = match appending {
            Ok(answer) => answer,
            Err(error) => {
                rows.builder.truncate(before);
                // Rows that hold back the log become segments, so that there is room for the next one.
                self.to_seal.ring();
                return Err(refusal(error));
            }
        };
        self.logged.fetch_add(bytes, Ordering::Relaxed);
        rows.pending += 1;
        rows.account();
        let full = after >= self.options.seal_rows || rows.share.bytes() >= self.options.seal_bytes;
        let (reply, outcome) = oneshot::channel();
        let accepted = accepted(appended);
        let commit = Commit { table: table.clone(), part: part.clone(), rows: before..after, answer, accepted, reply };
        // When the engine is closed nobody tells the outcome: the receipt says so.
        if let Some(commits) = &*self.commits.lock() {
            let _ = commits.send(commit);
        }
        drop(rows);
        if full {
            table.freeze();
            self.to_seal.ring();
        }
        Ok(Added::Waits(outcome))
    }

    /// Adds a record of the log again, when the engine is opened.
    pub(crate) fn add_again(&self, table: &Table, position: Position, logged: &Logged) -> Result<(), WriteError> {
        let Logged { request, arrival_ns, .. } = logged;
        let arrival_ns = arrival_ns.unwrap_or_else(|| self.now_ns());
        let _writing = table.writing.lock();
        let part = table.open();
        let mut rows = part.0.write();
        if rows.is_empty() {
            rows.low = position;
            rows.since_ms = (arrival_ns / NANOS_PER_MILLI) as i64;
            rows.logged = self.logged.load(Ordering::Relaxed);
        }
        rows.builder.append(request, arrival_ns).map_err(malformed)?;
        self.logged.fetch_add(request.len() as u64, Ordering::Relaxed);
        let end = rows.columns().rows;
        rows.commit(end);
        rows.high = position;
        rows.account();
        let full = rows.committed >= self.options.seal_rows || rows.share.bytes() >= self.options.seal_bytes;
        drop(rows);
        if full {
            table.freeze();
            self.to_seal.ring();
        }
        Ok(())
    }

    /// Lets open parts wait to become segments, if this is so of them.
    pub(crate) fn freeze(&self, due: impl Fn(&Part) -> bool) {
        for table in self.all_tables() {
            let _writing = table.writing.lock();
            if due(&table.open()) {
                table.freeze();
            }
        }
    }
}

/// A request that was added to the rows in memory.
enum Added {
    /// It waits for the log.
    Waits(oneshot::Receiver<Result<Accepted, WriteError>>),
    /// There was no row to keep.
    Nothing(Accepted),
}

impl Added {
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
