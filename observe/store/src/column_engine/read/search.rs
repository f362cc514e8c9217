//! Searching, the newest first.
//!
//! Rows of a segment lie in order of their traces' starts, so its pages are visited from the end, of all segments the one
//! first that may have the newest row left; more pages at a time the longer nothing is found. The visit ends when nothing
//! can come that is newer than what was found.

use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use vitrine_observe_columns::{Columns, Data, Filter, Search};
use vitrine_observe_model::TraceId;

use crate::column_engine::read::filter::filter;
use crate::column_engine::read::{QueryBudget, Reader, time};
use crate::column_engine::segment_handle::SegmentHandle;
use crate::column_engine::table::{Snapshot, Table};
use crate::engine::{QueryError, Tenant};
use crate::{MAX_SEARCH_SPANS, MAX_TRACE_SPANS, Signal, Trace, TraceQuery};

/// Pages that are read at once at most.
const MOST_PAGES: usize = 64;
/// The columns that say which trace a row belongs to, and when it was.
const COLUMNS: [&str; 2] = ["trace_id", "start"];

/// The newest traces found so far, with the start of their newest matching span.
struct Newest {
    limit: usize,
    starts: HashMap<TraceId, i64>,
    order: BTreeSet<(i64, TraceId)>,
}

impl Newest {
    fn new(limit: usize) -> Self {
        Self { limit, starts: HashMap::new(), order: BTreeSet::new() }
    }

    /// Whether a span that started then could still make it into the result.
    fn may_take(&self, start: i64) -> bool {
        self.limit > 0
            && (self.order.len() < self.limit || self.order.first().is_some_and(|(oldest, _)| start > *oldest))
    }

    fn add(&mut self, id: TraceId, start: i64) {
        if !self.may_take(start) || self.starts.get(&id).is_some_and(|known| *known >= start) {
            return;
        }
        if let Some(before) = self.starts.insert(id, start) {
            self.order.remove(&(before, id));
        }
        self.order.insert((start, id));
        if self.order.len() > self.limit
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.starts.remove(&oldest);
        }
    }

    /// Adds the rows that matched.
    fn add_rows(&mut self, columns: &Columns, rows: impl Iterator<Item = usize>) {
        let column = |name| columns.column(name).map(|column| &column.data);
        if let (Some(Data::Id16(ids)), Some(Data::Int(starts))) = (column(COLUMNS[0]), column(COLUMNS[1])) {
            rows.for_each(|row| self.add(TraceId(ids[row].to_be_bytes()), starts[row]));
        }
    }

    fn ids(self) -> Vec<TraceId> {
        self.order.into_iter().rev().map(|(_, id)| id).collect()
    }
}

/// What is left of a segment: its first pages. The greatest is the one that may have the newest row.
struct UnreadPages {
    /// No row of these pages is newer.
    newest: i64,
    /// Which segment, by its place in the snapshot.
    handle: usize,
    pages: Pages,
    /// What is looked for, in terms of this segment.
    search: Search,
    /// How many pages are left.
    left: usize,
    /// How many to read next.
    next: usize,
}

/// A segment's pages.
struct Pages {
    /// The last row of each, plus one.
    ends: Vec<usize>,
    /// The newest row of each and of those before it.
    newest: Vec<i64>,
}

impl UnreadPages {
    fn key(&self) -> (i64, usize) {
        (self.newest, self.handle)
    }

    /// The rows to read next.
    fn rows(&self) -> Range<usize> {
        let first = self.left.saturating_sub(self.next);
        let start = first.checked_sub(1).map_or(0, |before| self.pages.ends[before]);
        start..self.pages.ends[self.left - 1]
    }

    /// What is left after that, unless nothing is.
    fn rest(self) -> Option<Self> {
        let left = self.left.checked_sub(self.next).filter(|left| *left > 0)?;
        let next = (self.next * 2).min(MOST_PAGES);
        let newest = self.pages.newest[left - 1];
        Some(Self { newest, left, next, ..self })
    }
}

impl PartialEq for UnreadPages {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for UnreadPages {}

impl PartialOrd for UnreadPages {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for UnreadPages {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

/// Neighbouring rows as ranges.
pub(crate) fn ranges(rows: &[u32]) -> Vec<Range<usize>> {
    rows.chunk_by(|a, b| a + 1 == *b)
        .filter_map(|run| Some(*run.first()? as usize..*run.last()? as usize + 1))
        .collect()
}

impl Reader {
    pub(crate) fn search(&self, tenant: &Tenant, query: &TraceQuery) -> Result<Vec<Trace>, QueryError> {
        let Some((table, snapshot)) = self.rows(tenant, Signal::Traces) else { return Ok(Vec::new()) };
        let mut query_budget = self.query_budget();
        let ids = self.newest(&table, &snapshot, query, &mut query_budget)?;
        let mut traces =
            self.traces(&table, &snapshot, &ids, (MAX_TRACE_SPANS, MAX_SEARCH_SPANS), &mut query_budget)?;
        let mut room = MAX_SEARCH_SPANS;
        for trace in &mut traces {
            trace.truncated |= trace.spans.len() > room;
            trace.spans.truncate(room);
            room -= trace.spans.len();
        }
        traces.retain(|trace| !trace.spans.is_empty());
        Ok(traces)
    }

    fn newest(
        &self,
        table: &Arc<Table>,
        snapshot: &Snapshot,
        query: &TraceQuery,
        query_budget: &mut QueryBudget,
    ) -> Result<Vec<TraceId>, QueryError> {
        let filter = filter(query);
        let mut newest = Newest::new(query.limit);
        for memtable in &snapshot.memtables {
            let rows = memtable.read();
            for range in rows.visible() {
                let found = rows.columns().matching(&filter, range);
                newest.add_rows(rows.columns(), found.into_iter().map(|row| row as usize));
            }
        }
        let (earliest, latest) = (query.start_min_ns.map_or(i64::MIN, time), query.start_max_ns.map_or(i64::MAX, time));
        let mut heap = BinaryHeap::new();
        for (place, handle) in snapshot.segments.iter().enumerate() {
            if handle.info.max_time >= earliest
                && handle.info.min_time <= latest
                && newest.may_take(handle.info.max_time)
            {
                heap.extend(self.begin(table, handle, place, &filter)?);
                query_budget.check_time()?;
            }
        }
        while let Some(left) = heap.pop() {
            if !newest.may_take(left.newest) || left.newest < earliest {
                break;
            }
            if let Some(found) = self.look(table, &snapshot.segments[left.handle], &left)? {
                query_budget.add(&found)?;
                newest.add_rows(&found, 0..found.rows);
            }
            query_budget.check_time()?;
            heap.extend(left.rest());
        }
        Ok(newest.ids())
    }

    fn begin(
        &self,
        table: &Arc<Table>,
        handle: &Arc<SegmentHandle>,
        place: usize,
        filter: &Filter,
    ) -> Result<Option<UnreadPages>, QueryError> {
        let begun = self.read(table, handle, |segment| {
            let search = segment.search(filter)?;
            let mut newest = i64::MIN;
            let pages = segment.time_pages().iter().map(|page| {
                newest = newest.max(page.max);
                (page.rows.end, newest)
            });
            let (ends, newest): (Vec<usize>, Vec<i64>) = pages.unzip();
            Ok((search, Pages { ends, newest }))
        })?;
        let Some((search, pages)) = begun.filter(|(search, _)| !search.is_empty()) else { return Ok(None) };
        let Some(newest) = pages.newest.last().copied() else { return Ok(None) };
        let left = pages.ends.len();
        Ok(Some(UnreadPages { newest, handle: place, pages, search, left, next: 1 }))
    }

    /// The rows that match among the next.
    fn look(
        &self,
        table: &Arc<Table>,
        handle: &Arc<SegmentHandle>,
        left: &UnreadPages,
    ) -> Result<Option<Columns>, QueryError> {
        let found = self.read(table, handle, |segment| {
            let rows = left.search.matching(left.rows())?;
            if rows.is_empty() {
                return Ok(None);
            }
            segment.read(&ranges(&rows), Some(&COLUMNS)).map(Some)
        })?;
        Ok(found.flatten())
    }
}
