//! Archived flags: deleted, with their keys reserved for a while.

use std::collections::BTreeMap;
use std::sync::Arc;

use vitrine_kit::clock::rfc3339;
use vitrine_platform_store::{Document as _, Query, Store, Tx};

use super::apply::Stamp;
use super::edit::Edit;
use super::set::DEFAULT_SET;
use super::{Error, FlagStore, InForce};
use crate::Written;
use crate::audit::Action;
use crate::documents::{ArchivedDocument, FlagDocument};
use crate::operation::{Author, Operation};

/// By the ids of their documents.
pub(super) type Archived = BTreeMap<String, ArchivedDocument>;

/// Reads what is kept.
pub(super) async fn load(store: &Store) -> Result<Arc<Archived>, Error> {
    let kept = store.find_all::<ArchivedDocument>(Query::all()).await?;
    Ok(Arc::new(kept.into_iter().map(|found| (found.doc.id().into_owned(), found.doc)).collect()))
}

impl FlagStore {
    /// Archives a flag of the default set: nobody is served it any more, and its key is reserved for 90 days. To undo it brings it back.
    pub async fn archive(&self, author: Author, key: &str, expected: u64) -> Result<Written, Error> {
        self.make(author, DEFAULT_SET, &Operation::Archive { key: key.to_owned(), revision: expected }).await
    }
}

impl InForce {
    /// Whether a key is that of a flag of the default set that was archived not long ago.
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
    before: &Arc<Archived>,
    edits: &[Edit],
    action: Action,
    stamp: Stamp<'_>,
) -> Result<Arc<Archived>, Error> {
    let Stamp { set, revision, at_ms } = stamp;
    let mut archived = before.clone();
    if archived.values().any(|old| at_ms >= old.reserved_until_ms()) {
        Arc::make_mut(&mut archived).retain(|_, old| at_ms < old.reserved_until_ms());
    }
    for edit in edits {
        let Some(key) = &edit.key else { continue };
        let id = FlagDocument::id_of(set, key);
        match (&edit.definition, archived.get(&*id)) {
            (Some(_), Some(old)) if action != Action::Undo => {
                let (until, revision) = (rfc3339(old.reserved_until_ms()), old.revision);
                return Err(Error::InUse(format!(
                    "the key {key:?} is reserved until {until}, because its flag was archived: undo revision {revision}, or choose another key"
                )));
            }
            (Some(_), Some(_)) => {
                Arc::make_mut(&mut archived).remove(&*id);
            }
            (None, _) if action == Action::Archive => {
                let (set, key) = (set.to_owned(), key.clone());
                let document = ArchivedDocument { set, key, revision, archived_ms: at_ms };
                Arc::make_mut(&mut archived).insert(id.into_owned(), document);
            }
            _ => {}
        }
    }
    Ok(archived)
}

/// Keeps what a change archived, or took out of the archive.
pub(super) fn keep(tx: &mut Tx, before: &Archived, after: &Archived) {
    before.keys().filter(|id| !after.contains_key(*id)).for_each(|id| tx.delete::<ArchivedDocument>(id));
    after.iter().filter(|(id, document)| before.get(*id) != Some(document)).for_each(|(_, document)| tx.put(document));
}
