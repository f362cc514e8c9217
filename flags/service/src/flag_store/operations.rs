//! Operations: what each of them edits.

use std::collections::BTreeSet;
use std::sync::Arc;

use vitrine_flags_engine::{Finding, Mode, Snapshot};

use super::apply::differs;
use super::change::{Changing, Transition, Written};
use super::edit::{Edit, import_edits, with_member};
use super::segments::segment_edit;
use super::set::{DEFAULT_SET, SetInForce};
use super::{Error, FlagStore};
use crate::audit::Entry;
use crate::documents::{RollOut, number_id};
use crate::operation::{Author, Import, Operation, Promoted, set_name};

impl FlagStore {
    /// Makes a change of a set.
    pub async fn make(&self, author: Author, set: &str, operation: &Operation) -> Result<Written, Error> {
        let changing = self.begin().await;
        let transition = changing.transition_of(set, operation, &author).await?;
        changing.check_direct(&transition)?;
        let written = changing.commit(author, transition).await?;
        Ok(Written { findings: findings(operation).unwrap_or(written.findings), ..written })
    }

    /// Writes a flag of the default set. `expected` is the revision at which it was read, 0 for one that is new.
    pub async fn set(&self, author: Author, key: &str, definition: &str, expected: u64) -> Result<Written, Error> {
        let (key, definition) = (key.to_owned(), definition.to_owned());
        self.make(author, DEFAULT_SET, &Operation::Write { key, definition, revision: expected }).await
    }

    /// Enables or disables a flag of the default set.
    pub async fn set_state(&self, author: Author, key: &str, enabled: bool, expected: u64) -> Result<Written, Error> {
        let key = key.to_owned();
        self.make(author, DEFAULT_SET, &Operation::Switch { key, enabled, revision: expected }).await
    }

    /// Deletes a flag of the default set.
    pub async fn delete(&self, author: Author, key: &str, expected: u64) -> Result<Written, Error> {
        self.make(author, DEFAULT_SET, &Operation::Delete { key: key.to_owned(), revision: expected }).await
    }

    /// Writes what flags of the default set share: `$evaluators` and `metadata`.
    pub async fn set_shared(&self, author: Author, definition: &str, expected: u64) -> Result<Written, Error> {
        let definition = definition.to_owned();
        self.make(author, DEFAULT_SET, &Operation::Share { definition, revision: expected }).await
    }

    /// Takes a whole definition into the default set.
    pub async fn import(&self, author: Author, text: &str, import: Import, mode: Mode) -> Result<Written, Error> {
        let lenient = mode == Mode::Lenient;
        self.make(author, DEFAULT_SET, &Operation::Import { definition: text.to_owned(), import, lenient }).await
    }

    /// Takes a change back.
    pub async fn undo(&self, author: Author, revision: u64) -> Result<Written, Error> {
        let set = self.entry(revision).await?.set;
        self.make(author, &set, &Operation::Undo { entry: revision }).await
    }
}

/// How definitions are read. What was taken once is taken again; an import was read as its author wanted it when its edits were made.
fn mode_of(operation: &Operation) -> Mode {
    match operation {
        Operation::Write { .. } | Operation::Share { .. } | Operation::Segment { .. } | Operation::Promote { .. } => {
            Mode::Strict
        }
        _ => Mode::Lenient,
    }
}

/// What the author of an import should know, with lines of the text that was sent.
fn findings(operation: &Operation) -> Option<Vec<Finding>> {
    let Operation::Import { definition, .. } = operation else { return None };
    Snapshot::read(definition, Mode::Lenient).ok().map(|read| read.findings)
}

impl Changing<'_> {
    /// What is to be committed for an operation, if it can be made now.
    pub(crate) async fn transition_of(
        &self,
        set: &str,
        operation: &Operation,
        author: &Author,
    ) -> Result<Transition, Error> {
        let (action, mode, about) = (operation.action(), mode_of(operation), None);
        let transition = |edits| Transition { action, about, set: set.to_owned(), mode, edits, writes: Vec::new() };
        if let Operation::RollOut { key, revision, plan } = operation {
            let (edit, begun, gone) = self.roll_out(set, (key, *revision), plan, author).await?;
            return Ok(transition(vec![edit]).with(move |tx| {
                gone.iter().for_each(|ended| tx.delete::<RollOut>(&number_id(ended.id)));
                tx.insert(&begun);
            }));
        }
        Ok(transition(self.edits_of(set, operation).await?))
    }

    /// Returns what the author of an operation should know, if it can be made now. Changes nothing.
    pub(crate) async fn check(&self, set: &str, operation: &Operation, author: &Author) -> Result<Vec<Finding>, Error> {
        let transition = self.transition_of(set, operation, author).await?;
        let found = self.check_edits(set, &transition.edits, transition.mode)?;
        Ok(findings(operation).unwrap_or(found))
    }

    /// What an operation changes.
    async fn edits_of(&self, set: &str, operation: &Operation) -> Result<Vec<Edit>, Error> {
        let none = SetInForce::default();
        let now = self.now.set(set).map_or(&none, Arc::as_ref);
        let mut edits = match operation {
            Operation::Write { key, definition, revision } => {
                expect(now, key, *revision)?;
                vec![flag_edit(key, Some(definition.clone()))]
            }
            Operation::Switch { key, enabled, revision } => {
                expect(now, key, *revision)?;
                let kept = now.stored(key).ok_or_else(|| no_flag(key))?;
                let state = if *enabled { "\"ENABLED\"" } else { "\"DISABLED\"" };
                vec![flag_edit(key, Some(with_member(&kept.definition, "state", state)))]
            }
            Operation::Delete { key, revision } | Operation::Archive { key, revision } => {
                expect(now, key, *revision)?;
                now.stored(key).ok_or_else(|| no_flag(key))?;
                vec![flag_edit(key, None)]
            }
            Operation::Share { definition, revision } => {
                expect_shared(now, *revision)?;
                vec![Edit { key: None, definition: Some(definition.clone()) }]
            }
            Operation::Segment { name, rule, revision } => {
                expect_shared(now, *revision)?;
                vec![segment_edit(now, name, rule.as_deref())?]
            }
            Operation::Import { definition, import, lenient } => import_of(now, definition, *import, *lenient)?,
            Operation::Undo { entry } => {
                let entry = self.flags.entry(*entry).await?;
                if entry.set != set {
                    return Err(Error::Invalid(format!("revision {} is not of the set {set:?}", entry.revision)));
                }
                undo_of(now, entry)?
            }
            Operation::Promote { from, flags } => {
                let source = self.now.set(from).filter(|_| from != set).ok_or_else(|| {
                    Error::NotFound(format!("from: {} is none that flags can be taken from", set_name(from)))
                })?;
                promotion_of(source, now, flags)?
            }
            // What it edits depends on what is kept of it.
            Operation::RollOut { .. } => Vec::new(),
        };
        edits.retain(|edit| differs(now, edit));
        Ok(edits)
    }
}

fn flag_edit(key: &str, definition: Option<String>) -> Edit {
    Edit { key: Some(key.to_owned()), definition }
}

pub(crate) fn no_flag(key: &str) -> Error {
    Error::NotFound(format!("there is no flag {key:?}"))
}

fn import_of(now: &SetInForce, text: &str, import: Import, lenient: bool) -> Result<Vec<Edit>, Error> {
    // Read whole first: its own evaluators count, and an error has its line in the text that was sent.
    let refused = |refused| Error::Refused { about: String::new(), refused };
    Snapshot::read(text, if lenient { Mode::Lenient } else { Mode::Strict }).map_err(refused)?;
    let mut edits = import_edits(text).map_err(refused)?;
    if import == Import::Replace {
        let named: BTreeSet<&String> = edits.iter().filter_map(|edit| edit.key.as_ref()).collect();
        let gone: Vec<Edit> =
            now.stored.keys().filter(|key| !named.contains(key)).map(|key| flag_edit(key, None)).collect();
        edits.extend(gone);
    }
    Ok(edits)
}

fn promotion_of(source: &SetInForce, now: &SetInForce, flags: &[Promoted]) -> Result<Vec<Edit>, Error> {
    let keys: BTreeSet<&str> = flags.iter().map(|flag| flag.key.as_str()).collect();
    if keys.is_empty() || keys.len() != flags.len() {
        return Err(Error::Invalid("flags: one flag at least is expected, and each once".to_owned()));
    }
    let edits = flags.iter().map(|Promoted { key, from, to }| {
        expect(source, key, *from)?;
        expect(now, key, *to)?;
        let kept = source.stored(key).ok_or_else(|| no_flag(key))?;
        Ok(flag_edit(key, Some(kept.definition.clone())))
    });
    edits.collect()
}

fn undo_of(now: &SetInForce, entry: Entry) -> Result<Vec<Edit>, Error> {
    let expected = entry.revision;
    if entry.changes.is_empty() {
        return Err(Error::Invalid(format!("revision {expected} changed no flag, so there is nothing to take back")));
    }
    let edits = entry.changes.into_iter().map(|changed| {
        let (text, current) = match &changed.key {
            Some(key) => now.stored(key).map_or((None, 0), |kept| (Some(kept.definition.as_str()), kept.revision)),
            None => (Some(now.shared().0), now.shared().1),
        };
        if text != changed.after.as_deref() {
            let what = changed.key.unwrap_or_else(|| "what flags share".to_owned());
            return Err(Error::Conflict { what, current, expected, definition: text.map(str::to_owned) });
        }
        Ok(Edit { key: changed.key, definition: changed.before })
    });
    edits.collect()
}

pub(crate) fn expect(now: &SetInForce, key: &str, expected: u64) -> Result<(), Error> {
    let kept = now.stored(key);
    let current = kept.map_or(0, |kept| kept.revision);
    if current == expected {
        return Ok(());
    }
    let definition = kept.map(|kept| kept.definition.clone());
    Err(Error::Conflict { what: format!("flag {key:?}"), current, expected, definition })
}

fn expect_shared(now: &SetInForce, expected: u64) -> Result<(), Error> {
    let (text, current) = now.shared();
    if current == expected {
        return Ok(());
    }
    let what = "what flags share".to_owned();
    Err(Error::Conflict { what, current, expected, definition: Some(text.to_owned()) })
}
