//! Changes: checked, committed, then put in force.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use vitrine_flags_engine::json::{self, Json, Member};
use vitrine_flags_engine::{Finding, FlagSet, MAX_FLAGS, Mode, Refused, Snapshot};
use vitrine_platform_store::Stored;

use super::{Error, FlagStore, InForce, SHARED_MEMBERS, StoredFlag, load, read_flag, read_shared};
use crate::audit::{Action, Changed, Entry, GENESIS};
use crate::documents::{EntryDocument, FlagDocument, HeadDocument, SharedDocument, TouchDocument};

/// Longest reason, in bytes.
const MAX_WHY_BYTES: usize = 1_000;

/// Who changes something, and why.
#[derive(Clone, Debug)]
pub struct Author {
    /// Whose token it is.
    pub who: String,
    /// The reason, which must be given.
    pub why: String,
}

impl Author {
    /// Refuses one who gives no reason, or a novel.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.why.trim().is_empty() || self.why.len() > MAX_WHY_BYTES {
            return Err(Error::Invalid(format!("why: a reason of 1 to {MAX_WHY_BYTES} bytes is expected")));
        }
        Ok(())
    }
}

/// A change that was made.
#[derive(Clone, Debug, Serialize)]
pub struct Written {
    /// Its revision.
    pub revision: u64,
    /// What the author should know.
    pub findings: Vec<Finding>,
}

/// What an import does with flags that it does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Import {
    /// They stay.
    Merge,
    /// They are deleted.
    Replace,
}

/// One step of a change: a definition, or none for a deletion; of a flag, or of what flags share.
pub(super) struct Edit {
    pub(super) key: Option<String>,
    pub(super) definition: Option<String>,
}

impl FlagStore {
    /// Writes a flag. `expected` is the revision at which it was read, 0 for one that is new.
    pub async fn set(&self, author: Author, key: &str, definition: &str, expected: u64) -> Result<Written, Error> {
        let edit = Edit { key: Some(key.to_owned()), definition: Some(definition.to_owned()) };
        self.change(author, Action::Set, Mode::Strict, |now| {
            expect(now, key, expected)?;
            Ok(vec![edit])
        })
        .await
    }

    /// Enables or disables a flag, and leaves the rest of its definition as it was written.
    pub async fn set_state(&self, author: Author, key: &str, enabled: bool, expected: u64) -> Result<Written, Error> {
        self.change(author, Action::Set, Mode::Lenient, |now| {
            expect(now, key, expected)?;
            let kept = now.stored(key).ok_or_else(|| Error::NotFound(format!("there is no flag {key:?}")))?;
            let definition = with_state(&kept.definition, enabled);
            Ok(vec![Edit { key: Some(key.to_owned()), definition: Some(definition) }])
        })
        .await
    }

    /// Deletes a flag.
    pub async fn delete(&self, author: Author, key: &str, expected: u64) -> Result<Written, Error> {
        self.change(author, Action::Delete, Mode::Lenient, |now| {
            expect(now, key, expected)?;
            if now.stored(key).is_none() {
                return Err(Error::NotFound(format!("there is no flag {key:?}")));
            }
            Ok(vec![Edit { key: Some(key.to_owned()), definition: None }])
        })
        .await
    }

    /// Writes what flags share: `$evaluators` and `metadata`.
    pub async fn set_shared(&self, author: Author, definition: &str, expected: u64) -> Result<Written, Error> {
        let definition = definition.to_owned();
        self.change(author, Action::Set, Mode::Strict, |now| {
            let (text, current) = now.shared();
            if current != expected {
                let what = "what flags share".to_owned();
                return Err(Error::Conflict { what, current, expected, definition: Some(text.to_owned()) });
            }
            Ok(vec![Edit { key: None, definition: Some(definition) }])
        })
        .await
    }

    /// Takes a whole definition in: flags, and what they share if it says something of it.
    pub async fn import(&self, author: Author, text: &str, import: Import, mode: Mode) -> Result<Written, Error> {
        // Read whole first: its own evaluators count, and an error has its line in the text that was sent.
        let refused = |refused| Error::Refused { about: String::new(), refused };
        let findings = Snapshot::read(text, mode).map_err(refused)?.findings;
        let edits = import_edits(text).map_err(refused)?;
        let written = self.change(author, Action::Import, Mode::Lenient, |now| {
            let mut edits = edits;
            if import == Import::Replace {
                let named: BTreeSet<&String> = edits.iter().filter_map(|edit| edit.key.as_ref()).collect();
                let gone: Vec<String> = now.stored.keys().filter(|key| !named.contains(key)).cloned().collect();
                edits.extend(gone.into_iter().map(|key| Edit { key: Some(key), definition: None }));
            }
            Ok(edits)
        });
        Ok(Written { revision: written.await?.revision, findings })
    }

    /// Takes a change back: what it changed is as it was before, unless it was changed since.
    pub async fn undo(&self, author: Author, revision: u64) -> Result<Written, Error> {
        let entry = self.entry(revision).await?;
        self.change(author, Action::Undo, Mode::Lenient, |now| {
            let edits = entry.changes.into_iter().map(|changed| {
                let (text, current) = match &changed.key {
                    Some(key) => {
                        now.stored(key).map_or((None, 0), |kept| (Some(kept.definition.as_str()), kept.revision))
                    }
                    None => (Some(now.shared().0), now.shared().1),
                };
                if text != changed.after.as_deref() {
                    let what = changed.key.unwrap_or_else(|| "what flags share".to_owned());
                    return Err(Error::Conflict {
                        what,
                        current,
                        expected: revision,
                        definition: text.map(str::to_owned),
                    });
                }
                Ok(Edit { key: changed.key, definition: changed.before })
            });
            edits.collect()
        })
        .await
    }

    async fn change(
        &self,
        author: Author,
        action: Action,
        mode: Mode,
        edits: impl FnOnce(&InForce) -> Result<Vec<Edit>, Error>,
    ) -> Result<Written, Error> {
        author.check()?;
        let mut head = self.changing.lock().await;
        let now = self.current();
        let edits: Vec<Edit> = edits(&now)?.into_iter().filter(|edit| differs(&now, edit)).collect();
        if edits.is_empty() {
            return Ok(Written { revision: now.revision, findings: Vec::new() });
        }
        let at_ms = self.now_ms();
        let (next, findings) = apply(&now, &edits, mode, at_ms)?;
        let entry = entry_of(&now, &next, edits, author, action, at_ms);
        let next = InForce { hash: entry.hash.clone(), ..next };
        let doc = HeadDocument { revision: next.revision, hash: next.hash.clone(), changed_ms: at_ms };
        if let Err(error) = self.commit(head.as_ref(), &doc, &next, entry).await {
            // Whether it was kept may be unknown, and another process may have been first: what is in force is what is kept.
            let (kept_head, in_force) = load(&self.store).await?;
            *head = kept_head;
            self.current.send_replace(Arc::new(in_force));
            return Err(error);
        }
        let version = head.as_ref().map_or(1, |head| head.version + 1);
        *head = Some(Stored { doc, version });
        let revision = next.revision;
        self.current.send_replace(Arc::new(next));
        Ok(Written { revision, findings })
    }

    async fn commit(
        &self,
        head: Option<&Stored<HeadDocument>>,
        doc: &HeadDocument,
        next: &InForce,
        entry: Entry,
    ) -> Result<(), Error> {
        let mut tx = self.store.begin();
        match head {
            Some(head) => tx.update(&Stored { doc: doc.clone(), version: head.version }),
            None => tx.insert(doc),
        }
        for (number, changed) in entry.changes.iter().enumerate() {
            match (&changed.key, &changed.after) {
                (None, _) => tx.put(&next.shared),
                (Some(key), None) => tx.delete::<FlagDocument>(key),
                (Some(key), Some(definition)) => tx.put(&FlagDocument {
                    key: key.clone(),
                    definition: definition.clone(),
                    revision: next.revision,
                    changed_ms: next.changed_ms,
                }),
            }
            if let Some(key) = &changed.key {
                tx.insert(&TouchDocument { key: key.clone(), revision: next.revision, number });
            }
        }
        tx.insert(&EntryDocument(entry));
        Ok(tx.commit().await?)
    }
}

fn expect(now: &InForce, key: &str, expected: u64) -> Result<(), Error> {
    let kept = now.stored(key);
    let current = kept.map_or(0, |kept| kept.revision);
    if current == expected {
        return Ok(());
    }
    let definition = kept.map(|kept| kept.definition.clone());
    Err(Error::Conflict { what: format!("flag {key:?}"), current, expected, definition })
}

fn differs(now: &InForce, edit: &Edit) -> bool {
    match &edit.key {
        Some(key) => now.stored(key).map(|kept| &kept.definition) != edit.definition.as_ref(),
        None => Some(now.shared().0) != edit.definition.as_deref(),
    }
}

/// The flags as they are after the edits.
fn apply(now: &InForce, edits: &[Edit], mode: Mode, at_ms: i64) -> Result<(InForce, Vec<Finding>), Error> {
    let revision = now.revision + 1;
    let mut findings = Vec::new();
    let mut shared = now.shared.clone();
    let mut set = now.snapshot.set().clone();
    let mut stored = now.stored.clone();
    if let Some(definition) = edits.iter().find(|edit| edit.key.is_none()).and_then(|edit| edit.definition.as_ref()) {
        shared = SharedDocument { definition: definition.clone(), revision };
        let (read, found) = read_shared(definition, mode)?;
        findings.extend(found);
        set = Arc::new(read);
        stored = again(&stored, &set, edits)?;
    }
    for edit in edits {
        match (&edit.key, &edit.definition) {
            (Some(key), Some(definition)) => {
                let (flag, found) = read_flag(key, definition, &set, mode)?;
                findings.extend(found);
                let written = StoredFlag { definition: definition.clone(), revision, changed_ms: at_ms, flag };
                stored.insert(key.clone(), Arc::new(written));
            }
            (Some(key), None) => {
                stored.remove(key);
            }
            (None, _) => {}
        }
    }
    if stored.len() > MAX_FLAGS {
        return Err(Error::Invalid(format!(
            "there are at most {MAX_FLAGS} flags, and these would be {}",
            stored.len()
        )));
    }
    let snapshot = Snapshot::new(stored.values().map(|stored| stored.flag.clone()), set);
    let hash = String::new();
    Ok((InForce { revision, changed_ms: at_ms, snapshot, stored, shared, hash }, findings))
}

/// Flags that are not edited, with other evaluators. An evaluator that one of them uses cannot be taken away.
fn again(
    kept: &BTreeMap<String, Arc<StoredFlag>>,
    set: &FlagSet,
    edits: &[Edit],
) -> Result<BTreeMap<String, Arc<StoredFlag>>, Error> {
    let edited: BTreeSet<&String> = edits.iter().filter_map(|edit| edit.key.as_ref()).collect();
    let mut all = BTreeMap::new();
    for (key, old) in kept {
        if edited.contains(key) {
            continue;
        }
        let flag = read_flag(key, &old.definition, set, Mode::Lenient)?.0;
        if let (Some(reason), None) = (flag.broken(), old.flag.broken()) {
            return Err(Error::InUse(format!("flag {key:?} needs it: {reason}")));
        }
        let (definition, revision, changed_ms) = (old.definition.clone(), old.revision, old.changed_ms);
        all.insert(key.clone(), Arc::new(StoredFlag { definition, revision, changed_ms, flag }));
    }
    Ok(all)
}

fn entry_of(now: &InForce, next: &InForce, edits: Vec<Edit>, author: Author, action: Action, at_ms: i64) -> Entry {
    let changes = edits.into_iter().map(|edit| Changed {
        before: match &edit.key {
            Some(key) => now.stored(key).map(|kept| kept.definition.clone()),
            None => Some(now.shared().0.to_owned()),
        },
        key: edit.key,
        after: edit.definition,
    });
    let entry = Entry {
        revision: next.revision,
        at_ms,
        who: author.who,
        why: author.why,
        action,
        changes: changes.collect(),
        previous: if now.revision == 0 { GENESIS.to_owned() } else { now.hash.clone() },
        hash: String::new(),
    };
    entry.sealed()
}

/// The definition with another state, everything else as it was written.
fn with_state(definition: &str, enabled: bool) -> String {
    let state = if enabled { "\"ENABLED\"" } else { "\"DISABLED\"" };
    let range = json::read(definition).ok().and_then(|json| {
        let value = json.get("state")?;
        Some((usize::try_from(value.at).ok()?, usize::try_from(value.end).ok()?))
    });
    match range {
        Some((at, end)) => format!("{}{state}{}", &definition[..at], &definition[end..]),
        None => definition.to_owned(),
    }
}

/// The edits that an import makes: what flags share if it says something of it, and each flag in its own text.
fn import_edits(text: &str) -> Result<Vec<Edit>, Refused> {
    let lines = json::Lines::new(text);
    let json = json::read(text).map_err(|malformed| malformed.refuse(&lines))?;
    let mut edits = Vec::new();
    let mut shared = String::from("{");
    for name in SHARED_MEMBERS {
        if let Some(value) = json.get(name) {
            shared.push_str(if shared.len() > 1 { ",\n" } else { "" });
            json::write_text(name, &mut shared);
            shared.push_str(": ");
            shared.push_str(value.written(text));
        }
    }
    if shared.len() > 1 {
        shared.push('}');
        edits.push(Edit { key: None, definition: Some(shared) });
    }
    let flag = |key: &str, value: &Json<'_>| Edit {
        key: Some(key.to_owned()),
        definition: Some(value.written(text).to_owned()),
    };
    match json.get("flags").map(|flags| &flags.kind) {
        Some(json::Kind::Map(members)) => edits.extend(members.iter().map(|member| flag(&member.name, &member.value))),
        Some(json::Kind::List(items)) => {
            for item in items {
                let (Some(key), json::Kind::Map(members)) = (item.get("key").and_then(Json::as_text), &item.kind)
                else {
                    continue;
                };
                edits.push(Edit { key: Some(key.to_owned()), definition: Some(without_key(text, members)) });
            }
        }
        _ => {}
    }
    Ok(edits)
}

/// A flag of a list, without the key that it has there: clients refuse a member that they do not know.
fn without_key(text: &str, members: &[Member<'_>]) -> String {
    let mut out = String::from("{");
    for member in members.iter().filter(|member| member.name != "key") {
        out.push_str(if out.len() > 1 { ", " } else { "" });
        json::write_text(&member.name, &mut out);
        out.push_str(": ");
        out.push_str(member.value.written(text));
    }
    out.push('}');
    out
}
