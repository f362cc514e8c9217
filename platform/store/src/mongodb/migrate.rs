//! Making collections, and indexes that were declared since. Processes that start at once do the same, and doing it twice does no harm.

use std::collections::HashMap;

use ::mongodb::IndexModel;
use ::mongodb::bson::{Bson as Value, Document as Bson, doc};
use ::mongodb::error::{Error as MongoError, ErrorKind};
use ::mongodb::options::{IndexOptions, UpdateModifications};
use ::mongodb::{Collection, Database};
use futures::TryStreamExt;

use super::{OUTBOX, STATE, Shared, write};
use crate::document::{Index, IndexKind};
use crate::engine::CollectionSchema;
use crate::error::Error;

/// The layout of the collections. A database with a newer one is refused.
const LAYOUT: i64 = 1;
/// What is recorded of each index.
const INDEXES: &str = "indexes";
/// MongoDB's code of "this collection exists".
const EXISTS: i32 = 48;
/// MongoDB's code of "there is no such index".
const NO_INDEX: i32 = 27;

pub(crate) async fn migrate(shared: &Shared) -> Result<(), Error> {
    let database = shared.database()?;
    let state: Collection<Bson> = database.collection(STATE);
    let first = doc! { "$setOnInsert": { "layout": LAYOUT, "position": 0_i64 } };
    shared.within(state.update_one(doc! { "_id": STATE }, first).upsert(true).into_future()).await?;
    let found = shared.within(state.find_one(doc! { "_id": STATE }).into_future()).await?;
    let layout = found.and_then(|s| s.get_i64("layout").ok()).unwrap_or(LAYOUT);
    if layout > LAYOUT {
        let reason = format!(
            "its layout {layout} is newer than {LAYOUT}, the newest that this version knows: use a newer vitrine, or another database_prefix"
        );
        return Err(shared.unusable(&shared.name(), &reason, None));
    }
    make(shared, &database, OUTBOX).await?;
    for collection in &shared.schema.collections {
        make(shared, &database, &format!("c_{}", collection.name)).await?;
        indexes(shared, &database, collection).await?;
    }
    Ok(())
}

/// Makes a collection unless it is there: transactions do not like to.
async fn make(shared: &Shared, database: &Database, name: &str) -> Result<(), Error> {
    let created = shared.within(async {
        match database.create_collection(name).await {
            Err(e) if has_code(&e, EXISTS) => Ok(()),
            done => done,
        }
    });
    created.await
}

fn has_code(error: &MongoError, code: i32) -> bool {
    matches!(error.kind.as_ref(), ErrorKind::Command(e) if e.code == code)
}

async fn indexes(shared: &Shared, database: &Database, collection: &CollectionSchema) -> Result<(), Error> {
    let records: Collection<Bson> = database.collection(INDEXES);
    let documents = shared.documents(collection.name)?;
    // What is recorded tells an index that changed its kind, or was dropped and comes back, from one that is up to date.
    let of_it = doc! { "collection": collection.name };
    let recorded: Vec<Bson> = shared.within(async { records.find(of_it).await?.try_collect().await }).await?;
    let text = |record: &Bson, field: &str| record.get_str(field).unwrap_or_default().to_owned();
    let mut known: HashMap<String, String> = recorded.iter().map(|r| (text(r, "name"), text(r, "kind"))).collect();
    let mut added = Vec::new();
    for index in collection.indexes {
        if known.get(index.name).is_some_and(|kind| kind == index.kind.name()) {
            known.remove(index.name);
        } else {
            added.push(index);
        }
    }
    for name in known.keys() {
        let dropped = shared.within(async {
            match documents.drop_index(format!("i_{name}")).await {
                Err(e) if has_code(&e, NO_INDEX) => Ok(()),
                done => done,
            }
        });
        dropped.await?;
        shared.within(records.delete_one(doc! { "_id": record_id(collection, name) }).into_future()).await?;
    }
    if !added.is_empty() {
        fill(shared, collection, &documents).await?;
    }
    for index in added {
        shared.within(documents.create_index(model(index)).into_future()).await?;
        let record = doc! { "$set": { "collection": collection.name, "name": index.name, "kind": index.kind.name() } };
        let id = doc! { "_id": record_id(collection, index.name) };
        shared.within(records.update_one(id, record).upsert(true).into_future()).await?;
    }
    Ok(())
}

fn record_id(collection: &CollectionSchema, name: &str) -> String {
    format!("{}.{name}", collection.name)
}

fn model(index: &Index) -> IndexModel {
    let key = format!("keys.{}", index.name);
    let mut options = IndexOptions::default();
    options.name = Some(format!("i_{}", index.name));
    options.partial_filter_expression = Some(doc! { key.as_str(): { "$exists": true } });
    let keys = match index.kind {
        IndexKind::Ordered => doc! { key: 1, "_id": 1 },
        IndexKind::Unique | IndexKind::Text => doc! { key: 1 },
    };
    options.unique = (index.kind == IndexKind::Unique).then_some(true);
    IndexModel::builder().keys(keys).options(options).build()
}

/// Writes all keys anew, after an index was added to documents that are there.
async fn fill(shared: &Shared, collection: &CollectionSchema, documents: &Collection<Bson>) -> Result<(), Error> {
    let mut cursor = shared.within(documents.find(doc! {}).into_future()).await?;
    while let Some(document) = shared.within(cursor.try_next()).await? {
        let (id, body) = (document.get_str("_id").unwrap_or_default(), document.get_str("body").unwrap_or_default());
        let keys = (collection.keys_of)(body.as_bytes()).map_err(|source| Error::Decode {
            collection: collection.name,
            id: id.to_owned(),
            source,
        })?;
        // Whoever changes it meanwhile writes its keys.
        let same = doc! { "_id": id, "version": document.get("version").cloned().unwrap_or(Value::Null) };
        let update = UpdateModifications::Document(doc! { "$set": { "keys": write::keys(collection, &keys) } });
        shared.within(documents.update_one(same, update).into_future()).await?;
    }
    Ok(())
}
