//! The loop that takes events from a source and hands them to a handler.

use std::future::Future;
use std::ops::RangeInclusive;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::FutureExt;
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use vitrine_contracts::bus::v1::Event;
use vitrine_kit::{Backoff, Outage};
use vitrine_platform_durability as durability;
use vitrine_platform_faults::Site;
use vitrine_platform_store::{self as store, Document, Query, Store, Stored, Tx};
use vitrine_platform_telemetry::semconv::{
    ERROR_TYPE, MESSAGING_CONSUMER_GROUP_NAME, MESSAGING_DESTINATION_NAME, MESSAGING_MESSAGE_ID,
    MESSAGING_OPERATION_NAME, MESSAGING_OPERATION_TYPE, MESSAGING_SYSTEM,
};
use vitrine_platform_telemetry::{Context, Service};

use crate::faulted;
use crate::inbox::{Cursor, DeadLetter};
use crate::lag::Lag;
use crate::source::{BATCH, Batch, Source};

/// How often an event is handled by itself before it becomes a dead letter; with others it may have been handled once before.
pub const MAX_TRIES: u32 = 6;
/// Most events whose effects are committed together.
const MAX_TOGETHER: usize = 32;
/// Writes and events of their own after which no more effects are added to a batch.
const MAX_WRITES: usize = 500;
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
    /// Nothing will before the own store, or whom it is handed on to, does its work again: the event waits for that, however long it takes.
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
    ///
    /// The effects of events before it may wait in `tx` for the same commit: what they may have written is read with [`Tx::get`].
    /// A query of the store does not see them.
    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError>;

    /// Whether it does what no batch takes back. Then each event is committed before the next is handled.
    fn acts_outside(&self) -> bool {
        false
    }
}

/// Follows some topics of another service.
pub struct Consumer {
    name: String,
    source: String,
    topics: Vec<String>,
    store: Store,
    handler: Arc<dyn Handler>,
    site: Option<Site>,
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
            site: None,
        }
    }

    /// The same, and faults act on what it is given.
    pub fn faulted_at(self, site: Site) -> Self {
        Self { site: Some(site), ..self }
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
            let round = self.round(&mut *source, &lag, &telemetry);
            let round = async {
                // A crash takes what is done within the process only with what comes behind it: nobody needs to wait for the disk.
                if self.handler.acts_outside() { round.await } else { durability::deferred(round).await.0 }
            };
            let round = tokio::select! {
                round = round => round,
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
        let mut cursor = self.cursor().await.map_err(|e| e.to_string())?;
        let batch = source.fetch(cursor.offset()).await?;
        if source.is_shared() && !batch.events.is_empty() {
            cursor = self.cursor().await.map_err(|e| e.to_string())?;
        }
        let taken = self.take_all(&batch, cursor, lag, telemetry).await;
        if !batch.events.is_empty() || taken.is_err() {
            source.acknowledge(taken.is_ok()).await;
        }
        taken
    }

    /// Handles what is new of a batch, and notes how far it went.
    async fn take_all(
        &self,
        batch: &Batch,
        mut cursor: Stored<Cursor>,
        lag: &Lag,
        telemetry: &Service,
    ) -> Result<(), String> {
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
        lag.stands(&wanted, batch.pending);
        let mut rest = wanted.as_slice();
        while !rest.is_empty() {
            let taken = self.take_some(rest, &mut cursor, batch.pending, lag, telemetry).await?;
            committed = rest[taken - 1].position;
            rest = &rest[taken..];
        }
        // Other topics' events, and those from before a replay's beginning, need not be looked at again.
        let stretch = batch.events.is_empty() && batch.position > position + u64::from(BATCH);
        if stretch || position > committed {
            match self.commit(self.store.begin(), position + 1..=position.max(batch.position), &mut cursor).await {
                // Of two replicas the other one was quicker.
                Ok(()) | Err(store::Error::Conflict { .. } | store::Error::Exists { .. }) => {}
                Err(e) => return Err(e.to_string()),
            }
        }
        Ok(())
    }

    /// The own position as it is kept; one that is not yet is of version 0.
    async fn cursor(&self) -> Result<Stored<Cursor>, store::Error> {
        let stored = self.store.get::<Cursor>(&self.name).await?;
        Ok(stored.unwrap_or_else(|| Stored { doc: Cursor::at(&self.name, 0), version: 0 }))
    }

    /// Handles the first of these events, and as many behind it as can be committed with it; returns how many.
    async fn take_some(
        &self,
        events: &[&Event],
        cursor: &mut Stored<Cursor>,
        pending: u64,
        lag: &Lag,
        telemetry: &Service,
    ) -> Result<usize, String> {
        let most = if self.handler.acts_outside() { 1 } else { MAX_TOGETHER };
        let (mut tx, mut taken, mut failed) = (self.store.begin(), 0, None);
        for event in events.iter().take(most) {
            tx.savepoint();
            let outcome = self.deliver(event, telemetry, &mut tx).await;
            // The first has a batch of its own anyway.
            if outcome.is_err() || taken > 0 && tx.stands_alone() {
                tx.rollback();
                failed = outcome.err();
                break;
            }
            taken += 1;
            lag.stands(&events[taken..], pending);
            if tx.len() >= MAX_WRITES {
                break;
            }
        }
        if let [first, .., last] | [first @ last] = &events[..taken] {
            match self.commit_handled(tx, first.position..=last.position, cursor).await {
                Ok(()) => {}
                Err(HandleError::Wait(reason)) => return Err(reason),
                Err(refused) if taken == 1 => self.take(first, Some(refused), cursor, telemetry).await?,
                // One of them is refused, or another caller wrote to the same documents: each by itself.
                Err(_) => {
                    for event in &events[..taken] {
                        self.take(event, None, cursor, telemetry).await?;
                    }
                }
            }
        }
        if let Some(failed) = failed {
            self.take(events[taken], Some(failed), cursor, telemetry).await?;
            taken += 1;
            lag.stands(&events[taken..], pending);
        }
        Ok(taken)
    }

    /// Handles an event by itself, however often it takes, or puts it aside; then it is behind us. The first try may have been made.
    async fn take(
        &self,
        event: &Event,
        mut tried: Option<HandleError>,
        cursor: &mut Stored<Cursor>,
        telemetry: &Service,
    ) -> Result<(), String> {
        let mut backoff = Backoff::new(FIRST_PAUSE, MAX_PAUSE).with_tries(MAX_TRIES);
        let reason = loop {
            let outcome = match tried.take() {
                Some(failed) => Err(failed),
                None => self.attempt(event, cursor, telemetry).await,
            };
            match outcome {
                Ok(()) => return Ok(()),
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
        *cursor = self.cursor().await.map_err(|e| e.to_string())?;
        self.commit(tx, event.position..=event.position, cursor).await.map_err(|e| e.to_string())
    }

    async fn attempt(
        &self,
        event: &Event,
        cursor: &mut Stored<Cursor>,
        telemetry: &Service,
    ) -> Result<(), HandleError> {
        let mut tx = self.store.begin();
        self.deliver(event, telemetry, &mut tx).await?;
        // Something went wrong before: perhaps another one has written the position.
        *cursor = self.cursor().await?;
        self.commit_handled(tx, event.position..=event.position, cursor).await
    }

    /// Commits what handlers did. What is refused may go better when the handler reads again: perhaps another caller wrote to the same
    /// documents.
    async fn commit_handled(
        &self,
        tx: Tx,
        positions: RangeInclusive<u64>,
        cursor: &mut Stored<Cursor>,
    ) -> Result<(), HandleError> {
        self.commit(tx, positions, cursor).await.map_err(|e| {
            if is_refused(&e) { HandleError::Retry(e.to_string()) } else { HandleError::Wait(e.to_string()) }
        })
    }

    async fn deliver(&self, event: &Event, telemetry: &Service, tx: &mut Tx) -> Result<(), HandleError> {
        let site = self.site.as_ref().filter(|site| site.is_armed());
        match site {
            Some(site) => Box::pin(self.deliver_faulted(site, event, telemetry, tx)).await,
            None => self.deliver_once(event, telemetry, tx, async || Ok(())).await,
        }
    }

    /// The same while a fault may act. What is thrown away, as by a crash before the commit, is done anew, as after a start.
    async fn deliver_faulted(
        &self,
        site: &Site,
        event: &Event,
        telemetry: &Service,
        tx: &mut Tx,
    ) -> Result<(), HandleError> {
        let crashes = AtomicBool::new(false);
        let first = self.deliver_once(event, telemetry, tx, async || {
            let Some(ruling) = faulted::decide(site, event, &Context::current()) else { return Ok(()) };
            ruling.wait().await;
            crashes.store(faulted::is_crash(&ruling), Ordering::Relaxed);
            faulted::failure(&ruling, event).map_or(Ok(()), |status| Err(status.into()))
        });
        let outcome = first.await;
        if !crashes.load(Ordering::Relaxed) || outcome.is_err() {
            return outcome;
        }
        tx.rollback();
        self.deliver_once(event, telemetry, tx, async || Ok(())).await
    }

    /// Handles an event under a span of its own, after what comes `before` it.
    async fn deliver_once(
        &self,
        event: &Event,
        telemetry: &Service,
        tx: &mut Tx,
        before: impl AsyncFnOnce() -> Result<(), HandleError>,
    ) -> Result<(), HandleError> {
        let mut span = telemetry
            .consumer_span(format!("process {}", event.topic), &event.traceparent, &event.baggage)
            .attr(MESSAGING_SYSTEM, "vitrine")
            .attr(MESSAGING_OPERATION_TYPE, "process")
            .attr(MESSAGING_OPERATION_NAME, "process")
            .attr(MESSAGING_DESTINATION_NAME, event.topic.clone())
            .attr(MESSAGING_CONSUMER_GROUP_NAME, self.name.clone())
            .attr(MESSAGING_MESSAGE_ID, event.id.clone());
        let (context, began) = (span.context(), Instant::now());
        let handling = async {
            before().await?;
            self.handler.handle(event, tx).await
        };
        let outcome = context.clone().scope(guarded(handling)).await;
        let error = outcome.as_ref().err().map(HandleError::kind);
        if let Err(e) = &outcome {
            span.set(ERROR_TYPE, e.kind());
            span.error(&e.to_string());
        }
        drop(span);
        context.sync_scope(|| telemetry.record_event(&event.topic, &self.name, error, began.elapsed()));
        outcome
    }

    /// Commits the effects of the events at these positions, and the last of them as the own position. It only ever grows, and under its
    /// version: of two replicas one commits. A conflict where another one has handled some of them and not all. It is written as it was
    /// read last, for as a rule no one else writes it; where that is refused, it is read again.
    async fn commit(
        &self,
        mut tx: Tx,
        positions: RangeInclusive<u64>,
        cursor: &mut Stored<Cursor>,
    ) -> Result<(), store::Error> {
        let (first, last) = positions.into_inner();
        if cursor.position >= last {
            return Ok(());
        }
        if cursor.position >= first {
            return Err(store::Error::Conflict { collection: Cursor::COLLECTION, id: self.name.clone() });
        }
        let next = Stored { doc: Cursor { position: last, ..cursor.doc.clone() }, version: cursor.version };
        if next.version == 0 {
            tx.insert(&next.doc)
        } else {
            tx.update(&next)
        }
        let committed = tx.commit().await;
        match &committed {
            Ok(()) => *cursor = Stored { version: next.version + 1, ..next },
            Err(e) if is_refused(e) => {
                *cursor = self.cursor().await?;
                if cursor.position >= last {
                    return Ok(());
                }
            }
            Err(_) => {}
        }
        committed
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
    use store::Error::{Conflict, Duplicate, Encode, EventTooLarge, Exists, NoIndex};
    matches!(
        error,
        Conflict { .. } | Exists { .. } | Duplicate { .. } | NoIndex { .. } | EventTooLarge { .. } | Encode(_)
    )
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
