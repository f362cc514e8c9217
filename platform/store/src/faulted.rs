//! An engine that faults act on: its answers come late, or not at all, with the errors that a database out of reach gives.

use std::sync::Arc;

use tokio::sync::watch;
use vitrine_platform_faults::{Call, Effect, Ruling, Site, StoreOp, within};
use vitrine_platform_telemetry::Context;

use crate::engine::{Batch, Engine, EngineFuture, Event, Pool, Raw, RawPage};
use crate::error::Error;
use crate::query::Query;

pub(crate) struct Faulted {
    engine: Arc<dyn Engine>,
    site: Site,
}

impl Faulted {
    pub(crate) fn new(engine: Arc<dyn Engine>, site: Site) -> Self {
        Self { engine, site }
    }

    fn decide(&self, op: StoreOp, collection: &str) -> Option<Box<Ruling>> {
        let context = Context::current();
        self.site.decide(&Call { path: within::current(), key: collection, op: Some(op), ..Call::within(&context) })
    }

    /// An answer as it is, or, when a fault may act, after what the fault says.
    fn read<'a, T: Send + 'a>(&'a self, collection: &'static str, answer: EngineFuture<'a, T>) -> EngineFuture<'a, T> {
        if !self.site.is_armed() {
            return answer;
        }
        Box::pin(async move {
            let Some(ruling) = self.decide(StoreOp::Read, collection) else { return answer.await };
            ruling.wait().await;
            self.error(&ruling, collection, "").map_or(Ok(()), Err)?;
            answer.await
        })
    }

    /// The error of a database that is out of reach, or of one where another writer was quicker.
    fn error(&self, ruling: &Ruling, collection: &'static str, id: &str) -> Option<Error> {
        match ruling.ending()? {
            Effect::Error { code, .. } if code == "ABORTED" => Some(Error::Conflict { collection, id: id.to_owned() }),
            Effect::Error { .. } => {
                Some(Error::Unavailable { server: self.engine.namespace(), source: "connection refused".into() })
            }
            _ => None,
        }
    }
}

impl Engine for Faulted {
    fn system(&self) -> &'static str {
        self.engine.system()
    }

    fn namespace(&self) -> String {
        self.engine.namespace()
    }

    fn pools(&self) -> Vec<Pool> {
        self.engine.pools()
    }

    fn ready(&self) -> EngineFuture<'_, ()> {
        self.engine.ready()
    }

    fn get<'a>(&'a self, collection: &'static str, ids: &'a [&'a str]) -> EngineFuture<'a, Vec<Raw>> {
        self.read(collection, self.engine.get(collection, ids))
    }

    fn find(&self, collection: &'static str, query: Query) -> EngineFuture<'_, RawPage> {
        self.read(collection, self.engine.find(collection, query))
    }

    fn search<'a>(
        &'a self,
        collection: &'static str,
        index: &'a str,
        text: &'a str,
        limit: usize,
        cursor: Option<&'a str>,
    ) -> EngineFuture<'a, RawPage> {
        self.read(collection, self.engine.search(collection, index, text, limit, cursor))
    }

    fn count(&self, collection: &'static str, query: Query) -> EngineFuture<'_, u64> {
        self.read(collection, self.engine.count(collection, query))
    }

    fn commit(&self, batch: Batch) -> EngineFuture<'_, ()> {
        if !self.site.is_armed() {
            return self.engine.commit(batch);
        }
        Box::pin(async move {
            let (collection, id) = batch.ops.first().map_or(("", ""), |op| (op.collection(), op.id()));
            let Some(ruling) = self.decide(StoreOp::Commit, collection) else { return self.engine.commit(batch).await };
            ruling.wait().await;
            self.error(&ruling, collection, id).map_or(Ok(()), Err)?;
            self.engine.commit(batch).await?;
            match ruling.ending() {
                Some(Effect::InDoubt) => {
                    Err(Error::Unknown { server: self.engine.namespace(), source: "connection reset by peer".into() })
                }
                _ => Ok(()),
            }
        })
    }

    fn read_events<'a>(
        &'a self,
        after: u64,
        topics: &'a [String],
        limit: usize,
    ) -> EngineFuture<'a, (Vec<Event>, u64)> {
        // What is told to other services of this one is theirs, not this one's work: it is never hit.
        self.engine.read_events(after, topics, limit)
    }

    fn watch_events(&self) -> watch::Receiver<u64> {
        self.engine.watch_events()
    }

    fn prune_events(&self, before_ms: i64) -> EngineFuture<'_, u64> {
        self.engine.prune_events(before_ms)
    }
}
