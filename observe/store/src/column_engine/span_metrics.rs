//! Series from spans: how many an operation had, with which status, how long they took, and who calls whom.
//!
//! Spans are counted when the log has them, by tenant. At an interval the totals are written to the log as one record, which also says
//! up to which position of the log its counts go, and become samples of series from there. A restart takes the totals of the latest
//! record and counts the spans behind that position again, whatever became of their rows: so none is lost and none counts twice. The log
//! is kept from that position on.
//!
//! A call is counted when both of its sides came. A side that waits for the other one is part of the record, like the totals: so the
//! position may pass it.
//!
//! Not here: calls as Jaeger's and Zipkin's dependencies have them, which are told from whole traces
//! ([`graph`](crate::column_engine::graph)).

mod durations;
mod edges;
mod encode;
mod ledger;
mod operations;
mod plan;
mod series;
mod service_graph;
mod targets;

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use vitrine_observe_model::metrics::RemoteWrite;
use vitrine_platform_log::Position;

use crate::column_engine::lock::{Mutex, Rank};
use ledger::Ledger;
use service_graph::ServiceGraph;
use targets::Seen;

pub(crate) use durations::SpanExemplar;
pub(crate) use operations::{Operation, OperationTotal, cut, weight};
pub use plan::SpanMetrics;
pub(crate) use plan::{CountingPlan, LabelValues, cut_value, no_labels};
pub use series::SpanMetricNames;
pub(crate) use service_graph::Side;
pub(crate) use targets::Target;

/// What had no span for so long ends, in milliseconds.
const IDLE_MS: i64 = 15 * 60 * 1000;
/// Exemplars are told once in so many milliseconds: the newest of each bucket.
const EXEMPLARS_MS: i64 = 60 * 1000;
/// Most requests that may wait for the log when totals are written: so many are remembered one by one while the log is read.
const MAX_RECENT: usize = 1 << 14;
/// Most sides of calls in them: some 40 MiB.
const MAX_RECENT_SIDES: usize = 1 << 18;

/// What a record of the log adds.
#[derive(Debug, Clone, Default)]
pub(crate) struct SpanBlock {
    /// When it came, in milliseconds since 1970.
    pub now_ms: i64,
    pub operations: Vec<(Operation, OperationTotal)>,
    pub sides: Vec<Side>,
    /// Resources that the spans are from.
    pub targets: Vec<Target>,
}

/// What is counted of a tenant's spans.
#[derive(Debug, Clone, PartialEq, Default)]
struct Totals {
    operations: Ledger<Operation, OperationTotal>,
    graph: ServiceGraph,
    targets: Ledger<Target, Seen>,
}

impl Totals {
    /// Nothing yet.
    fn new(plan: &CountingPlan) -> Self {
        Self { graph: ServiceGraph::new(plan.edge_attributes.len()), ..Self::default() }
    }

    fn is_empty(&self) -> bool {
        self.operations.is_empty() && self.graph.is_empty() && self.targets.is_empty()
    }

    fn add(&mut self, block: SpanBlock) {
        block.operations.into_iter().for_each(|(operation, total)| self.operations.add(operation, &total));
        block.sides.into_iter().for_each(|side| self.graph.add(side));
        for target in block.targets {
            self.targets.entry(target, block.now_ms).blocks += 1.0;
        }
    }

    fn ending_before(&self, time_ms: i64) -> Self {
        Self {
            operations: self.operations.ending_before(time_ms),
            graph: self.graph.ending_before(time_ms),
            targets: self.targets.ending_before(time_ms),
        }
    }

    fn forget_ended(&mut self, written: &Self) {
        self.operations.forget_ended(&written.operations);
        self.graph.edges.forget_ended(&written.graph.edges);
        self.targets.forget_ended(&written.targets);
    }

    fn end_exemplars(&mut self) {
        self.operations.end_exemplars();
        self.graph.edges.end_exemplars();
    }
}

/// What is written at an interval.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct SpanTotals {
    /// Spans in records before this position are counted, and no others.
    before: Position,
    /// When it was written, in milliseconds since 1970.
    time_ms: i64,
    /// Whether exemplars are told with it; else they wait for another one.
    tells_exemplars: bool,
    /// Labels that operations have besides.
    operation_labels: Vec<Arc<str>>,
    /// Labels that calls have besides.
    edge_labels: Vec<Arc<str>>,
    totals: Totals,
}

/// What is counted of a tenant's spans.
#[derive(Debug)]
pub(crate) struct SpanCounts {
    plan: Arc<CountingPlan>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    totals: Totals,
    /// Spans in records before this position are counted, and no others.
    before: Position,
    /// No record before this position is needed to count again; none if nothing is counted.
    low: Option<Position>,
    /// When exemplars were told last, in spans of [`EXEMPLARS_MS`] since 1970.
    told: i64,
    /// What the latest records added, while the log is read at a start, and how many sides of calls are in it.
    recent: VecDeque<(Position, SpanBlock)>,
    recent_sides: usize,
}

impl State {
    /// Returns whether it was not counted yet.
    fn add(&mut self, block: SpanBlock, position: Position) -> bool {
        if position < self.before {
            return false;
        }
        self.totals.add(block);
        self.before = behind(position);
        self.low.get_or_insert(position);
        true
    }

    fn remember(&mut self, block: SpanBlock, position: Position) {
        self.recent_sides += block.sides.len();
        self.recent.push_back((position, block));
        while self.recent.len() > MAX_RECENT || self.recent_sides > MAX_RECENT_SIDES {
            let Some((_, forgotten)) = self.recent.pop_front() else { return };
            self.recent_sides -= forgotten.sides.len();
        }
    }
}

/// Behind a record.
fn behind(position: Position) -> Position {
    Position::from(u64::from(position).saturating_add(1))
}

impl SpanCounts {
    /// Nothing yet.
    pub(crate) fn new(plan: Arc<CountingPlan>) -> Self {
        let state = State { totals: Totals::new(&plan), ..State::default() };
        Self { plan, state: Mutex::new(Rank::SpanCounts, state) }
    }

    /// What is counted.
    pub(crate) fn plan(&self) -> &CountingPlan {
        &self.plan
    }

    /// Counts the spans of a record of the log.
    pub(crate) fn count(&self, block: SpanBlock, position: Position) {
        self.state.lock().add(block, position);
    }

    /// Counts the spans of a record that is read again at a start: totals that come behind it in the log may have it or not.
    pub(crate) fn count_again(&self, block: SpanBlock, position: Position) {
        let mut state = self.state.lock();
        if state.add(block.clone(), position) {
            state.remember(block, position);
        }
    }

    /// The log is read. Sides of calls wait from now on: while the process was not there, the other ones could not come.
    pub(crate) fn end_replay(&self, now_ms: i64) {
        let mut state = self.state.lock();
        (state.recent, state.recent_sides) = (VecDeque::new(), 0);
        state.totals.graph.wait_anew(now_ms);
    }

    /// Totals from the log: they stand for all spans before their position; those behind it are counted. Totals by other labels than
    /// are told now are not taken over: series with the labels of now begin anew.
    pub(crate) fn restore(&self, written: SpanTotals) {
        let SpanTotals { before, time_ms, tells_exemplars, operation_labels, edge_labels, totals } = written;
        let mut state = self.state.lock();
        let mut restored = Totals::new(&self.plan);
        if operation_labels == self.plan.operation_labels {
            restored.operations = totals.operations.without_ended();
        }
        let is_same = edge_labels == self.plan.edge_labels;
        restored.graph = match self.plan.makes_graph {
            true if is_same => totals.graph.without_ended(),
            true => totals.graph.relabelled(self.plan.edge_attributes.len()),
            false => restored.graph,
        };
        if self.plan.tells_targets || self.plan.tells_hosts {
            restored.targets = totals.targets.without_ended();
        }
        if tells_exemplars {
            restored.end_exemplars();
            state.told = time_ms.div_euclid(EXEMPLARS_MS);
        }
        state.totals = restored;
        state.low = Some(before);
        state.before = state.before.max(before);
        state.recent.retain(|(position, _)| *position >= before);
        state.recent_sides = state.recent.iter().map(|(_, block)| block.sides.len()).sum();
        let State { totals, recent, .. } = &mut *state;
        recent.iter().for_each(|(_, block)| totals.add(block.clone()));
    }

    /// The totals at this time; none if nothing is counted. `settled`: all spans of the log before this position are counted; where some
    /// still wait, none.
    pub(crate) fn totals(&self, now_ms: i64, settled: Option<Position>) -> Option<SpanTotals> {
        let mut state = self.state.lock();
        state.totals.graph.expire(now_ms);
        if state.totals.is_empty() {
            state.low = None;
            return None;
        }
        state.before = state.before.max(settled.unwrap_or_default());
        let minute = now_ms.div_euclid(EXEMPLARS_MS);
        let written = SpanTotals {
            before: state.before,
            time_ms: now_ms,
            tells_exemplars: minute != state.told,
            operation_labels: self.plan.operation_labels.clone(),
            edge_labels: self.plan.edge_labels.clone(),
            totals: state.totals.ending_before(now_ms - IDLE_MS),
        };
        if written.tells_exemplars {
            state.totals.end_exemplars();
            state.told = minute;
        }
        Some(written)
    }

    /// Totals are in the log: what was counted in them need not be counted again.
    pub(crate) fn written(&self, written: &SpanTotals) {
        let mut state = self.state.lock();
        state.totals.forget_ended(&written.totals);
        state.low = Some(written.before);
    }

    /// No record before this position is needed to count again; none if nothing is counted.
    pub(crate) fn first_position(&self) -> Option<Position> {
        self.state.lock().low
    }
}

impl SpanTotals {
    /// As a record of the log has it.
    pub(crate) fn encode(&self) -> Bytes {
        encode::encode(self).into()
    }

    /// What a record has; none if it is damaged.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        encode::decode(bytes)
    }

    /// What a record has that samples are made of; none if it is damaged.
    pub(crate) fn decode_for_samples(bytes: &[u8]) -> Option<Self> {
        encode::decode_for_samples(bytes)
    }

    /// The samples that it stands for.
    pub(crate) fn samples(&self, names: SpanMetricNames) -> RemoteWrite {
        RemoteWrite::of(&series::series(self, names))
    }
}
