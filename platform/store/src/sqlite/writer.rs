//! The writer thread: it takes all batches that wait, applies each behind a savepoint, commits once, and only then answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rusqlite::{Connection, ErrorCode, OptionalExtension, params, params_from_iter};
use tokio::sync::{mpsc, oneshot, watch};

use super::schema::{SqlKey, write_text};
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
    let simple = |sql: &str| connection.prepare_cached(sql).and_then(|mut s| s.execute([])).map_err(failed);
    simple("SAVEPOINT batch")?;
    let result = apply(connection, shared, batch);
    if result.is_err() {
        simple("ROLLBACK TO batch")?;
    }
    simple("RELEASE batch")?;
    result
}

fn apply(connection: &Connection, shared: &SqliteInner, batch: Batch) -> Result<Option<u64>, Error> {
    for op in batch.ops {
        match op {
            Op::Put { collection, id, body, keys, expect } => {
                put(connection, shared.schema.collection(collection)?, &id, &body, &keys, expect)?;
            }
            Op::Delete { collection, id, expect } => {
                delete(connection, shared.schema.collection(collection)?, &id, expect)?
            }
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

/// What is there under an id: its row and version.
fn present(connection: &Connection, collection: &str, id: &str) -> Result<Option<(i64, u64)>, Error> {
    connection
        .prepare_cached(&format!("SELECT row, version FROM c_{collection} WHERE id = ?1"))
        .and_then(|mut s| s.query_row([id], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()))).optional())
        .map_err(failed)
}

fn check(collection: &'static str, id: &str, expect: Expect, present: Option<u64>) -> Result<(), Error> {
    let id = || id.to_owned();
    match (expect, present) {
        (Expect::Anything, _) | (Expect::Absent, None) => Ok(()),
        (Expect::Absent, Some(_)) => Err(Error::Exists { collection, id: id() }),
        (Expect::Version(expected), Some(version)) if expected == version => Ok(()),
        (Expect::Version(_), _) => Err(Error::Conflict { collection, id: id() }),
    }
}

fn put(
    connection: &Connection,
    schema: &CollectionSchema,
    id: &str,
    body: &[u8],
    keys: &Keys,
    expect: Expect,
) -> Result<(), Error> {
    let name = schema.name;
    schema.has_all(keys)?;
    let before = present(connection, name, id)?;
    check(name, id, expect, before.map(|(_, version)| version))?;
    let columns = || schema.indexes.iter().filter(|i| i.kind != IndexKind::Text);
    let mut values: Vec<Box<dyn rusqlite::ToSql + '_>> = vec![Box::new(id), Box::new(body)];
    for index in columns() {
        values.push(Box::new(SqlKey(keys.of(index.name))));
    }
    let sql = match before {
        None => {
            let names: String = columns().map(|i| format!(", k_{}", i.name)).collect();
            let marks: String = (3..values.len() + 1).map(|n| format!(", ?{n}")).collect();
            format!("INSERT INTO c_{name} (id, body, version{names}) VALUES (?1, ?2, 1{marks})")
        }
        Some(_) => {
            let sets: String = columns().zip(3..).map(|(i, n)| format!(", k_{} = ?{n}", i.name)).collect();
            format!("UPDATE c_{name} SET body = ?2, version = version + 1{sets} WHERE id = ?1")
        }
    };
    let written = connection.prepare_cached(&sql).and_then(|mut s| s.execute(params_from_iter(values)));
    written.map_err(|e| duplicate(schema, e))?;
    let rowid = before.map_or_else(|| connection.last_insert_rowid(), |(row, _)| row);
    for index in schema.indexes.iter().filter(|i| i.kind == IndexKind::Text) {
        write_text(connection, name, index.name, rowid, keys.of(index.name)).map_err(failed)?;
    }
    Ok(())
}

fn delete(connection: &Connection, schema: &CollectionSchema, id: &str, expect: Expect) -> Result<(), Error> {
    let name = schema.name;
    let before = present(connection, name, id)?;
    check(name, id, expect, before.map(|(_, version)| version))?;
    let Some((rowid, _)) = before else { return Ok(()) };
    for index in schema.indexes.iter().filter(|i| i.kind == IndexKind::Text) {
        write_text(connection, name, index.name, rowid, None).map_err(failed)?;
    }
    let deleted =
        connection.prepare_cached(&format!("DELETE FROM c_{name} WHERE row = ?1")).and_then(|mut s| s.execute([rowid]));
    deleted.map(drop).map_err(failed)
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
