//! The parts of the router's state as documents, and the state read again.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vitrine_observe_routing::{Alert, Changes, Delivery, Group, LogEntry, Silence, State};
use vitrine_observe_rules::SavedGroup;
use vitrine_platform_store::{Document, Error, Index, Keys, Query, Schema, Store, Tx};

/// A part of the state with its id.
#[derive(Clone, Serialize, Deserialize)]
struct Part<T> {
    id: String,
    part: T,
}

macro_rules! documents {
    ($(($name:ident, $part:ty, $collection:literal)),*) => {
        $(
            #[derive(Clone, Serialize, Deserialize)]
            struct $name(Part<$part>);

            impl Document for $name {
                const COLLECTION: &'static str = $collection;
                const INDEXES: &'static [Index] = &[];

                fn id(&self) -> Cow<'_, str> {
                    Cow::Borrowed(&self.0.id)
                }

                fn keys(&self, _: &mut Keys) {}
            }
        )*

        /// What the database holds.
        pub(crate) fn schema() -> Schema {
            Schema::new()$(.with::<$name>())*
        }
    };
}

documents![
    (AlertDocument, Alert, "alerts"),
    (SilenceDocument, Silence, "silences"),
    (GroupDocument, Group, "groups"),
    (LogEntryDocument, LogEntry, "told"),
    (DeliveryDocument, Delivery, "outbox"),
    (RuleGroupDocument, GroupState, "rule_groups"),
    (NamespaceDocument, BTreeMap<String, String>, "rule_namespaces")
];

/// Where the alerts of a group of rules are, and until when that is known.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct GroupState {
    /// The time of the last evaluation, in milliseconds since 1970.
    pub(crate) alive_at: i64,
    /// What is kept of the group.
    pub(crate) group: SavedGroup,
}

/// Reads what is kept of groups of rules.
pub(crate) async fn read_groups(store: &Store) -> Result<Vec<GroupState>, Error> {
    let found = store.find_all::<RuleGroupDocument>(Query::all()).await?;
    Ok(found.into_iter().map(|found| found.doc.0.part).collect())
}

fn group_id(group: &SavedGroup) -> String {
    format!("{};{}", group.file, group.name)
}

/// Forgets a group of rules that is no longer there.
pub(crate) async fn delete_group(store: &Store, group: &SavedGroup) -> Result<(), Error> {
    let mut tx = store.begin();
    tx.delete::<RuleGroupDocument>(&group_id(group));
    tx.commit().await
}

/// Reads the namespaces of rules that were given: the text of each group by its name.
pub(crate) async fn read_namespaces(store: &Store) -> Result<BTreeMap<String, BTreeMap<String, String>>, Error> {
    let found = store.find_all::<NamespaceDocument>(Query::all()).await?;
    Ok(found.into_iter().map(|found| (found.doc.0.id, found.doc.0.part)).collect())
}

/// Keeps a namespace; one without groups is gone.
pub(crate) async fn write_namespace(
    store: &Store,
    namespace: &str,
    groups: BTreeMap<String, String>,
) -> Result<(), Error> {
    let mut tx = store.begin();
    if groups.is_empty() {
        tx.delete::<NamespaceDocument>(namespace);
    } else {
        tx.put(&NamespaceDocument(Part { id: namespace.to_owned(), part: groups }));
    }
    tx.commit().await
}

/// Keeps a group of rules; one without alerts needs no keeping.
pub(crate) async fn write_group(store: &Store, state: GroupState) -> Result<(), Error> {
    let id = group_id(&state.group);
    let mut tx = store.begin();
    if state.group.rules.is_empty() {
        tx.delete::<RuleGroupDocument>(&id);
    } else {
        tx.put(&RuleGroupDocument(Part { id, part: state }));
    }
    tx.commit().await
}

/// Reads all that is kept.
pub(crate) async fn read(store: &Store) -> Result<State, Error> {
    let mut state = State::default();
    for found in store.find_all::<AlertDocument>(Query::all()).await? {
        let alert = found.doc.0.part;
        state.alerts.insert(alert.fingerprint(), alert);
    }
    for found in store.find_all::<SilenceDocument>(Query::all()).await? {
        state.silences.insert(found.doc.0.id, found.doc.0.part);
    }
    for found in store.find_all::<GroupDocument>(Query::all()).await? {
        state.groups.insert(found.doc.0.id, found.doc.0.part);
    }
    for found in store.find_all::<LogEntryDocument>(Query::all()).await? {
        state.told.insert(found.doc.0.id, found.doc.0.part);
    }
    for found in store.find_all::<DeliveryDocument>(Query::all()).await? {
        state.outbox.insert(found.doc.0.id, found.doc.0.part);
    }
    Ok(state)
}

/// Puts what has changed into a batch: as it is now, or gone.
pub(crate) fn write(tx: &mut Tx, state: &State, changes: &Changes) {
    macro_rules! part {
        ($part:ident, $document:ident) => {
            for id in &changes.$part {
                match state.$part.get(id) {
                    Some(part) => tx.put(&$document(Part { id: id.to_string(), part: part.clone() })),
                    None => tx.delete::<$document>(&id.to_string()),
                }
            }
        };
    }
    part!(alerts, AlertDocument);
    part!(silences, SilenceDocument);
    part!(groups, GroupDocument);
    part!(told, LogEntryDocument);
    part!(outbox, DeliveryDocument);
}
