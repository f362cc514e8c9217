//! Opening a database: settings, tables, and indexes that were declared since.

use std::collections::HashMap;
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::{CACHE_KIB, STATEMENTS, failed};
use crate::document::{Index, IndexKind, Key};
use crate::engine::CollectionSchema;
use crate::error::Error;

/// The layout of the tables. A database with a newer one is refused.
const LAYOUT: i64 = 2;

pub(crate) fn open(path: &Path, collections: &[CollectionSchema]) -> Result<Connection, Error> {
    let unusable = |reason: &str, e: Option<rusqlite::Error>| Error::Open {
        path: path.to_owned(),
        reason: reason.to_owned(),
        source: e.map(|e| Box::new(e) as _),
    };
    let connection = Connection::open(path)
        .map_err(|e| unusable("it cannot be opened: let this user write there, or choose another folder", Some(e)))?;
    prepare(&connection).map_err(|e| unusable(reason(&e), Some(e)))?;
    let layout: i64 =
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(|e| unusable(reason(&e), Some(e)))?;
    if layout > LAYOUT {
        let newer = format!(
            "its layout {layout} is newer than {LAYOUT}, the newest that this version knows: use a newer vitrine, or another folder"
        );
        return Err(unusable(&newer, None));
    }
    if layout > 0 {
        let verdict: String = connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(|e| unusable(reason(&e), Some(e)))?;
        if verdict != "ok" {
            return Err(unusable(
                &format!("it is damaged ({verdict}): restore it from a copy, or start with another folder"),
                None,
            ));
        }
    }
    migrate(&connection, layout, collections).map_err(|e| match e {
        Error::Engine(source) => {
            Error::Open { path: path.to_owned(), reason: "its tables cannot be made".to_owned(), source: Some(source) }
        }
        other => other,
    })?;
    Ok(connection)
}

/// A connection that only reads.
pub(crate) fn reader(path: &Path) -> Result<Connection, Error> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(failed)?;
    tune(&connection).map_err(failed)?;
    Ok(connection)
}

fn reason(error: &rusqlite::Error) -> &'static str {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => "it is not a database: move it away, or start with another folder",
        Some(rusqlite::ErrorCode::DatabaseCorrupt) => {
            "it is damaged: restore it from a copy, or start with another folder"
        }
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => "another process uses it",
        _ => "it cannot be read",
    }
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    tune(connection)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A transaction that ends is whole after a crash. That it lasts is seen to elsewhere, for many of them at a time.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 1000)
}

/// What reading and writing connections share.
fn tune(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.pragma_update(None, "cache_size", -i64::from(CACHE_KIB))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // A plan does not depend on what is bound: otherwise a range is planned again each time another value is bound to
    // it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

fn migrate(connection: &Connection, layout: i64, collections: &[CollectionSchema]) -> Result<(), Error> {
    connection.execute_batch("BEGIN IMMEDIATE").map_err(failed)?;
    let done = make_tables(connection, layout, collections);
    connection.execute_batch(if done.is_ok() { "COMMIT" } else { "ROLLBACK" }).map_err(failed)?;
    done
}

fn make_tables(connection: &Connection, layout: i64, collections: &[CollectionSchema]) -> Result<(), Error> {
    if layout < 1 {
        connection
            .execute_batch(
                "CREATE TABLE IF NOT EXISTS outbox (
                     position INTEGER PRIMARY KEY AUTOINCREMENT,
                     id TEXT NOT NULL, topic TEXT NOT NULL, key TEXT NOT NULL, occurred_at_ms INTEGER NOT NULL,
                     payload BLOB NOT NULL, traceparent TEXT NOT NULL, baggage TEXT NOT NULL);
                 CREATE TABLE IF NOT EXISTS indexes (
                     collection TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, PRIMARY KEY (collection, name));",
            )
            .map_err(failed)?;
    }
    if layout < 2 {
        // The last commit of the log that is in here.
        let make = "CREATE TABLE commits (sequence INTEGER NOT NULL); INSERT INTO commits (sequence) VALUES (0)";
        connection.execute_batch(make).map_err(failed)?;
    }
    connection.pragma_update(None, "user_version", LAYOUT).map_err(failed)?;
    for collection in collections {
        make_collection(connection, collection)?;
    }
    Ok(())
}

fn make_collection(connection: &Connection, collection: &CollectionSchema) -> Result<(), Error> {
    let name = collection.name;
    let create = format!(
        "CREATE TABLE IF NOT EXISTS c_{name} (row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, version INTEGER NOT NULL, body BLOB NOT NULL)"
    );
    connection.execute_batch(&create).map_err(failed)?;
    // What is recorded tells an index that changed its kind, or was dropped and comes back, from one that is up to date.
    let mut known = HashMap::new();
    let mut select = connection.prepare("SELECT name, kind FROM indexes WHERE collection = ?1").map_err(failed)?;
    let mut rows = select.query([name]).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        known.insert(row.get::<_, String>(0).map_err(failed)?, row.get::<_, String>(1).map_err(failed)?);
    }
    let mut added = false;
    for index in collection.indexes {
        let kind = index.kind.name();
        match known.remove(index.name) {
            Some(before) if before == kind => continue,
            Some(before) => drop_index(connection, name, index.name, &before)?,
            None => {}
        }
        make_index(connection, name, index)?;
        added = true;
    }
    for (index, kind) in known {
        drop_index(connection, name, &index, &kind)?;
    }
    if added { fill_keys(connection, collection) } else { Ok(()) }
}

fn make_index(connection: &Connection, collection: &str, index: &Index) -> Result<(), Error> {
    let name = index.name;
    let make = match index.kind {
        IndexKind::Text => format!(
            "CREATE VIRTUAL TABLE t_{collection}_{name} USING fts5(text, content='', contentless_delete=1, prefix='2 3', tokenize='unicode61 remove_diacritics 2')"
        ),
        IndexKind::Unique => format!(
            "ALTER TABLE c_{collection} ADD COLUMN k_{name};
             CREATE UNIQUE INDEX i_{collection}_{name} ON c_{collection} (k_{name}) WHERE k_{name} IS NOT NULL"
        ),
        IndexKind::Ordered => format!(
            "ALTER TABLE c_{collection} ADD COLUMN k_{name};
             CREATE INDEX i_{collection}_{name} ON c_{collection} (k_{name}, id) WHERE k_{name} IS NOT NULL"
        ),
    };
    connection.execute_batch(&make).map_err(failed)?;
    connection
        .execute(
            "INSERT INTO indexes (collection, name, kind) VALUES (?1, ?2, ?3)",
            [collection, name, index.kind.name()],
        )
        .map(drop)
        .map_err(failed)
}

fn drop_index(connection: &Connection, collection: &str, name: &str, kind: &str) -> Result<(), Error> {
    let forget = if kind == IndexKind::Text.name() {
        format!("DROP TABLE t_{collection}_{name}")
    } else {
        format!("DROP INDEX i_{collection}_{name}; ALTER TABLE c_{collection} DROP COLUMN k_{name}")
    };
    connection.execute_batch(&forget).map_err(failed)?;
    connection
        .execute("DELETE FROM indexes WHERE collection = ?1 AND name = ?2", [collection, name])
        .map(drop)
        .map_err(failed)
}

/// Writes all keys again, after an index was added to documents that are there.
fn fill_keys(connection: &Connection, collection: &CollectionSchema) -> Result<(), Error> {
    let mut select = connection.prepare(&format!("SELECT row, body, id FROM c_{}", collection.name)).map_err(failed)?;
    let mut rows = select.query([]).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        let (rowid, body): (i64, Vec<u8>) = (row.get(0).map_err(failed)?, row.get(1).map_err(failed)?);
        let keys = match (collection.keys_of)(&body) {
            Ok(keys) => keys,
            Err(source) => {
                let id = row.get(2).map_err(failed)?;
                return Err(Error::Decode { collection: collection.name, id, source });
            }
        };
        for index in collection.indexes {
            write_key(connection, collection.name, index.name, index.kind, rowid, keys.of(index.name))
                .map_err(failed)?;
        }
    }
    Ok(())
}

pub(crate) fn write_key(
    connection: &Connection,
    collection: &str,
    index: &str,
    kind: IndexKind,
    rowid: i64,
    key: Option<&Key>,
) -> rusqlite::Result<()> {
    if kind == IndexKind::Text {
        write_text(connection, collection, index, rowid, key)
    } else {
        let sql = format!("UPDATE c_{collection} SET k_{index} = ?1 WHERE row = ?2");
        connection.prepare_cached(&sql)?.execute(rusqlite::params![SqlKey(key), rowid]).map(drop)
    }
}

pub(crate) fn write_text(
    connection: &Connection,
    collection: &str,
    index: &str,
    rowid: i64,
    key: Option<&Key>,
) -> rusqlite::Result<()> {
    connection.prepare_cached(&format!("DELETE FROM t_{collection}_{index} WHERE rowid = ?1"))?.execute([rowid])?;
    if let Some(Key::Str(text)) = key {
        let sql = format!("INSERT INTO t_{collection}_{index} (rowid, text) VALUES (?1, ?2)");
        connection.prepare_cached(&sql)?.execute(rusqlite::params![rowid, text])?;
    }
    Ok(())
}

/// A key as SQLite takes it.
pub(crate) struct SqlKey<'a>(pub(crate) Option<&'a Key>);

impl rusqlite::ToSql for SqlKey<'_> {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        match self.0 {
            None => Ok(rusqlite::types::Null.into()),
            Some(Key::Int(n)) => Ok((*n).into()),
            Some(Key::Str(s)) => Ok(s.as_str().into()),
        }
    }
}
