//! Log records piece by piece, in no order.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use vitrine_observe_columns::Columns;
use vitrine_observe_model::{LogField, LogQuery};

use super::Selection;
use crate::Signal;
use crate::column_engine::memtable::MemTable;
use crate::column_engine::read::search::ranges;
use crate::column_engine::read::{QueryBudget, Reader, windows};
use crate::column_engine::segment_handle::SegmentHandle;
use crate::column_engine::table::Table;
use crate::engine::{QueryError, Tenant};
use crate::logs::{LogChunk, columns_of};

/// Takes some rows, all of which were asked for.
pub(super) type Visit<'a> = dyn FnMut(&Columns) -> ControlFlow<()> + 'a;

/// Hands out rows of which these columns are read; all, if none are named.
pub(super) struct Visitor {
    pub names: Option<Vec<String>>,
    /// Whether pages come in an order that is evenly spread, for who breaks off after some.
    pub is_spread: bool,
    pub budget: QueryBudget,
}

impl Reader {
    pub(crate) fn visit_logs(
        &self,
        tenant: &Tenant,
        query: &LogQuery,
        fields: &[LogField],
        visit: &mut dyn FnMut(&LogChunk<'_>) -> ControlFlow<()>,
    ) -> Result<(), QueryError> {
        let Some((table, snapshot)) = self.rows(tenant, Signal::Logs) else { return Ok(()) };
        let names = (!fields.is_empty()).then(|| columns_of(fields));
        let asked = Selection::new(&query.filter, query.start_ns, query.end_ns);
        let visitor = Visitor { names, is_spread: false, budget: self.query_budget() };
        let mut each = |columns: &Columns| visit(&LogChunk::new(columns, fields));
        for memtable in &snapshot.memtables {
            if visitor.memtable(memtable, &asked, &mut each).is_break() {
                return Ok(());
            }
        }
        for handle in &snapshot.segments {
            if self.visit_segment(&table, handle, &asked, &visitor, &mut each)?.is_break() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Hands out a segment's rows, page by page.
    pub(super) fn visit_segment(
        &self,
        table: &Table,
        handle: &Arc<SegmentHandle>,
        asked: &Selection<'_>,
        visitor: &Visitor,
        each: &mut Visit<'_>,
    ) -> Result<ControlFlow<()>, QueryError> {
        if !asked.touches(handle.info.min_time, handle.info.max_time) {
            return Ok(ControlFlow::Continue(()));
        }
        let begun = self.read(table, handle, |segment| {
            let pages = segment.time_pages().iter().filter(|page| asked.touches(page.min, page.max));
            Ok((segment.search(&asked.of_segment(segment))?, pages.map(|page| page.rows.clone()).collect::<Vec<_>>()))
        })?;
        let Some((search, mut pages)) = begun.filter(|(search, _)| !search.is_empty()) else {
            return Ok(ControlFlow::Continue(()));
        };
        if visitor.is_spread {
            pages = spread(pages);
        }
        let names = visitor.names();
        for page in pages {
            visitor.budget.check_time()?;
            let found = self.read(table, handle, |segment| {
                let rows = search.matching(page)?;
                if rows.is_empty() {
                    return Ok(None);
                }
                segment.read(&ranges(&rows), names.as_deref()).map(Some)
            })?;
            if let Some(columns) = found.flatten() {
                visitor.budget.check(&columns)?;
                if each(&columns).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Pages in the order of their numbers' bits, the lowest first: whatever part of them comes first is evenly spread.
fn spread(pages: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let mut pages: Vec<(usize, Range<usize>)> = pages.into_iter().enumerate().collect();
    pages.sort_unstable_by_key(|(number, _)| number.reverse_bits());
    pages.into_iter().map(|(_, rows)| rows).collect()
}

impl Visitor {
    /// The columns that are read; none for all.
    fn names(&self) -> Option<Vec<&str>> {
        self.names.as_ref().map(|names| names.iter().map(String::as_str).chain(["time"]).collect())
    }

    /// Hands out rows in memory. They are copied first, so that others can be added meanwhile.
    pub(super) fn memtable(&self, memtable: &MemTable, asked: &Selection<'_>, each: &mut Visit<'_>) -> ControlFlow<()> {
        let ranges: Vec<Range<usize>> = memtable.read().visible();
        for window in ranges.into_iter().flat_map(windows) {
            let found = {
                let rows = memtable.read();
                let found = rows.columns().matching(&asked.of_columns(rows.columns()), window);
                if found.is_empty() {
                    continue;
                }
                match self.names() {
                    Some(names) => rows.columns().take_named(&found, &names),
                    None => rows.columns().take(&found),
                }
            };
            each(&found)?;
        }
        ControlFlow::Continue(())
    }
}
