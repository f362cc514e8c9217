//! Taking requests.
//!
//! A request is decoded and appended to the log in one turn of its table: spans and log records into the table's open part, metric
//! points into a batch beside. A thread waits for the log's answers in its order: then the rows may be seen, or are taken back, the batch is
//! applied, or dropped, and who asked is told.

mod again;
mod commit;

use std::sync::{Arc, mpsc};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use vitrine_observe_model::metrics::{RemoteWrite, Written};
use vitrine_observe_model::{Appended, Builder};
use vitrine_platform_log::Position;

use crate::column_engine::Context;
use crate::column_engine::lock::{Mutex, Rank};
use crate::column_engine::memtable::{Age, Rows};
use crate::column_engine::notify::Notify;
use crate::column_engine::request_log::{LoggedRequest, MAX_REQUEST_BYTES, RequestLog};
use crate::column_engine::series::{Arrival, LoggedHead, Prepared, TenantSeries};
use crate::column_engine::span_metrics::SpanTotals;
use crate::column_engine::table::{Counters, Table, Writing};
use crate::column_engine::tables::Tables;
use crate::engine::{Receipt, Tenant, WriteError};
use crate::{Accepted, Options, Signal};

pub(crate) use again::{Again, SeriesAgain};
pub(crate) use commit::{Commit, commit};
use commit::{CommitRows, CommitSeries, Pending, refusal};

/// A request of more bytes, decompressed, is decoded on a thread that may block: it takes longer than a millisecond.
const LARGE_REQUEST: usize = 256 << 10;
/// Samples in memory become no file before they take this part of what the names of series take: else files would consist of names.
const NAMES_PART: usize = 2;
/// Nanoseconds in a millisecond.
const NANOS_PER_MILLI: u64 = 1_000_000;
/// When to come again if memory is full: a segment is written meanwhile.
const MEMORY_RETRY: Duration = Duration::from_millis(250);

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

/// What became of a request, of rows or of samples of series.
pub(crate) trait Outcome: Default + Send + 'static {
    /// From what was decoded as rows.
    fn of_rows(rows: Appended) -> Self;
    /// From what was decoded as series.
    fn of_series(written: &Written) -> Self;
}

impl Outcome for Accepted {
    fn of_rows(Appended { taken, rejected, reason }: Appended) -> Self {
        Self { taken, rejected, reason }
    }

    fn of_series(written: &Written) -> Self {
        // A point of a summary counts as often as it has parts.
        let taken = written.samples + written.histograms;
        Self { taken, rejected: written.refused.total(), reason: written.reasons.first().cloned() }
    }
}

impl Outcome for Written {
    fn of_rows(_: Appended) -> Self {
        Self::default()
    }

    fn of_series(written: &Written) -> Self {
        written.clone()
    }
}

/// A request that was added to what is in memory.
enum Added<T> {
    /// It waits for the log.
    Waits(oneshot::Receiver<Result<T, WriteError>>),
    /// There was nothing to keep.
    Nothing(T),
}

impl<T: Outcome> Added<T> {
    async fn outcome(self) -> Result<T, WriteError> {
        match self {
            Self::Waits(outcome) => outcome.await.unwrap_or(Err(WriteError::Closed)),
            Self::Nothing(outcome) => Ok(outcome),
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

    /// Takes an OTLP export request.
    pub(crate) fn write(self: &Arc<Self>, tenant: &Tenant, signal: Signal, request: Bytes) -> Receipt {
        self.take(tenant, LoggedRequest::Otlp(signal, request))
    }

    /// Takes a remote write.
    pub(crate) fn remote_write(self: &Arc<Self>, tenant: &Tenant, request: RemoteWrite) -> Receipt<Written> {
        self.take(tenant, LoggedRequest::RemoteWrite(request))
    }

    fn take<T: Outcome>(self: &Arc<Self>, tenant: &Tenant, request: LoggedRequest) -> Receipt<T> {
        if request.decoded_bytes() > LARGE_REQUEST
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let (ingester, tenant) = (self.clone(), tenant.clone());
            let added = runtime.spawn_blocking(move || ingester.add(&tenant, request));
            return Receipt::new(async move {
                match added.await {
                    Ok(Ok(added)) => added.outcome().await,
                    Ok(Err(error)) => Err(error),
                    Err(_) => Err(WriteError::Closed),
                }
            });
        }
        match self.add(tenant, request) {
            Ok(added) => Receipt::new(added.outcome()),
            Err(error) => Receipt::new(std::future::ready(Err(error))),
        }
    }

    fn add<T: Outcome>(&self, tenant: &Tenant, request: LoggedRequest) -> Result<Added<T>, WriteError> {
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
        let (arrival_ns, signal) = (self.now_ns(), request.signal());
        let table = match self.tables.get(tenant, signal) {
            Some(table) => table,
            None => {
                let most = self.context.options.max_tenants;
                if self.tables.tenant_count() >= most {
                    return Err(WriteError::Tenants { most });
                }
                // No one becomes a tenant by sending nothing of use.
                if let Some(nothing) = self.try_out(&request, arrival_ns)? {
                    return Ok(Added::Nothing(nothing));
                }
                self.tables.get_or_create_within(tenant, signal, most).ok_or(WriteError::Tenants { most })?
            }
        };
        self.add_to(table, arrival_ns, request)
    }

    /// What becomes of a request of which nothing can be kept; none if something can.
    fn try_out<T: Outcome>(&self, request: &LoggedRequest, arrival_ns: u64) -> Result<Option<T>, WriteError> {
        match request {
            LoggedRequest::Otlp(Signal::Metrics, request) => self.try_out_series(
                |series, arrival, options| series.prepare_otlp(series.open(), request, arrival, options),
                arrival_ns,
            ),
            LoggedRequest::Otlp(signal, request) => {
                let tried = Builder::new(*signal).append(request, arrival_ns).map_err(malformed)?;
                Ok((tried.taken == 0).then(|| T::of_rows(tried)))
            }
            // A tenant with spans is one already.
            LoggedRequest::SpanTotals(_) => Ok(None),
            LoggedRequest::RemoteWrite(request) => self.try_out_series(
                |series, arrival, options| series.prepare_write(series.open(), request, arrival, options),
                arrival_ns,
            ),
        }
    }

    fn try_out_series<T: Outcome>(
        &self,
        prepare: impl FnOnce(&TenantSeries, Arrival, &Options) -> Result<Prepared, WriteError>,
        arrival_ns: u64,
    ) -> Result<Option<T>, WriteError> {
        let options = &self.context.options;
        let series = TenantSeries::new(options.max_series, self.context.memory.clone(), Vec::new(), Vec::new());
        let tried = prepare(&series, Arrival { ns: arrival_ns, was_taken: false }, options)?;
        Ok(tried.batch.is_empty().then(|| T::of_series(&tried.written)))
    }

    /// Now, in nanoseconds since 1970.
    fn now_ns(&self) -> u64 {
        u64::try_from(self.context.clock.now_ms()).unwrap_or(0).saturating_mul(NANOS_PER_MILLI)
    }

    /// Writes what was counted of spans to the log, as samples of series, and waits until it is there.
    pub(crate) fn write_span_totals(&self, table: &Arc<Table>) -> Result<(), WriteError> {
        let Some(counts) = &table.span_counts else { return Ok(()) };
        let settled = {
            // No request is added meanwhile: if none waits, all that the log has are counted.
            let _writing = table.write();
            table.is_settled().then(|| self.log.end())
        };
        // Requests that are added from here on stand behind that position: whether they are counted yet does not matter.
        let Some(totals) = counts.totals(self.context.clock.now_ms(), settled) else { return Ok(()) };
        let metrics = self.tables.get_or_create(&table.tenant, Signal::Metrics);
        let request = LoggedRequest::SpanTotals(totals.encode());
        if request.len() > MAX_REQUEST_BYTES {
            return Err(WriteError::TooLarge { bytes: request.len(), most: MAX_REQUEST_BYTES });
        }
        match self.add_to::<Written>(metrics, self.now_ns(), request)? {
            Added::Waits(outcome) => drop(outcome.blocking_recv().unwrap_or(Err(WriteError::Closed))?),
            Added::Nothing(_) => return Ok(()),
        }
        counts.written(&totals);
        Ok(())
    }

    fn add_to<T: Outcome>(
        &self,
        table: Arc<Table>,
        arrival_ns: u64,
        request: LoggedRequest,
    ) -> Result<Added<T>, WriteError> {
        let writing = table.write();
        let series = table
            .series
            .as_ref()
            .map(|series| self.prepare(series, series.open(), Arrival { ns: arrival_ns, was_taken: false }, &request));
        let series = series.transpose()?.flatten();
        let added = match &request {
            LoggedRequest::Otlp(Signal::Traces | Signal::Logs, bytes) => {
                self.add_rows(&writing, arrival_ns, &bytes.clone(), request)?
            }
            LoggedRequest::Otlp(Signal::Metrics, _) | LoggedRequest::RemoteWrite(_) | LoggedRequest::SpanTotals(_) => {
                self.add_series(&writing, arrival_ns, request, series)?
            }
        };
        if self.is_series_full(&table) {
            writing.freeze_series();
            self.to_seal.notify();
        }
        Ok(added)
    }

    /// Decodes a request as series, for a head.
    fn prepare(
        &self,
        series: &TenantSeries,
        head: Arc<LoggedHead>,
        arrival: Arrival,
        request: &LoggedRequest,
    ) -> Result<Option<Prepared>, WriteError> {
        let options = &self.context.options;
        let prepared = match request {
            LoggedRequest::Otlp(Signal::Traces | Signal::Logs, _) => return Ok(None),
            LoggedRequest::Otlp(Signal::Metrics, request) => series.prepare_otlp(head, request, arrival, options)?,
            LoggedRequest::RemoteWrite(request) => series.prepare_write(head, request, arrival, options)?,
            LoggedRequest::SpanTotals(totals) => {
                let Some(totals) = SpanTotals::decode_for_samples(totals) else { return Ok(None) };
                let names = options.span_metrics.as_ref().map(|metrics| metrics.names).unwrap_or_default();
                series.prepare_write(head, &totals.samples(names), arrival, options)?
            }
        };
        Ok(Some(prepared))
    }

    fn add_rows<T: Outcome>(
        &self,
        writing: &Writing<'_>,
        arrival_ns: u64,
        bytes: &Bytes,
        request: LoggedRequest,
    ) -> Result<Added<T>, WriteError> {
        let table = writing.table();
        let memtable = writing.open();
        let mut rows = memtable.write();
        if rows.is_empty() {
            // Behind everything that is in the log, and not behind what is about to be.
            (rows.low, rows.age) = (self.log.end(), self.age());
        }
        let before = rows.columns().rows;
        let appended = rows.builder.append(bytes, arrival_ns).map_err(malformed)?;
        let after = rows.columns().rows;
        let outcome = T::of_rows(appended.clone());
        if after == before {
            Counters::add(&table.counters.rejected, appended.rejected);
            return Ok(Added::Nothing(outcome));
        }
        let answer = match self.log.append(&table.tenant, arrival_ns, request) {
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
        let pending = Pending::Rows(CommitRows { memtable: memtable.clone(), rows: before..after, appended });
        let waits = self.wait_for(table, pending, answer, outcome);
        drop(rows);
        if is_full {
            writing.freeze_rows();
            self.to_seal.notify();
        }
        Ok(waits)
    }

    fn add_series<T: Outcome>(
        &self,
        writing: &Writing<'_>,
        arrival_ns: u64,
        request: LoggedRequest,
        series: Option<Prepared>,
    ) -> Result<Added<T>, WriteError> {
        let table = writing.table();
        let Some(series) = series else { return Ok(Added::Nothing(T::default())) };
        let outcome = T::of_series(&series.written);
        if series.batch.is_empty() {
            if let Some(of_table) = &table.series {
                of_table.counters.add(&series.written);
            }
            return Ok(Added::Nothing(outcome));
        }
        let series = self.expect(series, self.log.end());
        match self.log.append(&table.tenant, arrival_ns, request) {
            Ok(answer) => Ok(self.wait_for(table, Pending::Series(series), answer, outcome)),
            Err(error) => {
                series.resolve(table, None);
                self.to_seal.notify();
                Err(refusal(error))
            }
        }
    }

    /// A batch is about to be written to the log, behind this position.
    fn expect(&self, series: Prepared, low: Position) -> CommitSeries {
        series.head.expect(low, self.age());
        CommitSeries(series)
    }

    fn age(&self) -> Age {
        Age { since_ms: self.context.clock.now_ms(), passed: self.log.passed() }
    }

    /// Lets the thread that waits for the log tell of an outcome.
    fn wait_for<T: Outcome>(
        &self,
        table: &Arc<Table>,
        pending: Pending,
        answer: vitrine_platform_log::AppendFuture<Position>,
        outcome: T,
    ) -> Added<T> {
        let (reply, waits) = oneshot::channel();
        // Who asked may be gone.
        let tell = move |logged: Result<(), WriteError>| drop(reply.send(logged.map(|()| outcome)));
        let commit = Commit { table: table.clone(), pending, answer, tell: Box::new(tell) };
        // When the engine is closed no one tells the outcome: the receipt says so.
        if let Some(commits) = &*self.commits.lock() {
            let _ = commits.send(commit);
        }
        Added::Waits(waits)
    }

    /// Whether so many of these rows are enough for a segment.
    fn is_full(&self, rows: &Rows, count: usize) -> bool {
        count >= self.context.options.seal_rows || rows.reservation.bytes() >= self.context.options.seal_bytes
    }

    fn is_series_full(&self, table: &Table) -> bool {
        let most = self.context.options.seal_bytes;
        table.series.as_ref().is_some_and(|series| series.open().bytes() >= most.max(series.name_bytes() / NAMES_PART))
    }
}

fn malformed(error: vitrine_observe_model::Malformed) -> WriteError {
    WriteError::Malformed(error.to_string())
}
