//! The engine as protocols see it.

use std::sync::Arc;

use bytes::Bytes;
use vitrine_observe_model::{LogRow, Table, TraceId};

use crate::engine::{Batches, Engine, QueryError, Receipt, RedQuery, RedRow, Scan, Tenant};
use crate::kept::Kept;
use crate::kept::read::time;
use crate::{Dependency, Operation, Signal, Status, TenantStatus, Trace, TraceQuery};

impl Kept {
    fn answer<T>(&self, query: impl FnOnce() -> Result<T, QueryError>) -> Result<T, QueryError> {
        if self.inner.is_closed() {
            return Err(QueryError::Closed);
        }
        let answer = self.inner.meter.measure(query);
        self.inner.trim();
        answer
    }
}

impl Engine for Kept {
    fn write(&self, tenant: &Tenant, signal: Signal, request: Bytes) -> Receipt {
        self.inner.write(tenant, signal, request)
    }

    fn services(&self, tenant: &Tenant) -> Result<Vec<String>, QueryError> {
        self.answer(|| self.inner.services(tenant))
    }

    fn operations(&self, tenant: &Tenant, service: &str) -> Result<Vec<Operation>, QueryError> {
        self.answer(|| self.inner.operations(tenant, service))
    }

    fn trace(&self, tenant: &Tenant, id: TraceId, most: usize) -> Result<Option<Trace>, QueryError> {
        self.answer(|| self.inner.trace(tenant, id, most))
    }

    fn search(&self, tenant: &Tenant, query: &TraceQuery) -> Result<Vec<Trace>, QueryError> {
        self.answer(|| self.inner.search(tenant, query))
    }

    fn dependencies(
        &self,
        tenant: &Tenant,
        start_min_ns: u64,
        start_max_ns: u64,
    ) -> Result<Vec<Dependency>, QueryError> {
        self.answer(|| self.inner.dependencies(tenant, time(start_min_ns), time(start_max_ns)))
    }

    fn red(&self, tenant: &Tenant, query: &RedQuery) -> Result<Vec<RedRow>, QueryError> {
        self.answer(|| self.inner.red(tenant, query))
    }

    fn attribute_values(&self, tenant: &Tenant, key: &str, most: usize) -> Result<Vec<String>, QueryError> {
        self.answer(|| self.inner.attribute_values(tenant, key, most))
    }

    fn logs_of(&self, tenant: &Tenant, id: TraceId, most: usize) -> Result<Vec<LogRow>, QueryError> {
        self.answer(|| self.inner.logs_of(tenant, id, most))
    }

    fn scan(&self, tenant: &Tenant, table: Table, scan: &Scan) -> Result<Batches, QueryError> {
        self.answer(|| Ok(self.inner.scan(Arc::downgrade(&self.inner), tenant, table, scan)))
    }

    fn tenant_status(&self, tenant: &Tenant) -> TenantStatus {
        self.inner.tenant_status(tenant)
    }

    fn status(&self) -> Status {
        self.inner.status()
    }
}
