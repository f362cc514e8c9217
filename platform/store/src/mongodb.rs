//! The engine on a MongoDB replica set: a database for each service, a collection for each collection, `{_id, version, body, keys}` for
//! each document, and an `outbox`. It is built with the feature `mongodb`.
//!
//! A batch is a transaction ([`write`](mod@write)). Positions come from a counter that a transaction with events changes last: of two that
//! do, one waits or is tried again, so positions appear in their order. A key is kept as a text whose order is that of the keys; `body` is
//! JSON as text, so that a document is read as it was written. What is committed by other processes is looked for a few times a second.
//! How long a call may take, and why none waits for servers that are gone, is in docs/adr/0021-one-deadline-for-a-call.md.

mod fault;
mod migrate;
mod outage;
mod read;
mod server;
mod write;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ::mongodb::bson::{Document as Bson, doc};
use ::mongodb::error::Error as MongoError;
use ::mongodb::{Collection, Database};
use futures::TryStreamExt;
use parking_lot::Mutex;
use tokio::sync::{OnceCell, watch};
use tokio::task::JoinHandle;
use vitrine_kit::Outage;

use crate::document::{Key, Schema};
use crate::engine::{Batch, Engine, EngineFuture, Event, Raw, RawPage};
use crate::error::Error;
use crate::query::Query;
use crate::storage::MongoDbConfig;
use server::Server;

/// How often is looked for what other processes have committed.
const LOOK: Duration = Duration::from_millis(250);
/// Most events that are deleted at once: what takes longer than a call may must not be one call.
const PRUNED_AT_ONCE: usize = 10_000;
/// The outbox.
const OUTBOX: &str = "outbox";
/// The layout, and the last position.
const STATE: &str = "state";
/// Turns the sign of a number, so that negative ones come first.
const SIGN: u64 = 1 << 63;

pub(crate) struct MongoDb {
    shared: Arc<MongoInner>,
    /// Looks for events, from when the engine is ready.
    follower: Mutex<Option<JoinHandle<()>>>,
}

pub(crate) struct MongoInner {
    config: MongoDbConfig,
    database: String,
    schema: Schema,
    server: OnceCell<Server>,
    /// One transaction with events at a time: of many in this process, most would be in each other's way.
    publishing: tokio::sync::Mutex<()>,
    latest: watch::Sender<u64>,
}

impl MongoDb {
    pub(crate) fn open(config: &MongoDbConfig, service: &str, schema: Schema) -> Result<Self, Error> {
        let shared = MongoInner {
            config: config.clone(),
            database: format!("{}_{service}", config.database_prefix),
            schema,
            server: OnceCell::new(),
            publishing: tokio::sync::Mutex::default(),
            latest: watch::Sender::new(0),
        };
        Ok(Self { shared: Arc::new(shared), follower: Mutex::default() })
    }
}

impl Drop for MongoDb {
    fn drop(&mut self) {
        if let Some(follower) = self.follower.lock().take() {
            follower.abort();
        }
    }
}

impl MongoInner {
    fn server(&self) -> Result<&Server, Error> {
        self.server.get().ok_or(Error::Closed)
    }

    fn database(&self) -> Result<Database, Error> {
        Ok(self.server()?.client.database(&self.database))
    }

    fn documents(&self, collection: &str) -> Result<Collection<Bson>, Error> {
        Ok(self.database()?.collection(&format!("c_{collection}")))
    }

    /// Waits for a call to the server as long as one may take.
    async fn within<T>(&self, work: impl Future<Output = Result<T, MongoError>>) -> Result<T, Error> {
        self.server()?.within(work).await
    }

    /// Tells a position, unless a later one is known.
    fn publish_position(&self, position: u64) {
        self.latest.send_if_modified(|known| {
            let newer = position > *known;
            *known = position.max(*known);
            newer
        });
    }
}

/// A key as a text whose order is that of the keys: numbers first, with their sign turned.
fn text_of(key: &Key) -> String {
    match key {
        Key::Int(n) => format!("1{:016x}", n.cast_unsigned() ^ SIGN),
        Key::Str(s) => format!("2{s}"),
    }
}

/// The key of a text; none if it is no key's.
fn key_of(text: &str) -> Option<Key> {
    match (text.get(..1)?, text.get(1..)?) {
        ("1", digits) => Some(Key::Int((u64::from_str_radix(digits, 16).ok()? ^ SIGN).cast_signed())),
        ("2", rest) => Some(Key::Str(rest.to_owned())),
        _ => None,
    }
}

fn int(n: impl TryInto<i64>) -> i64 {
    n.try_into().unwrap_or(i64::MAX)
}

async fn follow(shared: Arc<MongoInner>) {
    let mut outage = Outage::default();
    loop {
        if shared.latest.receiver_count() > 0 {
            let last = read::last_position(&shared).await;
            match &last {
                Ok(_) if outage.ends() => {
                    tracing::info!(database = shared.database, "the log of events is followed again");
                }
                Err(e) if outage.begins() => {
                    let cause = std::error::Error::source(e).map(ToString::to_string);
                    tracing::warn!(
                        database = shared.database,
                        cause,
                        "the log of events cannot be followed at the moment"
                    );
                }
                _ => {}
            }
            shared.publish_position(last.unwrap_or_default());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Deletes some of the oldest events from before a time; returns how many.
async fn prune_some(shared: &MongoInner, before_ms: i64) -> Result<usize, Error> {
    let outbox: Collection<Bson> = shared.database()?.collection(OUTBOX);
    let old = doc! { "occurred_at_ms": { "$lt": before_ms } };
    let (oldest, some) = (doc! { "_id": 1 }, int(PRUNED_AT_ONCE));
    let found = async {
        let found = outbox.find(old).sort(oldest.clone()).limit(some).projection(oldest).await?;
        found.try_collect::<Vec<_>>().await
    };
    let ids: Vec<_> = shared.within(found).await?.into_iter().filter_map(|mut event| event.remove("_id")).collect();
    if !ids.is_empty() {
        shared.within(outbox.delete_many(doc! { "_id": { "$in": &ids } }).into_future()).await?;
    }
    Ok(ids.len())
}

impl Engine for MongoDb {
    fn system(&self) -> &'static str {
        "mongodb"
    }

    fn namespace(&self) -> String {
        self.shared.database.clone()
    }

    fn ready(&self) -> EngineFuture<'_, ()> {
        Box::pin(async {
            let shared = &self.shared;
            shared.server.get_or_try_init(|| Server::connect(&shared.config, &shared.database)).await?;
            migrate::migrate(&self.shared).await?;
            self.shared.publish_position(read::last_position(&self.shared).await?);
            let mut follower = self.follower.lock();
            if follower.is_none() {
                *follower = Some(tokio::spawn(follow(self.shared.clone())));
            }
            Ok(())
        })
    }

    fn get<'a>(&'a self, collection: &'static str, ids: &'a [&'a str]) -> EngineFuture<'a, Vec<Raw>> {
        Box::pin(read::get(&self.shared, collection, ids))
    }

    fn find(&self, collection: &'static str, query: Query) -> EngineFuture<'_, RawPage> {
        Box::pin(read::find(&self.shared, collection, query))
    }

    fn search<'a>(
        &'a self,
        collection: &'static str,
        index: &'a str,
        text: &'a str,
        limit: usize,
        cursor: Option<&'a str>,
    ) -> EngineFuture<'a, RawPage> {
        Box::pin(read::search(&self.shared, collection, index, text, limit, cursor))
    }

    fn count(&self, collection: &'static str, query: Query) -> EngineFuture<'_, u64> {
        Box::pin(read::count(&self.shared, collection, query))
    }

    fn commit(&self, batch: Batch) -> EngineFuture<'_, ()> {
        Box::pin(write::commit(&self.shared, batch))
    }

    fn read_events<'a>(
        &'a self,
        after: u64,
        topics: &'a [String],
        limit: usize,
    ) -> EngineFuture<'a, (Vec<Event>, u64)> {
        Box::pin(read::events(&self.shared, after, topics, limit))
    }

    fn watch_events(&self) -> watch::Receiver<u64> {
        self.shared.latest.subscribe()
    }

    fn prune_events(&self, before_ms: i64) -> EngineFuture<'_, u64> {
        Box::pin(async move {
            let mut pruned = 0;
            loop {
                let gone = prune_some(&self.shared, before_ms).await?;
                pruned += gone;
                if gone < PRUNED_AT_ONCE {
                    return Ok(u64::try_from(pruned).unwrap_or(u64::MAX));
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, any, prop_assert_eq, prop_oneof, proptest};

    use super::{key_of, text_of};
    use crate::document::Key;

    fn any_key() -> impl Strategy<Value = Key> {
        prop_oneof![any::<i64>().prop_map(Key::Int), any::<String>().prop_map(Key::Str)]
    }

    proptest! {
        #[test]
        fn keys_keep_their_order(a in any_key(), b in any_key()) {
            prop_assert_eq!(text_of(&a).cmp(&text_of(&b)), a.cmp(&b));
            prop_assert_eq!(key_of(&text_of(&a)), Some(a));
        }
    }
}
