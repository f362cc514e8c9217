//! The thread of a database: it ends the open transaction now and then, and syncs the file when somebody waits for that.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;
use vitrine_kit::Outage;
use vitrine_platform_durability::{Flush, NotFlushed};

use super::SqliteInner;
use super::recover::{sync, sync_file};
use crate::error::Error;
use crate::flushed::Flushed;

/// How long what was committed may not be in the file, if nobody waits for it.
const LATE: Duration = Duration::from_millis(500);
/// When a transaction that could not be ended is tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// The thread's stack, in bytes.
const STACK: usize = 512 * 1024;

/// What the thread is to do.
#[derive(Default)]
struct Orders {
    /// When the transaction is to be ended.
    due: Option<Instant>,
    /// The file is to be synced behind what is committed now.
    is_wanted: bool,
    /// The log is to be cut once this is answered with true.
    syncs: Vec<oneshot::Sender<bool>>,
    is_closed: bool,
}

#[derive(Default)]
pub(super) struct Keeper {
    orders: Mutex<Orders>,
    work: Condvar,
    /// Whether something is committed that the file lacks.
    is_dirty: AtomicBool,
}

impl Keeper {
    pub(super) fn is_dirty(&self) -> bool {
        self.is_dirty.load(Ordering::Acquire)
    }

    /// Something was committed; there is so much of it that it is to be in the file soon, or not.
    pub(super) fn dirty(&self, is_much: bool) {
        if self.is_dirty.swap(true, Ordering::AcqRel) && !is_much {
            return;
        }
        let at = Instant::now() + if is_much { Duration::ZERO } else { LATE };
        let mut orders = self.orders.lock();
        orders.due = Some(orders.due.map_or(at, |due| due.min(at)));
        self.work.notify_one();
    }

    /// All of it is in the file.
    pub(super) fn clean(&self) {
        self.is_dirty.store(false, Ordering::Release);
    }

    fn want(&self) {
        self.orders.lock().is_wanted = true;
        self.work.notify_one();
    }

    /// The thread ends once everything is on disk.
    pub(super) fn close(&self) {
        self.orders.lock().is_closed = true;
        self.work.notify_one();
    }

    /// Waits for something to do, and takes it.
    fn take(&self) -> Orders {
        let mut orders = self.orders.lock();
        loop {
            let is_due = orders.due.is_some_and(|due| due <= Instant::now());
            if is_due || orders.is_wanted || orders.is_closed || !orders.syncs.is_empty() {
                return std::mem::take(&mut *orders);
            }
            match orders.due {
                Some(due) => drop(self.work.wait_until(&mut orders, due)),
                None => self.work.wait(&mut orders),
            }
        }
    }
}

/// A database that is durable by itself: a commit is when the file is synced behind it.
pub(super) struct OwnFile {
    shared: Weak<SqliteInner>,
    pub(super) flushed: Flushed,
    path: PathBuf,
}

impl OwnFile {
    pub(super) fn new(shared: Weak<SqliteInner>, path: &Path) -> Self {
        Self { shared, flushed: Flushed::default(), path: path.to_owned() }
    }
}

impl Flush for OwnFile {
    fn flushed(&self, position: u64) -> Pin<Box<dyn Future<Output = Result<(), NotFlushed>> + Send + '_>> {
        Box::pin(async move {
            let ask = || {
                if let Some(shared) = self.shared.upgrade() {
                    shared.keeper.want();
                }
            };
            let is_on_disk = self.flushed.reached(position, ask).await;
            if is_on_disk { Ok(()) } else { Err(NotFlushed(self.path.display().to_string())) }
        })
    }
}

/// Starts the thread. It ends after [`Keeper::close`], when everything is on disk.
pub(super) fn start(shared: Arc<SqliteInner>) -> Result<JoinHandle<()>, Error> {
    let database = shared.log().map(|log| {
        let shared = Arc::downgrade(&shared);
        log.add(Box::new(move || {
            let (reply, answer) = oneshot::channel();
            let shared = shared.upgrade()?;
            shared.keeper.orders.lock().syncs.push(reply);
            shared.keeper.work.notify_one();
            Some(answer)
        }))
    });
    let name = format!("{}-db", shared.service());
    let work = move || {
        let is_on_disk = run(&shared);
        if let Some(own) = shared.own_file() {
            own.flushed.close();
        }
        if let Some((log, database)) = shared.log().zip(database)
            && is_on_disk
        {
            log.remove(database);
        }
    };
    std::thread::Builder::new().name(name).stack_size(STACK).spawn(work).map_err(|e| Error::Engine(Box::new(e)))
}

/// Works until the database is closed. Returns whether everything is on disk then.
fn run(shared: &SqliteInner) -> bool {
    let (mut outage, mut is_named) = (Outage::default(), false);
    loop {
        let orders = shared.keeper.take();
        let (ended, position) = {
            let mut transaction = shared.transaction.blocking_lock();
            (transaction.end(shared), shared.position())
        };
        if let Err(error) = &ended {
            if outage.begins() {
                tracing::error!(service = shared.service(), error = %error, "commits cannot be written to the database");
            }
            shared.keeper.orders.lock().due = Some(Instant::now() + AGAIN);
        } else if outage.ends() {
            tracing::info!(service = shared.service(), "commits are written to the database again");
        }
        let is_wanted = orders.is_wanted || orders.is_closed || !orders.syncs.is_empty();
        let syncing = if is_named { sync_file } else { sync };
        let is_on_disk = ended.is_ok() && is_wanted && syncing(&shared.path).is_ok();
        is_named |= is_on_disk;
        if is_wanted && let Some(own) = shared.own_file() {
            own.flushed.tried(position, is_on_disk);
        }
        if !orders.syncs.is_empty() {
            for reply in orders.syncs {
                // No caller may wait any more.
                let _ = reply.send(is_on_disk);
            }
            shared.log().into_iter().for_each(|log| log.synced());
        }
        if orders.is_closed {
            return is_on_disk;
        }
    }
}
