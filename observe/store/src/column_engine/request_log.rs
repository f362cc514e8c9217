//! The log of requests: what is in memory and in no segment yet is read from here after a crash.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use vitrine_observe_log::{AppendFuture, Error, Log, MAX_RECORD_BYTES, Position, Status};

use crate::Signal;
use crate::engine::{MAX_TENANT_BYTES, Tenant};

/// Bytes of a time in a record.
const TIME_BYTES: usize = 8;
/// The largest request: a record holds its arrival and the tenant's name too.
pub(crate) const MAX_REQUEST_BYTES: usize = MAX_RECORD_BYTES - TIME_BYTES - MAX_TENANT_BYTES - 1;
/// Kinds of records that say when their request arrived, in the order of [`Signal::ALL`].
const KINDS: [u8; 3] = [4, 5, 6];
/// Kinds of records of older logs, which do not say it.
const KINDS_WITHOUT_ARRIVAL: [u8; 3] = [1, 2, 3];

/// A request as a record of the log has it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WriteRecord {
    pub signal: Signal,
    /// When it arrived, in nanoseconds since 1970; none in older logs.
    pub arrival_ns: Option<u64>,
    pub tenant: Tenant,
    pub request: Bytes,
}

/// Requests on disk, and how much was added since it was opened.
#[derive(Debug)]
pub(crate) struct RequestLog {
    log: Log,
    /// Bytes of requests that were appended, or read, since the engine was opened.
    passed: AtomicU64,
}

impl RequestLog {
    pub(crate) fn new(log: Log) -> Self {
        Self { log, passed: AtomicU64::new(0) }
    }

    /// Appends a request. When it is on disk the answer says where.
    pub(crate) fn append(
        &self,
        tenant: &Tenant,
        signal: Signal,
        arrival_ns: u64,
        request: Bytes,
    ) -> Result<AppendFuture<Position>, Error> {
        let bytes = request.len();
        let answer = self.log.append(KINDS[signal as usize], record(tenant, arrival_ns, request))?;
        self.pass(bytes);
        Ok(answer)
    }

    /// So many bytes of a request were appended, or read.
    pub(crate) fn pass(&self, bytes: usize) {
        self.passed.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes of requests that were appended, or read, since the engine was opened.
    pub(crate) fn passed(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }

    /// Behind everything that is in it.
    pub(crate) fn end(&self) -> Position {
        self.log.status().end
    }

    pub(crate) fn status(&self) -> Status {
        self.log.status()
    }

    /// Lets go of what is before this position.
    pub(crate) fn cut_before(&self, position: Position) -> Result<(), Error> {
        self.log.truncate_before(position)?.wait()?;
        Ok(())
    }
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
pub(crate) fn parse_record(kind: u8, payload: &Bytes) -> Option<WriteRecord> {
    let place = |kinds: [u8; 3]| kinds.iter().position(|known| *known == kind);
    let (place, times) = place(KINDS).map(|at| (at, 1)).or_else(|| place(KINDS_WITHOUT_ARRIVAL).map(|at| (at, 0)))?;
    let (time, rest) = payload.split_at_checked(times * TIME_BYTES)?;
    let (length, rest) = rest.split_first()?;
    let name = std::str::from_utf8(rest.get(..usize::from(*length))?).ok()?;
    Some(WriteRecord {
        signal: Signal::ALL[place],
        arrival_ns: time.try_into().ok().map(u64::from_le_bytes),
        tenant: Tenant::new(name).ok()?,
        request: payload.slice(time.len() + 1 + usize::from(*length)..),
    })
}
