//! Committing a batch in one transaction.
//!
//! A call has one deadline, over all tries and the commit. Each try is a task of its own, which ends what it began: a caller that stops
//! waiting for it, at the deadline or because the servers are gone, does not take it along, and so the transaction is aborted as soon as the
//! server answers again. Which of the two was first, the task with its commit or the caller who gives it up, is decided by a claim.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ::mongodb::bson::spec::BinarySubtype;
use ::mongodb::bson::{Binary, Bson as Value, Document as Bson, doc};
use ::mongodb::error::Error as MongoError;
use ::mongodb::options::ReturnDocument;
use ::mongodb::{ClientSession, Collection};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use vitrine_kit::Backoff;

use super::fault::{self, Meaning, Outcome};
use super::server::Server;
use super::{MongoInner, OUTBOX, STATE, int, text_of};
use crate::document::{IndexKind, Key, Keys};
use crate::engine::{Batch, CollectionSchema, Expect, NewEvent, Op};
use crate::error::Error;
use crate::text_index::folded;

/// How often a batch is tried that others were in the way of, and a commit asked for whose answer was lost.
const MAX_TRIES: u32 = 16;
/// The longest pause before the first repetition; doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
/// The longest pause of all.
const MAX_PAUSE: Duration = Duration::from_millis(80);
/// For tries, and for asking how a commit ended.
const BACKOFF: Backoff = Backoff::new(FIRST_PAUSE, MAX_PAUSE).with_tries(MAX_TRIES);
/// How much longer than its caller a try waits for the server, to abort what it began. A server ends by itself what is older
/// (`transactionLifetimeLimitSeconds`).
const OVERTIME: Duration = Duration::from_secs(60);
/// The index of ids, which every collection has.
const BY_ID: &str = "_id_";
/// Most words of a text that are indexed.
const MAX_INDEXED: usize = 20_000;

/// Why a try came to nothing.
enum AttemptError {
    /// Nothing will come of it.
    Finally(Error),
    /// Nothing was changed; another time it may be. With what the server said, if it did.
    ForNow(Option<MongoError>),
}

/// Why a batch was not written.
enum Failure {
    /// A document is not what was expected.
    Refused(Error),
    /// Another has put the same document at the same time.
    Collision,
    /// The server, or the way to it, said no.
    Server(MongoError),
    /// The caller does not wait any more.
    GivenUp,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<MongoError> for Failure {
    fn from(error: MongoError) -> Self {
        Self::Server(error)
    }
}

impl Failure {
    fn of(self, server: &Server) -> AttemptError {
        match self {
            Self::Refused(error) => AttemptError::Finally(error),
            Self::Server(error) if fault::may_go_another_time(&error) => AttemptError::ForNow(Some(error)),
            Self::Server(error) => AttemptError::Finally(server.failed(error)),
            Self::Collision => AttemptError::ForNow(None),
            Self::GivenUp => AttemptError::Finally(Error::Busy),
        }
    }
}

pub(crate) async fn commit(shared: &Arc<MongoInner>, batch: Batch) -> Result<(), Error> {
    let server = shared.server()?;
    let deadline = Instant::now() + server.timeout;
    let _alone = if batch.events.is_empty() {
        None
    } else {
        Some(timeout_at(deadline, shared.publishing.lock()).await.map_err(|_| Error::Busy)?)
    };
    let batch = Arc::new(batch);
    let mut backoff = BACKOFF;
    loop {
        let again_at = match try_once(shared, &batch, deadline).await {
            Ok(()) => return Ok(()),
            Err(AttemptError::Finally(e)) => return Err(e),
            Err(AttemptError::ForNow(said)) => {
                let is_left = backoff.has_try_left();
                let again_at = Instant::now() + backoff.full_jitter();
                if !is_left || again_at >= deadline {
                    return Err(said.map_or(Error::Busy, |e| server.failed(e)));
                }
                again_at
            }
        };
        sleep_until(again_at).await;
    }
}

async fn try_once(shared: &Arc<MongoInner>, batch: &Arc<Batch>, deadline: Instant) -> Result<(), AttemptError> {
    let server = shared.server().map_err(AttemptError::Finally)?;
    let claim = Arc::new(AtomicBool::new(false));
    let attempt = async {
        let attempt = attempt(shared.clone(), batch.clone(), deadline, claim.clone());
        tokio::spawn(timeout_at(deadline + OVERTIME, attempt)).await
    };
    match server.until(deadline, attempt).await {
        Ok(Ok(Ok(tried))) => tried,
        Ok(Ok(Err(e))) => Err(AttemptError::Finally(server.unavailable(e))),
        Ok(Err(e)) => Err(AttemptError::Finally(Error::Engine(Box::new(e)))),
        // The try has claimed it: it is being committed.
        Err(late) if claim.swap(true, Ordering::AcqRel) => Err(AttemptError::Finally(server.unknown(late))),
        Err(late) => Err(AttemptError::Finally(server.unavailable(late))),
    }
}

async fn attempt(
    shared: Arc<MongoInner>,
    batch: Arc<Batch>,
    deadline: Instant,
    claim: Arc<AtomicBool>,
) -> Result<(), AttemptError> {
    let server = shared.server().map_err(AttemptError::Finally)?;
    let begun = server.client.start_session().await;
    let mut session = begun.map_err(|e| Failure::from(e).of(server))?;
    session.start_transaction().await.map_err(|e| Failure::from(e).of(server))?;
    let written = match write(&shared, &mut session, &batch, &claim).await {
        Ok(_) if claim.swap(true, Ordering::AcqRel) => Err(Failure::GivenUp),
        written => written,
    };
    let position = match written {
        Ok(position) => position,
        Err(failure) => {
            // Before anybody is told: until then what it has locked is in the way of others. What the server says to it is of no
            // interest, because a transaction that cannot be aborted is no more.
            let _ = session.abort_transaction().await;
            return Err(failure.of(server));
        }
    };
    commit_transaction(server, &mut session, deadline).await?;
    shared.publish_position(position);
    Ok(())
}

/// Commits what was written. As long as the answer is lost it is asked for again: a server remembers what it has committed.
async fn commit_transaction(
    server: &Server,
    session: &mut ClientSession,
    deadline: Instant,
) -> Result<(), AttemptError> {
    let mut unknown = false;
    let mut backoff = BACKOFF;
    loop {
        let Err(error) = session.commit_transaction().await else { return Ok(()) };
        match fault::outcome(&error) {
            Outcome::Failed if !unknown => return Err(Failure::from(error).of(server)),
            Outcome::Retry if backoff.has_try_left() && Instant::now() < deadline => {}
            Outcome::Failed | Outcome::Retry | Outcome::Unknown => {
                return Err(AttemptError::Finally(server.unknown(error)));
            }
        }
        unknown = true;
        sleep(backoff.full_jitter()).await;
    }
}

/// Writes all of it, and returns the position of its last event, or nought.
async fn write(
    shared: &MongoInner,
    session: &mut ClientSession,
    batch: &Batch,
    claim: &AtomicBool,
) -> Result<u64, Failure> {
    for op in &batch.ops {
        if claim.load(Ordering::Acquire) {
            return Err(Failure::GivenUp);
        }
        match op {
            Op::Put { collection, id, body, keys, expect } => {
                put(shared, session, shared.schema.collection(collection)?, id, body, keys, *expect).await?;
            }
            Op::Delete { collection, id, expect } => delete(shared, session, collection, id, *expect).await?,
        }
    }
    publish(shared, session, &batch.events).await
}

async fn put(
    shared: &MongoInner,
    session: &mut ClientSession,
    schema: &CollectionSchema,
    id: &str,
    body: &[u8],
    put: &Keys,
    expect: Expect,
) -> Result<(), Failure> {
    schema.has_all(put)?;
    let documents = shared.documents(schema.name)?;
    let (body, keys) = (String::from_utf8_lossy(body).into_owned(), keys(schema, put));
    let refused = |e: MongoError| duplicate(schema, id, expect, e);
    let set = doc! { "$set": { "body": &body, "keys": &keys }, "$inc": { "version": 1_i64 } };
    match expect {
        Expect::Absent => {
            let whole = doc! { "_id": id, "version": 1_i64, "body": body, "keys": keys };
            documents.insert_one(whole).session(session).await.map(drop).map_err(refused)
        }
        Expect::Anything => {
            let written = documents.update_one(doc! { "_id": id }, set).upsert(true).session(session).await;
            written.map(drop).map_err(refused)
        }
        Expect::Version(version) => {
            let same = doc! { "_id": id, "version": int(version) };
            let written = documents.update_one(same, set).session(session).await.map_err(refused)?;
            found(written.matched_count, schema.name, id)
        }
    }
}

fn found(count: u64, collection: &'static str, id: &str) -> Result<(), Failure> {
    if count > 0 { Ok(()) } else { Err(Error::Conflict { collection, id: id.to_owned() }.into()) }
}

async fn delete(
    shared: &MongoInner,
    session: &mut ClientSession,
    collection: &'static str,
    id: &str,
    expect: Expect,
) -> Result<(), Failure> {
    let documents = shared.documents(collection)?;
    match expect {
        Expect::Anything => {
            documents.delete_one(doc! { "_id": id }).session(session).await?;
            Ok(())
        }
        Expect::Absent => match documents.find_one(doc! { "_id": id }).session(session).await? {
            None => Ok(()),
            Some(_) => Err(Error::Exists { collection, id: id.to_owned() }.into()),
        },
        Expect::Version(version) => {
            let same = doc! { "_id": id, "version": int(version) };
            let gone = documents.delete_one(same).session(session).await?;
            found(gone.deleted_count, collection, id)
        }
    }
}

async fn publish(shared: &MongoInner, session: &mut ClientSession, events: &[NewEvent]) -> Result<u64, Failure> {
    if events.is_empty() {
        return Ok(0);
    }
    let database = shared.database()?;
    let state: Collection<Bson> = database.collection(STATE);
    // From here to its end this transaction is in the way of every other one with events: so positions appear in order.
    let more = doc! { "$inc": { "position": int(events.len()) } };
    let counted = state
        .find_one_and_update(doc! { "_id": STATE }, more)
        .return_document(ReturnDocument::After)
        .session(&mut *session)
        .await?;
    let last = counted.and_then(|s| s.get_i64("position").ok()).unwrap_or_default();
    let first = last - int(events.len()) + 1;
    let outbox: Collection<Bson> = database.collection(OUTBOX);
    let placed = events.iter().zip(first..).map(|(event, position)| {
        doc! {
            "_id": position,
            "id": &event.id,
            "topic": &event.topic,
            "key": &event.key,
            "occurred_at_ms": event.occurred_at_ms,
            "payload": Binary { subtype: BinarySubtype::Generic, bytes: event.payload.clone() },
            "traceparent": &event.traceparent,
            "baggage": &event.baggage,
        }
    });
    outbox.insert_many(placed).session(session).await?;
    Ok(last.unsigned_abs())
}

/// What the indexes keep of a document: keys as texts in their order, and words.
pub(crate) fn keys(schema: &CollectionSchema, keys: &Keys) -> Bson {
    let mut out = Bson::new();
    for index in schema.indexes {
        let Some(key) = keys.of(index.name) else { continue };
        match (index.kind, key) {
            (IndexKind::Text, Key::Str(text)) => {
                let words: Vec<Value> = folded(text).take(MAX_INDEXED).map(Value::String).collect();
                out.insert(index.name, words);
            }
            (IndexKind::Text, Key::Int(_)) => {}
            (_, key) => {
                out.insert(index.name, text_of(key));
            }
        }
    }
    out
}

/// Which unique index said no, if one did. Where the server does not say which, it is what can be.
fn duplicate(schema: &CollectionSchema, id: &str, expect: Expect, error: MongoError) -> Failure {
    let Meaning::Duplicate(name) = fault::meaning(&error) else { return error.into() };
    let mut unique = schema.indexes.iter().filter(|i| i.kind == IndexKind::Unique);
    let named = name.and_then(|name| unique.clone().find(|i| name.strip_prefix("i_") == Some(i.name)));
    let by_id = name == Some(BY_ID) || expect == Expect::Absent;
    match named.or_else(|| unique.next().filter(|_| !by_id)) {
        Some(index) => Failure::Refused(Error::Duplicate { collection: schema.name, index: index.name.to_owned() }),
        None if expect == Expect::Absent => {
            Failure::Refused(Error::Exists { collection: schema.name, id: id.to_owned() })
        }
        None => Failure::Collision,
    }
}
