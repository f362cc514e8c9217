//! A commit as it stands in the log.
//!
//! A record of the log holds several of them, each with its length before it. Fields are only ever added.

use bytes::Bytes;
use prost::Message;

use crate::engine::{Batch, NewEvent, Op};

/// The writes and events of one transaction of one database, or that it was not made after all.
///
/// Replayed behind exactly the commits before it, it has the same outcome: versions, rows and positions of events are counted on
/// from there. Keys are not in it: they are read from the documents, as the program that replays has them.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Record {
    #[prost(string, tag = "1")]
    pub(crate) service: String,
    /// Counts the transactions of this database. One that was taken back has its number again.
    #[prost(uint64, tag = "2")]
    pub(crate) sequence: u64,
    #[prost(message, repeated, tag = "3")]
    pub(crate) writes: Vec<Write>,
    #[prost(message, repeated, tag = "4")]
    pub(crate) events: Vec<LoggedEvent>,
    /// It takes back what stood under this sequence before. Earlier versions wrote it when a database could not commit.
    #[prost(bool, tag = "5")]
    pub(crate) aborted: bool,
}

/// A document that was put, or deleted.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Write {
    #[prost(string, tag = "1")]
    pub(crate) collection: String,
    #[prost(string, tag = "2")]
    pub(crate) id: String,
    /// Its JSON; none if it was deleted.
    #[prost(bytes = "vec", optional, tag = "3")]
    pub(crate) body: Option<Vec<u8>>,
}

/// An event of the outbox.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct LoggedEvent {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    topic: String,
    #[prost(string, tag = "3")]
    key: String,
    #[prost(int64, tag = "4")]
    occurred_at_ms: i64,
    #[prost(bytes = "vec", tag = "5")]
    payload: Vec<u8>,
    #[prost(string, tag = "6")]
    traceparent: String,
    #[prost(string, tag = "7")]
    baggage: String,
}

impl Record {
    /// A batch that was applied.
    pub(crate) fn of(service: &str, sequence: u64, batch: Batch) -> Self {
        let mut record = Self { service: service.to_owned(), sequence, ..Self::default() };
        record.writes.extend(batch.ops.into_iter().map(|op| match op {
            Op::Put { collection, id, body, .. } => Write { collection: collection.to_owned(), id, body: Some(body) },
            Op::Delete { collection, id, .. } => Write { collection: collection.to_owned(), id, body: None },
        }));
        record.events.extend(batch.events.into_iter().map(LoggedEvent::from));
        record
    }

    pub(crate) fn encoded(&self) -> Bytes {
        self.encode_length_delimited_to_vec().into()
    }

    pub(crate) fn decode_all(mut bytes: &[u8]) -> Result<Vec<Self>, prost::DecodeError> {
        let mut all = Vec::new();
        while !bytes.is_empty() {
            all.push(Self::decode_length_delimited(&mut bytes)?);
        }
        Ok(all)
    }
}

impl From<NewEvent> for LoggedEvent {
    fn from(event: NewEvent) -> Self {
        let NewEvent { id, topic, key, occurred_at_ms, payload, traceparent, baggage } = event;
        Self { id, topic, key, occurred_at_ms, payload, traceparent, baggage }
    }
}

impl From<LoggedEvent> for NewEvent {
    fn from(event: LoggedEvent) -> Self {
        let LoggedEvent { id, topic, key, occurred_at_ms, payload, traceparent, baggage } = event;
        Self { id, topic, key, occurred_at_ms, payload, traceparent, baggage }
    }
}
