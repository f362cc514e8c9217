//! What is to be compared.

use serde::Deserialize;
use serde_json::Value;
use vitrine_kit::duration;
use vitrine_observe_search::people;
use vitrine_observe_store::{SpanQuery, TraceQuery};

use crate::error::Error;
use crate::logs::time_ns;
use crate::spans::{self, SpanBounds};

/// What a request looks like, for who sent another.
const SHAPE: &str =
    r#"{"scope": {"start": …, "end": …, "query": "…"}, "selection": {"query": "…"}, "baseline": {"query": "…"}}"#;

/// A request as it is written. Fields that are not known are a mistake, because they may have been meant to matter.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    scope: Scope,
    selection: Set,
    baseline: Option<Set>,
    #[serde(default)]
    show_varied: bool,
    #[serde(default = "usual_time")]
    time: bool,
}

fn usual_time() -> bool {
    true
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scope {
    start: Value,
    end: Value,
    #[serde(default)]
    query: String,
    spans: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    start: Option<Value>,
    end: Option<Value>,
    #[serde(default)]
    query: String,
    min_duration: Option<Value>,
    max_duration: Option<Value>,
}

/// What is to be compared.
#[derive(Debug, PartialEq)]
pub(super) struct Comparison {
    scope: Vec<TraceQuery>,
    roots: bool,
    selection: Vec<TraceQuery>,
    baseline: Vec<TraceQuery>,
    /// Whether attributes are shown of whose values more than half are distinct.
    pub show_varied: bool,
    /// Whether it is asked where the time went.
    pub time: bool,
}

impl Comparison {
    /// Reads a request.
    pub(super) fn read(body: &[u8]) -> Result<Self, Error> {
        let request: Request = serde_json::from_slice(body)
            .map_err(|error| Error::Question(format!("the body is no comparison: {error}; expected {SHAPE}")))?;
        let Scope { start, end, query, spans } = &request.scope;
        let bounds = SpanBounds {
            start_ns: time("scope.start", start)?,
            end_ns: time("scope.end", end)?,
            ..SpanBounds::default()
        };
        check("scope", bounds)?;
        let scope = vec![bounds.query(), parsed("scope.query", query)?];
        Ok(Self {
            scope,
            roots: spans::roots("scope.spans", spans.as_deref())?,
            selection: request.selection.conditions("selection", bounds)?,
            baseline: request.baseline.unwrap_or_default().conditions("baseline", bounds)?,
            show_varied: request.show_varied,
            time: request.time,
        })
    }

    /// Of spans those selected, then the baseline.
    pub(super) fn parts(&self) -> Vec<SpanQuery> {
        let part = |set: &[TraceQuery]| SpanQuery { all: [&self.scope[..], set].concat(), roots: self.roots };
        vec![part(&self.selection), part(&self.baseline)]
    }
}

impl Set {
    fn conditions(&self, name: &str, scope: SpanBounds) -> Result<Vec<TraceQuery>, Error> {
        let at = |field: &str| format!("{name}.{field}");
        let time_of = |field: &str, value: &Option<Value>, usual| match value {
            Some(value) => time(&at(field), value),
            None => Ok(usual),
        };
        let duration_of =
            |field: &str, value: &Option<Value>| value.as_ref().map(|value| duration_ns(&at(field), value)).transpose();
        let bounds = SpanBounds {
            start_ns: time_of("start", &self.start, scope.start_ns)?,
            end_ns: time_of("end", &self.end, scope.end_ns)?,
            min_duration_ns: duration_of("min_duration", &self.min_duration)?,
            max_duration_ns: duration_of("max_duration", &self.max_duration)?,
        };
        check(name, bounds)?;
        Ok(vec![bounds.query(), parsed(&at("query"), &self.query)?])
    }
}

fn parsed(field: &str, text: &str) -> Result<TraceQuery, Error> {
    let query = people::Query::parse(text).map_err(|error| Error::Question(format!("{field}: {error}")))?;
    spans::of_query(field, &query)
}

/// Refuses bounds that no span is within.
fn check(name: &str, bounds: SpanBounds) -> Result<(), Error> {
    if !bounds.is_empty() {
        return Ok(());
    }
    let expected = "expected a start before the end, and a min_duration of at most max_duration";
    Err(Error::Question(format!("{name}: no span can be within these bounds; {expected}")))
}

fn shown(value: &Value) -> String {
    value.to_string().chars().take(64).collect()
}

/// A time as text or number.
fn time(field: &str, value: &Value) -> Result<u64, Error> {
    let found = match value {
        Value::String(text) => time_ns(text),
        Value::Number(number) => time_ns(&number.to_string()),
        _ => None,
    };
    let expected = "expected a time such as 2026-11-28T21:05:00Z, or a whole number of s, ms, µs or ns since 1970";
    found.ok_or_else(|| Error::Question(format!("{field}: {} found; {expected}", shown(value))))
}

/// A duration as text, or as a number of nanoseconds.
fn duration_ns(field: &str, value: &Value) -> Result<u64, Error> {
    let found = match value {
        Value::String(text) => duration::parse(text).and_then(|time| u64::try_from(time.as_nanos()).ok()),
        Value::Number(number) => number.as_u64(),
        _ => None,
    };
    let expected = "expected a duration such as 1.5s or 100ms, or a whole number of ns";
    found.ok_or_else(|| Error::Question(format!("{field}: {} found; {expected}", shown(value))))
}

#[cfg(test)]
mod tests {
    use super::Comparison;

    fn read(text: &str) -> Result<Comparison, String> {
        Comparison::read(text.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_request_is_two_parts_of_a_scope() {
        let asked = read(
            r#"{"scope": {"start": 1700000000, "end": "2023-11-14T23:13:20Z", "query": "service:a", "spans": "roots"},
                "selection": {"min_duration": "2s", "query": "status:error"}, "baseline": {"end": "1700000060", "max_duration": 7}}"#,
        )
        .expect("sound");
        let [selection, baseline] = &asked.parts()[..] else { panic!("two parts") };
        assert!(selection.roots && baseline.roots && asked.time && !asked.show_varied);
        assert_eq!(selection.all[1].service.as_deref(), Some("a"));
        assert_eq!(selection.all[2].min_duration_ns, Some(2_000_000_000));
        assert_eq!(selection.all[2].start_max_ns, Some(1_700_003_599_999_999_999));
        assert_eq!(selection.all[3].tags, [("error".to_owned(), "true".to_owned())]);
        assert_eq!(baseline.all[2].start_max_ns, Some(1_700_000_059_999_999_999));
        assert_eq!(baseline.all[2].max_duration_ns, Some(7));
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        let scope = r#""scope": {"start": 1, "end": 2}"#;
        for (request, expected) in [
            ("[]".to_owned(), "the body is no comparison"),
            (format!("{{{scope}}}"), "missing field `selection`"),
            (format!("{{{scope}, \"selection\": {{}}, \"base\": {{}}}}"), "unknown field `base`"),
            (r#"{"scope": {"start": 2, "end": 2}, "selection": {}}"#.to_owned(), "scope: no span can be within"),
            (
                r#"{"scope": {"start": "now", "end": 2}, "selection": {}}"#.to_owned(),
                "scope.start: \"now\" found; expected a time",
            ),
            (
                format!("{{{scope}, \"selection\": {{\"query\": \"a OR b\"}}}}"),
                "selection.query: a OR b cannot be asked of traces",
            ),
            (format!("{{{scope}, \"selection\": {{\"query\": \"(\"}}}}"), "selection.query: "),
            (
                format!("{{{scope}, \"selection\": {{\"max_duration\": -1}}}}"),
                "selection.max_duration: -1 found; expected a duration",
            ),
            (
                format!("{{{scope}, \"selection\": {{}}, \"baseline\": {{\"start\": 3}}}}"),
                "baseline: no span can be within",
            ),
        ] {
            let error = read(&request).expect_err(&request);
            assert!(error.contains(expected), "{request}: {error}");
        }
    }
}
