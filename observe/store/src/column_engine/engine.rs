//! The engine as protocols see it.

use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use vitrine_observe_model::metrics::{RemoteWrite, Written};
use vitrine_observe_model::{
    FoundLog, LogCount, LogCountQuery, LogField, LogFieldInfo, LogFilter, LogQuery, LogRow, SpanId, SpanRow, Table,
    TraceId,
};
use vitrine_observe_series::{Budget, Filter, Queryable, Snapshot};

use crate::column_engine::read::time;
use crate::column_engine::series::TenantSeries;
use crate::column_engine::{ColumnEngine, error_chain};
use crate::engine::{AdminError, Batches, DeleteError, QueryError, Receipt, RedQuery, RedRow, Scan, Tenant};
use crate::logs::LogChunk;
use crate::questions::{Ingest, Logs, Reports, Scans, Series, SeriesAdmin, SeriesIngest, Services, Spans, Traces};
use crate::spans::{Outlines, SpanChunk, SpanQuery, SpanVisit};
use crate::tail::{LogTail, TailError};
use crate::{Dependency, Operation, SeriesFileStatus, Signal, Status, TenantStatus, Trace, TraceQuery};

impl Ingest for ColumnEngine {
    fn write(&self, tenant: &Tenant, signal: Signal, request: Bytes) -> Receipt {
        self.ingester.write(tenant, signal, request)
    }
}

impl SeriesIngest for ColumnEngine {
    fn remote_write(&self, tenant: &Tenant, request: RemoteWrite) -> Receipt<Written> {
        self.ingester.remote_write(tenant, request)
    }
}

impl SeriesAdmin for ColumnEngine {
    fn delete_series(&self, tenant: &Tenant, filter: &Filter, budget: &Arc<Budget>) -> Result<u64, DeleteError> {
        let deleted = self.sealer.delete_series(tenant, filter, budget)?;
        self.merger.notify();
        Ok(deleted)
    }

    fn clean_tombstones(&self, tenant: &Tenant) -> Result<usize, AdminError> {
        self.merger.clean_tombstones(tenant).map_err(|error| AdminError::Disk(error_chain(&error)))
    }

    fn snapshot(&self, tenant: &Tenant, name: &str, with_memory: bool) -> Result<(), AdminError> {
        self.snapshot_series(tenant, name, with_memory)
    }

    fn series_files(&self, tenant: &Tenant) -> Vec<SeriesFileStatus> {
        let table = self.tables.get(tenant, Signal::Metrics);
        let series = table.as_ref().and_then(|table| table.series.as_ref());
        series.map(TenantSeries::files).unwrap_or_default().iter().map(|handle| handle.status()).collect()
    }
}

impl Series for ColumnEngine {
    fn series(&self, tenant: &Tenant) -> Arc<dyn Queryable> {
        let table = self.tables.get(tenant, Signal::Metrics);
        match table.as_ref().and_then(|table| table.series.as_ref()) {
            Some(series) => Arc::new(series.view()),
            None => Arc::new(Snapshot::default()),
        }
    }
}

impl Traces for ColumnEngine {
    fn trace(&self, tenant: &Tenant, id: TraceId, most: usize) -> Result<Option<Trace>, QueryError> {
        self.reader.answer(|reader| reader.trace(tenant, id, most))
    }

    fn search(&self, tenant: &Tenant, query: &TraceQuery) -> Result<Vec<Trace>, QueryError> {
        self.reader.answer(|reader| reader.search(tenant, query))
    }

    fn attribute_values(&self, tenant: &Tenant, key: &str, most: usize) -> Result<Vec<String>, QueryError> {
        self.reader.answer(|reader| reader.attribute_values(tenant, key, most))
    }
}

impl Spans for ColumnEngine {
    fn halvings(&self, tenant: &Tenant, parts: &[SpanQuery], most: u64) -> Result<u32, QueryError> {
        self.reader.answer(|reader| reader.halvings(tenant, parts, most))
    }

    fn visit_spans(
        &self,
        tenant: &Tenant,
        asked: &SpanVisit,
        visit: &mut dyn FnMut(&SpanChunk<'_>) -> ControlFlow<()>,
    ) -> Result<(), QueryError> {
        self.reader.answer(|reader| reader.visit_spans(tenant, asked, visit))
    }

    fn outlines(&self, tenant: &Tenant, ids: &[TraceId], most: usize) -> Result<Outlines, QueryError> {
        self.reader.answer(|reader| reader.outlines(tenant, ids, most))
    }

    fn spans(&self, tenant: &Tenant, trace: TraceId, span: SpanId) -> Result<Vec<SpanRow>, QueryError> {
        self.reader.answer(|reader| reader.spans(tenant, trace, span))
    }
}

impl Services for ColumnEngine {
    fn services(&self, tenant: &Tenant) -> Result<Vec<String>, QueryError> {
        self.reader.answer(|reader| reader.services(tenant))
    }

    fn operations(&self, tenant: &Tenant, service: &str) -> Result<Vec<Operation>, QueryError> {
        self.reader.answer(|reader| reader.operations(tenant, service))
    }

    fn dependencies(
        &self,
        tenant: &Tenant,
        start_min_ns: u64,
        start_max_ns: u64,
    ) -> Result<Vec<Dependency>, QueryError> {
        self.reader.answer(|reader| reader.dependencies(tenant, time(start_min_ns), time(start_max_ns)))
    }

    fn red(&self, tenant: &Tenant, query: &RedQuery) -> Result<Vec<RedRow>, QueryError> {
        self.reader.answer(|reader| reader.red(tenant, query))
    }
}

impl Logs for ColumnEngine {
    fn logs_of(&self, tenant: &Tenant, id: TraceId, most: usize) -> Result<Vec<LogRow>, QueryError> {
        self.reader.answer(|reader| reader.logs_of(tenant, id, most))
    }

    fn logs(&self, tenant: &Tenant, query: &LogQuery) -> Result<Vec<FoundLog>, QueryError> {
        self.reader.answer(|reader| reader.logs(tenant, query))
    }

    fn log_counts(&self, tenant: &Tenant, query: &LogCountQuery) -> Result<Vec<LogCount>, QueryError> {
        self.reader.answer(|reader| reader.log_counts(tenant, query))
    }

    fn log_fields(&self, tenant: &Tenant, query: &LogQuery, most: usize) -> Result<Vec<LogFieldInfo>, QueryError> {
        self.reader.answer(|reader| reader.log_fields(tenant, query, most))
    }

    fn visit_logs(
        &self,
        tenant: &Tenant,
        query: &LogQuery,
        fields: &[LogField],
        visit: &mut dyn FnMut(&LogChunk<'_>) -> ControlFlow<()>,
    ) -> Result<(), QueryError> {
        self.reader.answer(|reader| reader.visit_logs(tenant, query, fields, visit))
    }

    fn tail(&self, tenant: &Tenant, filter: LogFilter) -> Result<LogTail, TailError> {
        self.tails.follow(tenant, filter)
    }
}

impl Scans for ColumnEngine {
    fn scan(&self, tenant: &Tenant, table: Table, scan: &Scan) -> Result<Batches, QueryError> {
        self.reader.answer(|reader| reader.scan(tenant, table, scan))
    }
}

impl Reports for ColumnEngine {
    fn tenant_status(&self, tenant: &Tenant) -> TenantStatus {
        self.tenant_status_of(tenant)
    }

    fn status(&self) -> Status {
        self.whole_status()
    }
}
