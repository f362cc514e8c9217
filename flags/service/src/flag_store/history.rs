//! What was changed, read back.

use serde::Serialize;
use vitrine_platform_store::Query;

use super::set::DEFAULT_SET;
use super::{Error, FlagStore};
use crate::audit::{Entry, Verifier};
use crate::documents::{EntryDocument, FlagDocument, HEAD, HeadDocument, TouchDocument, number_id};

/// Most entries of one answer.
pub const MAX_ENTRIES: usize = 200;

/// Whether the audit is whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// How many entries were read.
    pub entries: u64,
    /// What is wrong with the first that is not as it must be.
    pub broken: Option<String>,
}

impl FlagStore {
    /// The entry of a revision.
    pub async fn entry(&self, revision: u64) -> Result<Entry, Error> {
        let found = self.store.get::<EntryDocument>(&number_id(revision)).await?;
        found.map(|found| found.doc.0).ok_or_else(|| Error::NotFound(format!("there is no revision {revision}")))
    }

    /// The last entries, the latest first; of one flag of the default set if it is named. At most [`MAX_ENTRIES`].
    pub async fn history(&self, key: Option<&str>, limit: usize) -> Result<Vec<Entry>, Error> {
        self.history_of(DEFAULT_SET, key, limit).await
    }

    /// The same, of a flag of any set.
    pub async fn history_of(&self, set: &str, key: Option<&str>, limit: usize) -> Result<Vec<Entry>, Error> {
        let limit = limit.min(MAX_ENTRIES);
        let Some(key) = key else {
            let found = self.store.find::<EntryDocument>(Query::all().descending().limit(limit)).await?;
            return Ok(found.items.into_iter().map(|found| found.doc.0).collect());
        };
        let touches = self
            .store
            .find::<TouchDocument>(
                Query::eq("flag", FlagDocument::id_of(set, key).into_owned()).descending().limit(limit),
            )
            .await?;
        let ids: Vec<String> = touches.items.iter().map(|touch| number_id(touch.revision)).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let found = self.store.get_many::<EntryDocument>(&ids).await?;
        Ok(found.into_iter().map(|found| only(found.doc.0, key)).collect())
    }

    /// Reads all entries, and says whether each follows the one before and the last is the last change.
    pub async fn verify(&self) -> Result<Verified, Error> {
        let _unchanged = self.changing.lock().await;
        let head = self.store.get::<HeadDocument>(HEAD).await?.map(|head| head.doc).unwrap_or_default();
        let mut verifier = Verifier::default();
        let mut entries = 0;
        let mut cursor: Option<String> = None;
        loop {
            let query = Query::all().limit(MAX_ENTRIES).cursor(cursor.as_deref());
            let page = self.store.find::<EntryDocument>(query).await?;
            for found in &page.items {
                if let Err(broken) = verifier.next(&found.doc.0) {
                    return Ok(Verified { entries, broken: Some(broken) });
                }
                entries += 1;
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(Verified { entries, broken: verifier.ends_at(head.revision, &head.hash).err() });
            }
        }
    }
}

/// An entry with what it did to one flag.
fn only(mut entry: Entry, key: &str) -> Entry {
    entry.changes.retain(|changed| changed.key.as_deref() == Some(key));
    entry
}
