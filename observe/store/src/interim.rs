//! The memory as an [`Engine`], until the engine that keeps everything takes its place.

use std::collections::BTreeSet;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::{DecodeError, Message};
use vitrine_observe_model::{Batch, LogRow, Signal, Table, TraceId};

use crate::engine::{Batches, Engine, QueryError, Receipt, RedQuery, RedRow, Scan, Tenant, WriteError};
use crate::{Accepted, Dependency, Operation, Status, Store, Trace, TraceQuery};

impl Store {
    fn take(&self, signal: Signal, request: Bytes) -> Result<Accepted, DecodeError> {
        Ok(match signal {
            Signal::Traces => self.append_traces(ExportTraceServiceRequest::decode(request)?.resource_spans),
            Signal::Logs => self.append_logs(ExportLogsServiceRequest::decode(request)?.resource_logs),
            Signal::Metrics => self.append_metrics(ExportMetricsServiceRequest::decode(request)?.resource_metrics),
        })
    }
}

impl Engine for Store {
    fn write(&self, _: &Tenant, signal: Signal, request: Bytes) -> Receipt {
        let outcome = self.take(signal, request).map_err(|error| WriteError::Malformed(error.to_string()));
        Receipt::new(std::future::ready(outcome))
    }

    fn services(&self, _: &Tenant) -> Result<Vec<String>, QueryError> {
        Ok(Store::services(self))
    }

    fn operations(&self, _: &Tenant, service: &str) -> Result<Vec<Operation>, QueryError> {
        Ok(Store::operations(self, service))
    }

    fn trace(&self, _: &Tenant, id: TraceId, _: usize) -> Result<Option<Trace>, QueryError> {
        Ok(Store::trace(self, id))
    }

    fn search(&self, _: &Tenant, query: &TraceQuery) -> Result<Vec<Trace>, QueryError> {
        Ok(Store::search(self, query))
    }

    fn dependencies(&self, _: &Tenant, start_min_ns: u64, start_max_ns: u64) -> Result<Vec<Dependency>, QueryError> {
        Ok(Store::dependencies(self, start_min_ns, start_max_ns))
    }

    fn red(&self, _: &Tenant, _: &RedQuery) -> Result<Vec<RedRow>, QueryError> {
        Ok(Vec::new())
    }

    fn attribute_values(&self, _: &Tenant, key: &str, most: usize) -> Result<Vec<String>, QueryError> {
        let batches = self.span_batches();
        let found: BTreeSet<String> = batches
            .iter()
            .flat_map(|batch| (0..batch.rows()).flat_map(|row| batch.attributes(row)))
            .filter(|attribute| attribute.key == key)
            .map(|attribute| attribute.value.text())
            .collect();
        Ok(found.into_iter().take(most).collect())
    }

    fn logs_of(&self, _: &Tenant, id: TraceId, most: usize) -> Result<Vec<LogRow>, QueryError> {
        Ok(Store::logs_of(self, id, most))
    }

    fn scan(&self, _: &Tenant, _: Table, _: &Scan) -> Result<Batches, QueryError> {
        Ok(Box::new(std::iter::empty()))
    }

    fn status(&self) -> Status {
        Store::status(self)
    }
}
