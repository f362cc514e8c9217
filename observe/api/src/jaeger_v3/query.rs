//! Query parameters as Jaeger's API v3 reads them: in camel case, and in the snake case of older releases.
//!
//! Source: jaegertracing/jaeger `cmd/jaeger/internal/extension/jaegerquery/internal/apiv3/query_parser.go`.

use vitrine_kit::clock::parse_rfc3339_ns;
use vitrine_observe_store::TraceQuery;

use crate::error::Error;
use crate::jaeger::DEFAULT_LIMIT;
use crate::params::{self, Pairs, get};

/// A parameter's names, the current one first.
type Names = [&'static str; 2];

const SERVICE: Names = ["query.serviceName", "query.service_name"];
const OPERATION: Names = ["query.operationName", "query.operation_name"];
const START_MIN: Names = ["query.startTimeMin", "query.start_time_min"];
const START_MAX: Names = ["query.startTimeMax", "query.start_time_max"];
const DURATION_MIN: Names = ["query.durationMin", "query.duration_min"];
const DURATION_MAX: Names = ["query.durationMax", "query.duration_max"];
/// The third is of before there were two.
const SEARCH_DEPTH: [&str; 3] = ["query.searchDepth", "query.search_depth", "query.num_traces"];
const QUERY_RAW: Names = ["query.rawTraces", "query.raw_traces"];
const START: Names = ["startTime", "start_time"];
const END: Names = ["endTime", "end_time"];
const RAW: Names = ["rawTraces", "raw_traces"];
const KIND: Names = ["spanKind", "span_kind"];
const ATTRIBUTES: &str = "query.attributes";
const FILTER: &str = "query.filter";

/// The value of the first name that has one, and that name.
fn either<'a>(pairs: &'a Pairs, names: &[&'static str]) -> Option<(&'static str, &'a str)> {
    names.iter().find_map(|name| get(pairs, name).map(|value| (*name, value)))
}

fn text(pairs: &Pairs, names: Names) -> Option<String> {
    either(pairs, &names).map(|(_, value)| value.to_owned())
}

/// Reads the parameters of a search, and whether its traces shall be raw.
pub(super) fn search(pairs: &Pairs) -> Result<(TraceQuery, bool), Error> {
    if get(pairs, FILTER).is_some() {
        return Err(Error::parameter(FILTER, "structured filters are not answered; use the other parameters"));
    }
    let (Some(start_min), Some(start_max)) = (time(pairs, START_MIN)?, time(pairs, START_MAX)?) else {
        return Err(Error::Question(format!("{} and {} are required", START_MIN[0], START_MAX[0])));
    };
    let (min_duration_ns, max_duration_ns) = (duration(pairs, DURATION_MIN)?, duration(pairs, DURATION_MAX)?);
    if let (Some(min), Some(max)) = (min_duration_ns, max_duration_ns)
        && min > max
    {
        return Err(Error::parameter(DURATION_MAX[0], "expected at least as much as the minimum"));
    }
    let depth = either(pairs, &SEARCH_DEPTH).map(|(name, _)| params::number(pairs, name, "a whole number"));
    let raw = flag(pairs, QUERY_RAW)?;
    let query = TraceQuery {
        service: text(pairs, SERVICE),
        operation: text(pairs, OPERATION),
        tags: attributes(pairs)?,
        start_min_ns: Some(start_min),
        // The end is not part of the interval.
        start_max_ns: Some(start_max.saturating_sub(1)),
        min_duration_ns,
        max_duration_ns,
        limit: params::limit(depth.transpose()?.flatten(), DEFAULT_LIMIT),
    };
    Ok((query, raw))
}

/// Reads the parameters of one trace: whether it shall be raw. Start and end only help a store that cannot find a trace
/// by its id: they are read, and left alone.
pub(super) fn trace(pairs: &Pairs) -> Result<bool, Error> {
    time(pairs, START)?;
    time(pairs, END)?;
    flag(pairs, RAW)
}

/// Reads the parameters of the operations: a service, and a kind of spans.
pub(super) fn operations(pairs: &Pairs) -> Result<(&str, Option<String>), Error> {
    Ok((get(pairs, "service").ok_or(Error::Required("service"))?, text(pairs, KIND)))
}

/// Reads the parameters of the service graph: earliest and latest start.
pub(super) fn dependencies(pairs: &Pairs) -> Result<(u64, u64), Error> {
    let start = time(pairs, START)?.ok_or(Error::Required(START[0]))?;
    let end = time(pairs, END)?.ok_or(Error::Required(END[0]))?;
    Ok((start, end))
}

fn time(pairs: &Pairs, names: Names) -> Result<Option<u64>, Error> {
    let Some((name, text)) = either(pairs, &names) else { return Ok(None) };
    let malformed = || {
        let expected = "a time of RFC 3339 such as 2026-01-31T12:00:00.5Z";
        Error::parameter(name, format!("{text:?} found; expected {expected}"))
    };
    // Before 1970, or after what 64 bits hold, becomes the nearest that there is.
    let nearest = |ns: i128| u64::try_from(ns.max(0)).unwrap_or(u64::MAX);
    parse_rfc3339_ns(text).map(nearest).map(Some).ok_or_else(malformed)
}

fn duration(pairs: &Pairs, names: Names) -> Result<Option<u64>, Error> {
    either(pairs, &names).map_or(Ok(None), |(name, _)| params::duration(pairs, name))
}

fn flag(pairs: &Pairs, names: Names) -> Result<bool, Error> {
    either(pairs, &names).map_or(Ok(false), |(name, _)| params::flag(pairs, name))
}

fn attributes(pairs: &Pairs) -> Result<Vec<(String, String)>, Error> {
    let malformed = |error| Error::parameter(ATTRIBUTES, format!("expected a JSON object of texts: {error}"));
    get(pairs, ATTRIBUTES).map_or(Ok(Vec::new()), |text| params::json_tags(text).map_err(malformed))
}
