//! Traces without what their spans carry.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use vitrine_observe_columns::{Columns, Data, Dictionary, NULL_CODE, Segment};
use vitrine_observe_model::definitions::spans;
use vitrine_observe_model::{SpanId, SpanKind, StatusCode, TraceId};

use crate::Signal;
use crate::column_engine::read::{QueryBudget, Reader, windows};
use crate::engine::{QueryError, Tenant};
use crate::spans::{Outlines, SpanOutline, TraceOutline};

/// TextCodes of the columns that an outline is made of.
const MADE_OF: [usize; 10] = [
    spans::TRACE_ID,
    spans::SPAN_ID,
    spans::PARENT_SPAN_ID,
    spans::START,
    spans::DURATION,
    spans::SERVICE,
    spans::NAME,
    spans::KIND,
    spans::STATUS,
    spans::STATUS_MESSAGE,
];

/// Outlines as they are found.
struct Finding {
    texts: Dictionary,
    traces: HashMap<u128, PartialOutline>,
    /// Spans that are returned of each.
    most: usize,
}

/// What was found of a trace.
#[derive(Default)]
struct PartialOutline {
    spans: Vec<SpanOutline>,
    /// Spans that were found, and let go of since.
    let_go: usize,
}

impl PartialOutline {
    /// Lets go of spans that are not among the first.
    fn cut(&mut self, most: usize) {
        if self.spans.len() > most {
            self.spans.select_nth_unstable_by_key(most, order);
            self.let_go += self.spans.len() - most;
            self.spans.truncate(most);
        }
    }
}

fn order(span: &SpanOutline) -> (u64, SpanId) {
    (span.start_ns, span.id)
}

/// The texts of a column as places in a dictionary of all, each looked up once.
struct TextCodes<'a> {
    codes: &'a [u32],
    known: Vec<u32>,
}

impl<'a> TextCodes<'a> {
    fn new(columns: &'a Columns, place: usize, texts: &mut Dictionary) -> Self {
        match &columns.flat[place].data {
            Data::Text(found) => {
                let known = found.dictionary.iter().map(|text| texts.intern(text)).collect();
                Self { codes: &found.codes, known }
            }
            _ => Self { codes: &[], known: Vec::new() },
        }
    }

    fn get(&self, row: usize) -> Option<u32> {
        self.codes.get(row).filter(|code| **code != NULL_CODE).map(|code| self.known[*code as usize])
    }
}

impl Finding {
    /// Adds these rows.
    fn add(&mut self, columns: &Columns) {
        let [services, names, messages] = [spans::SERVICE, spans::NAME, spans::STATUS_MESSAGE]
            .map(|place| TextCodes::new(columns, place, &mut self.texts));
        let none = self.texts.intern(b"");
        let int = |place: usize, row: usize| match &columns.flat[place].data {
            Data::Int(values) => values[row],
            _ => 0,
        };
        let small = |place: usize, row: usize| u8::try_from(int(place, row)).unwrap_or(0);
        let id = |place: usize, row: usize| match &columns.flat[place].data {
            Data::Id8(values) => values[row].to_be_bytes(),
            _ => [0; 8],
        };
        let Data::Id16(traces) = &columns.flat[spans::TRACE_ID].data else { return };
        for (row, trace) in traces.iter().enumerate() {
            let Some(found) = self.traces.get_mut(trace) else { continue };
            found.spans.push(SpanOutline {
                id: SpanId(id(spans::SPAN_ID, row)),
                parent: SpanId::from_bytes(&id(spans::PARENT_SPAN_ID, row)),
                start_ns: u64::try_from(int(spans::START, row)).unwrap_or(0),
                duration_ns: u64::try_from(int(spans::DURATION, row)).unwrap_or(0),
                service: services.get(row).unwrap_or(none),
                name: names.get(row).unwrap_or(none),
                message: messages.get(row),
                kind: SpanKind::from_number(small(spans::KIND, row)),
                failed: StatusCode::from_number(small(spans::STATUS, row)) == StatusCode::Error,
            });
        }
        self.cut(2 * self.most);
    }

    /// Lets go of spans of traces that have more than so many.
    fn cut(&mut self, above: usize) {
        for found in self.traces.values_mut().filter(|found| found.spans.len() > above) {
            found.cut(self.most);
        }
    }

    fn check(&self, budget: &QueryBudget, most: usize) -> Result<(), QueryError> {
        let spans: usize = self.traces.values().map(|found| found.spans.capacity()).sum();
        if spans * size_of::<SpanOutline>() + self.texts.bytes() > most {
            return Err(QueryError::TooMuch { bytes: most });
        }
        budget.check_time()
    }

    fn finish(mut self, ids: &[TraceId]) -> Outlines {
        self.cut(self.most);
        let mut traces = Vec::new();
        for id in ids {
            let Some(PartialOutline { mut spans, let_go }) = self.traces.remove(&u128::from_be_bytes(id.0)) else {
                continue;
            };
            spans.sort_unstable_by_key(order);
            // A sender that saw no answer sends again: the same span twice says nothing new.
            let mut known = HashSet::with_capacity(spans.len());
            spans.retain(|span| known.insert(*span));
            let total = spans.len() + let_go;
            traces.extend((!spans.is_empty()).then_some(TraceOutline { id: *id, spans, total }));
        }
        Outlines { texts: self.texts, traces }
    }
}

impl Reader {
    pub(crate) fn outlines(&self, tenant: &Tenant, ids: &[TraceId], most: usize) -> Result<Outlines, QueryError> {
        let Some((table, snapshot)) = self.rows(tenant, Signal::Traces) else { return Ok(Outlines::default()) };
        let (budget, most_bytes) = (self.query_budget(), self.context.options.query_memory_bytes);
        let numbers: Vec<u128> = ids.iter().map(|id| u128::from_be_bytes(id.0)).collect();
        let traces = numbers.iter().map(|number| (*number, PartialOutline::default())).collect();
        let mut finding = Finding { texts: Dictionary::default(), traces, most };
        let names: Vec<&str> = MADE_OF.iter().map(|place| spans::SPANS.columns[*place].name).collect();
        for memtable in &snapshot.memtables {
            let rows = {
                let held = memtable.read();
                let wanted = |row: &u32| match &held.columns().flat[spans::TRACE_ID].data {
                    Data::Id16(traces) => finding.traces.contains_key(&traces[*row as usize]),
                    _ => false,
                };
                let visible = held.visible().into_iter().flatten().map(|row| row as u32);
                held.columns().take_named(&visible.filter(wanted).collect::<Vec<_>>(), &names)
            };
            finding.add(&rows);
            finding.check(&budget, most_bytes)?;
        }
        for handle in &snapshot.segments {
            let find = |segment: &Segment| {
                let found = numbers.iter().map(|number| segment.find(*number)).collect::<Result<Vec<_>, _>>()?;
                Ok(found.into_iter().flatten().flat_map(windows).collect::<Vec<_>>())
            };
            let mut ranges = self.read(&table, handle, find)?.unwrap_or_default();
            ranges.sort_unstable_by_key(|rows| rows.start);
            for rows in together(ranges) {
                let read = self.read(&table, handle, |segment| segment.read(&rows, Some(&names)))?;
                read.iter().for_each(|columns| finding.add(columns));
                finding.check(&budget, most_bytes)?;
            }
        }
        Ok(finding.finish(ids))
    }
}

/// Ranges in groups of some thousand rows each.
fn together(ranges: Vec<Range<usize>>) -> Vec<Vec<Range<usize>>> {
    let mut groups: Vec<(usize, Vec<Range<usize>>)> = Vec::new();
    for range in ranges {
        match groups.last_mut() {
            Some((rows, group)) if *rows < super::WINDOW => {
                *rows += range.len();
                group.push(range);
            }
            _ => groups.push((range.len(), vec![range])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}
