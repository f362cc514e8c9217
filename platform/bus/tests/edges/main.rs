//! What following events does at its edges: repeated deliveries, replicas, effects that are refused, panics, large events, a stop.

mod delivery;
mod failures;
mod faults;
mod figures;
mod log;
mod together;
mod trace;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use vitrine_contracts::bus::v1::event_log_service_server::{EventLogService, EventLogServiceServer};
use vitrine_contracts::customers::v1::CustomerErased;
use vitrine_contracts::topics::CUSTOMER_ERASED;
use vitrine_platform_bus::{
    Consumer, Event, EventLog, HandleError, Handler, Log, MAX_TRIES, publish, replay, with_inbox,
};
use vitrine_platform_mesh::{Handlers, Limits, Mesh, Transport};
use vitrine_platform_store::{Document, Error, Index, Keys, Schema, Store, Tx};
use vitrine_platform_telemetry::{Config, Context, Telemetry};

/// How long anything may take to come about.
const PATIENCE: Duration = Duration::from_secs(20);
const NAME: &str = "count";

/// How often a key's event took effect.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Effect {
    key: String,
    times: u32,
}

impl Document for Effect {
    const COLLECTION: &'static str = "effects";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.key)
    }
    fn keys(&self, _: &mut Keys) {}
}

/// Counts each key's events, and tells which it was handed and in which trace; fails, or does not look into the batch, as the key says.
#[derive(Clone)]
struct Count {
    store: Store,
    handed: mpsc::UnboundedSender<(String, Context)>,
    /// How often the store was out of reach.
    away: Arc<AtomicU32>,
}

#[tonic::async_trait]
impl Handler for Count {
    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        // The test may have ended.
        let _ = self.handed.send((event.key.clone(), Context::current()));
        let blind = event.key.starts_with("blind");
        let known = if blind { self.store.get::<Effect>(&event.key).await? } else { tx.get(&event.key).await? };
        // Replicas get a chance to read the same.
        tokio::task::yield_now().await;
        let effect = Effect { key: event.key.clone(), times: known.map_or(0, |k| k.times) + 1 };
        match event.key.as_str() {
            "panic" => panic!("as asked"),
            // The store is out of reach, for longer than an event that fails is tried.
            "away" if self.away.fetch_add(1, Ordering::Relaxed) <= MAX_TRIES => {
                return Err(Error::Unavailable { server: "postgres://shop".to_owned(), source: "gone".into() }.into());
            }
            "meanwhile" => {
                replay(&self.store, NAME, 2).await?;
                tx.put(&effect);
            }
            "reject" => return Err(HandleError::Reject("as asked".to_owned())),
            "insert" => tx.insert(&effect),
            _ => tx.put(&effect),
        }
        Ok(())
    }
}

/// The way of a service to someone's log.
fn transport(caller: &str, log: impl EventLogService) -> Transport {
    let quiet = Telemetry::new(Config { disabled: true, ..Config::default() });
    let mesh = Mesh::new(Limits::default());
    let server = mesh.server(quiet.service("customers"), Handlers::new(EventLogServiceServer::new(log)));
    mesh.place("customers", server).expect("placed");
    mesh.transport(quiet.service(caller), "customers")
}

/// A producer, and the store of a caller that follows it.
struct World {
    producer: Store,
    store: Store,
    stop: CancellationToken,
    handed: mpsc::UnboundedReceiver<(String, Context)>,
    handler: Count,
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn world() -> World {
    let producer = Store::temporary("customers", Schema::new()).expect("a database");
    let store = Store::temporary("carts", with_inbox(Schema::new().with::<Effect>())).expect("a database");
    let (sender, handed) = mpsc::unbounded_channel();
    let handler = Count { store: store.clone(), handed: sender, away: Arc::default() };
    World { producer, store, stop: CancellationToken::new(), handed, handler }
}

impl World {
    /// One more consumer of this name.
    fn follow(&self, log: impl EventLogService, telemetry: &Telemetry) -> tokio::task::JoinHandle<()> {
        let consumer = Consumer::new(NAME, "customers", &[CUSTOMER_ERASED], self.store.clone(), self.handler.clone());
        let source = Box::new(Log::new(&consumer, transport("carts", log)));
        tokio::spawn(consumer.run(source, telemetry.service("carts"), self.stop.clone()))
    }

    fn log(&self) -> EventLog {
        EventLog::new(vec![("customers".to_owned(), self.producer.clone())], self.stop.clone())
    }

    /// Follows the producer's own log.
    fn start(&self) -> tokio::task::JoinHandle<()> {
        self.follow(self.log(), &Telemetry::new(Config { disabled: true, ..Config::default() }))
    }

    async fn publish(&self, keys: &[&str]) {
        for key in keys {
            let mut tx = self.producer.begin();
            publish(&mut tx, CUSTOMER_ERASED, key, 0, &CustomerErased { customer_id: (*key).to_owned() });
            tx.commit().await.expect("published");
        }
    }

    async fn times(&self, key: &str) -> u32 {
        self.store.get::<Effect>(key).await.expect("read").map_or(0, |e| e.times)
    }

    /// Waits until a key has taken effect; what was published before it is then done with.
    async fn done(&self, key: &str) {
        eventually(async || self.times(key).await > 0).await;
    }
}

/// Looks again and again until something has come about.
async fn eventually(mut look: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !look().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.expect("in time");
}

fn event(position: u64, key: &str) -> Event {
    Event {
        id: format!("evt_{position}"),
        topic: CUSTOMER_ERASED.to_owned(),
        key: key.to_owned(),
        position,
        ..Event::default()
    }
}

/// Shares a value between a log that is scripted and its test.
type Locked<T> = Arc<std::sync::Mutex<T>>;
