//! Making tables, and indexes that were declared since. Any number of processes may start at once: one after the other looks.

use std::collections::HashMap;
use std::fmt::Write as _;

use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use vitrine_kit::id;

use super::pool::{Values, borrowed};
use super::server::{Connection, Fault, Server};
use super::write::key_value;
use super::{decoded, encoding};
use crate::document::{Index, IndexKind};
use crate::engine::CollectionSchema;
use crate::error::Error;

/// The layout of the tables. A schema with a newer one is refused.
const LAYOUT: i32 = 1;
/// Documents that are read at once to fill an index.
const FILLED_AT_ONCE: i64 = 500;
/// Longest name that PostgreSQL keeps.
const MAX_NAME: usize = 63;

/// The names of a service's tables.
pub(crate) struct Names {
    database: String,
    schema: String,
}

impl Names {
    pub(crate) fn new(server: &Server, prefix: &str, service: &str) -> Result<Self, Error> {
        let schema = format!("{prefix}_{service}");
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if prefix.is_empty() || schema.len() > MAX_NAME || !schema.chars().all(plain) {
            return Err(Error::Unusable {
                server: server.name.clone(),
                reason: format!(
                    "{schema:?} is no name for a schema: set postgres.schema_prefix to lower-case letters, digits and underscores, so that it has at most {MAX_NAME} with the service's name"
                ),
                source: None,
            });
        }
        Ok(Self { database: server.database().to_owned(), schema })
    }

    /// Database and schema, as `db.namespace` of the semantic conventions has them.
    pub(crate) fn namespace(&self) -> String {
        format!("{}|{}", self.database, self.schema)
    }

    fn name(&self, table: &str) -> String {
        format!("\"{}\".{table}", self.schema)
    }

    pub(crate) fn table(&self, collection: &str) -> String {
        self.name(&format!("c_{collection}"))
    }

    pub(crate) fn outbox(&self) -> String {
        self.name("outbox")
    }

    /// The table with one row: the layout, and the last position.
    pub(crate) fn state(&self) -> String {
        self.name("state")
    }

    /// An index, as its table's schema knows it; the end of a long name is cut off, as PostgreSQL does it.
    pub(crate) fn index(collection: &str, index: &str) -> String {
        let mut name = format!("i_{collection}_{index}");
        name.truncate(MAX_NAME);
        name
    }

    /// Why it could not be brought up to date, and what to do.
    fn too_slow(&self) -> String {
        format!(
            "schema {} could not be brought up to date in time: raise postgres.migration_timeout_ms, or see who locks it",
            self.schema
        )
    }

    /// Where the log's new positions are told.
    pub(crate) fn channel(&self) -> &str {
        &self.schema
    }

    /// The number of an advisory lock, the same in every release. Another schema may have the same by chance: then one waits for the other.
    pub(crate) fn lock(&self, purpose: &str) -> i64 {
        id::hash(&format!("vitrine {} {purpose}", self.schema)).cast_signed()
    }
}

/// One who makes the tables.
struct Maker<'a> {
    server: &'a Server,
    connection: &'a Connection,
    names: &'a Names,
}

pub(crate) async fn migrate(
    server: &Server,
    connection: &Connection,
    names: &Names,
    collections: &[CollectionSchema],
) -> Result<(), Error> {
    let maker = Maker { server, connection, names };
    let whole = async {
        let lock = names.lock("layout");
        let patience = server.migration_timeout.as_millis();
        maker
            .run(&format!(
                "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = {patience}; SELECT pg_advisory_xact_lock({lock})"
            ))
            .await?;
        maker.tables().await?;
        for collection in collections {
            maker.collection(collection).await?;
        }
        maker.run("COMMIT").await
    };
    // The connection is not used any more after an error, which undoes everything.
    match tokio::time::timeout(server.migration_timeout, whole).await {
        Ok(done) => done,
        Err(e) => Err(server.unusable(names.too_slow(), e)),
    }
}

impl Maker<'_> {
    async fn run(&self, sql: &str) -> Result<(), Error> {
        self.connection.client.batch_execute(sql).await.map_err(|e| self.failed(e))
    }

    async fn rows(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<tokio_postgres::Row>, Error> {
        self.connection.client.query(sql, values).await.map_err(|e| self.failed(e))
    }

    fn failed(&self, error: tokio_postgres::Error) -> Error {
        let schema = &self.names.schema;
        let reason = match error.code() {
            Some(code) if *code == SqlState::INSUFFICIENT_PRIVILEGE => format!(
                "its user may not make or use schema {schema}: GRANT CREATE ON DATABASE to it, or CREATE SCHEMA {schema} AUTHORIZATION it"
            ),
            Some(code) if *code == SqlState::QUERY_CANCELED => self.names.too_slow(),
            Some(code) if *code == SqlState::UNIQUE_VIOLATION => {
                format!("documents of schema {schema} share a key that is to be unique: change one of them")
            }
            Some(_) => format!("the tables of schema {schema} cannot be made"),
            None => return self.server.fault(Fault::Postgres(error)),
        };
        self.server.unusable(reason, error)
    }

    async fn tables(&self) -> Result<(), Error> {
        let Names { schema, .. } = self.names;
        let (state, outbox) = (self.names.state(), self.names.outbox());
        // Making a schema asks for a right that is not needed when it is there.
        let there = self.rows("SELECT FROM pg_namespace WHERE nspname = $1", &[schema]).await?;
        if there.is_empty() {
            self.run(&format!("CREATE SCHEMA \"{schema}\"")).await?;
        }
        let there = self.rows("SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = 'state'", &[schema]).await?;
        if there.is_empty() {
            return self
                .run(&format!(
                    "CREATE TABLE {state} (layout integer NOT NULL, position bigint NOT NULL);
                     INSERT INTO {state} VALUES ({LAYOUT}, 0);
                     CREATE TABLE {indexes} (
                         collection text NOT NULL, name text NOT NULL, kind text NOT NULL, PRIMARY KEY (collection, name));
                     CREATE TABLE {outbox} (
                         seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, position bigint UNIQUE,
                         id text NOT NULL, topic text NOT NULL, key text NOT NULL, occurred_at_ms bigint NOT NULL,
                         payload bytea NOT NULL, traceparent text NOT NULL, baggage text NOT NULL);
                     CREATE INDEX outbox_waiting ON {outbox} (seq) WHERE position IS NULL",
                    indexes = self.names.name("indexes"),
                ))
                .await;
        }
        let rows = self.rows(&format!("SELECT layout FROM {state}"), &[]).await?;
        let layout = rows.first().map_or(Ok(0), |row| decoded::<i32>(row, 0))?;
        if layout > LAYOUT {
            return Err(Error::Unusable {
                server: self.server.name.clone(),
                reason: format!(
                    "the layout {layout} of schema {schema} is newer than {LAYOUT}, the newest that this version knows: use a newer vitrine, or another postgres.schema_prefix"
                ),
                source: None,
            });
        }
        Ok(())
    }

    async fn collection(&self, collection: &CollectionSchema) -> Result<(), Error> {
        let (table, indexes) = (self.names.table(collection.name), self.names.name("indexes"));
        self.run(&format!(
            "CREATE TABLE IF NOT EXISTS {table} (id text COLLATE \"C\" PRIMARY KEY, version bigint NOT NULL, body jsonb NOT NULL)"
        ))
        .await?;
        // What is recorded tells an index that changed its kind, or was dropped and comes back, from one that is up to date.
        let sql = format!("SELECT name, kind FROM {indexes} WHERE collection = $1");
        let mut known = HashMap::new();
        for row in self.rows(&sql, &[&collection.name]).await? {
            known.insert(decoded::<String>(&row, 0)?, decoded::<String>(&row, 1)?);
        }
        // Columns first, so that all of them are filled at once, and the indexes last, because that is quicker than
        // adding to them.
        let (mut change, mut build) = (String::new(), String::new());
        for index in collection.indexes {
            match known.remove(index.name) {
                Some(before) if before == index.kind.name() => continue,
                Some(_) => change += &drop_index(self.names, collection.name, index.name),
                None => {}
            }
            let (column, index_sql) = make_index(self.names, collection.name, index);
            change += &column;
            build += &index_sql;
        }
        for name in known.keys() {
            change += &drop_index(self.names, collection.name, name);
        }
        if !change.is_empty() {
            self.run(&change).await?;
        }
        if !build.is_empty() {
            self.fill(collection).await?;
            self.run(&build).await?;
        }
        Ok(())
    }

    /// Writes all keys again, after an index was added to documents that are there.
    async fn fill(&self, collection: &CollectionSchema) -> Result<(), Error> {
        let table = self.names.table(collection.name);
        // No one adds a document without the new keys before the index is there.
        self.run(&format!("LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")).await?;
        let page = format!("SELECT id, body::text FROM {table} WHERE $1::text IS NULL OR id > $1 ORDER BY id LIMIT $2");
        let mut sets = String::new();
        for (index, at) in collection.indexes.iter().zip(2..) {
            let cast = if index.kind == IndexKind::Text { "::text::tsvector" } else { "" };
            let comma = if at == 2 { "" } else { ", " };
            // Writing to a string never fails.
            let _ = write!(sets, "{comma}k_{} = ${at}{cast}", index.name);
        }
        let update = format!("UPDATE {table} SET {sets} WHERE id = $1");
        let update = self.connection.client.prepare(&update).await.map_err(|e| self.failed(e))?;
        let mut last: Option<String> = None;
        loop {
            let rows = self.rows(&page, &[&last, &FILLED_AT_ONCE]).await?;
            let Some(end) = rows.last() else { return Ok(()) };
            last = Some(decoded(end, 0)?);
            let mut updates = Vec::with_capacity(rows.len());
            for row in &rows {
                let id: String = decoded(row, 0)?;
                let body = encoding::read_body(decoded(row, 1)?);
                let keys = (collection.keys_of)(&body).map_err(|source| Error::Decode {
                    collection: collection.name,
                    id: encoding::read_text(id.clone()),
                    source,
                })?;
                let mut values: Values = vec![Box::new(id)];
                values.extend(collection.indexes.iter().map(|index| key_value(index, &keys)));
                updates.push(values);
            }
            let updates = updates.iter().map(|values| async {
                let values = borrowed(values);
                self.connection.client.execute(&update, &values).await
            });
            futures::future::try_join_all(updates).await.map_err(|e| self.failed(e))?;
        }
    }
}

/// What makes an index: its column with a record of it, and the index itself.
fn make_index(names: &Names, collection: &str, index: &Index) -> (String, String) {
    let (table, name, kind) = (names.table(collection), index.name, index.kind.name());
    let column_type = if index.kind == IndexKind::Text { "tsvector" } else { "bytea" };
    let column = format!(
        "ALTER TABLE {table} ADD COLUMN k_{name} {column_type};
         INSERT INTO {} (collection, name, kind) VALUES ('{collection}', '{name}', '{kind}');",
        names.name("indexes")
    );
    let called = Names::index(collection, name);
    let made = match index.kind {
        IndexKind::Unique => format!("CREATE UNIQUE INDEX {called} ON {table} (k_{name});"),
        IndexKind::Ordered => {
            format!("CREATE INDEX {called} ON {table} (k_{name}, id) WHERE k_{name} IS NOT NULL;")
        }
        IndexKind::Text => format!("CREATE INDEX {called} ON {table} USING gin (k_{name});"),
    };
    (column, made)
}

/// What drops one; with its column the index goes.
fn drop_index(names: &Names, collection: &str, name: &str) -> String {
    format!(
        "ALTER TABLE {} DROP COLUMN k_{name};
         DELETE FROM {} WHERE collection = '{collection}' AND name = '{name}';",
        names.table(collection),
        names.name("indexes")
    )
}
