//! The embedded engine: SQLite in WAL mode, one writer thread that commits in groups, and a few readers.
//!
//! A collection is a table with a column per declared key; SQLite then keeps its indexes itself. Point reads and pages are answered on the
//! calling thread, because they take some ten microseconds, less than handing them to another thread would; searching and
//! counting, which may take long, go to a blocking thread.

mod apply;
mod read;
mod recover;
mod schema;
mod statements;
mod writer;

use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::watch;
use vitrine_platform_durability as durability;

use crate::commit_log::{CommitLog, Folder};
use crate::document::Schema;
use crate::engine::{Batch, CollectionSchema, Engine, EngineFuture, Event, Pool, Raw, RawPage};
use crate::error::Error;
use crate::query::Query;
use statements::Statements;

/// Most idle read connections that are kept.
const MAX_READERS: usize = 3;
/// Page cache of one connection, in KiB.
const CACHE_KIB: u32 = 1024;
/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 64;

pub(crate) struct Sqlite {
    shared: Arc<SqliteInner>,
    writer: writer::Writer,
    events: watch::Receiver<u64>,
    /// Last, so that the files go after everything that uses them.
    _folder: Option<tempfile::TempDir>,
}

pub(crate) struct SqliteInner {
    path: PathBuf,
    schema: Schema,
    /// Of each collection of the schema, in its order.
    statements: Vec<Statements>,
    readers: Mutex<Vec<Connection>>,
    /// How many read at the moment.
    reading: AtomicU64,
    /// Where commits last, if not here.
    log: Option<Arc<CommitLog>>,
    /// The position of the last commit in that log, at least: whoever reads may have seen what stands there.
    logged: AtomicU64,
}

impl Sqlite {
    pub(crate) fn open(folder: &Folder, service: &str, schema: Schema) -> Result<Self, Error> {
        std::fs::create_dir_all(folder.path()).map_err(|e| Error::Open {
            path: folder.path().to_owned(),
            reason: "its folder cannot be made".to_owned(),
            source: Some(Box::new(e)),
        })?;
        let path = folder.database(service);
        let connection = schema::open(&path, &schema.collections)?;
        let statements = schema.collections.iter().map(Statements::of).collect();
        let (readers, reading, log, logged) =
            (Mutex::default(), AtomicU64::new(0), folder.log().cloned(), AtomicU64::new(0));
        let shared = Arc::new(SqliteInner { path, schema, statements, readers, reading, log, logged });
        recover::replay(&connection, &shared, folder.take_recovered(service))?;
        if shared.log.is_some() {
            // What was committed without a sync before a crash must not get lost behind what the log has from now on.
            recover::sync(&shared.path).map_err(|e| Error::Engine(Box::new(e)))?;
            schema::leave_syncing_to_the_log(&connection)?;
        }
        let last = read::last_position(&connection)?;
        let (latest, events) = watch::channel(last.unsigned_abs());
        let writer = writer::Writer::start(service, connection, shared.clone(), latest)?;
        Ok(Self { shared, writer, events, _folder: None })
    }

    pub(crate) fn temporary(service: &str, schema: Schema) -> Result<Self, Error> {
        let folder = tempfile::tempdir().map_err(|e| Error::Engine(Box::new(e)))?;
        Ok(Self { _folder: None, ..Self::open(&folder.path().into(), service, schema)? }.keep(folder))
    }

    fn keep(mut self, folder: tempfile::TempDir) -> Self {
        self._folder = Some(folder);
        self
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&SqliteInner, &Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let shared = self.shared.clone();
        let found = tokio::task::spawn_blocking(move || shared.read(|connection| work(&shared, connection)))
            .await
            .map_err(|e| Error::Engine(Box::new(e)))?;
        self.seen(found).await
    }

    /// Reads on the calling thread.
    async fn reading<T>(&self, work: impl FnOnce(&SqliteInner, &Connection) -> Result<T, Error>) -> Result<T, Error> {
        let found = self.shared.read(|connection| work(&self.shared, connection));
        self.seen(found).await
    }

    /// Returns what was found, or done, when it lasts, or when the caller's scope waits for that.
    async fn seen<T>(&self, outcome: Result<T, Error>) -> Result<T, Error> {
        let Some(log) = &self.shared.log else { return outcome };
        let position = self.shared.logged.load(Ordering::Acquire);
        if !log.is_flushed(position) {
            let folder = || self.shared.path.display().to_string();
            durability::written(log.clone(), position)
                .await
                .map_err(|e| Error::Unknown { server: folder(), source: Box::new(e) })?;
        }
        outcome
    }
}

impl SqliteInner {
    /// The service whose database this is: the file bears its name.
    fn service(&self) -> &str {
        self.path.file_stem().and_then(OsStr::to_str).unwrap_or_default()
    }

    /// A collection, and what is said of it.
    fn collection(&self, name: &str) -> Result<(&CollectionSchema, &Statements), Error> {
        let place = self.schema.place(name)?;
        Ok((&self.schema.collections[place], &self.statements[place]))
    }

    /// Reads with a connection of the pool.
    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Error>) -> Result<T, Error> {
        let pooled = self.readers.lock().pop();
        let connection = match pooled {
            Some(connection) => connection,
            None => schema::reader(&self.path)?,
        };
        self.reading.fetch_add(1, Ordering::Relaxed);
        let result = work(&connection);
        self.reading.fetch_sub(1, Ordering::Relaxed);
        let mut readers = self.readers.lock();
        if readers.len() < MAX_READERS {
            readers.push(connection);
        }
        result
    }
}

pub(crate) fn failed(error: rusqlite::Error) -> Error {
    Error::Engine(Box::new(error))
}

impl Engine for Sqlite {
    fn system(&self) -> &'static str {
        "sqlite"
    }

    fn namespace(&self) -> String {
        self.shared.service().to_owned()
    }

    /// Two pools: those who read, as many as there are at a time, and the one who writes, for whom batches wait.
    fn pools(&self) -> Vec<Pool> {
        let service = self.shared.service();
        let (idle, used) = (self.shared.readers.lock().len() as u64, self.shared.reading.load(Ordering::Relaxed));
        vec![
            Pool { name: format!("{service} readers"), idle, used, ..Pool::default() },
            self.writer.pool(format!("{service} writer")),
        ]
    }

    fn get<'a>(&'a self, collection: &'static str, ids: &'a [&'a str]) -> EngineFuture<'a, Vec<Raw>> {
        Box::pin(self.reading(move |shared, c| read::get(c, shared.collection(collection)?.1, ids)))
    }

    fn find(&self, collection: &'static str, query: Query) -> EngineFuture<'_, RawPage> {
        Box::pin(self.reading(move |shared, c| read::find(c, shared.schema.collection(collection)?, &query)))
    }

    fn search<'a>(
        &'a self,
        collection: &'static str,
        index: &'a str,
        text: &'a str,
        limit: usize,
        cursor: Option<&'a str>,
    ) -> EngineFuture<'a, RawPage> {
        let (index, text, cursor) = (index.to_owned(), text.to_owned(), cursor.map(str::to_owned));
        Box::pin(self.blocking(move |shared, c| {
            read::search(c, shared.schema.collection(collection)?, &index, &text, limit, cursor.as_deref())
        }))
    }

    fn count(&self, collection: &'static str, query: Query) -> EngineFuture<'_, u64> {
        Box::pin(self.blocking(move |shared, c| read::count(c, shared.schema.collection(collection)?, &query)))
    }

    fn commit(&self, batch: Batch) -> EngineFuture<'_, ()> {
        Box::pin(async move {
            let outcome = self.writer.commit(batch).await;
            self.seen(outcome).await
        })
    }

    fn read_events<'a>(
        &'a self,
        after: u64,
        topics: &'a [String],
        limit: usize,
    ) -> EngineFuture<'a, (Vec<Event>, u64)> {
        Box::pin(self.reading(move |_, c| read::events(c, after, topics, limit)))
    }

    fn watch_events(&self) -> watch::Receiver<u64> {
        self.events.clone()
    }

    fn prune_events(&self, before_ms: i64) -> EngineFuture<'_, u64> {
        Box::pin(self.writer.prune(before_ms))
    }
}
