//! A change: checked, committed with its audit entry, then put in force.

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::MutexGuard;
use vitrine_flags_engine::{Finding, Mode};
use vitrine_platform_store::{Stored, Tx};

use super::apply::{Stamp, apply};
use super::edit::Edit;
use super::set::SetInForce;
use super::{Error, FlagStore, InForce, archive, load};
use crate::audit::{Action, Changed, Entry, GENESIS};
use crate::documents::{EntryDocument, FlagDocument, HeadDocument, SharedDocument, TouchDocument};
use crate::operation::Author;

/// A change that was made.
#[derive(Clone, Debug, Serialize)]
pub struct Written {
    /// Its revision.
    pub revision: u64,
    /// What the author should know.
    pub findings: Vec<Finding>,
}

/// Something that is written with a change.
pub(crate) type Write = Box<dyn FnOnce(&mut Tx) + Send>;

/// What is to be committed: edits of a set, and documents that change with them.
pub(crate) struct Transition {
    pub(crate) action: Action,
    /// What it is about, besides the flags; for the audit.
    pub(crate) about: Option<String>,
    pub(crate) set: String,
    pub(crate) mode: Mode,
    pub(crate) edits: Vec<Edit>,
    pub(crate) writes: Vec<Write>,
}

impl Transition {
    /// One that changes no flag, and tells of something else.
    pub(crate) fn telling(action: Action, set: &str, about: String) -> Self {
        let (set, mode, about) = (set.to_owned(), Mode::Lenient, Some(about));
        Self { action, about, set, mode, edits: Vec::new(), writes: Vec::new() }
    }

    /// The same with something more that is written.
    pub(crate) fn with(mut self, write: impl FnOnce(&mut Tx) + Send + 'static) -> Self {
        self.writes.push(Box::new(write));
        self
    }
}

/// The right to change: nobody else changes anything as long as it is there.
pub(crate) struct Changing<'s> {
    pub(super) flags: &'s FlagStore,
    head: MutexGuard<'s, Option<Stored<HeadDocument>>>,
    /// The flags in force.
    pub(crate) now: Arc<InForce>,
}

impl FlagStore {
    /// Waits until nobody else changes anything.
    pub(crate) async fn begin(&self) -> Changing<'_> {
        let head = self.changing.lock().await;
        Changing { flags: self, head, now: self.current() }
    }
}

impl Changing<'_> {
    /// The number that the change will have.
    pub(crate) fn revision(&self) -> u64 {
        self.head.as_ref().map_or(0, |head| head.doc.revision) + 1
    }

    /// The revision of a flag, or of what flags share; 0 where it is not there.
    pub(crate) fn revision_of(&self, set: &str, key: Option<&str>) -> u64 {
        let set = self.now.set(set);
        match key {
            Some(key) => set.and_then(|set| set.stored(key)).map_or(0, |stored| stored.revision),
            None => set.map_or(0, |set| set.shared().1),
        }
    }

    /// Returns what the author of edits should know, if they can be made now.
    pub(super) fn check_edits(&self, set: &str, edits: &[Edit], mode: Mode) -> Result<Vec<Finding>, Error> {
        if edits.is_empty() {
            return Ok(Vec::new());
        }
        let stamp = Stamp { set, revision: self.revision(), at_ms: self.flags.now_ms() };
        Ok(apply(&self.now, edits, mode, stamp)?.1)
    }

    /// Commits and puts in force. What changes nothing at all leaves no entry.
    pub(crate) async fn commit(mut self, author: Author, transition: Transition) -> Result<Written, Error> {
        author.check()?;
        let Transition { action, about, set, mode, edits, writes } = transition;
        let fresh = SetInForce::default();
        let before = self.now.set(&set).map_or(&fresh, Arc::as_ref);
        if edits.is_empty() && writes.is_empty() {
            return Ok(Written { revision: self.now.revision, findings: Vec::new() });
        }
        let stamp = Stamp { set: &set, revision: self.revision(), at_ms: self.flags.now_ms() };
        let (next, findings) = match edits.is_empty() {
            true => (None, Vec::new()),
            false => {
                let (next, findings) = apply(&self.now, &edits, mode, stamp)?;
                let archived = archive::after(&self.now.archived, &edits, action, stamp)?;
                (Some(InForce { archived, ..next }), findings)
            }
        };
        let head = self.head.as_ref().map(|head| &head.doc);
        let entry = Entry {
            revision: stamp.revision,
            at_ms: stamp.at_ms,
            who: author.who,
            why: author.why,
            action,
            set: set.clone(),
            changes: edits.into_iter().map(|edit| changed(before, edit)).collect(),
            about,
            previous: head.map_or(GENESIS, |head| &head.hash).to_owned(),
            hash: String::new(),
        };
        let entry = entry.sealed();
        let (in_force, changed_ms) = match &next {
            Some(next) => (next.revision, next.changed_ms),
            None => (self.now.revision, self.now.changed_ms),
        };
        let hash = entry.hash.clone();
        let doc = HeadDocument { revision: stamp.revision, hash, changed_ms, in_force: Some(in_force) };
        let is_planned = !writes.is_empty();
        let mut tx = self.tx(&doc, entry, writes);
        if let Some(next) = &next {
            archive::keep(&mut tx, &self.now.archived, &next.archived);
        }
        if let Err(error) = tx.commit().await {
            // Whether it was kept may be unknown, and another process may have been first: what is in force is what is kept.
            let (kept_head, in_force) = load(&self.flags.store).await?;
            *self.head = kept_head;
            self.flags.current.send_replace(Arc::new(in_force));
            return Err(error.into());
        }
        let version = self.head.as_ref().map_or(1, |head| head.version + 1);
        *self.head = Some(Stored { doc, version });
        if let Some(next) = next {
            self.flags.current.send_replace(Arc::new(next));
        }
        if is_planned {
            self.flags.planned.notify_one();
        }
        Ok(Written { revision: stamp.revision, findings })
    }

    fn tx(&self, doc: &HeadDocument, entry: Entry, writes: Vec<Write>) -> Tx {
        let mut tx = self.flags.store.begin();
        match self.head.as_ref() {
            Some(head) => tx.update(&Stored { doc: doc.clone(), version: head.version }),
            None => tx.insert(doc),
        }
        let (set, revision) = (&entry.set, entry.revision);
        for (number, changed) in entry.changes.iter().enumerate() {
            let flag = |key: &String, definition: String| FlagDocument {
                set: set.clone(),
                key: key.clone(),
                definition,
                revision,
                changed_ms: entry.at_ms,
            };
            match (&changed.key, &changed.after) {
                (None, definition) => {
                    let definition = definition.clone().unwrap_or_default();
                    tx.put(&SharedDocument { set: set.clone(), definition, revision });
                }
                (Some(key), None) => tx.delete::<FlagDocument>(&FlagDocument::id_of(set, key)),
                (Some(key), Some(definition)) => tx.put(&flag(key, definition.clone())),
            }
            if let Some(key) = &changed.key {
                tx.insert(&TouchDocument { key: FlagDocument::id_of(set, key).into_owned(), revision, number });
            }
        }
        for write in writes {
            write(&mut tx);
        }
        tx.insert(&EntryDocument(entry));
        tx
    }
}

fn changed(before: &SetInForce, edit: Edit) -> Changed {
    Changed {
        before: match &edit.key {
            Some(key) => before.stored(key).map(|kept| kept.definition.clone()),
            None => Some(before.shared().0.to_owned()),
        },
        key: edit.key,
        after: edit.definition,
    }
}
