//! A log record as a plain struct, made only for rows that a query returns.

use crate::{Attribute, ScopeInfo, SpanId, TraceId, Value};

impl LogRow {
    /// Bytes of memory that it takes, about.
    pub fn bytes(&self) -> usize {
        let texts = [&self.severity_text, &self.service, &self.event_name, &self.resource_schema_url];
        let texts = texts.into_iter().chain([&self.scope.name, &self.scope.version, &self.scope.schema_url]);
        let attributes = self.attributes.iter().chain(&self.resource).chain(&self.scope.attributes);
        size_of::<Self>()
            + texts.map(String::len).sum::<usize>()
            + attributes.map(Attribute::bytes).sum::<usize>()
            + self.body.bytes()
    }
}

/// A whole log record.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRow {
    /// When it happened, in nanoseconds since 1970; when it was observed if the sender did not say.
    pub time_ns: u64,
    /// When it was collected, in nanoseconds since 1970.
    pub observed_time_ns: u64,
    /// OTLP's severity number, 1 to 24; 0 when not given.
    pub severity: u8,
    /// The severity in the sender's own words.
    pub severity_text: String,
    /// The resource's `service.name`.
    pub service: String,
    /// The trace that it belongs to.
    pub trace_id: Option<TraceId>,
    /// The span that it belongs to.
    pub span_id: Option<SpanId>,
    /// W3C trace flags.
    pub flags: u32,
    /// The kind of event; empty for plain records.
    pub event_name: String,
    /// The message.
    pub body: Value,
    /// The number of its template, if it was given one when it was taken.
    pub template: Option<i64>,
    /// Attributes as sent.
    pub attributes: Vec<Attribute>,
    /// Attributes that the sender left out.
    pub dropped_attributes: u32,
    /// The resource's attributes.
    pub resource: Vec<Attribute>,
    /// Attributes of the resource that the sender left out.
    pub resource_dropped_attributes: u32,
    /// Where the schema of the resource is described.
    pub resource_schema_url: String,
    /// The instrumentation scope.
    pub scope: ScopeInfo,
}
