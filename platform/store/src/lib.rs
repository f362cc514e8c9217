//! A service's own data: typed collections of documents with declared indexes, versions, and transactions that commit
//! several writes together with the events that they cause.
//!
//! A [`Document`] says its id and its keys. Reads go by id, by one declared key (equal or in a range), or by full text.
//! Writes are gathered in a [`Tx`], a batch through which nothing is read, and committed at once: either all of it is there,
//! durably, with its events in the outbox, or nothing is. Two writers of one document are kept apart by versions: the later
//! one gets [`Error::Conflict`], reads again and decides again ([`retry_conflicts`]).
//!
//! This shape is what SQLite, PostgreSQL (JSONB and columns) and MongoDB (documents and multi-document transactions) all
//! do well. The engine is behind [`engine::Engine`], which speaks of documents, keys and batches, never of SQL.
//!
//! ```
//! use std::borrow::Cow;
//!
//! use serde::{Deserialize, Serialize};
//! use vitrine_platform_store::{Document, Error, Index, Keys, Query, Schema, Store};
//!
//! #[derive(Clone, Serialize, Deserialize)]
//! struct Guest {
//!     id: String,
//!     name: String,
//! }
//!
//! impl Document for Guest {
//!     const COLLECTION: &'static str = "guests";
//!     const INDEXES: &'static [Index] = &[Index::ordered("name")];
//!     fn id(&self) -> Cow<'_, str> {
//!         Cow::Borrowed(&self.id)
//!     }
//!     fn keys(&self, out: &mut Keys) {
//!         out.put("name", self.name.as_str());
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Error> {
//! let store = Store::temporary("visitors", Schema::new().with::<Guest>())?;
//! store.ready().await?;
//! let mut tx = store.begin();
//! tx.insert(&Guest { id: "g1".to_owned(), name: "Ada".to_owned() });
//! tx.commit().await?;
//!
//! let found = store.find::<Guest>(Query::eq("name", "Ada")).await?.items;
//! assert_eq!(found[0].doc.id, "g1");
//!
//! // Of two who change what they have read, the later one is told.
//! let mut first = store.begin();
//! first.update(&found[0]);
//! first.commit().await?;
//! let mut second = store.begin();
//! second.update(&found[0]);
//! assert!(matches!(second.commit().await, Err(Error::Conflict { .. })));
//! # Ok(())
//! # }
//! ```

pub mod bytes;
mod commit_log;
mod counted;
mod document;
pub mod engine;
mod error;
mod faulted;
mod flushed;
mod measured;
#[cfg(feature = "mongodb")]
mod mongodb;
mod postgres;
mod query;
mod sql;
mod sqlite;
mod storage;
mod text_index;
mod tx;

use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::watch;
use vitrine_platform_faults::Site;
use vitrine_platform_telemetry::Service;

pub use commit_log::Folder;
pub use document::{Document, Index, IndexKind, Key, Keys, Schema};
pub use engine::{CollectionSchema, Event, NewEvent};
pub use error::{Conflicting, Error, MAX_EVENT_BYTES, retry_conflicts};
pub use query::{MAX_PAGE, Query};
#[cfg(feature = "mongodb")]
pub use storage::MongoDbConfig;
pub use storage::{PostgresConfig, Storage};
pub use tx::Tx;

use engine::{Engine, Raw};

/// A document as it is stored, with the version that a later [`Tx::update`] expects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored<T> {
    /// The document.
    pub doc: T,
    /// Grows by one with each write.
    pub version: u64,
}

impl<T> Deref for Stored<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.doc
    }
}

/// A part of a longer list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The documents, in the query's order.
    pub items: Vec<Stored<T>>,
    /// Where the next page begins; none on the last.
    pub next_cursor: Option<String>,
}

/// One service's database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    engine: Arc<dyn Engine>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    /// The database of a service. One in a folder is opened, and made if it is not there, as `FOLDER/<service>.db`; nothing is asked of a
    /// server before [`Store::ready`].
    pub fn open(storage: &Storage, service: &str, schema: Schema) -> Result<Self, Error> {
        let engine: Arc<dyn Engine> = match storage {
            Storage::Folder(folder) => Arc::new(sqlite::Sqlite::open(folder, service, schema)?),
            Storage::Postgres(config) => Arc::new(postgres::Postgres::open(config, service, schema)?),
            #[cfg(feature = "mongodb")]
            Storage::MongoDb(config) => Arc::new(mongodb::MongoDb::open(config, service, schema)?),
        };
        Ok(Self { engine })
    }

    /// The same, and the service tells how long each operation takes and what the connections do.
    pub fn measured_by(self, service: &Service) -> Self {
        if !service.is_enabled() {
            return self;
        }
        Self { engine: Arc::new(measured::Measured::new(self.engine, service)) }
    }

    /// The same, and faults act on it. To be said before [`Store::measured_by`], so that what they do is measured, too.
    pub fn faulted_at(self, site: Site) -> Self {
        Self { engine: Arc::new(faulted::Faulted::new(self.engine, site)) }
    }

    /// Connects to the server and makes, or brings up to date, what the schema declares. To be awaited once before anything else.
    pub async fn ready(&self) -> Result<(), Error> {
        self.engine.ready().await
    }

    /// A database in a folder of its own that goes when the store goes: for tests.
    pub fn temporary(service: &str, schema: Schema) -> Result<Self, Error> {
        let engine = sqlite::Sqlite::temporary(service, schema)?;
        Ok(Self { engine: Arc::new(engine) })
    }

    /// The document with this id.
    pub async fn get<T: Document>(&self, id: &str) -> Result<Option<Stored<T>>, Error> {
        let found = self.engine.get(T::COLLECTION, &[id]).await?;
        found.into_iter().next().map(decode).transpose()
    }

    /// The documents with these ids, in their order; what is not there is left out.
    pub async fn get_many<T: Document>(&self, ids: &[&str]) -> Result<Vec<Stored<T>>, Error> {
        self.engine.get(T::COLLECTION, ids).await?.into_iter().map(decode).collect()
    }

    /// The documents that a query names.
    pub async fn find<T: Document>(&self, query: Query) -> Result<Page<T>, Error> {
        page(self.engine.find(T::COLLECTION, query).await?)
    }

    /// All documents that a query names, page after page; only for what is known to be few, such as what one customer has.
    pub async fn find_all<T: Document>(&self, query: Query) -> Result<Vec<Stored<T>>, Error> {
        let mut all = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let page = self.find(query.clone().cursor(cursor.as_deref())).await?;
            all.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(all);
            }
        }
    }

    /// The documents whose text holds all words of `text` (the last one may be cut short), best first.
    pub async fn search<T: Document>(
        &self,
        index: &str,
        text: &str,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Page<T>, Error> {
        page(self.engine.search(T::COLLECTION, index, text, limit, cursor).await?)
    }

    /// How many documents a query names; its limit and cursor do not count.
    pub async fn count<T: Document>(&self, query: Query) -> Result<u64, Error> {
        self.engine.count(T::COLLECTION, query).await
    }

    /// A new, empty batch.
    pub fn begin(&self) -> Tx {
        Tx::new(self.engine.clone())
    }

    /// Events of the outbox after a position, oldest first, and the position up to which was looked.
    pub async fn read_events(&self, after: u64, topics: &[String], limit: usize) -> Result<(Vec<Event>, u64), Error> {
        self.engine.read_events(after, topics, limit).await
    }

    /// The position of the last committed event, as it changes.
    pub fn watch_events(&self) -> watch::Receiver<u64> {
        self.engine.watch_events()
    }

    /// Forgets events that are older than this.
    pub async fn prune_events(&self, before_ms: i64) -> Result<u64, Error> {
        self.engine.prune_events(before_ms).await
    }
}

fn decode<T: Document>(raw: Raw) -> Result<Stored<T>, Error> {
    let doc = serde_json::from_slice(&raw.body).map_err(|source| Error::Decode {
        collection: T::COLLECTION,
        id: raw.id,
        source,
    })?;
    Ok(Stored { doc, version: raw.version })
}

fn page<T: Document>(found: engine::RawPage) -> Result<Page<T>, Error> {
    let items = found.items.into_iter().map(decode).collect::<Result<_, _>>()?;
    Ok(Page { items, next_cursor: found.next_cursor })
}
