//! What protocols ask of whatever keeps telemetry, one small trait for each kind of question.
//!
//! Who asks names the traits that it needs and no others; a new signal is a trait of its own beside these. The
//! observatory's own engine, [`ColumnEngine`](crate::ColumnEngine), has them all; another may hand everything to a database.
//!
//! All but [`Ingest::write`] block: call them off the async threads. Dropping what they return stops them where it
//! matters.

use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use vitrine_observe_model::metrics::{RemoteWrite, Written};
use vitrine_observe_model::{
    FoundLog, LogCount, LogCountQuery, LogField, LogFieldInfo, LogFilter, LogQuery, LogRow, Signal, SpanId, SpanRow,
    Table, TraceId,
};
use vitrine_observe_series::{Budget, Filter, Queryable};

use crate::engine::{AdminError, Batches, DeleteError, QueryError, Receipt, RedQuery, RedRow, Scan, Tenant};
use crate::logs::LogChunk;
use crate::spans::{Outlines, SpanChunk, SpanQuery, SpanVisit};
use crate::tail::{LogTail, TailError};
use crate::{Dependency, Operation, SeriesFileStatus, Status, TenantStatus, Trace, TraceQuery};

/// Takes telemetry, of whatever signal.
pub trait Ingest: Send + Sync + 'static {
    /// Takes one OTLP export request in protobuf.
    fn write(&self, tenant: &Tenant, signal: Signal, request: Bytes) -> Receipt;
}

/// Takes samples of series.
pub trait SeriesIngest: Send + Sync + 'static {
    /// Takes one remote write, as it was received or [as a producer of this process](RemoteWrite::of) makes it. What can be taken of
    /// it is; the receipt says what that was, when it is on disk and can be queried.
    fn remote_write(&self, tenant: &Tenant, request: RemoteWrite) -> Receipt<Written>;
}

/// Metric points as series, for PromQL.
pub trait Series: Send + Sync + 'static {
    /// The series of a tenant as they are now. Who asks once more for each query sees what came meanwhile.
    fn series(&self, tenant: &Tenant) -> Arc<dyn Queryable>;
}

/// What an administrator does with series.
pub trait SeriesAdmin: Send + Sync + 'static {
    /// Deletes the samples of a time of all series that meet the conditions of one of the filter's sets, and returns how many series
    /// that were. No one sees them any more when it returns; files lose them when they are merged.
    fn delete_series(&self, tenant: &Tenant, filter: &Filter, budget: &Arc<Budget>) -> Result<u64, DeleteError>;

    /// Writes files anew that still hold samples that were deleted, and returns how many.
    fn clean_tombstones(&self, tenant: &Tenant) -> Result<usize, AdminError>;

    /// Copies the tenant's files of series as they are now into a folder of this name, below `snapshots` of the data folder; with those
    /// in memory, which become files first, if asked for. An engine can be opened in that folder.
    fn snapshot(&self, tenant: &Tenant, name: &str, with_memory: bool) -> Result<(), AdminError>;

    /// The tenant's files of series, the oldest first.
    fn series_files(&self, tenant: &Tenant) -> Vec<SeriesFileStatus>;
}

/// Spans by the traces that they belong to.
pub trait Traces: Send + Sync + 'static {
    /// One trace with at most so many spans; none when no span of it is held.
    fn trace(&self, tenant: &Tenant, id: TraceId, most: usize) -> Result<Option<Trace>, QueryError>;

    /// Traces, the newest first by the start of the newest span that matched.
    fn search(&self, tenant: &Tenant, query: &TraceQuery) -> Result<Vec<Trace>, QueryError>;

    /// Distinct values of an attribute of spans as text, in order, at most so many.
    fn attribute_values(&self, tenant: &Tenant, key: &str, most: usize) -> Result<Vec<String>, QueryError>;
}

/// Spans of whatever trace, for who counts over columns, and traces without what their spans carry.
pub trait Spans: Send + Sync + 'static {
    /// How often traces must be halved so that about `most` of the spans that meet one of these, or fewer, are left.
    fn halvings(&self, tenant: &Tenant, parts: &[SpanQuery], most: u64) -> Result<u32, QueryError>;

    /// Hands all that a visit asks for piece by piece to `visit`, in no order, until that breaks off. A span that came twice is visited
    /// twice.
    fn visit_spans(
        &self,
        tenant: &Tenant,
        asked: &SpanVisit,
        visit: &mut dyn FnMut(&SpanChunk<'_>) -> ControlFlow<()>,
    ) -> Result<(), QueryError>;

    /// Traces without what their spans carry; of each the first `most` spans.
    fn outlines(&self, tenant: &Tenant, ids: &[TraceId], most: usize) -> Result<Outlines, QueryError>;

    /// Whole spans of a trace that have this id: one, but for senders that use an id twice.
    fn spans(&self, tenant: &Tenant, trace: TraceId, span: SpanId) -> Result<Vec<SpanRow>, QueryError>;
}

/// What is counted of spans, by service, without reading spans.
pub trait Services: Send + Sync + 'static {
    /// The services that have sent spans, in order.
    fn services(&self, tenant: &Tenant) -> Result<Vec<String>, QueryError>;

    /// The operations of a service, in order.
    fn operations(&self, tenant: &Tenant, service: &str) -> Result<Vec<Operation>, QueryError>;

    /// Which service called which, by spans that started in this time (nanoseconds since 1970, inclusive), to the minute.
    fn dependencies(
        &self,
        tenant: &Tenant,
        start_min_ns: u64,
        start_max_ns: u64,
    ) -> Result<Vec<Dependency>, QueryError>;

    /// Rate, errors and durations, in order of time, service and operation.
    fn red(&self, tenant: &Tenant, query: &RedQuery) -> Result<Vec<RedRow>, QueryError>;
}

/// Log records.
pub trait Logs: Send + Sync + 'static {
    /// Log records of one trace in order of time, at most so many.
    fn logs_of(&self, tenant: &Tenant, id: TraceId, most: usize) -> Result<Vec<LogRow>, QueryError>;

    /// Log records in the order asked for, at most [`LogQuery::limit`].
    fn logs(&self, tenant: &Tenant, query: &LogQuery) -> Result<Vec<FoundLog>, QueryError>;

    /// How many, by step and values; in order of step, then values.
    fn log_counts(&self, tenant: &Tenant, query: &LogCountQuery) -> Result<Vec<LogCount>, QueryError>;

    /// The fields of records of this time that meet a filter, the most frequent first, at most so many.
    fn log_fields(&self, tenant: &Tenant, query: &LogQuery, most: usize) -> Result<Vec<LogFieldInfo>, QueryError>;

    /// Hands all that a query asks for (its order, `limit` and `after` do not count) piece by piece to `visit`, until that breaks off.
    /// Only these fields are read; all, if none are named.
    fn visit_logs(
        &self,
        tenant: &Tenant,
        query: &LogQuery,
        fields: &[LogField],
        visit: &mut dyn FnMut(&LogChunk<'_>) -> ControlFlow<()>,
    ) -> Result<(), QueryError>;

    /// Records that meet a filter, as they are committed from now on.
    fn tail(&self, tenant: &Tenant, filter: LogFilter) -> Result<LogTail, TailError>;
}

/// Rows of whatever signal as tables, for who works on columns.
pub trait Scans: Send + Sync + 'static {
    /// Rows of a table in its schema ([`Table::schema`]), in no order.
    fn scan(&self, tenant: &Tenant, table: Table, scan: &Scan) -> Result<Batches, QueryError>;
}

/// How whatever keeps telemetry fares.
pub trait Reports: Send + Sync + 'static {
    /// What it holds of a tenant, and has seen of it.
    fn tenant_status(&self, tenant: &Tenant) -> TenantStatus;

    /// What it holds and has seen, of all tenants together.
    fn status(&self) -> Status;
}
