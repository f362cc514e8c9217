//! Who changed what, when and why: entries, each with the hash of the one before, so that none can be altered or left out unseen.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The hash before the first entry.
pub(crate) const GENESIS: &str = "";

/// A change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Its number: changes are counted from 1.
    pub revision: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Whose token it was.
    pub who: String,
    /// The reason that was given.
    pub why: String,
    /// What was done.
    pub action: Action,
    /// The set of flags that it is about; empty for the default set.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub set: String,
    /// What became of each flag.
    pub changes: Vec<Changed>,
    /// What else it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// The hash of the entry before, in hexadecimal.
    pub previous: String,
    /// SHA-256 of all of the above, in hexadecimal.
    pub hash: String,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// A flag was written, or what flags share.
    Set,
    /// A flag was deleted.
    Delete,
    /// A definition was taken in.
    Import,
    /// A file's definition was taken.
    File,
    /// A change was taken back.
    Undo,
    /// A flag was deleted, and its key reserved.
    Archive,
    /// Flags were taken from another set.
    Promote,
    /// A roll-out was begun.
    RollOut,
    /// A roll-out went on.
    Step,
    /// A roll-out is paused.
    Pause,
    /// A roll-out goes on after it was paused or stopped.
    Resume,
    /// A roll-out was taken back.
    Revert,
    /// A roll-out was stopped by its guard or a change from elsewhere.
    Stop,
    /// A roll-out waits for its guard, or does no longer.
    Hold,
    /// A change was planned.
    Schedule,
    /// A change was proposed for approval, or what is proposed is another.
    Propose,
    /// A proposed change was approved.
    Approve,
    /// A proposed change was turned down.
    Reject,
    /// Something planned was taken away.
    Cancel,
    /// A change that was planned could not be made.
    Fail,
}

impl Action {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Delete => "delete",
            Self::Import => "import",
            Self::File => "file",
            Self::Undo => "undo",
            Self::Archive => "archive",
            Self::Promote => "promote",
            Self::RollOut => "rollout",
            Self::Step => "step",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Revert => "revert",
            Self::Stop => "stop",
            Self::Hold => "hold",
            Self::Schedule => "schedule",
            Self::Propose => "propose",
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Cancel => "cancel",
            Self::Fail => "fail",
        }
    }
}

/// What became of a flag, or of what flags share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    /// The flag; none for what flags share.
    pub key: Option<String>,
    /// Its definition before; none if it was not there.
    pub before: Option<String>,
    /// Its definition since; none if it is gone.
    pub after: Option<String>,
}

impl Entry {
    /// The same with its hash.
    pub(crate) fn sealed(mut self) -> Self {
        self.hash = self.expected_hash();
        self
    }

    /// The hash that it must have. What is hashed are the texts with their lengths, so that no two entries read alike.
    fn expected_hash(&self) -> String {
        let mut hasher = Sha256::new();
        let mut text = |text: &str| {
            hasher.update((text.len() as u64).to_be_bytes());
            hasher.update(text);
        };
        text(&self.previous);
        text(&self.revision.to_string());
        text(&self.at_ms.to_string());
        text(&self.who);
        text(&self.why);
        text(self.action.name());
        // What entries had not from the beginning is hashed only where it is there, each under a name that nothing else begins with.
        if !self.set.is_empty() {
            text("set");
            text(&self.set);
        }
        for change in &self.changes {
            for part in [&change.key, &change.before, &change.after] {
                text(if part.is_some() { "+" } else { "-" });
                text(part.as_deref().unwrap_or_default());
            }
        }
        if let Some(about) = &self.about {
            text("about");
            text(about);
        }
        hex::encode(hasher.finalize())
    }
}

/// Goes through entries in order, and says of which it is not true that it follows the one before.
#[derive(Debug)]
pub(crate) struct Verifier {
    revision: u64,
    hash: String,
}

impl Default for Verifier {
    fn default() -> Self {
        Self { revision: 0, hash: GENESIS.to_owned() }
    }
}

impl Verifier {
    /// Takes the next entry.
    pub(crate) fn next(&mut self, entry: &Entry) -> Result<(), String> {
        if entry.revision != self.revision + 1 {
            return Err(format!("revision {} follows {}", entry.revision, self.revision));
        }
        if entry.previous != self.hash {
            return Err(format!("revision {} does not follow the entry before it", entry.revision));
        }
        if entry.hash != entry.expected_hash() {
            return Err(format!("revision {} was altered", entry.revision));
        }
        self.revision = entry.revision;
        self.hash.clone_from(&entry.hash);
        Ok(())
    }

    /// Whether all entries were seen.
    pub(crate) fn ends_at(&self, revision: u64, hash: &str) -> Result<(), String> {
        if (self.revision, self.hash.as_str()) == (revision, hash) {
            return Ok(());
        }
        Err(format!("the entries end at revision {}, and the last change was {revision}", self.revision))
    }
}
