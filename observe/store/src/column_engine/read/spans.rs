//! Spans piece by piece, in no order, for who counts over columns; and whole spans by their ids.
//!
//! Conditions are asked of columns first, so that a piece that nobody asked for is not read. Pieces are of many rows: their dictionaries,
//! which are made for each piece, then cost little.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use vitrine_observe_columns::{ATTRIBUTE_PREFIX, Columns, Filter, Search, Segment};
use vitrine_observe_model::definitions::spans;
use vitrine_observe_model::{SpanId, SpanRow, TraceId};

use crate::column_engine::memtable::MemTable;
use crate::column_engine::read::filter::filter;
use crate::column_engine::read::search::ranges;
use crate::column_engine::read::{QueryBudget, Reader, time};
use crate::column_engine::segment_handle::SegmentHandle;
use crate::column_engine::table::Table;
use crate::engine::{QueryError, Tenant};
use crate::spans::{NOT_ASKED, SpanChunk, SpanQuery, SpanVisit, is_sampled};
use crate::{Signal, TraceQuery};

/// Rows that are handed out at once, if pages are no larger: with long texts they may be some megabytes.
const PIECE: usize = 2 * super::WINDOW;
/// Rows of a piece are read one by one when at most this part of them was asked for.
const FEW: usize = 4;
/// By what traces are sampled.
const TRACE_ID: &str = "trace_id";

/// Which rows are asked for, in terms of columns.
struct RowFilter {
    parts: Vec<Filter>,
    /// Of each part the first and the last time.
    times: Vec<(i64, i64)>,
    halvings: u32,
}

impl RowFilter {
    fn new(parts: &[SpanQuery], halvings: u32) -> Self {
        let times = |query: &SpanQuery| {
            let first = |query: &TraceQuery| query.start_min_ns.map_or(i64::MIN, time);
            let last = |query: &TraceQuery| query.start_max_ns.map_or(i64::MAX, time);
            let first = query.all.iter().map(first).max();
            (first.unwrap_or(i64::MIN), query.all.iter().map(last).min().unwrap_or(i64::MAX))
        };
        Self { parts: parts.iter().map(of_query).collect(), times: parts.iter().map(times).collect(), halvings }
    }

    /// Whether rows of these times may be asked for.
    fn touches(&self, min: i64, max: i64) -> bool {
        self.times.iter().any(|(first, last)| max >= *first && min <= *last)
    }

    /// Rows of a segment that may be asked for, in pieces of neighbours.
    fn pieces(&self, segment: &Segment) -> Vec<Range<usize>> {
        let mut pieces: Vec<Range<usize>> = Vec::new();
        for page in segment.time_pages().iter().filter(|page| self.touches(page.min, page.max)) {
            match pieces.last_mut() {
                Some(last) if last.end == page.rows.start && page.rows.end - last.start <= PIECE => {
                    last.end = page.rows.end;
                }
                _ => pieces.push(page.rows.clone()),
            }
        }
        pieces
    }

    /// Rows in memory that are asked for, with their parts.
    fn of_memory(&self, columns: &Columns, rows: Range<usize>) -> (Vec<u32>, Vec<u8>) {
        let matching = self.parts.iter().map(|part| columns.matching(part, rows.clone())).collect();
        let mut parts = parts(&rows, matching);
        if self.halvings > 0 {
            self.sample(&mut parts, &columns.ids16(TRACE_ID).unwrap_or_default()[rows.clone()]);
        }
        let asked = asked_rows(&parts, rows.start);
        parts.retain(|part| *part != NOT_ASKED);
        (asked, parts)
    }

    /// Leaves out rows of traces that are not in the sample.
    fn sample(&self, parts: &mut [u8], traces: &[u128]) {
        let left_out = parts.iter_mut().zip(traces).filter(|(_, trace)| !is_sampled(**trace, self.halvings));
        left_out.for_each(|(part, _)| *part = NOT_ASKED);
    }
}

fn of_query(query: &SpanQuery) -> Filter {
    let parent = spans::SPANS.columns[spans::PARENT_SPAN_ID].name.to_owned();
    let root = query.roots.then(|| Filter::Not(Box::new(Filter::Exists { column: parent })));
    Filter::All(query.all.iter().map(filter).chain(root).collect())
}

/// Of each of these rows the first part that it meets, by the rows that meet each.
fn parts(rows: &Range<usize>, matching: Vec<Vec<u32>>) -> Vec<u8> {
    let mut parts = vec![NOT_ASKED; rows.len()];
    for (number, matching) in matching.into_iter().enumerate().rev() {
        matching.into_iter().for_each(|row| parts[row as usize - rows.start] = number as u8);
    }
    parts
}

/// The rows that were asked for.
fn asked_rows(parts: &[u8], first: usize) -> Vec<u32> {
    let asked = parts.iter().zip(first..).filter(|(part, _)| **part != NOT_ASKED);
    asked.map(|(_, row)| row as u32).collect()
}

/// Takes some rows, with the part of each.
type Each<'a> = dyn FnMut(&SpanChunk<'_>) -> ControlFlow<()> + 'a;

/// Of a segment that is being read what stays the same.
struct Reading<'a> {
    asked: &'a RowFilter,
    searches: Vec<Search>,
    names: Vec<String>,
}

impl<'a> Reading<'a> {
    fn begin(
        asked: &'a RowFilter,
        segment: &Segment,
        names: &[String],
    ) -> Result<Self, vitrine_observe_columns::Error> {
        let searches = asked.parts.iter().map(|part| segment.search(part)).collect::<Result<_, _>>()?;
        let attributes = names.iter().any(|name| name == ATTRIBUTE_PREFIX);
        let of_attributes = segment
            .columns()
            .filter(|(name, ..)| attributes && name.starts_with(ATTRIBUTE_PREFIX))
            .map(|(name, ..)| name.to_string());
        Ok(Self { asked, searches, names: names.iter().cloned().chain(of_attributes).collect() })
    }

    fn is_empty(&self) -> bool {
        self.searches.iter().all(Search::is_empty)
    }

    /// Which of these rows are asked for.
    fn parts(&self, segment: &Segment, rows: &Range<usize>) -> Result<Vec<u8>, vitrine_observe_columns::Error> {
        let matching = self.searches.iter().map(|search| search.matching(rows.clone()));
        let mut parts = parts(rows, matching.collect::<Result<_, _>>()?);
        if self.asked.halvings > 0 && parts.iter().any(|part| *part != NOT_ASKED) {
            let read = segment.read(std::slice::from_ref(rows), Some(&[TRACE_ID]))?;
            self.asked.sample(&mut parts, read.ids16(TRACE_ID).unwrap_or_default());
        }
        Ok(parts)
    }

    /// The next rows, with their parts.
    fn read(
        &self,
        segment: &Segment,
        rows: Range<usize>,
    ) -> Result<Option<(Columns, Vec<u8>)>, vitrine_observe_columns::Error> {
        let mut parts = self.parts(segment, &rows)?;
        let asked = asked_rows(&parts, rows.start);
        if asked.is_empty() {
            return Ok(None);
        }
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        if asked.len() * FEW > rows.len() {
            return Ok(Some((segment.read(&[rows], Some(&names))?, parts)));
        }
        parts.retain(|part| *part != NOT_ASKED);
        Ok(Some((segment.read(&ranges(&asked), Some(&names))?, parts)))
    }
}

impl Reader {
    pub(crate) fn halvings(&self, tenant: &Tenant, parts: &[SpanQuery], most: u64) -> Result<u32, QueryError> {
        let Some((table, snapshot)) = self.rows(tenant, Signal::Traces) else { return Ok(0) };
        let (asked, budget) = (RowFilter::new(parts, 0), self.query_budget());
        let touched: Vec<_> = snapshot
            .segments
            .iter()
            .filter(|handle| asked.touches(handle.info.min_time, handle.info.max_time))
            .collect();
        let in_memory: u64 = snapshot.memtables.iter().map(|memtable| memtable.read().count() as u64).sum();
        if in_memory + touched.iter().map(|handle| handle.info.rows).sum::<u64>() <= most {
            return Ok(0);
        }
        let mut count = 0;
        for memtable in &snapshot.memtables {
            for piece in pieces_of(memtable) {
                count += asked.of_memory(memtable.read().columns(), piece).0.len() as u64;
            }
        }
        for handle in touched {
            budget.check_time()?;
            let counted = self.read(&table, handle, |segment| {
                let reading = Reading::begin(&asked, segment, &[])?;
                let each = |rows| Ok(asked_rows(&reading.parts(segment, &rows)?, 0).len() as u64);
                if reading.is_empty() { Ok(0) } else { asked.pieces(segment).into_iter().map(each).sum() }
            });
            count += counted?.unwrap_or(0);
        }
        Ok((0..u64::BITS).find(|halvings| count >> halvings <= most).unwrap_or(0))
    }

    pub(crate) fn visit_spans(
        &self,
        tenant: &Tenant,
        visit: &SpanVisit,
        each: &mut Each<'_>,
    ) -> Result<(), QueryError> {
        let Some((table, snapshot)) = self.rows(tenant, Signal::Traces) else { return Ok(()) };
        let (asked, budget) = (RowFilter::new(&visit.parts, visit.halvings), self.query_budget());
        let names: Vec<&str> = visit.columns.iter().map(String::as_str).collect();
        for memtable in &snapshot.memtables {
            budget.check_time()?;
            if visit_memtable(memtable, &asked, &names, each).is_break() {
                return Ok(());
            }
        }
        for handle in &snapshot.segments {
            if asked.touches(handle.info.min_time, handle.info.max_time)
                && self.visit_span_segment(&table, handle, (&asked, &visit.columns), &budget, each)?.is_break()
            {
                return Ok(());
            }
            self.trim();
        }
        Ok(())
    }

    fn visit_span_segment(
        &self,
        table: &Arc<Table>,
        handle: &Arc<SegmentHandle>,
        (asked, names): (&RowFilter, &[String]),
        budget: &QueryBudget,
        each: &mut Each<'_>,
    ) -> Result<ControlFlow<()>, QueryError> {
        let begun =
            self.read(table, handle, |segment| Ok((Reading::begin(asked, segment, names)?, asked.pieces(segment))))?;
        let Some((reading, pieces)) = begun.filter(|(reading, _)| !reading.is_empty()) else {
            return Ok(ControlFlow::Continue(()));
        };
        for rows in pieces {
            budget.check_time()?;
            let found = self.read(table, handle, |segment| reading.read(segment, rows))?.flatten();
            if let Some((columns, parts)) = found {
                budget.check(&columns)?;
                if each(&SpanChunk { columns: &columns, parts: &parts }).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    pub(crate) fn spans(&self, tenant: &Tenant, trace: TraceId, span: SpanId) -> Result<Vec<SpanRow>, QueryError> {
        let Some((table, snapshot)) = self.rows(tenant, Signal::Traces) else { return Ok(Vec::new()) };
        let (trace, mut budget) = (u128::from_be_bytes(trace.0), self.query_budget());
        let column = |place: usize| spans::SPANS.columns[place].name.to_owned();
        let id = u64::from_be_bytes(span.0);
        let filter = Filter::Id { column: column(spans::SPAN_ID), value: id.into() };
        let mut tables = Vec::new();
        for memtable in &snapshot.memtables {
            let rows = memtable.read();
            let mut found = rows.seen(rows.columns().find(spans::SPAN_ID, id.into()));
            let traces = rows.columns().ids16(TRACE_ID).unwrap_or_default();
            found.retain(|row| traces[*row as usize] == trace);
            tables.extend((!found.is_empty()).then(|| rows.columns().take(&found)));
        }
        for handle in &snapshot.segments {
            let read = |segment: &Segment| {
                let mut found = Vec::new();
                for rows in segment.find(trace)? {
                    found.extend(segment.matching(&filter, rows)?);
                }
                if found.is_empty() { Ok(None) } else { segment.read(&ranges(&found), None).map(Some) }
            };
            tables.extend(self.read(&table, handle, read)?.flatten());
        }
        for columns in &tables {
            budget.add(columns)?;
        }
        let mut found: Vec<SpanRow> = tables
            .iter()
            .flat_map(|columns| (0..columns.rows).map(move |row| SpanRow::from_columns(columns, row)))
            .collect();
        found.sort_by_key(|span| (span.start_ns, span.span_id));
        Ok(super::traces::without_copies(found))
    }
}

/// The rows of a table in memory that may be seen, in pieces of neighbours.
fn pieces_of(memtable: &MemTable) -> Vec<Range<usize>> {
    let visible = memtable.read().visible();
    let pieces = |range: Range<usize>| {
        let end = range.end;
        range.step_by(PIECE).map(move |first| first..end.min(first + PIECE))
    };
    visible.into_iter().flat_map(pieces).collect()
}

/// Hands out rows in memory. They are copied first, so that others can be added meanwhile.
fn visit_memtable(memtable: &MemTable, asked: &RowFilter, names: &[&str], each: &mut Each<'_>) -> ControlFlow<()> {
    for piece in pieces_of(memtable) {
        let (columns, parts) = {
            let held = memtable.read();
            let (rows, parts) = asked.of_memory(held.columns(), piece);
            (held.columns().take_named(&rows, names), parts)
        };
        if columns.rows > 0 {
            each(&SpanChunk { columns: &columns, parts: &parts })?;
        }
    }
    ControlFlow::Continue(())
}
