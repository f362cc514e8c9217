//! Committing a batch: one transaction, in one exchange with the server. The beginning, all writes and the commit go out together. A write
//! that does not do what was expected of it fails in the server, by a division by zero, and so the commit behind it undoes all.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures::future::{MaybeDone, maybe_done};
use tokio_postgres::Statement;
use tokio_postgres::error::SqlState;
use vitrine_kit::Backoff;

use super::pool::{Value, Values, borrowed};
use super::schema::Names;
use super::server::{Connection, Fault, Server};
use super::{PostgresInner, encoding};
use crate::document::{Index, IndexKind, Key, Keys};
use crate::engine::{Batch, CollectionSchema, Expect, NewEvent, Op};
use crate::error::Error;

/// How often a batch is tried that a deadlock, or a restart of the server, kept from being committed.
const MAX_TRIES: u32 = 6;
/// The longest pause before the first repetition; doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// The longest pause of all.
const MAX_PAUSE: Duration = Duration::from_millis(80);

/// A write, ready to be sent.
struct Step {
    /// It fails with a division by zero if the document is not what was expected.
    sql: String,
    values: Values,
    expect: Expect,
    collection: &'static str,
    id: String,
}

impl Step {
    /// What it means that the document is not what was expected.
    fn unexpected(&self) -> Error {
        let (collection, id) = (self.collection, self.id.clone());
        match self.expect {
            Expect::Absent => Error::Exists { collection, id },
            Expect::Anything | Expect::Version(_) => Error::Conflict { collection, id },
        }
    }
}

/// A statement that fails unless the write touches a row.
fn touching(write: &str) -> String {
    format!("WITH touched AS ({write} RETURNING 1) SELECT 1 / count(*) FROM touched")
}

/// Why a try came to nothing.
enum AttemptError {
    /// Nothing was changed, and nothing will be.
    Finally(Error),
    /// Nothing was changed; another time it may be.
    ForNow(Error),
}

pub(crate) async fn commit(shared: &PostgresInner, batch: Batch) -> Result<(), Error> {
    let events = !batch.events.is_empty();
    let steps = steps(shared, batch)?;
    let server = &shared.pool.server;
    let mut committing = false;
    // What is given up half done was on a connection that goes with it: the server undoes it.
    let done = match server.call(tries(shared, &steps, &mut committing)).await {
        Ok(done) => done,
        Err(late) if committing => Err(server.unknown(late)),
        Err(late) => Err(server.late(&late)),
    };
    // What may have been committed is looked for, too.
    if events && matches!(done, Ok(()) | Err(Error::Unknown { .. })) {
        shared.committed.notify_one();
    }
    done
}

async fn tries(shared: &PostgresInner, steps: &[Step], committing: &mut bool) -> Result<(), Error> {
    let mut backoff = Backoff::new(FIRST_PAUSE, MAX_PAUSE).with_tries(MAX_TRIES);
    loop {
        *committing = false;
        match attempt(shared, steps, committing).await {
            Ok(()) => return Ok(()),
            Err(AttemptError::ForNow(_)) if backoff.has_try_left() => tokio::time::sleep(backoff.full_jitter()).await,
            Err(AttemptError::ForNow(e) | AttemptError::Finally(e)) => return Err(e),
        }
    }
}

fn steps(shared: &PostgresInner, batch: Batch) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::with_capacity(batch.ops.len() + batch.events.len());
    for op in batch.ops {
        steps.push(match op {
            Op::Put { collection, id, body, keys, expect } => {
                put(&shared.names, shared.schema.collection(collection)?, id, &body, &keys, expect)?
            }
            Op::Delete { collection, id, expect } => {
                delete(&shared.names, shared.schema.collection(collection)?, id, expect)
            }
        });
    }
    // Behind the writes: an event of a document that others changed waits for them, and so comes after theirs.
    steps.extend(batch.events.into_iter().map(|event| publish(&shared.names, event)));
    Ok(steps)
}

fn put(
    names: &Names,
    schema: &CollectionSchema,
    id: String,
    body: &[u8],
    keys: &Keys,
    expect: Expect,
) -> Result<Step, Error> {
    schema.has_all(keys)?;
    let mut values: Values =
        vec![Box::new(encoding::text(&id).into_owned()), Box::new(encoding::body(body).into_owned())];
    for index in schema.indexes {
        values.push(key_value(index, keys));
    }
    let columns = || schema.indexes.iter().zip(3..);
    let sets: String = columns().map(|(i, n)| format!(", k_{} = {}", i.name, mark(i, n))).collect();
    let table = names.table(schema.name);
    let sql = if let Expect::Version(version) = expect {
        values.push(Box::new(i64::try_from(version).unwrap_or(i64::MAX)));
        let at = values.len();
        touching(&format!(
            "UPDATE {table} SET version = version + 1, body = $2::text::jsonb{sets} WHERE id = $1 AND version = ${at}"
        ))
    } else {
        let added: String = columns().map(|(i, _)| format!(", k_{}", i.name)).collect();
        let marks: String = columns().map(|(i, n)| format!(", {}", mark(i, n))).collect();
        let insert =
            format!("INSERT INTO {table} AS d (id, version, body{added}) VALUES ($1, 1, $2::text::jsonb{marks})");
        match expect {
            Expect::Anything => format!(
                "{insert} ON CONFLICT (id) DO UPDATE SET version = d.version + 1, body = excluded.body{}",
                columns().map(|(i, _)| format!(", k_{0} = excluded.k_{0}", i.name)).collect::<String>()
            ),
            _ => insert,
        }
    };
    Ok(Step { sql, values, expect, collection: schema.name, id })
}

/// What stands for a key in a statement.
fn mark(index: &Index, at: usize) -> String {
    if index.kind == IndexKind::Text { format!("${at}::text::tsvector") } else { format!("${at}") }
}

/// What an index keeps of a document.
pub(crate) fn key_value(index: &Index, keys: &Keys) -> Value {
    let key = keys.of(index.name);
    if index.kind != IndexKind::Text {
        return Box::new(key.map(encoding::key));
    }
    Box::new(match key {
        Some(Key::Str(text)) => Some(encoding::vector(text)),
        _ => None,
    })
}

fn delete(names: &Names, schema: &CollectionSchema, id: String, expect: Expect) -> Step {
    let table = names.table(schema.name);
    let mut values: Values = vec![Box::new(encoding::text(&id).into_owned())];
    let sql = match expect {
        Expect::Anything => format!("DELETE FROM {table} WHERE id = $1"),
        Expect::Absent => format!("SELECT 1 / (1 - count(*)) FROM {table} WHERE id = $1"),
        Expect::Version(version) => {
            values.push(Box::new(i64::try_from(version).unwrap_or(i64::MAX)));
            touching(&format!("DELETE FROM {table} WHERE id = $1 AND version = $2"))
        }
    };
    Step { sql, values, expect, collection: schema.name, id }
}

fn publish(names: &Names, event: NewEvent) -> Step {
    let text = |text: String| Box::new(encoding::text(&text).into_owned());
    let sql = format!(
        "INSERT INTO {} (id, topic, key, occurred_at_ms, payload, traceparent, baggage) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        names.outbox()
    );
    let values: Values = vec![
        text(event.id.clone()),
        text(event.topic),
        text(event.key),
        Box::new(event.occurred_at_ms),
        Box::new(event.payload),
        text(event.traceparent),
        text(event.baggage),
    ];
    Step { sql, values, expect: Expect::Anything, collection: "outbox", id: event.id }
}

async fn attempt(shared: &PostgresInner, steps: &[Step], committing: &mut bool) -> Result<(), AttemptError> {
    let (pool, server) = (&shared.pool, &shared.pool.server);
    let mut lease = pool.lease().await.map_err(AttemptError::Finally)?;
    // Until its end is known the connection is in the middle of something.
    lease.sound = false;
    let connection = lease.connection.clone();
    let statements = match prepare(server, &connection, steps).await {
        Ok(statements) => statements,
        Err(fault) => {
            lease.sound = !fault.is_broken();
            let again = lease.is_stale(&fault);
            let error = server.fault(fault);
            return Err(if again { AttemptError::ForNow(error) } else { AttemptError::Finally(error) });
        }
    };
    *committing = true;
    let done = send(shared, &connection, steps, &statements).await;
    lease.sound = !matches!(&done, Err(Failure::Fault(fault)) if fault.is_broken());
    done.map_err(|failure| match failure {
        Failure::Refused(error) => AttemptError::Finally(error),
        // What was sent may have been done.
        Failure::Fault(fault) if fault.is_broken() => AttemptError::Finally(server.unknown(fault)),
        // The server says no: then nothing was committed.
        Failure::Fault(fault) if fault.is_collision() => AttemptError::ForNow(server.fault(fault)),
        Failure::Fault(fault) => AttemptError::Finally(server.fault(fault)),
    })
}

async fn prepare(server: &Server, connection: &Connection, steps: &[Step]) -> Result<Vec<Statement>, Fault> {
    let mut statements = Vec::with_capacity(steps.len());
    for step in steps {
        statements.push(connection.statement(server, &step.sql).await?);
    }
    Ok(statements)
}

/// Why a batch was not written.
enum Failure {
    /// A document is not what was expected.
    Refused(Error),
    Fault(Fault),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Sends all of it before the first is answered. The first write that fails is the reason. A write that is alone is a transaction by
/// itself.
async fn send(
    shared: &PostgresInner,
    connection: &Connection,
    steps: &[Step],
    statements: &[Statement],
) -> Result<(), Failure> {
    let server: &Server = &shared.pool.server;
    let client = &connection.client;
    let bound = async |sql: &str| if steps.len() > 1 { client.batch_execute(sql).await } else { Ok(()) };
    let mut begun = Box::pin(maybe_done(bound("BEGIN ISOLATION LEVEL READ COMMITTED")));
    // What is polled is sent: one after the other, in their order.
    let _ = futures::poll!(begun.as_mut());
    let mut sent = Vec::with_capacity(steps.len());
    for (step, statement) in steps.iter().zip(statements) {
        let values = borrowed(&step.values);
        let mut answer = Box::pin(maybe_done(async move { client.execute(statement, &values).await }));
        let _ = futures::poll!(answer.as_mut());
        sent.push((step, answer));
    }
    let mut committed = Box::pin(maybe_done(bound("COMMIT")));
    let _ = futures::poll!(committed.as_mut());
    server.within(answer_of(begun)).await?;
    for (step, answer) in sent {
        match server.within(answer_of(answer)).await {
            Ok(_) => {}
            Err(Fault::Postgres(e)) => return Err(refusal(shared, step, e)),
            Err(fault) => return Err(fault.into()),
        }
    }
    Ok(server.within(answer_of(committed)).await?)
}

/// The answer to what was sent.
async fn answer_of<T, F>(mut sent: Pin<Box<MaybeDone<F>>>) -> Result<T, tokio_postgres::Error>
where
    T: Default,
    F: Future<Output = Result<T, tokio_postgres::Error>>,
{
    sent.as_mut().await;
    // It is there, because it was awaited.
    sent.as_mut().take_output().unwrap_or_else(|| Ok(T::default()))
}

/// What a write said no to: its document is not what was expected, or a unique index has the key already.
fn refusal(shared: &PostgresInner, step: &Step, error: tokio_postgres::Error) -> Failure {
    if error.code() == Some(&SqlState::DIVISION_BY_ZERO) {
        return Failure::Refused(step.unexpected());
    }
    let unique = error.code() == Some(&SqlState::UNIQUE_VIOLATION);
    let constraint = error.as_db_error().and_then(|e| e.constraint()).filter(|_| unique);
    let Some((constraint, schema)) = constraint.zip(shared.schema.collection(step.collection).ok()) else {
        return Failure::Fault(Fault::Postgres(error));
    };
    let index = schema.indexes.iter().find(|i| Names::index(schema.name, i.name) == constraint);
    Failure::Refused(match index {
        Some(index) => Error::Duplicate { collection: schema.name, index: index.name.to_owned() },
        None => Error::Exists { collection: schema.name, id: step.id.clone() },
    })
}
