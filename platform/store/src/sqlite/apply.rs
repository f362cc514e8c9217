//! What a batch does to the tables.

use rusqlite::{Connection, ErrorCode, OptionalExtension, params};

use super::schema::{SqlKey, write_text};
use super::statements::Statements;
use super::{Collections, PRUNED_AT_ONCE, failed};
use crate::document::{IndexKind, Keys};
use crate::engine::{Batch, CollectionSchema, Expect, Op};
use crate::error::Error;

/// Forgets events of before this time, [`PRUNED_AT_ONCE`] at most. Returns how many.
pub(super) fn prune(connection: &Connection, before_ms: i64) -> Result<u64, Error> {
    let sql = "DELETE FROM outbox WHERE position IN (SELECT position FROM outbox WHERE occurred_at_ms < ?1 LIMIT ?2)";
    connection
        .prepare_cached(sql)
        .and_then(|mut s| s.execute(params![before_ms, i64::try_from(PRUNED_AT_ONCE).unwrap_or(i64::MAX)]))
        .map(|n| u64::try_from(n).unwrap_or(0))
        .map_err(failed)
}

/// Applies a batch, or undoes all of it. Returns the position of its last event.
pub(super) fn apply_whole(
    connection: &Connection,
    collections: &Collections,
    batch: &Batch,
) -> Result<Option<u64>, Error> {
    // What is one statement is undone by SQLite itself when it fails.
    if is_one_statement(collections, batch)? {
        return apply(connection, collections, batch);
    }
    let simple = |sql: &str| connection.prepare_cached(sql).and_then(|mut s| s.execute([])).map_err(failed);
    simple("SAVEPOINT batch")?;
    let result = apply(connection, collections, batch);
    if result.is_err() {
        simple("ROLLBACK TO batch")?;
    }
    simple("RELEASE batch")?;
    result
}

fn is_one_statement(collections: &Collections, batch: &Batch) -> Result<bool, Error> {
    match batch.ops.as_slice() {
        [only] if batch.events.is_empty() => Ok(!has_text(collections.get(only.collection())?.0)),
        _ => Ok(false),
    }
}

/// Applies a batch. Returns the position of its last event.
pub(super) fn apply(connection: &Connection, collections: &Collections, batch: &Batch) -> Result<Option<u64>, Error> {
    for op in &batch.ops {
        match op {
            Op::Put { collection, id, body, keys, expect } => {
                put(connection, collections.get(collection)?, id, body, keys, *expect)?;
            }
            Op::Delete { collection, id, expect } => delete(connection, collections.get(collection)?, id, *expect)?,
        }
    }
    let mut position = None;
    for event in &batch.events {
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
