//! What a list of traces shows of each.
//!
//! The shape is `jaeger.api_v3.TraceSummary` of jaegertracing/jaeger-idl as Protobuf's JSON: 64-bit numbers as text,
//! and no field that is zero or empty.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;
use vitrine_observe_store::Trace;
use vitrine_observe_store::model::{SpanId, StatusCode};

/// Summary of one trace.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    trace_id: String,
    /// Of the earliest span that has no parent; absent if every span has one.
    #[serde(skip_serializing_if = "String::is_empty")]
    root_service_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    root_operation_name: String,
    /// Of the earliest span, in nanoseconds since 1970.
    min_start_time_unix_nano: String,
    /// Of the span that ended last.
    max_end_time_unix_nano: String,
    span_count: usize,
    #[serde(skip_serializing_if = "is_zero")]
    error_span_count: usize,
    /// Spans whose parent is not in the trace.
    #[serde(skip_serializing_if = "is_zero")]
    orphan_span_count: usize,
    /// In order of their names.
    services: Vec<Service>,
}

/// What one service has to do with a trace.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Service {
    name: String,
    span_count: usize,
    #[serde(skip_serializing_if = "is_zero")]
    error_span_count: usize,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// Summarises a trace; its spans are in order of their start.
pub(super) fn summary(trace: &Trace) -> Summary {
    let ids: HashSet<SpanId> = trace.spans.iter().map(|span| span.span_id).collect();
    let root = trace.spans.iter().find(|span| span.parent_span_id.is_none());
    let orphan = |parent: Option<SpanId>| parent.is_some_and(|parent| !ids.contains(&parent));
    let mut services: BTreeMap<&str, Service> = BTreeMap::new();
    for span in &trace.spans {
        let service = services.entry(&span.service).or_default();
        service.span_count += 1;
        service.error_span_count += usize::from(span.status == StatusCode::Error);
    }
    let services = services.into_iter().map(|(name, service)| Service { name: name.to_owned(), ..service });
    let services: Vec<Service> = services.collect();
    Summary {
        trace_id: trace.id.to_string(),
        root_service_name: root.map(|span| span.service.clone()).unwrap_or_default(),
        root_operation_name: root.map(|span| span.name.clone()).unwrap_or_default(),
        min_start_time_unix_nano: trace.spans.iter().map(|span| span.start_ns).min().unwrap_or(0).to_string(),
        max_end_time_unix_nano: trace.spans.iter().map(|span| span.end_ns).max().unwrap_or(0).to_string(),
        span_count: trace.spans.len(),
        error_span_count: services.iter().map(|service| service.error_span_count).sum(),
        orphan_span_count: trace.spans.iter().filter(|span| orphan(span.parent_span_id)).count(),
        services,
    }
}
