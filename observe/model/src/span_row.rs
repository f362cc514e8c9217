//! A span as a plain struct, made only for rows that a query returns.

use crate::{Attribute, SpanId, TraceId};

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
    /// All of them, in order of OTLP's numbers.
    pub const ALL: [Self; 6] =
        [Self::Unspecified, Self::Internal, Self::Server, Self::Client, Self::Producer, Self::Consumer];

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

    /// The name in lower case, also when unspecified.
    pub fn full_name(self) -> &'static str {
        self.name().unwrap_or("unspecified")
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
    /// All of them, in order of OTLP's numbers.
    pub const ALL: [Self; 3] = [Self::Unset, Self::Ok, Self::Error];

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

    /// The name in lower case, also when unset.
    pub fn full_name(self) -> &'static str {
        match self {
            Self::Unset => "unset",
            Self::Ok => "ok",
            Self::Error => "error",
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
