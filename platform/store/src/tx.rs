//! A batch of writes and events.

use std::sync::Arc;

use crate::document::{Document, Keys};
use crate::engine::{Batch, Engine, Expect, NewEvent, Op, Raw};
use crate::error::{Error, MAX_EVENT_BYTES};
use crate::{Stored, decode};

/// Writes that are committed together. Dropped without [`Tx::commit`], it changes nothing.
///
/// Several changes can share one commit: each begins with [`Tx::savepoint`], reads with [`Tx::get`], and is taken out again by
/// [`Tx::rollback`] where it comes to nothing.
#[must_use = "a batch does nothing until it is committed"]
pub struct Tx {
    engine: Arc<dyn Engine>,
    batch: Batch,
    failed: Option<Error>,
    change: Change,
}

/// What was done since the savepoint.
#[derive(Default)]
struct Change {
    /// The writes and events that were there.
    ops: usize,
    events: usize,
    /// Writes from before that were replaced, as they were, the latest last.
    replaced: Vec<(usize, Op)>,
    /// Writes that were read.
    read: Vec<usize>,
    /// Something was written over a write from before that was not read.
    stale: bool,
}

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (ops, events) = (self.batch.ops.len(), self.batch.events.len());
        f.debug_struct("Tx").field("ops", &ops).field("events", &events).finish_non_exhaustive()
    }
}

impl Tx {
    pub(crate) fn new(engine: Arc<dyn Engine>) -> Self {
        Self { engine, batch: Batch::default(), failed: None, change: Change::default() }
    }

    /// The document with this id as it will be when the batch is committed. What was read so and is written again takes the place of
    /// the write that was read. The version of one that is only in the batch is none to be compared: it may be 0.
    pub async fn get<T: Document>(&mut self, id: &str) -> Result<Option<Stored<T>>, Error> {
        if let Some(at) = self.written(T::COLLECTION, id) {
            self.change.read.push(at);
            let Op::Put { id, body, expect, .. } = &self.batch.ops[at] else { return Ok(None) };
            let version = match expect {
                Expect::Version(before) => before + 1,
                Expect::Absent => 1,
                Expect::Anything => 0,
            };
            return decode(Raw { id: id.clone(), version, body: body.clone() }).map(Some);
        }
        let found = self.engine.get(T::COLLECTION, &[id]).await?;
        found.into_iter().next().map(decode).transpose()
    }

    /// Begins one more change of the batch, to which [`Tx::rollback`] returns.
    pub fn savepoint(&mut self) {
        self.change = Change { ops: self.batch.ops.len(), events: self.batch.events.len(), ..Change::default() };
    }

    /// Takes out what was added since the last savepoint.
    pub fn rollback(&mut self) {
        let Change { ops, events, replaced, .. } = std::mem::take(&mut self.change);
        self.batch.ops.truncate(ops);
        self.batch.events.truncate(events);
        for (at, op) in replaced.into_iter().rev() {
            self.batch.ops[at] = op;
        }
        self.failed = None;
        self.savepoint();
    }

    /// Whether what was added since the last savepoint cannot be committed with what stands before it: it cannot be at all, or it
    /// overwrites a document of the batch without having read it there.
    pub fn stands_alone(&self) -> bool {
        self.failed.is_some() || self.change.stale
    }

    /// How many writes and events it has.
    pub fn len(&self) -> usize {
        self.batch.ops.len() + self.batch.events.len()
    }

    /// The last write to a document.
    fn written(&self, collection: &str, id: &str) -> Option<usize> {
        self.batch.ops.iter().rposition(|op| op.collection() == collection && op.id() == id)
    }

    /// Adds a document; [`Error::Exists`] if its id is taken.
    pub fn insert<T: Document>(&mut self, doc: &T) {
        self.write(doc, Expect::Absent);
    }

    /// Replaces a document that was read; [`Error::Conflict`] if it was changed since.
    pub fn update<T: Document>(&mut self, stored: &Stored<T>) {
        self.write(&stored.doc, Expect::Version(stored.version));
    }

    /// Adds or replaces a document.
    pub fn put<T: Document>(&mut self, doc: &T) {
        self.write(doc, Expect::Anything);
    }

    /// Deletes a document, if it is there.
    pub fn delete<T: Document>(&mut self, id: &str) {
        self.push(Op::Delete { collection: T::COLLECTION, id: id.to_owned(), expect: Expect::Anything });
    }

    /// Deletes a document that was read; [`Error::Conflict`] if it was changed since.
    pub fn delete_expecting<T: Document>(&mut self, id: &str, version: u64) {
        self.push(Op::Delete { collection: T::COLLECTION, id: id.to_owned(), expect: Expect::Version(version) });
    }

    /// Adds an event to the outbox; [`Error::EventTooLarge`] above [`MAX_EVENT_BYTES`].
    pub fn publish(&mut self, event: NewEvent) {
        let bytes = event.payload.len() + event.baggage.len();
        if bytes > MAX_EVENT_BYTES {
            self.failed = Some(Error::EventTooLarge { topic: event.topic.clone(), bytes });
        }
        self.batch.events.push(event);
    }

    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Durable when it returns.
    pub async fn commit(self) -> Result<(), Error> {
        match self.failed {
            Some(e) => Err(e),
            None if self.is_empty() => Ok(()),
            None => self.engine.commit(self.batch).await,
        }
    }

    fn write<T: Document>(&mut self, doc: &T, expect: Expect) {
        let mut keys = Keys::default();
        doc.keys(&mut keys);
        match serde_json::to_vec(doc) {
            Ok(body) => {
                let (collection, id) = (T::COLLECTION, doc.id().into_owned());
                self.push(Op::Put { collection, id, body, keys, expect });
            }
            Err(e) => self.failed = Some(Error::Encode(e)),
        }
    }

    fn push(&mut self, op: Op) {
        let Some(at) = self.written(op.collection(), op.id()) else { return self.batch.ops.push(op) };
        let was_read = self.change.read.contains(&at);
        match (op, &mut self.batch.ops[at]) {
            // The document that was read is what the write before leaves: of both, what is expected first and what is written last.
            (
                Op::Put { collection, id, body, keys, expect: Expect::Version(_) | Expect::Anything },
                before @ Op::Put { .. },
            ) if was_read => {
                let expect = before.expect();
                let before = std::mem::replace(before, Op::Put { collection, id, body, keys, expect });
                if at < self.change.ops {
                    self.change.replaced.push((at, before));
                }
            }
            (Op::Delete { collection, id, .. }, Op::Put { .. }) if was_read => {
                self.batch.ops.push(Op::Delete { collection, id, expect: Expect::Anything });
            }
            (op, _) => {
                // A blind deletion deletes whatever is there.
                let is_blind_delete = matches!(op, Op::Delete { expect: Expect::Anything, .. });
                self.change.stale |= at < self.change.ops && !was_read && !is_blind_delete;
                self.batch.ops.push(op);
            }
        }
    }
}
