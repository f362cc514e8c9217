//! What is kept: flags as their authors wrote them, what they share, the audit, and tokens.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vitrine_platform_store::{Document, Index, Keys, Schema};

use crate::audit::Entry;
use crate::faults::{ControlDocument, IncidentDocument};

/// Id of the one document that says how far the changes are.
pub(crate) const HEAD: &str = "head";
/// Id of the one document of what flags share.
pub(crate) const SHARED: &str = "shared";

/// What the database holds.
pub(crate) fn schema() -> Schema {
    Schema::new()
        .with::<HeadDocument>()
        .with::<FlagDocument>()
        .with::<SharedDocument>()
        .with::<EntryDocument>()
        .with::<TouchDocument>()
        .with::<TokenDocument>()
        .with::<IncidentDocument>()
        .with::<ControlDocument>()
}

/// The last change. Each change writes it, so that two processes cannot make the same one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct HeadDocument {
    pub(crate) revision: u64,
    /// The hash of the last entry of the audit, in hexadecimal.
    pub(crate) hash: String,
    pub(crate) changed_ms: i64,
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
        Cow::Borrowed(&self.key)
    }
    fn keys(&self, _: &mut Keys) {}
}

/// `$evaluators` and `metadata`, as they were written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SharedDocument {
    pub(crate) definition: String,
    pub(crate) revision: u64,
}

impl Document for SharedDocument {
    const COLLECTION: &'static str = "shared";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        SHARED.into()
    }
    fn keys(&self, _: &mut Keys) {}
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct EntryDocument(pub(crate) Entry);

/// The id of a revision's entry: ids are texts, and in the order of the revisions.
pub(crate) fn entry_id(revision: u64) -> String {
    format!("{revision:020}")
}

impl Document for EntryDocument {
    const COLLECTION: &'static str = "audit";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        entry_id(self.0.revision).into()
    }
    fn keys(&self, _: &mut Keys) {}
}

/// Says that a revision changed a flag: by it a flag's history is found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TouchDocument {
    pub(crate) key: String,
    pub(crate) revision: u64,
    /// Which of the revision's changes it is.
    pub(crate) number: usize,
}

impl Document for TouchDocument {
    const COLLECTION: &'static str = "touches";
    const INDEXES: &'static [Index] = &[Index::ordered("flag")];
    fn id(&self) -> Cow<'_, str> {
        format!("{}-{:05}", entry_id(self.revision), self.number).into()
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
