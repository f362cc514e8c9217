//! What is kept: flags as their authors wrote them, what they share, the audit, and tokens.

mod file;
mod plans;
mod reads;
mod request;
mod rollout;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vitrine_platform_store::{Document, Index, Keys, Schema};

use crate::audit::Entry;
use crate::faults::{ControlDocument, IncidentDocument};
use crate::lifecycle::RESERVED_MS;

pub(crate) use file::{FILE, FileDocument};
pub use plans::Schedule;
pub(crate) use reads::{DeclarationDocument, UsageDocument, fits};
pub use request::{Approval, ChangeRequest, RequestState};
pub use rollout::{RollOut, RollOutState};

/// Id of the one document that says how far the changes are.
pub(crate) const HEAD: &str = "head";
/// Id of the document of what the flags of the default set share.
const SHARED: &str = "shared";
/// What ids of other sets' documents are put together with. No key of a flag begins with it.
pub(crate) const SEPARATOR: char = '\u{1f}';

/// What the database holds.
pub(crate) fn schema() -> Schema {
    Schema::new()
        .with::<DeclarationDocument>()
        .with::<UsageDocument>()
        .with::<ArchivedDocument>()
        .with::<HeadDocument>()
        .with::<FlagDocument>()
        .with::<SharedDocument>()
        .with::<EntryDocument>()
        .with::<TouchDocument>()
        .with::<TokenDocument>()
        .with::<IncidentDocument>()
        .with::<ControlDocument>()
        .with::<Schedule>()
        .with::<RollOut>()
        .with::<FileDocument>()
        .with::<ChangeRequest>()
}

/// The last change. Each change writes it, so that two processes cannot make the same one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct HeadDocument {
    pub(crate) revision: u64,
    /// The hash of the last entry of the audit, in hexadecimal.
    pub(crate) hash: String,
    /// When flags were changed last.
    pub(crate) changed_ms: i64,
    /// The last revision that changed a flag; none if that is the last one, as it was before there were others.
    #[serde(default)]
    pub(crate) in_force: Option<u64>,
}

impl HeadDocument {
    /// The last revision that changed a flag.
    pub(crate) fn in_force(&self) -> u64 {
        self.in_force.unwrap_or(self.revision)
    }
}

impl Document for HeadDocument {
    const COLLECTION: &'static str = "head";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        HEAD.into()
    }
    fn keys(&self, _: &mut Keys) {}
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct FlagDocument {
    /// The set that it is of; empty for the default set, as it was before there were others.
    #[serde(default)]
    pub(crate) set: String,
    pub(crate) key: String,
    /// The definition as it was written.
    pub(crate) definition: String,
    /// The revision that wrote it.
    pub(crate) revision: u64,
    pub(crate) changed_ms: i64,
}

impl Document for FlagDocument {
    const COLLECTION: &'static str = "flags";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        Self::id_of(&self.set, &self.key)
    }
    fn keys(&self, _: &mut Keys) {}
}

impl FlagDocument {
    /// The id of a flag's document: in the default set its key, which is how it was before there were others.
    pub(crate) fn id_of<'k>(set: &str, key: &'k str) -> Cow<'k, str> {
        if set.is_empty() { key.into() } else { format!("{SEPARATOR}{set}{SEPARATOR}{key}").into() }
    }
}

/// `$evaluators` and `metadata`, as they were written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SharedDocument {
    /// The set whose flags share it.
    #[serde(default)]
    pub(crate) set: String,
    pub(crate) definition: String,
    pub(crate) revision: u64,
}

impl Document for SharedDocument {
    const COLLECTION: &'static str = "shared";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        if self.set.is_empty() { SHARED.into() } else { format!("{SHARED}{SEPARATOR}{}", self.set).into() }
    }
    fn keys(&self, _: &mut Keys) {}
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct EntryDocument(pub(crate) Entry);

/// The id of what is known by a revision: ids are texts, and in the order of the revisions.
pub(crate) fn number_id(revision: u64) -> String {
    format!("{revision:020}")
}

impl Document for EntryDocument {
    const COLLECTION: &'static str = "audit";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        number_id(self.0.revision).into()
    }
    fn keys(&self, _: &mut Keys) {}
}

/// Says that a revision changed a flag: by it a flag's history is found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TouchDocument {
    /// The id of the flag's document.
    pub(crate) key: String,
    pub(crate) revision: u64,
    /// Which of the revision's changes it is.
    pub(crate) number: usize,
}

impl Document for TouchDocument {
    const COLLECTION: &'static str = "touches";
    const INDEXES: &'static [Index] = &[Index::ordered("flag")];
    fn id(&self) -> Cow<'_, str> {
        format!("{}-{:05}", number_id(self.revision), self.number).into()
    }
    fn keys(&self, out: &mut Keys) {
        out.put("flag", self.key.as_str());
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TokenDocument {
    /// By what it is named and taken back.
    pub(crate) name: String,
    pub(crate) role: crate::role::Role,
    /// The set of flags for which alone it is.
    #[serde(default)]
    pub(crate) set: Option<String>,
    /// Whether it is for faults, too.
    #[serde(default)]
    pub(crate) faults: bool,
    /// SHA-256 of the token, in hexadecimal. The token itself is nowhere.
    pub(crate) hash: String,
    pub(crate) created_ms: i64,
}

impl Document for TokenDocument {
    const COLLECTION: &'static str = "tokens";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.name)
    }
    fn keys(&self, _: &mut Keys) {}
}

/// A flag that was archived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ArchivedDocument {
    /// The set that it was of.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) set: String,
    pub(crate) key: String,
    /// The revision that archived it: to undo it brings the flag back.
    pub(crate) revision: u64,
    pub(crate) archived_ms: i64,
}

impl Document for ArchivedDocument {
    const COLLECTION: &'static str = "archived";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        FlagDocument::id_of(&self.set, &self.key)
    }
    fn keys(&self, _: &mut Keys) {}
}

impl ArchivedDocument {
    pub(crate) fn reserved_until_ms(&self) -> i64 {
        self.archived_ms.saturating_add(RESERVED_MS)
    }
}
