//! The way from an outbox to a broker.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use vitrine_contracts::bus::v1::Event;
use vitrine_contracts::topics;
use vitrine_kit::{Backoff, Outage};
use vitrine_platform_faults::Site;
use vitrine_platform_store::{self as store, Document, Index, Keys, Schema, Store};

use crate::faulted;
use crate::log::to_wire;

/// Events that are read, and under way to the broker, at a time.
const BATCH: usize = 64;
/// How often the outbox is looked at when nothing was said: another process may have written to it.
const LOOK: Duration = Duration::from_secs(5);
/// The pause after the first failure; doubles with each, and is jittered from half to all of it.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// Why events were not published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpublished {
    /// The position of the last event that the broker has, with all before it; 0 when it took none of them.
    pub acknowledged: u64,
    /// A sentence for people.
    pub reason: String,
}

/// A broker that keeps events and brings them to consumers.
#[tonic::async_trait]
pub trait Broker: Send + Sync + 'static {
    /// Publishes events of a source; returns when all are kept. They are kept in their order: none without those before
    /// it. An event that the broker has already may be kept again, because its consumers know it by its position.
    async fn publish(&self, source: &str, events: &[Event]) -> Result<(), Unpublished>;
}

/// Adds the collection that a relay needs.
pub fn with_relay(schema: Schema) -> Schema {
    schema.with::<Relayed>()
}

/// How far an outbox is relayed.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Relayed {
    source: String,
    position: u64,
}

impl Document for Relayed {
    const COLLECTION: &'static str = "bus_relays";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.source)
    }
    fn keys(&self, _: &mut Keys) {}
}

/// How far an outbox is relayed: the position of the last event that the broker has.
pub(crate) async fn position(store: &Store, source: &str) -> Result<u64, store::Error> {
    Ok(store.get::<Relayed>(source).await?.map_or(0, |known| known.doc.position))
}

/// Publishes a service's outbox to a broker, from where it stopped. Replicas may do so side by side: they publish the same events in
/// the same order.
pub struct Relay {
    source: String,
    topics: Vec<String>,
    store: Store,
    broker: Arc<dyn Broker>,
    site: Option<Site>,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay").field("source", &self.source).finish_non_exhaustive()
    }
}

impl Relay {
    /// A relay of a service's store, whose schema was made [`with_relay`]; none when the service has no topics.
    pub fn new(source: &str, store: Store, broker: Arc<dyn Broker>) -> Option<Self> {
        let topics: Vec<String> = topics::of(source).map(str::to_owned).collect();
        (!topics.is_empty()).then(|| Self { source: source.to_owned(), topics, store, broker, site: None })
    }

    /// The same, and faults act on it.
    pub fn faulted_at(self, site: Site) -> Self {
        Self { site: Some(site), ..self }
    }

    /// Relays until stopped. Trouble with the broker or the store is waited out, and said once.
    pub async fn run(self, stop: CancellationToken) {
        let mut latest = self.store.watch_events();
        let (mut backoff, mut outage) = (Backoff::new(FIRST_PAUSE, MAX_PAUSE), Outage::default());
        let relaying = async {
            loop {
                // Marked as seen before reading, so that an event committed meanwhile wakes us.
                latest.borrow_and_update();
                match self.round().await {
                    Ok(more) => {
                        if outage.ends() {
                            tracing::info!(source = self.source, "events are relayed again");
                        }
                        backoff.reset();
                        if !more {
                            // The sender lives as long as the store, which is ours.
                            let _ = tokio::time::timeout(LOOK, latest.changed()).await;
                        }
                    }
                    Err(reason) => {
                        if outage.begins() {
                            tracing::warn!(source = self.source, reason, "events cannot be relayed at the moment");
                        }
                        tokio::time::sleep(backoff.equal_jitter()).await;
                    }
                }
            }
        };
        tokio::select! {
            () = relaying => {}
            () = stop.cancelled() => {}
        }
    }

    /// Publishes some events; returns whether there may be more.
    async fn round(&self) -> Result<bool, String> {
        if let Some(site) = self.site.as_ref().filter(|site| site.is_armed()) {
            faulted::relay(site).await;
        }
        let said = |e: store::Error| e.to_string();
        let after = position(&self.store, &self.source).await.map_err(said)?;
        let (stored, looked) = self.store.read_events(after, &self.topics, BATCH).await.map_err(said)?;
        if stored.is_empty() {
            return Ok(false);
        }
        let more = stored.len() == BATCH;
        let events: Vec<Event> = stored.into_iter().map(to_wire).collect();
        match self.broker.publish(&self.source, &events).await {
            Ok(()) => self.advance(looked).await.map(|()| more),
            Err(unpublished) => {
                self.advance(unpublished.acknowledged).await?;
                Err(unpublished.reason)
            }
        }
    }

    /// Notes how far we are, unless a replica has come as far.
    async fn advance(&self, position: u64) -> Result<(), String> {
        let noted = store::retry_conflicts(async || {
            let mut tx = self.store.begin();
            match self.store.get::<Relayed>(&self.source).await? {
                Some(known) if known.position >= position => return Ok(()),
                Some(mut known) => {
                    known.doc.position = position;
                    tx.update(&known);
                }
                None if position == 0 => return Ok(()),
                None => tx.insert(&Relayed { source: self.source.clone(), position }),
            }
            tx.commit().await
        });
        noted.await.map_err(|e: store::Error| e.to_string())
    }
}
