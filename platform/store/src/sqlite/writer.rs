//! The writer thread: it takes all batches that wait, applies each behind a savepoint, commits once, and only then answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use tokio::sync::{mpsc, oneshot, watch};

use super::schema::{SqlKey, write_text};
use super::statements::Statements;
use super::{SqliteInner, failed};
use crate::document::{IndexKind, Keys};
use crate::engine::{Batch, CollectionSchema, Expect, Op, Pool};
use crate::error::Error;

/// Most batches that wait; more are [`Error::Busy`].
const QUEUE: usize = 4096;
/// Most batches of one commit.
const GROUP: usize = 256;
/// The thread's stack, in bytes.
const STACK: usize = 512 * 1024;

enum Request {
    Commit(Batch, oneshot::Sender<Result<(), Error>>),
    Prune(i64, oneshot::Sender<Result<u64, Error>>),
}

/// The reply that is sent once the group is committed, or is not.
enum PendingReply {
    Commit(Result<(), Error>, oneshot::Sender<Result<(), Error>>),
    Prune(Result<u64, Error>, oneshot::Sender<Result<u64, Error>>),
}

impl PendingReply {
    fn send(self, committed: bool) {
        // No caller may wait any more.
        match self {
            Self::Commit(result, reply) => {
                let _ = reply.send(if committed { result } else { result.and(Err(Error::Busy)) });
            }
            Self::Prune(result, reply) => {
                let _ = reply.send(if committed { result } else { result.and(Err(Error::Busy)) });
            }
        }
    }
}

/// Hands batches to the thread. The thread ends when this is dropped and everything that waits is written.
pub(crate) struct Writer {
    sender: mpsc::Sender<Request>,
    /// Whether a group is being written.
    writing: Arc<AtomicBool>,
    /// Batches for which there was no room.
    refused: AtomicU64,
}

impl Writer {
    pub(crate) fn start(
        service: &str,
        connection: Connection,
        shared: Arc<SqliteInner>,
        latest: watch::Sender<u64>,
    ) -> Result<Self, Error> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let writing = Arc::<AtomicBool>::default();
        let at_work = writing.clone();
        std::thread::Builder::new()
            .name(format!("{service}-db"))
            .stack_size(STACK)
            .spawn(move || run(&connection, &shared, &latest, receiver, &at_work))
            .map_err(|e| Error::Engine(Box::new(e)))?;
        Ok(Self { sender, writing, refused: AtomicU64::new(0) })
    }

    pub(crate) async fn commit(&self, batch: Batch) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Commit(batch, reply))?;
        answer.await.map_err(|_| Error::Closed)?
    }

    pub(crate) async fn prune(&self, before_ms: i64) -> Result<u64, Error> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Prune(before_ms, reply))?;
        answer.await.map_err(|_| Error::Closed)?
    }

    /// What the thread's connection does. It may be at work on batches that do not wait any more.
    pub(crate) fn pool(&self, name: String) -> Pool {
        let pending = (QUEUE - self.sender.capacity()) as u64;
        let used = u64::from(self.writing.load(Ordering::Relaxed));
        let timeouts = self.refused.load(Ordering::Relaxed);
        Pool { name, idle: 1 - used, used, max: Some(1), pending, timeouts }
    }

    fn send(&self, request: Request) -> Result<(), Error> {
        self.sender.try_send(request).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                Error::Busy
            }
            mpsc::error::TrySendError::Closed(_) => Error::Closed,
        })
    }
}

fn run(
    connection: &Connection,
    shared: &SqliteInner,
    latest: &watch::Sender<u64>,
    mut requests: mpsc::Receiver<Request>,
    writing: &AtomicBool,
) {
    let mut group = Vec::new();
    while let Some(first) = requests.blocking_recv() {
        group.push(first);
        while group.len() < GROUP
            && let Ok(next) = requests.try_recv()
        {
            group.push(next);
        }
        writing.store(true, Ordering::Relaxed);
        write_group(connection, shared, latest, &mut group);
        writing.store(false, Ordering::Relaxed);
    }
}

fn write_group(connection: &Connection, shared: &SqliteInner, latest: &watch::Sender<u64>, group: &mut Vec<Request>) {
    let mut answers = Vec::with_capacity(group.len());
    let mut last_event = None;
    let execute = |sql: &str| connection.prepare_cached(sql).and_then(|mut s| s.execute([]));
    let begun = execute("BEGIN IMMEDIATE");
    for request in group.drain(..) {
        // A failure such as a full disk may undo the whole transaction: nothing behind it must be committed by itself.
        let lost = connection.is_autocommit();
        answers.push(match request {
            Request::Commit(batch, reply) => {
                let result = if lost { Err(Error::Busy) } else { apply_whole(connection, shared, batch) };
                PendingReply::Commit(result.map(|event| last_event = event.or(last_event)), reply)
            }
            Request::Prune(before_ms, reply) => {
                let result = if lost { Err(Error::Busy) } else { prune(connection, before_ms) };
                PendingReply::Prune(result, reply)
            }
        });
    }
    let committed = begun.and_then(|_| execute("COMMIT"));
    match &committed {
        Ok(_) => {
            if let Some(position) = last_event {
                latest.send_replace(position);
            }
        }
        Err(e) => {
            tracing::error!(error = %e, "a group of batches could not be committed");
            if !connection.is_autocommit() {
                let _ = execute("ROLLBACK");
            }
        }
    }
    answers.into_iter().for_each(|answer| answer.send(committed.is_ok()));
}

fn prune(connection: &Connection, before_ms: i64) -> Result<u64, Error> {
    connection
        .prepare_cached("DELETE FROM outbox WHERE occurred_at_ms < ?1")
        .and_then(|mut s| s.execute([before_ms]))
        .map(|n| u64::try_from(n).unwrap_or(0))
        .map_err(failed)
}

/// Applies a batch, or undoes all of it. Returns the position of its last event.
fn apply_whole(connection: &Connection, shared: &SqliteInner, batch: Batch) -> Result<Option<u64>, Error> {
    // What is one statement is undone by SQLite itself when it fails.
    if is_one_statement(shared, &batch)? {
        return apply(connection, shared, batch);
    }
    let simple = |sql: &str| connection.prepare_cached(sql).and_then(|mut s| s.execute([])).map_err(failed);
    simple("SAVEPOINT batch")?;
    let result = apply(connection, shared, batch);
    if result.is_err() {
        simple("ROLLBACK TO batch")?;
    }
    simple("RELEASE batch")?;
    result
}

fn is_one_statement(shared: &SqliteInner, batch: &Batch) -> Result<bool, Error> {
    match batch.ops.as_slice() {
        [only] if batch.events.is_empty() => Ok(!has_text(shared.collection(only.collection())?.0)),
        _ => Ok(false),
    }
}

fn apply(connection: &Connection, shared: &SqliteInner, batch: Batch) -> Result<Option<u64>, Error> {
    for op in batch.ops {
        match op {
            Op::Put { collection, id, body, keys, expect } => {
                put(connection, shared.collection(collection)?, &id, &body, &keys, expect)?;
            }
            Op::Delete { collection, id, expect } => delete(connection, shared.collection(collection)?, &id, expect)?,
        }
    }
    let mut position = None;
    for event in batch.events {
        connection
            .prepare_cached(
                "INSERT INTO outbox (id, topic, key, occurred_at_ms, payload, traceparent, baggage) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )
            .and_then(|mut s| {
                s.execute(params![
                    event.id,
                    event.topic,
                    event.key,
                    event.occurred_at_ms,
                    event.payload,
                    event.traceparent,
                    event.baggage
                ])
            })
            .map_err(failed)?;
        position = Some(connection.last_insert_rowid().unsigned_abs());
    }
    Ok(position)
}

/// Whether documents of this collection have words, which are kept under their rows in tables of their own.
fn has_text(schema: &CollectionSchema) -> bool {
    schema.indexes.iter().any(|index| index.kind == IndexKind::Text)
}

/// What is there under an id: its row and version.
fn present(connection: &Connection, statements: &Statements, id: &str) -> Result<Option<(i64, u64)>, Error> {
    connection
        .prepare_cached(&statements.present)
        .and_then(|mut s| s.query_row([id], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()))).optional())
        .map_err(failed)
}

/// A version as SQLite takes it. One that no document has is none of its own either.
fn version_key(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

/// Writes a document where what is expected holds, in one statement: most writes find what they expect, and need not look first.
fn put(
    connection: &Connection,
    (schema, statements): (&CollectionSchema, &Statements),
    id: &str,
    body: &[u8],
    keys: &Keys,
    expect: Expect,
) -> Result<(), Error> {
    let collection = schema.name;
    schema.has_all(keys)?;
    let sql = match expect {
        Expect::Absent => &statements.insert,
        Expect::Version(_) => &statements.update_version,
        Expect::Anything => &statements.put,
    };
    let write = || {
        let mut statement = connection.prepare_cached(sql)?;
        statement.raw_bind_parameter(1, id)?;
        statement.raw_bind_parameter(2, body)?;
        let mut next = 3;
        for index in Statements::columns(schema) {
            statement.raw_bind_parameter(next, SqlKey(keys.of(index.name)))?;
            next += 1;
        }
        if let Expect::Version(version) = expect {
            statement.raw_bind_parameter(next, version_key(version))?;
        }
        statement.raw_execute()
    };
    match write() {
        Ok(0) => return Err(Error::Conflict { collection, id: id.to_owned() }),
        Ok(_) => {}
        // Of the id and a unique key that are both taken, the id is told.
        Err(_) if expect == Expect::Absent && present(connection, statements, id)?.is_some() => {
            return Err(Error::Exists { collection, id: id.to_owned() });
        }
        Err(e) => return Err(duplicate(schema, e)),
    }
    if has_text(schema) {
        let (row, _) = present(connection, statements, id)?.ok_or(Error::Closed)?;
        write_texts(connection, schema, row, keys)?;
    }
    Ok(())
}

fn delete(
    connection: &Connection,
    (schema, statements): (&CollectionSchema, &Statements),
    id: &str,
    expect: Expect,
) -> Result<(), Error> {
    let collection = schema.name;
    let row = if has_text(schema) { present(connection, statements, id)?.map(|(row, _)| row) } else { None };
    let deleted = match expect {
        Expect::Version(version) => connection
            .prepare_cached(&statements.delete_version)
            .and_then(|mut s| s.execute(params![id, version_key(version)])),
        Expect::Anything | Expect::Absent => {
            connection.prepare_cached(&statements.delete).and_then(|mut s| s.execute([id]))
        }
    };
    match (deleted.map_err(failed)?, expect) {
        (0, Expect::Version(_)) => return Err(Error::Conflict { collection, id: id.to_owned() }),
        (1.., Expect::Absent) => return Err(Error::Exists { collection, id: id.to_owned() }),
        _ => {}
    }
    row.map_or(Ok(()), |row| write_texts(connection, schema, row, &Keys::default()))
}

/// Keeps the words of these keys for a row, and those of before no more.
fn write_texts(connection: &Connection, schema: &CollectionSchema, row: i64, keys: &Keys) -> Result<(), Error> {
    let texts = schema.indexes.iter().filter(|index| index.kind == IndexKind::Text);
    let mut written =
        texts.map(|index| write_text(connection, schema.name, index.name, row, keys.of(index.name)).map_err(failed));
    written.try_for_each(|written| written)
}

/// Which unique index said no. SQLite names the column: "UNIQUE constraint failed: c_accounts.k_email".
fn duplicate(schema: &CollectionSchema, error: rusqlite::Error) -> Error {
    if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) {
        let text = error.to_string();
        if let Some((_, index)) = text.rsplit_once(".k_") {
            return Error::Duplicate { collection: schema.name, index: index.to_owned() };
        }
    }
    failed(error)
}
