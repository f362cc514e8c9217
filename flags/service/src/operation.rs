//! What can be asked for: changes as values, which are made at once, kept for later, or approved first.

use serde::{Deserialize, Serialize};

use crate::audit::Action;
use crate::flag_store::Error;
use crate::rollout::RollOutPlan;

/// Who changes something, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// Whose token it is.
    pub who: String,
    /// The reason, which must be given.
    pub why: String,
}

/// Longest reason, in bytes.
const MAX_WHY_BYTES: usize = 1_000;

impl Author {
    /// Refuses one who gives no reason, or a novel.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.why.trim().is_empty() || self.why.len() > MAX_WHY_BYTES {
            return Err(Error::Invalid(format!("why: a reason of 1 to {MAX_WHY_BYTES} bytes is expected")));
        }
        Ok(())
    }
}

/// What an import does with flags that it does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Import {
    /// They stay.
    Merge,
    /// They are deleted.
    Replace,
}

/// A change of the flags of one set. Revisions are those at which its author read what it changes; 0 for what is new.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Operation {
    /// Writes a flag.
    Write {
        /// The flag.
        key: String,
        /// Its definition.
        definition: String,
        /// The flag's revision.
        revision: u64,
    },
    /// Enables or disables a flag, and leaves the rest of its definition as it was written.
    Switch {
        /// The flag.
        key: String,
        /// Whether its state is to be `ENABLED`.
        enabled: bool,
        /// The flag's revision.
        revision: u64,
    },
    /// Deletes a flag.
    Delete {
        /// The flag.
        key: String,
        /// The flag's revision.
        revision: u64,
    },
    /// Deletes a flag, and reserves its key.
    Archive {
        /// The flag.
        key: String,
        /// The flag's revision.
        revision: u64,
    },
    /// Writes what flags share: `$evaluators` and `metadata`.
    Share {
        /// An object with these members.
        definition: String,
        /// The revision of what is shared.
        revision: u64,
    },
    /// Writes a segment: a rule with a name in `$evaluators`.
    Segment {
        /// Its name.
        name: String,
        /// The rule; none to delete the segment.
        rule: Option<String>,
        /// The revision of what flags share.
        revision: u64,
    },
    /// Takes a whole definition in: flags, and what they share if it says something of it.
    Import {
        /// The definition.
        definition: String,
        /// What becomes of other flags.
        import: Import,
        /// Whether what flagd takes though it cannot work is taken, too.
        lenient: bool,
    },
    /// Takes a change back: what it changed is as it was before, unless it was changed since.
    Undo {
        /// The change's revision.
        entry: u64,
    },
    /// Writes flags of another set as they are there.
    Promote {
        /// The set from which they are taken.
        from: String,
        /// The flags.
        flags: Vec<Promoted>,
    },
    /// Begins to put one variant of a flag in the place of another.
    RollOut {
        /// The flag.
        key: String,
        /// The flag's revision.
        revision: u64,
        /// How.
        plan: RollOutPlan,
    },
}

/// A flag that goes from one set to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promoted {
    /// The flag.
    pub key: String,
    /// Its revision in the set from which it is taken.
    pub from: u64,
    /// Its revision in the set into which it goes; 0 where it is not there.
    pub to: u64,
}

impl Operation {
    /// What the audit calls it.
    pub(crate) fn action(&self) -> Action {
        match self {
            Self::Write { .. } | Self::Switch { .. } | Self::Share { .. } | Self::Segment { .. } => Action::Set,
            Self::Delete { .. } => Action::Delete,
            Self::Archive { .. } => Action::Archive,
            Self::Import { .. } => Action::Import,
            Self::Undo { .. } => Action::Undo,
            Self::Promote { .. } => Action::Promote,
            Self::RollOut { .. } => Action::RollOut,
        }
    }

    /// Makes it a change for another revision of a flag, or of what flags share, if it was for this one. Returns whether it was.
    pub(crate) fn rebase(&mut self, changed: Option<&str>, from: u64, to: u64) -> bool {
        let revision = match self {
            Self::Write { key, revision, .. }
            | Self::Switch { key, revision, .. }
            | Self::Delete { key, revision }
            | Self::Archive { key, revision }
            | Self::RollOut { key, revision, .. } => Some(revision).filter(|_| changed == Some(key.as_str())),
            Self::Share { revision, .. } | Self::Segment { revision, .. } => {
                Some(revision).filter(|_| changed.is_none())
            }
            Self::Promote { flags, .. } => {
                flags.iter_mut().find(|flag| changed == Some(flag.key.as_str())).map(|flag| &mut flag.to)
            }
            Self::Import { .. } | Self::Undo { .. } => None,
        };
        match revision {
            Some(revision) if *revision == from => {
                *revision = to;
                true
            }
            _ => false,
        }
    }

    /// What it does, in a few words.
    pub fn summary(&self) -> String {
        match self {
            Self::Write { key, .. } => format!("write {key:?}"),
            Self::Switch { key, enabled: true, .. } => format!("enable {key:?}"),
            Self::Switch { key, .. } => format!("disable {key:?}"),
            Self::Delete { key, .. } => format!("delete {key:?}"),
            Self::Archive { key, .. } => format!("archive {key:?}"),
            Self::Segment { name, rule: Some(_), .. } => format!("write segment {name:?}"),
            Self::Segment { name, .. } => format!("delete segment {name:?}"),
            Self::Share { .. } => "write what flags share".to_owned(),
            Self::Import { import: Import::Merge, .. } => "take in a definition".to_owned(),
            Self::Import { .. } => "take in a definition in place of all flags".to_owned(),
            Self::Undo { entry } => format!("take back revision {entry}"),
            Self::RollOut { key, plan, .. } => format!("roll {key:?} out from {:?} to {:?}", plan.from, plan.to),
            Self::Promote { from, flags } => {
                let keys: Vec<&str> = flags.iter().map(|flag| flag.key.as_str()).collect();
                format!("promote {} from {}", listed(&keys), set_name(from))
            }
        }
    }
}

/// A set in words.
pub(crate) fn set_name(set: &str) -> String {
    if set.is_empty() { "the default set".to_owned() } else { format!("the set {set:?}") }
}

/// Most names that a text tells.
const MAX_NAMED: usize = 10;

/// Names in words; of many, the first ones.
pub(crate) fn listed<N: AsRef<str>>(names: &[N]) -> String {
    let told: Vec<String> = names.iter().take(MAX_NAMED).map(|name| format!("{:?}", name.as_ref())).collect();
    let more = names.len().saturating_sub(MAX_NAMED);
    if more > 0 { format!("{} and {more} more", told.join(", ")) } else { told.join(", ") }
}
