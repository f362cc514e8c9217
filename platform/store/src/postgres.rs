//! The engine on a PostgreSQL server: a schema for each service, a table for each collection, a column for each declared index.
//!
//! Any number of processes may share a schema. Writes go in one transaction a batch ([`write`](mod@write)); events get their positions after
//! they were committed ([`log`]), which docs/adr/0008-positions-after-the-commit.md explains.

mod encoding;
mod log;
mod pool;
mod read;
mod schema;
mod server;
mod write;

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use crate::document::Schema;
use crate::engine::{Batch, Engine, EngineFuture, Event, Pool as Status, Raw, RawPage};
use crate::error::Error;
use crate::query::Query;
use crate::storage::PostgresConfig;
use pool::Pool;
use schema::Names;
use server::Server;

pub(crate) struct Postgres {
    shared: Arc<PostgresInner>,
    /// Follows the log, from when the engine is ready.
    follower: Mutex<Option<JoinHandle<()>>>,
}

pub(crate) struct PostgresInner {
    names: Names,
    schema: Schema,
    pool: Pool,
    /// The last position that is known.
    latest: watch::Sender<u64>,
    /// Events were committed here that have no positions yet.
    committed: Notify,
}

impl Postgres {
    pub(crate) fn open(config: &PostgresConfig, service: &str, schema: Schema) -> Result<Self, Error> {
        let server = Server::new(config, service)?;
        let names = Names::new(&server, &config.schema_prefix, service)?;
        let shared = PostgresInner {
            names,
            schema,
            pool: Pool::new(server, config.max_connections),
            latest: watch::Sender::new(0),
            committed: Notify::new(),
        };
        Ok(Self { shared: Arc::new(shared), follower: Mutex::default() })
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(follower) = self.follower.lock().take() {
            follower.abort();
        }
    }
}

/// A column of a row.
fn decoded<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<T, Error> {
    row.try_get(column).map_err(|e| Error::Engine(Box::new(e)))
}

impl Engine for Postgres {
    fn system(&self) -> &'static str {
        "postgresql"
    }

    fn namespace(&self) -> String {
        self.shared.names.namespace()
    }

    fn pools(&self) -> Vec<Status> {
        vec![self.shared.pool.status(&self.namespace())]
    }

    fn ready(&self) -> EngineFuture<'_, ()> {
        Box::pin(async {
            let server = &self.shared.pool.server;
            let connection = server.connect_first().await?;
            schema::migrate(server, &connection, &self.shared.names, &self.shared.schema.collections).await?;
            self.shared.pool.add(connection);
            log::assign_positions(&self.shared).await?;
            let mut follower = self.follower.lock();
            if follower.is_none() {
                *follower = Some(tokio::spawn(log::follow(self.shared.clone())));
            }
            Ok(())
        })
    }

    fn get<'a>(&'a self, collection: &'static str, ids: &'a [&'a str]) -> EngineFuture<'a, Vec<Raw>> {
        Box::pin(async move {
            self.shared.schema.collection(collection)?;
            read::get(&self.shared.pool, &self.shared.names, collection, ids).await
        })
    }

    fn find(&self, collection: &'static str, query: Query) -> EngineFuture<'_, RawPage> {
        Box::pin(async move {
            let schema = self.shared.schema.collection(collection)?;
            read::find(&self.shared.pool, &self.shared.names, schema, &query).await
        })
    }

    fn search<'a>(
        &'a self,
        collection: &'static str,
        index: &'a str,
        text: &'a str,
        limit: usize,
        cursor: Option<&'a str>,
    ) -> EngineFuture<'a, RawPage> {
        Box::pin(async move {
            let schema = self.shared.schema.collection(collection)?;
            read::search(&self.shared.pool, &self.shared.names, schema, index, text, limit, cursor).await
        })
    }

    fn count(&self, collection: &'static str, query: Query) -> EngineFuture<'_, u64> {
        Box::pin(async move {
            let schema = self.shared.schema.collection(collection)?;
            read::count(&self.shared.pool, &self.shared.names, schema, &query).await
        })
    }

    fn commit(&self, batch: Batch) -> EngineFuture<'_, ()> {
        let shared = self.shared.clone();
        // In a task of its own: a caller that stops waiting for it does not leave it half done.
        Box::pin(async move {
            let commit = tokio::spawn(async move { write::commit(&shared, batch).await });
            commit.await.map_err(|e| Error::Engine(Box::new(e)))?
        })
    }

    fn read_events<'a>(
        &'a self,
        after: u64,
        topics: &'a [String],
        limit: usize,
    ) -> EngineFuture<'a, (Vec<Event>, u64)> {
        Box::pin(log::read(&self.shared, after, topics, limit))
    }

    fn watch_events(&self) -> watch::Receiver<u64> {
        self.shared.latest.subscribe()
    }

    fn prune_events(&self, before_ms: i64) -> EngineFuture<'_, u64> {
        Box::pin(log::prune(&self.shared, before_ms))
    }
}
