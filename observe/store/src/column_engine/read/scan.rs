//! Reading whole columns, some thousand rows at a time.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Weak};

use arrow_array::RecordBatch;
use vitrine_observe_columns::{ATTRIBUTE_PREFIX, Columns, Data, Filter, Fixed, Kind, Search, Segment, TextTest};
use vitrine_observe_model::Table as View;
use vitrine_observe_model::batch;
use vitrine_observe_model::definitions::metrics;
use vitrine_observe_text::TextMatch;

use crate::Signal;
use crate::column_engine::memtable::MemTable;
use crate::column_engine::read::points::Doubled;
use crate::column_engine::read::search::ranges;
use crate::column_engine::read::{QueryBudget, Reader, time, windows};
use crate::column_engine::segment_handle::SegmentHandle;
use crate::column_engine::table::Table;
use crate::engine::{Batches, QueryError, Scan, Tenant, TextCondition, TextPart};

/// Rows of a window are read one by one when at most this part of them is wanted.
const FEW: usize = 4;
/// Nanoseconds in a millisecond.
const NANOS_PER_MILLI: i64 = 1_000_000;

/// A tenant's rows, as they are read.
struct ScanIter {
    /// Not held: a reading that a caller forgot does not keep the engine open.
    reader: Weak<Reader>,
    table: Arc<Table>,
    view: View,
    projection: Option<Vec<usize>>,
    /// Names of columns and lists that are needed; `attr.` for all attributes.
    names: BTreeSet<&'static str>,
    filter: Filter,
    trace: Option<u128>,
    memtables: VecDeque<(Arc<MemTable>, Range<usize>)>,
    segments: VecDeque<Arc<SegmentHandle>>,
    /// What is left of the segment that is being read.
    windows: VecDeque<Range<usize>>,
    reading: Option<(Arc<SegmentHandle>, Search)>,
    /// Rows of metric points that are series, too, and shown as such.
    doubled: Doubled,
    /// Since it began. What is read is not held, and not counted.
    query_budget: QueryBudget,
}

/// Whose rows a view shows.
fn signal(view: View) -> Signal {
    match view {
        View::Spans | View::SpanEvents | View::SpanLinks => Signal::Traces,
        View::Logs => Signal::Logs,
        View::Metrics | View::Exemplars | View::Series => Signal::Metrics,
    }
}

/// Whether a view's rows have times of their own, other than those by which rows are found.
fn has_own_times(view: View) -> bool {
    matches!(view, View::SpanEvents | View::Exemplars)
}

/// The columns and lists that a column of a view is made of.
fn made_of(view: View, name: &str) -> &'static [&'static str] {
    match (view, name) {
        (View::SpanEvents, "time" | "name" | "attributes" | "dropped_attributes") => &["events"],
        (View::SpanLinks, "linked_trace_id" | "linked_span_id" | "trace_state") => &["links"],
        (View::SpanLinks, "attributes" | "flags" | "dropped_attributes") => &["links"],
        (View::Exemplars, "time" | "value" | "value_int" | "trace_id" | "span_id" | "attributes") => &["exemplars"],
        (View::Exemplars, "point_time") => &["time"],
        (View::Exemplars, "point_attributes") => &["attributes", ATTRIBUTE_PREFIX],
        (View::SpanEvents | View::SpanLinks, "span_name") => &["name"],
        (View::Spans | View::SpanLinks, "time") => &["start"],
        (View::Spans, "duration_ns") => &["duration"],
        (View::Metrics, "value" | "value_int") => &["value_int", "value_double"],
        (View::Metrics, "bucket_counts") => &["counts", "negative_counts"],
        (View::Metrics, "negative_bucket_counts") => &["negative_counts"],
        (View::Metrics, "quantile_values") => &["quantiles"],
        (_, "resource_schema_url" | "resource_dropped_attributes") => &["origin"],
        (_, "scope_schema_url" | "scope_dropped_attributes") => &["origin"],
        (_, "attributes") => &["attributes", ATTRIBUTE_PREFIX],
        _ => &[],
    }
}

/// What is needed for these columns of a view. Names that stand for themselves are not in [`made_of`].
fn needed(view: View, projection: Option<&[usize]>) -> BTreeSet<&'static str> {
    let definition = signal(view).definition();
    let own = |name: &str| {
        let columns = definition.columns.iter().map(|column| column.name);
        columns.chain(definition.lists.iter().map(|list| list.name)).find(|own| *own == name)
    };
    let schema = view.schema();
    let all: Vec<usize> = (0..schema.fields().len()).collect();
    let mut names = BTreeSet::new();
    for place in projection.unwrap_or(&all).iter().filter(|place| **place < all.len()) {
        let name = schema.field(*place).name();
        match made_of(view, name) {
            [] => names.extend(own(name)),
            memtables => names.extend(memtables),
        }
    }
    // Events, links and exemplars are rows of their own: how many there are must be known in any case. A point's value is told by
    // what it is.
    match view {
        View::SpanEvents => names.extend(["events", "start"]),
        View::SpanLinks => names.extend(["links", "start"]),
        View::Exemplars => names.extend(["exemplars", "time"]),
        View::Metrics => names.extend(["kind", "value_int", "value_double", "count", "time"]),
        View::Spans => names.extend(["start"]),
        View::Logs => names.extend(["time", "body_is_json"]),
        View::Series => {}
    }
    names
}

fn filter(view: View, scan: &Scan) -> Filter {
    let mut all = Vec::new();
    let column = match signal(view) {
        Signal::Traces => "start",
        Signal::Logs | Signal::Metrics => "time",
    };
    // The time of an event is not that of its span, nor that of an exemplar its point's.
    if let Some((min, max)) = scan.time_ns
        && !has_own_times(view)
    {
        all.push(Filter::Int { column: column.to_owned(), min: time(min), max: time(max) });
    }
    if let Some(services) = &scan.services {
        all.push(Filter::Text { column: "service".to_owned(), test: TextTest::OneOf(services.clone()) });
    }
    // An event, a link and an exemplar have other names than their rows, or none.
    if let (View::Spans | View::Metrics | View::Exemplars, Some(names)) = (view, &scan.names) {
        all.push(Filter::Text { column: "name".to_owned(), test: TextTest::OneOf(names.clone()) });
    }
    if let Some(trace) = scan.trace.filter(|_| signal(view) != Signal::Metrics) {
        all.push(Filter::Id { column: "trace_id".to_owned(), value: u128::from_be_bytes(trace.0) });
    }
    all.extend(scan.texts.iter().filter_map(|condition| text_filter(view, condition)));
    Filter::All(all)
}

/// A condition on a text, if a row has that text as a view shows it.
fn text_filter(view: View, condition: &TextCondition) -> Option<Filter> {
    let TextCondition { column, holds } = condition;
    let is_own = |fixed: &Fixed| fixed.name == column && fixed.kind == Kind::Text;
    if view != View::Logs || !signal(view).definition().columns.iter().any(is_own) || !made_of(view, column).is_empty()
    {
        return None;
    }
    let holds = match holds {
        TextPart::Characters(characters) => TextMatch::Contains(characters.clone()),
        TextPart::Word(word) => TextMatch::Word(word.clone()),
        TextPart::Pattern(pattern) => TextMatch::pattern(pattern).ok()?,
    };
    Some(Filter::Text { column: column.clone(), test: TextTest::Match(Arc::new(holds)) })
}

impl Reader {
    pub(crate) fn scan(self: &Arc<Self>, tenant: &Tenant, view: View, scan: &Scan) -> Result<Batches, QueryError> {
        let rows = self.scan_rows(tenant, view, scan)?;
        if signal(view) != Signal::Metrics {
            return Ok(Box::new(rows.into_iter().flatten()));
        }
        let points = self.points(tenant, view, scan)?;
        Ok(Box::new(points.into_iter().flatten().chain(rows.into_iter().flatten())))
    }

    /// Rows of columns; none if there are none. Those of metric points are older than that points are series.
    fn scan_rows(self: &Arc<Self>, tenant: &Tenant, view: View, scan: &Scan) -> Result<Option<ScanIter>, QueryError> {
        let Some((table, snapshot)) = self.rows(tenant, signal(view)) else { return Ok(None) };
        if view == View::Series {
            return Ok(None);
        }
        let (min, max) = scan
            .time_ns
            .filter(|_| !has_own_times(view))
            .map_or((i64::MIN, i64::MAX), |(min, max)| (time(min), time(max)));
        let memtables = snapshot.memtables.iter().flat_map(|memtable| {
            let visible = memtable.read().visible();
            visible.into_iter().flat_map(windows).map(|rows| (memtable.clone(), rows)).collect::<Vec<_>>()
        });
        let segments =
            snapshot.segments.iter().filter(|handle| handle.info.max_time >= min && handle.info.min_time <= max);
        let segments: VecDeque<Arc<SegmentHandle>> = segments.cloned().collect();
        let mut names = needed(view, scan.columns.as_deref());
        let mut doubled = Doubled::new();
        if signal(view) == Signal::Metrics {
            let first = segments.iter().map(|handle| handle.info.min_time).min();
            let last = segments.iter().map(|handle| handle.info.max_time).max();
            let (Some(first), Some(last)) = (first, last) else { return Ok(None) };
            doubled = self.doubled(tenant, (first.max(min), last.min(max)))?;
            names.extend(["series", "time"]);
        }
        Ok(Some(ScanIter {
            reader: Arc::downgrade(self),
            table,
            view,
            projection: scan.columns.clone(),
            names,
            doubled,
            filter: filter(view, scan),
            trace: scan.trace.filter(|_| signal(view) != Signal::Metrics).map(|trace| u128::from_be_bytes(trace.0)),
            memtables: memtables.collect(),
            segments,
            windows: VecDeque::new(),
            reading: None,
            query_budget: self.query_budget(),
        }))
    }
}

impl ScanIter {
    /// The rows that are not series, too.
    fn single(&self, columns: Columns) -> Columns {
        if self.doubled.is_empty() {
            return columns;
        }
        let (Data::Id8(series), Data::Int(times)) =
            (&columns.flat[metrics::SERIES].data, &columns.flat[metrics::TIME].data)
        else {
            return columns;
        };
        let is_single = |row: &u32| {
            let (series, time) = (series.get(*row as usize), times.get(*row as usize));
            let range = series.and_then(|series| self.doubled.get(series));
            range.zip(time).is_none_or(|((first, last), time)| !(*first..=*last).contains(&(time / NANOS_PER_MILLI)))
        };
        let kept: Vec<u32> = (0..columns.rows as u32).filter(is_single).collect();
        if kept.len() == columns.rows { columns } else { columns.take(&kept) }
    }

    /// The next rows in memory.
    fn next_of_memtable(&self, memtable: &MemTable, rows: Range<usize>) -> Option<Columns> {
        let handle = memtable.read();
        let found = handle.columns().matching(&self.filter, rows);
        (!found.is_empty()).then(|| handle.columns().take(&found))
    }

    /// The windows of a segment that may hold what is asked for.
    fn begin(&self, segment: &Segment) -> Result<(Search, VecDeque<Range<usize>>), vitrine_observe_columns::Error> {
        let search = segment.search(&self.filter)?;
        let windows = match self.trace {
            _ if search.is_empty() => VecDeque::new(),
            Some(trace) => segment.find(trace)?.into_iter().flat_map(windows).collect(),
            None => windows(0..segment.rows()).collect(),
        };
        Ok((search, windows))
    }

    fn next_of_segment(
        &self,
        segment: &Segment,
        search: &Search,
        rows: Range<usize>,
    ) -> Result<Option<Columns>, vitrine_observe_columns::Error> {
        let found = search.matching(rows.clone())?;
        if found.is_empty() {
            return Ok(None);
        }
        let attributes = self.names.contains(ATTRIBUTE_PREFIX);
        let names: Vec<&str> = self
            .names
            .iter()
            .copied()
            .chain(
                segment
                    .columns()
                    .map(|(name, ..)| &**name)
                    .filter(|name| attributes && name.starts_with(ATTRIBUTE_PREFIX)),
            )
            .collect();
        if found.len() * FEW > rows.len() {
            return segment.read(&[rows], Some(&names)).map(Some);
        }
        segment.read(&ranges(&found), Some(&names)).map(Some)
    }

    /// The next rows; none if these had nothing of what is asked for.
    fn step(&mut self) -> Result<Option<Option<Columns>>, QueryError> {
        if let Some((memtable, rows)) = self.memtables.pop_front() {
            return Ok(Some(self.next_of_memtable(&memtable, rows)));
        }
        let reader = self.reader.upgrade().filter(|reader| !reader.context.is_closed()).ok_or(QueryError::Closed)?;
        if let Some(rows) = self.windows.pop_front()
            && let Some((handle, search)) = &self.reading
        {
            let read = reader.read(&self.table, handle, |segment| self.next_of_segment(segment, search, rows))?;
            return Ok(Some(read.flatten()));
        }
        let Some(handle) = self.segments.pop_front() else { return Ok(None) };
        reader.trim();
        self.reading = None;
        if let Some((search, windows)) = reader.read(&self.table, &handle, |segment| self.begin(segment))? {
            self.windows = windows;
            self.reading = Some((handle, search));
        }
        Ok(Some(None))
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>, QueryError> {
        while let Some(found) = self.step()? {
            self.query_budget.check_time()?;
            let Some(columns) = found.map(|columns| self.single(columns)) else { continue };
            let most = self.reader.upgrade().map_or(usize::MAX, |reader| reader.context.options.query_memory_bytes);
            if columns.bytes() > most {
                return Err(QueryError::TooMuch { bytes: most });
            }
            let batch = batch(self.view, &columns, self.projection.as_deref())
                .map_err(|_| QueryError::TooMuch { bytes: most })?;
            if batch.num_rows() > 0 {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }
}

impl Iterator for ScanIter {
    type Item = Result<RecordBatch, QueryError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.next_batch();
        if next.is_err() {
            self.memtables.clear();
            self.segments.clear();
            self.windows.clear();
            self.reading = None;
        }
        next.transpose()
    }
}
