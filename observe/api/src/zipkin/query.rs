//! Query parameters as Zipkin reads them.
//!
//! Sources: openzipkin/zipkin-api `zipkin2-api.yaml`; openzipkin/zipkin `zipkin2/storage/QueryRequest.java` (checks and
//! their words) and `zipkin2/Span.java` (ids).

use vitrine_observe_store::model::conventions::PEER_SERVICE;
use vitrine_observe_store::model::{SpanRow, TraceId};
use vitrine_observe_store::{Trace, TraceQuery};

use super::span::trace_id;
use crate::error::Error;
use crate::params::{self, MAX_LIMIT, Pairs, get};
use crate::time::{NANOS_PER_MICRO, NANOS_PER_MILLI, NANOS_PER_SECOND};

/// Traces returned when no limit is given, as in Zipkin.
const DEFAULT_LIMIT: usize = 10;
/// How far back to look when nothing is said: a day, as in Zipkin.
const LOOKBACK_NS: u64 = 86_400 * NANOS_PER_SECOND;

/// What `/api/v2/traces` asks for.
pub(super) struct Search {
    /// What the engine looks for.
    pub(super) query: TraceQuery,
    /// Names of tags, or values of annotations, that must be in the trace. The engine looks for values of tags only.
    words: Vec<String>,
    /// Traces to return at most.
    pub(super) limit: usize,
}

impl Search {
    /// Whether the words are in the trace, on spans of the service if one is asked for.
    pub(super) fn matches(&self, trace: &Trace) -> bool {
        let service = self.query.service.as_deref();
        let mut spans = trace.spans.iter().filter(|span| service.is_none_or(|service| span.service == service));
        self.words.is_empty() || spans.any(|span| self.words.iter().all(|word| has(span, word)))
    }
}

fn has(span: &SpanRow, word: &str) -> bool {
    let tags = span.attributes.iter().chain(&span.resource);
    tags.map(|attribute| &attribute.key).any(|key| key == word) || span.events.iter().any(|event| event.name == word)
}

/// Reads the parameters of `/api/v2/traces`.
pub(super) fn search(pairs: &Pairs, now_ns: u64) -> Result<Search, Error> {
    let limit = positive(pairs, "limit", "a whole number")?;
    let end_ns = positive(pairs, "endTs", "milliseconds since 1970")?.map_or(now_ns, nanos);
    let lookback_ns = positive(pairs, "lookback", "milliseconds")?.map_or(LOOKBACK_NS, nanos);
    let min_duration = positive(pairs, "minDuration", "microseconds")?;
    let max_duration = params::number(pairs, "maxDuration", "microseconds")?;
    match (min_duration, max_duration) {
        (None, Some(_)) => return Err(question("maxDuration is only valid with minDuration")),
        (Some(min), Some(max)) if max < min => return Err(question("maxDuration < minDuration")),
        _ => {}
    }
    let named = |name| get(pairs, name).filter(|value| *value != "all").map(str::to_owned);
    let (mut tags, words) = annotation_query(get(pairs, "annotationQuery").unwrap_or_default());
    tags.extend(named("remoteServiceName").map(|peer| (PEER_SERVICE.to_owned(), peer)));
    let limit = params::limit(limit, DEFAULT_LIMIT);
    let query = TraceQuery {
        service: named("serviceName"),
        operation: named("spanName"),
        tags,
        start_min_ns: Some(end_ns.saturating_sub(lookback_ns)),
        start_max_ns: Some(end_ns.saturating_add(NANOS_PER_MILLI - 1)),
        min_duration_ns: min_duration.map(|min| min.saturating_mul(NANOS_PER_MICRO)),
        max_duration_ns: max_duration.map(|max| max.saturating_add(1).saturating_mul(NANOS_PER_MICRO) - 1),
        // What has the words is only known when the trace is read.
        limit: if words.is_empty() { limit } else { MAX_LIMIT },
    };
    Ok(Search { query, words, limit })
}

/// Conditions such as `http.method=GET and cache.miss`: tags with their values, and words.
fn annotation_query(text: &str) -> (Vec<(String, String)>, Vec<String>) {
    let (mut tags, mut words) = (Vec::new(), Vec::new());
    for condition in text.split(" and ").map(str::trim).filter(|condition| !condition.is_empty()) {
        match condition.split_once('=') {
            Some((key, value)) => tags.push((key.trim().to_owned(), value.trim().to_owned())),
            // Every failed span has this tag; no word is asked for more often.
            None if condition == "error" => tags.push(("error".to_owned(), "true".to_owned())),
            None => words.push(condition.to_owned()),
        }
    }
    (tags, words)
}

/// Reads the time of `/api/v2/dependencies`: earliest and latest start in nanoseconds.
pub(super) fn dependencies(pairs: &Pairs) -> Result<(u64, u64), Error> {
    let end = positive(pairs, "endTs", "milliseconds since 1970")?.map(nanos).ok_or(Error::Required("endTs"))?;
    let lookback = positive(pairs, "lookback", "milliseconds")?.map_or(LOOKBACK_NS, nanos);
    Ok((end.saturating_sub(lookback), end.saturating_add(NANOS_PER_MILLI - 1)))
}

/// Reads the ids of `/api/v2/traceMany`.
pub(super) fn trace_ids(pairs: &Pairs) -> Result<Vec<TraceId>, Error> {
    let text = get(pairs, "traceIds").ok_or_else(|| question("traceIds parameter is empty"))?;
    let mut ids: Vec<TraceId> = Vec::new();
    for text in text.split(',') {
        let id = parse_id(text)?;
        if ids.contains(&id) {
            return Err(Error::Question(format!("redundant traceId: {}", trace_id(id))));
        }
        ids.push(id);
        if ids.len() > MAX_LIMIT {
            return Err(Error::parameter("traceIds", format!("expected at most {MAX_LIMIT} ids")));
        }
    }
    if ids.len() == 1 {
        return Err(question("Use /api/v2/trace/{traceId} endpoint to retrieve a single trace"));
    }
    Ok(ids)
}

/// Reads a trace id.
pub(super) fn parse_id(text: &str) -> Result<TraceId, Error> {
    const MAX_DIGITS: usize = 32;
    let text = text.trim();
    TraceId::parse(text).map_err(|_| match text {
        "" => question("traceId is empty"),
        text if text.len() > MAX_DIGITS => question("traceId.length > 32"),
        text if text.bytes().all(|digit| digit == b'0') => question("traceId is all zeros"),
        text => Error::Question(format!("{text} should be lower-hex encoded with no prefix")),
    })
}

fn question(problem: &str) -> Error {
    Error::Question(problem.to_owned())
}

fn nanos(ms: u64) -> u64 {
    ms.saturating_mul(NANOS_PER_MILLI)
}

/// A number that must not be zero.
fn positive(pairs: &Pairs, name: &'static str, expected: &str) -> Result<Option<u64>, Error> {
    match params::number(pairs, name, expected)? {
        Some(0) => Err(Error::Question(format!("{name} <= 0"))),
        number => Ok(number),
    }
}
