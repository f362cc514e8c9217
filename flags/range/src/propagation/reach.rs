//! What requests that were hit do not reach, of what requests of their kind reach else.
//!
//! A request's kind is what it comes in at: the outermost answer of its trace. Requests of other kinds say nothing of it, for they never
//! reach the same.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Entry, MIN_SPANS, Method, share};
use crate::rows::SpanRow;

/// A method is missing where fewer than this part of the requests reach it, of those that would.
const MISSING_BELOW: f64 = 0.5;
/// Fewest of the requests of a kind that reach a method whose absence says anything.
const USUAL_FROM: f64 = 0.25;

/// A method that is not reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Absent {
    /// By which part of the requests that would reach it.
    pub(super) share: f64,
    /// When the first of these came, in nanoseconds since 1970.
    pub(super) since_ns: i64,
}

/// A request: what it came in at, when, and what it reached.
struct Request {
    kind: Method,
    at_ns: i64,
    is_hit: bool,
    reached: HashSet<Method>,
}

/// The requests of answers, one for each trace.
fn requests(
    entries: &[Entry<'_>],
    by_id: &HashMap<(u128, u64), &SpanRow>,
    is_hit: &impl Fn(&SpanRow) -> bool,
) -> Vec<Request> {
    let mut all: HashMap<u128, Request> = HashMap::new();
    // Of a trace without an end (parents may be a circle) nothing is said.
    let mut outermost: HashMap<u128, i64> = HashMap::new();
    for entry in entries {
        let span = entry.span;
        let request = all.entry(span.trace_id).or_insert_with(|| Request {
            kind: Method::default(),
            at_ns: span.time_ns,
            is_hit: false,
            reached: HashSet::new(),
        });
        request.is_hit |= is_hit(span);
        if !entry.is_unanswered {
            request.reached.insert(entry.method.clone());
        }
        let is_outer = !by_id.contains_key(&(span.trace_id, span.parent_span_id));
        if is_outer && !entry.is_unanswered && outermost.get(&span.trace_id).is_none_or(|at| span.time_ns < *at) {
            outermost.insert(span.trace_id, span.time_ns);
            (request.kind, request.at_ns) = (entry.method.clone(), span.time_ns);
        }
    }
    all.into_iter().filter(|(trace, _)| outermost.contains_key(trace)).map(|(_, request)| request).collect()
}

/// How many requests of a kind there are, and how many of them reach each method.
#[derive(Default)]
struct Usual {
    requests: usize,
    reached: HashMap<Method, usize>,
}

fn usual<'a>(requests: impl Iterator<Item = &'a Request>) -> HashMap<&'a Method, Usual> {
    let mut all: HashMap<&Method, Usual> = HashMap::new();
    for request in requests {
        let usual = all.entry(&request.kind).or_default();
        usual.requests += 1;
        for method in &request.reached {
            *usual.reached.entry(method.clone()).or_default() += 1;
        }
    }
    all
}

/// Returns what requests that were hit do not reach: against those of their kind that passed, or, where fewer than [`MIN_SPANS`] did,
/// against those of the time before.
pub(super) fn absent(
    entries: &[Entry<'_>],
    before: &[Entry<'_>],
    by_id: &HashMap<(u128, u64), &SpanRow>,
    is_hit: &impl Fn(&SpanRow) -> bool,
) -> BTreeMap<Method, Absent> {
    let earlier: HashMap<(u128, u64), &SpanRow> =
        before.iter().map(|entry| ((entry.span.trace_id, entry.span.span_id), entry.span)).collect();
    let (now, then) = (requests(entries, by_id, is_hit), requests(before, &earlier, &|_: &SpanRow| false));
    let (passed, then) = (usual(now.iter().filter(|request| !request.is_hit)), usual(then.iter()));
    let of_kind = |kind: &Method| {
        let enough = |usual: &&Usual| usual.requests >= MIN_SPANS;
        passed.get(kind).filter(enough).or_else(|| then.get(kind).filter(enough))
    };
    let mut counts: BTreeMap<Method, (usize, f64, usize, i64)> = BTreeMap::new();
    for request in now.iter().filter(|request| request.is_hit) {
        let Some(usual) = of_kind(&request.kind) else { continue };
        for (method, reaching) in &usual.reached {
            let expected = share(*reaching, usual.requests);
            if expected < USUAL_FROM {
                continue;
            }
            let (n, sum, reached, since_ns) = counts.entry(method.clone()).or_insert((0, 0.0, 0, request.at_ns));
            *n += 1;
            *sum += expected;
            *reached += usize::from(request.reached.contains(method));
            *since_ns = request.at_ns.min(*since_ns);
        }
    }
    let absent = |(method, (n, expected, reached, since_ns)): (Method, (usize, f64, usize, i64))| {
        let is_absent = n >= MIN_SPANS && (reached as f64) < expected * MISSING_BELOW;
        is_absent.then(|| (method, Absent { share: 1.0 - reached as f64 / expected, since_ns }))
    };
    counts.into_iter().filter_map(absent).collect()
}
