//! What is asked of log records, in whatever language it was asked.

use std::ops::Bound;

use vitrine_observe_columns::TextTest;

use crate::definitions::logs;
use crate::{LogRow, Value};

/// A field of a log record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogField {
    /// When it happened, in nanoseconds since 1970.
    Time,
    /// When it was observed, in nanoseconds since 1970.
    ObservedTime,
    /// OTLP's severity number, 1 to 24; absent when not given.
    Severity,
    /// The severity in the sender's own words.
    SeverityText,
    /// The resource's `service.name`.
    Service,
    /// The message.
    Body,
    /// The number of the message's template.
    Template,
    /// The kind of event.
    EventName,
    /// The trace that it belongs to, as 32 hexadecimal digits.
    TraceId,
    /// The span that it belongs to, as 16 hexadecimal digits.
    SpanId,
    /// The name of the instrumentation scope.
    ScopeName,
    /// The version of the instrumentation scope.
    ScopeVersion,
    /// An attribute of the record.
    Attribute(String),
    /// An attribute of its resource.
    Resource(String),
    /// An attribute of its scope.
    Scope(String),
    /// An attribute, wherever it is: of the record, or else of its resource, or else of its scope.
    Named(String),
    /// Every text of it: the message, the severity's words, the event's name, the service, and each attribute of the record and of its
    /// resource.
    Any,
}

/// What a field's value must be. An absent value meets none.
#[derive(Debug, Clone, PartialEq)]
pub enum LogTest {
    /// It is there.
    Exists,
    /// As a text ([`Value::text`]).
    Text(TextTest),
    /// A number within these bounds, whole or not. A text is no number.
    Number(Bound<f64>, Bound<f64>),
    /// This truth.
    Bool(bool),
}

/// What a log record must have.
#[derive(Debug, Clone, PartialEq)]
pub enum LogFilter {
    /// All of these; anything if there are none.
    All(Vec<LogFilter>),
    /// One of these; nothing if there are none.
    Any(Vec<LogFilter>),
    /// Not this.
    Not(Box<LogFilter>),
    /// A field that meets a test.
    Field(LogField, LogTest),
}

/// Which log records, and in which order.
#[derive(Debug, Clone)]
pub struct LogQuery {
    /// What they must have.
    pub filter: LogFilter,
    /// From this time on, in nanoseconds since 1970.
    pub start_ns: u64,
    /// Before this time, in nanoseconds since 1970.
    pub end_ns: u64,
    /// Whether the newest come first.
    pub newest_first: bool,
    /// Only those that come after this one in that order.
    pub after: Option<LogCursor>,
    /// At most so many.
    pub limit: usize,
}

/// Where a log record stands in the order of time: by it, a reading goes on where it ended, whatever was merged meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogCursor {
    /// When it happened, in nanoseconds since 1970.
    pub time_ns: u64,
    /// Its place among those of the same time: a hash of its content above, and the how manieth equal one it is below.
    pub tie: u64,
}

/// A log record that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundLog {
    /// The record.
    pub row: LogRow,
    /// Where it stands.
    pub cursor: LogCursor,
}

/// How many log records, by time and by fields.
#[derive(Debug, Clone)]
pub struct LogCountQuery {
    /// What they must have.
    pub filter: LogFilter,
    /// From this time on, in nanoseconds since 1970.
    pub start_ns: u64,
    /// Before this time, in nanoseconds since 1970.
    pub end_ns: u64,
    /// How long a step is, in nanoseconds. 0 for one step only.
    pub step_ns: u64,
    /// When a step begins, in nanoseconds since 1970: at `start_ns` or before. Whole minutes are counted without reading records.
    pub origin_ns: u64,
    /// The fields by whose values they are counted apart.
    pub by: Vec<LogField>,
    /// Most steps and values that are counted apart; more are an error.
    pub most: usize,
    /// Whether [`LogCount::bytes`] is wanted: else messages need not be read, and it is 0.
    pub bytes: bool,
}

/// How many log records there are of one step with the same values.
#[derive(Debug, Clone, PartialEq)]
pub struct LogCount {
    /// When the step begins, in nanoseconds since 1970.
    pub start_ns: u64,
    /// The values of the fields that were asked for, as texts; none where a record has no such field.
    pub by: Vec<Option<String>>,
    /// Records.
    pub records: u64,
    /// Bytes of their messages as they are kept, if these were asked for.
    pub bytes: u64,
}

/// A field that log records have.
#[derive(Debug, Clone, PartialEq)]
pub struct LogFieldInfo {
    /// The field: [`LogField::Attribute`], [`LogField::Resource`], [`LogField::Scope`], or one that all records may have.
    pub field: LogField,
    /// The kinds of its values.
    pub kinds: Vec<LogKind>,
    /// Records that have it, as far as was counted.
    pub records: u64,
}

/// What a field's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogKind {
    /// Text.
    Text,
    /// A whole number.
    Int,
    /// Another number.
    Double,
    /// A truth.
    Bool,
    /// A moment, in nanoseconds since 1970.
    Time,
    /// Anything else: bytes, lists and objects.
    Json,
}

impl LogFilter {
    /// Returns what everything meets.
    pub fn everything() -> Self {
        Self::All(Vec::new())
    }

    /// Returns what is there and exactly this text.
    pub fn equal(field: LogField, text: impl Into<String>) -> Self {
        Self::Field(field, LogTest::Text(TextTest::Equal(text.into())))
    }
}

impl LogField {
    /// The column of the table of log records that holds it, if one does.
    pub fn column(&self) -> Option<&'static str> {
        let place = match self {
            Self::Time => logs::TIME,
            Self::ObservedTime => logs::OBSERVED_TIME,
            Self::Severity => logs::SEVERITY,
            Self::SeverityText => logs::SEVERITY_TEXT,
            Self::Service => logs::SERVICE,
            Self::Body => logs::BODY,
            Self::Template => logs::TEMPLATE,
            Self::EventName => logs::EVENT_NAME,
            Self::TraceId => logs::TRACE_ID,
            Self::SpanId => logs::SPAN_ID,
            Self::ScopeName => logs::SCOPE_NAME,
            Self::ScopeVersion => logs::SCOPE_VERSION,
            Self::Attribute(_) | Self::Resource(_) | Self::Scope(_) | Self::Named(_) | Self::Any => return None,
        };
        Some(logs::LOGS.columns[place].name)
    }
}

impl LogRow {
    /// The value of a field; none if the record does not have it. [`LogField::Any`] has no value.
    pub fn value(&self, field: &LogField) -> Option<Value> {
        let text = |text: &str| (!text.is_empty()).then(|| Value::String(text.to_owned()));
        let attribute = |all: &[crate::Attribute], key: &str| {
            all.iter().find(|attribute| attribute.key == key).map(|attribute| attribute.value.clone())
        };
        let nanos = |time: u64| i64::try_from(time).ok().filter(|time| *time > 0).map(Value::Int);
        match field {
            LogField::Time => nanos(self.time_ns),
            LogField::ObservedTime => nanos(self.observed_time_ns),
            LogField::Severity => (self.severity > 0).then(|| Value::Int(self.severity.into())),
            LogField::SeverityText => text(&self.severity_text),
            LogField::Service => text(&self.service),
            LogField::Body => (self.body != Value::Empty).then(|| self.body.clone()),
            LogField::Template => self.template.map(Value::Int),
            LogField::EventName => text(&self.event_name),
            LogField::TraceId => self.trace_id.map(|id| Value::String(id.to_string())),
            LogField::SpanId => self.span_id.map(|id| Value::String(id.to_string())),
            LogField::ScopeName => text(&self.scope.name),
            LogField::ScopeVersion => text(&self.scope.version),
            LogField::Attribute(key) => attribute(&self.attributes, key),
            LogField::Resource(key) => attribute(&self.resource, key),
            LogField::Scope(key) => attribute(&self.scope.attributes, key),
            LogField::Named(key) => [&self.attributes, &self.resource, &self.scope.attributes]
                .into_iter()
                .find_map(|all| attribute(all, key)),
            LogField::Any => None,
        }
    }
}
