//! Where a consumer gets its events from: its producer's log, or a broker.

use std::time::Duration;

use tokio::time::Instant;
use vitrine_contracts::bus::v1::event_log_service_client::EventLogServiceClient;
use vitrine_contracts::bus::v1::{Event, FetchRequest};
use vitrine_platform_mesh::Transport;

use crate::Consumer;

/// Events of one fetch.
pub(crate) const BATCH: u32 = 100;
/// How long one fetch waits for events.
const WAIT: Duration = Duration::from_secs(5);
/// The pause after a fetch that brought some events, so that where they come quickly the next one brings more of them.
const PACE: Duration = Duration::from_millis(10);
/// How much longer the call itself may take.
const GRACE: Duration = Duration::from_secs(5);

/// Where a consumer goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offset {
    /// The position of the last event that is behind it; 0 before the first.
    pub position: u64,
    /// Events from before this moment are not wanted, in milliseconds since 1970; 0 wants all.
    pub since_ms: i64,
    /// How often a replay was asked for: a source that keeps a place of its own starts over when this has changed.
    pub generation: u64,
}

/// What a source has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// The events, oldest first. Those whose position is not above the consumer's are repeats.
    pub events: Vec<Event>,
    /// Up to where the source has looked; 0 when it does not say.
    pub position: u64,
    /// Events that the source knows to stand behind these; 0 when it does not say.
    pub pending: u64,
}

/// Where a consumer gets its events from. One consumer of one process has it.
#[tonic::async_trait]
pub trait Source: Send {
    /// The events that come next. Waits a few seconds for the first, then answers with none. Errors are sentences for people.
    async fn fetch(&mut self, from: Offset) -> Result<Batch, String>;

    /// Hears that the last batch is committed, or that the consumer turned away from it, because of trouble or to end: then the
    /// batch, and what else may be under way, comes again later, here or at a replica.
    async fn acknowledge(&mut self, committed: bool);

    /// Whether replicas are handed their events in turns, so that the own position may have moved while one waited for events.
    fn is_shared(&self) -> bool {
        false
    }
}

/// The producer's own log, by long polls.
#[derive(Debug)]
pub struct Log {
    client: EventLogServiceClient<Transport>,
    source: String,
    topics: Vec<String>,
    /// Before when nothing is fetched.
    next: Instant,
}

impl Log {
    /// The log that this consumer follows, over this way to its producer.
    pub fn new(consumer: &Consumer, way: Transport) -> Self {
        Self {
            client: EventLogServiceClient::new(way),
            source: consumer.source().to_owned(),
            topics: consumer.topics().to_vec(),
            next: Instant::now(),
        }
    }
}

#[tonic::async_trait]
impl Source for Log {
    async fn fetch(&mut self, from: Offset) -> Result<Batch, String> {
        tokio::time::sleep_until(self.next).await;
        let mut request = tonic::Request::new(FetchRequest {
            source: self.source.clone(),
            topics: self.topics.clone(),
            after: from.position,
            limit: BATCH,
            wait_ms: u32::try_from(WAIT.as_millis()).unwrap_or(u32::MAX),
            latest: false,
        });
        request.set_timeout(WAIT + GRACE);
        let answer = self.client.fetch(request).await.map_err(|s| format!("{:?}: {}", s.code(), s.message()))?;
        let answer = answer.into_inner();
        if (1..BATCH as usize).contains(&answer.events.len()) {
            self.next = Instant::now() + PACE;
        }
        Ok(Batch { events: answer.events, position: answer.position, pending: 0 })
    }

    /// The place is the consumer's alone: there is nothing to tell.
    async fn acknowledge(&mut self, _committed: bool) {}
}
