//! Committing a batch: one transaction, in two exchanges with the server. All writes go out at once; when each has done what was
//! expected of it, the commit follows. A write that is alone is a transaction by itself, in one exchange.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures::future::{MaybeDone, maybe_done};
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
    sql: String,
    values: Values,
    expect: Rows,
    collection: &'static str,
    id: String,
}

impl Step {
    /// Whether it did what was expected, by how many rows it touched.
    fn check(&self, rows: u64) -> Result<(), Error> {
        let (collection, id) = (self.collection, || self.id.clone());
        match self.expect {
            Rows::One if rows == 0 => Err(Error::Conflict { collection, id: id() }),
            Rows::None if rows > 0 => Err(Error::Exists { collection, id: id() }),
            _ => Ok(()),
        }
    }
}

/// How many rows a step must have touched.
enum Rows {
    Any,
    /// One, or another caller was quicker.
    One,
    /// None, or it exists.
    None,
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
        let tried = match steps {
            [step] => single(shared, step, committing).await,
            _ => transaction(shared, steps, committing).await,
        };
        match tried {
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
        format!(
            "UPDATE {table} SET version = version + 1, body = $2::text::jsonb{sets} WHERE id = $1 AND version = ${at}"
        )
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
    Ok(Step { sql, values, expect: Rows::One, collection: schema.name, id })
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
    let (sql, expect) = match expect {
        Expect::Anything => (format!("DELETE FROM {table} WHERE id = $1"), Rows::Any),
        Expect::Absent => (format!("SELECT 1 FROM {table} WHERE id = $1"), Rows::None),
        Expect::Version(version) => {
            values.push(Box::new(i64::try_from(version).unwrap_or(i64::MAX)));
            (format!("DELETE FROM {table} WHERE id = $1 AND version = $2"), Rows::One)
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
    Step { sql, values, expect: Rows::One, collection: "outbox", id: event.id }
}

async fn transaction(shared: &PostgresInner, steps: &[Step], committing: &mut bool) -> Result<(), AttemptError> {
    let (pool, server) = (&shared.pool, &shared.pool.server);
    let mut lease = pool.lease().await.map_err(AttemptError::Finally)?;
    // Until its end is known the connection is in the middle of something.
    lease.sound = false;
    let connection = lease.connection.clone();
    if let Err(failure) = write(shared, &connection, steps).await {
        return Err(match failure {
            Failure::Refused(error) => {
                lease.sound = server.within(connection.client.batch_execute("ROLLBACK")).await.is_ok();
                AttemptError::Finally(error)
            }
            Failure::Fault(fault) => {
                if !fault.is_broken() {
                    lease.sound = server.within(connection.client.batch_execute("ROLLBACK")).await.is_ok();
                }
                let again = fault.is_collision() || lease.is_stale(&fault);
                let error = server.fault(fault);
                if again { AttemptError::ForNow(error) } else { AttemptError::Finally(error) }
            }
        });
    }
    *committing = true;
    match server.within(connection.client.batch_execute("COMMIT")).await {
        Ok(()) => {
            lease.sound = true;
            Ok(())
        }
        Err(fault) if fault.is_broken() => Err(AttemptError::Finally(server.unknown(fault))),
        // The server says no: then nothing was committed.
        Err(fault) => {
            let again = fault.is_collision();
            let error = server.fault(fault);
            Err(if again { AttemptError::ForNow(error) } else { AttemptError::Finally(error) })
        }
    }
}

/// A write that is alone: the server commits it when it is done.
async fn single(shared: &PostgresInner, step: &Step, committing: &mut bool) -> Result<(), AttemptError> {
    let (pool, server) = (&shared.pool, &shared.pool.server);
    let mut lease = pool.lease().await.map_err(AttemptError::Finally)?;
    // Until its end is known the connection is in the middle of something.
    lease.sound = false;
    let connection = lease.connection.clone();
    let statement = match connection.statement(server, &step.sql).await {
        Ok(statement) => statement,
        Err(fault) => {
            lease.sound = !fault.is_broken();
            let again = lease.is_stale(&fault);
            let error = server.fault(fault);
            return Err(if again { AttemptError::ForNow(error) } else { AttemptError::Finally(error) });
        }
    };
    *committing = true;
    let done = server.within(connection.client.execute(&statement, &borrowed(&step.values))).await;
    lease.sound = !done.as_ref().is_err_and(Fault::is_broken);
    match done {
        Ok(rows) => step.check(rows).map_err(AttemptError::Finally),
        Err(fault) if fault.is_broken() => Err(AttemptError::Finally(server.unknown(fault))),
        Err(Fault::Postgres(e)) => Err(match refusal(shared, step, e) {
            Failure::Refused(error) => AttemptError::Finally(error),
            Failure::Fault(fault) if fault.is_collision() => AttemptError::ForNow(server.fault(fault)),
            Failure::Fault(fault) => AttemptError::Finally(server.fault(fault)),
        }),
        Err(fault) => Err(AttemptError::Finally(server.fault(fault))),
    }
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

/// Begins, and sends all steps before the first is answered. The first one that fails is the reason.
async fn write(shared: &PostgresInner, connection: &Connection, steps: &[Step]) -> Result<(), Failure> {
    let server: &Server = &shared.pool.server;
    let client = &connection.client;
    let mut statements = Vec::with_capacity(steps.len());
    for step in steps {
        statements.push(connection.statement(server, &step.sql).await?);
    }
    let mut begun = Box::pin(maybe_done(client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED")));
    // What is polled is sent: one after the other, in their order.
    let _ = futures::poll!(begun.as_mut());
    let mut sent = Vec::with_capacity(steps.len());
    for (step, statement) in steps.iter().zip(&statements) {
        let values = borrowed(&step.values);
        let mut answer = Box::pin(maybe_done(async move { client.execute(statement, &values).await }));
        let _ = futures::poll!(answer.as_mut());
        sent.push((step, answer));
    }
    server.within(answer_of(begun)).await?;
    for (step, answer) in sent {
        let rows = match server.within(answer_of(answer)).await {
            Ok(rows) => rows,
            Err(Fault::Postgres(e)) => return Err(refusal(shared, step, e)),
            Err(fault) => return Err(fault.into()),
        };
        step.check(rows).map_err(Failure::Refused)?;
    }
    Ok(())
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

/// Which unique index said no, if one did.
fn refusal(shared: &PostgresInner, step: &Step, error: tokio_postgres::Error) -> Failure {
    let unique = error.code() == Some(&tokio_postgres::error::SqlState::UNIQUE_VIOLATION);
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
