//! Finding traces and logs.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use vitrine_observe_model::{Attribute, Batch, LogRow, SpanBatch, SpanKind, SpanRow, StatusCode, TraceId};

use crate::Store;

/// Spans returned of one trace.
pub const MAX_TRACE_SPANS: usize = 20_000;
/// Spans returned by one search, over all its traces.
pub const MAX_SEARCH_SPANS: usize = 20_000;

/// What a trace must have. All conditions hold for one and the same span of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TraceQuery {
    /// The span's service.
    pub service: Option<String>,
    /// The span's name.
    pub operation: Option<String>,
    /// Keys and values, compared as text, among the attributes of the span, its events and its resource, and among
    /// the tags that Jaeger derives (`error`, `span.kind`, `otel.status_code`, …).
    pub tags: Vec<(String, String)>,
    /// Earliest start, in nanoseconds since 1970.
    pub start_min_ns: Option<u64>,
    /// Latest start, in nanoseconds since 1970.
    pub start_max_ns: Option<u64>,
    /// Least duration in nanoseconds.
    pub min_duration_ns: Option<u64>,
    /// Greatest duration in nanoseconds.
    pub max_duration_ns: Option<u64>,
    /// Most traces to return.
    pub limit: usize,
}

/// The spans of one trace, in order of their start.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// The trace.
    pub id: TraceId,
    /// Its spans.
    pub spans: Vec<SpanRow>,
    /// Whether there are more spans than these.
    pub truncated: bool,
}

/// A span name and kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operation {
    /// The span's name.
    pub name: String,
    /// The span's kind.
    pub kind: SpanKind,
}

impl Store {
    /// The services that have sent spans, in order.
    pub fn services(&self) -> Vec<String> {
        let batches = self.span_batches();
        let names: BTreeSet<&str> = batches.iter().flat_map(|batch| batch.services()).collect();
        names.into_iter().map(str::to_owned).collect()
    }

    /// The operations of a service, in order.
    pub fn operations(&self, service: &str) -> Vec<Operation> {
        let mut found = BTreeSet::new();
        for batch in self.span_batches() {
            let Some(service) = batch.find_service(service) else { continue };
            let seen: HashSet<(i32, u8)> = (0..batch.rows())
                .filter(|row| batch.service_number(*row) == service)
                .map(|row| (batch.name_number(row), batch.kind_number(row)))
                .collect();
            found.extend(seen.into_iter().map(|(name, kind)| Operation {
                name: batch.name_of(name).to_owned(),
                kind: SpanKind::from_number(kind),
            }));
        }
        found.into_iter().collect()
    }

    /// One trace; none when no span of it is held.
    pub fn trace(&self, id: TraceId) -> Option<Trace> {
        collect(&self.span_batches(), id, MAX_TRACE_SPANS)
    }

    /// Traces, the newest first by the start of the newest span that matched.
    pub fn search(&self, query: &TraceQuery) -> Vec<Trace> {
        let batches = self.span_batches();
        let mut room = MAX_SEARCH_SPANS;
        let mut traces = Vec::new();
        for id in find(&batches, query) {
            let Some(trace) = collect(&batches, id, room.min(MAX_TRACE_SPANS)) else { break };
            room -= trace.spans.len();
            traces.push(trace);
            if room == 0 {
                break;
            }
        }
        traces
    }

    /// Log records of one trace in order of time, at most `limit`.
    pub fn logs_of(&self, id: TraceId, limit: usize) -> Vec<LogRow> {
        let batches = self.log_batches();
        let rows = batches.iter().flat_map(|batch| {
            (0..batch.rows()).filter(move |row| batch.trace_id(*row) == Some(id)).map(move |row| batch.row(row))
        });
        let mut rows: Vec<LogRow> = rows.take(limit).collect();
        rows.sort_by_key(|row| row.time_ns);
        rows
    }
}

fn collect(batches: &[Arc<SpanBatch>], id: TraceId, limit: usize) -> Option<Trace> {
    let mut rows = batches.iter().flat_map(|batch| batch.rows_of(id).map(move |row| batch.row(row)));
    let mut spans: Vec<SpanRow> = rows.by_ref().take(limit).collect();
    let truncated = rows.next().is_some();
    spans.sort_by_key(|span| (span.start_ns, span.span_id));
    // A sender that saw no answer sends again: the same span twice says nothing new.
    spans.dedup();
    (!spans.is_empty()).then_some(Trace { id, spans, truncated })
}

/// The newest traces found so far, with the start of their newest matching span.
struct Newest {
    limit: usize,
    starts: HashMap<TraceId, u64>,
    order: BTreeSet<(u64, TraceId)>,
}

impl Newest {
    /// Whether a span that started then could still make it into the result.
    fn wants(&self, start: u64) -> bool {
        self.order.len() < self.limit || self.order.first().is_some_and(|(oldest, _)| start > *oldest)
    }

    fn knows(&self, id: TraceId, start: u64) -> bool {
        self.starts.get(&id).is_some_and(|known| *known >= start)
    }

    fn add(&mut self, id: TraceId, start: u64) {
        if let Some(before) = self.starts.insert(id, start) {
            self.order.remove(&(before, id));
        }
        self.order.insert((start, id));
        if self.order.len() > self.limit
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.starts.remove(&oldest);
        }
    }
}

/// Ids of the newest matching traces. Batches are visited in the order of their newest span and rows likewise, so
/// that the visit ends once nothing newer than the result can come; attributes are decoded last, and only for rows
/// whose fixed columns match.
fn find(batches: &[Arc<SpanBatch>], query: &TraceQuery) -> Vec<TraceId> {
    let mut newest = Newest { limit: query.limit, starts: HashMap::new(), order: BTreeSet::new() };
    let mut batches: Vec<&SpanBatch> = batches.iter().map(Arc::as_ref).collect();
    batches.sort_by_key(|batch| std::cmp::Reverse(batch.start_range_ns().1));
    for batch in batches {
        if !newest.wants(batch.start_range_ns().1) {
            break;
        }
        let mut rows = candidates(batch, query);
        rows.sort_by_key(|row| std::cmp::Reverse(batch.start_ns(*row)));
        for row in rows {
            let (id, start) = (batch.trace_id(row), batch.start_ns(row));
            if !newest.wants(start) {
                break;
            }
            if !newest.knows(id, start) && has_tags(batch, row, &query.tags) {
                newest.add(id, start);
            }
        }
    }
    newest.order.into_iter().rev().map(|(_, id)| id).collect()
}

/// Rows that match all but the tags.
fn candidates(batch: &SpanBatch, query: &TraceQuery) -> Vec<usize> {
    let (earliest, latest) = batch.start_range_ns();
    if query.start_min_ns.is_some_and(|min| latest < min) || query.start_max_ns.is_some_and(|max| earliest > max) {
        return Vec::new();
    }
    let service = query.service.as_deref().map(|service| batch.find_service(service));
    let name = query.operation.as_deref().map(|name| batch.find_name(name));
    if service == Some(None) || name == Some(None) {
        return Vec::new();
    }
    (0..batch.rows())
        .filter(|row| service.flatten().is_none_or(|service| batch.service_number(*row) == service))
        .filter(|row| name.flatten().is_none_or(|name| batch.name_number(*row) == name))
        .filter(|row| within(batch.start_ns(*row), query.start_min_ns, query.start_max_ns))
        .filter(|row| within(batch.duration_ns(*row), query.min_duration_ns, query.max_duration_ns))
        .collect()
}

fn within(number: u64, min: Option<u64>, max: Option<u64>) -> bool {
    min.is_none_or(|min| number >= min) && max.is_none_or(|max| number <= max)
}

fn has_tags(batch: &SpanBatch, row: usize, tags: &[(String, String)]) -> bool {
    if tags.is_empty() {
        return true;
    }
    let attributes = batch.attributes(row);
    tags.iter().all(|(key, value)| {
        derived(batch, row, key).is_some_and(|found| found == *value)
            || has(&attributes, key, value)
            || has(&batch.resource(row), key, value)
            || batch
                .events(row)
                .iter()
                .any(|event| (key == "event" && event.name == *value) || has(&event.attributes, key, value))
    })
}

fn has(attributes: &[Attribute], key: &str, value: &str) -> bool {
    attributes.iter().any(|attribute| attribute.key == key && attribute.value.text() == value)
}

/// Tags that Jaeger shows but OTLP sends as fields.
fn derived(batch: &SpanBatch, row: usize, key: &str) -> Option<String> {
    let status = StatusCode::from_number(batch.status_number(row));
    match key {
        "error" => (status == StatusCode::Error).then(|| "true".to_owned()),
        "span.kind" => SpanKind::from_number(batch.kind_number(row)).name().map(str::to_owned),
        "otel.status_code" => status.name().map(str::to_owned),
        "otel.status_description" => Some(batch.status_message(row)).filter(|text| !text.is_empty()),
        "otel.scope.name" => Some(batch.scope(row).name).filter(|text| !text.is_empty()),
        "otel.scope.version" => Some(batch.scope(row).version).filter(|text| !text.is_empty()),
        _ => None,
    }
}
