//! Who calls whom: what spans add to the service graph.
//!
//! Calls are told from whole traces ([`link`]), but spans of one trace come one after the other, the two sides of a
//! call often minutes apart. So what is counted of a number of new spans is a difference: the calls of their traces
//! with them, less the calls of the same traces without them. A call that seemed to lead nowhere is taken back that way
//! when its other side comes; none counts twice, whatever the order.
//!
//! Earlier spans are looked for only of traces that may have some: because a span of the trace lacks its parent, now or
//! when an earlier one became part of a segment ([`OpenTraces`]).

pub(crate) mod difference;
mod link;
pub(crate) mod node;

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use vitrine_observe_columns::{Columns, Dictionary, Error, NULL_CODE, Segment};

use crate::column_engine::read::{QueryBudget, Reader, WINDOW, windows};
use crate::column_engine::segment_handle::SegmentHandle;
use crate::column_engine::table::Table;
use crate::engine::QueryError;

use difference::Difference;
use link::link;
use node::{KnownEnds, Node, Spans, columns_of};

/// Earlier spans are looked for in segments of which a row is at most so old, in milliseconds.
const JOIN_WINDOW_MS: i64 = 3_600_000;
/// Traces times segments in which earlier spans are looked for at once. Beyond, calls may stay uncounted that have their
/// sides in different segments.
const MAX_LOOKUPS: usize = 1 << 16;
/// Earlier spans that are read at once, for the same reason.
const MAX_EARLIER: usize = 1 << 17;
/// Traces that are known to lack spans, of each of two generations: a MiB.
const MAX_OPEN: usize = 1 << 15;
/// Rows of segments that are read at a start to learn which traces lack spans.
const MAX_RELEARNED: usize = 1 << 18;

/// Spans by their traces, and the names that they use.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    names: Dictionary,
    nodes: Vec<(u128, Node)>,
}

impl Graph {
    /// Adds these rows of spans.
    pub(crate) fn add(&mut self, columns: &Columns, rows: impl Iterator<Item = usize>) {
        if let Some(mut spans) = Spans::of(columns) {
            self.nodes.extend(rows.map(|row| (spans.trace(row), spans.node(row, &mut self.names))));
        }
    }

    /// Adds these rows of spans, of which it is known what they say of the other ends of their calls.
    pub(crate) fn add_known(&mut self, columns: &Columns, rows: impl Iterator<Item = usize>, ends: &KnownEnds) {
        let Some(mut spans) = Spans::of(columns) else { return };
        let peers: Vec<u32> = ends.peers().iter().map(|name| self.names.intern(name)).collect();
        self.nodes.extend(rows.map(|row| {
            let ends = ends.of(row);
            let peer = peers.get(ends.peer as usize).copied().unwrap_or(NULL_CODE);
            (spans.trace(row), spans.node_with(row, &mut self.names, peer, ends.is_shared))
        }));
    }

    /// Bytes of memory that the spans take.
    pub(crate) fn bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<(u128, Node)>()
    }

    /// Puts spans of one trace together.
    fn sort(&mut self) {
        self.nodes.sort_by_key(|(trace, _)| *trace);
    }

    /// The spans of a trace; [`Self::sort`] comes before.
    fn of_trace(&self, trace: u128) -> &[(u128, Node)] {
        let from = self.nodes.partition_point(|(other, _)| *other < trace);
        let to = from + self.nodes[from..].partition_point(|(other, _)| *other == trace);
        &self.nodes[from..to]
    }
}

/// Traces of which spans in segments lacked their parents, the latest of them.
#[derive(Debug, Default)]
pub(crate) struct OpenTraces {
    latest: HashSet<u128>,
    before: HashSet<u128>,
}

impl OpenTraces {
    pub(crate) fn extend(&mut self, traces: impl IntoIterator<Item = u128>) {
        for trace in traces {
            if self.latest.len() == MAX_OPEN {
                self.before = std::mem::take(&mut self.latest);
            }
            self.latest.insert(trace);
        }
    }

    fn contains(&self, trace: u128) -> bool {
        self.latest.contains(&trace) || self.before.contains(&trace)
    }
}

/// The calls of a whole segment by itself.
pub(crate) fn calls_within(segment: &Segment) -> Result<Difference, Error> {
    let names = columns_of(segment);
    let mut difference = Difference::default();
    let mut graph = Graph::default();
    for rows in windows(0..segment.rows()) {
        let columns = segment.read(&[rows], Some(&names))?;
        graph.add(&columns, 0..columns.rows);
        // The rows of a trace stand together: but for the last, all are complete.
        let last = graph.nodes.last().map(|(trace, _)| *trace);
        let kept = graph.nodes.iter().rposition(|(trace, _)| Some(*trace) != last).map_or(0, |place| place + 1);
        link_all(&graph.nodes[..kept], &graph.names, &mut difference);
        graph.nodes.drain(..kept);
    }
    link_all(&graph.nodes, &graph.names, &mut difference);
    difference.names = graph.names;
    Ok(difference)
}

/// Adds the calls of traces that stand one after the other.
fn link_all(nodes: &[(u128, Node)], names: &Dictionary, difference: &mut Difference) {
    let (mut scratch, mut edges) = (Vec::new(), Vec::new());
    for trace in nodes.chunk_by(|a, b| a.0 == b.0) {
        scratch.clear();
        scratch.extend(trace.iter().map(|(_, node)| *node));
        edges.clear();
        if link(&mut scratch, names, &mut edges) {
            difference.open.push(trace[0].0);
        }
        difference.add(&edges, 1);
    }
}

/// These rows, so many at a time as are read at once.
fn groups(ranges: Vec<Range<usize>>) -> Vec<Vec<Range<usize>>> {
    let (mut groups, mut room) = (Vec::new(), 0);
    for range in ranges.into_iter().flat_map(windows) {
        if range.len() > room {
            groups.push(Vec::new());
            room = WINDOW;
        }
        room -= range.len();
        groups.last_mut().expect("a range is not empty, and the first one has no room").push(range);
    }
    groups
}

impl Reader {
    /// What new spans add to the calls of these segments, in none of which they are. Only what is asked for within
    /// limits fails, when it is beyond them.
    pub(crate) fn new_calls(
        &self,
        table: &Table,
        segments: &[Arc<SegmentHandle>],
        mut fresh: Graph,
        mut limits: Option<&mut QueryBudget>,
    ) -> Result<Difference, QueryError> {
        fresh.sort();
        let mut difference = Difference::default();
        let (mut scratch, mut edges) = (Vec::new(), Vec::new());
        let mut wanted = Vec::new();
        for trace in fresh.nodes.chunk_by(|a, b| a.0 == b.0) {
            let id = trace[0].0;
            scratch.clear();
            scratch.extend(trace.iter().map(|(_, node)| *node));
            edges.clear();
            let is_open = link(&mut scratch, &fresh.names, &mut edges);
            if is_open {
                difference.open.push(id);
            }
            difference.add(&edges, 1);
            if is_open || table.open_traces.lock().contains(id) {
                wanted.push(id);
            }
        }
        let mut earlier = Graph { names: std::mem::take(&mut fresh.names), nodes: Vec::new() };
        self.find_earlier(table, segments, &wanted, &mut earlier, limits.as_deref_mut())?;
        earlier.sort();
        for before in earlier.nodes.chunk_by(|a, b| a.0 == b.0) {
            limits.as_deref().map_or(Ok(()), QueryBudget::check_time)?;
            let of_trace = fresh.of_trace(before[0].0);
            for (nodes, times) in [(&[of_trace, before][..], 1), (&[of_trace][..], -1), (&[before][..], -1)] {
                scratch.clear();
                scratch.extend(nodes.iter().copied().flatten().map(|(_, node)| *node));
                edges.clear();
                link(&mut scratch, &earlier.names, &mut edges);
                difference.add(&edges, times);
            }
        }
        difference.names = earlier.names;
        Ok(difference)
    }

    /// Reads the spans of these traces that are in segments, the latest segments first.
    fn find_earlier(
        &self,
        table: &Table,
        segments: &[Arc<SegmentHandle>],
        traces: &[u128],
        found: &mut Graph,
        mut limits: Option<&mut QueryBudget>,
    ) -> Result<(), QueryError> {
        let oldest = self.now_ms().saturating_sub(JOIN_WINDOW_MS);
        let mut recent: Vec<&Arc<SegmentHandle>> =
            segments.iter().filter(|handle| handle.info.last_ms >= oldest).collect();
        recent.sort_by_key(|handle| std::cmp::Reverse((handle.info.last_ms, handle.info.number)));
        let mut lookups = MAX_LOOKUPS;
        for handle in recent {
            let traces = &traces[..traces.len().min(lookups)];
            let room = MAX_EARLIER.saturating_sub(found.nodes.len());
            if traces.is_empty() || room == 0 {
                return Ok(());
            }
            lookups -= traces.len();
            let find = |segment: &Segment| {
                let mut ranges = segment.find_all(traces)?;
                let mut rows = 0;
                ranges.retain(|range| {
                    rows += range.len();
                    rows <= room
                });
                Ok(ranges)
            };
            let read = |ranges: &[Range<usize>]| {
                self.read(table, handle, |segment| segment.read(ranges, Some(&columns_of(segment))))
            };
            // The graph then lacks what these rows would have added; their segment tells its own readers.
            let unread = |error: QueryError| tracing::warn!(%error, "earlier spans of new ones cannot be read");
            let ranges = self.read(table, handle, find).map_err(unread).ok().flatten().unwrap_or_default();
            for group in groups(ranges) {
                let Some(columns) = read(&group).map_err(unread).ok().flatten() else { break };
                let before = found.bytes();
                found.add(&columns, 0..columns.rows);
                if let Some(limits) = &mut limits {
                    limits.add_bytes(found.bytes() - before)?;
                }
            }
        }
        Ok(())
    }

    /// Learns which traces lacked spans when the engine was closed.
    pub(crate) fn relearn_open_traces(&self, table: &Table) {
        let oldest = self.now_ms().saturating_sub(JOIN_WINDOW_MS);
        let mut segments = table.snapshot().segments;
        segments.sort_by_key(|handle| std::cmp::Reverse((handle.info.last_ms, handle.info.number)));
        let mut rows = 0;
        for handle in segments.iter().take_while(|handle| handle.info.last_ms >= oldest) {
            rows += handle.info.rows as usize;
            if rows > MAX_RELEARNED {
                return;
            }
            if let Ok(Some(calls)) = self.read(table, handle, calls_within) {
                table.open_traces.lock().extend(calls.open);
            }
        }
    }
}
