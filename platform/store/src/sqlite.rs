//! The embedded engine: SQLite in WAL mode. One connection for all that is committed, in a transaction that ends for many commits at a
//! time, and a few that only read.
//!
//! A collection is a table with a column per declared key; SQLite then keeps its indexes itself. Commits, point reads and pages are made on the
//! calling thread, because they take some ten microseconds, less than handing them to another thread would; searching and
//! counting, which may take long, go to a blocking thread.

mod apply;
mod keeper;
mod read;
mod recover;
mod schema;
mod statements;
mod transaction;

use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use bytes::Bytes;
use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::{MutexGuard, watch};
use vitrine_platform_durability as durability;

use crate::commit_log::{CommitLog, Folder};
use crate::counted::Counted;
use crate::document::Schema;
use crate::engine::{Batch, CollectionSchema, Engine, EngineFuture, Event, Pool, Raw, RawPage};
use crate::error::Error;
use crate::query::Query;
use keeper::{Keeper, OwnFile};
use statements::Statements;
use transaction::OpenTransaction;

/// Most idle read connections that are kept.
const MAX_READERS: usize = 3;
/// Page cache of one connection, in KiB.
const CACHE_KIB: u32 = 1024;
/// Most events that are forgotten at a time.
const PRUNED_AT_ONCE: u64 = 500;
/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 64;

pub(crate) struct Sqlite {
    shared: Arc<SqliteInner>,
    thread: Option<JoinHandle<()>>,
    /// Last, so that the files go after everything that uses them.
    _folder: Option<tempfile::TempDir>,
}

pub(crate) struct SqliteInner {
    path: PathBuf,
    collections: Collections,
    transaction: tokio::sync::Mutex<OpenTransaction>,
    /// Those who wait for the transaction.
    waiting: AtomicU64,
    readers: Mutex<Vec<Connection>>,
    /// How many read at the moment.
    reading: AtomicU64,
    /// The position of the last event.
    latest: watch::Sender<u64>,
    durability: Durability,
    /// The position of the last commit there, at least: whoever reads may have seen what stands there.
    position: AtomicU64,
    keeper: Keeper,
}

/// The collections of a database, and what is said of each.
struct Collections {
    schema: Schema,
    /// In the order of the schema.
    statements: Vec<Statements>,
}

impl Collections {
    fn of(schema: Schema) -> Self {
        let statements = schema.collections.iter().map(Statements::of).collect();
        Self { schema, statements }
    }

    fn get(&self, name: &str) -> Result<(&CollectionSchema, &Statements), Error> {
        let place = self.schema.place(name)?;
        Ok((&self.schema.collections[place], &self.statements[place]))
    }
}

/// What makes commits last.
enum Durability {
    /// They stand in the log of the folder.
    Log(Arc<CommitLog>),
    OwnFile(Arc<OwnFile>),
}

impl Sqlite {
    pub(crate) fn open(folder: &Folder, service: &str, schema: Schema) -> Result<Self, Error> {
        Self::open_in(folder, None, service, schema)
    }

    pub(crate) fn temporary(service: &str, schema: Schema) -> Result<Self, Error> {
        let temporary = tempfile::tempdir().map_err(|e| Error::Engine(Box::new(e)))?;
        Self::open_in(&temporary.path().into(), Some(temporary), service, schema)
    }

    fn open_in(
        folder: &Folder,
        temporary: Option<tempfile::TempDir>,
        service: &str,
        schema: Schema,
    ) -> Result<Self, Error> {
        std::fs::create_dir_all(folder.path()).map_err(|e| Error::Open {
            path: folder.path().to_owned(),
            reason: "its folder cannot be made".to_owned(),
            source: Some(Box::new(e)),
        })?;
        let path = folder.database(service);
        let connection = schema::open(&path, &schema.collections)?;
        let collections = Collections::of(schema);
        let sequence = recover::replay(&connection, &collections, &path, folder.take_recovered(service))?;
        // What was committed without a sync before a crash must not get lost behind what comes from now on.
        recover::sync(&path).map_err(|e| Error::Engine(Box::new(e)))?;
        let last = read::last_position(&connection)?;
        let shared = Arc::new_cyclic(|shared| SqliteInner {
            durability: match folder.log() {
                Some(log) => Durability::Log(log.clone()),
                None => Durability::OwnFile(Arc::new(OwnFile::new(shared.clone(), &path))),
            },
            path,
            collections,
            transaction: tokio::sync::Mutex::new(OpenTransaction::new(connection, sequence)),
            waiting: AtomicU64::new(0),
            readers: Mutex::default(),
            reading: AtomicU64::new(0),
            latest: watch::Sender::new(last.unsigned_abs()),
            position: AtomicU64::new(0),
            keeper: Keeper::default(),
        });
        let thread = keeper::start(shared.clone())?;
        Ok(Self { shared, thread: Some(thread), _folder: temporary })
    }

    /// Reads on a blocking thread, with a connection of the pool: what was committed is written to the file for it.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Collections, &Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let shared = self.shared.clone();
        let reading = move || {
            if shared.keeper.is_dirty() {
                shared.transaction.blocking_lock().end(&shared)?;
            }
            shared.read(|connection| work(&shared.collections, connection))
        };
        let found = tokio::task::spawn_blocking(reading).await.map_err(|e| Error::Engine(Box::new(e)))?;
        self.seen(found).await
    }

    /// Reads on the calling thread: in the transaction, or beside it when it is taken and the file has everything.
    async fn reading<T>(&self, work: impl FnOnce(&Collections, &Connection) -> Result<T, Error>) -> Result<T, Error> {
        let shared = &*self.shared;
        let found = if let Ok(mut transaction) = shared.transaction.try_lock() {
            transaction.readable(shared).and_then(|connection| work(&shared.collections, connection))
        } else if !shared.keeper.is_dirty() {
            shared.read(|connection| work(&shared.collections, connection))
        } else {
            let mut transaction = shared.lock().await;
            transaction.readable(shared).and_then(|connection| work(&shared.collections, connection))
        };
        self.seen(found).await
    }

    /// Returns what was found, or done, when it lasts, or when the caller's scope waits for that.
    async fn seen<T>(&self, outcome: Result<T, Error>) -> Result<T, Error> {
        let position = self.shared.position();
        let written = match &self.shared.durability {
            Durability::Log(log) if !log.is_flushed(position) => durability::written(log.clone(), position).await,
            Durability::OwnFile(own) if !own.flushed.is_flushed(position) => {
                durability::written(own.clone(), position).await
            }
            Durability::Log(_) | Durability::OwnFile(_) => Ok(()),
        };
        let server = || self.shared.path.display().to_string();
        written.map_err(|e| Error::Unknown { server: server(), source: Box::new(e) })?;
        outcome
    }
}

impl Drop for Sqlite {
    /// Returns when everything is on disk.
    fn drop(&mut self) {
        self.shared.keeper.close();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!(service = self.shared.service(), "the thread of a database panicked");
        }
    }
}

impl SqliteInner {
    /// The service whose database this is: the file bears its name.
    fn service(&self) -> &str {
        self.path.file_stem().and_then(OsStr::to_str).unwrap_or_default()
    }

    fn log(&self) -> Option<&Arc<CommitLog>> {
        match &self.durability {
            Durability::Log(log) => Some(log),
            Durability::OwnFile(_) => None,
        }
    }

    fn own_file(&self) -> Option<&OwnFile> {
        match &self.durability {
            Durability::Log(_) => None,
            Durability::OwnFile(own) => Some(own),
        }
    }

    fn position(&self) -> u64 {
        self.position.load(Ordering::Acquire)
    }

    /// Gives a commit its place among those that are to last.
    fn append(&self, record: Bytes) {
        let position = match &self.durability {
            Durability::Log(log) => log.append(record),
            Durability::OwnFile(_) => self.position() + 1,
        };
        self.position.store(position, Ordering::Release);
    }

    /// The transaction, when nobody else has it.
    async fn lock(&self) -> MutexGuard<'_, OpenTransaction> {
        if let Ok(transaction) = self.transaction.try_lock() {
            return transaction;
        }
        let _waiting = Counted::new(&self.waiting);
        self.transaction.lock().await
    }

    /// Reads with a connection of the pool.
    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Error>) -> Result<T, Error> {
        let pooled = self.readers.lock().pop();
        let connection = match pooled {
            Some(connection) => connection,
            None => schema::reader(&self.path)?,
        };
        let result = {
            let _reading = Counted::new(&self.reading);
            work(&connection)
        };
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

    /// Two pools: those who only read, as many as there are at a time, and the one with the transaction.
    fn pools(&self) -> Vec<Pool> {
        let service = self.shared.service();
        let (idle, used) = (self.shared.readers.lock().len() as u64, self.shared.reading.load(Ordering::Relaxed));
        let transaction = u64::from(self.shared.transaction.try_lock().is_err());
        vec![
            Pool { name: format!("{service} readers"), idle, used, ..Pool::default() },
            Pool {
                name: format!("{service} writer"),
                idle: 1 - transaction,
                used: transaction,
                max: Some(1),
                pending: self.shared.waiting.load(Ordering::Relaxed),
                timeouts: 0,
            },
        ]
    }

    fn get<'a>(&'a self, collection: &'static str, ids: &'a [&'a str]) -> EngineFuture<'a, Vec<Raw>> {
        Box::pin(self.reading(move |all, c| read::get(c, all.get(collection)?.1, ids)))
    }

    fn find(&self, collection: &'static str, query: Query) -> EngineFuture<'_, RawPage> {
        Box::pin(self.reading(move |all, c| read::find(c, all.get(collection)?.0, &query)))
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
        Box::pin(
            self.blocking(move |all, c| {
                read::search(c, all.get(collection)?.0, &index, &text, limit, cursor.as_deref())
            }),
        )
    }

    fn count(&self, collection: &'static str, query: Query) -> EngineFuture<'_, u64> {
        Box::pin(self.blocking(move |all, c| read::count(c, all.get(collection)?.0, &query)))
    }

    fn commit(&self, batch: Batch) -> EngineFuture<'_, ()> {
        Box::pin(async move {
            let outcome = self.shared.lock().await.commit(&self.shared, batch);
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
        self.shared.latest.subscribe()
    }

    fn prune_events(&self, before_ms: i64) -> EngineFuture<'_, u64> {
        let shared = self.shared.clone();
        let pruning = move || {
            let mut pruned = 0;
            loop {
                // Some at a time, so that others get their turns.
                let some = shared.transaction.blocking_lock().prune(&shared, before_ms)?;
                pruned += some;
                if some < PRUNED_AT_ONCE {
                    return Ok(pruned);
                }
            }
        };
        Box::pin(async { tokio::task::spawn_blocking(pruning).await.map_err(|e| Error::Engine(Box::new(e)))? })
    }
}
