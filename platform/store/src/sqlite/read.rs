//! Reading: by id, by keys, by words, and the outbox.

use rusqlite::{Connection, Row, params_from_iter, types::Value};

use super::failed;
use crate::document::{IndexKind, Key};
use crate::engine::{CollectionSchema, Event, NewEvent, Raw, RawPage};
use crate::error::Error;
use crate::query::{MAX_PAGE, Place, Query, read_cursor, write_cursor};
use crate::words::{MAX_DEPTH, MAX_WORDS, split};

pub(crate) fn get(connection: &Connection, collection: &str, ids: &[&str]) -> Result<Vec<Raw>, Error> {
    let sql = format!("SELECT id, version, body FROM c_{collection} WHERE id = ?1");
    let mut statement = connection.prepare_cached(&sql).map_err(failed)?;
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

/// The WHERE clause of a query without its cursor, and its values.
fn conditions(schema: &CollectionSchema, query: &Query) -> Result<(Vec<String>, Vec<Value>), Error> {
    let (mut clauses, mut values) = (Vec::new(), Vec::new());
    let mut bind = |key: &Key| {
        values.push(value(key));
        values.len()
    };
    for (index, key) in &query.equal {
        known(schema, index)?;
        clauses.push(format!("k_{index} = ?{}", bind(key)));
    }
    if let Some((index, range)) = &query.range {
        known(schema, index)?;
        let (low, high) = (bind(range.start()), bind(range.end()));
        clauses.push(format!("k_{index} BETWEEN ?{low} AND ?{high}"));
    }
    Ok((clauses, values))
}

fn known(schema: &CollectionSchema, index: &str) -> Result<(), Error> {
    let found = schema.indexes.iter().any(|i| i.name == index && i.kind != IndexKind::Text);
    let no_index = || Error::NoIndex { collection: schema.name.to_owned(), index: index.to_owned() };
    found.then_some(()).ok_or_else(no_index)
}

fn value(key: &Key) -> Value {
    match key {
        Key::Int(n) => Value::Integer(*n),
        Key::Str(s) => Value::Text(s.clone()),
    }
}

fn where_clause(clauses: &[String]) -> String {
    if clauses.is_empty() { String::new() } else { format!("WHERE {}", clauses.join(" AND ")) }
}

pub(crate) fn find(connection: &Connection, schema: &CollectionSchema, query: &Query) -> Result<RawPage, Error> {
    let (mut clauses, mut values) = conditions(schema, query)?;
    let (compare, order) = if query.descending { ("<", "DESC") } else { (">", "ASC") };
    let order_index = query.range.as_ref().map(|(index, _)| *index);
    let order_key = order_index.map(|index| format!("k_{index}"));
    if let Some(cursor) = &query.cursor {
        let Place(key, id) = read_cursor(cursor)?;
        match (&order_key, key) {
            (Some(column), Some((index, key))) if order_index == Some(index.as_str()) => {
                values.push(value(&key));
                let at = values.len();
                clauses.push(format!("({column}, id) {compare} (?{at}, ?{})", at + 1));
            }
            (None, None) => clauses.push(format!("id {compare} ?{}", values.len() + 1)),
            _ => return Err(Error::Cursor),
        }
        values.push(Value::Text(id));
    }
    let order_by = order_key.as_ref().map_or(format!("id {order}"), |c| format!("{c} {order}, id {order}"));
    let key_column = order_key.as_deref().unwrap_or("NULL");
    values.push(Value::Integer(i64::try_from(query.limit + 1).unwrap_or(i64::MAX)));
    let sql = format!(
        "SELECT id, version, body, {key_column} FROM c_{} {} ORDER BY {order_by} LIMIT ?{}",
        schema.name,
        where_clause(&clauses),
        values.len()
    );
    let mut statement = connection.prepare_cached(&sql).map_err(failed)?;
    let mut rows = statement.query(params_from_iter(values)).map_err(failed)?;
    let mut items = Vec::new();
    let mut last_key: Option<(&str, Key)> = None;
    let mut next_cursor = None;
    while let Some(row) = rows.next().map_err(failed)? {
        if items.len() == query.limit {
            let key = last_key.map(|(index, key)| (index.to_owned(), key));
            next_cursor = items.last().map(|last: &Raw| write_cursor(&Place(key, last.id.clone()))).transpose()?;
            break;
        }
        last_key = order_index.zip(match row.get(3).map_err(failed)? {
            Value::Integer(n) => Some(Key::Int(n)),
            Value::Text(s) => Some(Key::Str(s)),
            _ => None,
        });
        items.push(raw(row).map_err(failed)?);
    }
    Ok(RawPage { items, next_cursor })
}

pub(crate) fn count(connection: &Connection, schema: &CollectionSchema, query: &Query) -> Result<u64, Error> {
    let (clauses, values) = conditions(schema, query)?;
    let sql = format!("SELECT count(*) FROM c_{} {}", schema.name, where_clause(&clauses));
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
    let collection = schema.name;
    if !schema.indexes.iter().any(|i| i.name == index && i.kind == IndexKind::Text) {
        return Err(Error::NoIndex { collection: collection.to_owned(), index: index.to_owned() });
    }
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
    let bound = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
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
        Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)),
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
