//! What a consumer keeps in its service's own store: where it stopped, and what it could not handle.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vitrine_contracts::bus::v1::Event;
use vitrine_platform_store::{Document, Error, Index, Keys, Query, Schema, Store};

use crate::source::Offset;

/// Adds the collections that consumers need.
pub fn with_inbox(schema: Schema) -> Schema {
    schema.with::<Cursor>().with::<DeadLetter>()
}

/// Where a consumer stopped. It is committed with the handler's effects, under its version: of two replicas that handled
/// the same event only one can commit.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Cursor {
    pub(crate) consumer: String,
    pub(crate) position: u64,
    /// See [`Offset`].
    #[serde(default)]
    pub(crate) since_ms: i64,
    /// See [`Offset`].
    #[serde(default)]
    pub(crate) generation: u64,
}

impl Cursor {
    /// The cursor of a consumer that was never replayed.
    pub(crate) fn at(consumer: &str, position: u64) -> Self {
        Self { consumer: consumer.to_owned(), position, ..Self::default() }
    }

    pub(crate) fn offset(&self) -> Offset {
        Offset { position: self.position, since_ms: self.since_ms, generation: self.generation }
    }
}

impl Document for Cursor {
    const COLLECTION: &'static str = "bus_cursors";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.consumer)
    }
    fn keys(&self, _: &mut Keys) {}
}

/// An event that could not be handled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Whose.
    pub consumer: String,
    /// Which event.
    pub event_id: String,
    /// Its topic.
    pub topic: String,
    /// Its key.
    pub key: String,
    /// Its place in the source's log.
    pub position: u64,
    /// Its protobuf message.
    #[serde(with = "vitrine_platform_store::bytes")]
    pub payload: Vec<u8>,
    /// When it happened.
    pub occurred_at_ms: i64,
    /// W3C trace context of the publisher.
    #[serde(default)]
    pub traceparent: String,
    /// W3C baggage of that moment.
    #[serde(default)]
    pub baggage: String,
    /// What the last try ended with.
    pub reason: String,
    /// Whether it is to be handed out again.
    pub redrive: bool,
}

impl DeadLetter {
    pub(crate) fn new(consumer: &str, event: &Event, reason: String) -> Self {
        Self {
            consumer: consumer.to_owned(),
            event_id: event.id.clone(),
            topic: event.topic.clone(),
            key: event.key.clone(),
            position: event.position,
            payload: event.payload.clone(),
            occurred_at_ms: event.occurred_at_unix_ms,
            traceparent: event.traceparent.clone(),
            baggage: event.baggage.clone(),
            reason,
            redrive: false,
        }
    }

    pub(crate) fn event(&self) -> Event {
        Event {
            id: self.event_id.clone(),
            topic: self.topic.clone(),
            key: self.key.clone(),
            position: self.position,
            occurred_at_unix_ms: self.occurred_at_ms,
            payload: self.payload.clone(),
            traceparent: self.traceparent.clone(),
            baggage: self.baggage.clone(),
        }
    }
}

impl Document for DeadLetter {
    const COLLECTION: &'static str = "bus_dead_letters";
    const INDEXES: &'static [Index] = &[Index::ordered("consumer"), Index::ordered("redrive")];
    fn id(&self) -> Cow<'_, str> {
        Cow::Owned(letter_id(&self.consumer, &self.event_id))
    }
    fn keys(&self, out: &mut Keys) {
        out.put("consumer", self.consumer.as_str());
        if self.redrive {
            out.put("redrive", self.consumer.as_str());
        }
    }
}

fn letter_id(consumer: &str, event: &str) -> String {
    format!("{consumer}/{event}")
}

/// What a consumer could not handle, at most a thousand.
pub async fn dead_letters(store: &Store, consumer: &str) -> Result<Vec<DeadLetter>, Error> {
    let page = store.find::<DeadLetter>(Query::eq("consumer", consumer)).await?;
    Ok(page.items.into_iter().map(|s| s.doc).collect())
}

/// Lets a consumer that does not run start over after this position; 0 is the beginning of what the source keeps. Its
/// handler sees events again that it has handled: that is what a replay is for.
pub async fn replay(store: &Store, consumer: &str, after: u64) -> Result<(), Error> {
    start_over(store, consumer, after, 0).await
}

/// The same from a moment on, in milliseconds since 1970: what occurred before it is not handed out again.
pub async fn replay_since(store: &Store, consumer: &str, time_ms: i64) -> Result<(), Error> {
    start_over(store, consumer, 0, time_ms).await
}

async fn start_over(store: &Store, consumer: &str, position: u64, since_ms: i64) -> Result<(), Error> {
    let known = store.get::<Cursor>(consumer).await?;
    let generation = known.map_or(0, |k| k.generation) + 1;
    let mut tx = store.begin();
    tx.put(&Cursor { consumer: consumer.to_owned(), position, since_ms, generation });
    tx.commit().await
}

/// Asks for a dead letter to be handed out again; returns whether there was one.
pub async fn redrive(store: &Store, consumer: &str, event_id: &str) -> Result<bool, Error> {
    let Some(mut letter) = store.get::<DeadLetter>(&letter_id(consumer, event_id)).await? else { return Ok(false) };
    letter.doc.redrive = true;
    let mut tx = store.begin();
    tx.update(&letter);
    tx.commit().await?;
    Ok(true)
}
