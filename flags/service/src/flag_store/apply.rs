//! What is in force after a change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vitrine_flags_engine::{Finding, FlagSet, MAX_FLAGS, Mode};

use super::edit::Edit;
use super::quorum;
use super::set::{self, DEFAULT_SET, MAX_SETS, SetInForce, StoredFlag};
use super::{Error, InForce, read_flag};
use crate::documents::SEPARATOR;

/// When a change is made, and of what.
#[derive(Clone, Copy)]
pub(super) struct Stamp<'s> {
    pub(super) set: &'s str,
    pub(super) revision: u64,
    pub(super) at_ms: i64,
}

/// Whether an edit changes anything.
pub(super) fn differs(set: &SetInForce, edit: &Edit) -> bool {
    match &edit.key {
        Some(key) => set.stored(key).map(|kept| &kept.definition) != edit.definition.as_ref(),
        None => Some(set.shared().0) != edit.definition.as_deref(),
    }
}

/// The flags as they are after the edits.
pub(super) fn apply(
    now: &InForce,
    edits: &[Edit],
    mode: Mode,
    stamp: Stamp<'_>,
) -> Result<(InForce, Vec<Finding>), Error> {
    let (next, findings) = match now.set(stamp.set) {
        Some(set) => edited(set, edits, mode, stamp)?,
        None => {
            set::check_name(stamp.set)?;
            if now.sets().len() >= MAX_SETS {
                return Err(Error::Invalid(format!("there are {MAX_SETS} sets, which is the most")));
            }
            // What its flags share says at least which set it is.
            let (begun, _) = SetInForce::default().sharing(stamp.set, SetInForce::default().shared().0, 0, mode)?;
            edited(&begun, edits, mode, stamp)?
        }
    };
    let mut sets = now.sets.clone();
    if next.is_empty() && stamp.set != DEFAULT_SET {
        sets.remove(stamp.set);
    } else {
        sets.insert(stamp.set.to_owned(), Arc::new(next));
    }
    Ok((InForce::new(stamp.revision, stamp.at_ms, sets, now.archived.clone()), findings))
}

fn edited(now: &SetInForce, edits: &[Edit], mode: Mode, stamp: Stamp<'_>) -> Result<(SetInForce, Vec<Finding>), Error> {
    let mut findings = Vec::new();
    let mut next = SetInForce::default();
    let shares = edits.iter().find(|edit| edit.key.is_none()).and_then(|edit| edit.definition.as_ref());
    if let Some(definition) = shares {
        (next, findings) = next.sharing(stamp.set, definition, stamp.revision, mode)?;
        quorum::check("what flags share", next.snapshot.set().metadata_member(quorum::QUORUM))?;
        next.stored = again(&now.stored, next.snapshot.set(), edits)?;
    } else {
        next.stored = now.stored.clone();
        next.shared.clone_from(&now.shared);
        next.shared_revision = now.shared_revision;
    }
    let set: &Arc<FlagSet> = if shares.is_some() { next.snapshot.set() } else { now.snapshot.set() };
    for edit in edits {
        match (&edit.key, &edit.definition) {
            (Some(key), Some(definition)) => {
                if key.starts_with(SEPARATOR) {
                    return Err(Error::Invalid(format!("a flag's key does not begin with U+{:04X}", SEPARATOR as u32)));
                }
                let (flag, found) = read_flag(key, definition, set, mode)?;
                findings.extend(found);
                quorum::check(&format!("flag {key:?}"), flag.metadata_member(quorum::QUORUM))?;
                let definition = definition.clone();
                let written = StoredFlag { definition, revision: stamp.revision, changed_ms: stamp.at_ms, flag };
                next.stored.insert(key.clone(), Arc::new(written));
            }
            (Some(key), None) => {
                next.stored.remove(key);
            }
            (None, _) => {}
        }
    }
    if next.stored.len() > MAX_FLAGS {
        let count = next.stored.len();
        return Err(Error::Invalid(format!(
            "there are at most {MAX_FLAGS} flags in a set, and these would be {count}"
        )));
    }
    let set = set.clone();
    Ok((next.settled(set), findings))
}

/// Flags that are not edited, with other evaluators. An evaluator that one of them uses cannot be taken away.
fn again(
    kept: &BTreeMap<String, Arc<StoredFlag>>,
    set: &FlagSet,
    edits: &[Edit],
) -> Result<BTreeMap<String, Arc<StoredFlag>>, Error> {
    let edited: BTreeSet<&String> = edits.iter().filter_map(|edit| edit.key.as_ref()).collect();
    let mut all = BTreeMap::new();
    for (key, old) in kept {
        if edited.contains(key) {
            continue;
        }
        let flag = read_flag(key, &old.definition, set, Mode::Lenient)?.0;
        if let (Some(reason), None) = (flag.broken(), old.flag.broken()) {
            return Err(Error::InUse(format!("flag {key:?} needs it: {reason}")));
        }
        let (definition, revision, changed_ms) = (old.definition.clone(), old.revision, old.changed_ms);
        all.insert(key.clone(), Arc::new(StoredFlag { definition, revision, changed_ms, flag }));
    }
    Ok(all)
}
