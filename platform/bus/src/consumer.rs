//! The loop that takes events from a source and hands them to a handler.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use vitrine_contracts::bus::v1::Event;
use vitrine_kit::{Backoff, Outage};
use vitrine_platform_store::{self as store, Document, Query, Store, Stored, Tx};
use vitrine_platform_telemetry::Service;
use vitrine_platform_telemetry::semconv::{
    ERROR_TYPE, MESSAGING_CONSUMER_GROUP_NAME, MESSAGING_DESTINATION_NAME, MESSAGING_MESSAGE_ID,
    MESSAGING_OPERATION_NAME, MESSAGING_OPERATION_TYPE, MESSAGING_SYSTEM,
};

use crate::inbox::{Cursor, DeadLetter};
use crate::lag::Lag;
use crate::source::{BATCH, Batch, Source};

/// How often an event is handed to its handler before it becomes a dead letter.
pub const MAX_TRIES: u32 = 6;
/// Most dead letters that are handed out again in a row, before new events have their turn.
const MAX_REDRIVEN: usize = 10;
/// The pause before the second try; doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest one.
const MAX_PAUSE: Duration = Duration::from_secs(2);
/// The pause after the source could not be reached, or the own store failed.
const FAILURE_PAUSE: Duration = Duration::from_millis(500);

/// Why an event was not handled.
#[derive(Clone, Debug, Error)]
pub enum HandleError {
    /// It may go better later.
    #[error("{0}")]
    Retry(String),
    /// It never will.
    #[error("{0}")]
    Reject(String),
    /// Nothing will before the own store can do its work again: the event waits for that, however long it takes.
    #[error("{0}")]
    Wait(String),
}

impl HandleError {
    /// What kind it is, for `error.type`.
    fn kind(&self) -> &'static str {
        match self {
            Self::Retry(_) => "retry",
            Self::Reject(_) => "reject",
            Self::Wait(_) => "wait",
        }
    }
}

impl From<tonic::Status> for HandleError {
    /// A call that a handler made has failed: later it may not.
    fn from(status: tonic::Status) -> Self {
        Self::Retry(format!("{:?}: {}", status.code(), status.message()))
    }
}

impl From<store::Error> for HandleError {
    fn from(error: store::Error) -> Self {
        use store::Error::{Busy, Closed, Unavailable, Unknown};
        match error {
            Busy | Closed | Unavailable { .. } | Unknown { .. } => Self::Wait(error.to_string()),
            _ => Self::Retry(error.to_string()),
        }
    }
}

impl From<prost::DecodeError> for HandleError {
    fn from(error: prost::DecodeError) -> Self {
        Self::Reject(error.to_string())
    }
}

/// What a service does with an event.
#[tonic::async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Puts the event's effects into `tx`, which is committed together with the consumer's position. Whatever else the handler
    /// does (a letter that is sent) may happen more than once.
    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError>;
}

/// Follows some topics of another service.
pub struct Consumer {
    name: String,
    source: String,
    topics: Vec<String>,
    store: Store,
    handler: Arc<dyn Handler>,
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumer").field("name", &self.name).field("source", &self.source).finish_non_exhaustive()
    }
}

impl Consumer {
    /// A consumer with a name of its own within its store, whose schema was made [`crate::with_inbox`].
    pub fn new(name: &str, source: &str, topics: &[&str], store: Store, handler: impl Handler) -> Self {
        Self {
            name: name.to_owned(),
            source: source.to_owned(),
            topics: topics.iter().map(|t| (*t).to_owned()).collect(),
            store,
            handler: Arc::new(handler),
        }
    }

    /// Its name, which is its own within its store and among all who follow the same source.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The topics that it follows.
    pub fn topics(&self) -> &[String] {
        &self.topics
    }

    /// The service whose events it follows.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Follows the events until stopped. Trouble with the source or the own store is waited out.
    pub async fn run(self, mut source: Box<dyn Source>, telemetry: Service, stop: CancellationToken) {
        let mut outage = Outage::default();
        let lag = Lag::told_by(&telemetry, &self.name, &self.source);
        while !stop.is_cancelled() {
            let round = tokio::select! {
                round = self.round(&mut *source, &lag, &telemetry) => round,
                () = stop.cancelled() => break,
            };
            match round {
                Ok(()) => {
                    if outage.ends() {
                        tracing::info!(consumer = self.name, source = self.source, "events are followed again");
                    }
                }
                Err(reason) => {
                    if outage.begins() {
                        tracing::warn!(
                            consumer = self.name,
                            source = self.source,
                            reason,
                            "events cannot be followed at the moment"
                        );
                    }
                    tokio::select! {
                        () = tokio::time::sleep(FAILURE_PAUSE) => {}
                        () = stop.cancelled() => {}
                    }
                }
            }
        }
        source.acknowledge(false).await;
    }

    /// One fetch and what it brought.
    async fn round(&self, source: &mut dyn Source, lag: &Lag, telemetry: &Service) -> Result<(), String> {
        self.redriven(telemetry).await?;
        let cursor = self.cursor().await?;
        let batch = source.fetch(cursor.offset()).await?;
        let taken = self.take_all(&batch, &cursor, lag, telemetry).await;
        if !batch.events.is_empty() || taken.is_err() {
            source.acknowledge(taken.is_ok()).await;
        }
        taken
    }

    /// Handles what is new of a batch, and notes how far it went.
    async fn take_all(&self, batch: &Batch, cursor: &Cursor, lag: &Lag, telemetry: &Service) -> Result<(), String> {
        let (mut position, mut committed) = (cursor.position, cursor.position);
        let mut wanted = Vec::new();
        for event in &batch.events {
            if event.position > position {
                position = event.position;
                if event.occurred_at_unix_ms >= cursor.since_ms {
                    wanted.push(event);
                }
            }
        }
        lag.came(&wanted, batch);
        for (n, event) in wanted.iter().enumerate() {
            self.take(event, telemetry).await?;
            committed = event.position;
            lag.done(wanted.get(n + 1));
        }
        // Other topics' events, and those from before a replay's beginning, need not be looked at again.
        let stretch = batch.events.is_empty() && batch.position > position + u64::from(BATCH);
        if stretch || position > committed {
            match self.commit(self.store.begin(), position.max(batch.position)).await {
                // Of two replicas the other one was quicker.
                Ok(()) | Err(store::Error::Conflict { .. } | store::Error::Exists { .. }) => {}
                Err(e) => return Err(e.to_string()),
            }
        }
        Ok(())
    }

    async fn cursor(&self) -> Result<Cursor, String> {
        let stored = self.store.get::<Cursor>(&self.name).await.map_err(|e| e.to_string())?;
        Ok(stored.map_or_else(|| Cursor::at(&self.name, 0), |s| s.doc))
    }

    /// Handles an event, however often it takes, or puts it aside; then it is behind us.
    async fn take(&self, event: &Event, telemetry: &Service) -> Result<(), String> {
        let mut backoff = Backoff::new(FIRST_PAUSE, MAX_PAUSE).with_tries(MAX_TRIES);
        let reason = loop {
            let mut tx = self.store.begin();
            match self.deliver(event, telemetry, &mut tx).await {
                Ok(()) => match self.commit(tx, event.position).await {
                    Ok(()) => return Ok(()),
                    // Perhaps another caller wrote to the same documents; the handler reads them again.
                    Err(e) if is_refused(&e) && backoff.has_try_left() => {}
                    Err(e) if is_refused(&e) => break e.to_string(),
                    Err(e) => return Err(e.to_string()),
                },
                Err(HandleError::Wait(reason)) => return Err(reason),
                Err(HandleError::Retry(_)) if backoff.has_try_left() => {}
                Err(HandleError::Retry(reason) | HandleError::Reject(reason)) => break reason,
            }
            tokio::time::sleep(backoff.equal_jitter()).await;
        };
        tracing::error!(
            consumer = self.name,
            event_id = event.id,
            topic = event.topic,
            reason,
            "an event was put aside"
        );
        let mut tx = self.store.begin();
        tx.put(&DeadLetter::new(&self.name, event, reason));
        self.commit(tx, event.position).await.map_err(|e| e.to_string())
    }

    async fn deliver(&self, event: &Event, telemetry: &Service, tx: &mut Tx) -> Result<(), HandleError> {
        let mut span = telemetry
            .consumer_span(format!("process {}", event.topic), &event.traceparent, &event.baggage)
            .attr(MESSAGING_SYSTEM, "vitrine")
            .attr(MESSAGING_OPERATION_TYPE, "process")
            .attr(MESSAGING_OPERATION_NAME, "process")
            .attr(MESSAGING_DESTINATION_NAME, event.topic.clone())
            .attr(MESSAGING_CONSUMER_GROUP_NAME, self.name.clone())
            .attr(MESSAGING_MESSAGE_ID, event.id.clone());
        let (context, began) = (span.context(), Instant::now());
        let outcome = context.clone().scope(guarded(self.handler.handle(event, tx))).await;
        let error = outcome.as_ref().err().map(HandleError::kind);
        if let Err(e) = &outcome {
            span.set(ERROR_TYPE, e.kind());
            span.error(&e.to_string());
        }
        drop(span);
        context.sync_scope(|| telemetry.record_event(&event.topic, &self.name, error, began.elapsed()));
        outcome
    }

    /// Commits effects and position together. The position only ever grows, and under its version: of two replicas one commits.
    async fn commit(&self, mut tx: Tx, position: u64) -> Result<(), store::Error> {
        match self.store.get::<Cursor>(&self.name).await? {
            Some(stored) if stored.position >= position => return Ok(()),
            Some(mut stored) => {
                stored.doc.position = position;
                tx.update(&stored);
            }
            None => tx.insert(&Cursor::at(&self.name, position)),
        }
        tx.commit().await
    }

    /// Hands out the dead letters that a caller asked for again.
    async fn redriven(&self, telemetry: &Service) -> Result<(), String> {
        let asked = self.store.find::<DeadLetter>(Query::eq("redrive", self.name.as_str()).limit(MAX_REDRIVEN)).await;
        for letter in asked.map_err(|e| e.to_string())?.items {
            let mut tx = self.store.begin();
            let reason = match self.deliver(&letter.event(), telemetry, &mut tx).await {
                Ok(()) => {
                    tx.delete_expecting::<DeadLetter>(&letter.id(), letter.version);
                    match tx.commit().await {
                        Ok(()) => continue,
                        Err(e) if is_refused(&e) => e.to_string(),
                        Err(e) => return Err(e.to_string()),
                    }
                }
                Err(HandleError::Wait(reason)) => return Err(reason),
                Err(e) => e.to_string(),
            };
            // It stays a dead letter, unless another replica was quicker: no caller waits for it.
            let mut tx = self.store.begin();
            let doc = DeadLetter { reason, redrive: false, ..letter.doc };
            tx.update(&Stored { doc, version: letter.version });
            match tx.commit().await {
                Ok(()) | Err(store::Error::Conflict { .. }) => {}
                Err(e) => return Err(e.to_string()),
            }
        }
        Ok(())
    }
}

/// Whether a batch was refused for what it holds; otherwise the store is in trouble, and every batch would fail.
fn is_refused(error: &store::Error) -> bool {
    use store::Error::{Conflict, Duplicate, Encode, Exists, NoIndex};
    matches!(error, Conflict { .. } | Exists { .. } | Duplicate { .. } | NoIndex { .. } | Encode(_))
}

/// A panic is a failure of this event, not the end of the consumer.
async fn guarded(work: impl Future<Output = Result<(), HandleError>>) -> Result<(), HandleError> {
    let done = AssertUnwindSafe(work).catch_unwind().await;
    done.unwrap_or_else(|_| Err(HandleError::Retry("the handler panicked".to_owned())))
}

#[cfg(test)]
mod tests {
    use vitrine_platform_store::Error;

    use super::HandleError;

    #[test]
    fn trouble_of_the_store_is_waited_out() {
        let away = || Error::Unavailable { server: "db".to_owned(), source: "away".into() };
        let unknown = || Error::Unknown { server: "db".to_owned(), source: "broke".into() };
        for (error, kind) in [
            (Error::Busy, "wait"),
            (Error::Closed, "wait"),
            (away(), "wait"),
            (unknown(), "wait"),
            (Error::Cursor, "retry"),
            (Error::Conflict { collection: "things", id: "1".to_owned() }, "retry"),
        ] {
            let told = error.to_string();
            assert_eq!(HandleError::from(error).kind(), kind, "{told}");
        }
    }
}
