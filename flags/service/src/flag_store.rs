//! The flags in force, and how they change.
//!
//! All changes pass one lock: what is asked for is checked against what is in force, compiled, committed together with its audit entry, and only then put in
//! force and acknowledged. Readers take the snapshot that stands; nobody waits for a change.

mod apply;
mod archive;
mod change;
mod edit;
mod file;
mod history;
mod operations;
mod quorum;
mod requests;
mod rollouts;
mod schedules;
mod segments;
mod set;

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::{Mutex, Notify, watch};
use vitrine_flags_engine::{Evaluation, Finding, Flag, FlagSet, Mode, Refused};
use vitrine_kit::clock::Clock;
use vitrine_platform_store::{Error as StoreError, Query, Storage, Store, Stored};

use set::NOTHING_SHARED;

use crate::documents::{FlagDocument, HEAD, HeadDocument, SharedDocument, schema};

use crate::registrations::{NotTaken, Registrations};

pub use change::Written;
pub use file::{FileStatus, Writer};
pub use history::{MAX_ENTRIES, Verified};
pub use quorum::MAX_QUORUM;
pub use requests::{MAX_REQUESTS, Proposed};
pub use rollouts::{MAX_ROLL_OUTS, RollOutAct};
pub use schedules::{MAX_PLANNED_BYTES, MAX_SCHEDULES, Planned};
pub use segments::Segment;
pub use set::{DEFAULT_SET, MAX_SETS, SetInForce, StoredFlag};

pub(crate) use file::FlagFile;
pub(crate) use rollouts::Moving;
pub(crate) use schedules::time_of;
pub(crate) use set::{Difference, differences};

/// The database's name.
const SERVICE: &str = "flags";

/// All flags at one revision. What is asked of it directly is asked of the default set.
#[derive(Debug)]
pub struct InForce {
    /// The number of the last change of flags.
    pub revision: u64,
    /// When the last one was, in milliseconds since 1970.
    pub changed_ms: i64,
    /// By name; the default set is always there.
    sets: BTreeMap<String, Arc<SetInForce>>,
    default: Arc<SetInForce>,
    archived: Arc<archive::Archived>,
}

impl InForce {
    fn new(
        revision: u64,
        changed_ms: i64,
        mut sets: BTreeMap<String, Arc<SetInForce>>,
        archived: Arc<archive::Archived>,
    ) -> Self {
        let default = sets.entry(DEFAULT_SET.to_owned()).or_default().clone();
        Self { revision, changed_ms, sets, default, archived }
    }

    /// The set with this name.
    pub fn set(&self, name: &str) -> Option<&Arc<SetInForce>> {
        self.sets.get(name)
    }

    /// All sets by their names, the default set first.
    pub fn sets(&self) -> impl ExactSizeIterator<Item = (&str, &Arc<SetInForce>)> {
        self.sets.iter().map(|(name, set)| (name.as_str(), set))
    }
}

impl Deref for InForce {
    type Target = SetInForce;
    fn deref(&self) -> &SetInForce {
        &self.default
    }
}

/// Why a change was not made, or a question not answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The definition cannot be taken.
    #[error("{about}{refused}")]
    Refused {
        /// Which flag, if it is another than the one that was asked for.
        about: String,
        /// Where, and why.
        refused: Refused,
    },
    /// It would take something away that is used.
    #[error("{0}")]
    InUse(String),
    /// It was changed since it was read.
    #[error("{what} is at revision {current}, and the change was made for revision {expected}: read it again")]
    Conflict {
        /// What was changed.
        what: String,
        /// The revision that it has; 0 if it is not there.
        current: u64,
        /// The revision that was expected.
        expected: u64,
        /// Its definition.
        definition: Option<String>,
    },
    /// There is no such flag or revision.
    #[error("{0}")]
    NotFound(String),
    /// The request lacks something.
    #[error("{0}")]
    Invalid(String),
    /// What a process tells cannot be taken.
    #[error(transparent)]
    NotTaken(#[from] NotTaken),
    /// It is for others to change.
    #[error("{0}")]
    Protected(String),
    /// The database.
    #[error("the change could not be kept")]
    Store(#[from] StoreError),
}

/// The flags of a process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct FlagStore {
    store: Store,
    clock: Clock,
    /// Changes, one at a time; in it the head as it was read, whose version the next change expects.
    changing: Arc<Mutex<Option<Stored<HeadDocument>>>>,
    current: Arc<watch::Sender<Arc<InForce>>>,
    /// How the file beside the store fares, if there is one.
    file: Arc<RwLock<Option<FileStatus>>>,
    /// How many others must approve a change where nothing else says so.
    quorum: u32,
    /// Told when something was planned, or is not any more.
    planned: Arc<Notify>,
    registrations: Registrations,
}

impl FlagStore {
    /// Opens what is kept, and puts it in force.
    pub async fn open(storage: &Storage, clock: Clock) -> Result<Self, Error> {
        let store = Store::open(storage, SERVICE, schema())?;
        Self::over(store, clock).await
    }

    async fn over(store: Store, clock: Clock) -> Result<Self, Error> {
        store.ready().await?;
        let (head, in_force) = load(&store).await?;
        let current = Arc::new(watch::Sender::new(Arc::new(in_force)));
        let registrations = Registrations::load(store.clone(), clock.clone()).await?;
        let (changing, planned) = (Arc::new(Mutex::new(head)), Arc::default());
        Ok(Self { store, clock, changing, current, file: Arc::default(), quorum: 0, planned, registrations })
    }

    /// The same where so many others must approve a change, unless metadata says another number; at most [`MAX_QUORUM`].
    pub fn with_quorum(self, quorum: u32) -> Self {
        Self { quorum: quorum.min(MAX_QUORUM), ..self }
    }

    /// The flags in force.
    pub fn current(&self) -> Arc<InForce> {
        self.current.borrow().clone()
    }

    /// The flags in force as they change.
    pub fn watch(&self) -> watch::Receiver<Arc<InForce>> {
        self.current.subscribe()
    }

    /// Waits until something is planned, or is not any more.
    pub(crate) async fn planned(&self) {
        self.planned.notified().await;
    }

    /// What processes declare, and what was read.
    pub fn registrations(&self) -> &Registrations {
        &self.registrations
    }

    /// Notes that a flag was evaluated for a client.
    pub(crate) fn answered(&self, evaluation: &Evaluation<'_>) {
        let variant = evaluation.variant.map(|variant| &*variant.name);
        self.registrations.answered(evaluation.flag.key(), variant);
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Seconds since 1970, as rules see them.
    pub fn now_s(&self) -> u64 {
        u64::try_from(self.now_ms() / 1_000).unwrap_or(0)
    }
}

/// Reads all that is kept. It was taken once, so it is taken again, whatever findings it has.
async fn load(store: &Store) -> Result<(Option<Stored<HeadDocument>>, InForce), Error> {
    let head = store.get::<HeadDocument>(HEAD).await?;
    let mut flags: BTreeMap<String, Vec<FlagDocument>> = BTreeMap::new();
    for found in store.find_all::<FlagDocument>(Query::all()).await? {
        flags.entry(found.doc.set.clone()).or_default().push(found.doc);
    }
    let mut shared = BTreeMap::new();
    for found in store.find_all::<SharedDocument>(Query::all()).await? {
        shared.insert(found.doc.set.clone(), found.doc);
    }
    let names: Vec<String> = shared.keys().chain(flags.keys()).cloned().collect();
    let mut sets = BTreeMap::new();
    for name in names {
        if sets.contains_key(&name) {
            continue;
        }
        let document = shared.remove(&name);
        let (definition, revision) = document.map_or((NOTHING_SHARED.to_owned(), 0), |d| (d.definition, d.revision));
        let (mut set, _) = SetInForce::default().sharing(&name, &definition, revision, Mode::Lenient)?;
        for FlagDocument { key, definition, revision, changed_ms, .. } in flags.remove(&name).unwrap_or_default() {
            let flag = read_flag(&key, &definition, set.snapshot.set(), Mode::Lenient)?.0;
            set.stored.insert(key, Arc::new(StoredFlag { definition, revision, changed_ms, flag }));
        }
        let shares = set.snapshot.set().clone();
        let set = set.settled(shares);
        if !set.is_empty() {
            sets.insert(name, Arc::new(set));
        }
    }
    let head_now = head.as_ref().map(|head| head.doc.clone()).unwrap_or_default();
    let archived = archive::load(store).await?;
    Ok((head, InForce::new(head_now.in_force(), head_now.changed_ms, sets, archived)))
}

fn read_flag(key: &str, definition: &str, set: &FlagSet, mode: Mode) -> Result<(Arc<Flag>, Vec<Finding>), Error> {
    match Flag::read(key, definition, set, mode) {
        Ok(read) => Ok((Arc::new(read.read), read.findings)),
        Err(refused) => Err(Error::Refused { about: format!("flag {key:?}: "), refused }),
    }
}
