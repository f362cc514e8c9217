//! Making collections, and indexes that were declared since. Processes that start at once do the same, and doing it twice does no harm.

use std::collections::HashMap;

use ::mongodb::IndexModel;
use ::mongodb::bson::{Bson as Value, Document as Bson, doc};
use ::mongodb::error::Error as MongoError;
use ::mongodb::options::{IndexOptions, UpdateModifications};
use ::mongodb::{Collection, Database};
use futures::TryStreamExt;
use tokio::time::Instant;

use super::fault::{Meaning, has_code, meaning};
use super::server::{Server, WaitError};
use super::{MongoInner, OUTBOX, STATE, write};
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

/// Makes what is not there. All of it has one deadline, a time of its own: an index of many documents takes longer than a call may.
pub(crate) async fn migrate(shared: &MongoInner) -> Result<(), Error> {
    let server = shared.server()?;
    match server.until(Instant::now() + server.migration_timeout, whole(shared)).await {
        Ok(Err(Failure::Finally(e))) => Err(e),
        Ok(Err(Failure::Server(e))) => Err(refused(server, &shared.database, e)),
        Ok(Ok(())) => Ok(()),
        Err(late @ WaitError::TimedOut(_)) => {
            let reason = format!(
                "database {} could not be brought up to date in time: raise mongodb.migration_timeout_ms, or see what keeps it",
                shared.database
            );
            Err(server.unusable(&reason, late))
        }
        Err(late @ WaitError::Gone(_)) => Err(server.unavailable(late)),
    }
}

/// Why it could not be done.
enum Failure {
    Finally(Error),
    Server(MongoError),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Finally(error)
    }
}

impl From<MongoError> for Failure {
    fn from(error: MongoError) -> Self {
        Self::Server(error)
    }
}

/// What to do about it.
fn refused(server: &Server, database: &str, error: MongoError) -> Error {
    match meaning(&error) {
        // Without what the server said: it names the key, which may be someone's address.
        Meaning::Duplicate(_) => Error::Unusable {
            server: server.name.clone(),
            reason: format!("documents of {database} share a key that is to be unique: change one of them"),
            source: None,
        },
        Meaning::Refused => {
            let reason =
                format!("its user may not make or use database {database}: grant it readWrite and dbAdmin there");
            server.unusable(&reason, error)
        }
        Meaning::Gone | Meaning::Collision | Meaning::TooLong => server.failed(error),
        Meaning::Other => server.unusable(&format!("the collections of {database} cannot be made"), error),
    }
}

async fn whole(shared: &MongoInner) -> Result<(), Failure> {
    let database = shared.database()?;
    let state: Collection<Bson> = database.collection(STATE);
    let first = doc! { "$setOnInsert": { "layout": LAYOUT, "position": 0_i64 } };
    upsert(&state, STATE, first).await?;
    let found = state.find_one(doc! { "_id": STATE }).await?;
    let layout = found.and_then(|s| s.get_i64("layout").ok()).unwrap_or(LAYOUT);
    if layout > LAYOUT {
        let reason = format!(
            "its layout {layout} is newer than {LAYOUT}, the newest that this version knows: use a newer vitrine, or another mongodb.database_prefix"
        );
        let server = shared.server()?.name.clone();
        return Err(Error::Unusable { server, reason, source: None }.into());
    }
    make(&database, OUTBOX).await?;
    for collection in &shared.schema.collections {
        make(&database, &format!("c_{}", collection.name)).await?;
        indexes(shared, &database, collection).await?;
    }
    Ok(())
}

/// Changes the document with this id, or makes it; a caller that makes it at the same time makes the same.
async fn upsert(collection: &Collection<Bson>, id: &str, change: Bson) -> Result<(), MongoError> {
    match collection.update_one(doc! { "_id": id }, change).upsert(true).await {
        Err(e) if matches!(meaning(&e), Meaning::Duplicate(_)) => Ok(()),
        done => done.map(drop),
    }
}

/// Makes a collection unless it is there: transactions do not like to.
async fn make(database: &Database, name: &str) -> Result<(), MongoError> {
    match database.create_collection(name).await {
        Err(e) if has_code(&e, EXISTS) => Ok(()),
        done => done,
    }
}

async fn indexes(shared: &MongoInner, database: &Database, collection: &CollectionSchema) -> Result<(), Failure> {
    let records: Collection<Bson> = database.collection(INDEXES);
    let documents = shared.documents(collection.name)?;
    // What is recorded tells an index that changed its kind, or was dropped and comes back, from one that is up to date.
    let recorded: Vec<Bson> = records.find(doc! { "collection": collection.name }).await?.try_collect().await?;
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
        match documents.drop_index(format!("i_{name}")).await {
            Err(e) if has_code(&e, NO_INDEX) => {}
            done => done?,
        }
        records.delete_one(doc! { "_id": record_id(collection, name) }).await?;
    }
    if !added.is_empty() {
        fill(shared, collection, &documents).await?;
    }
    for index in added {
        documents.create_index(model(index)).await?;
        let record = doc! { "$set": { "collection": collection.name, "name": index.name, "kind": index.kind.name() } };
        upsert(&records, &record_id(collection, index.name), record).await?;
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

/// Writes all keys again, after an index was added to documents that are there; several at once, because each takes a
/// trip to the server.
async fn fill(shared: &MongoInner, collection: &CollectionSchema, documents: &Collection<Bson>) -> Result<(), Failure> {
    let at_once = usize::try_from(shared.config.max_connections.max(1)).unwrap_or(1);
    let all = documents.find(doc! {}).await?.map_err(Failure::from);
    let filled = all.try_for_each_concurrent(at_once, |document| async move {
        let (id, body) = (document.get_str("_id").unwrap_or_default(), document.get_str("body").unwrap_or_default());
        let keys = (collection.keys_of)(body.as_bytes()).map_err(|source| Error::Decode {
            collection: collection.name,
            id: id.to_owned(),
            source,
        })?;
        // A caller that changes it meanwhile writes its keys.
        let same = doc! { "_id": id, "version": document.get("version").cloned().unwrap_or(Value::Null) };
        let update = UpdateModifications::Document(doc! { "$set": { "keys": write::keys(collection, &keys) } });
        documents.update_one(same, update).await?;
        Ok(())
    });
    filled.await
}
