//! Totals as a record of the log.
//!
//! A byte with the version; the position before which spans are counted and the time, 8 bytes each; a byte whether exemplars are told; the
//! names of labels that operations and calls have besides; and then four lists, each with its length in front: operations (service,
//! name, kind, status, values of labels, life, bytes, durations), edges (client, server, connection, values of labels, life, requests,
//! failed, unpaired, dropped, durations of the client, of the server, and of the messaging system if there are any), targets (whether it
//! is a host, labels, life, blocks), and sides that wait, which samples need not.
//!
//! A life is when it began and when something was last counted, and whether it has ended. Durations are the count, the seconds, the spans
//! without a duration, native buckets, classic buckets, and exemplars. Numbers are LEB128, signed ones with the sign in the lowest bit,
//! times 8 bytes and doubles 8 bytes little endian, texts and lists begin with their length.
//!
//! Version 1 had operations only, without bytes and labels, and exemplars by native bucket; it is read, too.

use std::sync::Arc;

use vitrine_kit::varint;
use vitrine_observe_series::Labels;
use vitrine_platform_log::Position;

use super::durations::{BUCKETS, Durations};
use super::edges::{Connection, Edge, EdgeTotal};
use super::ledger::Life;
use super::operations::BOUNDS;
use super::service_graph::ServiceGraph;
use super::targets::Seen;
use super::{LabelValues, Operation, OperationTotal, Side, SpanExemplar, SpanTotals, Target, Totals, no_labels};

/// The version of this form.
const VERSION: u8 = 2;
/// The version before it.
const OPERATIONS_ONLY: u8 = 1;
/// Bits of a side.
const CALLER: u8 = 1;
const MESSAGING: u8 = 2;
const FAILED: u8 = 4;
const PEER: u8 = 8;
const LABELS: u8 = 16;

pub(super) fn encode(written: &SpanTotals) -> Vec<u8> {
    let mut out = Writer(vec![VERSION]);
    out.0.extend_from_slice(&u64::from(written.before).to_le_bytes());
    out.time(written.time_ms);
    out.0.push(u8::from(written.tells_exemplars));
    out.texts(&written.operation_labels);
    out.texts(&written.edge_labels);
    let Totals { operations, graph, targets } = &written.totals;
    out.length(operations.iter().len());
    operations.iter().for_each(|(operation, total)| out.operation(operation, total));
    out.length(graph.edges.iter().len());
    graph.edges.iter().for_each(|(edge, total)| out.edge(edge, total));
    out.length(targets.iter().len());
    targets.iter().for_each(|(target, seen)| out.target(target, seen));
    out.length(graph.waiting().len());
    graph.waiting().for_each(|side| out.side(side));
    out.0
}

struct Writer(Vec<u8>);

impl Writer {
    fn length(&mut self, length: usize) {
        varint::write(&mut self.0, length as u64);
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    fn texts(&mut self, texts: &[Arc<str>]) {
        self.length(texts.len());
        texts.iter().for_each(|text| self.text(text));
    }

    fn time(&mut self, time: i64) {
        self.0.extend_from_slice(&time.to_le_bytes());
    }

    fn double(&mut self, number: f64) {
        self.0.extend_from_slice(&number.to_bits().to_le_bytes());
    }

    fn signed(&mut self, number: i32) {
        let number = i64::from(number);
        varint::write(&mut self.0, ((number << 1) ^ (number >> 63)) as u64);
    }

    fn life(&mut self, life: Life) {
        self.time(life.began_ms);
        self.time(life.last_ms);
        self.0.push(u8::from(life.ended));
    }

    fn durations(&mut self, durations: &Durations) {
        [durations.count, durations.seconds, durations.zero].iter().for_each(|number| self.double(*number));
        self.length(durations.native.len());
        for (bucket, count) in &durations.native {
            self.signed(*bucket);
            self.double(*count);
        }
        durations.classic.iter().for_each(|count| self.double(*count));
        self.length(durations.exemplars.len());
        for (bucket, exemplar) in &durations.exemplars {
            self.0.push(*bucket);
            self.0.extend_from_slice(&exemplar.trace.to_le_bytes());
            self.0.extend_from_slice(&exemplar.span.to_le_bytes());
            self.double(exemplar.seconds);
            self.time(exemplar.time_ms);
        }
    }

    fn operation(&mut self, operation: &Operation, total: &OperationTotal) {
        self.text(&operation.service);
        self.text(&operation.name);
        self.0.extend_from_slice(&[operation.kind, operation.status]);
        self.texts(&operation.labels);
        self.life(total.life);
        self.double(total.bytes);
        self.durations(&total.durations);
    }

    fn edge(&mut self, edge: &Edge, total: &EdgeTotal) {
        self.text(&edge.client);
        self.text(&edge.server);
        self.0.push(edge.connection as u8);
        self.texts(&edge.labels);
        self.life(total.life);
        let numbers = [total.requests, total.failed, total.unpaired, total.dropped];
        numbers.iter().for_each(|number| self.double(*number));
        self.durations(&total.client);
        self.durations(&total.server);
        self.0.push(u8::from(total.messaging.is_some()));
        total.messaging.iter().for_each(|durations| self.durations(durations));
    }

    fn side(&mut self, side: &Side) {
        let bits = [
            (side.is_caller, CALLER),
            (side.is_messaging, MESSAGING),
            (side.failed, FAILED),
            (side.peer.is_some(), PEER),
            (side.labels.is_some(), LABELS),
        ];
        self.0.push(bits.into_iter().filter(|(is_set, _)| *is_set).map(|(_, bit)| bit).sum());
        self.0.extend_from_slice(&side.trace.to_le_bytes());
        self.0.extend_from_slice(&side.call.to_le_bytes());
        self.0.extend_from_slice(&side.span.to_le_bytes());
        self.text(&side.service);
        side.peer.iter().for_each(|peer| self.text(peer));
        side.labels.iter().for_each(|labels| self.texts(labels));
        self.double(side.seconds);
        self.double(side.weight);
        [side.start_ns, side.end_ns, side.since_ms].into_iter().for_each(|time| self.time(time));
    }

    fn target(&mut self, target: &Target, seen: &Seen) {
        self.0.push(u8::from(target.is_host));
        self.length(target.labels.len());
        for label in target.labels.iter() {
            self.text(&label.name);
            self.text(&label.value);
        }
        self.life(seen.life);
        self.double(seen.blocks);
    }
}

/// Bytes that are being read. Nothing is allocated for lengths that are only claimed.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        self.bytes().map(|[byte]| byte)
    }

    fn flag(&mut self) -> Option<bool> {
        self.byte().map(|byte| byte != 0)
    }

    fn number(&mut self) -> Option<u64> {
        varint::read(&mut self.0).ok()
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok()?;
        std::str::from_utf8(self.take(length)?).ok()
    }

    fn texts(&mut self) -> Option<Vec<Arc<str>>> {
        let mut texts = Vec::new();
        for _ in 0..self.number()? {
            texts.push(self.text()?.into());
        }
        Some(texts)
    }

    fn label_values(&mut self) -> Option<LabelValues> {
        let values = self.texts()?;
        Some(if values.is_empty() { no_labels() } else { values.into() })
    }

    fn time(&mut self) -> Option<i64> {
        self.bytes().map(i64::from_le_bytes)
    }

    fn double(&mut self) -> Option<f64> {
        self.bytes().map(u64::from_le_bytes).map(f64::from_bits)
    }

    fn signed(&mut self) -> Option<i32> {
        let number = self.number()?;
        i32::try_from((number >> 1) as i64 ^ -((number & 1) as i64)).ok()
    }

    fn life(&mut self) -> Option<Life> {
        Some(Life { began_ms: self.time()?, last_ms: self.time()?, ended: self.flag()? })
    }

    fn exemplar(&mut self) -> Option<SpanExemplar> {
        let (trace, span) = (u128::from_le_bytes(self.bytes()?), u64::from_le_bytes(self.bytes()?));
        Some(SpanExemplar { trace, span, seconds: self.double()?, time_ms: self.time()? })
    }

    fn buckets(&mut self) -> Option<Durations> {
        let mut durations =
            Durations { count: self.double()?, seconds: self.double()?, zero: self.double()?, ..Durations::default() };
        for _ in 0..self.number()? {
            durations.native.push((self.signed()?, self.double()?));
        }
        for count in &mut durations.classic {
            *count = self.double()?;
        }
        Some(durations)
    }

    fn durations(&mut self) -> Option<Durations> {
        let mut durations = self.buckets()?;
        for _ in 0..self.number()? {
            let bucket = self.byte().filter(|bucket| usize::from(*bucket) < BUCKETS)?;
            durations.offer(bucket, self.exemplar()?);
        }
        Some(durations)
    }

    fn operation(&mut self) -> Option<(Operation, OperationTotal)> {
        let (service, name) = (self.text()?.into(), self.text()?.into());
        let [kind, status] = self.bytes()?;
        let operation = Operation { service, name, kind, status, labels: self.label_values()? };
        let (life, bytes) = (self.life()?, self.double()?);
        Some((operation, OperationTotal { life, bytes, durations: self.durations()? }))
    }

    /// As version 1 has it.
    fn old_operation(&mut self) -> Option<(Operation, OperationTotal)> {
        let (service, name) = (self.text()?.into(), self.text()?.into());
        let [kind, status, ended] = self.bytes()?;
        let life = Life { began_ms: self.time()?, last_ms: self.time()?, ended: ended != 0 };
        let mut durations = self.buckets()?;
        for _ in 0..self.number()? {
            let (_, exemplar) = (self.signed()?, self.exemplar()?);
            durations.offer(BOUNDS.partition_point(|bound| *bound < exemplar.seconds) as u8, exemplar);
        }
        let operation = Operation { service, name, kind, status, labels: no_labels() };
        Some((operation, OperationTotal { life, durations, bytes: 0.0 }))
    }

    fn edge(&mut self) -> Option<(Edge, EdgeTotal)> {
        let (client, server) = (self.text()?.into(), self.text()?.into());
        let connection = *Connection::ALL.get(usize::from(self.byte()?))?;
        let edge = Edge { client, server, connection, labels: self.label_values()? };
        let total = EdgeTotal {
            life: self.life()?,
            requests: self.double()?,
            failed: self.double()?,
            unpaired: self.double()?,
            dropped: self.double()?,
            client: self.durations()?,
            server: self.durations()?,
            messaging: None,
        };
        let messaging = if self.flag()? { Some(Box::new(self.durations()?)) } else { None };
        Some((edge, EdgeTotal { messaging, ..total }))
    }

    fn side(&mut self) -> Option<Side> {
        let bits = self.byte()?;
        let has = |bit| bits & bit != 0;
        Some(Side {
            trace: u128::from_le_bytes(self.bytes()?),
            call: u64::from_le_bytes(self.bytes()?),
            span: u64::from_le_bytes(self.bytes()?),
            is_caller: has(CALLER),
            // Such do not wait, and neither do those that ask databases.
            is_root: false,
            database: None,
            is_messaging: has(MESSAGING),
            failed: has(FAILED),
            service: self.text()?.into(),
            peer: if has(PEER) { Some(self.text()?.into()) } else { None },
            labels: if has(LABELS) { Some(self.label_values()?) } else { None },
            seconds: self.double()?,
            weight: self.double()?,
            start_ns: self.time()?,
            end_ns: self.time()?,
            since_ms: self.time()?,
        })
    }

    fn target(&mut self) -> Option<(Target, Seen)> {
        let is_host = self.flag()?;
        let mut pairs = Vec::new();
        for _ in 0..self.number()? {
            pairs.push((self.text()?, self.text()?));
        }
        let target = Target { is_host, labels: Labels::of(pairs) };
        Some((target, Seen { life: self.life()?, blocks: self.double()? }))
    }

    fn totals(&mut self, side_labels: usize) -> Option<Totals> {
        let mut totals = Totals { graph: ServiceGraph::new(side_labels), ..Totals::default() };
        for _ in 0..self.number()? {
            let (operation, total) = self.operation()?;
            totals.operations.put(operation, total);
        }
        for _ in 0..self.number()? {
            let (edge, total) = self.edge()?;
            totals.graph.edges.put(edge, total);
        }
        for _ in 0..self.number()? {
            let (target, seen) = self.target()?;
            totals.targets.put(target, seen);
        }
        Some(totals)
    }
}

/// None if it is damaged, or of a version that is not known.
pub(super) fn decode(bytes: &[u8]) -> Option<SpanTotals> {
    let (mut written, mut reader) = decode_front(bytes)?;
    if bytes.first() == Some(&VERSION) {
        for _ in 0..reader.number()? {
            written.totals.graph.put_waiting(reader.side()?);
        }
    }
    reader.0.is_empty().then_some(written)
}

/// The same without sides that wait: what samples are made of. Returns what is left to be read, too.
fn decode_front(bytes: &[u8]) -> Option<(SpanTotals, Reader<'_>)> {
    let mut reader = Reader(bytes);
    let version = reader.byte()?;
    let before = Position::from(u64::from_le_bytes(reader.bytes()?));
    let mut written = SpanTotals { before, time_ms: reader.time()?, tells_exemplars: true, ..SpanTotals::default() };
    match version {
        VERSION => {
            written.tells_exemplars = reader.flag()?;
            (written.operation_labels, written.edge_labels) = (reader.texts()?, reader.texts()?);
            written.totals = reader.totals(written.edge_labels.len() / 2)?;
        }
        OPERATIONS_ONLY => {
            for _ in 0..reader.number()? {
                let (operation, total) = reader.old_operation()?;
                written.totals.operations.put(operation, total);
            }
        }
        _ => return None,
    }
    Some((written, reader))
}

/// What samples are made of: all but sides that wait. None if it is damaged.
pub(super) fn decode_for_samples(bytes: &[u8]) -> Option<SpanTotals> {
    decode_front(bytes).map(|(written, _)| written)
}

#[cfg(test)]
mod tests;
