//! Reading: by id, by keys, by words.

use std::collections::HashMap;

use tokio_postgres::Row;

use super::pool::{Pool, Value};
use super::schema::Names;
use super::{decoded, encoding};
use crate::document::Key;
use crate::engine::{CollectionSchema, Raw, RawPage};
use crate::error::Error;
use crate::query::{MAX_PAGE, Query, read_cursor, write_cursor};
use crate::sql::{self, Statement, bound};
use crate::text_index::MAX_DEPTH;

pub(crate) async fn get(pool: &Pool, names: &Names, collection: &str, ids: &[&str]) -> Result<Vec<Raw>, Error> {
    let sql = format!("SELECT id, version, body::text FROM {} WHERE id = ANY($1)", names.table(collection));
    let wanted: Vec<String> = ids.iter().map(|id| encoding::text(id).into_owned()).collect();
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
        id: encoding::read_text(decoded(row, 0)?),
        version: decoded::<i64>(row, 1)?.unsigned_abs(),
        body: encoding::read_body(decoded(row, 2)?),
    })
}

/// How PostgreSQL writes values.
enum Dialect {}

impl sql::Dialect for Dialect {
    type Value = Value;
    const MARK: char = '$';
    const BODY: &'static str = "body::text";
    const NO_KEY: &'static str = "NULL::bytea";
    fn key(key: &Key) -> Value {
        Box::new(encoding::key(key))
    }
    fn id(id: &str) -> Value {
        Box::new(encoding::text(id).into_owned())
    }
    fn number(n: i64) -> Value {
        Box::new(n)
    }
}

pub(crate) async fn find(
    pool: &Pool,
    names: &Names,
    schema: &CollectionSchema,
    query: &Query,
) -> Result<RawPage, Error> {
    let Statement { sql, values } = sql::find::<Dialect>(&names.table(schema.name), schema, query)?;
    let rows = pool.query(&sql, &values).await?;
    let items = rows.iter().take(query.limit).map(raw).collect::<Result<Vec<_>, _>>()?;
    let mut next_cursor = None;
    if rows.len() > items.len()
        && let (Some(last), Some(row)) = (items.last(), rows.get(items.len().saturating_sub(1)))
    {
        let key = decoded::<Option<Vec<u8>>>(row, 3)?.as_deref().and_then(encoding::read_key);
        next_cursor = Some(query.cursor_at(key, last.id.clone())?);
    }
    Ok(RawPage { items, next_cursor })
}

pub(crate) async fn count(pool: &Pool, names: &Names, schema: &CollectionSchema, query: &Query) -> Result<u64, Error> {
    let Statement { sql, values } = sql::count::<Dialect>(&names.table(schema.name), schema, query)?;
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
    schema.has_text_index(index)?;
    let skip: usize = cursor.filter(|c| !c.is_empty()).map_or(Ok(0), read_cursor)?;
    let limit = limit.min(MAX_PAGE);
    let words = encoding::query(text).filter(|_| limit > 0 && skip <= MAX_DEPTH);
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
