//! The engine that keeps everything.
//!
//! What arrives is decoded into columns in memory and written to the log; it is acknowledged, and seen by queries, when
//! the log has it on disk. Rows in memory become segments ([`seal`]), segments become larger segments ([`merge`]), and
//! leave when they are too old or too many ([`retention`]). The catalogue alone says which segments there are, and up to
//! which record of the log their rows go; a crash at any moment leaves rows in the log or in a segment, never in both.

mod budget;
mod catalogue;
pub(crate) mod depot;
mod graph;
mod held;
mod merge;
mod options;
mod part;
mod policy;
mod read;
mod recover;
mod retention;
mod rollup;
mod seal;
mod status;
mod table;
mod write;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, RwLock};
use vitrine_kit::clock::Clock;
use vitrine_observe_log::Log;

use crate::Signal;
use crate::engine::Tenant;
use crate::kept::budget::Budget;
use crate::kept::catalogue::{Catalogue, Contents};
use crate::kept::depot::Depot;
use crate::kept::held::{Files, Held};
use crate::kept::status::{Meter, Troubles};
use crate::kept::table::Table;
use crate::kept::write::Commit;

pub use depot::{Folder, Objects};
pub use options::{Error, Options};

/// How often ages are looked at.
const TICK: Duration = Duration::from_secs(1);
/// How long to wait after something in the background failed.
const AFTER_FAILURE: Duration = Duration::from_secs(2);
/// The engine's threads' stacks, in bytes.
const STACK: usize = 2 << 20;
/// A tenant's tables, in the order of [`Signal::ALL`].
type Tables = [Arc<Table>; Signal::ALL.len()];

/// The engine that keeps everything. Dropping it waits until what was written is in the log; rows in memory are read
/// from there when it is opened again.
#[derive(Debug)]
pub struct Kept {
    inner: Arc<Inner>,
    threads: Vec<JoinHandle<()>>,
}

/// What the engine's threads and queries share.
#[derive(Debug)]
pub(crate) struct Inner {
    options: Options,
    clock: Clock,
    log: Log,
    catalogue: Catalogue,
    depot: Arc<dyn Depot>,
    /// Where segments are while they are being written.
    temporary: PathBuf,
    budget: Arc<Budget>,
    tables: RwLock<BTreeMap<Tenant, Tables>>,
    /// The number of the next segment.
    next: AtomicU64,
    /// Bytes of requests that were logged, or read from the log, since the engine was opened.
    logged: AtomicU64,
    /// Held while rows become segments.
    sealing: Mutex<()>,
    /// Held while segments are merged or removed.
    merging: Mutex<()>,
    to_seal: Bell,
    to_merge: Bell,
    /// Requests that wait for the log; none when the engine is closed.
    commits: Mutex<Option<mpsc::Sender<Commit>>>,
    closed: AtomicBool,
    /// Segments that may be listed on disk, or not: their listing failed. Their files go when a later one succeeds.
    uncertain: Mutex<Vec<Arc<Held>>>,
    troubles: Troubles,
    meter: Meter,
}

/// Wakes a thread.
#[derive(Debug, Default)]
struct Bell {
    rung: Mutex<bool>,
    wake: Condvar,
}

impl Bell {
    fn ring(&self) {
        *self.rung.lock() = true;
        self.wake.notify_all();
    }

    /// Waits until it was rung since the last time, but not longer than this.
    fn wait(&self, most: Duration) {
        let mut rung = self.rung.lock();
        if !*rung {
            self.wake.wait_for(&mut rung, most);
        }
        *rung = false;
    }
}

impl Kept {
    /// Opens the engine in a folder, which is made if need be, and reads the log that a crash may have left.
    pub fn open(options: Options, clock: Clock) -> Result<Self, Error> {
        let (inner, replay, commits) = Inner::open(options, clock)?;
        let inner = Arc::new(inner);
        let mut kept = Self { inner, threads: Vec::new() };
        kept.start("observe-commit", move |inner| write::commit(inner, commits))?;
        kept.start("observe-seal", seal::run)?;
        kept.inner.relearn();
        kept.inner.replay(replay)?;
        kept.start("observe-merge", merge::run)?;
        Ok(kept)
    }

    fn start(&mut self, name: &str, run: impl FnOnce(&Inner) + Send + 'static) -> Result<(), Error> {
        let inner = self.inner.clone();
        let thread = std::thread::Builder::new().name(name.to_owned()).stack_size(STACK);
        self.threads.push(thread.spawn(move || run(&inner)).map_err(Error::io("start the thread", name))?);
        Ok(())
    }

    /// Makes segments of all rows in memory, and waits until that is done.
    pub fn seal(&self) -> Result<(), Error> {
        self.inner.freeze(|_| true);
        self.inner.seal_waiting(true)
    }

    /// Merges segments until nothing is due. Answers how many merges there were.
    pub fn merge(&self) -> Result<usize, Error> {
        let mut merges = 0;
        while self.inner.merge_once()? {
            merges += 1;
        }
        Ok(merges)
    }

    /// Removes segments that are too old or too many. Answers how many.
    pub fn expire(&self) -> Result<usize, Error> {
        self.inner.expire()
    }

    /// The tenants that ever sent something, in order.
    pub fn tenants(&self) -> Vec<Tenant> {
        self.inner.tables.read().keys().cloned().collect()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.inner.closed.store(true, Ordering::Relaxed);
        self.inner.commits.lock().take();
        self.inner.to_seal.ring();
        self.inner.to_merge.ring();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the engine panicked");
            }
        }
    }
}

impl Inner {
    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// A tenant's rows of one signal; none if the tenant never sent something.
    fn table(&self, tenant: &Tenant, signal: Signal) -> Option<Arc<Table>> {
        self.tables.read().get(tenant).map(|tables| tables[signal as usize].clone())
    }

    /// The same, and makes a new tenant's tables.
    fn table_of(&self, tenant: &Tenant, signal: Signal) -> Arc<Table> {
        let mut tables = self.tables.write();
        let tables = tables.entry(tenant.clone()).or_insert_with(|| {
            Signal::ALL.map(|signal| {
                let files = Files::new(self.depot.clone(), tenant, signal);
                Arc::new(Table::new(tenant.clone(), signal, files, Vec::new(), self.budget.clone()))
            })
        });
        tables[signal as usize].clone()
    }

    /// Changes the catalogue.
    fn list<T>(&self, change: impl FnOnce(&mut Contents) -> T) -> Result<T, Error> {
        let answer = self.catalogue.change(change)?;
        self.uncertain.lock().drain(..).for_each(|held| held.doom());
        Ok(answer)
    }

    /// Changes the catalogue, in which this segment appears for the first time.
    fn list_new<T>(&self, held: &Arc<Held>, change: impl FnOnce(&mut Contents) -> T) -> Result<T, Error> {
        self.list(change).inspect_err(|_| self.uncertain.lock().push(held.clone()))
    }

    fn all_tables(&self) -> Vec<Arc<Table>> {
        self.tables.read().values().flatten().cloned().collect()
    }
}
