//! Query parameters as Jaeger's API v1 reads them.
//!
//! Source: jaegertracing/jaeger `cmd/jaeger/internal/extension/jaegerquery/internal/query_parser.go`.

use vitrine_observe_store::TraceQuery;
use vitrine_observe_store::model::TraceId;

use crate::error::Error;
use crate::params::{self, MAX_LIMIT, Pairs, get, get_all};
use crate::time::{NANOS_PER_MICRO, NANOS_PER_MILLI, NANOS_PER_SECOND};

/// Traces returned when no limit is given, as in Jaeger.
pub(crate) const DEFAULT_LIMIT: usize = 100;
/// How far the service graph looks back when nothing is said: a day, as in Jaeger.
const GRAPH_LOOKBACK_NS: u64 = 86_400 * NANOS_PER_SECOND;

/// What `/api/traces` asks for.
pub(crate) enum TracesQuery {
    /// These traces.
    Ids(Vec<TraceId>),
    /// Traces that match.
    Search(TraceQuery),
}

/// Reads the parameters of `/api/traces`. `now_ns` is what `lookback` counts from when there is no `end`.
pub(crate) fn traces(pairs: &Pairs, now_ns: u64) -> Result<TracesQuery, Error> {
    let ids: Vec<&str> = get_all(pairs, "traceID").collect();
    if ids.len() > MAX_LIMIT {
        return Err(Error::parameter("traceID", format!("{} ids; expected at most {MAX_LIMIT}", ids.len())));
    }
    if !ids.is_empty() {
        let ids = ids.into_iter().map(|id| params::trace_id("traceID", id));
        return ids.collect::<Result<_, _>>().map(TracesQuery::Ids);
    }
    let service = get(pairs, "service").ok_or(Error::Required("service"))?;
    let min_duration_ns = params::duration(pairs, "minDuration")?;
    let max_duration_ns = params::duration(pairs, "maxDuration")?;
    if let (Some(min), Some(max)) = (min_duration_ns, max_duration_ns)
        && min > max
    {
        return Err(Error::Question("'maxDuration' should be greater than 'minDuration'".to_owned()));
    }
    let start_max_ns = micros(pairs, "end")?;
    let start_min_ns = match micros(pairs, "start")? {
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
        limit: params::limit(params::number(pairs, "limit", "a whole number")?, DEFAULT_LIMIT),
    }))
}

/// Reads the parameters of one trace: whether it shall be raw. Start and end only help a store that cannot find a trace
/// by its id: they are read, and left alone.
pub(crate) fn trace(pairs: &Pairs) -> Result<bool, Error> {
    micros(pairs, "start")?;
    micros(pairs, "end")?;
    params::flag(pairs, "raw")
}

/// Reads the time of `/api/dependencies` (milliseconds): earliest and latest start in nanoseconds.
pub(crate) fn dependencies(pairs: &Pairs, now_ns: u64) -> Result<(u64, u64), Error> {
    let end = params::millis(pairs, "endTs", "milliseconds since 1970")?.unwrap_or(now_ns);
    let lookback = params::millis(pairs, "lookback", "milliseconds")?.unwrap_or(GRAPH_LOOKBACK_NS);
    Ok((end.saturating_sub(lookback), end.saturating_add(NANOS_PER_MILLI - 1)))
}

fn micros(pairs: &Pairs, name: &'static str) -> Result<Option<u64>, Error> {
    let micros = params::number(pairs, name, "microseconds since 1970")?;
    Ok(micros.map(|micros| micros.saturating_mul(NANOS_PER_MICRO)))
}

/// How far back to look; Jaeger's UI sends `custom` when it sends `start` as well.
fn lookback(pairs: &Pairs) -> Result<Option<u64>, Error> {
    if get(pairs, "lookback") == Some("custom") { Ok(None) } else { params::duration(pairs, "lookback") }
}

fn tags(pairs: &Pairs) -> Result<Vec<(String, String)>, Error> {
    let mut tags = Vec::new();
    for text in get_all(pairs, "tag") {
        let malformed = || Error::Question(format!("malformed 'tag' parameter, expecting key:value, received: {text}"));
        let (key, value) = text.split_once(':').ok_or_else(malformed)?;
        tags.push((key.to_owned(), value.to_owned()));
    }
    for text in get_all(pairs, "tags") {
        let malformed = |error| Error::Question(format!("malformed 'tags' parameter, cannot unmarshal JSON: {error}"));
        tags.extend(params::json_tags(text).map_err(malformed)?);
    }
    Ok(tags)
}
