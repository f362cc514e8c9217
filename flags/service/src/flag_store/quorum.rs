//! How many others must approve a change before it is made.
//!
//! A flag's metadata says it (`quorum`), else its set's, else the process's settings. What counts is what is in force before the change: else one
//! change could take the need away, and be made by its author alone.

use vitrine_flags_engine::json::{Json, Kind};

use super::edit::Edit;
use super::set::SetInForce;
use super::{Error, InForce};
use crate::operation::set_name;

/// The member of metadata.
pub(super) const QUORUM: &str = "quorum";
/// Most approvals that can be asked for.
pub const MAX_QUORUM: u32 = 10;

/// What a member of metadata asks for; none if it is not a whole number up to the most.
fn read(member: &Json<'_>) -> Option<u32> {
    match &member.kind {
        Kind::Number(number, _) => (0..=MAX_QUORUM).find(|quorum| f64::from(*quorum) == *number),
        _ => None,
    }
}

/// Refuses metadata that would ask for nothing because it is written wrong.
pub(super) fn check(about: &str, member: Option<&Json<'_>>) -> Result<(), Error> {
    match member {
        Some(member) if read(member).is_none() => Err(Error::Invalid(format!(
            "{about}: metadata: {QUORUM} is a whole number, {MAX_QUORUM} at most, and not {member}"
        ))),
        _ => Ok(()),
    }
}

/// What flags of a set need that say nothing themselves.
fn of_set(set: &SetInForce, usual: u32) -> u32 {
    set.snapshot.set().metadata_member(QUORUM).and_then(read).unwrap_or(usual)
}

/// How many must approve these edits, and what it is that needs them.
pub(super) fn needed(now: &InForce, name: &str, edits: &[Edit], usual: u32) -> (u32, String) {
    let Some(set) = now.set(name) else { return (usual, set_name(name)) };
    let of_flag = |key: &str| {
        let flag = set.snapshot.get(key);
        flag.and_then(|flag| flag.metadata_member(QUORUM)).and_then(read).unwrap_or_else(|| of_set(set, usual))
    };
    let need = |edit: &Edit| match &edit.key {
        Some(key) => (of_flag(key), format!("flag {key:?}")),
        // What flags share changes all of them.
        None => {
            let of_flags = set.snapshot.flags().map(|flag| of_flag(flag.key())).max();
            (of_set(set, usual).max(of_flags.unwrap_or(0)), "what flags share".to_owned())
        }
    };
    edits.iter().map(need).max_by_key(|(quorum, _)| *quorum).unwrap_or((0, set_name(name)))
}
