//! Reading: by id, by keys, by words.

use std::collections::HashMap;

use tokio_postgres::Row;

use super::pool::{Pool, Values};
use super::schema::Names;
use super::{decoded, form};
use crate::document::{IndexKind, Key};
use crate::engine::{CollectionSchema, Raw, RawPage};
use crate::error::Error;
use crate::query::{MAX_PAGE, Place, Query, read_cursor, write_cursor};
use crate::words::MAX_DEPTH;

pub(crate) async fn get(pool: &Pool, names: &Names, collection: &str, ids: &[&str]) -> Result<Vec<Raw>, Error> {
    let sql = format!("SELECT id, version, body::text FROM {} WHERE id = ANY($1)", names.table(collection));
    let wanted: Vec<String> = ids.iter().map(|id| form::text(id).into_owned()).collect();
    let rows = pool.query(&sql, &vec![Box::new(wanted)]).await?;
    let found = rows.iter().map(raw).collect::<Result<Vec<_>, _>>()?;
    if ids.len() == 1 {
        return Ok(found);
    }
    let found: HashMap<String, Raw> = found.into_iter().map(|raw| (raw.id.clone(), raw)).collect();
    Ok(ids.iter().filter_map(|id| found.get(*id).cloned()).collect())
}

fn raw(row: &Row) -> Result<Raw, Error> {
    Ok(Raw {
        id: form::read_text(decoded(row, 0)?),
        version: decoded::<i64>(row, 1)?.unsigned_abs(),
        body: form::read_body(decoded(row, 2)?),
    })
}

/// The WHERE clause of a query without its cursor, and its values.
fn conditions(schema: &CollectionSchema, query: &Query) -> Result<(Vec<String>, Values), Error> {
    let (mut clauses, mut values): (_, Values) = (Vec::new(), Vec::new());
    let mut bind = |key: &Key| {
        values.push(Box::new(form::key(key)));
        values.len()
    };
    for (index, key) in &query.equal {
        known(schema, index)?;
        clauses.push(format!("k_{index} = ${}", bind(key)));
    }
    if let Some((index, range)) = &query.range {
        known(schema, index)?;
        let (low, high) = (bind(range.start()), bind(range.end()));
        clauses.push(format!("k_{index} BETWEEN ${low} AND ${high}"));
    }
    Ok((clauses, values))
}

fn known(schema: &CollectionSchema, index: &str) -> Result<(), Error> {
    let found = schema.indexes.iter().any(|i| i.name == index && i.kind != IndexKind::Text);
    let no_index = || Error::NoIndex { collection: schema.name.to_owned(), index: index.to_owned() };
    found.then_some(()).ok_or_else(no_index)
}

fn where_clause(clauses: &[String]) -> String {
    if clauses.is_empty() { String::new() } else { format!("WHERE {}", clauses.join(" AND ")) }
}

fn bound(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

pub(crate) async fn find(
    pool: &Pool,
    names: &Names,
    schema: &CollectionSchema,
    query: &Query,
) -> Result<RawPage, Error> {
    let (mut clauses, mut values) = conditions(schema, query)?;
    let (compare, order) = if query.descending { ("<", "DESC") } else { (">", "ASC") };
    let order_index = query.range.as_ref().map(|(index, _)| *index);
    let order_key = order_index.map(|index| format!("k_{index}"));
    if let Some(cursor) = &query.cursor {
        let Place(key, id) = read_cursor(cursor)?;
        match (&order_key, key) {
            (Some(column), Some((index, key))) if order_index == Some(index.as_str()) => {
                values.push(Box::new(form::key(&key)));
                let at = values.len();
                clauses.push(format!("({column}, id) {compare} (${at}, ${})", at + 1));
            }
            (None, None) => clauses.push(format!("id {compare} ${}", values.len() + 1)),
            _ => return Err(Error::Cursor),
        }
        values.push(Box::new(form::text(&id).into_owned()));
    }
    let order_by = order_key.as_ref().map_or(format!("id {order}"), |c| format!("{c} {order}, id {order}"));
    let key_column = order_key.as_deref().unwrap_or("NULL::bytea");
    values.push(Box::new(bound(query.limit + 1)));
    let sql = format!(
        "SELECT id, version, body::text, {key_column} FROM {} {} ORDER BY {order_by} LIMIT ${}",
        names.table(schema.name),
        where_clause(&clauses),
        values.len()
    );
    let rows = pool.query(&sql, &values).await?;
    let items = rows.iter().take(query.limit).map(raw).collect::<Result<Vec<_>, _>>()?;
    let mut next_cursor = None;
    if rows.len() > items.len()
        && let (Some(last), Some(row)) = (items.last(), rows.get(items.len().saturating_sub(1)))
    {
        let key = decoded::<Option<Vec<u8>>>(row, 3)?.as_deref().and_then(form::read_key);
        let key = order_index.map(str::to_owned).zip(key);
        next_cursor = Some(write_cursor(&Place(key, last.id.clone()))?);
    }
    Ok(RawPage { items, next_cursor })
}

pub(crate) async fn count(pool: &Pool, names: &Names, schema: &CollectionSchema, query: &Query) -> Result<u64, Error> {
    let (clauses, values) = conditions(schema, query)?;
    let sql = format!("SELECT count(*) FROM {} {}", names.table(schema.name), where_clause(&clauses));
    let rows = pool.query(&sql, &values).await?;
    rows.first().map_or(Ok(0), |row| Ok(decoded::<i64>(row, 0)?.unsigned_abs()))
}

pub(crate) async fn search(
    pool: &Pool,
    names: &Names,
    schema: &CollectionSchema,
    index: &str,
    text: &str,
    limit: usize,
    cursor: Option<&str>,
) -> Result<RawPage, Error> {
    if !schema.indexes.iter().any(|i| i.name == index && i.kind == IndexKind::Text) {
        return Err(Error::NoIndex { collection: schema.name.to_owned(), index: index.to_owned() });
    }
    let skip: usize = cursor.filter(|c| !c.is_empty()).map_or(Ok(0), read_cursor)?;
    let limit = limit.min(MAX_PAGE);
    let words = form::query(text).filter(|_| limit > 0 && skip <= MAX_DEPTH);
    let Some(words) = words else { return Ok(RawPage { items: Vec::new(), next_cursor: None }) };
    // 1: what is found in a shorter text fits better.
    let sql = format!(
        "SELECT id, version, body::text FROM {} WHERE k_{index} @@ $1::text::tsquery
         ORDER BY ts_rank(k_{index}, $1::text::tsquery, 1) DESC, id LIMIT $2 OFFSET $3",
        names.table(schema.name)
    );
    let rows = pool.query(&sql, &vec![Box::new(words), Box::new(bound(limit + 1)), Box::new(bound(skip))]).await?;
    let items = rows.iter().take(limit).map(raw).collect::<Result<Vec<_>, _>>()?;
    let next_cursor = (rows.len() > limit).then(|| write_cursor(&(skip + limit))).transpose()?;
    Ok(RawPage { items, next_cursor })
}
