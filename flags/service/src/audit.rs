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
    /// What became of each flag.
    pub changes: Vec<Changed>,
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
    /// A change was taken back.
    Undo,
    /// A flag was deleted, and its key reserved.
    Archive,
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
        text(match self.action {
            Action::Set => "set",
            Action::Delete => "delete",
            Action::Import => "import",
            Action::Undo => "undo",
            Action::Archive => "archive",
        });
        for change in &self.changes {
            for part in [&change.key, &change.before, &change.after] {
                text(if part.is_some() { "+" } else { "-" });
                text(part.as_deref().unwrap_or_default());
            }
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
