//! The own outbox as destinations follow it: where it stands in the same store, no broker and no call lies between.

use std::time::Duration;

use vitrine_contracts::topics::MESSAGES_ACCEPTED;
use vitrine_platform_bus::{Batch, Event, Offset, Source, to_wire};
use vitrine_platform_store::{self as store, Store};

/// Events that are read at once: each may hold half a megabyte.
const READ: usize = 16;
/// How long one fetch waits for events.
const WAIT: Duration = Duration::from_secs(5);
/// How far the position may move without anything for this destination until the consumer is told.
const STRETCH: u64 = 1_000;

/// Events of one source, or of all.
pub(crate) struct Outbox {
    store: Store,
    source_id: Option<String>,
    /// From where was looked, and up to where there is nothing.
    looked: (Offset, u64),
}

impl Outbox {
    pub(crate) fn new(store: Store, source_id: Option<String>) -> Self {
        Self { store, source_id, looked: Default::default() }
    }
}

#[tonic::async_trait]
impl Source for Outbox {
    async fn fetch(&mut self, from: Offset) -> Result<Batch, String> {
        if self.looked.0 != from {
            self.looked = (from, from.position);
        }
        let topics = [MESSAGES_ACCEPTED.to_owned()];
        let mut latest = self.store.watch_events();
        let until = tokio::time::Instant::now() + WAIT;
        loop {
            latest.mark_unchanged();
            let (events, position) =
                self.store.read_events(self.looked.1, &topics, READ).await.map_err(|e| e.to_string())?;
            let is_end = events.len() < READ;
            let wanted = |event: &store::Event| self.source_id.as_ref().is_none_or(|id| *id == event.event.key);
            let events: Vec<Event> = events.into_iter().filter(wanted).map(to_wire).collect();
            if !events.is_empty() {
                return Ok(Batch { events, position: 0, pending: 0 });
            }
            self.looked.1 = self.looked.1.max(position);
            let has_time = tokio::time::Instant::now() < until;
            if !has_time || self.looked.1 > from.position + STRETCH {
                return Ok(Batch { events: Vec::new(), position: self.looked.1, pending: 0 });
            }
            if is_end {
                // An error is the store's end, which the next look tells.
                let _ = tokio::time::timeout_at(until, latest.changed()).await;
            }
        }
    }

    /// The place is the consumer's alone: there is nothing to tell.
    async fn acknowledge(&mut self, _committed: bool) {}
}
