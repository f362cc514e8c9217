//! The SQL of a query, which is the same in SQLite and PostgreSQL but for how values are written.

use crate::document::Key;
use crate::engine::CollectionSchema;
use crate::error::Error;
use crate::query::Query;

/// How a database writes values.
pub(crate) trait Dialect {
    /// A value that is bound.
    type Value;
    /// What stands before the number of a bound value.
    const MARK: char;
    /// The column of a document's JSON, as it is read.
    const BODY: &'static str;
    /// What is read in place of a key where the order is that of the ids.
    const NO_KEY: &'static str;
    /// A key as it is kept.
    fn key(key: &Key) -> Self::Value;
    /// An id as it is kept.
    fn id(id: &str) -> Self::Value;
    /// A whole number.
    fn number(n: i64) -> Self::Value;
}

/// What the database is asked.
pub(crate) struct Statement<V> {
    /// Its text.
    pub(crate) sql: String,
    /// What is bound to its marks.
    pub(crate) values: Vec<V>,
}

/// The id, version, body and, in the order of an index, key of the documents that a query names, and of one more: then there is another
/// page.
pub(crate) fn find<D: Dialect>(
    table: &str,
    schema: &CollectionSchema,
    query: &Query,
) -> Result<Statement<D::Value>, Error> {
    let mut conditions = Conditions::<D>::new(schema, query)?;
    let (compare, order) = if query.descending { ("<", "DESC") } else { (">", "ASC") };
    let key_column = query.order().map(|index| format!("k_{index}"));
    if let Some((key, id)) = query.resumed()? {
        let key = key.map(|key| conditions.bind(D::key(&key)));
        let id = conditions.bind(D::id(&id));
        conditions.clauses.push(match key_column.as_ref().zip(key) {
            Some((column, key)) => format!("({column}, id) {compare} ({key}, {id})"),
            None => format!("id {compare} {id}"),
        });
    }
    let limit = conditions.bind(D::number(bound(query.limit + 1)));
    let order_by = key_column.as_ref().map_or(format!("id {order}"), |c| format!("{c} {order}, id {order}"));
    let sql = format!(
        "SELECT id, version, {}, {} FROM {table} {} ORDER BY {order_by} LIMIT {limit}",
        D::BODY,
        key_column.as_deref().unwrap_or(D::NO_KEY),
        conditions.clause(),
    );
    Ok(Statement { sql, values: conditions.values })
}

/// How many documents a query names; its limit and cursor do not count.
pub(crate) fn count<D: Dialect>(
    table: &str,
    schema: &CollectionSchema,
    query: &Query,
) -> Result<Statement<D::Value>, Error> {
    let conditions = Conditions::<D>::new(schema, query)?;
    let sql = format!("SELECT count(*) FROM {table} {}", conditions.clause());
    Ok(Statement { sql, values: conditions.values })
}

/// A number of rows as databases take it.
pub(crate) fn bound(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// What documents must fulfil.
struct Conditions<D: Dialect> {
    clauses: Vec<String>,
    values: Vec<D::Value>,
}

impl<D: Dialect> Conditions<D> {
    /// Those of a query without its cursor.
    fn new(schema: &CollectionSchema, query: &Query) -> Result<Self, Error> {
        let mut all = Self { clauses: Vec::new(), values: Vec::new() };
        for (index, key) in &query.equal {
            schema.has_keys(index)?;
            let key = all.bind(D::key(key));
            all.clauses.push(format!("k_{index} = {key}"));
        }
        if let Some((index, range)) = &query.range {
            schema.has_keys(index)?;
            let (low, high) = (all.bind(D::key(range.start())), all.bind(D::key(range.end())));
            all.clauses.push(format!("k_{index} BETWEEN {low} AND {high}"));
        }
        Ok(all)
    }

    /// Binds a value; returns its mark.
    fn bind(&mut self, value: D::Value) -> String {
        self.values.push(value);
        format!("{}{}", D::MARK, self.values.len())
    }

    fn clause(&self) -> String {
        if self.clauses.is_empty() { String::new() } else { format!("WHERE {}", self.clauses.join(" AND ")) }
    }
}
