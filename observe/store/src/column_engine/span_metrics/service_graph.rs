//! Who calls whom, by pairs of spans: one of each side of a call.
//!
//! The rules are those of Grafana Tempo and of OpenTelemetry's servicegraph connector, which names the series alike:
//!
//! - The id of a client's span is the parent's id of the server's span; likewise of a producer and a consumer. The two make an edge, in
//!   whatever order they come.
//! - A span that asks a database is an edge by itself.
//! - A span of which the other side does not come within [`WAIT_MS`] is an edge with a virtual node, if it says whom it calls, or who calls
//!   it. So is a server that no span is above: its client is called [`USER`], if it does not say more. Otherwise it is unpaired.
//!
//! The duration of a side that is not known is not observed. What asks a database, or a virtual node, tells the duration of both sides.
//!
//! What waits is part of what the log has of the totals, so that a call whose sides come before and after `kill -9` is one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::durations::SpanExemplar;
use super::edges::{BOUNDS, Connection, Edge, EdgeTotal};
use super::ledger::Ledger;
use super::{LabelValues, no_labels};

/// How long a side waits for the other one, in milliseconds.
pub(super) const WAIT_MS: i64 = 10_000;
/// Most sides that wait: some 6 MiB, and three times as many as with Tempo. What comes beyond counts as dropped.
pub(super) const MAX_WAITING: usize = 1 << 15;
/// Who calls a server that no span is above.
const USER: &str = "user";
/// Nanoseconds in a second.
const SECOND_NS: f64 = 1e9;
/// Nanoseconds in a millisecond.
const MILLI_NS: i64 = 1_000_000;

/// One side of a call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Side {
    pub trace: u128,
    /// The span's id of the calling side.
    pub call: u64,
    /// The span's own id.
    pub span: u64,
    pub is_caller: bool,
    /// Whether no span is above it, though it is called.
    pub is_root: bool,
    /// Whether it sends or takes a message.
    pub is_messaging: bool,
    pub failed: bool,
    pub service: Arc<str>,
    /// The other end, as it says.
    pub peer: Option<Arc<str>>,
    /// The database that it asks.
    pub database: Option<Arc<str>>,
    pub seconds: f64,
    /// In nanoseconds since 1970.
    pub start_ns: i64,
    pub end_ns: i64,
    /// How many spans it stands for.
    pub weight: f64,
    /// When it came, in milliseconds since 1970.
    pub since_ms: i64,
    /// Values of the labels that edges have besides.
    pub labels: Option<LabelValues>,
}

impl Side {
    fn exemplar(&self) -> SpanExemplar {
        SpanExemplar { trace: self.trace, span: self.span, seconds: self.seconds, time_ms: self.end_ns / MILLI_NS }
    }
}

/// Who calls whom, and sides that wait for the other one.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct ServiceGraph {
    pub edges: Ledger<Edge, EdgeTotal>,
    waiting: HashMap<(u128, u64), Side>,
    /// Before this time no side of those that wait has waited long enough.
    first_due_ms: i64,
    /// How many labels each side has besides.
    label_count: usize,
}

impl ServiceGraph {
    /// Nothing yet, where each side has so many labels besides.
    pub(super) fn new(label_count: usize) -> Self {
        Self { label_count, ..Self::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.edges.is_empty() && self.waiting.is_empty()
    }

    /// Sides that wait.
    pub(super) fn waiting(&self) -> impl ExactSizeIterator<Item = &Side> {
        self.waiting.values()
    }

    /// Puts a side that waits, as it was.
    pub(super) fn put_waiting(&mut self, side: Side) {
        self.waiting.insert((side.trace, side.call), side);
    }

    /// What waits, waits from now on.
    pub(super) fn wait_anew(&mut self, now_ms: i64) {
        self.waiting.values_mut().for_each(|side| side.since_ms = now_ms);
        self.first_due_ms = now_ms.saturating_add(WAIT_MS);
    }

    /// Without totals that have ended.
    pub(super) fn without_ended(self) -> Self {
        Self { edges: self.edges.without_ended(), ..self }
    }

    /// What waits, where sides have other labels than they had: the totals begin anew, and what waits has none.
    pub(super) fn relabelled(mut self, label_count: usize) -> Self {
        self.waiting.values_mut().for_each(|side| side.labels = None);
        Self { waiting: self.waiting, ..Self::new(label_count) }
    }

    /// Totals of which nothing was counted since this time have ended.
    pub(super) fn ending_before(&self, time_ms: i64) -> Self {
        Self { edges: self.edges.ending_before(time_ms), waiting: self.waiting.clone(), ..*self }
    }

    /// Takes one side of a call, when it came.
    pub(super) fn add(&mut self, side: Side) {
        let now_ms = side.since_ms;
        if let Some(database) = side.database.clone() {
            return self.seen_by_caller(&side, database, Connection::Database, now_ms);
        }
        if side.is_root {
            return self.conclude(&side, now_ms);
        }
        if self.waiting.len() >= MAX_WAITING && now_ms >= self.first_due_ms {
            self.expire(now_ms);
        }
        let is_full = self.waiting.len() >= MAX_WAITING;
        match self.waiting.entry((side.trace, side.call)) {
            Entry::Occupied(other) if other.get().is_caller != side.is_caller => {
                let other = other.remove();
                let (client, server) = if side.is_caller { (side, other) } else { (other, side) };
                self.pair(&client, &server, now_ms);
            }
            // One of several of the same id: the first one waits.
            Entry::Occupied(_) => self.alone(&side, now_ms).unpaired += side.weight,
            Entry::Vacant(_) if is_full => self.alone(&side, now_ms).dropped += side.weight,
            Entry::Vacant(place) => {
                place.insert(side);
            }
        }
    }

    /// Decides what becomes of those that have waited long enough.
    pub(super) fn expire(&mut self, now_ms: i64) {
        let due = |side: &Side| side.since_ms.saturating_add(WAIT_MS);
        let mut expired: Vec<Side> =
            self.waiting.extract_if(|_, side| due(side) <= now_ms).map(|(_, side)| side).collect();
        expired.sort_by_key(|side| (side.since_ms, side.trace, side.call));
        expired.iter().for_each(|side| self.conclude(side, now_ms));
        self.first_due_ms = self.waiting.values().map(due).min().unwrap_or(now_ms);
    }

    /// A side stays alone.
    fn conclude(&mut self, side: &Side, now_ms: i64) {
        match &side.peer {
            Some(peer) if side.is_caller => self.seen_by_caller(side, peer.clone(), Connection::Virtual, now_ms),
            Some(peer) => self.seen_by_called(side, peer.clone(), now_ms),
            None if side.is_root => self.seen_by_called(side, USER.into(), now_ms),
            None => self.alone(side, now_ms).unpaired += side.weight,
        }
    }

    fn pair(&mut self, client: &Side, server: &Side, now_ms: i64) {
        let is_messaging = client.is_messaging || server.is_messaging;
        let connection = if is_messaging { Connection::Messaging } else { Connection::Direct };
        let labels = self.labels(Some(client), Some(server));
        let edge = Edge { client: client.service.clone(), server: server.service.clone(), connection, labels };
        let total = self.edges.entry(edge, now_ms);
        // Of two samplers, the one that takes fewer decides how many there are.
        let weight = client.weight.max(server.weight);
        count(total, weight, client.failed || server.failed);
        total.client.observe(&BOUNDS, weight, client.exemplar());
        total.server.observe(&BOUNDS, weight, server.exemplar());
        let between_ns = server.start_ns.saturating_sub(client.end_ns);
        // Clocks that disagree say nothing.
        if is_messaging && between_ns > 0 {
            let exemplar = SpanExemplar { seconds: between_ns as f64 / SECOND_NS, ..server.exemplar() };
            total.messaging.get_or_insert_default().observe(&BOUNDS, weight, exemplar);
        }
    }

    fn seen_by_caller(&mut self, client: &Side, server: Arc<str>, connection: Connection, now_ms: i64) {
        let labels = self.labels(Some(client), None);
        let total = self.edges.entry(Edge { client: client.service.clone(), server, connection, labels }, now_ms);
        count(total, client.weight, client.failed);
        total.client.observe(&BOUNDS, client.weight, client.exemplar());
        total.server.observe(&BOUNDS, client.weight, client.exemplar());
    }

    fn seen_by_called(&mut self, server: &Side, client: Arc<str>, now_ms: i64) {
        let labels = self.labels(None, Some(server));
        let edge = Edge { client, server: server.service.clone(), connection: Connection::Virtual, labels };
        let total = self.edges.entry(edge, now_ms);
        count(total, server.weight, server.failed);
        total.server.observe(&BOUNDS, server.weight, server.exemplar());
    }

    /// The total of those of a service whose other side is not known.
    fn alone(&mut self, side: &Side, now_ms: i64) -> &mut EdgeTotal {
        let (mut client, mut server) = (side.service.clone(), Arc::default());
        if !side.is_caller {
            std::mem::swap(&mut client, &mut server);
        }
        let connection = if side.is_messaging { Connection::Messaging } else { Connection::Direct };
        self.edges.entry(Edge { client, server, connection, labels: no_labels() }, now_ms)
    }

    fn labels(&self, client: Option<&Side>, server: Option<&Side>) -> LabelValues {
        if self.label_count == 0 {
            return no_labels();
        }
        let of_side = |side: Option<&Side>| side.and_then(|side| side.labels.clone());
        let values = |labels: Option<LabelValues>| {
            let values = labels.map(|labels| labels.to_vec());
            values.unwrap_or_else(|| vec![Arc::default(); self.label_count])
        };
        values(of_side(client)).into_iter().chain(values(of_side(server))).collect()
    }
}

fn count(total: &mut EdgeTotal, weight: f64, failed: bool) {
    total.requests += weight;
    if failed {
        total.failed += weight;
    }
}

#[cfg(test)]
mod tests;
