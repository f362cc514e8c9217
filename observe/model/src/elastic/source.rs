//! From a log record back to the document that was sent.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};
use vitrine_kit::clock;

use super::{
    BESIDE_DOCUMENT, BODY, ID_ATTRIBUTE, INDEX, OBJECTS, SERVICE, SEVERITY, SOURCE_ATTRIBUTE, SPAN_ID, TIME,
    TIME_FORMAT, TRACE_ID,
};
use crate::{Attribute, LogRow, Value};

/// Nanoseconds in a second.
const SECOND_NS: u64 = 1_000_000_000;
/// Digits that nanoseconds have.
const NANO_DIGITS: usize = 9;
/// The resource's name of the service.
const SERVICE_NAME: &str = "service.name";
/// How `TimeFormat::Text` begins as a text.
const TEXT_FORMAT: &str = "rfc3339:";

/// How a time was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeFormat {
    /// A whole number of units, so many to the second: 1, 1,000, 1,000,000 or 1,000,000,000.
    Number(u64),
    /// RFC 3339 in UTC, ending in `Z`, with so many digits of the second's fraction, 0 to 9.
    Text(usize),
}

/// Which keys of a document were objects, by their dotted keys: so each dotted key says again where it lay.
///
/// At each dot of a key, what is before it was an object if it is among these.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nesting(BTreeSet<String>);

impl TimeFormat {
    /// The format that a text names.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(digits) = text.strip_prefix(TEXT_FORMAT) {
            return digits.parse().ok().filter(|digits| *digits <= NANO_DIGITS).map(Self::Text);
        }
        let units = match text {
            "s" => 1,
            "ms" => 1_000,
            "us" => 1_000_000,
            "ns" => SECOND_NS,
            _ => return None,
        };
        Some(Self::Number(units))
    }

    /// Its name.
    pub fn name(self) -> String {
        match self {
            Self::Number(1) => "s".to_owned(),
            Self::Number(1_000) => "ms".to_owned(),
            Self::Number(1_000_000) => "us".to_owned(),
            Self::Number(_) => "ns".to_owned(),
            Self::Text(digits) => format!("{TEXT_FORMAT}{digits}"),
        }
    }

    /// A time as it is written; finer parts are cut off.
    pub fn write(self, time_ns: u64) -> Json {
        match self {
            Self::Number(units) => Json::from(time_ns / (SECOND_NS / units.clamp(1, SECOND_NS))),
            Self::Text(digits) => {
                let seconds = clock::rfc3339_ns(time_ns / SECOND_NS * SECOND_NS);
                let seconds = seconds.trim_end_matches('Z');
                match digits {
                    0 => Json::from(format!("{seconds}Z")),
                    _ => {
                        let fraction = format!("{:09}", time_ns % SECOND_NS);
                        Json::from(format!("{seconds}.{}Z", &fraction[..digits.min(NANO_DIGITS)]))
                    }
                }
            }
        }
    }
}

impl Nesting {
    /// With these dotted keys of objects.
    pub fn new(objects: impl IntoIterator<Item = String>) -> Self {
        Self(objects.into_iter().collect())
    }

    /// Puts a value where its dotted key lay.
    pub fn put(&self, document: &mut Map<String, Json>, key: &str, value: Json) {
        let (mut object, mut start) = (document, 0);
        for (dot, _) in key.match_indices('.') {
            if self.0.contains(&key[..dot]) {
                let inner = object.entry(&key[start..dot]).or_insert_with(|| Json::Object(Map::new()));
                if !inner.is_object() {
                    *inner = Json::Object(Map::new());
                }
                let Json::Object(inner) = inner else { return };
                (object, start) = (inner, dot + 1);
            }
        }
        object.insert(key[start..].to_owned(), value);
    }
}

/// The index that a record's document was sent to; none if it did not come as a document.
pub fn index(row: &LogRow) -> Option<&str> {
    text(&row.scope.attributes, INDEX)
}

/// The `_id` that was sent with a record's document.
pub fn id(row: &LogRow) -> Option<&str> {
    text(&row.attributes, ID_ATTRIBUTE)
}

/// The document that a record came as. A record that came otherwise becomes one: `@timestamp`, `message`, `log.level`, `service.name`,
/// `trace.id`, `span.id`, and all attributes of the record and of its resource under their own keys.
pub fn source(row: &LogRow) -> Map<String, Json> {
    if let Some(sent) = text(&row.attributes, SOURCE_ATTRIBUTE)
        && let Ok(Json::Object(sent)) = serde_json::from_str(sent)
    {
        return sent;
    }
    if index(row).is_none() {
        return other(row);
    }
    let scope = |key| text(&row.scope.attributes, key);
    let objects = row.scope.attributes.iter().find(|attribute| attribute.key == OBJECTS).map(|found| &found.value);
    let nesting = match objects {
        Some(Value::Array(keys)) => Nesting::new(keys.iter().map(Value::text)),
        _ => Nesting::default(),
    };
    let mut document = Map::new();
    if let (Some(key), Some(format)) = (scope(TIME), scope(TIME_FORMAT).and_then(TimeFormat::parse)) {
        nesting.put(&mut document, key, format.write(row.time_ns));
    }
    if let Some(key) = scope(BODY) {
        nesting.put(&mut document, key, row.body.json());
    }
    if let Some(key) = scope(SEVERITY) {
        nesting.put(&mut document, key, Json::from(row.severity_text.as_str()));
    }
    if let (Some(key), Some(service)) = (scope(SERVICE), text(&row.resource, SERVICE_NAME)) {
        nesting.put(&mut document, key, Json::from(service));
    }
    if let (Some(key), Some(id)) = (scope(TRACE_ID), row.trace_id) {
        nesting.put(&mut document, key, Json::from(id.to_string()));
    }
    if let (Some(key), Some(id)) = (scope(SPAN_ID), row.span_id) {
        nesting.put(&mut document, key, Json::from(id.to_string()));
    }
    for attribute in row.attributes.iter().filter(|attribute| !BESIDE_DOCUMENT.contains(&attribute.key.as_str())) {
        nesting.put(&mut document, &attribute.key, attribute.value.json());
    }
    document
}

fn other(row: &LogRow) -> Map<String, Json> {
    let mut document = Map::new();
    for attribute in row.resource.iter().chain(&row.attributes) {
        document.insert(attribute.key.clone(), attribute.value.json());
    }
    document.insert("@timestamp".to_owned(), TimeFormat::Text(NANO_DIGITS).write(row.time_ns));
    if row.body != Value::Empty {
        document.insert("message".to_owned(), row.body.json());
    }
    if !row.severity_text.is_empty() {
        document.insert("log.level".to_owned(), Json::from(row.severity_text.as_str()));
    }
    for (key, id) in
        [("trace.id", row.trace_id.map(|id| id.to_string())), ("span.id", row.span_id.map(|id| id.to_string()))]
    {
        if let Some(id) = id {
            document.insert(key.to_owned(), Json::from(id));
        }
    }
    document
}

fn text<'a>(attributes: &'a [Attribute], key: &str) -> Option<&'a str> {
    attributes.iter().find_map(|attribute| match &attribute.value {
        Value::String(text) if attribute.key == key => Some(text.as_str()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::{Nesting, TimeFormat};

    #[test]
    fn times_are_written_in_the_form_that_they_had() {
        let time_ns = 1_785_585_600_123_456_789;
        let cases = [
            (TimeFormat::Number(1), json!(1_785_585_600)),
            (TimeFormat::Number(1_000), json!(1_785_585_600_123_u64)),
            (TimeFormat::Number(1_000_000_000), json!(time_ns)),
            (TimeFormat::Text(0), json!("2026-08-01T12:00:00Z")),
            (TimeFormat::Text(3), json!("2026-08-01T12:00:00.123Z")),
            (TimeFormat::Text(9), json!("2026-08-01T12:00:00.123456789Z")),
        ];
        for (format, expected) in cases {
            assert_eq!(format.write(time_ns), expected);
            assert_eq!(TimeFormat::parse(&format.name()), Some(format));
        }
        assert_eq!((TimeFormat::parse("rfc3339:10"), TimeFormat::parse("days")), (None, None));
    }

    #[test]
    fn keys_lie_where_they_lay() {
        let nesting = Nesting::new(["a", "a.b", "x.y"].map(str::to_owned));
        let mut document = Map::new();
        for key in ["a.b.c", "a.d", "e.f", "x.y.z.1"] {
            nesting.put(&mut document, key, json!(key));
        }
        let expected = json!({ "a": { "b": { "c": "a.b.c" }, "d": "a.d" }, "e.f": "e.f", "x.y": { "z.1": "x.y.z.1" } });
        assert_eq!(serde_json::Value::Object(document), expected);
    }
}
