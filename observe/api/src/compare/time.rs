//! Where the time went: critical paths of some traces of both sets, by service and operation.
//!
//! It finds causes below the spans that were compared, which their attributes cannot tell.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use vitrine_observe_store::model::TraceId;
use vitrine_observe_store::{Outlines, SpanChunk, trace_hash};

use super::part;
use super::tally::{BASELINE, SELECTED};
use crate::error::Error;
use crate::queries::Reader;
use crate::spans::Waiting;
use crate::trace_columns::critical_path::critical_path;
use crate::trace_columns::tree::Tree;

/// Traces of each set that are looked at.
const MAX_TRACES: usize = 200;
/// Traces that may be of the baseline: of these none counts that has a selected span.
const MAX_CANDIDATES: usize = 4_096;
/// Traces that are read at once.
const TRACES_AT_ONCE: usize = 32;
/// Spans of a trace that is looked at.
const MAX_TRACE_SPANS: usize = 10_000;
/// Spans of each set that are looked at; traces that come when there were more are left out.
const MAX_SPANS: usize = 100_000;
/// Operations that are told.
const MAX_TOLD: usize = 50;
/// Nanoseconds in a millisecond.
const NS_PER_MS: f64 = 1e6;

/// The traces with the lowest hashes, and of each whether it has a selected span.
struct Lowest {
    most: usize,
    traces: BTreeMap<u64, (u128, bool)>,
    /// Whether there were more.
    is_cut: bool,
}

impl Lowest {
    fn new(most: usize) -> Self {
        Self { most, traces: BTreeMap::new(), is_cut: false }
    }

    fn add(&mut self, hash: u64, trace: u128, is_selected: bool) {
        if self.traces.len() == self.most && self.traces.last_key_value().is_some_and(|(last, _)| hash > *last) {
            self.is_cut = true;
            return;
        }
        self.traces.entry(hash).or_insert((trace, false)).1 |= is_selected;
        if self.traces.len() > self.most {
            self.traces.pop_last();
            self.is_cut = true;
        }
    }
}

/// Traces of both sets, the same whenever they are chosen.
pub(super) struct Chosen {
    selected: Lowest,
    all: Lowest,
    /// The trace and the part of the row before: those of a trace mostly stand together.
    last: Option<(u128, usize)>,
}

impl Default for Chosen {
    fn default() -> Self {
        Self { selected: Lowest::new(MAX_TRACES), all: Lowest::new(MAX_CANDIDATES), last: None }
    }
}

impl Chosen {
    pub(super) fn add(&mut self, chunk: &SpanChunk<'_>) {
        let traces = chunk.columns.ids16("trace_id").unwrap_or_default();
        for (row, trace) in traces.iter().enumerate() {
            let Some(part) = part(chunk.parts, row) else { continue };
            if self.last == Some((*trace, part)) {
                continue;
            }
            self.last = Some((*trace, part));
            let (hash, is_selected) = (trace_hash(*trace), part == SELECTED);
            if is_selected {
                self.selected.add(hash, *trace, true);
            }
            self.all.add(hash, *trace, is_selected);
        }
    }
}

/// Critical-path time of the mean trace, by service and operation.
#[derive(Debug, Serialize)]
pub(super) struct TimeComparison {
    traces: TraceCounts,
    /// Whether those are all traces of both sets.
    complete: bool,
    total: Total,
    /// The greatest difference first.
    operations: Vec<OperationTime>,
}

#[derive(Debug, Serialize)]
struct TraceCounts {
    selected: usize,
    baseline: usize,
}

#[derive(Debug, Serialize)]
struct Total {
    selected_ms: f64,
    baseline_ms: f64,
}

#[derive(Debug, Serialize)]
struct OperationTime {
    service: String,
    operation: String,
    selected_ms: f64,
    baseline_ms: f64,
    difference_ms: f64,
    /// Whether most of it is only likely to have been waited for.
    likely: bool,
}

/// Nanoseconds of an operation.
#[derive(Debug, Clone, Copy, Default)]
struct Nanoseconds {
    all: [u64; 2],
    likely: u64,
}

/// Time of traces of both sets.
#[derive(Default)]
struct Summing {
    traces: [usize; 2],
    operations: HashMap<(String, String), Nanoseconds>,
    is_cut: bool,
}

impl Summing {
    fn add(&mut self, part: usize, outlines: &Outlines) {
        let mut times: HashMap<(u32, u32), (u64, u64)> = HashMap::new();
        for trace in &outlines.traces {
            if trace.total > trace.spans.len() {
                self.is_cut = true;
                continue;
            }
            self.traces[part] += 1;
            let tree = Tree::of(&trace.spans);
            for piece in critical_path(&tree) {
                let span = &tree.spans[piece.row];
                let time = times.entry((span.service, span.name)).or_default();
                time.0 += piece.end_ns - piece.start_ns;
                time.1 += if piece.is_likely { piece.end_ns - piece.start_ns } else { 0 };
            }
        }
        let text = |code: u32| outlines.texts.text(code).to_owned();
        for ((service, name), (all, likely)) in times {
            let sum = self.operations.entry((text(service), text(name))).or_default();
            sum.all[part] += all;
            sum.likely += likely;
        }
    }

    fn finish(self, complete: bool) -> TimeComparison {
        let mean = |ns: u64, part: usize| ns as f64 / NS_PER_MS / self.traces[part].max(1) as f64;
        let total = |part: usize| mean(self.operations.values().map(|times| times.all[part]).sum(), part);
        let total = Total { selected_ms: total(SELECTED), baseline_ms: total(BASELINE) };
        let told = self.operations.iter().map(|((service, operation), ns)| {
            let [selected_ms, baseline_ms] = [SELECTED, BASELINE].map(|part| mean(ns.all[part], part));
            OperationTime {
                service: service.clone(),
                operation: operation.clone(),
                selected_ms,
                baseline_ms,
                difference_ms: selected_ms - baseline_ms,
                likely: ns.likely * 2 > ns.all.iter().sum(),
            }
        });
        let mut operations: Vec<OperationTime> = told.collect();
        let name = |time: &OperationTime| (time.service.clone(), time.operation.clone());
        operations.sort_by(|a, b| {
            let by_difference = b.difference_ms.abs().total_cmp(&a.difference_ms.abs());
            by_difference.then_with(|| name(a).cmp(&name(b)))
        });
        operations.truncate(MAX_TOLD);
        let [selected, baseline] = self.traces;
        let traces = TraceCounts { selected, baseline };
        TimeComparison { traces, complete: complete && !self.is_cut, total, operations }
    }
}

/// Compares the time of traces; `is_sample` tells whether they were chosen of a sample.
pub(super) fn compared(
    reader: &Reader,
    waiting: &Waiting,
    chosen: Chosen,
    is_sample: bool,
) -> Result<TimeComparison, Error> {
    let id = |(trace, _): (u128, bool)| TraceId(trace.to_be_bytes());
    let selected: Vec<TraceId> = chosen.selected.traces.into_values().map(id).collect();
    let baseline = chosen.all.traces.into_values().filter(|(_, is_selected)| !is_selected);
    let mut baseline: Vec<TraceId> = baseline.map(id).collect();
    let are_more = chosen.selected.is_cut || chosen.all.is_cut || baseline.len() > MAX_TRACES;
    baseline.truncate(MAX_TRACES);
    let mut summing = Summing::default();
    for (part, ids) in [(SELECTED, selected), (BASELINE, baseline)] {
        let mut room = MAX_SPANS;
        for ids in ids.chunks(TRACES_AT_ONCE) {
            waiting.check()?;
            if room == 0 {
                summing.is_cut = true;
                break;
            }
            let outlines = reader.engine.outlines(&reader.tenant, ids, MAX_TRACE_SPANS)?;
            room = room.saturating_sub(outlines.traces.iter().map(|trace| trace.spans.len()).sum());
            summing.add(part, &outlines);
        }
    }
    Ok(summing.finish(!are_more && !is_sample))
}

#[cfg(test)]
mod tests {
    use super::{Lowest, Summing};

    #[test]
    fn whether_a_trace_is_selected_is_known_of_all_that_stay() {
        let mut lowest = Lowest::new(3);
        for (hash, is_selected) in [(5, false), (9, true), (1, false), (7, false), (5, true), (8, false), (9, false)] {
            lowest.add(hash, u128::from(hash), is_selected);
        }
        let kept: Vec<_> = lowest.traces.into_iter().collect();
        assert_eq!(kept, [(1, (1, false)), (5, (5, true)), (7, (7, false))]);
        assert!(lowest.is_cut);
    }

    #[test]
    fn no_traces_have_no_time() {
        let time = Summing::default().finish(true);
        assert!(time.complete && time.operations.is_empty() && time.total.selected_ms == 0.0);
    }
}
