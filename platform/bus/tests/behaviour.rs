//! What a consumer can rely on.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use vitrine_contracts::customers::v1::CustomerErased;
use vitrine_contracts::topics::CUSTOMER_ERASED;
use vitrine_kit::clock::Clock;
use vitrine_platform_bus::{
    Consumer, Event, HandleError, Handler, MAX_TRIES, dead_letters, publish, redrive, replay, replay_since, with_inbox,
};
use vitrine_platform_host::{Component, Host, Running};
use vitrine_platform_mesh::{Limits, Mesh};
use vitrine_platform_store::{Document, Index, Keys, Query, Schema, Store, Tx};
use vitrine_platform_telemetry::{Config, Telemetry};

/// How long anything may take to come about.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often a customer's event took effect.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Effect {
    customer_id: String,
    times: u32,
}

impl Document for Effect {
    const COLLECTION: &'static str = "effects";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.customer_id)
    }
    fn keys(&self, _: &mut Keys) {}
}

/// Counts events as effects, tells the test which it has seen, and fails as told.
struct Count {
    seen: mpsc::UnboundedSender<String>,
    tries: Arc<AtomicU32>,
    broken: Arc<AtomicBool>,
}

#[tonic::async_trait]
impl Handler for Count {
    async fn handle(&self, event: &Event, tx: &mut Tx) -> Result<(), HandleError> {
        let customer_id = event.key.clone();
        if customer_id.starts_with("reject") {
            return Err(HandleError::Reject("as asked".to_owned()));
        }
        if customer_id.starts_with("retry") && self.broken.load(Ordering::SeqCst) {
            self.tries.fetch_add(1, Ordering::SeqCst);
            return Err(HandleError::Retry("as asked".to_owned()));
        }
        let known = tx.get::<Effect>(&customer_id).await?;
        tx.put(&Effect { customer_id: customer_id.clone(), times: known.map_or(0, |k| k.times) + 1 });
        // The test may have ended.
        let _ = self.seen.send(customer_id);
        Ok(())
    }
}

/// A producer and a consumer in one process.
struct World {
    data: tempfile::TempDir,
    producer: Store,
    consumer: Store,
    seen: mpsc::UnboundedReceiver<String>,
    tries: Arc<AtomicU32>,
    broken: Arc<AtomicBool>,
    running: Running,
}

async fn world(data: tempfile::TempDir, broken: bool) -> World {
    let telemetry = Telemetry::new(Config { disabled: true, ..Config::default() });
    let host = Host::new(data.path(), Clock::system(), 1, telemetry, Mesh::new(Limits::default()));
    let producer = host.open_store("customers", Schema::new()).expect("a database");
    let consumer = host.open_store("carts", with_inbox(Schema::new().with::<Effect>())).expect("a database");
    let (sender, seen) = mpsc::unbounded_channel();
    let (tries, broken) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(broken)));
    let count = Count { seen: sender, tries: tries.clone(), broken: broken.clone() };
    let follow = Consumer::new("count", "customers", &[CUSTOMER_ERASED], consumer.clone(), count);
    let components = vec![
        Component::new("customers").store(producer.clone()),
        Component::new("carts").store(consumer.clone()).consumer(follow),
    ];
    let running = host.start(components).await.expect("started");
    World { data, producer, consumer, seen, tries, broken, running }
}

async fn fresh() -> World {
    world(tempfile::tempdir().expect("a folder"), false).await
}

impl World {
    async fn publish(&self, keys: &[&str]) {
        for key in keys {
            let mut tx = self.producer.begin();
            publish(&mut tx, CUSTOMER_ERASED, key, 0, &CustomerErased { customer_id: (*key).to_owned() });
            tx.commit().await.expect("published");
        }
    }

    async fn next(&mut self) -> String {
        tokio::time::timeout(PATIENCE, self.seen.recv()).await.expect("in time").expect("one more")
    }

    async fn take(&mut self, n: usize) -> Vec<String> {
        let mut taken = Vec::new();
        for _ in 0..n {
            taken.push(self.next().await);
        }
        taken
    }

    async fn times(&self, key: &str) -> u32 {
        self.consumer.get::<Effect>(key).await.expect("read").map_or(0, |e| e.times)
    }

    /// Waits until an effect is committed; `seen` tells a moment earlier.
    async fn committed(&self, key: &str, times: u32) {
        let looking = async {
            while self.times(key).await < times {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, looking).await.expect("in time");
        assert_eq!(self.times(key).await, times);
    }

    async fn stop(self) -> tempfile::TempDir {
        assert!(self.running.stop().await, "all ended in time, long polls too");
        self.data
    }
}

#[tokio::test]
async fn events_come_in_order_and_once() {
    let mut world = fresh().await;
    let keys: Vec<String> = (0..150).map(|n| format!("c{n}")).collect();
    world.publish(&keys.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!(world.take(150).await, keys);
    world.publish(&["last"]).await;
    world.next().await;
    world.committed("last", 1).await;
    for key in &keys {
        assert_eq!(world.times(key).await, 1, "{key}");
    }
    world.stop().await;
}

#[tokio::test]
async fn a_consumer_goes_on_where_it_stopped() {
    let mut first = fresh().await;
    first.publish(&["a", "b"]).await;
    first.take(2).await;
    first.committed("b", 1).await;
    let data = first.stop().await;
    let mut second = world(data, false).await;
    second.publish(&["c"]).await;
    assert_eq!(second.next().await, "c");
    second.committed("c", 1).await;
    assert_eq!(second.times("a").await, 1);
    second.stop().await;
}

#[tokio::test]
async fn what_cannot_be_handled_is_put_aside_and_holds_up_nobody() {
    let mut world = world(tempfile::tempdir().expect("a folder"), true).await;
    world.publish(&["reject-1", "retry-1", "fine"]).await;
    assert_eq!(world.next().await, "fine");
    assert_eq!(world.tries.load(Ordering::SeqCst), MAX_TRIES);
    let letters = dead_letters(&world.consumer, "count").await.expect("read");
    assert_eq!(letters.iter().map(|l| l.key.as_str()).collect::<Vec<_>>().len(), 2);
    assert!(letters.iter().all(|l| l.reason == "as asked" && l.topic == CUSTOMER_ERASED), "{letters:?}");

    // Mended: handed out again, it takes effect and is no dead letter any more.
    world.broken.store(false, Ordering::SeqCst);
    let letter = letters.iter().find(|l| l.key == "retry-1").expect("put aside");
    assert!(redrive(&world.consumer, "count", &letter.event_id).await.expect("asked"));
    assert!(!redrive(&world.consumer, "count", "evt_unknown").await.expect("asked"));
    // The consumer looks for it when the next event, or the end of its long poll, wakes it.
    world.publish(&["wake", "up"]).await;
    let seen = world.take(3).await;
    assert!(seen.contains(&"retry-1".to_owned()), "{seen:?}");
    world.committed("retry-1", 1).await;
    assert_eq!(dead_letters(&world.consumer, "count").await.expect("read").len(), 1);
    world.stop().await;
}

#[tokio::test]
async fn a_replay_hands_everything_out_again() {
    let mut first = fresh().await;
    first.publish(&["a", "b"]).await;
    first.take(2).await;
    first.committed("b", 1).await;
    let consumer = first.consumer.clone();
    let data = first.stop().await;
    replay(&consumer, "count", 0).await.expect("asked");
    drop(consumer);
    let mut second = world(data, false).await;
    assert_eq!(second.take(2).await, ["a", "b"]);
    second.committed("b", 2).await;
    assert_eq!(second.consumer.count::<Effect>(Query::all()).await.expect("counted"), 2);
    second.stop().await;
}

#[tokio::test]
async fn a_replay_since_a_moment_leaves_out_what_was_before() {
    let mut first = fresh().await;
    for (key, time_ms) in [("a", 1000), ("b", 2000), ("c", 3000)] {
        let mut tx = first.producer.begin();
        publish(&mut tx, CUSTOMER_ERASED, key, time_ms, &CustomerErased::default());
        tx.commit().await.expect("published");
    }
    first.take(3).await;
    first.committed("c", 1).await;
    let consumer = first.consumer.clone();
    let data = first.stop().await;
    replay_since(&consumer, "count", 2000).await.expect("asked");
    drop(consumer);
    let mut second = world(data, false).await;
    assert_eq!(second.take(2).await, ["b", "c"]);
    second.committed("c", 2).await;
    assert_eq!(second.times("a").await, 1);
    // When nothing is left but what was before, the place is noted all the same.
    let consumer = second.consumer.clone();
    let data = second.stop().await;
    replay_since(&consumer, "count", 9000).await.expect("asked");
    drop(consumer);
    let mut third = world(data, false).await;
    let mut tx = third.producer.begin();
    publish(&mut tx, CUSTOMER_ERASED, "d", 9000, &CustomerErased::default());
    tx.commit().await.expect("published");
    assert_eq!(third.next().await, "d");
    third.committed("d", 1).await;
    third.stop().await;
}

#[tokio::test]
async fn an_event_is_published_with_its_change_or_not_at_all() {
    let world = fresh().await;
    let mut dropped = world.producer.begin();
    publish(&mut dropped, CUSTOMER_ERASED, "never", 0, &CustomerErased::default());
    drop(dropped);
    let (events, _) = world.producer.read_events(0, &[CUSTOMER_ERASED.to_owned()], 10).await.expect("read");
    assert!(events.is_empty());
    world.stop().await;
}
