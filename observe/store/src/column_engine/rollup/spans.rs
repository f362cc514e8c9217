//! Rollups of spans.

use std::collections::HashMap;
use std::ops::Range;

use vitrine_observe_columns::{Columns, NULL_CODE, Texts};

use super::Rollup;

/// The columns of spans that figures are made of.
pub(crate) const COLUMNS: [&str; 6] = ["start", "duration", "service", "name", "kind", "status"];

/// The columns of a number of spans.
struct Spans<'a> {
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
    fn of(columns: &'a Columns) -> Option<Self> {
        Some(Self {
            starts: columns.ints("start")?,
            durations: columns.ints("duration")?,
            services: columns.texts("service")?,
            names: columns.texts("name")?,
            kinds: columns.ints("kind")?,
            statuses: columns.ints("status")?,
        })
    }

    /// The number of a row's operation.
    fn operation(&self, row: usize, known: &mut HashMap<(u32, u32, u8), u32>, into: &mut Rollup) -> u32 {
        let (service, name) = (self.services.codes[row], self.names.codes[row]);
        let kind = u8::try_from(self.kinds[row]).unwrap_or(0);
        *known
            .entry((service, name, kind))
            .or_insert_with(|| into.operation(text(self.services, service), text(self.names, name), kind))
    }
}

/// Totals of rows, added up as they come.
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

    /// What they add up to. Calls are not in it.
    pub(crate) fn rollup(&self) -> &Rollup {
        &self.rollup
    }
}
