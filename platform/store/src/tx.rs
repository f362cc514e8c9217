//! A batch of writes and events.

use std::sync::Arc;

use crate::Stored;
use crate::document::{Document, Keys};
use crate::engine::{Batch, Engine, Expect, NewEvent, Op};
use crate::error::{Error, MAX_EVENT_BYTES};

/// Writes that are committed together. Dropped without [`Tx::commit`], it changes nothing.
#[must_use = "a batch does nothing until it is committed"]
pub struct Tx {
    engine: Arc<dyn Engine>,
    batch: Batch,
    failed: Option<Error>,
}

impl std::fmt::Debug for Tx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (ops, events) = (self.batch.ops.len(), self.batch.events.len());
        f.debug_struct("Tx").field("ops", &ops).field("events", &events).finish_non_exhaustive()
    }
}

impl Tx {
    pub(crate) fn new(engine: Arc<dyn Engine>) -> Self {
        Self { engine, batch: Batch::default(), failed: None }
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
        self.batch.ops.push(Op::Delete { collection: T::COLLECTION, id: id.to_owned(), expect: Expect::Anything });
    }

    /// Deletes a document that was read; [`Error::Conflict`] if it was changed since.
    pub fn delete_expecting<T: Document>(&mut self, id: &str, version: u64) {
        self.batch.ops.push(Op::Delete {
            collection: T::COLLECTION,
            id: id.to_owned(),
            expect: Expect::Version(version),
        });
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
        self.batch.ops.is_empty() && self.batch.events.is_empty()
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
                self.batch.ops.push(Op::Put { collection, id, body, keys, expect });
            }
            Err(e) => self.failed = Some(Error::Encode(e)),
        }
    }
}
