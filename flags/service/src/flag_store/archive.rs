//! Archived flags: deleted, with their keys reserved for a while.

use std::collections::BTreeMap;

use vitrine_kit::clock::rfc3339;
use vitrine_platform_store::Tx;

use super::{Error, InForce};
use crate::audit::Action;
use crate::documents::ArchivedDocument;

pub(super) type Archived = BTreeMap<String, ArchivedDocument>;

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

/// What is archived after a change of flags, each with whether it is written or deleted. A key that is reserved is no new flag's; to take the archiving back is allowed.
pub(super) fn after<'e>(
    before: &Archived,
    edits: impl Iterator<Item = (&'e str, bool)>,
    action: Action,
    revision: u64,
    at_ms: i64,
) -> Result<Archived, Error> {
    let mut archived = before.clone();
    archived.retain(|_, old| at_ms < old.reserved_until_ms());
    for (key, is_written) in edits {
        match (is_written, archived.get(key)) {
            (true, Some(old)) if action != Action::Undo => {
                let (until, revision) = (rfc3339(old.reserved_until_ms()), old.revision);
                return Err(Error::InUse(format!(
                    "the key {key:?} is reserved until {until}, because its flag was archived: undo revision {revision}, or choose another key"
                )));
            }
            (true, Some(_)) => {
                archived.remove(key);
            }
            (false, _) if action == Action::Archive => {
                let document = ArchivedDocument { key: key.to_owned(), revision, archived_ms: at_ms };
                archived.insert(key.to_owned(), document);
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
