//! The engine on a MongoDB replica set: a database for each service, a collection for each collection, `{_id, version, body, keys}` for
//! each document, and an `outbox`. It is built with the feature `mongodb`.
//!
//! A batch is a transaction. Positions come from a counter that a transaction with events changes last: of two that do, one waits or is
//! tried again, so positions appear in their order. A key is kept as a text whose order is that of the keys; `body` is JSON as text, so
//! that a document is read as it was written. What is committed by other processes is looked for a few times a second.

mod migrate;
mod read;
mod write;

use std::error::Error as StdError;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ::mongodb::bson::{Document as Bson, doc};
use ::mongodb::error::ErrorKind;
use ::mongodb::options::{ClientOptions, ReadConcern, SelectionCriteria, ServerAddress, WriteConcern};
use ::mongodb::{Client, Collection, Database};
use parking_lot::Mutex;
use tokio::sync::{OnceCell, watch};
use tokio::task::JoinHandle;

use crate::document::{Key, Schema};
use crate::engine::{Answer, Batch, Engine, Event, Raw, RawPage};
use crate::error::Error;
use crate::query::Query;
use crate::storage::MongoDbConfig;

/// How often is looked for what other processes have committed.
const LOOK: Duration = Duration::from_millis(250);
/// The outbox.
const OUTBOX: &str = "outbox";
/// The layout, and the last position.
const STATE: &str = "state";
/// Turns the sign of a number, so that negative ones come first.
const SIGN: u64 = 1 << 63;

pub(crate) struct MongoDb {
    shared: Arc<Shared>,
    /// Looks for events, from when the engine is ready.
    follower: Mutex<Option<JoinHandle<()>>>,
}

pub(crate) struct Shared {
    config: MongoDbConfig,
    database: String,
    schema: Schema,
    connected: OnceCell<Connected>,
    /// One transaction with events at a time: of many in this process, most would be in each other's way.
    publishing: tokio::sync::Mutex<()>,
    latest: watch::Sender<u64>,
}

struct Connected {
    /// As it is told to people: without its password.
    name: String,
    client: Client,
}

impl MongoDb {
    pub(crate) fn open(config: &MongoDbConfig, service: &str, schema: Schema) -> Result<Self, Error> {
        let shared = Shared {
            config: config.clone(),
            database: format!("{}_{service}", config.database_prefix),
            schema,
            connected: OnceCell::new(),
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

impl Shared {
    fn timeout(&self) -> Duration {
        Duration::from_millis(self.config.timeout_ms.max(1))
    }

    fn connected(&self) -> Result<&Connected, Error> {
        self.connected.get().ok_or(Error::Closed)
    }

    fn database(&self) -> Result<Database, Error> {
        Ok(self.connected()?.client.database(&self.database))
    }

    fn documents(&self, collection: &str) -> Result<Collection<Bson>, Error> {
        Ok(self.database()?.collection(&format!("c_{collection}")))
    }

    /// Waits for the server, for a bounded time.
    async fn within<T>(&self, work: impl Future<Output = ::mongodb::error::Result<T>>) -> Result<T, Error> {
        match tokio::time::timeout(self.timeout(), work).await {
            Ok(done) => done.map_err(|e| self.failed(e)),
            Err(e) => Err(self.unavailable(e)),
        }
    }

    fn name(&self) -> String {
        self.connected.get().map_or_else(|| "mongodb".to_owned(), |c| c.name.clone())
    }

    fn unavailable(&self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        Error::Unavailable { server: self.name(), source: source.into() }
    }

    /// What a failure means to whoever asked.
    fn failed(&self, error: ::mongodb::error::Error) -> Error {
        match error.kind.as_ref() {
            ErrorKind::ServerSelection { .. }
            | ErrorKind::Io(_)
            | ErrorKind::DnsResolve { .. }
            | ErrorKind::ConnectionPoolCleared { .. } => self.unavailable(error),
            _ if error.contains_label(::mongodb::error::TRANSIENT_TRANSACTION_ERROR) => Error::Busy,
            _ => Error::Engine(Box::new(error)),
        }
    }

    fn unusable(&self, name: &str, reason: &str, source: Option<::mongodb::error::Error>) -> Error {
        let source = source.map(|e| Box::new(e) as _);
        Error::Unusable { server: name.to_owned(), reason: reason.to_owned(), source }
    }

    async fn connect(&self) -> Result<Connected, Error> {
        let malformed = "its url is malformed: set it to mongodb://user:password@host:27017/?replicaSet=rs0";
        let parsed = tokio::time::timeout(self.timeout(), ClientOptions::parse(&self.config.url)).await;
        let mut options = match parsed {
            Ok(parsed) => parsed.map_err(|e| self.unusable("mongodb", malformed, Some(e)))?,
            Err(_) => return Err(self.unusable("mongodb", "the servers in its url cannot be looked up", None)),
        };
        let hosts: Vec<String> = options.hosts.iter().map(ServerAddress::to_string).collect();
        let name = format!("mongodb://{}/{}", hosts.join(","), self.database);
        options.app_name = Some("vitrine".to_owned());
        options.max_pool_size = Some(self.config.max_connections.max(1));
        options.server_selection_timeout = Some(self.timeout());
        options.connect_timeout = Some(self.timeout());
        // What is read was committed for good, and what is committed survives the loss of a server.
        options.read_concern = Some(ReadConcern::majority());
        options.write_concern = Some(WriteConcern::majority());
        options.selection_criteria =
            Some(SelectionCriteria::ReadPreference(::mongodb::options::ReadPreference::Primary));
        let client = Client::with_options(options).map_err(|e| self.unusable(&name, malformed, Some(e)))?;
        let advice = "it cannot be reached, or refuses the user: start it, or set url to where it is and who asks";
        let admin = client.database("admin");
        let hello = tokio::time::timeout(self.timeout() * 2, admin.run_command(doc! { "hello": 1 }).into_future());
        let hello = match hello.await {
            Ok(said) => said.map_err(|e| self.unusable(&name, advice, Some(e)))?,
            Err(_) => return Err(self.unusable(&name, advice, None)),
        };
        if !hello.contains_key("setName") && !hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid") {
            let alone = "it is no replica set and so has no transactions: start it with --replSet and rs.initiate()";
            return Err(self.unusable(&name, alone, None));
        }
        Ok(Connected { name, client })
    }

    /// Tells a position, unless a later one is known.
    fn tell(&self, position: u64) {
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

async fn follow(shared: Arc<Shared>) {
    loop {
        if shared.latest.receiver_count() > 0
            && let Ok(last) = read::last_position(&shared).await
        {
            shared.tell(last);
        }
        tokio::time::sleep(LOOK).await;
    }
}

impl Engine for MongoDb {
    fn ready(&self) -> Answer<'_, ()> {
        Box::pin(async {
            self.shared.connected.get_or_try_init(|| self.shared.connect()).await?;
            migrate::migrate(&self.shared).await?;
            self.shared.tell(read::last_position(&self.shared).await?);
            let mut follower = self.follower.lock();
            if follower.is_none() {
                *follower = Some(tokio::spawn(follow(self.shared.clone())));
            }
            Ok(())
        })
    }

    fn get<'a>(&'a self, collection: &'static str, ids: &'a [&'a str]) -> Answer<'a, Vec<Raw>> {
        Box::pin(read::get(&self.shared, collection, ids))
    }

    fn find(&self, collection: &'static str, query: Query) -> Answer<'_, RawPage> {
        Box::pin(read::find(&self.shared, collection, query))
    }

    fn search<'a>(
        &'a self,
        collection: &'static str,
        index: &'a str,
        text: &'a str,
        limit: usize,
        cursor: Option<&'a str>,
    ) -> Answer<'a, RawPage> {
        Box::pin(read::search(&self.shared, collection, index, text, limit, cursor))
    }

    fn count(&self, collection: &'static str, query: Query) -> Answer<'_, u64> {
        Box::pin(read::count(&self.shared, collection, query))
    }

    fn commit(&self, batch: Batch) -> Answer<'_, ()> {
        let shared = self.shared.clone();
        // In a task of its own: whoever stops waiting for it does not leave it half done.
        Box::pin(async move {
            let commit = tokio::spawn(async move { write::commit(&shared, batch).await });
            commit.await.map_err(|e| Error::Engine(Box::new(e)))?
        })
    }

    fn read_events<'a>(&'a self, after: u64, topics: &'a [String], limit: usize) -> Answer<'a, (Vec<Event>, u64)> {
        Box::pin(read::events(&self.shared, after, topics, limit))
    }

    fn watch_events(&self) -> watch::Receiver<u64> {
        self.shared.latest.subscribe()
    }

    fn prune_events(&self, before_ms: i64) -> Answer<'_, u64> {
        Box::pin(async move {
            let outbox: Collection<Bson> = self.shared.database()?.collection(OUTBOX);
            let old = outbox.delete_many(doc! { "occurred_at_ms": { "$lt": before_ms } });
            Ok(self.shared.within(old.into_future()).await?.deleted_count)
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
