//! Where trouble went: read from the spans of calls that were hit, against those of the same time that were not.
//!
//! A method suffers where, in traces that were hit, it is slower or fails more often than in traces that passed, or is not reached by
//! requests of a kind that else reach it. Trouble goes from a method to the one that called it where both suffer in one trace, and from a
//! publisher to who handles its event. Nothing is guessed from a topology; a path is only [compared](unpredicted) with one.
//!
//! Where too few passed, as where all are hit, those of the baseline stand for them; of a fault outside of traces all that came while it was
//! at work were hit.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

mod reach;

use crate::record::{Edge, Node, Propagation, Symptom, Via};
use crate::rows::{SpanRow, Window, kind};
use reach::Absent;

/// Fewest spans of a method on each side that are compared.
const MIN_SPANS: usize = 3;
/// A method is slow where the middle of its hit calls is so many times as long as the middle of those that passed,
const SLOWER_TIMES: f64 = 1.5;
/// and by so many nanoseconds longer.
const SLOWER_BY_NS: f64 = 5e6;
/// A method fails where so much more of its calls do.
const FAILS_BY: f64 = 0.1;
/// Fewest of the traces with both in which trouble went from one to the other.
const SHARED_FROM: f64 = 0.2;
/// Deepest way up through a trace: parents may be a circle.
const MAX_UP: usize = 64;

/// A method of a service.
type Method = (String, String);

/// One answer of a method in a trace.
struct Entry<'a> {
    method: Method,
    span: &'a SpanRow,
    /// Of a call that nobody answered: the caller's span.
    is_unanswered: bool,
}

/// What is known of a method.
#[derive(Default)]
struct Seen {
    hit_ns: Vec<f64>,
    passed_ns: Vec<f64>,
    hit_failed: usize,
    passed_failed: usize,
    first_ns: Option<i64>,
}

/// Returns the spans of traces that began within a window, and of events that they published, whenever these spans began: what a slow
/// request reaches after the end of a window is not missing.
pub fn begun_in(spans: &[SpanRow], window: Window) -> Vec<SpanRow> {
    let mut began: HashMap<u128, i64> = HashMap::new();
    for span in spans {
        let at = began.entry(span.trace_id).or_insert(span.time_ns);
        *at = span.time_ns.min(*at);
    }
    let is_within = |trace: &u128| began.get(trace).is_some_and(|at| window.holds(*at));
    // An event's handling is a trace of its own, and counts with the one that published it, where that is known.
    let of = |span: &SpanRow| span.link.map(|(trace, _)| trace).filter(|trace| began.contains_key(trace));
    spans.iter().filter(|span| is_within(&of(span).unwrap_or(span.trace_id))).cloned().collect()
}

/// Reads where trouble went: spans of the time in which a fault was at work and of the time before it, and the traces that it hit.
pub fn read(during: &[SpanRow], before: &[SpanRow], hit: &HashSet<u128>) -> Propagation {
    let by_id: HashMap<(u128, u64), &SpanRow> =
        during.iter().map(|span| ((span.trace_id, span.span_id), span)).collect();
    let is_hit = |span: &SpanRow| {
        hit.is_empty() || hit.contains(&span.trace_id) || span.link.is_some_and(|(trace, _)| hit.contains(&trace))
    };
    let (entries, usual) = (entries(during), entries(before));
    let mut seen = gather(&entries, &is_hit);
    for (method, earlier) in gather(&usual, &|_: &SpanRow| false) {
        if let Some(seen) = seen.get_mut(&method).filter(|seen| seen.passed_ns.len() < MIN_SPANS) {
            seen.passed_ns.extend(earlier.passed_ns);
            seen.passed_failed += earlier.passed_failed;
        }
    }
    let absent = reach::absent(&entries, &usual, &by_id, &is_hit);
    let methods: BTreeSet<&Method> = seen.keys().chain(absent.keys()).collect();
    let nodes: Vec<Node> =
        methods.into_iter().filter_map(|method| node(method, seen.get(method), absent.get(method))).collect();
    let suffering: HashMap<Method, &Node> =
        nodes.iter().map(|node| ((node.service.clone(), node.method.clone()), node)).collect();
    let edges = edges(&entries, &by_id, &suffering, &seen, &is_hit);
    let surface = surface(&nodes, &edges);
    Propagation { nodes, edges, surface }
}

fn entries(spans: &[SpanRow]) -> Vec<Entry<'_>> {
    let answered: HashSet<(u128, u64)> = spans
        .iter()
        .filter(|span| span.kind == kind::SERVER)
        .map(|span| (span.trace_id, span.parent_span_id))
        .collect();
    spans.iter().filter_map(|span| entry(span, &answered)).collect()
}

fn entry<'a>(span: &'a SpanRow, answered: &HashSet<(u128, u64)>) -> Option<Entry<'a>> {
    match span.kind.as_str() {
        kind::SERVER | kind::CONSUMER => {
            Some(Entry { method: (span.service.clone(), span.name.clone()), span, is_unanswered: false })
        }
        kind::CLIENT if !answered.contains(&(span.trace_id, span.span_id)) => {
            let callee = span.attributes.get("server.address")?;
            Some(Entry { method: (callee.clone(), span.name.clone()), span, is_unanswered: true })
        }
        _ => None,
    }
}

fn gather(entries: &[Entry<'_>], is_hit: &impl Fn(&SpanRow) -> bool) -> BTreeMap<Method, Seen> {
    let mut all: BTreeMap<Method, Seen> = BTreeMap::new();
    for entry in entries {
        let seen = all.entry(entry.method.clone()).or_default();
        let (span, failed) = (entry.span, usize::from(entry.span.is_error));
        if is_hit(span) {
            seen.hit_ns.push(span.duration_ns as f64);
            seen.hit_failed += failed;
            seen.first_ns = Some(seen.first_ns.map_or(span.time_ns, |first| first.min(span.time_ns)));
        } else {
            seen.passed_ns.push(span.duration_ns as f64);
            seen.passed_failed += failed;
        }
    }
    all
}

/// The middle of these; 0 of none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

pub(crate) fn share(part: usize, of: usize) -> f64 {
    if of == 0 { 0.0 } else { part as f64 / of as f64 }
}

fn node(method: &Method, seen: Option<&Seen>, absent: Option<&Absent>) -> Option<Node> {
    let suffers = |symptom, size, at| {
        let (service, method) = method.clone();
        Some(Node { service, method, symptom, at, size })
    };
    if let Some(absent) = absent {
        return suffers(Symptom::Missing, absent.share, absent.since_ns);
    }
    let seen = seen?;
    let at = seen.first_ns.unwrap_or_default();
    if seen.hit_ns.len() < MIN_SPANS {
        return None;
    }
    let failing = share(seen.hit_failed, seen.hit_ns.len());
    if failing >= share(seen.passed_failed, seen.passed_ns.len()) + FAILS_BY {
        return suffers(Symptom::Failing, failing, at);
    }
    let (hit, passed) = (median(&seen.hit_ns), median(&seen.passed_ns));
    let is_slow = seen.passed_ns.len() >= MIN_SPANS && hit >= passed * SLOWER_TIMES && hit >= passed + SLOWER_BY_NS;
    if is_slow { suffers(Symptom::Slow, hit / passed.max(1.0), at) } else { None }
}

/// Whether one answer is as bad as its method is said to be; `usual_ns` is how long that takes where nothing is wrong.
fn is_bad(entry: &Entry<'_>, node: &Node, usual_ns: f64) -> bool {
    match node.symptom {
        Symptom::Slow => entry.span.duration_ns as f64 >= usual_ns + SLOWER_BY_NS,
        _ => entry.span.is_error || entry.is_unanswered,
    }
}

/// The nearest answer above a span, in the same trace; of an event, the span that published it.
fn above<'a>(span: &'a SpanRow, by_id: &HashMap<(u128, u64), &'a SpanRow>) -> Option<(&'a SpanRow, Via)> {
    if span.kind == kind::CONSUMER
        && let Some(publisher) = span.link.and_then(|link| by_id.get(&link))
    {
        return Some((publisher, Via::Event));
    }
    let mut at = span;
    for _ in 0..MAX_UP {
        at = by_id.get(&(at.trace_id, at.parent_span_id))?;
        if at.kind == kind::SERVER || at.kind == kind::CONSUMER {
            return Some((at, Via::Call));
        }
    }
    None
}

fn edges<'a>(
    entries: &[Entry<'a>],
    by_id: &HashMap<(u128, u64), &'a SpanRow>,
    suffering: &HashMap<Method, &Node>,
    seen: &BTreeMap<Method, Seen>,
    is_hit: &impl Fn(&SpanRow) -> bool,
) -> Vec<Edge> {
    // A median sorts all of a method's calls: once for each method, and not for each call.
    let usual_ns: HashMap<&Method, f64> =
        suffering.keys().map(|method| (method, seen.get(method).map_or(0.0, |seen| median(&seen.passed_ns)))).collect();
    let mut counts: BTreeMap<(String, String, Via), (usize, usize)> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| is_hit(entry.span)) {
        let Some((other, via)) = above(entry.span, by_id) else { continue };
        let other_method = (other.service.clone(), other.name.clone());
        let (Some(own), Some(others)) = (suffering.get(&entry.method), suffering.get(&other_method)) else { continue };
        if own.service == others.service {
            continue;
        }
        // A call's trouble goes up to its caller; an event's down to who handles it.
        let key = match via {
            Via::Event => (others.service.clone(), own.service.clone(), via),
            _ => (own.service.clone(), others.service.clone(), via),
        };
        let up = Entry { method: other_method.clone(), span: other, is_unanswered: false };
        let (both, total) = counts.entry(key).or_default();
        *total += 1;
        *both +=
            usize::from(is_bad(entry, own, usual_ns[&entry.method]) && is_bad(&up, others, usual_ns[&other_method]));
    }
    let edge = |((from, to, via), (both, total)): ((String, String, Via), (usize, usize))| Edge {
        from,
        to,
        via,
        share: share(both, total),
    };
    counts.into_iter().map(edge).filter(|edge| edge.share >= SHARED_FROM).collect()
}

fn surface(nodes: &[Node], edges: &[Edge]) -> Vec<String> {
    let all: BTreeSet<&String> = nodes.iter().map(|node| &node.service).collect();
    let goes_on = |service: &String| edges.iter().any(|edge| edge.from == *service);
    all.into_iter().filter(|service| !goes_on(service)).cloned().collect()
}

/// Returns the services on a path that no call leads to from a cause: who calls it, who calls those, and whom events reach from there.
///
/// `calls` has callers and whom they call, `events` who publishes and who handles.
pub fn unpredicted(
    found: &Propagation,
    causes: &[String],
    calls: &[(String, String)],
    events: &[(String, String)],
) -> Vec<String> {
    let mut reached: BTreeSet<&String> = causes.iter().collect();
    loop {
        let up = calls.iter().filter(|(_, callee)| reached.contains(callee)).map(|(caller, _)| caller);
        let down = events.iter().filter(|(publisher, _)| reached.contains(publisher)).map(|(_, handler)| handler);
        let more: Vec<&String> = up.chain(down).filter(|service| !reached.contains(service)).collect();
        if more.is_empty() {
            break;
        }
        reached.extend(more);
    }
    let on_path: BTreeSet<&String> = found.nodes.iter().map(|node| &node.service).collect();
    on_path.into_iter().filter(|service| !reached.contains(service)).cloned().collect()
}
