//! An engine that notes how long each of its operations takes, and what its connections do.
//!
//! Source: OpenTelemetry semantic conventions, "Database client metrics".

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;
use vitrine_platform_telemetry::semconv::{
    DB_CLIENT_CONNECTION_COUNT, DB_CLIENT_CONNECTION_MAX, DB_CLIENT_CONNECTION_PENDING_REQUESTS,
    DB_CLIENT_CONNECTION_POOL_NAME, DB_CLIENT_CONNECTION_STATE, DB_CLIENT_CONNECTION_TIMEOUTS,
    DB_CLIENT_OPERATION_DURATION, DB_COLLECTION_NAME, DB_NAMESPACE, DB_OPERATION_NAME, DB_SYSTEM_NAME, ERROR_TYPE,
};
use vitrine_platform_telemetry::{Histogram, Observation, ObservationKind, Service};

use crate::engine::{Batch, Engine, EngineFuture, Event, Pool, Raw, RawPage};
use crate::error::Error;
use crate::query::Query;

/// What the outbox is called among the collections.
const OUTBOX: &str = "outbox";

pub(crate) struct Measured {
    engine: Arc<dyn Engine>,
    durations: Histogram,
    namespace: String,
}

impl Measured {
    pub(crate) fn new(engine: Arc<dyn Engine>, service: &Service) -> Self {
        let durations = service.histogram(
            DB_CLIENT_OPERATION_DURATION,
            "s",
            "Operations of the database, as its user waits for them",
        );
        let namespace = engine.namespace();
        service.read_while(&engine, |engine| engine.pools().iter().flat_map(readings).collect());
        Self { engine, durations, namespace }
    }

    /// Waits for an operation, and notes how it went.
    async fn note<T>(
        &self,
        operation: &str,
        collection: Option<&str>,
        answer: EngineFuture<'_, T>,
    ) -> Result<T, Error> {
        let began = Instant::now();
        let outcome = answer.await;
        let labels = [
            Some((DB_SYSTEM_NAME, self.engine.system())),
            Some((DB_NAMESPACE, self.namespace.as_str())),
            Some((DB_OPERATION_NAME, operation)),
            collection.map(|name| (DB_COLLECTION_NAME, name)),
            outcome.as_ref().err().map(|error| (ERROR_TYPE, error.kind())),
        ];
        self.durations.record_some(began.elapsed().as_secs_f64(), &labels);
        outcome
    }
}

/// The collection of a batch that writes to one only.
fn sole_collection(batch: &Batch) -> Option<&'static str> {
    let mut names = batch.ops.iter().map(|op| op.collection());
    let first = names.next()?;
    names.all(|name| name == first).then_some(first)
}

fn readings(pool: &Pool) -> Vec<Observation> {
    let figure = |kind, name, unit, description, n: u64| {
        Observation::new(kind, name, unit, description, n as f64)
            .attr(DB_CLIENT_CONNECTION_POOL_NAME, pool.name.as_str())
    };
    let count = |state: &str, n| {
        figure(
            ObservationKind::UpDownCounter,
            DB_CLIENT_CONNECTION_COUNT,
            "{connection}",
            "Connections, by what they do",
            n,
        )
        .attr(DB_CLIENT_CONNECTION_STATE, state)
    };
    let mut all = vec![
        count("idle", pool.idle),
        count("used", pool.used),
        figure(
            ObservationKind::UpDownCounter,
            DB_CLIENT_CONNECTION_PENDING_REQUESTS,
            "{request}",
            "Requests that wait for a connection",
            pool.pending,
        ),
        figure(
            ObservationKind::Counter,
            DB_CLIENT_CONNECTION_TIMEOUTS,
            "{timeout}",
            "Requests that did not get a connection in time",
            pool.timeouts,
        ),
    ];
    if let Some(max) = pool.max {
        all.push(figure(
            ObservationKind::UpDownCounter,
            DB_CLIENT_CONNECTION_MAX,
            "{connection}",
            "Most connections that there may be",
            max,
        ));
    }
    all
}

impl Engine for Measured {
    fn system(&self) -> &'static str {
        self.engine.system()
    }

    fn namespace(&self) -> String {
        self.namespace.clone()
    }

    fn pools(&self) -> Vec<Pool> {
        self.engine.pools()
    }

    fn ready(&self) -> EngineFuture<'_, ()> {
        self.engine.ready()
    }

    fn get<'a>(&'a self, collection: &'static str, ids: &'a [&'a str]) -> EngineFuture<'a, Vec<Raw>> {
        Box::pin(self.note("get", Some(collection), self.engine.get(collection, ids)))
    }

    fn find(&self, collection: &'static str, query: Query) -> EngineFuture<'_, RawPage> {
        Box::pin(self.note("find", Some(collection), self.engine.find(collection, query)))
    }

    fn search<'a>(
        &'a self,
        collection: &'static str,
        index: &'a str,
        text: &'a str,
        limit: usize,
        cursor: Option<&'a str>,
    ) -> EngineFuture<'a, RawPage> {
        let answer = self.engine.search(collection, index, text, limit, cursor);
        Box::pin(self.note("search", Some(collection), answer))
    }

    fn count(&self, collection: &'static str, query: Query) -> EngineFuture<'_, u64> {
        Box::pin(self.note("count", Some(collection), self.engine.count(collection, query)))
    }

    fn commit(&self, batch: Batch) -> EngineFuture<'_, ()> {
        let collection = sole_collection(&batch);
        Box::pin(self.note("commit", collection, self.engine.commit(batch)))
    }

    fn read_events<'a>(
        &'a self,
        after: u64,
        topics: &'a [String],
        limit: usize,
    ) -> EngineFuture<'a, (Vec<Event>, u64)> {
        Box::pin(self.note("read_events", Some(OUTBOX), self.engine.read_events(after, topics, limit)))
    }

    fn watch_events(&self) -> watch::Receiver<u64> {
        self.engine.watch_events()
    }

    fn prune_events(&self, before_ms: i64) -> EngineFuture<'_, u64> {
        Box::pin(self.note("prune_events", Some(OUTBOX), self.engine.prune_events(before_ms)))
    }
}
