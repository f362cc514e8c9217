//! Series from spans: how many spans an operation had, with which status, and how long they took.
//!
//! Spans are counted when the log has them, by tenant. At an interval the totals are written to the log as one record, which also says
//! up to which position of the log its counts go, and become samples of series from there. A restart takes the totals of the latest
//! record and counts the spans behind that position again, whatever became of their rows: so none is lost and none counts twice. The log
//! is kept from that position on.
//!
//! Not here: calls between services, which are known only when both sides are ([`graph`](crate::column_engine::graph)).

mod encode;
mod series;
mod totals;

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;
use vitrine_observe_columns::Columns;
use vitrine_observe_log::Position;
use vitrine_observe_model::metrics::RemoteWrite;

use crate::column_engine::lock::{Mutex, Rank};
use totals::Totals;

pub use series::SpanMetricNames;

/// Series of operations that had no span for so long end, in milliseconds.
const IDLE_MS: i64 = 15 * 60 * 1000;
/// Most requests that may wait for the log when totals are written: so many are remembered one by one while the log is read.
const MAX_RECENT: usize = 1 << 14;

/// What is written at an interval.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct SpanTotals {
    /// Spans in records before this position are counted, and no others.
    before: Position,
    /// When it was written, in milliseconds since 1970.
    time_ms: i64,
    totals: Totals,
}

/// What is counted of a tenant's spans.
#[derive(Debug)]
pub(crate) struct SpanCounts {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    totals: Totals,
    /// Spans in records before this position are counted, and no others.
    before: Position,
    /// No record before this position is needed to count again; none if nothing is counted.
    low: Option<Position>,
    /// What the latest records added, while the log is read at a start.
    recent: VecDeque<(Position, Totals)>,
}

impl State {
    /// Returns whether it was not counted yet.
    fn add(&mut self, added: &Totals, position: Position) -> bool {
        if position < self.before {
            return false;
        }
        self.totals.unite(added);
        self.before = behind(position);
        self.low.get_or_insert(position);
        true
    }
}

impl Default for SpanCounts {
    fn default() -> Self {
        Self { state: Mutex::new(Rank::SpanCounts, State::default()) }
    }
}

/// Behind a record.
fn behind(position: Position) -> Position {
    Position::from(u64::from(position).saturating_add(1))
}

impl SpanCounts {
    /// Counts the spans of a record of the log.
    pub(crate) fn count(&self, columns: &Columns, rows: Range<usize>, position: Position, now_ms: i64) {
        let added = Totals::of(columns, rows, now_ms);
        self.state.lock().add(&added, position);
    }

    /// Counts the spans of a record that is read again at a start: totals that come behind it in the log may have it or not.
    pub(crate) fn count_again(&self, columns: &Columns, rows: Range<usize>, position: Position, now_ms: i64) {
        let added = Totals::of(columns, rows, now_ms);
        let mut state = self.state.lock();
        if state.add(&added, position) {
            state.recent.push_back((position, added));
            if state.recent.len() > MAX_RECENT {
                state.recent.pop_front();
            }
        }
    }

    /// The log is read.
    pub(crate) fn end_replay(&self) {
        self.state.lock().recent = VecDeque::new();
    }

    /// Totals from the log: they stand for all spans before their position; those behind it are counted.
    pub(crate) fn restore(&self, written: SpanTotals) {
        let mut state = self.state.lock();
        state.totals = written.totals.without_ended();
        state.low = Some(written.before);
        state.before = state.before.max(written.before);
        state.recent.retain(|(position, _)| *position >= written.before);
        let State { totals, recent, .. } = &mut *state;
        recent.iter().for_each(|(_, added)| totals.unite(added));
    }

    /// The totals at this time; none if nothing is counted. `settled`: all spans of the log before this position are counted; where some
    /// still wait, none.
    pub(crate) fn totals(&self, now_ms: i64, settled: Option<Position>) -> Option<SpanTotals> {
        let mut state = self.state.lock();
        if state.totals.is_empty() {
            state.low = None;
            return None;
        }
        state.before = state.before.max(settled.unwrap_or_default());
        let written =
            SpanTotals { before: state.before, time_ms: now_ms, totals: state.totals.ending_before(now_ms - IDLE_MS) };
        state.totals.end_exemplars();
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

    /// The samples that it stands for.
    pub(crate) fn samples(&self, names: SpanMetricNames) -> RemoteWrite {
        RemoteWrite::of(&series::series(self, names))
    }
}
