//! Log records in order of time, the newest or the oldest first.
//!
//! Pages of all segments are read in the order in which they may hold the next record, and the reading ends when what was found
//! comes before whatever else there may be. Records of one time are in order of a hash of what they say: that is the same in memory
//! and in segments, and so a reading goes on where it ended, whatever was merged meanwhile. Only records that may be returned are
//! read whole.

use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use vitrine_observe_columns::{Columns, Search, Segment};
use vitrine_observe_model::{FoundLog, LogCursor, LogQuery, LogRow};

use super::Selection;
use crate::Signal;
use crate::column_engine::read::search::ranges;
use crate::column_engine::read::{QueryBudget, Reader, time};
use crate::column_engine::segment_handle::SegmentHandle;
use crate::column_engine::table::{Snapshot, Table};
use crate::engine::{QueryError, Tenant};

/// Rows that are read whole at once.
const BLOCK_ROWS: usize = 1024;
/// So many more records than were asked for, of the time of the last, are kept while they are put in order; beyond, they are read
/// twice.
const MANY_TIES: usize = 4096;

/// Where a record is: in which memtable or, behind these, segment, and in which row.
type Location = (usize, u32);

/// The first records so far, by time.
struct First<'a> {
    query: &'a LogQuery,
    /// By [key](Self::key), the last first.
    found: BTreeMap<i64, Vec<Location>>,
    count: usize,
    /// Those of the time of the cursor, some of which come before it.
    at_cursor: Vec<Location>,
}

impl<'a> First<'a> {
    fn new(query: &'a LogQuery) -> Self {
        Self { query, found: BTreeMap::new(), count: 0, at_cursor: Vec::new() }
    }

    /// Greater for a time that comes first.
    fn key(&self, time: i64) -> i64 {
        if self.query.newest_first { time } else { !time }
    }

    /// Whether a record of this key could still be among the first.
    fn may_take(&self, key: i64) -> bool {
        self.count < self.query.limit || self.found.first_key_value().is_some_and(|(last, _)| key >= *last)
    }

    fn add(&mut self, time: i64, place: Location) {
        let key = self.key(time);
        if self.query.after.is_some_and(|after| self::time(after.time_ns) == time) {
            self.at_cursor.push(place);
        } else if self.may_take(key) {
            self.found.entry(key).or_default().push(place);
            self.count += 1;
            while let Some(entry) = self.found.first_entry()
                && self.count - entry.get().len() >= self.query.limit
            {
                self.count -= entry.remove().len();
            }
        }
    }

    fn add_rows(&mut self, source: usize, rows: &[u32], times: Option<&[i64]>) {
        for (row, time) in rows.iter().zip(times.into_iter().flatten()) {
            self.add(*time, (source, *row));
        }
    }

    /// All that may be returned, by where they are.
    fn places(self) -> Vec<Location> {
        let mut places: Vec<Location> = self.found.into_values().flatten().chain(self.at_cursor).collect();
        places.sort_unstable();
        places
    }
}

/// What is left to read of a segment. The greatest may have the next record.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Unread {
    /// No record of it comes before one of this key.
    key: i64,
    /// Which segment.
    segment: usize,
    /// The first row and the last plus one of a page; none for all of a segment that was not begun.
    page: Option<(usize, usize)>,
}

/// What is known of a record that may be returned.
struct Candidate {
    time_ns: u64,
    hash: u64,
    place: Location,
    row: Option<LogRow>,
}

impl Reader {
    pub(crate) fn logs(&self, tenant: &Tenant, query: &LogQuery) -> Result<Vec<FoundLog>, QueryError> {
        let Some((table, snapshot)) = self.rows(tenant, Signal::Logs) else { return Ok(Vec::new()) };
        let LogQuery { filter, newest_first, after, limit, .. } = query;
        let (mut start_ns, mut end_ns) = (query.start_ns, query.end_ns);
        if *limit == 0 {
            return Ok(Vec::new());
        }
        match after {
            Some(after) if *newest_first => end_ns = end_ns.min(after.time_ns.saturating_add(1)),
            Some(after) => start_ns = start_ns.max(after.time_ns),
            None => {}
        }
        let mut budget = self.query_budget();
        let asked = Selection::new(filter, start_ns, end_ns);
        let places = self.first(&table, &snapshot, query, &asked, &mut budget)?;
        let candidates = self.candidates(&table, &snapshot, &places, *limit, &mut budget)?;
        self.finish(&table, &snapshot, query, candidates, &mut budget)
    }

    /// Where the first records are, and others of the same times as the last of them.
    fn first(
        &self,
        table: &Arc<Table>,
        snapshot: &Snapshot,
        query: &LogQuery,
        asked: &Selection<'_>,
        budget: &mut QueryBudget,
    ) -> Result<Vec<Location>, QueryError> {
        let mut first = First::new(query);
        for (source, memtable) in snapshot.memtables.iter().enumerate() {
            let rows = memtable.read();
            let filter = asked.of_columns(rows.columns());
            let Some(times) = rows.columns().ints("time") else { continue };
            for row in rows.visible().into_iter().flat_map(|range| rows.columns().matching(&filter, range)) {
                first.add(times[row as usize], (source, row));
            }
        }
        let of_segment = |(segment, handle): (usize, &Arc<SegmentHandle>)| {
            let (min, max) = (handle.info.min_time, handle.info.max_time);
            let key = first.key(if query.newest_first { max } else { min });
            asked.touches(min, max).then_some(Unread { key, segment, page: None })
        };
        let mut heap: BinaryHeap<Unread> = snapshot.segments.iter().enumerate().filter_map(of_segment).collect();
        let mut searches: HashMap<usize, Search> = HashMap::new();
        while let Some(Unread { key, segment, page }) = heap.pop() {
            if !first.may_take(key) {
                break;
            }
            budget.check_time()?;
            let handle = &snapshot.segments[segment];
            match (page, searches.get(&segment)) {
                (Some((start, end)), Some(search)) => {
                    let found = self.read(table, handle, |opened| times_of(opened, search, start..end))?;
                    let source = snapshot.memtables.len() + segment;
                    if let Some((rows, columns)) = found {
                        first.add_rows(source, &rows, columns.ints("time"));
                    }
                }
                _ => {
                    let begun = self.read(table, handle, |opened| {
                        Ok((opened.search(&asked.of_segment(opened))?, pages(opened, asked)))
                    })?;
                    let Some((search, pages)) = begun.filter(|(search, _)| !search.is_empty()) else { continue };
                    searches.insert(segment, search);
                    heap.extend(pages.into_iter().map(|(rows, min, max)| {
                        let key = first.key(if query.newest_first { max } else { min });
                        Unread { key, segment, page: Some((rows.start, rows.end)) }
                    }));
                }
            }
        }
        Ok(first.places())
    }

    /// Reads what may be returned. Of many more than were asked for, only the hashes are kept.
    fn candidates(
        &self,
        table: &Arc<Table>,
        snapshot: &Snapshot,
        places: &[Location],
        limit: usize,
        budget: &mut QueryBudget,
    ) -> Result<Vec<Candidate>, QueryError> {
        let keeps = places.len() <= limit.saturating_add(MANY_TIES);
        let mut candidates = Vec::with_capacity(places.len());
        self.read_whole(table, snapshot, places, budget, &mut |place, row, budget| {
            let (time_ns, hash) = (row.time_ns, row.content_hash());
            budget.add_bytes(size_of::<Candidate>() + if keeps { row.bytes() } else { 0 })?;
            candidates.push(Candidate { time_ns, hash, place, row: keeps.then_some(row) });
            Ok(())
        })?;
        Ok(candidates)
    }

    /// Whole records at these places, which are in order.
    fn read_whole(
        &self,
        table: &Arc<Table>,
        snapshot: &Snapshot,
        places: &[Location],
        budget: &mut QueryBudget,
        each: &mut dyn FnMut(Location, LogRow, &mut QueryBudget) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        for of_source in places.chunk_by(|a, b| a.0 == b.0).flat_map(|places| places.chunks(BLOCK_ROWS)) {
            budget.check_time()?;
            let source = of_source[0].0;
            if let Some(memtable) = snapshot.memtables.get(source) {
                for place in of_source {
                    let row = LogRow::from_columns(memtable.read().columns(), place.1 as usize);
                    each(*place, row, budget)?;
                }
                continue;
            }
            let handle = &snapshot.segments[source - snapshot.memtables.len()];
            let rows: Vec<u32> = of_source.iter().map(|(_, row)| *row).collect();
            if let Some(columns) = self.read(table, handle, |segment| segment.read(&ranges(&rows), None))? {
                budget.check(&columns)?;
                for (row, place) in of_source.iter().enumerate() {
                    each(*place, LogRow::from_columns(&columns, row), budget)?;
                }
            }
        }
        Ok(())
    }

    /// Puts records in order, and leaves out what comes before the cursor, or is too many.
    fn finish(
        &self,
        table: &Arc<Table>,
        snapshot: &Snapshot,
        query: &LogQuery,
        mut candidates: Vec<Candidate>,
        budget: &mut QueryBudget,
    ) -> Result<Vec<FoundLog>, QueryError> {
        candidates.sort_unstable_by_key(|each| (each.time_ns, each.hash, each.place));
        let mut ordered: Vec<(LogCursor, Candidate)> = Vec::with_capacity(candidates.len());
        let mut equal = 0;
        for candidate in candidates {
            let bits = LogCursor::hash_bits(candidate.hash);
            equal = match ordered.last() {
                Some((_, last)) if (last.time_ns, LogCursor::hash_bits(last.hash)) == (candidate.time_ns, bits) => {
                    equal + 1
                }
                _ => 0,
            };
            ordered.push((LogCursor::new(candidate.time_ns, candidate.hash, equal), candidate));
        }
        if query.newest_first {
            ordered.reverse();
        }
        let is_behind = |cursor: &LogCursor| match query.after {
            Some(after) if query.newest_first => *cursor < after,
            Some(after) => *cursor > after,
            None => true,
        };
        ordered.retain(|(cursor, _)| is_behind(cursor));
        ordered.truncate(query.limit);
        let missing = ordered.iter().filter(|(_, each)| each.row.is_none()).map(|(_, each)| each.place);
        let mut missing: Vec<Location> = missing.collect();
        missing.sort_unstable();
        let mut rows: HashMap<Location, LogRow> = HashMap::with_capacity(missing.len());
        self.read_whole(table, snapshot, &missing, budget, &mut |place, row, budget| {
            budget.add_bytes(row.bytes())?;
            rows.insert(place, row);
            Ok(())
        })?;
        let found = ordered.into_iter().filter_map(|(cursor, each)| {
            let row = each.row.or_else(|| rows.remove(&each.place))?;
            Some(FoundLog { row, cursor })
        });
        Ok(found.collect())
    }
}

/// The rows among these that match, with their times.
fn times_of(
    segment: &Segment,
    search: &Search,
    rows: Range<usize>,
) -> Result<(Vec<u32>, Columns), vitrine_observe_columns::Error> {
    let found = search.matching(rows)?;
    let columns = segment.read(&ranges(&found), Some(&["time"]))?;
    Ok((found, columns))
}

/// The pages of a segment that may hold what is asked for, with their times.
fn pages(segment: &Segment, asked: &Selection<'_>) -> Vec<(Range<usize>, i64, i64)> {
    let within = segment.time_pages().iter().filter(|page| asked.touches(page.min, page.max));
    within.map(|page| (page.rows.clone(), page.min, page.max)).collect()
}
