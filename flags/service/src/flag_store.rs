//! The flags in force, and how they change.
//!
//! All changes pass one lock: what is asked for is checked against what is in force, compiled, committed together with its audit entry, and only then put in
//! force and acknowledged. Readers take the snapshot that stands; nobody waits for a change.

mod archive;
mod change;
mod history;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{Mutex, watch};
use vitrine_flags_engine::json;
use vitrine_flags_engine::{Evaluation, Finding, Flag, FlagSet, Mode, Refused, Snapshot};
use vitrine_kit::clock::Clock;
use vitrine_platform_store::{Error as StoreError, Query, Storage, Store, Stored};

use crate::documents::{ArchivedDocument, FlagDocument, HEAD, HeadDocument, SHARED, SharedDocument, schema};
use crate::registrations::{NotTaken, Registrations};

pub use change::{Author, Import, Written};
pub use history::{MAX_ENTRIES, Verified};

/// The database's name.
const SERVICE: &str = "flags";
/// What flags share before anybody wrote it.
const NOTHING_SHARED: &str = "{}";

/// What flags share.
const SHARED_MEMBERS: &[&str] = &["$evaluators", "metadata"];

/// A flag as it is kept.
#[derive(Debug)]
pub struct StoredFlag {
    /// The definition as it was written.
    pub definition: String,
    /// The revision that wrote it.
    pub revision: u64,
    /// When that was, in milliseconds since 1970.
    pub changed_ms: i64,
    flag: Arc<Flag>,
}

/// The flags at one revision.
#[derive(Debug)]
pub struct InForce {
    /// How many changes there were.
    pub revision: u64,
    /// When the last one was, in milliseconds since 1970.
    pub changed_ms: i64,
    /// The flags, ready to be evaluated.
    pub snapshot: Snapshot,
    stored: BTreeMap<String, Arc<StoredFlag>>,
    shared: SharedDocument,
    archived: archive::Archived,
    /// The hash of the last entry of the audit.
    hash: String,
}

impl StoredFlag {
    /// Whether its state is `ENABLED`.
    pub fn is_enabled(&self) -> bool {
        self.flag.is_enabled()
    }
}

impl InForce {
    /// A flag as it is kept.
    pub fn stored(&self, key: &str) -> Option<&Arc<StoredFlag>> {
        self.stored.get(key)
    }

    /// What flags share as it was written, and the revision that wrote it.
    pub fn shared(&self) -> (&str, u64) {
        (&self.shared.definition, self.shared.revision)
    }

    /// A whole definition, flags as they were written: what [`FlagStore::import`] takes.
    pub fn export(&self) -> String {
        let mut out = String::from("{\n  \"flags\": {");
        for (n, (key, stored)) in self.stored.iter().enumerate() {
            out.push_str(if n > 0 { ",\n    " } else { "\n    " });
            json::write_text(key, &mut out);
            out.push_str(": ");
            out.push_str(&stored.definition);
        }
        out.push_str("\n  }");
        let shared = &self.shared.definition;
        for name in SHARED_MEMBERS {
            if let Some(value) = json::read(shared).ok().as_ref().and_then(|json| json.get(name)) {
                out.push_str(",\n  ");
                json::write_text(name, &mut out);
                out.push_str(": ");
                out.push_str(value.written(shared));
            }
        }
        out.push_str("\n}\n");
        out
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
    Told(#[from] NotTaken),
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
        Ok(Self { store, clock, changing: Arc::new(Mutex::new(head)), current, registrations })
    }

    /// The flags in force.
    pub fn current(&self) -> Arc<InForce> {
        self.current.borrow().clone()
    }

    /// The flags in force as they change.
    pub fn watch(&self) -> watch::Receiver<Arc<InForce>> {
        self.current.subscribe()
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
    let shared = store.get::<SharedDocument>(SHARED).await?.map(|stored| stored.doc);
    let shared = shared.unwrap_or_else(|| SharedDocument { definition: NOTHING_SHARED.to_owned(), revision: 0 });
    let set = Arc::new(read_shared(&shared.definition, Mode::Lenient)?.0);
    let mut stored = BTreeMap::new();
    for found in store.find_all::<FlagDocument>(Query::all()).await? {
        let FlagDocument { key, definition, revision, changed_ms } = found.doc;
        let flag = read_flag(&key, &definition, &set, Mode::Lenient)?.0;
        stored.insert(key, Arc::new(StoredFlag { definition, revision, changed_ms, flag }));
    }
    let archived = store.find_all::<ArchivedDocument>(Query::all()).await?;
    let archived = archived.into_iter().map(|found| (found.doc.key.clone(), found.doc)).collect();
    let told = head.as_ref().map(|head| head.doc.clone()).unwrap_or_default();
    let snapshot = Snapshot::new(stored.values().map(|stored| stored.flag.clone()), set);
    let in_force = InForce {
        revision: told.revision,
        changed_ms: told.changed_ms,
        snapshot,
        stored,
        shared,
        archived,
        hash: told.hash,
    };
    Ok((head, in_force))
}

fn read_flag(key: &str, definition: &str, set: &FlagSet, mode: Mode) -> Result<(Arc<Flag>, Vec<Finding>), Error> {
    match Flag::read(key, definition, set, mode) {
        Ok(read) => Ok((Arc::new(read.read), read.findings)),
        Err(refused) => Err(Error::Refused { about: format!("flag {key:?}: "), refused }),
    }
}

fn read_shared(definition: &str, mode: Mode) -> Result<(FlagSet, Vec<Finding>), Error> {
    match FlagSet::read(definition, mode) {
        Ok(read) => Ok((read.read, read.findings)),
        Err(refused) => Err(Error::Refused { about: String::new(), refused }),
    }
}
