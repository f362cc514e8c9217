//! A span as a plain struct, made only for rows that a query returns.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{Span, span};
use prost::Message;

use crate::keys::Keys;
use crate::span::{Column, dictionary_bytes};
use crate::value::attributes;
use crate::{Attribute, SpanBatch, SpanId, TraceId};

/// What a span stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SpanKind {
    /// The sender did not say.
    Unspecified,
    /// Work within a service.
    Internal,
    /// A request taken.
    Server,
    /// A request made.
    Client,
    /// A message sent.
    Producer,
    /// A message taken.
    Consumer,
}

impl SpanKind {
    /// From OTLP's number; an unknown one is unspecified.
    pub fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Internal,
            2 => Self::Server,
            3 => Self::Client,
            4 => Self::Producer,
            5 => Self::Consumer,
            _ => Self::Unspecified,
        }
    }

    /// The name in lower case, as Jaeger's `span.kind`; none when unspecified.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Unspecified => None,
            Self::Internal => Some("internal"),
            Self::Server => Some("server"),
            Self::Client => Some("client"),
            Self::Producer => Some("producer"),
            Self::Consumer => Some("consumer"),
        }
    }
}

/// How a span ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusCode {
    /// The sender did not say.
    Unset,
    /// Explicitly well.
    Ok,
    /// With an error.
    Error,
}

impl StatusCode {
    /// From OTLP's number; an unknown one is unset.
    pub fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Ok,
            2 => Self::Error,
            _ => Self::Unset,
        }
    }

    /// The name in upper case, as Jaeger's `otel.status_code`; none when unset.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Unset => None,
            Self::Ok => Some("OK"),
            Self::Error => Some("ERROR"),
        }
    }
}

/// Something that happened during a span.
#[derive(Debug, Clone, PartialEq)]
pub struct EventRow {
    /// When, in nanoseconds since 1970.
    pub time_ns: u64,
    /// What.
    pub name: String,
    /// More about it.
    pub attributes: Vec<Attribute>,
    /// Attributes that the sender left out.
    pub dropped_attributes: u32,
}

/// Another span that has to do with this one.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkRow {
    /// The other span's trace.
    pub trace_id: TraceId,
    /// The other span.
    pub span_id: SpanId,
    /// W3C trace state.
    pub trace_state: String,
    /// More about it.
    pub attributes: Vec<Attribute>,
    /// W3C trace flags.
    pub flags: u32,
    /// Attributes that the sender left out.
    pub dropped_attributes: u32,
}

/// The library that made a row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ScopeInfo {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// More about it.
    pub attributes: Vec<Attribute>,
    /// Attributes that the sender left out.
    pub dropped_attributes: u32,
    /// Where the schema of what it sends is described.
    pub schema_url: String,
}

/// A whole span.
#[derive(Debug, Clone, PartialEq)]
pub struct SpanRow {
    /// The trace.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
    /// The span that caused it; none for a root.
    pub parent_span_id: Option<SpanId>,
    /// W3C trace state.
    pub trace_state: String,
    /// W3C trace flags in the lowest 8 bits, OTLP's own above.
    pub flags: u32,
    /// The resource's `service.name`.
    pub service: String,
    /// The operation.
    pub name: String,
    /// What it stands for.
    pub kind: SpanKind,
    /// Start in nanoseconds since 1970.
    pub start_ns: u64,
    /// End in nanoseconds since 1970.
    pub end_ns: u64,
    /// How it ended.
    pub status: StatusCode,
    /// More about an error.
    pub status_message: String,
    /// Attributes as sent.
    pub attributes: Vec<Attribute>,
    /// Attributes that the sender left out.
    pub dropped_attributes: u32,
    /// Events in the order sent.
    pub events: Vec<EventRow>,
    /// Events that the sender left out.
    pub dropped_events: u32,
    /// Links in the order sent.
    pub links: Vec<LinkRow>,
    /// Links that the sender left out, or whose ids were malformed.
    pub dropped_links: u32,
    /// The resource's attributes.
    pub resource: Vec<Attribute>,
    /// Attributes of the resource that the sender left out.
    pub resource_dropped_attributes: u32,
    /// Where the schema of the resource is described.
    pub resource_schema_url: String,
    /// The instrumentation scope.
    pub scope: ScopeInfo,
}

impl SpanRow {
    /// Duration in nanoseconds; 0 when the end lies before the start.
    pub fn duration_ns(&self) -> u64 {
        self.end_ns.saturating_sub(self.start_ns)
    }
}

impl SpanBatch {
    /// A row as a plain struct.
    pub fn row(&self, row: usize) -> SpanRow {
        let mut nested = Span::default();
        for column in [Column::Attributes, Column::Events, Column::Links] {
            self.merge(column, row, &mut nested);
        }
        SpanRow {
            trace_id: self.trace_id(row),
            span_id: self.span_id(row),
            parent_span_id: self.parent_span_id(row),
            trace_state: self.text(Column::TraceState, row),
            flags: self.flags(row),
            service: self.service(row).to_owned(),
            name: self.name(row).to_owned(),
            kind: SpanKind::from_number(self.kind_number(row)),
            start_ns: self.start_ns(row),
            end_ns: self.end_ns(row),
            status: StatusCode::from_number(self.status_number(row)),
            status_message: self.status_message(row),
            attributes: attributes(nested.attributes, &self.keys),
            dropped_attributes: nested.dropped_attributes_count,
            events: nested.events.into_iter().map(|event| event_row(event, &self.keys)).collect(),
            dropped_events: nested.dropped_events_count,
            links: nested.links.into_iter().filter_map(|link| link_row(link, &self.keys)).collect(),
            dropped_links: nested.dropped_links_count,
            resource: self.resource(row),
            resource_dropped_attributes: 0,
            resource_schema_url: String::new(),
            scope: scope_info(dictionary_bytes(self.column(Column::Scope), row)),
        }
    }

    /// The attributes of a row.
    pub fn attributes(&self, row: usize) -> Vec<Attribute> {
        let mut nested = Span::default();
        self.merge(Column::Attributes, row, &mut nested);
        attributes(nested.attributes, &self.keys)
    }

    /// The events of a row.
    pub fn events(&self, row: usize) -> Vec<EventRow> {
        let mut nested = Span::default();
        self.merge(Column::Events, row, &mut nested);
        nested.events.into_iter().map(|event| event_row(event, &self.keys)).collect()
    }

    /// The resource attributes of a row.
    pub fn resource(&self, row: usize) -> Vec<Attribute> {
        resource_attributes(dictionary_bytes(self.column(Column::Resource), row))
    }

    /// The instrumentation scope of a row.
    pub fn scope(&self, row: usize) -> ScopeInfo {
        scope_info(dictionary_bytes(self.column(Column::Scope), row))
    }

    /// The status message of a row.
    pub fn status_message(&self, row: usize) -> String {
        self.text(Column::StatusMessage, row)
    }

    fn text(&self, column: Column, row: usize) -> String {
        let column = self.column(column).as_string::<i32>();
        if column.is_valid(row) { column.value(row).to_owned() } else { String::new() }
    }

    fn merge(&self, column: Column, row: usize, into: &mut Span) {
        let column = self.column(column).as_binary::<i32>();
        if column.is_valid(row) {
            // The builder wrote these bytes. Were they ever unreadable, the fields before the fault still answer.
            let _ = into.merge(column.value(row));
        }
    }
}

pub(crate) fn resource_attributes(encoded: &[u8]) -> Vec<Attribute> {
    let resource = Resource::decode(encoded).unwrap_or_default();
    attributes(resource.attributes, &Keys::default())
}

pub(crate) fn scope_info(encoded: &[u8]) -> ScopeInfo {
    let scope = InstrumentationScope::decode(encoded).unwrap_or_default();
    ScopeInfo {
        name: scope.name,
        version: scope.version,
        attributes: attributes(scope.attributes, &Keys::default()),
        ..ScopeInfo::default()
    }
}

fn event_row(event: span::Event, keys: &Keys) -> EventRow {
    EventRow {
        time_ns: event.time_unix_nano,
        name: event.name,
        attributes: attributes(event.attributes, keys),
        dropped_attributes: event.dropped_attributes_count,
    }
}

fn link_row(link: span::Link, keys: &Keys) -> Option<LinkRow> {
    Some(LinkRow {
        trace_id: TraceId::from_bytes(&link.trace_id)?,
        span_id: SpanId::from_bytes(&link.span_id)?,
        trace_state: link.trace_state,
        attributes: attributes(link.attributes, keys),
        flags: link.flags,
        dropped_attributes: link.dropped_attributes_count,
    })
}
