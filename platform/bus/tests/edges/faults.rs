//! What faults do to events: each effect is there while its fault is, and gone when it ends.

use std::time::{Duration, Instant};

use vitrine_contracts::bus::v1::Event;
use vitrine_platform_bus::{Broker, Relay, Unpublished, dead_letters, with_relay};
use vitrine_platform_faults::{At, Faults, Site, SiteName};
use vitrine_platform_store::{Schema, Store};
use vitrine_platform_telemetry::{Config, Telemetry};
use vitrine_tests_capture::Capture;
use vitrine_tests_faults::clear;

use crate::{
    CUSTOMER_ERASED, CancellationToken, Consumer, CustomerErased, Locked, Log, NAME, World, eventually, publish,
    transport, world,
};

/// Faults with one site, and no fault yet.
fn at(at: At, service: &str) -> (Faults, Site) {
    let faults = Faults::default();
    let site = faults.site(SiteName::new(at, service));
    (faults, site)
}

fn arm(faults: &Faults, what: &str, target: &str) {
    vitrine_tests_faults::arm(faults, what, target);
    assert_eq!(faults.reports()[0].sites.len(), 1, "{what} at {target}");
}

const CARTS: &str = r#""at": "consumer", "service": ["carts"]"#;

fn follow(world: &World, site: Site, telemetry: &Telemetry) {
    let consumer = Consumer::new(NAME, "customers", &[CUSTOMER_ERASED], world.store.clone(), world.handler.clone());
    let consumer = consumer.faulted_at(site);
    let source = Box::new(Log::new(&consumer, transport("carts", world.log())));
    tokio::spawn(consumer.run(source, telemetry.service("carts"), world.stop.clone()));
}

#[tokio::test]
async fn a_consumer_is_slow_stands_still_and_fails() {
    const WAIT: Duration = Duration::from_millis(60);
    let (faults, site) = at(At::Consumer, "carts");
    let world = world();
    follow(&world, site, &Telemetry::new(Config { disabled: true, ..Config::default() }));
    let took = async |key: &str| {
        let began = Instant::now();
        world.publish(&[key]).await;
        world.done(key).await;
        began.elapsed()
    };
    took("first").await;
    for (id, what, is_slow) in
        [(1, r#"{"delay": {"ms": 60}}"#, true), (2, r#"{"hold": {"ms": 200, "every_ms": 60000}}"#, true)]
    {
        arm(&faults, what, CARTS);
        assert_eq!(took(&format!("slow {id}")).await >= WAIT, is_slow, "{what}");
        clear(&faults);
        took(&format!("well {id}")).await;
    }
    assert_eq!(faults.reports().iter().map(|report| report.counts.hit).collect::<Vec<_>>(), [1, 1]);
    // Another topic is not meant.
    arm(&faults, r#"{"delay": {"ms": 60000}}"#, &format!(r#"{CARTS}, "topic": "orders.order.paid""#));
    took("not meant").await;
    arm(&faults, r#"{"error": {"code": "UNAVAILABLE"}}"#, CARTS);
    world.publish(&["never"]).await;
    eventually(async || !dead_letters(&world.store, NAME).await.expect("read").is_empty()).await;
    let letter = dead_letters(&world.store, NAME).await.expect("read").remove(0);
    assert_eq!(
        (letter.key.as_str(), letter.reason.as_str()),
        ("never", "Unavailable: the database does not answer at the moment")
    );
    clear(&faults);
    took("well again").await;
    assert_eq!(world.times("never").await, 0);
}

#[tokio::test]
async fn what_is_delivered_again_takes_effect_once() {
    let (faults, site) = at(At::Consumer, "carts");
    let mut world = world();
    let telemetry = Telemetry::new(Config::default());
    let capture = Capture::of(&telemetry, Config::default()).await;
    arm(&faults, r#""redeliver""#, CARTS);
    follow(&world, site, &telemetry);
    let publisher = telemetry.service("customers").server_span("erase", None, None);
    publisher.context().scope(world.publish(&["a"])).await;
    drop(publisher);
    world.done("a").await;
    assert_eq!(world.times("a").await, 1, "its first effect was thrown away");
    let keys = [world.handed.recv().await.expect("handed").0, world.handed.recv().await.expect("handed again").0];
    assert_eq!(keys, ["a", "a"]);
    let spans = capture.spans_that(2, |span| span.name.starts_with("process ")).await;
    let ids: Vec<_> =
        spans.iter().map(|span| vitrine_tests_capture::value(&span.attributes, "messaging.message.id")).collect();
    assert!(ids.len() == 2 && ids[0].is_some() && ids[0] == ids[1], "two spans of one event: {ids:?}");
    // It is booked with the trace that published it.
    let hit = faults.take_hits()[0].1.hits[0];
    assert_eq!(hit.trace_id.to_be_bytes().to_vec(), spans[0].links[0].trace_id);
    clear(&faults);
    world.publish(&["b"]).await;
    world.done("b").await;
    assert_eq!(world.handed.recv().await.expect("handed").0, "b");
    assert!(world.handed.try_recv().is_err(), "once");
}

/// Keeps what it is given.
#[derive(Clone, Default)]
struct Keeps(Locked<Vec<String>>);

#[tonic::async_trait]
impl Broker for Keeps {
    async fn publish(&self, _: &str, events: &[Event]) -> Result<(), Unpublished> {
        self.0.lock().expect("no panic").extend(events.iter().map(|event| event.key.clone()));
        Ok(())
    }
}

#[tokio::test]
async fn a_relay_stands_still_and_goes_on_when_all_is_stopped() {
    let (faults, site) = at(At::Relay, "customers");
    let store = Store::temporary("customers", with_relay(Schema::new())).expect("a database");
    let (broker, stop) = (Keeps::default(), CancellationToken::new());
    let relay = Relay::new("customers", store.clone(), std::sync::Arc::new(broker.clone())).expect("it has topics");
    arm(&faults, r#"{"hold": {"ms": 60000, "every_ms": 60000}}"#, r#""at": "relay", "service": ["customers"]"#);
    tokio::spawn(relay.faulted_at(site).run(stop.clone()));
    let mut tx = store.begin();
    publish(&mut tx, CUSTOMER_ERASED, "a", 0, &CustomerErased { customer_id: "a".to_owned() });
    tx.commit().await.expect("published");
    eventually(async || faults.reports()[0].counts.hit > 0).await;
    assert!(broker.0.lock().expect("no panic").is_empty());
    faults.stop_all();
    eventually(async || !broker.0.lock().expect("no panic").is_empty()).await;
    assert_eq!(*broker.0.lock().expect("no panic"), ["a"]);
    stop.cancel();
}
