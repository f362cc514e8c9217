//! The parts of the router's state as documents, and the state read again.

use std::borrow::Cow;

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
    (RuleGroupDocument, GroupState, "rule_groups")
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

/// Keeps a group of rules; one without alerts needs no keeping.
pub(crate) async fn write_group(store: &Store, state: GroupState) -> Result<(), Error> {
    let id = format!("{};{}", state.group.file, state.group.name);
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
