//! What of an outbox has not been sent, as figures.
//!
//! An event is sent when the relay has published it, or, without a broker, when each service that may read its topic has said that it is
//! behind it. What was there when this process started counts as sent, until a caller asks for it: no one else can know.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use vitrine_contracts::topics;
use vitrine_kit::clock::Clock;
use vitrine_platform_store::{Error, Store};
use vitrine_platform_telemetry::{Observation, ObservationKind, Service};

use crate::lag::age_s;
use crate::relay;

/// How often is looked what is not sent.
const LOOK: Duration = Duration::from_secs(1);

/// How far the readers of an outbox are, by reader and topic. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Readers(Arc<Mutex<HashMap<(String, String), u64>>>);

impl Readers {
    /// Notes that a reader is behind all events of these topics up to a position. One that does not say who it is speaks for all.
    pub(crate) fn note(&self, reader: Option<&str>, topics: &[String], position: u64) {
        let mut known = self.0.lock();
        for ((name, topic), behind) in known.iter_mut() {
            if reader.is_none_or(|reader| reader == name) && topics.contains(topic) {
                *behind = position.max(*behind);
            }
        }
    }

    fn expect(&self, source: &str, position: u64) {
        let all =
            topics::of(source).flat_map(|topic| topics::readers(topic).iter().map(move |reader| (*reader, topic)));
        let all = all.map(|(reader, topic)| ((reader.to_owned(), topic.to_owned()), position));
        let mut known = self.0.lock();
        for (key, position) in all {
            known.entry(key).or_insert(position);
        }
    }

    /// The topics of which someone has not seen all up to a position, each with the place from where on.
    fn missing(&self, latest: u64) -> Vec<(String, u64)> {
        let known = self.0.lock();
        known.iter().filter(|(_, behind)| **behind < latest).map(|((_, topic), at)| (topic.clone(), *at)).collect()
    }
}

/// By whom the events of an outbox are sent.
#[derive(Clone, Debug)]
enum Sending {
    Relay,
    Readers(Readers),
}

/// What is not sent: how many events, and when the oldest of them occurred, in milliseconds since 1970, or 0.
#[derive(Debug, Default)]
struct Unsent {
    events: AtomicU64,
    oldest_ms: AtomicI64,
}

/// Watches what a service's outbox has not sent.
#[derive(Debug)]
pub struct Outbox {
    source: String,
    topics: Vec<String>,
    store: Store,
    sending: Sending,
    unsent: Arc<Unsent>,
}

impl Outbox {
    /// The outbox of a service that a [`crate::Relay`] publishes; none when the service has no topics.
    pub fn relayed(source: &str, store: Store) -> Option<Self> {
        Self::new(source, store, Sending::Relay)
    }

    /// The outbox of a service that others read; none when the service has no topics.
    pub(crate) fn read(source: &str, store: Store, readers: Readers) -> Option<Self> {
        Self::new(source, store, Sending::Readers(readers))
    }

    fn new(source: &str, store: Store, sending: Sending) -> Option<Self> {
        let topics: Vec<String> = topics::of(source).map(str::to_owned).collect();
        let unsent = Arc::default();
        (!topics.is_empty()).then(|| Self { source: source.to_owned(), topics, store, sending, unsent })
    }

    /// Looks until stopped, and tells.
    pub async fn watch(self, telemetry: Service, clock: Clock, stop: CancellationToken) {
        self.tell(&telemetry, clock);
        if let Sending::Readers(readers) = &self.sending {
            readers.expect(&self.source, *self.store.watch_events().borrow());
        }
        while stop.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
            if let Err(e) = self.look().await {
                // What was known last is told on; a caller that reads or publishes the outbox says what the trouble is.
                tracing::debug!(source = self.source, error = %e, "it cannot be seen what of an outbox is not sent");
            }
        }
    }

    fn tell(&self, telemetry: &Service, clock: Clock) {
        telemetry.read_while(&self.unsent, move |unsent| {
            let events = unsent.events.load(Ordering::Relaxed) as f64;
            let age = age_s(&clock, unsent.oldest_ms.load(Ordering::Relaxed));
            let figure = |name, unit, description, value| {
                Observation::new(ObservationKind::Gauge, name, unit, description, value)
            };
            vec![
                figure("vitrine.messaging.outbox.unsent", "{event}", "Events that somebody has not been sent", events),
                figure("vitrine.messaging.outbox.delay", "s", "How long ago the oldest of these occurred", age),
            ]
        });
    }

    async fn look(&self) -> Result<(), Error> {
        let latest = *self.store.watch_events().borrow();
        let missing = match &self.sending {
            Sending::Relay => {
                let at = relay::position(&self.store, &self.source).await?;
                self.topics.iter().filter(|_| at < latest).map(|topic| (topic.clone(), at)).collect()
            }
            Sending::Readers(readers) => readers.missing(latest),
        };
        let (mut from, mut oldest_ms) = (latest, 0);
        for (topic, at) in missing {
            let (first, _) = self.store.read_events(at, &[topic], 1).await?;
            if let Some(event) = first.first() {
                // The position before it is the last one that is done with.
                from = from.min(event.position.saturating_sub(1));
                let occurred_at = event.event.occurred_at_ms;
                oldest_ms = if oldest_ms == 0 { occurred_at } else { occurred_at.min(oldest_ms) };
            }
        }
        self.unsent.events.store(latest - from, Ordering::Relaxed);
        self.unsent.oldest_ms.store(oldest_ms, Ordering::Relaxed);
        Ok(())
    }
}
