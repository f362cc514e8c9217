//! Names of fields, as documents have them, and where log records keep what they name.

use std::collections::BTreeMap;

use serde_json::Value;
use vitrine_observe_model::elastic::{ID_ATTRIBUTE, INDEX};
use vitrine_observe_model::{LogField, LogFilter, LogTest};

/// The field of the time of every record.
pub const TIME_FIELD: &str = "@timestamp";
/// What a name ends with that means a text as a whole.
const WHOLE: &str = ".keyword";
/// Fields of stored mappings that count; more are not looked at.
const MAX_MAPPED: usize = 10_000;
/// Levels of nested objects that mappings are looked through.
const MAX_NESTING: usize = 20;

/// Keys of documents whose values records keep in places of their own, the place, and whether such a key is always kept there: the first
/// of several is, others only where no earlier one is.
const LIFTED: &[(&str, LogField, bool)] = &[
    (TIME_FIELD, LogField::Time, true),
    ("timestamp", LogField::Time, false),
    ("time", LogField::Time, false),
    ("ts", LogField::Time, false),
    ("observed_timestamp", LogField::ObservedTime, false),
    ("message", LogField::Body, true),
    ("log", LogField::Body, false),
    ("msg", LogField::Body, false),
    ("body", LogField::Body, false),
    ("log.level", LogField::SeverityText, false),
    ("level", LogField::SeverityText, false),
    ("severity", LogField::SeverityText, false),
    ("severity_number", LogField::Severity, false),
    ("service.name", LogField::Service, true),
    ("service", LogField::Service, false),
    ("container.name", LogField::Service, false),
    ("trace.id", LogField::TraceId, false),
    ("trace_id", LogField::TraceId, false),
    ("traceId", LogField::TraceId, false),
    ("span.id", LogField::SpanId, false),
    ("span_id", LogField::SpanId, false),
    ("spanId", LogField::SpanId, false),
    ("event.name", LogField::EventName, false),
];

/// How a stored mapping says that a text is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mapped {
    /// As a whole.
    Keyword,
    /// By its words.
    Text,
}

/// How texts are searched, out of the mappings of index templates. Without one, a field matches as a whole and by its words.
#[derive(Debug, Clone, Default)]
pub struct Mappings(BTreeMap<String, Mapped>);

/// What a name of a field means.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// The name, without `.keyword`.
    pub(crate) name: String,
    /// Where its value is; where there is none, the next is looked at.
    pub(crate) fields: Vec<LogField>,
    /// How its texts match; both ways if nothing says.
    pub(crate) mapped: Option<Mapped>,
}

impl Mappings {
    /// Reads the `mappings` of templates and indices, those that come later first.
    pub fn read<'a>(all: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut found = Self::default();
        for mappings in all {
            found.add("", mappings, 0);
        }
        found
    }

    fn add(&mut self, before: &str, object: &Value, depth: usize) {
        let Some(properties) = object["properties"].as_object().filter(|_| depth < MAX_NESTING) else { return };
        for (key, property) in properties {
            let name = if before.is_empty() { key.clone() } else { format!("{before}.{key}") };
            let mapped = match property["type"].as_str() {
                Some("keyword" | "constant_keyword" | "wildcard") => Some(Mapped::Keyword),
                Some("text" | "match_only_text") => Some(Mapped::Text),
                _ => None,
            };
            self.add(&name, property, depth + 1);
            if let Some(mapped) = mapped.filter(|_| self.0.len() < MAX_MAPPED) {
                self.0.insert(name, mapped);
            }
        }
    }

    /// What a name means.
    pub(crate) fn target(&self, name: &str) -> Target {
        let (name, mapped) = match name.strip_suffix(WHOLE) {
            Some(name) => (name, Some(Mapped::Keyword)),
            None => (name, self.0.get(name).copied()),
        };
        Target { name: name.to_owned(), fields: fields(name), mapped }
    }
}

impl Target {
    /// Every text of a record.
    pub(crate) fn any() -> Self {
        Self { name: "*".into(), fields: vec![LogField::Any], mapped: None }
    }

    /// Whether it is the time of records.
    pub(crate) fn is_time(&self) -> bool {
        matches!(self.fields.first(), Some(LogField::Time | LogField::ObservedTime))
    }

    /// Whether it is every text.
    pub(crate) fn is_any(&self) -> bool {
        self.fields == [LogField::Any]
    }

    /// What meets a test in the first place where there is a value.
    pub(crate) fn meets(&self, test: impl Fn() -> LogTest) -> LogFilter {
        let mut filters = Vec::new();
        for (place, field) in self.fields.iter().enumerate() {
            let here = LogFilter::Field(field.clone(), test());
            let absent = self.fields[..place]
                .iter()
                .map(|before| LogFilter::Not(Box::new(LogFilter::Field(before.clone(), LogTest::Exists))));
            // A place that comes later counts where there is nothing in those before; for the first there are none.
            let mut all: Vec<LogFilter> = absent.collect();
            all.push(here);
            filters.push(all_of(all));
        }
        any_of(filters)
    }
}

/// Where the value of a name is.
fn fields(name: &str) -> Vec<LogField> {
    match name {
        "_id" => return vec![LogField::Attribute(ID_ATTRIBUTE.to_owned())],
        "_index" => return vec![LogField::Scope(INDEX.to_owned())],
        _ => {}
    }
    let named = LogField::Named(name.to_owned());
    match LIFTED.iter().find(|(key, ..)| *key == name) {
        Some((_, field, true)) => vec![field.clone()],
        Some((_, field, false)) => vec![named, field.clone()],
        None => vec![named],
    }
}

/// The name that documents have for a field of records; none for one that they do not show.
pub(crate) fn name_of(field: &LogField) -> Option<String> {
    Some(match field {
        LogField::Time => TIME_FIELD.into(),
        LogField::Body => "message".into(),
        LogField::SeverityText => "log.level".into(),
        LogField::Severity => "severity_number".into(),
        LogField::Service => "service.name".into(),
        LogField::EventName => "event.name".into(),
        LogField::TraceId => "trace.id".into(),
        LogField::SpanId => "span.id".into(),
        LogField::Attribute(key) | LogField::Resource(key) | LogField::Named(key) if !key.starts_with('_') => {
            key.clone()
        }
        _ => return None,
    })
}

/// All of these.
pub(crate) fn all_of(mut filters: Vec<LogFilter>) -> LogFilter {
    filters.retain(|filter| !matches!(filter, LogFilter::All(all) if all.is_empty()));
    if filters.len() == 1 { filters.remove(0) } else { LogFilter::All(filters) }
}

/// One of these.
pub(crate) fn any_of(mut filters: Vec<LogFilter>) -> LogFilter {
    if filters.len() == 1 { filters.remove(0) } else { LogFilter::Any(filters) }
}

/// Not this.
pub(crate) fn not(filter: LogFilter) -> LogFilter {
    LogFilter::Not(Box::new(filter))
}

/// Nothing.
pub(crate) fn nothing() -> LogFilter {
    LogFilter::Any(Vec::new())
}
