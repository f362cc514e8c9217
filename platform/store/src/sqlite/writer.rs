//! The writer thread: it takes all batches that wait, applies each behind a savepoint, commits once, and only then answers.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use super::SqliteInner;
use super::apply::{apply_whole, prune};
use super::recover::{next_sequence, sync};
use crate::commit_log::{CommitLog, Database, Record};
use crate::engine::{Batch, Pool};
use crate::error::Error;

/// Most batches that wait; more are [`Error::Busy`].
const QUEUE: usize = 4096;
/// Most batches of one commit.
const GROUP: usize = 256;
/// The thread's stack, in bytes.
const STACK: usize = 512 * 1024;

enum Request {
    Commit(Batch, oneshot::Sender<Result<(), Error>>),
    Prune(i64, oneshot::Sender<Result<u64, Error>>),
    /// The file is to be synced behind everything before.
    Sync(oneshot::Sender<bool>),
}

/// The reply that is sent once the group is committed, or is not.
enum PendingReply {
    Commit(Result<(), Error>, oneshot::Sender<Result<(), Error>>),
    Prune(Result<u64, Error>, oneshot::Sender<Result<u64, Error>>),
    Sync(oneshot::Sender<bool>),
}

impl PendingReply {
    fn send(self, committed: bool, database: &Path) {
        // No caller may wait any more.
        match self {
            Self::Sync(reply) => {
                let _ = reply.send(sync(database).is_ok());
            }
            Self::Commit(result, reply) => {
                let _ = reply.send(if committed { result } else { result.and(Err(Error::Busy)) });
            }
            Self::Prune(result, reply) => {
                let _ = reply.send(if committed { result } else { result.and(Err(Error::Busy)) });
            }
        }
    }
}

/// Hands batches to the thread. The thread ends when this is dropped and everything that waits is written.
pub(crate) struct Writer {
    sender: mpsc::Sender<Request>,
    /// Whether a group is being written.
    writing: Arc<AtomicBool>,
    /// Batches for which there was no room.
    refused: AtomicU64,
}

impl Writer {
    pub(crate) fn start(
        service: &str,
        connection: Connection,
        shared: Arc<SqliteInner>,
        latest: watch::Sender<u64>,
    ) -> Result<Self, Error> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let log = shared.log.clone().map(|log| {
            let writer = sender.downgrade();
            let ask = move || {
                let (reply, answer) = oneshot::channel();
                writer.upgrade()?.try_send(Request::Sync(reply)).ok().map(|()| answer)
            };
            let database = log.add(Box::new(ask));
            (log, database)
        });
        let writing = Arc::<AtomicBool>::default();
        let at_work = writing.clone();
        let thread = WriterThread { connection, shared, latest, log };
        std::thread::Builder::new()
            .name(format!("{service}-db"))
            .stack_size(STACK)
            .spawn(move || thread.run(receiver, &at_work))
            .map_err(|e| Error::Engine(Box::new(e)))?;
        Ok(Self { sender, writing, refused: AtomicU64::new(0) })
    }

    pub(crate) async fn commit(&self, batch: Batch) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Commit(batch, reply))?;
        answer.await.map_err(|_| Error::Closed)?
    }

    pub(crate) async fn prune(&self, before_ms: i64) -> Result<u64, Error> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Prune(before_ms, reply))?;
        answer.await.map_err(|_| Error::Closed)?
    }

    /// What the thread's connection does. It may be at work on batches that do not wait any more.
    pub(crate) fn pool(&self, name: String) -> Pool {
        let pending = (QUEUE - self.sender.capacity()) as u64;
        let used = u64::from(self.writing.load(Ordering::Relaxed));
        let timeouts = self.refused.load(Ordering::Relaxed);
        Pool { name, idle: 1 - used, used, max: Some(1), pending, timeouts }
    }

    fn send(&self, request: Request) -> Result<(), Error> {
        self.sender.try_send(request).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                Error::Busy
            }
            mpsc::error::TrySendError::Closed(_) => Error::Closed,
        })
    }
}

/// What the thread works with.
struct WriterThread {
    connection: Connection,
    shared: Arc<SqliteInner>,
    latest: watch::Sender<u64>,
    /// Where commits last, if not in the database's own file, and what the database is there.
    log: Option<(Arc<CommitLog>, Database)>,
}

/// What a group of batches came to, before its commit.
#[derive(Default)]
struct Applied {
    answers: Vec<PendingReply>,
    last_event: Option<u64>,
    /// What the log is told of it, where there is one.
    record: Option<Record>,
}

impl WriterThread {
    fn run(self, mut requests: mpsc::Receiver<Request>, writing: &AtomicBool) {
        let mut group = Vec::new();
        while let Some(first) = requests.blocking_recv() {
            group.push(first);
            while group.len() < GROUP
                && let Ok(next) = requests.try_recv()
            {
                group.push(next);
            }
            writing.store(true, Ordering::Relaxed);
            self.write_group(&mut group);
            writing.store(false, Ordering::Relaxed);
        }
        if let Some((log, database)) = &self.log
            && sync(&self.shared.path).is_ok()
        {
            log.remove(*database);
        }
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<usize> {
        self.connection.prepare_cached(sql).and_then(|mut s| s.execute([]))
    }

    fn write_group(&self, group: &mut Vec<Request>) {
        let begun = self.execute("BEGIN IMMEDIATE");
        let Applied { answers, last_event, record } = self.apply_group(group);
        let logged = begun.and_then(|_| self.log(record));
        let sequence = logged.as_ref().ok().copied().flatten();
        let committed = logged.and_then(|_| self.execute("COMMIT"));
        match &committed {
            Ok(_) => {
                if let Some(position) = last_event {
                    self.latest.send_replace(position);
                }
            }
            Err(e) => {
                tracing::error!(error = %e, "a group of batches could not be committed");
                if !self.connection.is_autocommit() {
                    let _ = self.execute("ROLLBACK");
                }
                if let (Some((log, _)), Some(sequence)) = (&self.log, sequence) {
                    log.append(&Record { sequence, aborted: true, ..Record::of(self.shared.service()) });
                }
            }
        }
        answers.into_iter().for_each(|answer| answer.send(committed.is_ok(), &self.shared.path));
    }

    fn apply_group(&self, group: &mut Vec<Request>) -> Applied {
        let record = self.log.is_some().then(|| Record::of(self.shared.service()));
        let mut applied = Applied { record, ..Applied::default() };
        for request in group.drain(..) {
            // A failure such as a full disk may undo the whole transaction: nothing behind it must be committed by itself.
            let lost = self.connection.is_autocommit();
            applied.answers.push(match request {
                Request::Commit(batch, reply) => {
                    let result =
                        if lost { Err(Error::Busy) } else { apply_whole(&self.connection, &self.shared, &batch) };
                    let done = result.map(|event| {
                        applied.last_event = event.or(applied.last_event);
                        if let Some(record) = &mut applied.record {
                            record.add(batch);
                        }
                    });
                    PendingReply::Commit(done, reply)
                }
                Request::Prune(before_ms, reply) => {
                    let result = if lost { Err(Error::Busy) } else { prune(&self.connection, before_ms) };
                    PendingReply::Prune(result, reply)
                }
                Request::Sync(reply) => PendingReply::Sync(reply),
            });
        }
        applied
    }

    /// Tells the log of a commit, before anybody can see it, and returns its sequence; none when there is nothing to tell: what only forgets
    /// events is not told, for they may be forgotten once more.
    fn log(&self, record: Option<Record>) -> rusqlite::Result<Option<u64>> {
        let (Some((log, _)), Some(mut record)) = (&self.log, record) else { return Ok(None) };
        if record.is_empty() || self.connection.is_autocommit() {
            return Ok(None);
        }
        record.sequence = next_sequence(&self.connection)?;
        self.shared.logged.store(log.append(&record), Ordering::Release);
        Ok(Some(record.sequence))
    }
}
