//! Query parameters, as all protocols read them.

use vitrine_observe_store::model::TraceId;

use crate::error::Error;
use crate::time::NANOS_PER_MILLI;

/// Traces returned at most, whatever the limit asked for.
pub(crate) const MAX_LIMIT: usize = 1_500;

/// The parameters of a request, in order, repeated ones included.
pub(crate) type Pairs = Vec<(String, String)>;

/// The first value of a parameter; an empty one counts as absent.
pub(crate) fn get<'a>(pairs: &'a Pairs, name: &str) -> Option<&'a str> {
    get_all(pairs, name).next()
}

/// All values of a parameter that are not empty.
pub(crate) fn get_all<'a>(pairs: &'a Pairs, name: &str) -> impl Iterator<Item = &'a str> {
    pairs.iter().filter(move |(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
}

/// Reads a trace id.
pub(crate) fn trace_id(name: &'static str, text: &str) -> Result<TraceId, Error> {
    TraceId::parse(text).map_err(|error| Error::parameter(name, error.to_string()))
}

/// A whole number; what it counts is said in an error.
pub(crate) fn number(pairs: &Pairs, name: &'static str, expected: &str) -> Result<Option<u64>, Error> {
    let malformed = |text: &str| Error::parameter(name, format!("{text:?} found; expected {expected}"));
    get(pairs, name).map(|text| text.parse().map_err(|_| malformed(text))).transpose()
}

/// A number of milliseconds, in nanoseconds.
pub(crate) fn millis(pairs: &Pairs, name: &'static str, expected: &str) -> Result<Option<u64>, Error> {
    Ok(number(pairs, name, expected)?.map(|ms| ms.saturating_mul(NANOS_PER_MILLI)))
}

/// A yes or no, as Go reads it.
pub(crate) fn flag(pairs: &Pairs, name: &'static str) -> Result<bool, Error> {
    match get(pairs, name) {
        None | Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
        Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
        Some(text) => Err(Error::parameter(name, format!("{text:?} found; expected true or false"))),
    }
}

/// A duration as Go writes it, in nanoseconds.
pub(crate) fn duration(pairs: &Pairs, name: &'static str) -> Result<Option<u64>, Error> {
    let malformed =
        |text| Error::parameter(name, format!("{text:?} found; expected a duration such as 1.5s, 100ms or 1h30m"));
    let nanos = |text| u64::try_from(vitrine_kit::duration::parse(text)?.as_nanos()).ok();
    get(pairs, name).map(|text| nanos(text).ok_or_else(|| malformed(text))).transpose()
}

/// How many traces may be returned.
pub(crate) fn limit(asked: Option<u64>, default: usize) -> usize {
    match asked {
        None | Some(0) => default,
        Some(limit) => usize::try_from(limit).unwrap_or(MAX_LIMIT).min(MAX_LIMIT),
    }
}

/// Keys and values out of a JSON object. Jaeger takes texts only; numbers and booleans mean what they say here.
pub(crate) fn json_tags(text: &str) -> Result<Vec<(String, String)>, serde_json::Error> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text)?;
    let value_text = |value| match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    Ok(object.into_iter().map(|(key, value)| (key, value_text(value))).collect())
}
