//! What a database engine must do. It speaks of documents, keys, batches and events as data.

use std::future::Future;
use std::pin::Pin;

use tokio::sync::watch;

use crate::document::{Index, IndexKind, Keys};
use crate::error::Error;
use crate::query::Query;

/// The engine's answers come later.
pub type EngineFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// A database of one service.
pub trait Engine: Send + Sync {
    /// Which database this is, as `db.system.name` of the semantic conventions has it.
    fn system(&self) -> &'static str;
    /// Where in the database its data is, as `db.namespace` has it.
    fn namespace(&self) -> String;
    /// What its connections do now, where it keeps some itself.
    fn pools(&self) -> Vec<Pool> {
        Vec::new()
    }
    /// Connects, and makes or brings up to date what the schema declares. Engines that do so when they are opened have nothing to do.
    fn ready(&self) -> EngineFuture<'_, ()> {
        Box::pin(async { Ok(()) })
    }
    /// Documents by id, in the order of the ids; what is not there is left out.
    fn get<'a>(&'a self, collection: &'static str, ids: &'a [&'a str]) -> EngineFuture<'a, Vec<Raw>>;
    /// Documents by keys.
    fn find(&self, collection: &'static str, query: Query) -> EngineFuture<'_, RawPage>;
    /// Documents by words, best first.
    fn search<'a>(
        &'a self,
        collection: &'static str,
        index: &'a str,
        text: &'a str,
        limit: usize,
        cursor: Option<&'a str>,
    ) -> EngineFuture<'a, RawPage>;
    /// How many documents a query names.
    fn count(&self, collection: &'static str, query: Query) -> EngineFuture<'_, u64>;
    /// All of the batch, durably, or none of it.
    fn commit(&self, batch: Batch) -> EngineFuture<'_, ()>;
    /// Events after a position, and up to where was looked.
    fn read_events<'a>(&'a self, after: u64, topics: &'a [String], limit: usize)
    -> EngineFuture<'a, (Vec<Event>, u64)>;
    /// The position of the last committed event.
    fn watch_events(&self) -> watch::Receiver<u64>;
    /// Forgets old events; returns how many.
    fn prune_events(&self, before_ms: i64) -> EngineFuture<'_, u64>;
}

/// What the connections of one pool do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    /// Its name, which no other pool of the process has.
    pub name: String,
    /// Connections that wait for work.
    pub idle: u64,
    /// Connections at work.
    pub used: u64,
    /// Most connections that there may be; none where there is no bound.
    pub max: Option<u64>,
    /// Requests that wait for a connection.
    pub pending: u64,
    /// Requests that waited in vain, since the start.
    pub timeouts: u64,
}

/// A stored document before it is decoded.
#[derive(Clone, Debug)]
pub struct Raw {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: u64,
    /// Its JSON.
    pub body: Vec<u8>,
}

/// A page of them.
#[derive(Clone, Debug)]
pub struct RawPage {
    /// The documents.
    pub items: Vec<Raw>,
    /// Where the next page begins.
    pub next_cursor: Option<String>,
}

/// One write of a batch.
#[derive(Clone, Debug)]
pub enum Op {
    /// A document is put where `expect` holds.
    Put {
        /// Where.
        collection: &'static str,
        /// Under which id.
        id: String,
        /// Its JSON.
        body: Vec<u8>,
        /// Its keys.
        keys: Keys,
        /// What must be there before.
        expect: Expect,
    },
    /// A document is deleted where `expect` holds.
    Delete {
        /// Where.
        collection: &'static str,
        /// Which.
        id: String,
        /// What must be there before.
        expect: Expect,
    },
}

impl Op {
    /// The collection that it writes to.
    pub fn collection(&self) -> &'static str {
        match self {
            Self::Put { collection, .. } | Self::Delete { collection, .. } => collection,
        }
    }

    /// The document that it writes.
    pub fn id(&self) -> &str {
        match self {
            Self::Put { id, .. } | Self::Delete { id, .. } => id,
        }
    }

    /// What must be there before.
    pub fn expect(&self) -> Expect {
        match self {
            Self::Put { expect, .. } | Self::Delete { expect, .. } => *expect,
        }
    }
}

/// What must be there before a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Whatever.
    Anything,
    /// Nothing.
    Absent,
    /// This version.
    Version(u64),
}

/// Writes and events that are committed together.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The writes, in order.
    pub ops: Vec<Op>,
    /// The events, in order.
    pub events: Vec<NewEvent>,
}

/// An event that is to be committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// Unique.
    pub id: String,
    /// What happened.
    pub topic: String,
    /// Events of one key are delivered in order.
    pub key: String,
    /// When.
    pub occurred_at_ms: i64,
    /// A protobuf message.
    pub payload: Vec<u8>,
    /// W3C trace context of the publisher.
    pub traceparent: String,
    /// W3C baggage of that moment.
    pub baggage: String,
}

/// A committed event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its place in the log.
    pub position: u64,
    /// What was committed.
    pub event: NewEvent,
}

/// A collection as the engine sees it.
#[derive(Clone, Copy)]
pub struct CollectionSchema {
    /// Its name.
    pub name: &'static str,
    /// Its indexes.
    pub indexes: &'static [Index],
    /// Reads the keys out of a stored document, to fill an index that was declared later.
    pub keys_of: fn(&[u8]) -> Result<Keys, serde_json::Error>,
}

impl CollectionSchema {
    /// That documents can be found and ordered by the keys of this index.
    pub(crate) fn has_keys(&self, index: &str) -> Result<(), Error> {
        self.has(index, |kind| kind != IndexKind::Text)
    }

    /// That documents can be found by the words of this index.
    pub(crate) fn has_text_index(&self, index: &str) -> Result<(), Error> {
        self.has(index, |kind| kind == IndexKind::Text)
    }

    /// That there is an index for each of these keys.
    pub(crate) fn has_all(&self, keys: &Keys) -> Result<(), Error> {
        keys.0.iter().try_for_each(|(index, _)| self.has(index, |_| true))
    }

    fn has(&self, index: &str, of_kind: impl Fn(IndexKind) -> bool) -> Result<(), Error> {
        if self.indexes.iter().any(|i| i.name == index && of_kind(i.kind)) {
            return Ok(());
        }
        Err(Error::NoIndex { collection: self.name.to_owned(), index: index.to_owned() })
    }
}

impl std::fmt::Debug for CollectionSchema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CollectionSchema")
            .field("name", &self.name)
            .field("indexes", &self.indexes)
            .finish_non_exhaustive()
    }
}
