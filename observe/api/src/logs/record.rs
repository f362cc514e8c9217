//! A log record as JSON.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Serialize;
use serde_json::{Map, Value};
use vitrine_kit::clock::rfc3339_ns;
use vitrine_observe_search::people::Level;
use vitrine_observe_store::model::{Attribute, FoundLog, LogCursor, LogFilter, LogRow};

use super::highlight::marks;

/// A record, its fields called as in a query. What it does not have is left out.
#[derive(Serialize)]
pub(super) struct Record<'a> {
    time: String,
    cursor: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    service: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<u8>,
    #[serde(skip_serializing_if = "str::is_empty")]
    severity_text: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    event: &'a str,
    message: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    span: Option<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    attributes: Map<String, Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    resource: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<Scope<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    highlight: BTreeMap<String, Vec<[usize; 2]>>,
}

#[derive(Serialize)]
struct Scope<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
    #[serde(skip_serializing_if = "Map::is_empty")]
    attributes: Map<String, Value>,
}

/// Returns a record with what of it matches a filter.
pub(super) fn record<'a>(found: &'a FoundLog, filter: &LogFilter) -> Record<'a> {
    let marks = marks(filter, &found.row).into_iter();
    let highlight = marks.map(|(name, mark)| (name, characters(&mark.text, &mark.ranges))).collect();
    Record { highlight, ..plain(&found.row, found.cursor) }
}

/// Returns records with what of them matches a filter.
pub(super) fn records<'a>(found: &'a [FoundLog], filter: &LogFilter) -> Vec<Record<'a>> {
    found.iter().map(|found| record(found, filter)).collect()
}

/// Adds a record as a line of JSON.
pub(super) fn add_line(out: &mut String, found: &FoundLog, filter: &LogFilter) {
    // Texts, numbers and maps whose keys are texts can always be written.
    out.push_str(&serde_json::to_string(&record(found, filter)).unwrap_or_default());
    out.push('\n');
}

fn plain(row: &LogRow, cursor: LogCursor) -> Record<'_> {
    let scope = &row.scope;
    let has_scope = !scope.name.is_empty() || !scope.version.is_empty() || !scope.attributes.is_empty();
    Record {
        time: rfc3339_ns(row.time_ns),
        cursor: cursor_text(cursor),
        service: &row.service,
        level: Level::of(row.severity, &row.severity_text).map(Level::name),
        severity: (row.severity > 0).then_some(row.severity),
        severity_text: &row.severity_text,
        event: &row.event_name,
        message: row.body.json(),
        trace: row.trace_id.map(|id| id.to_string()),
        span: row.span_id.map(|id| id.to_string()),
        attributes: object(&row.attributes),
        resource: object(&row.resource),
        scope: has_scope.then(|| Scope {
            name: &scope.name,
            version: &scope.version,
            attributes: object(&scope.attributes),
        }),
        highlight: BTreeMap::new(),
    }
}

fn object(attributes: &[Attribute]) -> Map<String, Value> {
    attributes.iter().map(|attribute| (attribute.key.clone(), attribute.value.json())).collect()
}

/// Ranges of bytes as ranges of characters.
fn characters(text: &str, ranges: &[Range<usize>]) -> Vec<[usize; 2]> {
    let (mut byte, mut character) = (0, 0);
    let mut at = |wanted: usize| {
        character += text[byte..wanted].chars().count();
        byte = wanted;
        character
    };
    ranges.iter().map(|range| [at(range.start), at(range.end)]).collect()
}

/// Returns a record's place as a text.
pub(crate) fn cursor_text(cursor: LogCursor) -> String {
    format!("{:x}-{:x}", cursor.time_ns, cursor.tie)
}

/// Reads a record's place.
pub(super) fn cursor(text: &str) -> Option<LogCursor> {
    let (time, tie) = text.split_once('-')?;
    let number = |digits: &str| u64::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'));
    Some(LogCursor { time_ns: number(time)?, tie: number(tie)? })
}

#[cfg(test)]
mod tests {
    use vitrine_observe_store::model::LogCursor;

    use super::{characters, cursor, cursor_text};

    #[test]
    fn cursors_are_read_as_they_are_written() {
        let place = LogCursor { time_ns: u64::MAX, tie: 17 };
        assert_eq!(cursor(&cursor_text(place)), Some(place));
        for text in ["", "1", "1-", "-1", "1-g", "+1-2", "1-2-3", "1ffffffffffffffff-0"] {
            assert_eq!(cursor(text), None, "{text}");
        }
    }

    #[test]
    fn ranges_are_told_in_characters() {
        assert_eq!(characters("äöü declined", &[0..2, 4..6, 7..15]), [[0, 1], [2, 3], [4, 12]]);
    }
}
