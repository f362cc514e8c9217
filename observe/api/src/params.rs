//! Query parameters as Jaeger reads them.

use std::collections::BTreeMap;

use vitrine_observe_store::TraceQuery;
use vitrine_observe_store::model::TraceId;

use crate::error::Error;

/// Traces returned when no limit is given, as in Jaeger.
const DEFAULT_LIMIT: usize = 100;
/// Traces returned at most.
const MAX_LIMIT: usize = 1500;
const NANOS_PER_MICRO: u64 = 1_000;
const NANOS_PER_MILLI: u64 = 1_000_000;

/// The parameters of a request, in order, repeated ones included.
pub(crate) type Pairs = Vec<(String, String)>;

/// What `/jaeger/api/traces` asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TracesQuery {
    /// These traces.
    Ids(Vec<TraceId>),
    /// Traces that match.
    Search(TraceQuery),
}

/// The first value of a parameter; an empty one counts as absent.
pub(crate) fn get<'a>(pairs: &'a Pairs, name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
}

/// Reads a trace id.
pub(crate) fn trace_id(text: &str) -> Result<TraceId, Error> {
    TraceId::parse(text).map_err(|error| Error::parameter("traceID", error.to_string()))
}

/// Reads the parameters of `/jaeger/api/traces`. `now_ns` is what `lookback` counts from when there is no `end`.
pub(crate) fn traces_query(pairs: &Pairs, now_ns: u64) -> Result<TracesQuery, Error> {
    let ids: Vec<&str> = pairs.iter().filter(|(key, _)| key == "traceID").map(|(_, value)| value.as_str()).collect();
    if ids.len() > MAX_LIMIT {
        return Err(Error::parameter("traceID", format!("{} ids; expected at most {MAX_LIMIT}", ids.len())));
    }
    if !ids.is_empty() {
        return ids.into_iter().map(trace_id).collect::<Result<_, _>>().map(TracesQuery::Ids);
    }
    let service =
        get(pairs, "service").ok_or_else(|| Error::parameter("service", "parameter 'service' is required"))?;
    let min_duration_ns = duration_param(pairs, "minDuration")?;
    let max_duration_ns = duration_param(pairs, "maxDuration")?;
    if let (Some(min), Some(max)) = (min_duration_ns, max_duration_ns)
        && min > max
    {
        return Err(Error::parameter("maxDuration", "'maxDuration' should be greater than 'minDuration'"));
    }
    let start_max_ns = micros_param(pairs, "end")?;
    let start_min_ns = match micros_param(pairs, "start")? {
        Some(start) => Some(start),
        None => lookback(pairs)?.map(|lookback| start_max_ns.unwrap_or(now_ns).saturating_sub(lookback)),
    };
    Ok(TracesQuery::Search(TraceQuery {
        service: Some(service.to_owned()),
        operation: get(pairs, "operation").map(str::to_owned),
        tags: tags(pairs)?,
        start_min_ns,
        // Jaeger counts in microseconds, so "until" includes all nanoseconds of the last one.
        start_max_ns: start_max_ns.map(|end| end.saturating_add(NANOS_PER_MICRO - 1)),
        min_duration_ns,
        max_duration_ns: max_duration_ns.map(|max| max.saturating_add(NANOS_PER_MICRO - 1)),
        limit: limit(pairs)?,
    }))
}

/// Reads the time of `/jaeger/api/dependencies` (milliseconds): earliest and latest start in nanoseconds.
pub(crate) fn dependencies_time(pairs: &Pairs, now_ns: u64) -> Result<(u64, u64), Error> {
    let end = number_param(pairs, "endTs", "milliseconds since 1970")?.map(|ms| ms.saturating_mul(NANOS_PER_MILLI));
    let end = end.unwrap_or(now_ns);
    let lookback = number_param(pairs, "lookback", "milliseconds")?.map(|ms| ms.saturating_mul(NANOS_PER_MILLI));
    let start = lookback.map_or(0, |lookback| end.saturating_sub(lookback));
    Ok((start, end.saturating_add(NANOS_PER_MILLI - 1)))
}

fn limit(pairs: &Pairs) -> Result<usize, Error> {
    let limit = number_param(pairs, "limit", "a whole number")?.unwrap_or(0);
    Ok(if limit == 0 { DEFAULT_LIMIT } else { usize::try_from(limit).unwrap_or(MAX_LIMIT).min(MAX_LIMIT) })
}

fn number_param(pairs: &Pairs, name: &'static str, expected: &str) -> Result<Option<u64>, Error> {
    let Some(text) = get(pairs, name) else { return Ok(None) };
    let number = text.parse().map_err(|_| Error::parameter(name, format!("{text:?} found; expected {expected}")))?;
    Ok(Some(number))
}

fn micros_param(pairs: &Pairs, name: &'static str) -> Result<Option<u64>, Error> {
    Ok(number_param(pairs, name, "microseconds since 1970")?.map(|micros| micros.saturating_mul(NANOS_PER_MICRO)))
}

fn duration_param(pairs: &Pairs, name: &'static str) -> Result<Option<u64>, Error> {
    let Some(text) = get(pairs, name) else { return Ok(None) };
    let expected =
        || Error::parameter(name, format!("{text:?} found; expected a duration such as 1.5s, 100ms or 1h30m"));
    duration_ns(text).map(Some).ok_or_else(expected)
}

/// How far back to look; Jaeger's UI sends `custom` when it sends `start` as well.
fn lookback(pairs: &Pairs) -> Result<Option<u64>, Error> {
    if get(pairs, "lookback") == Some("custom") { Ok(None) } else { duration_param(pairs, "lookback") }
}

/// A duration as Go writes it, such as `1.5s` or `1h30m`, in nanoseconds; days (`d`) too, which Jaeger's UI sends.
pub(crate) fn duration_ns(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    let mut rest = text;
    let mut total = 0u64;
    while !rest.is_empty() {
        let number_end = rest.find(|digit: char| !digit.is_ascii_digit() && digit != '.')?;
        let (number, tail) = rest.split_at(number_end);
        let unit_end = tail.find(|digit: char| digit.is_ascii_digit() || digit == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let unit: u64 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => NANOS_PER_MICRO,
            "ms" => NANOS_PER_MILLI,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "d" => 86_400_000_000_000,
            _ => return None,
        };
        total = total.checked_add(scaled(number, unit)?)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

/// A decimal number times a unit, exact for the whole part.
fn scaled(number: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let fraction: f64 = if fraction.is_empty() { 0.0 } else { format!("0.{fraction}").parse().ok()? };
    whole.checked_mul(unit)?.checked_add((fraction * unit as f64).round() as u64)
}

fn tags(pairs: &Pairs) -> Result<Vec<(String, String)>, Error> {
    let mut tags = Vec::new();
    for (name, text) in pairs.iter().filter(|(_, text)| !text.is_empty()) {
        match name.as_str() {
            "tag" => {
                let malformed = || {
                    Error::parameter("tag", format!("malformed 'tag' parameter, expecting key:value, received: {text}"))
                };
                let (key, value) = text.split_once(':').ok_or_else(malformed)?;
                tags.push((key.to_owned(), value.to_owned()));
            }
            "tags" => {
                let malformed = |error| {
                    Error::parameter(
                        "tags",
                        format!("malformed 'tags' parameter, expecting a JSON object of texts: {error}"),
                    )
                };
                let object: BTreeMap<String, serde_json::Value> = serde_json::from_str(text).map_err(malformed)?;
                tags.extend(object.into_iter().map(|(key, value)| (key, tag_text(value))));
            }
            _ => {}
        }
    }
    Ok(tags)
}

/// Jaeger takes texts only; numbers and booleans mean what they say here.
fn tag_text(value: serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    }
}
