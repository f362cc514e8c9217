//! Traces by their ids, and their log records.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use vitrine_observe_columns::{Columns, Segment};
use vitrine_observe_model::definitions::{logs, spans};
use vitrine_observe_model::{LogRow, SpanRow, TraceId};

use crate::column_engine::read::{QueryBudget, Reader};
use crate::column_engine::table::{Snapshot, Table};
use crate::engine::{QueryError, Tenant};
use crate::{Signal, Trace};

/// Rows of each of some ids, at most so many of each and of all together.
struct RowsById {
    left: HashMap<TraceId, usize>,
    room: usize,
}

impl RowsById {
    fn new(ids: &[TraceId], most: usize, room: usize) -> Self {
        Self { left: ids.iter().map(|id| (*id, most)).collect(), room }
    }

    /// How many more rows of this id are wanted.
    fn left(&self, id: TraceId) -> usize {
        self.left.get(&id).map_or(0, |left| self.room.min(*left))
    }

    fn took(&mut self, id: TraceId, rows: usize) {
        self.room -= rows;
        if let Some(left) = self.left.get_mut(&id) {
            *left -= rows;
        }
    }
}

fn number(id: TraceId) -> u128 {
    u128::from_be_bytes(id.0)
}

/// At most so many rows of these.
fn first(ranges: Vec<Range<usize>>, mut most: usize) -> Vec<Range<usize>> {
    let mut kept = Vec::with_capacity(ranges.len());
    for range in ranges {
        let taken = range.len().min(most);
        most -= taken;
        if taken > 0 {
            kept.push(range.start..range.start + taken);
        }
    }
    kept
}

/// Spans without those that say the same as one before. A sender that saw no answer sends again: the same span twice
/// says nothing new. Spans are in order of start and id.
pub(super) fn without_copies(spans: Vec<SpanRow>) -> Vec<SpanRow> {
    let mut kept: Vec<SpanRow> = Vec::with_capacity(spans.len());
    // What spans of one start and id say; there is seldom more than one.
    let mut said: HashSet<String> = HashSet::new();
    for span in spans {
        let is_alike = |other: &SpanRow| (other.start_ns, other.span_id) == (span.start_ns, span.span_id);
        match kept.last() {
            Some(last) if is_alike(last) => {
                if said.is_empty() {
                    said.insert(content(last));
                }
                if !said.insert(content(&span)) {
                    continue;
                }
            }
            _ => said.clear(),
        }
        kept.push(span);
    }
    kept
}

/// What a span says, as one text: attributes in the order of their keys, because a segment need not keep the order sent,
/// and a NaN like any other.
fn content(span: &SpanRow) -> String {
    let mut span = span.clone();
    span.attributes.sort_by(|a, b| a.key.cmp(&b.key));
    format!("{span:?}")
}

impl Reader {
    /// Rows with one of these ids, at most so many of each, and of all together. They come in several tables.
    fn rows_of(
        &self,
        table: &Table,
        snapshot: &Snapshot,
        column: usize,
        ids: &[TraceId],
        (most, room): (usize, usize),
        query_budget: &mut QueryBudget,
    ) -> Result<Vec<Columns>, QueryError> {
        let mut wanted = RowsById::new(ids, most, room);
        let mut found = Vec::new();
        for memtable in snapshot.memtables.iter().rev() {
            let rows = memtable.read();
            let mut taken = Vec::new();
            for id in ids.iter().copied() {
                if wanted.left(id) == 0 {
                    continue;
                }
                let mut of_id = rows.seen(rows.columns().find(column, number(id)));
                of_id.truncate(wanted.left(id));
                wanted.took(id, of_id.len());
                taken.extend(of_id);
            }
            if !taken.is_empty() {
                let columns = rows.columns().take(&taken);
                query_budget.add(&columns)?;
                found.push(columns);
            }
        }
        for handle in snapshot.segments.iter().rev() {
            let read = |segment: &Segment| {
                let mut ranges = Vec::new();
                for id in ids {
                    let left = wanted.left(*id);
                    if left > 0 {
                        let of_id = first(segment.find(number(*id))?, left);
                        wanted.took(*id, of_id.iter().map(Range::len).sum());
                        ranges.extend(of_id);
                    }
                }
                if ranges.is_empty() {
                    return Ok(None);
                }
                ranges.sort_unstable_by_key(|range| range.start);
                segment.read(&ranges, None).map(Some)
            };
            if let Some(columns) = self.read(table, handle, read)?.flatten() {
                query_budget.add(&columns)?;
                found.push(columns);
            }
        }
        Ok(found)
    }

    /// Traces by their ids, in this order, at most so many spans of each, and of all together. Those of which there is
    /// nothing are left out.
    pub(crate) fn traces(
        &self,
        table: &Arc<Table>,
        snapshot: &Snapshot,
        ids: &[TraceId],
        (most, room): (usize, usize),
        query_budget: &mut QueryBudget,
    ) -> Result<Vec<Trace>, QueryError> {
        // One more than asked for tells whether there are more.
        let bounds = (most.saturating_add(1), room.saturating_add(1));
        let found = self.rows_of(table, snapshot, spans::TRACE_ID, ids, bounds, query_budget)?;
        let mut traces: HashMap<TraceId, Vec<SpanRow>> = HashMap::new();
        for columns in &found {
            for row in 0..columns.rows {
                let span = SpanRow::from_columns(columns, row);
                traces.entry(span.trace_id).or_default().push(span);
            }
        }
        let finish = |id: &TraceId| {
            let mut spans = traces.remove(id)?;
            spans.sort_by_key(|span| (span.start_ns, span.span_id));
            let truncated = spans.len() > most;
            spans.truncate(most);
            let spans = without_copies(spans);
            Some(Trace { id: *id, spans, truncated })
        };
        Ok(ids.iter().filter_map(finish).filter(|trace| !trace.spans.is_empty()).collect())
    }

    pub(crate) fn trace(&self, tenant: &Tenant, id: TraceId, most: usize) -> Result<Option<Trace>, QueryError> {
        let Some((table, snapshot)) = self.rows(tenant, Signal::Traces) else { return Ok(None) };
        Ok(self.traces(&table, &snapshot, &[id], (most, most), &mut self.query_budget())?.pop())
    }

    pub(crate) fn logs_of(&self, tenant: &Tenant, id: TraceId, most: usize) -> Result<Vec<LogRow>, QueryError> {
        let Some((table, snapshot)) = self.rows(tenant, Signal::Logs) else { return Ok(Vec::new()) };
        let found = self.rows_of(&table, &snapshot, logs::TRACE_ID, &[id], (most, most), &mut self.query_budget())?;
        let mut rows: Vec<LogRow> = found
            .iter()
            .flat_map(|columns| (0..columns.rows).map(move |row| LogRow::from_columns(columns, row)))
            .collect();
        rows.sort_by_key(|row| row.time_ns);
        Ok(rows)
    }
}
