//! The transaction that commits are made in. It ends a little later, for many of them together: only then are they in the database's file.
//!
//! So a commit is a few changes to pages in memory, and whoever reads with the same connection sees it. What makes it last is the log
//! of the folder, or the end of the transaction where there is none ([`super::keeper`]).

use bytes::Bytes;
use rusqlite::{Connection, params};

use super::apply::{apply_whole, prune};
use super::recover::replay_record;
use super::{SqliteInner, failed};
use crate::commit_log::Record;
use crate::engine::Batch;
use crate::error::Error;

/// Most commits that are not in the file: then the transaction ends at once.
const MAX_UNCOMMITTED: usize = 1024;

pub(super) struct OpenTransaction {
    connection: Connection,
    /// Of the last commit that the log was told of.
    sequence: u64,
    /// What is in the transaction and not in the file, as the log has it.
    uncommitted: Vec<Bytes>,
    /// Events were forgotten in it. No one is told: they may be forgotten once more.
    has_pruned: bool,
}

impl OpenTransaction {
    /// A connection on which nothing is begun, and the sequence of the last commit in the file.
    pub(super) fn new(connection: Connection, sequence: u64) -> Self {
        Self { connection, sequence, uncommitted: Vec::new(), has_pruned: false }
    }

    /// To read all that was committed.
    pub(super) fn readable(&mut self, shared: &SqliteInner) -> Result<&Connection, Error> {
        if self.connection.is_autocommit() && !self.uncommitted.is_empty() {
            self.restore(shared)?;
        }
        Ok(&self.connection)
    }

    /// To write behind all that was committed.
    fn writable(&mut self, shared: &SqliteInner) -> Result<&Connection, Error> {
        if self.connection.is_autocommit() {
            self.restore(shared)?;
        }
        Ok(&self.connection)
    }

    /// Begins the transaction. A failure such as a full disk may have undone the last one with all that was committed in it: that is done once
    /// more.
    fn restore(&self, shared: &SqliteInner) -> Result<(), Error> {
        self.execute("BEGIN IMMEDIATE")?;
        let records = self.uncommitted.iter().flat_map(|bytes| Record::decode_all(bytes).unwrap_or_default());
        let restored =
            records.into_iter().try_for_each(|record| replay_record(&self.connection, &shared.collections, record));
        if let Err(error) = restored {
            tracing::error!(service = shared.service(), error = %error, "what was committed cannot be written once more");
            self.roll_back();
            return Err(Error::Busy);
        }
        Ok(())
    }

    fn execute(&self, sql: &str) -> Result<usize, Error> {
        self.connection.prepare_cached(sql).and_then(|mut s| s.execute([])).map_err(failed)
    }

    fn roll_back(&self) {
        if !self.connection.is_autocommit() {
            // When even that fails, the connection says so at its next statement.
            let _ = self.execute("ROLLBACK");
        }
    }

    /// Ends a transaction that is empty after a failure: otherwise other commits of the file would wait for it.
    fn leave(&self) {
        if self.uncommitted.is_empty() && !self.has_pruned {
            self.roll_back();
        }
    }

    /// Commits a batch: all of it, or nothing when it fails.
    pub(super) fn commit(&mut self, shared: &SqliteInner, batch: Batch) -> Result<(), Error> {
        if batch.ops.is_empty() && batch.events.is_empty() {
            return Ok(());
        }
        let applied = self.writable(shared).and_then(|connection| apply_whole(connection, &shared.collections, &batch));
        let event = match applied {
            Ok(event) => event,
            Err(error) => {
                self.leave();
                return Err(error);
            }
        };
        self.sequence += 1;
        let record = Record::of(shared.service(), self.sequence, batch).encoded();
        // It has its place before anybody can see it.
        shared.append(record.clone());
        self.uncommitted.push(record);
        shared.keeper.dirty(self.uncommitted.len() >= MAX_UNCOMMITTED);
        // Last: whoever is told of an event reads it at once, and must not look for it in the file.
        if let Some(position) = event {
            shared.latest.send_replace(position);
        }
        Ok(())
    }

    /// Forgets some events that are older than this. Returns how many.
    pub(super) fn prune(&mut self, shared: &SqliteInner, before_ms: i64) -> Result<u64, Error> {
        let pruned = self.writable(shared).and_then(|connection| prune(connection, before_ms));
        match &pruned {
            Ok(_) => {
                self.has_pruned = true;
                shared.keeper.dirty(false);
            }
            Err(_) => self.leave(),
        }
        pruned
    }

    /// Ends the transaction: what is in it is in the file then, though not on the disk. Blocks until the log has it on disk.
    pub(super) fn end(&mut self, shared: &SqliteInner) -> Result<(), Error> {
        if self.uncommitted.is_empty() && !self.has_pruned {
            return Ok(());
        }
        if let Some(log) = shared.log() {
            log.wait(shared.position());
        }
        let sequence = i64::try_from(self.sequence).unwrap_or(i64::MAX);
        let connection = self.writable(shared)?;
        if shared.log().is_some() {
            connection
                .prepare_cached("UPDATE commits SET sequence = ?1")
                .and_then(|mut s| s.execute(params![sequence]))
                .map_err(failed)?;
        }
        self.execute("COMMIT")?;
        self.uncommitted.clear();
        self.has_pruned = false;
        shared.keeper.clean();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::sync::Arc;

    use serde::{Deserialize, Serialize};

    use crate::engine::{Batch, Engine, Expect, NewEvent, Op};
    use crate::sqlite::Sqlite;
    use crate::{Document, Error, Index, Keys, Schema};

    #[derive(Clone, Serialize, Deserialize)]
    struct Note {
        id: String,
    }

    impl Document for Note {
        const COLLECTION: &'static str = "notes";
        const INDEXES: &'static [Index] = &[];
        fn id(&self) -> Cow<'_, str> {
            Cow::Borrowed(&self.id)
        }
        fn keys(&self, _: &mut Keys) {}
    }

    fn open(folder: &tempfile::TempDir) -> Sqlite {
        Sqlite::open(&folder.path().into(), "test", Schema::new().with::<Note>()).expect("opened")
    }

    async fn put(database: &Sqlite, id: &str, bytes: usize) -> Result<(), Error> {
        let body = vec![b'x'; bytes];
        let (id, keys, expect) = (id.to_owned(), Keys::default(), Expect::Anything);
        let ops = vec![Op::Put { collection: Note::COLLECTION, id, body, keys, expect }];
        database.commit(Batch { ops, events: Vec::new() }).await
    }

    async fn versions(database: &Sqlite) -> Vec<u64> {
        database.get(Note::COLLECTION, &["a", "b"]).await.expect("read").iter().map(|raw| raw.version).collect()
    }

    #[tokio::test]
    async fn what_was_committed_is_there_when_the_transaction_is_lost() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = open(&folder);
        for id in ["a", "a", "b"] {
            put(&database, id, 10).await.expect("committed");
        }
        let lose = async || database.shared.transaction.lock().await.roll_back();
        lose().await;
        assert_eq!(versions(&database).await, [2, 1]);
        lose().await;
        put(&database, "b", 10).await.expect("committed");
        assert_eq!(versions(&database).await, [2, 2]);
        lose().await;
        drop(database);
        assert_eq!(versions(&open(&folder)).await, [2, 2]);
    }

    /// Whoever is told reads at once, while the commit still has the transaction.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn whoever_is_told_of_an_event_finds_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = Arc::new(open(&folder));
        for n in 1..=300_u64 {
            // All is in the file: who finds the transaction taken looks there.
            database.shared.transaction.lock().await.end(&database.shared).expect("written");
            let (told, reading) = (database.watch_events(), database.clone());
            let reader = tokio::spawn(async move {
                while *told.borrow() < n {
                    std::hint::spin_loop();
                }
                reading.read_events(n - 1, &["t".to_owned()], 9).await.expect("read").0.len()
            });
            let (id, topic) = (n.to_string(), "t".to_owned());
            let (key, traceparent, baggage) = Default::default();
            let event = NewEvent { id, topic, key, occurred_at_ms: 0, payload: Vec::new(), traceparent, baggage };
            database.commit(Batch { ops: Vec::new(), events: vec![event] }).await.expect("committed");
            assert_eq!(reader.await.expect("read"), 1, "event {n}");
        }
    }

    /// Others who write to the file would wait for it.
    #[tokio::test]
    async fn forgetting_events_in_vain_leaves_no_transaction() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = open(&folder);
        let mut transaction = database.shared.transaction.lock().await;
        transaction.connection.execute("DROP TABLE outbox", []).expect("dropped");
        assert!(matches!(transaction.prune(&database.shared, 1), Err(Error::Engine(_))));
        assert!(transaction.connection.is_autocommit());
    }

    #[tokio::test]
    async fn a_full_disk_takes_nothing_that_was_committed() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = open(&folder);
        put(&database, "a", 10).await.expect("committed");
        let pages = async |most: i64| {
            let transaction = database.shared.transaction.lock().await;
            transaction.connection.pragma_update(None, "max_page_count", most).expect("set");
        };
        pages(1).await;
        let full = put(&database, "b", 100_000).await;
        assert!(matches!(full, Err(Error::Engine(_))), "{full:?}");
        assert_eq!(versions(&database).await, [1]);
        pages(1 << 20).await;
        put(&database, "b", 100_000).await.expect("there is room again");
        assert_eq!(versions(&database).await, [1, 1]);
        drop(database);
        assert_eq!(versions(&open(&folder)).await, [1, 1]);
    }
}
