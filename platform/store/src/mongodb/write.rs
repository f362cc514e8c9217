//! Committing a batch in one transaction.

use std::time::Duration;

use ::mongodb::bson::spec::BinarySubtype;
use ::mongodb::bson::{Binary, Bson as Value, Document as Bson, doc};
use ::mongodb::error::{
    Error as MongoError, ErrorKind, TRANSIENT_TRANSACTION_ERROR, UNKNOWN_TRANSACTION_COMMIT_RESULT, WriteFailure,
};
use ::mongodb::options::ReturnDocument;
use ::mongodb::{ClientSession, Collection};
use vitrine_kit::jitter;

use super::{OUTBOX, STATE, Shared, int, text_of};
use crate::document::{IndexKind, Key, Keys};
use crate::engine::{Batch, CollectionSchema, Expect, NewEvent, Op};
use crate::error::Error;
use crate::words::folded;

/// How often a batch is tried that others were in the way of.
const MAX_TRIES: u32 = 16;
/// The longest pause before the first repetition; grows with each.
const PAUSE: Duration = Duration::from_millis(5);
/// Most words of a text that are indexed.
const MAX_INDEXED: usize = 20_000;
/// MongoDB's code of "another document has this key".
const DUPLICATE: i32 = 11_000;

/// Why a try came to nothing.
enum Failed {
    /// Nothing will come of it.
    Finally(Error),
    /// The server, or what it holds, said no.
    Server(MongoError),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Finally(error)
    }
}

impl From<MongoError> for Failed {
    fn from(error: MongoError) -> Self {
        Self::Server(error)
    }
}

pub(crate) async fn commit(shared: &Shared, batch: Batch) -> Result<(), Error> {
    let _alone = if batch.events.is_empty() { None } else { Some(shared.publishing.lock().await) };
    let mut tries = 1;
    loop {
        let mut committing = false;
        let tried = match tokio::time::timeout(shared.timeout(), transaction(shared, &batch, &mut committing)).await {
            Ok(tried) => tried,
            Err(e) if committing => return Err(Error::Unknown { server: shared.name(), source: Box::new(e) }),
            Err(e) => return Err(shared.unavailable(e)),
        };
        match tried {
            Ok(position) => {
                shared.tell(position);
                return Ok(());
            }
            Err(Failed::Finally(e)) => return Err(e),
            Err(Failed::Server(e)) if committing && e.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT) => {
                return Err(Error::Unknown { server: shared.name(), source: Box::new(e) });
            }
            Err(Failed::Server(e)) if tries < MAX_TRIES && e.contains_label(TRANSIENT_TRANSACTION_ERROR) => {}
            Err(Failed::Server(e)) => return Err(shared.failed(e)),
        }
        tokio::time::sleep(jitter::full(PAUSE * tries)).await;
        tries += 1;
    }
}

/// Answers the position of its last event, or nought. What is not committed is undone when the session goes.
async fn transaction(shared: &Shared, batch: &Batch, committing: &mut bool) -> Result<u64, Failed> {
    let mut session = shared.connected()?.client.start_session().await?;
    session.start_transaction().await?;
    for op in &batch.ops {
        match op {
            Op::Put { collection, id, body, keys, expect } => {
                put(shared, &mut session, shared.schema.collection(collection)?, id, body, keys, *expect).await?;
            }
            Op::Delete { collection, id, expect } => delete(shared, &mut session, collection, id, *expect).await?,
        }
    }
    let last = publish(shared, &mut session, &batch.events).await?;
    *committing = true;
    session.commit_transaction().await?;
    Ok(last)
}

async fn put(
    shared: &Shared,
    session: &mut ClientSession,
    schema: &CollectionSchema,
    id: &str,
    body: &[u8],
    put: &Keys,
    expect: Expect,
) -> Result<(), Failed> {
    schema.has_all(put)?;
    let documents = shared.documents(schema.name)?;
    let (body, keys) = (String::from_utf8_lossy(body).into_owned(), keys(schema, put));
    let refused = |e: MongoError| duplicate(schema, id, e);
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

fn found(count: u64, collection: &'static str, id: &str) -> Result<(), Failed> {
    if count > 0 { Ok(()) } else { Err(Error::Conflict { collection, id: id.to_owned() }.into()) }
}

async fn delete(
    shared: &Shared,
    session: &mut ClientSession,
    collection: &'static str,
    id: &str,
    expect: Expect,
) -> Result<(), Failed> {
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

async fn publish(shared: &Shared, session: &mut ClientSession, events: &[NewEvent]) -> Result<u64, Failed> {
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

/// Which unique index said no, if one did. MongoDB names it: "E11000 duplicate key error collection: d.c index: i_email dup key: ...".
fn duplicate(schema: &CollectionSchema, id: &str, error: MongoError) -> Failed {
    let message = match error.kind.as_ref() {
        ErrorKind::Write(WriteFailure::WriteError(e)) if e.code == DUPLICATE => &e.message,
        ErrorKind::Command(e) if e.code == DUPLICATE => &e.message,
        _ => return error.into(),
    };
    let name = message.split(" index: ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    let index = schema.indexes.iter().find(|i| name.strip_prefix("i_") == Some(i.name));
    Failed::Finally(match index {
        Some(index) => Error::Duplicate { collection: schema.name, index: index.name.to_owned() },
        None => Error::Exists { collection: schema.name, id: id.to_owned() },
    })
}
