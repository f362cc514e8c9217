//! The log of requests: what is in memory and in no segment yet is read from here after a crash.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use vitrine_observe_model::metrics::{RemoteWrite, WriteCompression, WriteVersion};
use vitrine_platform_log::{AppendFuture, Error, Log, MAX_RECORD_BYTES, Position, Status};

use crate::Signal;
use crate::engine::{MAX_TENANT_BYTES, Tenant};

/// Bytes of a time in a record.
const TIME_BYTES: usize = 8;
/// The largest request: a record holds its arrival, the tenant's name and its form too.
pub(crate) const MAX_REQUEST_BYTES: usize = MAX_RECORD_BYTES - TIME_BYTES - MAX_TENANT_BYTES - 2;
/// Kinds of records that say when their request arrived, in the order of [`Signal::ALL`].
const KINDS: [u8; 3] = [4, 5, 6];
/// Kinds of records of older logs, which do not say it.
const KINDS_WITHOUT_ARRIVAL: [u8; 3] = [1, 2, 3];
/// The kind of records that are remote writes: like the others, with a byte for the form before the request.
const REMOTE_WRITE: u8 = 7;
/// The kind of records that are totals of spans ([`SpanTotals`](crate::column_engine::span_metrics::SpanTotals)): like the others.
const SPAN_TOTALS: u8 = 8;
/// Forms of remote writes, by the byte that says which: as senders write them, and as producers of this process do. They must not change.
const FORMS: [(u8, WriteVersion, WriteCompression); 5] = [
    (1, WriteVersion::V1, WriteCompression::Snappy),
    (2, WriteVersion::V2, WriteCompression::Snappy),
    (3, WriteVersion::V1, WriteCompression::Zstd),
    (4, WriteVersion::V2, WriteCompression::Zstd),
    (5, WriteVersion::V2, WriteCompression::None),
];

/// A request as a record of the log has it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WriteRecord {
    /// When it arrived, in nanoseconds since 1970; none in older logs.
    pub arrival_ns: Option<u64>,
    pub tenant: Tenant,
    pub request: LoggedRequest,
}

/// A request as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LoggedRequest {
    /// An OTLP export request in protobuf.
    Otlp(Signal, Bytes),
    /// A remote write.
    RemoteWrite(RemoteWrite),
    /// Totals of spans, which become samples.
    SpanTotals(Bytes),
}

impl LoggedRequest {
    /// Its bytes.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Otlp(_, request) | Self::SpanTotals(request) => request.len(),
            Self::RemoteWrite(request) => request.body.len(),
        }
    }

    /// Its bytes when it is decompressed.
    pub(crate) fn decoded_bytes(&self) -> usize {
        match self {
            Self::Otlp(_, request) | Self::SpanTotals(request) => request.len(),
            Self::RemoteWrite(request) => request.message_bytes(),
        }
    }

    /// Of which signal it is.
    pub(crate) fn signal(&self) -> Signal {
        match self {
            Self::Otlp(signal, _) => *signal,
            Self::RemoteWrite(_) | Self::SpanTotals(_) => Signal::Metrics,
        }
    }
}

/// Requests on disk, and how much was added since it was opened.
#[derive(Debug)]
pub(crate) struct RequestLog {
    log: Log,
    /// Bytes of requests that were appended, or read, since the engine was opened.
    passed: AtomicU64,
    /// Up to which position it was read when the engine was opened: what is behind is in memory only when it was. [`ALL_READ`] when all was.
    read: AtomicU64,
}

/// All of the log was read.
const ALL_READ: u64 = u64::MAX;

impl RequestLog {
    /// A log of which nothing was read yet.
    pub(crate) fn new(log: Log) -> Self {
        Self { log, passed: AtomicU64::new(0), read: AtomicU64::new(0) }
    }

    /// What it has up to and including this position is in memory, or in a segment.
    pub(crate) fn read_to(&self, position: Position) {
        self.read.store(position.into(), Ordering::Relaxed);
    }

    /// All that it had is.
    pub(crate) fn all_read(&self) {
        self.read.store(ALL_READ, Ordering::Relaxed);
    }

    /// Appends a request. When it is on disk the answer says where.
    pub(crate) fn append(
        &self,
        tenant: &Tenant,
        arrival_ns: u64,
        request: LoggedRequest,
    ) -> Result<AppendFuture<Position>, Error> {
        let bytes = request.len();
        let (kind, form, request) = match request {
            LoggedRequest::Otlp(signal, request) => (KINDS[signal as usize], None, request),
            LoggedRequest::RemoteWrite(request) => (REMOTE_WRITE, Some(form(&request)), request.body),
            LoggedRequest::SpanTotals(totals) => (SPAN_TOTALS, None, totals),
        };
        let answer = self.log.append(kind, record(tenant, arrival_ns, form, request))?;
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

    /// Lets go of what is before this position, as far as it was read.
    pub(crate) fn cut_before(&self, position: Position) -> Result<(), Error> {
        let position = position.min(Position::from(self.read.load(Ordering::Relaxed)));
        self.log.truncate_before(position)?.wait()?;
        Ok(())
    }
}

/// The byte that says in which form a remote write is. Version 1 is never plain: nothing in this process writes it.
fn form(request: &RemoteWrite) -> u8 {
    let known = FORMS.iter().find(|(_, version, packed)| (*version, *packed) == (request.version, request.compression));
    known.map_or(0, |(form, ..)| *form)
}

/// A record of one of [`KINDS`], or with a form a [`REMOTE_WRITE`]: when the request arrived (nanoseconds since 1970, little endian),
/// the length of the tenant's name, the name, the form, and the request. The arrival stands in for times that the sender does not
/// know, so that reading the record again must give the same.
fn record(tenant: &Tenant, arrival_ns: u64, form: Option<u8>, request: Bytes) -> [Bytes; 2] {
    let name = tenant.name().as_bytes();
    let mut front = Vec::with_capacity(TIME_BYTES + 2 + name.len());
    front.extend_from_slice(&arrival_ns.to_le_bytes());
    front.push(name.len() as u8);
    front.extend_from_slice(name);
    front.extend(form);
    [front.into(), request]
}

/// What a record holds; none if it is not one that this or an earlier release writes.
pub(crate) fn parse_record(kind: u8, payload: &Bytes) -> Option<WriteRecord> {
    let place = |kinds: [u8; 3]| kinds.iter().position(|known| *known == kind);
    let (signal, times) = match kind {
        REMOTE_WRITE | SPAN_TOTALS => (None, 1),
        _ => {
            let (place, times) =
                place(KINDS).map(|at| (at, 1)).or_else(|| place(KINDS_WITHOUT_ARRIVAL).map(|at| (at, 0)))?;
            (Some(Signal::ALL[place]), times)
        }
    };
    let (time, rest) = payload.split_at_checked(times * TIME_BYTES)?;
    let (length, rest) = rest.split_first()?;
    let name = std::str::from_utf8(rest.get(..usize::from(*length))?).ok()?;
    let request = payload.slice(time.len() + 1 + usize::from(*length)..);
    let request = match signal {
        Some(signal) => LoggedRequest::Otlp(signal, request),
        None if kind == SPAN_TOTALS => LoggedRequest::SpanTotals(request),
        None => {
            let (_, version, compression) = *FORMS.iter().find(|(form, ..)| Some(form) == request.first())?;
            LoggedRequest::RemoteWrite(RemoteWrite { version, compression, body: request.slice(1..) })
        }
    };
    let arrival_ns = time.try_into().ok().map(u64::from_le_bytes);
    Some(WriteRecord { arrival_ns, tenant: Tenant::new(name).ok()?, request })
}
