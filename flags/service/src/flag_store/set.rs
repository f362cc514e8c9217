//! One set of flags as it is in force.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use vitrine_flags_engine::json;
use vitrine_flags_engine::{Finding, Flag, FlagSet, Mode, Snapshot};

use super::Error;

/// The name of the set in which flags are where no set is named.
pub const DEFAULT_SET: &str = "";
/// Most sets of a store.
pub const MAX_SETS: usize = 100;
/// Longest name of a set, in bytes.
const MAX_SET_BYTES: usize = 100;
/// What flags share before anybody wrote it.
pub(super) const NOTHING_SHARED: &str = "{}";
/// What flags share.
pub(super) const SHARED_MEMBERS: &[&str] = &["$evaluators", "metadata"];
/// The member of metadata by which flagd's clients select a set.
const SET_ID: &str = "flagSetId";

/// A flag as it is kept.
#[derive(Debug)]
pub struct StoredFlag {
    /// The definition as it was written.
    pub definition: String,
    /// The revision that wrote it.
    pub revision: u64,
    /// When that was, in milliseconds since 1970.
    pub changed_ms: i64,
    pub(crate) flag: Arc<Flag>,
}

impl StoredFlag {
    /// Whether its state is `ENABLED`.
    pub fn is_enabled(&self) -> bool {
        self.flag.is_enabled()
    }
}

/// One set of flags, and what they share.
#[derive(Debug)]
pub struct SetInForce {
    /// The flags, ready to be evaluated.
    pub snapshot: Snapshot,
    pub(super) stored: BTreeMap<String, Arc<StoredFlag>>,
    /// What flags share, as it was written.
    pub(super) shared: String,
    /// The revision that wrote it.
    pub(super) shared_revision: u64,
    /// What clients are sent that evaluate themselves, once one wants it.
    payload: OnceLock<Bytes>,
}

impl Default for SetInForce {
    fn default() -> Self {
        Self {
            snapshot: Snapshot::default(),
            stored: BTreeMap::new(),
            shared: NOTHING_SHARED.to_owned(),
            shared_revision: 0,
            payload: OnceLock::new(),
        }
    }
}

impl SetInForce {
    /// A flag as it is kept.
    pub fn stored(&self, key: &str) -> Option<&Arc<StoredFlag>> {
        self.stored.get(key)
    }

    /// What flags share as it was written, and the revision that wrote it.
    pub fn shared(&self) -> (&str, u64) {
        (&self.shared, self.shared_revision)
    }

    /// A whole definition, flags as they were written: what [`super::FlagStore::import`] takes.
    pub fn export(&self) -> String {
        let mut out = String::from("{\n  \"flags\": {");
        for (n, (key, stored)) in self.stored.iter().enumerate() {
            out.push_str(if n > 0 { ",\n    " } else { "\n    " });
            json::write_text(key, &mut out);
            out.push_str(": ");
            out.push_str(&stored.definition);
        }
        out.push_str("\n  }");
        for name in SHARED_MEMBERS {
            if let Some(value) = json::read(&self.shared).ok().as_ref().and_then(|json| json.get(name)) {
                out.push_str(",\n  ");
                json::write_text(name, &mut out);
                out.push_str(": ");
                out.push_str(value.written(&self.shared));
            }
        }
        out.push_str("\n}\n");
        out
    }

    /// All flags for those who evaluate them themselves: one text, which all of them share.
    pub(crate) fn sync_payload(&self) -> Bytes {
        self.payload.get_or_init(|| self.snapshot.sync_payload().into()).clone()
    }

    /// Some of the flags for those who evaluate them themselves; keys that are none's are left out.
    pub(crate) fn sync_payload_of(&self, keys: &BTreeSet<String>) -> String {
        let flags = keys.iter().filter_map(|key| Some(self.stored.get(key)?.flag.clone()));
        Snapshot::new(flags, self.snapshot.set().clone()).sync_payload()
    }

    /// The same flags sharing something else; they are not read again.
    pub(super) fn sharing(
        self,
        name: &str,
        definition: &str,
        revision: u64,
        mode: Mode,
    ) -> Result<(Self, Vec<Finding>), Error> {
        let (set, findings) = read_shared(name, definition, mode)?;
        let snapshot = Snapshot::new([], Arc::new(set));
        let (shared, payload) = (definition.to_owned(), OnceLock::new());
        Ok((Self { snapshot, stored: self.stored, shared, shared_revision: revision, payload }, findings))
    }

    /// The same with a snapshot of what is kept, sharing this.
    pub(super) fn settled(self, set: Arc<FlagSet>) -> Self {
        let flags = self.stored.values().map(|stored| stored.flag.clone());
        Self { snapshot: Snapshot::new(flags, set), payload: OnceLock::new(), ..self }
    }

    /// Whether nothing is in it, and nothing is shared.
    pub(super) fn is_empty(&self) -> bool {
        self.stored.is_empty() && self.shared == NOTHING_SHARED
    }
}

/// Reads what the flags of a set share. The id by which clients select a set that has a name is its name.
fn read_shared(name: &str, definition: &str, mode: Mode) -> Result<(FlagSet, Vec<Finding>), Error> {
    let read = FlagSet::read(definition, mode).map_err(|refused| Error::Refused { about: String::new(), refused })?;
    if name == DEFAULT_SET {
        return Ok((read.read, read.findings));
    }
    match read.read.metadata_text(SET_ID) {
        None => Ok((read.read.with_metadata_text(SET_ID, name), read.findings)),
        Some(id) if id == name => Ok((read.read, read.findings)),
        Some(id) => Err(Error::Invalid(format!(
            "metadata: flagSetId is {id:?}, and the set's name is {name:?}: expected the same, or no flagSetId"
        ))),
    }
}

/// Whether a set may have this name.
pub(super) fn check_name(name: &str) -> Result<(), Error> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.len() <= MAX_SET_BYTES && name.chars().all(fits) {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "set: at most {MAX_SET_BYTES} letters, digits, '-', '_' and '.' are expected, and not {name:?}"
    )))
}

/// A flag that is not the same in two sets, or only in one.
#[derive(Debug)]
pub(crate) struct Difference<'s> {
    pub(crate) key: &'s str,
    /// Its revisions; none where it is not there.
    pub(crate) from: Option<u64>,
    pub(crate) to: Option<u64>,
}

/// Returns the flags that differ, by their keys in order. How a definition is laid out makes no difference; what its evaluators say does.
pub(crate) fn differences<'s>(from: &'s SetInForce, to: &'s SetInForce) -> Vec<Difference<'s>> {
    let keys: std::collections::BTreeSet<&str> =
        from.stored.keys().chain(to.stored.keys()).map(String::as_str).collect();
    let differ = |key: &&str| {
        let projected = |set: &'s SetInForce| set.stored(key).map(|stored| stored.flag.projected());
        projected(from) != projected(to)
    };
    let revision = |set: &SetInForce, key: &str| set.stored(key).map(|stored| stored.revision);
    let differing = keys.into_iter().filter(differ);
    differing.map(|key| Difference { key, from: revision(from, key), to: revision(to, key) }).collect()
}
