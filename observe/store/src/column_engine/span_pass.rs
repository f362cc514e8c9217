//! The one pass over spans that are in the log.
//!
//! Each span of a memtable is passed over once, when the log has it. What comes of that are figures of its operation by the minute
//! ([`rollup`](crate::column_engine::rollup)), whom it calls, by which the service graph of whole traces is told
//! ([`graph`](crate::column_engine::graph)), and, where series are made of spans, what the record adds to them
//! ([`span_metrics`](crate::column_engine::span_metrics)).
//!
//! Texts are numbers here as they are in the memtable's columns, so most of a span is found by numbers.

mod labels;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use vitrine_observe_columns::{Columns, NULL_CODE, Texts};
use vitrine_observe_model::{SpanKind, StatusCode};

use crate::column_engine::graph::node::{Ends, KnownEnds, Spans};
use crate::column_engine::rollup::Rollup;
use crate::column_engine::span_metrics::{
    CountingPlan, Operation, OperationTotal, Side, SpanBlock, SpanExemplar, cut, weight,
};
use labels::LabelReader;

/// The columns of spans that figures of operations are made of.
pub(crate) const COLUMNS: [&str; 6] = ["start", "duration", "service", "name", "kind", "status"];
/// Nanoseconds in a second.
const SECOND_NS: f64 = 1e9;
/// Nanoseconds in a millisecond.
const MILLI_NS: i64 = 1_000_000;

/// An operation with a status, as the columns have it: numbers of the service and the name, kind, status, number of its labels.
type SlotKey = (u32, u32, u8, u8, u32);

/// An operation with a status.
#[derive(Debug)]
struct Slot {
    /// Its number in the rollup.
    operation: u32,
    /// What series call it; none where none are made.
    key: Option<Operation>,
    /// In which block it was counted last, and at which place there.
    counted: (u64, usize),
}

/// What was found in the spans of a memtable.
#[derive(Debug, Default)]
pub(crate) struct SpanPass {
    rollup: Rollup,
    slots: HashMap<SlotKey, u32>,
    operations: Vec<Slot>,
    /// How many blocks were passed over.
    blocks: u64,
    /// Services' names, by the columns' numbers.
    services: Vec<Option<Arc<str>>>,
    ends: KnownEnds,
    /// The names of other ends, by their numbers.
    peer_names: Vec<Arc<str>>,
    labels: LabelReader,
}

/// The columns of a block.
struct Block<'a> {
    starts: &'a [i64],
    durations: &'a [i64],
    services: &'a Texts,
    names: &'a Texts,
    kinds: &'a [i64],
    statuses: &'a [i64],
    states: Option<&'a Texts>,
    /// None where only figures are wanted, and no other columns were read.
    spans: Option<Spans<'a>>,
    sizes: &'a [u32],
}

impl<'a> Block<'a> {
    /// None if they are no spans.
    fn of(columns: &'a Columns, sizes: &'a [u32]) -> Option<Self> {
        Some(Self {
            starts: columns.ints("start")?,
            durations: columns.ints("duration")?,
            services: columns.texts("service")?,
            names: columns.texts("name")?,
            kinds: columns.ints("kind")?,
            statuses: columns.ints("status")?,
            states: columns.texts("trace_state"),
            spans: Spans::of(columns),
            sizes,
        })
    }

    fn seconds(&self, row: usize) -> f64 {
        self.durations[row].max(0) as f64 / SECOND_NS
    }

    /// When a span ended, in nanoseconds since 1970.
    fn end(&self, row: usize) -> i64 {
        self.starts[row].saturating_add(self.durations[row].max(0))
    }

    /// How many spans a row stands for.
    fn weight(&self, row: usize) -> f64 {
        let state = self.states.filter(|states| row < states.codes.len()).and_then(|states| states.get(row));
        state.map_or(1.0, weight)
    }
}

fn text(texts: &Texts, code: u32) -> &[u8] {
    if code == NULL_CODE { &[] } else { texts.dictionary.get(code) }
}

fn byte(values: &[i64], row: usize) -> u8 {
    u8::try_from(values[row]).unwrap_or(0)
}

impl SpanPass {
    /// Passes over these rows, which the log has, and which come behind those that were passed over before, in columns that are
    /// the same each time or have grown. `sizes` are the bytes of each row as it was sent. Returns what series are made of,
    /// where some are.
    pub(crate) fn visit(
        &mut self,
        columns: &Columns,
        sizes: &[u32],
        rows: Range<usize>,
        plan: Option<&CountingPlan>,
        now_ms: i64,
    ) -> SpanBlock {
        let mut found = SpanBlock { now_ms, ..SpanBlock::default() };
        let Some(block) = Block::of(columns, sizes) else { return found };
        self.blocks += 1;
        let reading = plan.and_then(|plan| self.labels.begin(columns, plan));
        for row in rows {
            let labels =
                reading.as_ref().map_or(0, |reading| self.labels.of_operation(reading, row, &mut found.targets));
            let slot = self.slot(&block, row, labels, plan.is_some());
            let duration = u64::try_from(block.durations[row]).unwrap_or(0);
            self.rollup.add(self.operations[slot].operation, byte(block.statuses, row), block.starts[row], duration);
            let Some(spans) = &block.spans else { continue };
            let ends = self.ends.read(spans, row);
            if let Some(plan) = plan {
                let weight = block.weight(row);
                self.count(&block, spans, row, weight, slot, &mut found);
                if plan.makes_graph
                    && let Some(side) = self.side(&block, spans, row, weight, ends, now_ms)
                {
                    let labels = reading.as_ref().and_then(|reading| self.labels.of_side(reading, row));
                    found.sides.push(Side { labels, ..side });
                }
            }
        }
        found
    }

    /// The place of a row's operation.
    fn slot(&mut self, block: &Block<'_>, row: usize, labels: u32, is_counted: bool) -> usize {
        let (service, name) = (block.services.codes[row], block.names.codes[row]);
        let (kind, status) = (byte(block.kinds, row), byte(block.statuses, row));
        let place = self.operations.len();
        let slot = *self.slots.entry((service, name, kind, status, labels)).or_insert(place as u32) as usize;
        if slot == place {
            let (service, name) = (text(block.services, service), text(block.names, name));
            let operation = self.rollup.operation(service, name, kind);
            let text = |bytes| cut(std::str::from_utf8(bytes).unwrap_or_default());
            let key = is_counted.then(|| Operation {
                service: text(service),
                name: text(name),
                kind,
                status,
                labels: self.labels.set(labels),
            });
            self.operations.push(Slot { operation, key, counted: (0, 0) });
        }
        slot
    }

    /// Counts a row for its operation.
    fn count(
        &mut self,
        block: &Block<'_>,
        spans: &Spans<'_>,
        row: usize,
        weight: f64,
        slot: usize,
        found: &mut SpanBlock,
    ) {
        let slot = &mut self.operations[slot];
        let Some(key) = &slot.key else { return };
        if slot.counted.0 != self.blocks {
            slot.counted = (self.blocks, found.operations.len());
            found.operations.push((key.clone(), OperationTotal::new(found.now_ms)));
        }
        let total = &mut found.operations[slot.counted.1].1;
        let (seconds, time_ms) = (block.seconds(row), block.end(row) / MILLI_NS);
        let exemplar = SpanExemplar { trace: spans.trace(row), span: spans.id(row), seconds, time_ms };
        total.count(weight, block.sizes.get(row).copied().unwrap_or(0), exemplar);
    }

    /// A row as one side of a call, if it is one.
    fn side(
        &mut self,
        block: &Block<'_>,
        spans: &Spans<'_>,
        row: usize,
        weight: f64,
        ends: Ends,
        now_ms: i64,
    ) -> Option<Side> {
        let kind = spans.kind(row);
        let is_caller = match kind {
            SpanKind::Client | SpanKind::Producer => true,
            SpanKind::Server | SpanKind::Consumer => false,
            SpanKind::Internal | SpanKind::Unspecified => return None,
        };
        let service = self.service(block, spans, row)?;
        let (id, parent) = (spans.id(row), spans.parent(row));
        let database = if is_caller { spans.database(row) } else { None };
        Some(Side {
            trace: spans.trace(row),
            call: if is_caller || ends.is_shared { id } else { parent },
            span: id,
            is_caller,
            is_root: !is_caller && parent == 0 && !ends.is_shared,
            is_messaging: matches!(kind, SpanKind::Producer | SpanKind::Consumer),
            failed: StatusCode::from_number(byte(block.statuses, row)) == StatusCode::Error,
            service,
            peer: self.peer(ends),
            database: database.map(|name| cut(&name)),
            seconds: block.seconds(row),
            start_ns: block.starts[row],
            end_ns: block.end(row),
            weight,
            since_ms: now_ms,
            labels: None,
        })
    }

    fn peer(&mut self, ends: Ends) -> Option<Arc<str>> {
        let peers = self.ends.peers();
        for peer in self.peer_names.len()..peers.len() {
            self.peer_names.push(cut(peers.text(peer as u32)));
        }
        self.peer_names.get(ends.peer as usize).cloned()
    }

    fn service(&mut self, block: &Block<'_>, spans: &Spans<'_>, row: usize) -> Option<Arc<str>> {
        let name = spans.service_name(row).filter(|name| !name.is_empty())?;
        let code = block.services.codes[row] as usize;
        if self.services.len() <= code {
            self.services.resize(block.services.dictionary.len(), None);
        }
        Some(self.services[code].get_or_insert_with(|| cut(name)).clone())
    }

    /// Figures of operations by the minute. Calls are not in it.
    pub(crate) fn rollup(&self) -> &Rollup {
        &self.rollup
    }

    /// What spans say of the other ends of their calls.
    pub(crate) fn ends(&self) -> &KnownEnds {
        &self.ends
    }

    /// Bytes of memory that grow with the rows.
    pub(crate) fn bytes(&self) -> usize {
        self.ends.bytes()
    }
}
