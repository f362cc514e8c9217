//! How many log records there are, by time and by what they say.
//!
//! Values are numbers here: a text is looked at once for each piece of rows, not for each row. What can be told by rollups, which stand
//! beside segments, is not read at all.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use vitrine_observe_columns::{Columns, Dictionary, NULL_CODE};
use vitrine_observe_model::{LogCount, LogCountQuery, LogField};

use super::Selection;
use super::visit::Visitor;
use crate::Signal;
use crate::column_engine::read::Reader;
use crate::column_engine::rollup::logs::{LogTotals, RollupQuery};
use crate::column_engine::segment_handle::SegmentHandle;
use crate::column_engine::table::Table;
use crate::engine::{QueryError, Tenant};
use crate::logs::{LogChunk, columns_of};

/// What was counted so far.
struct Counter<'a> {
    query: &'a LogCountQuery,
    /// All values, as texts.
    texts: Dictionary,
    /// By the step's number in two halves, and the numbers of values.
    totals: HashMap<Vec<u32>, LogTotals>,
    /// For the key that is looked for.
    key: Vec<u32>,
}

impl<'a> Counter<'a> {
    fn new(query: &'a LogCountQuery) -> Self {
        Self { query, texts: Dictionary::default(), totals: HashMap::new(), key: Vec::new() }
    }

    /// Counts some rows. Breaks off when there is more to count apart than may be.
    fn add_rows(&mut self, columns: &Columns) -> ControlFlow<()> {
        let chunk = LogChunk::new(columns, &self.query.by);
        let values: Vec<Vec<u32>> = (0..self.query.by.len()).map(|field| self.values(&chunk, field)).collect();
        for row in 0..chunk.rows() {
            let bytes = if self.query.bytes { chunk.body_bytes(row) } else { 0 };
            self.begin(chunk.time_ns(row));
            self.key.extend(values.iter().map(|values| values[row]));
            self.add(LogTotals { records: 1, bytes });
        }
        self.check()
    }

    fn check(&self) -> ControlFlow<()> {
        if self.totals.len() > self.query.most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Begins the key of a record of this time.
    fn begin(&mut self, time_ns: u64) {
        let step = time_ns.saturating_sub(self.query.origin_ns).checked_div(self.query.step_ns).unwrap_or(0);
        self.key.clear();
        self.key.extend([(step >> 32) as u32, step as u32]);
    }

    fn add(&mut self, totals: LogTotals) {
        match self.totals.get_mut(self.key.as_slice()) {
            Some(known) => known.add(totals),
            None => drop(self.totals.insert(self.key.clone(), totals)),
        }
    }

    /// The number of each row's value of a field.
    fn values(&mut self, chunk: &LogChunk<'_>, field: usize) -> Vec<u32> {
        if let Some(texts) = chunk.texts(field) {
            let mut known = vec![NULL_CODE; texts.dictionary.len()];
            let mut number = |code: &u32| match known.get_mut(*code as usize) {
                None => NULL_CODE,
                Some(known) => {
                    if *known == NULL_CODE {
                        *known = self.texts.intern(texts.dictionary.get(*code));
                    }
                    *known
                }
            };
            return texts.codes.iter().map(&mut number).collect();
        }
        let number =
            |row| chunk.value(field, row).map_or(NULL_CODE, |value| self.texts.intern(value.text().as_bytes()));
        (0..chunk.rows()).map(number).collect()
    }

    /// Counts what a rollup tells, by the service and the severity.
    fn add_totals(&mut self, time_ns: u64, service: &str, severity: u8, totals: LogTotals) {
        self.begin(time_ns);
        for field in &self.query.by {
            let number = match field {
                LogField::Service => self.texts.intern(service.as_bytes()),
                _ if severity == 0 => NULL_CODE,
                _ => self.texts.intern(severity.to_string().as_bytes()),
            };
            self.key.push(number);
        }
        self.add(totals);
    }

    /// In order of steps, then values.
    fn counts(self) -> Result<Vec<LogCount>, QueryError> {
        let LogCountQuery { origin_ns, step_ns, most, .. } = self.query;
        if self.totals.len() > *most {
            return Err(QueryError::TooManyCounts { most: *most });
        }
        let text = |number: &u32| (*number != NULL_CODE).then(|| self.texts.text(*number).to_owned());
        let count = |(key, totals): (&Vec<u32>, &LogTotals)| {
            let step = u64::from(key[0]) << 32 | u64::from(key[1]);
            let by = key[2..].iter().map(text).collect();
            LogCount { start_ns: origin_ns + step * step_ns, by, records: totals.records, bytes: totals.bytes }
        };
        let mut counts: Vec<LogCount> = self.totals.iter().map(count).collect();
        counts.sort_unstable_by(|a, b| (a.start_ns, &a.by).cmp(&(b.start_ns, &b.by)));
        Ok(counts)
    }
}

impl Reader {
    pub(crate) fn log_counts(&self, tenant: &Tenant, query: &LogCountQuery) -> Result<Vec<LogCount>, QueryError> {
        let Some((table, snapshot)) = self.rows(tenant, Signal::Logs) else { return Ok(Vec::new()) };
        let mut names = columns_of(&query.by);
        if query.bytes {
            names.extend(LogField::Body.column().map(str::to_owned));
        }
        let asked = Selection::new(&query.filter, query.start_ns, query.end_ns);
        let visitor = Visitor { names: Some(names), is_spread: false, budget: self.query_budget() };
        let mut counter = Counter::new(query);
        let of_rollups = RollupQuery::new(query);
        for memtable in &snapshot.memtables {
            if visitor.memtable(memtable, &asked, &mut |columns| counter.add_rows(columns)).is_break() {
                return counter.counts();
            }
        }
        for handle in &snapshot.segments {
            if !asked.touches(handle.info.min_time, handle.info.max_time) {
                continue;
            }
            let told = self.count_rollup(&table, handle, of_rollups.as_ref(), &mut counter)?;
            let unknown = told.map(|times| Selection { filter: asked.filter, times });
            let asked = unknown.as_ref().unwrap_or(&asked);
            let visited =
                self.visit_segment(&table, handle, asked, &visitor, &mut |columns| counter.add_rows(columns))?;
            if visited.is_break() || counter.check().is_break() {
                break;
            }
        }
        counter.counts()
    }

    /// Counts what a segment's rollup tells. Returns of which times it does not; none if it tells nothing.
    fn count_rollup(
        &self,
        table: &Table,
        handle: &Arc<SegmentHandle>,
        of_rollups: Option<&RollupQuery<'_>>,
        counter: &mut Counter<'_>,
    ) -> Result<Option<Vec<(i64, i64)>>, QueryError> {
        let Some(query) = of_rollups else { return Ok(None) };
        let Some(rollup) = self.read_rollup(table, handle)? else { return Ok(None) };
        let times = (handle.info.min_time, handle.info.max_time);
        let Some(told) = rollup.logs().and_then(|rollup| query.ask(rollup, times)) else { return Ok(None) };
        for (time_ns, service, severity, totals) in told.totals {
            counter.add_totals(time_ns, service, severity, totals);
        }
        Ok(Some(told.unknown))
    }
}
