//! Rollups of spans.

use std::collections::HashMap;
use std::ops::Range;

use vitrine_observe_columns::{Columns, Data, Dictionary, NULL_CODE, Texts};

use super::{Calls, Rollup};

/// The columns of spans that figures are made of.
pub(crate) const COLUMNS: [&str; 9] =
    ["trace_id", "span_id", "parent_span_id", "start", "duration", "service", "name", "kind", "status"];

/// The columns of a number of spans.
pub(crate) struct Spans<'a> {
    traces: &'a [u128],
    ids: &'a [u64],
    parents: &'a [u64],
    starts: &'a [i64],
    durations: &'a [i64],
    services: &'a Texts,
    names: &'a Texts,
    kinds: &'a [i64],
    statuses: &'a [i64],
}

fn text(texts: &Texts, code: u32) -> &[u8] {
    if code == NULL_CODE { &[] } else { texts.dictionary.get(code) }
}

impl<'a> Spans<'a> {
    /// None if they are no spans.
    pub(crate) fn of(columns: &'a Columns) -> Option<Self> {
        let column = |name| columns.column(name).map(|column| &column.data);
        let ints = |name| match column(name) {
            Some(Data::Int(values)) => Some(values.as_slice()),
            _ => None,
        };
        let ids = |name| match column(name) {
            Some(Data::Id8(values)) => Some(values.as_slice()),
            _ => None,
        };
        let texts = |name| match column(name) {
            Some(Data::Text(texts)) => Some(texts),
            _ => None,
        };
        let Some(Data::Id16(traces)) = column("trace_id") else { return None };
        Some(Self {
            traces,
            ids: ids("span_id")?,
            parents: ids("parent_span_id")?,
            starts: ints("start")?,
            durations: ints("duration")?,
            services: texts("service")?,
            names: texts("name")?,
            kinds: ints("kind")?,
            statuses: ints("status")?,
        })
    }

    fn service(&self, row: usize) -> &[u8] {
        text(self.services, self.services.codes[row])
    }

    /// The number of a row's operation.
    fn operation(&self, row: usize, known: &mut HashMap<(u32, u32, u8), u32>, into: &mut Rollup) -> u32 {
        let (service, name) = (self.services.codes[row], self.names.codes[row]);
        let kind = u8::try_from(self.kinds[row]).unwrap_or(0);
        *known
            .entry((service, name, kind))
            .or_insert_with(|| into.operation(text(self.services, service), text(self.names, name), kind))
    }

    /// Adds a call between services of these rows.
    pub(crate) fn call(&self, parent: usize, child: usize, into: &mut Rollup) {
        if self.services.codes[parent] != self.services.codes[child] {
            let (caller, called) = (into.service(self.service(parent)), into.service(self.service(child)));
            into.call(caller, called, self.starts[child], 1);
        }
    }
}

/// Figures of rows, added up as they come.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    rollup: Rollup,
    /// Numbers of operations, by the rows' numbers of service and name, and the kind.
    known: HashMap<(u32, u32, u8), u32>,
}

impl Counted {
    /// Adds rows of these columns, which are the same each time or have grown.
    pub(crate) fn add(&mut self, columns: &Columns, rows: Range<usize>) {
        let Some(spans) = Spans::of(columns) else { return };
        for row in rows {
            let operation = spans.operation(row, &mut self.known, &mut self.rollup);
            let status = u8::try_from(spans.statuses[row]).unwrap_or(0);
            let duration = u64::try_from(spans.durations[row]).unwrap_or(0);
            self.rollup.add(operation, status, spans.starts[row], duration);
        }
    }

    /// What they add up to. Calls are not in it: both ends of one must be there.
    pub(crate) fn rollup(&self) -> &Rollup {
        &self.rollup
    }
}

/// Rows in memory, among which parents are looked for together.
#[derive(Default)]
pub(crate) struct Family<'a> {
    parts: Vec<(Spans<'a>, Vec<Range<usize>>)>,
}

impl<'a> Family<'a> {
    /// Adds rows.
    pub(crate) fn add(&mut self, columns: &'a Columns, rows: Vec<Range<usize>>) {
        if let Some(spans) = Spans::of(columns) {
            self.parts.push((spans, rows));
        }
    }

    fn rows(&self) -> impl Iterator<Item = (&Spans<'a>, usize)> {
        self.parts.iter().flat_map(|(spans, ranges)| ranges.iter().cloned().flatten().map(move |row| (spans, row)))
    }

    /// Pairs of parent and child of different services: their services' names, and when the child started.
    fn pairs(&self) -> impl Iterator<Item = (&[u8], &[u8], i64)> {
        let services: HashMap<(u128, u64), &[u8]> =
            self.rows().map(|(spans, row)| ((spans.traces[row], spans.ids[row]), spans.service(row))).collect();
        self.rows().filter_map(move |(spans, row)| {
            let id = Some(spans.parents[row]).filter(|id| *id != 0)?;
            let (parent, child) = (*services.get(&(spans.traces[row], id))?, spans.service(row));
            (parent != child).then_some((parent, child, spans.starts[row]))
        })
    }

    /// Adds up calls between services, by spans that started in this time.
    pub(crate) fn calls(&self, min_ns: i64, max_ns: i64, into: &mut Calls) {
        let mut calls: HashMap<(&[u8], &[u8]), u64> = HashMap::new();
        for (parent, child, start) in self.pairs() {
            if (min_ns..=max_ns).contains(&start) {
                *calls.entry((parent, child)).or_default() += 1;
            }
        }
        for ((parent, child), calls) in calls {
            into.add(&String::from_utf8_lossy(parent), &String::from_utf8_lossy(child), calls);
        }
    }

    /// Counts calls between services.
    pub(crate) fn count(&self, into: &mut Rollup) {
        for (parent, child, start) in self.pairs() {
            let (caller, called) = (into.service(parent), into.service(child));
            into.call(caller, called, start, 1);
        }
    }
}

/// The services and starts of a segment's rows, to count calls between rows that are far apart.
#[derive(Default)]
pub(crate) struct Joints {
    names: Dictionary,
    services: Vec<u32>,
    starts: Vec<i64>,
}

impl Joints {
    /// The columns that it is made of.
    pub(crate) const COLUMNS: [&str; 2] = ["service", "start"];

    /// Adds the next rows.
    pub(crate) fn add(&mut self, columns: &Columns) {
        if let Some(Data::Text(services)) = columns.column("service").map(|column| &column.data)
            && let Some(Data::Int(starts)) = columns.column("start").map(|column| &column.data)
        {
            let mut known: HashMap<u32, u32> = HashMap::new();
            self.services.extend(
                services
                    .codes
                    .iter()
                    .map(|code| *known.entry(*code).or_insert_with(|| self.names.intern(text(services, *code)))),
            );
            self.starts.extend_from_slice(starts);
        }
    }

    /// Counts a call. Rows that are not there do not count.
    pub(crate) fn call(&self, parent: usize, child: usize, into: &mut Rollup) {
        if let (Some(caller), Some(called)) = (self.services.get(parent), self.services.get(child))
            && caller != called
        {
            let (caller, called) = (into.service(self.names.get(*caller)), into.service(self.names.get(*called)));
            into.call(caller, called, self.starts[child], 1);
        }
    }
}
