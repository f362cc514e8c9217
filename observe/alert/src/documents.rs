//! The parts of the router's state as documents, and the state read again.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vitrine_observe_routing::{Alert, Changes, Delivery, Group, Silence, State, Told};
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
    (ToldDocument, Told, "told"),
    (DeliveryDocument, Delivery, "outbox")
];

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
    for found in store.find_all::<ToldDocument>(Query::all()).await? {
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
    part!(told, ToldDocument);
    part!(outbox, DeliveryDocument);
}
