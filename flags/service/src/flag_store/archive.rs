//! Archived flags: deleted, with their keys reserved for a while.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vitrine_flags_engine::Mode;
use vitrine_kit::clock::rfc3339;
use vitrine_platform_store::{Document, Index, Keys, Tx};

use super::change::{Author, Edit, Written, expect};
use super::{Error, FlagStore, InForce};
use crate::audit::Action;
use crate::lifecycle::RESERVED_MS;

/// A flag that was archived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ArchivedDocument {
    pub(crate) key: String,
    /// The revision that archived it: to undo it brings the flag back.
    pub(crate) revision: u64,
    pub(crate) archived_ms: i64,
}

impl Document for ArchivedDocument {
    const COLLECTION: &'static str = "archived";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.key)
    }
    fn keys(&self, _: &mut Keys) {}
}

impl ArchivedDocument {
    pub(crate) fn reserved_until_ms(&self) -> i64 {
        self.archived_ms.saturating_add(RESERVED_MS)
    }
}

pub(super) type Archived = BTreeMap<String, ArchivedDocument>;

impl FlagStore {
    /// Archives a flag: nobody is served it any more, and its key is reserved for 90 days. To undo it brings it back.
    pub async fn archive(&self, author: Author, key: &str, expected: u64) -> Result<Written, Error> {
        self.change(author, Action::Archive, Mode::Lenient, |now| {
            expect(now, key, expected)?;
            if now.stored(key).is_none() {
                return Err(Error::NotFound(format!("there is no flag {key:?}")));
            }
            Ok(vec![Edit { key: Some(key.to_owned()), definition: None }])
        })
        .await
    }
}

impl InForce {
    /// Whether a key is that of a flag that was archived not long ago.
    pub(crate) fn is_reserved(&self, key: &str, now_ms: i64) -> bool {
        self.archived.get(key).is_some_and(|archived| now_ms < archived.reserved_until_ms())
    }

    /// The flags that were archived.
    pub(crate) fn archived(&self) -> impl Iterator<Item = &ArchivedDocument> {
        self.archived.values()
    }
}

/// What is archived after a change. A key that is reserved is no new flag's; to take the archiving back is allowed.
pub(super) fn after(
    now: &InForce,
    edits: &[Edit],
    action: Action,
    revision: u64,
    at_ms: i64,
) -> Result<Archived, Error> {
    let mut archived = now.archived.clone();
    for edit in edits {
        let Some(key) = &edit.key else { continue };
        match (&edit.definition, archived.get(key)) {
            (Some(_), Some(old)) if action != Action::Undo && at_ms < old.reserved_until_ms() => {
                let (until, revision) = (rfc3339(old.reserved_until_ms()), old.revision);
                return Err(Error::InUse(format!(
                    "the key {key:?} is reserved until {until}, because its flag was archived: undo revision {revision}, or choose another key"
                )));
            }
            (Some(_), Some(_)) => {
                archived.remove(key);
            }
            (None, _) if action == Action::Archive => {
                let document = ArchivedDocument { key: key.clone(), revision, archived_ms: at_ms };
                archived.insert(key.clone(), document);
            }
            _ => {}
        }
    }
    Ok(archived)
}

/// Keeps what a change archived, or took out of the archive.
pub(super) fn keep(tx: &mut Tx, before: &Archived, after: &Archived) {
    before.keys().filter(|key| !after.contains_key(*key)).for_each(|key| tx.delete::<ArchivedDocument>(key));
    after
        .iter()
        .filter(|(key, document)| before.get(*key) != Some(document))
        .for_each(|(_, document)| tx.put(document));
}
