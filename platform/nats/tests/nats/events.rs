//! What events over JetStream can rely on.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use vitrine_contracts::topics::{ORDER_PAID, ORDER_PLACED, ORDER_SHIPPED};
use vitrine_kit::clock::Clock;
use vitrine_platform_bus::{Broker, Consumer, Event, dead_letters, redrive, replay, replay_since};
use vitrine_platform_host::{Component, Host, NatsUse};
use vitrine_platform_mesh::{Limits, Mesh};
use vitrine_platform_store::Schema;
use vitrine_platform_telemetry::{Config, Telemetry};
use vitrine_tests_engines::nats;

use crate::world::{Note, connect, eventually, folder, follow, outbox, place, relay};

/// Topics between which there is another one.
const SOME: &[&str] = &[ORDER_PLACED, ORDER_SHIPPED];

#[tokio::test(flavor = "multi_thread")]
async fn events_come_in_order_and_once() {
    let server = nats(&[]).expect("a server");
    let (near, far) = (connect(&server).await, connect(&server).await);
    let (store, note) = (outbox(), Note::new());
    for n in 0..100 {
        place(&store, if n % 3 == 0 { ORDER_PAID } else { ORDER_PLACED }, "a", n).await;
    }
    // Two replicas of the relay, and two of the consumer.
    let relays = [relay(&near, &store), relay(&far, &store)];
    let followers = [follow(&near, &note, SOME), follow(&far, &note, SOME)];
    for n in 100..200 {
        place(&store, if n % 3 == 0 { ORDER_PAID } else { ORDER_PLACED }, "a", n).await;
    }
    place(&store, ORDER_SHIPPED, "schön & lang", 7).await;
    note.done("schön & lang", 1).await;
    let expected: Vec<i64> = (0..200).filter(|n| n % 3 != 0).collect();
    assert_eq!(note.numbers("a").await, expected, "only what is followed, all of it, in order, once");
    assert_eq!(note.handed("a"), expected.len(), "each was with one replica");
    assert_eq!(note.busy.1.load(Ordering::SeqCst), 1, "never two at one time");
    for run in relays.into_iter().chain(followers) {
        run.stop().await;
    }

    // It goes on where it stopped.
    place(&store, ORDER_PLACED, "b", 1).await;
    let (relaying, following) = (relay(&near, &store), follow(&far, &note, SOME));
    note.done("b", 1).await;
    assert_eq!(note.numbers("a").await, expected);

    // Whatever comes again has no further effect, also when the stream has it twice.
    let (stored, _) = store.read_events(0, &[ORDER_PLACED.to_owned()], 5).await.expect("read");
    let again: Vec<Event> = stored
        .into_iter()
        .map(|s| Event {
            id: format!("{}-again", s.event.id),
            topic: s.event.topic,
            key: s.event.key,
            position: s.position,
            occurred_at_unix_ms: s.event.occurred_at_ms,
            payload: s.event.payload,
            ..Event::default()
        })
        .collect();
    near.publish("orders", &again).await.expect("published");
    place(&store, ORDER_PLACED, "c", 1).await;
    note.done("c", 1).await;
    assert_eq!(note.numbers("a").await, expected);
    relaying.stop().await;
    following.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_publishes_nothing_behind_a_gap() {
    let server = nats(&[]).expect("a server");
    let nats = connect(&server).await;
    let event = |position: u64, bytes: usize| Event {
        id: format!("evt_{position}"),
        topic: ORDER_PAID.to_owned(),
        key: "k".to_owned(),
        position,
        payload: vec![0; bytes],
        ..Event::default()
    };
    // The third one does not pass the server.
    let events = [event(1, 1), event(2, 1), event(3, 2 * 1024 * 1024), event(4, 1)];
    let failed = nats.publish("orders", &events).await.expect_err("too large");
    assert!(failed.reason.contains("evt_3") && failed.reason.contains("max_payload"), "{failed:?}");
    nats.publish("orders", &[event(1, 1), event(2, 1), event(3, 1), event(4, 1)]).await.expect("published");

    let note = Note::new();
    let following = follow(&nats, &note, &[ORDER_PAID]);
    note.done("k", 4).await;
    assert_eq!(note.handed("k"), 4, "what was published before was known as a repeat");
    following.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_broker_loses_nothing() {
    let mut server = nats(&[]).expect("a server");
    let (near, far) = (connect(&server).await, connect(&server).await);
    let (store, note) = (outbox(), Note::new());
    let (relaying, following) = (relay(&near, &store), follow(&far, &note, SOME));
    let mut number = 0;
    for outage in 0..3 {
        // While events are under way the server dies; more happen while it is away; it comes back.
        for _ in 0..30 {
            place(&store, ORDER_PLACED, ["a", "b"][usize::try_from(number % 2).expect("small")], number).await;
            number += 1;
        }
        if outage > 0 {
            server.kill().expect("killed");
        } else {
            server.stop().expect("stopped");
        }
        for _ in 0..30 {
            place(&store, ORDER_PLACED, ["a", "b"][usize::try_from(number % 2).expect("small")], number).await;
            number += 1;
        }
        server.up().expect("up");
    }
    for (key, odd) in [("a", 0), ("b", 1)] {
        note.done(key, 90).await;
        let expected: Vec<i64> = (0..number).filter(|n| n % 2 == odd).collect();
        assert_eq!(note.numbers(key).await, expected, "all of {key}, in order, once");
    }
    relaying.stop().await;
    following.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_dies_leaves_its_event_to_another() {
    let server = nats(&[]).expect("a server");
    let (near, far) = (connect(&server).await, connect(&server).await);
    let (store, note) = (outbox(), Note::new());
    note.hold.store(true, Ordering::SeqCst);
    let relaying = relay(&near, &store);
    for (key, number) in [("before", 1), ("slow", 2), ("after", 3)] {
        place(&store, ORDER_PAID, key, number).await;
    }
    let first = follow(&near, &note, &[ORDER_PAID]);
    eventually(async || note.handed("slow") == 1).await;
    let second = follow(&far, &note, &[ORDER_PAID]);

    // As long as the handler works no one else gets the event, nor one behind it, however long it takes.
    let patience = Instant::now() + Duration::from_millis(2500);
    eventually(async || Instant::now() > patience).await;
    assert_eq!((note.handed("slow"), note.handed("after")), (1, 0));

    // Killed in the middle: the other one has it, after a while.
    first.kill().await;
    eventually(async || note.handed("slow") == 2).await;
    assert_eq!(note.handed("after"), 0, "the order holds");
    // Told to stop in the middle: it gives the event back, and it comes again sooner than a dead one's.
    second.stop().await;
    note.hold.store(false, Ordering::SeqCst);
    let third = follow(&near, &note, &[ORDER_PAID]);
    note.done("after", 1).await;
    for key in ["before", "slow", "after"] {
        assert_eq!(note.numbers(key).await.len(), 1, "{key}");
    }
    third.stop().await;
    relaying.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_handled_is_put_aside_and_holds_up_nobody() {
    let server = nats(&[]).expect("a server");
    let nats = connect(&server).await;
    let (store, note) = (outbox(), Note::new());
    let (relaying, following) = (relay(&nats, &store), follow(&nats, &note, &[ORDER_PAID]));
    for (key, number) in [("a", 1), ("reject", 2), ("b", 3)] {
        place(&store, ORDER_PAID, key, number).await;
    }
    note.done("b", 1).await;
    let letters = dead_letters(&note.store, "email-orders").await.expect("read");
    assert_eq!(letters.iter().map(|l| l.key.as_str()).collect::<Vec<_>>(), ["reject"]);
    // Asked for again it is handed out again, once.
    assert!(redrive(&note.store, "email-orders", &letters[0].event_id).await.expect("asked"));
    // The next event wakes the consumer, or the end of its wait.
    place(&store, ORDER_PAID, "c", 4).await;
    place(&store, ORDER_PAID, "d", 5).await;
    eventually(async || note.handed("reject") == 2).await;
    following.stop().await;
    relaying.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_starts_over_from_a_position_or_a_moment() {
    let server = nats(&[]).expect("a server");
    let nats = connect(&server).await;
    let (store, note) = (outbox(), Note::new());
    let relaying = relay(&nats, &store);
    for number in 1..=6 {
        place(&store, ORDER_PAID, "k", number * 1000).await;
    }
    let following = follow(&nats, &note, &[ORDER_PAID]);
    note.done("k", 6).await;
    following.stop().await;

    replay(&note.store, "email-orders", 4).await.expect("asked");
    let following = follow(&nats, &note, &[ORDER_PAID]);
    note.done("k", 8).await;
    following.stop().await;
    assert_eq!(note.numbers("k").await[6..], [5000, 6000]);

    // Twice without a consumer between, as people do.
    replay_since(&note.store, "email-orders", 1000).await.expect("asked");
    replay_since(&note.store, "email-orders", 4000).await.expect("asked");
    let following = follow(&nats, &note, &[ORDER_PAID]);
    note.done("k", 11).await;
    place(&store, ORDER_PAID, "k", 7000).await;
    note.done("k", 12).await;
    following.stop().await;
    assert_eq!(note.numbers("k").await[8..], [4000, 5000, 6000, 7000]);

    // The future has nothing yet, and then what happens.
    let late = 4_000_000_000_000;
    replay_since(&note.store, "email-orders", late).await.expect("asked");
    let following = follow(&nats, &note, &[ORDER_PAID]);
    place(&store, ORDER_PAID, "k", late).await;
    relaying.stop().await;
    following.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_relays_and_follows() {
    let server = nats(&[]).expect("a server");
    let data = folder();
    let telemetry = Telemetry::new(Config::default());
    let host = async || {
        let host = Host::new(data.path(), Clock::system(), 1, telemetry.clone(), Mesh::new(Limits::default()));
        host.with_nats(connect(&server).await, NatsUse { calls: false, events: true })
    };
    // The consumer may be there first, and needs no way to the producer.
    let note = Note::new();
    let consumer = Consumer::new("email-orders", "orders", SOME, note.store.clone(), note.clone());
    let email = Component::new("email").store(note.store.clone()).consumer(consumer);
    let email = host().await.start(vec![email]).await.expect("started");
    let producer = host().await;
    let store = producer.open_store("orders", Schema::new()).expect("a database");
    let orders = producer.start(vec![Component::new("orders").store(store.clone())]).await.expect("started");

    let context = telemetry.service("orders").server_span("test", None, Some("session.id=s1")).context();
    context.scope(place(&store, ORDER_PLACED, "k", 5)).await;
    note.done("k", 1).await;
    let (_, seen) = note.handed.lock()[0].clone();
    assert_eq!(seen.baggage().get("session.id"), Some("s1"));
    assert!(email.stop().await && orders.stop().await, "all ended in time");
}
