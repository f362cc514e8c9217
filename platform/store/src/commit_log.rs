//! One log for the commits of all databases of a folder.
//!
//! A database that is synced by itself makes each of its callers wait for a sync of its own, one behind the other where one service
//! calls the next. Here each commit is also a [`Record`] of one log, in the order in which commits are seen by others: a crash takes the end
//! of that order, and nothing before it. The log is written when somebody waits for it, once for all who do by then, and the databases'
//! own files are synced only now and then, when the log has grown.
//!
//! A process has the log if it runs several services on the folder. Whoever opens a database, with the log or without, first makes the
//! commits that the log has and the database has not ([`CommitLog::open`]).

mod flusher;
mod record;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::thread::JoinHandle;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;
use vitrine_platform_durability::{Flush, NotFlushed};
use vitrine_platform_log::{Fsync, Log, Options, Replay};

use crate::error::Error;
use crate::flushed::Flushed;
use flusher::Flusher;

pub(crate) use record::{Record, Write};

/// The folder of the log, within that of the databases.
const FOLDER: &str = "commits";
/// What the name of a service's database ends in.
const EXTENSION: &str = "db";
/// Most bytes that wait to be written; who adds more waits.
const MAX_WAITING_BYTES: usize = 8 << 20;
/// The log's bound, in bytes. It stays far below, for it is cut long before, see `flusher.rs`.
const MAX_LOG_BYTES: u64 = 1 << 30;
/// The size of a segment, in bytes.
const SEGMENT_BYTES: u64 = 16 << 20;
/// The thread's stack, in bytes.
const STACK: usize = 256 << 10;

/// Asks a database's writer to sync its file behind all that it has been given; none when it cannot be asked now.
pub(crate) type AskToSync = Box<dyn Fn() -> Option<oneshot::Receiver<bool>> + Send>;

/// One of the databases whose commits are in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Database(u64);

/// The commits of a service that a log has, by their sequence.
pub(crate) type Recovered = BTreeMap<u64, Record>;

/// Those of all services whose databases were not opened yet.
type AllRecovered = Arc<Mutex<HashMap<String, Recovered>>>;

/// A folder with databases, and what their commits have in common.
#[derive(Clone)]
pub struct Folder {
    path: PathBuf,
    recovered: AllRecovered,
    log: Option<Arc<CommitLog>>,
}

impl std::fmt::Debug for Folder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Folder").field("path", &self.path).field("has_log", &self.log.is_some()).finish_non_exhaustive()
    }
}

impl From<&Path> for Folder {
    /// A folder whose databases are each durable by themselves, and on which no log was ever.
    fn from(path: &Path) -> Self {
        Self { path: path.to_owned(), recovered: AllRecovered::default(), log: None }
    }
}

impl Folder {
    /// A folder for the databases of these services, which this process alone uses. Where they are several their commits share a log,
    /// unless it has commits of other services that are not in their databases yet.
    pub fn shared(path: &Path, services: &[&str]) -> Result<Self, Error> {
        let (recovered, log) = CommitLog::open(path, services)?;
        Ok(Self { path: path.to_owned(), recovered, log })
    }

    pub(crate) fn database(&self, service: &str) -> PathBuf {
        database(&self.path, service)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes what the log has for a service's database.
    pub(crate) fn take_recovered(&self, service: &str) -> Recovered {
        self.recovered.lock().remove(service).unwrap_or_default()
    }

    pub(crate) fn log(&self) -> Option<&Arc<CommitLog>> {
        self.log.as_ref()
    }
}

fn database(folder: &Path, service: &str) -> PathBuf {
    folder.join(service).with_extension(EXTENSION)
}

/// What the thread and those who write have in common.
struct CommitLogInner {
    state: Mutex<State>,
    /// For the thread: there is something to do.
    work: Condvar,
    /// For those who write: there is room again.
    room: Condvar,
    /// For those who block until something is on disk: more is, or never will be.
    tried: Condvar,
    flushed: Flushed,
    folder: PathBuf,
}

#[derive(Default)]
struct State {
    waiting: Vec<Bytes>,
    waiting_bytes: usize,
    /// How many records there were: the position of the last one.
    appended: u64,
    /// The furthest position that anybody waits for.
    wanted: u64,
    /// The thread waits for the databases, so nobody may wait for the thread.
    syncing: bool,
    /// The log cannot be written: the databases' files stand in for it.
    is_made_up_for: bool,
    /// A database that was asked has been synced.
    has_synced: bool,
    closed: bool,
    databases: Vec<(Database, AskToSync)>,
    /// How many databases there were.
    added: u64,
}

/// The log of a folder. What waits is written when it is dropped.
pub(crate) struct CommitLog {
    shared: Arc<CommitLogInner>,
    thread: Option<JoinHandle<()>>,
}

impl CommitLog {
    /// Reads what the log of a folder has, and keeps it open if these services are to share it.
    fn open(folder: &Path, services: &[&str]) -> Result<(AllRecovered, Option<Arc<Self>>), Error> {
        let path = folder.join(FOLDER);
        let many = services.len() > 1;
        if !many && !path.exists() {
            return Ok((AllRecovered::default(), None));
        }
        let options = Options {
            segment_bytes: SEGMENT_BYTES,
            fsync: Fsync::Always,
            max_bytes: MAX_LOG_BYTES,
            ..Options::default()
        };
        let (log, replay) = match Log::open(&path, options) {
            Ok(opened) => opened,
            // Another process has it, and so everything in it is of services which that process runs.
            Err(vitrine_platform_log::Error::Locked { .. }) => return Ok((AllRecovered::default(), None)),
            Err(e) => {
                let reason = "the log of commits cannot be used".to_owned();
                return Err(Error::Open { path, reason, source: Some(Box::new(e)) });
            }
        };
        let mut recovered = read(replay, &path)?;
        let is_ours = |service: &String| services.contains(&service.as_str());
        let foreign = recovered.iter().any(|(service, commits)| {
            let last = commits.last_key_value().map_or(0, |(sequence, _)| *sequence);
            !is_ours(service) && last > sequence_of(&database(folder, service))
        });
        recovered.retain(|service, _| is_ours(service));
        let recovered = Arc::new(Mutex::new(recovered));
        if foreign || !many {
            return Ok((recovered, None));
        }
        Self::start(log, folder, recovered.clone()).map(|log| (recovered, Some(Arc::new(log))))
    }

    fn start(log: Log, folder: &Path, recovered: AllRecovered) -> Result<Self, Error> {
        let shared = Arc::new(CommitLogInner {
            state: Mutex::default(),
            work: Condvar::new(),
            room: Condvar::new(),
            tried: Condvar::new(),
            flushed: Flushed::default(),
            folder: folder.to_owned(),
        });
        let flusher = Flusher::new(shared.clone(), log, recovered);
        let thread = std::thread::Builder::new()
            .name("commit-log".to_owned())
            .stack_size(STACK)
            .spawn(move || flusher.run())
            .map_err(|e| Error::Engine(Box::new(e)))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Adds a [`Record`] behind all others, before anybody can see what it changed. Returns its position. Blocks while too much waits.
    pub(crate) fn append(&self, record: Bytes) -> u64 {
        let mut state = self.shared.state.lock();
        while state.waiting_bytes > MAX_WAITING_BYTES && !state.syncing && !state.closed {
            state.wanted = state.appended;
            self.shared.work.notify_one();
            self.shared.room.wait(&mut state);
        }
        if state.waiting.is_empty() {
            // What nobody waits for is written after a while: the thread must know of it.
            self.shared.work.notify_one();
        }
        state.waiting_bytes += record.len();
        state.waiting.push(record);
        state.appended += 1;
        state.appended
    }

    /// Whether everything up to this position is on disk.
    pub(crate) fn is_flushed(&self, position: u64) -> bool {
        self.shared.flushed.is_flushed(position)
    }

    /// Blocks until everything up to this position is on disk, or the databases' files stand in for the log. No database's file may have a
    /// commit that the log has not: what others had committed before it would be missing after a crash.
    pub(crate) fn wait(&self, position: u64) {
        let mut state = self.shared.state.lock();
        while !self.is_flushed(position) && !state.is_made_up_for {
            state.wanted = state.wanted.max(position);
            self.shared.work.notify_one();
            self.shared.tried.wait(&mut state);
        }
    }

    /// A database has been synced, as it was asked.
    pub(crate) fn synced(&self) {
        self.shared.state.lock().has_synced = true;
        self.shared.work.notify_one();
    }

    /// A database whose commits are in the log from now on: its file is synced before the log is cut.
    pub(crate) fn add(&self, ask: AskToSync) -> Database {
        let mut state = self.shared.state.lock();
        state.added += 1;
        let database = Database(state.added);
        state.databases.push((database, ask));
        database
    }

    /// A database that is closed and synced.
    pub(crate) fn remove(&self, database: Database) {
        self.shared.state.lock().databases.retain(|(known, _)| *known != database);
    }
}

impl Flush for CommitLog {
    fn flushed(&self, position: u64) -> Pin<Box<dyn Future<Output = Result<(), NotFlushed>> + Send + '_>> {
        Box::pin(async move {
            let ask = || {
                let mut state = self.shared.state.lock();
                state.wanted = state.wanted.max(position);
                drop(state);
                self.shared.work.notify_one();
            };
            if self.shared.flushed.reached(position, ask).await {
                return Ok(());
            }
            Err(NotFlushed(format!("the log of commits in {}", self.shared.folder.join(FOLDER).display())))
        })
    }
}

impl Drop for CommitLog {
    fn drop(&mut self) {
        self.shared.state.lock().closed = true;
        self.shared.work.notify_one();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread of the log of commits panicked");
        }
    }
}

/// All commits of a log, without those that were taken back.
fn read(replay: Replay, path: &Path) -> Result<HashMap<String, Recovered>, Error> {
    let mut all: HashMap<String, Recovered> = HashMap::new();
    for found in replay {
        let group = match found {
            Ok(group) => group,
            // What of it is missed is told by the database that misses it.
            Err(damage) => {
                tracing::warn!(error = %damage, "the log of commits is damaged");
                continue;
            }
        };
        let commits = Record::decode_all(&group.payload).map_err(|e| Error::Open {
            path: path.to_owned(),
            reason: "the log of commits holds what no version of vitrine that this one knows has written".to_owned(),
            source: Some(Box::new(e)),
        })?;
        for commit in commits {
            let known = all.entry(commit.service.clone()).or_default();
            match commit.aborted {
                true => drop(known.remove(&commit.sequence)),
                false => drop(known.insert(commit.sequence, commit)),
            }
        }
    }
    Ok(all)
}

/// The sequence of the last commit that a database has; 0 where there is none, or no such database.
fn sequence_of(path: &Path) -> u64 {
    let read = || -> rusqlite::Result<i64> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.query_row("SELECT sequence FROM commits", [], |row| row.get(0))
    };
    read().map_or(0, i64::unsigned_abs)
}
