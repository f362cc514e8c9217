//! Clocks that differ: what Jaeger would add to a span's times, had its adjusting been switched on.
//!
//! Jaeger leaves times as they came unless `max_clock_skew_adjustment` is set, and says in a warning what it would have
//! added. So does this: what is kept is never altered. Source: jaegertracing/jaeger
//! `cmd/jaeger/internal/extension/jaegerquery/internal/adjuster/clockskew.go`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use vitrine_observe_store::model::{SpanId, SpanRow, Value};

/// Warnings for each span, in the order of the spans.
pub(crate) fn skews(spans: &[SpanRow]) -> Vec<Vec<String>> {
    let mut warnings = vec![Vec::new(); spans.len()];
    let mut places: HashMap<SpanId, usize> = HashMap::with_capacity(spans.len());
    for (place, span) in spans.iter().enumerate() {
        match places.entry(span.span_id) {
            Entry::Vacant(entry) => {
                entry.insert(place);
            }
            Entry::Occupied(_) => {
                warnings[place].push("duplicate span IDs; skipping clock skew adjustment".to_owned());
            }
        }
    }
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); spans.len()];
    let mut waiting: Vec<(usize, Skew)> = Vec::new();
    for (place, span) in spans.iter().enumerate().filter(|(place, span)| places[&span.span_id] == *place) {
        let found = span.parent_span_id.map(|parent| (parent, places.get(&parent)));
        match found {
            Some((_, Some(parent))) => {
                children[*parent].push(place);
                continue;
            }
            Some((parent, None)) => warnings[place]
                .push(format!("parent span ID={parent} is not in the trace; skipping clock skew adjustment")),
            None => {}
        }
        waiting.push((place, Skew { delta_ns: 0, host: host(span) }));
    }
    // Without recursion, because a trace may be one long chain. Spans in a circle hang on no root and are left out.
    while let Some((parent, skew)) = waiting.pop() {
        if skew.delta_ns != 0 {
            let delta = go_duration(skew.delta_ns);
            warnings[parent].push(format!("clock skew adjustment disabled; not applying calculated delta of {delta}"));
        }
        for child in std::mem::take(&mut children[parent]) {
            let host = host(&spans[child]);
            let same = host == skew.host && !host.is_empty();
            let delta_ns = if same { skew.delta_ns } else { delta_ns(&spans[child], &spans[parent]) };
            waiting.push((child, Skew { delta_ns, host }));
        }
    }
    warnings
}

/// How far a span's clock is off.
struct Skew {
    delta_ns: i128,
    /// Whose clock; empty if that is not known.
    host: String,
}

/// What tells a machine from others: its id, its first address or its name.
fn host(span: &SpanRow) -> String {
    let find = |key: &str| span.resource.iter().find(|attribute| attribute.key == key).map(|found| &found.value);
    let value = find("host.id").or_else(|| find("host.ip")).or_else(|| find("host.name"));
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => items.first().map(Value::text).unwrap_or_default(),
        _ => String::new(),
    }
}

/// What makes the child fit into its parent: in its middle if it is shorter, at its start if it is not.
fn delta_ns(child: &SpanRow, parent: &SpanRow) -> i128 {
    let [start, end, parent_start, parent_end] =
        [child.start_ns, child.end_ns, parent.start_ns, parent.end_ns].map(i128::from);
    let (duration, parent_duration) = (end - start, parent_end - parent_start);
    if duration > parent_duration {
        return (parent_start - start).max(0);
    }
    if start >= parent_start && end <= parent_end {
        return 0;
    }
    parent_start + (parent_duration - duration) / 2 - start
}

/// A duration as Go prints it: `-1.5ms`, `2s`, `1h0m3.25s`.
fn go_duration(ns: i128) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let size = ns.unsigned_abs();
    match size {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{size}ns"),
        1_000..1_000_000 => format!("{sign}{}µs", decimal(size, 1_000)),
        1_000_000..1_000_000_000 => format!("{sign}{}ms", decimal(size, 1_000_000)),
        _ => {
            let minutes = size / 60_000_000_000;
            let seconds = decimal(size % 60_000_000_000, 1_000_000_000);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

/// A number in another unit, without zeros at its end.
fn decimal(number: u128, unit: u128) -> String {
    let fraction = number % unit;
    if fraction == 0 {
        return (number / unit).to_string();
    }
    let width = unit.ilog10() as usize;
    let digits = format!("{fraction:0width$}");
    format!("{}.{}", number / unit, digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::go_duration;

    #[test]
    fn durations_are_printed_as_go_does() {
        let cases: [(i128, &str); 9] = [
            (0, "0s"),
            (-7, "-7ns"),
            (1_500, "1.5µs"),
            (1_000_001, "1.000001ms"),
            (2_000_000_000, "2s"),
            (-2_250_000_000, "-2.25s"),
            (90_000_000_000, "1m30s"),
            (3_600_000_000_000, "1h0m0s"),
            (3_661_000_000_010, "1h1m1.00000001s"),
        ];
        for (ns, text) in cases {
            assert_eq!(go_duration(ns), text);
        }
    }
}
