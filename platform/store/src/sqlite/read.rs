//! Reading: by id, by keys, by words, and the outbox.

use rusqlite::{Connection, Row, params_from_iter, types::Value};

use super::failed;
use super::statements::Statements;
use crate::document::Key;
use crate::engine::{CollectionSchema, Event, NewEvent, Raw, RawPage};
use crate::error::Error;
use crate::query::{MAX_PAGE, Query, read_cursor, write_cursor};
use crate::sql::{self, Statement, bound};
use crate::text_index::{MAX_DEPTH, MAX_WORDS, split};

pub(crate) fn get(connection: &Connection, statements: &Statements, ids: &[&str]) -> Result<Vec<Raw>, Error> {
    let mut statement = connection.prepare_cached(&statements.get).map_err(failed)?;
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let mut rows = statement.query([id]).map_err(failed)?;
        if let Some(row) = rows.next().map_err(failed)? {
            found.push(raw(row).map_err(failed)?);
        }
    }
    Ok(found)
}

fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok(Raw { id: row.get(0)?, version: row.get::<_, i64>(1)?.unsigned_abs(), body: row.get(2)? })
}

/// How SQLite writes values.
enum Dialect {}

impl sql::Dialect for Dialect {
    type Value = Value;
    const MARK: char = '?';
    const BODY: &'static str = "body";
    const NO_KEY: &'static str = "NULL";
    fn key(key: &Key) -> Value {
        match key {
            Key::Int(n) => Value::Integer(*n),
            Key::Str(s) => Value::Text(s.clone()),
        }
    }
    fn id(id: &str) -> Value {
        Value::Text(id.to_owned())
    }
    fn number(n: i64) -> Value {
        Value::Integer(n)
    }
}

/// The table of a collection.
fn table(schema: &CollectionSchema) -> String {
    format!("c_{}", schema.name)
}

pub(crate) fn find(connection: &Connection, schema: &CollectionSchema, query: &Query) -> Result<RawPage, Error> {
    let Statement { sql, values } = sql::find::<Dialect>(&table(schema), schema, query)?;
    let mut statement = connection.prepare_cached(&sql).map_err(failed)?;
    let mut rows = statement.query(params_from_iter(values)).map_err(failed)?;
    let mut items = Vec::new();
    let mut last_key = None;
    let mut next_cursor = None;
    while let Some(row) = rows.next().map_err(failed)? {
        if items.len() == query.limit {
            next_cursor = items.last().map(|last: &Raw| query.cursor_at(last_key, last.id.clone())).transpose()?;
            break;
        }
        last_key = match row.get(3).map_err(failed)? {
            Value::Integer(n) => Some(Key::Int(n)),
            Value::Text(s) => Some(Key::Str(s)),
            _ => None,
        };
        items.push(raw(row).map_err(failed)?);
    }
    Ok(RawPage { items, next_cursor })
}

pub(crate) fn count(connection: &Connection, schema: &CollectionSchema, query: &Query) -> Result<u64, Error> {
    let Statement { sql, values } = sql::count::<Dialect>(&table(schema), schema, query)?;
    let mut statement = connection.prepare_cached(&sql).map_err(failed)?;
    let n: i64 = statement.query_row(params_from_iter(values), |row| row.get(0)).map_err(failed)?;
    Ok(n.unsigned_abs())
}

pub(crate) fn search(
    connection: &Connection,
    schema: &CollectionSchema,
    index: &str,
    text: &str,
    limit: usize,
    cursor: Option<&str>,
) -> Result<RawPage, Error> {
    schema.has_text_index(index)?;
    let collection = schema.name;
    let skip: usize = cursor.filter(|c| !c.is_empty()).map_or(Ok(0), read_cursor)?;
    let words = words(text);
    let limit = limit.min(MAX_PAGE);
    if words.is_empty() || limit == 0 || skip > MAX_DEPTH {
        return Ok(RawPage { items: Vec::new(), next_cursor: None });
    }
    let table = format!("t_{collection}_{index}");
    let sql = format!(
        "SELECT id, version, body FROM {table} JOIN c_{collection} ON c_{collection}.row = {table}.rowid
         WHERE {table} MATCH ?1 ORDER BY rank, {table}.rowid LIMIT ?2 OFFSET ?3"
    );
    let mut statement = connection.prepare_cached(&sql).map_err(failed)?;
    let mut rows = statement.query(rusqlite::params![words, bound(limit + 1), bound(skip)]).map_err(failed)?;
    let mut items = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        items.push(raw(row).map_err(failed)?);
    }
    let next_cursor = (items.len() > limit).then(|| write_cursor(&(skip + limit))).transpose()?;
    items.truncate(limit);
    Ok(RawPage { items, next_cursor })
}

/// The words of a text as an FTS5 query: each quoted, so that nothing in it is an operator; the last one may be a beginning.
fn words(text: &str) -> String {
    let quoted: Vec<String> = split(text).take(MAX_WORDS).map(|w| format!("\"{w}\"")).collect();
    if quoted.is_empty() { String::new() } else { format!("{}*", quoted.join(" ")) }
}

/// The place of the last event, also of one that was pruned since.
pub(crate) fn last_position(connection: &Connection) -> Result<i64, Error> {
    connection
        .prepare_cached("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0)")
        .and_then(|mut s| s.query_row([], |row| row.get(0)))
        .map_err(failed)
}

pub(crate) fn events(
    connection: &Connection,
    after: u64,
    topics: &[String],
    limit: usize,
) -> Result<(Vec<Event>, u64), Error> {
    // Places are given in the order of commits: what is not found up to `last` is not there.
    let last = last_position(connection)?;
    let marks: Vec<String> = (4..topics.len() + 4).map(|n| format!("?{n}")).collect();
    let sql = format!(
        "SELECT position, id, topic, key, occurred_at_ms, payload, traceparent, baggage FROM outbox
         WHERE position > ?1 AND position <= ?2 AND topic IN ({}) ORDER BY position LIMIT ?3",
        marks.join(", ")
    );
    let mut values = vec![
        Value::Integer(i64::try_from(after).unwrap_or(i64::MAX)),
        Value::Integer(last),
        Value::Integer(bound(limit)),
    ];
    values.extend(topics.iter().cloned().map(Value::Text));
    let mut statement = connection.prepare_cached(&sql).map_err(failed)?;
    let rows = statement.query_map(params_from_iter(values), event).map_err(failed)?;
    let events: Vec<Event> = rows.collect::<Result<_, _>>().map_err(failed)?;
    let looked = if events.len() < limit { last.unsigned_abs() } else { events.last().map_or(after, |e| e.position) };
    Ok((events, looked.max(after)))
}

fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    Ok(Event {
        position: row.get::<_, i64>(0)?.unsigned_abs(),
        event: NewEvent {
            id: row.get(1)?,
            topic: row.get(2)?,
            key: row.get(3)?,
            occurred_at_ms: row.get(4)?,
            payload: row.get(5)?,
            traceparent: row.get(6)?,
            baggage: row.get(7)?,
        },
    })
}
