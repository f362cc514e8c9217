//! What is said when NATS does not permit something, or cannot do it.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tonic::Code;
use vitrine_contracts::Problem;
use vitrine_contracts::topics::ORDER_PAID;
use vitrine_platform_bus::{Broker, Event, replay};
use vitrine_platform_mesh::{Handlers, Limits};
use vitrine_platform_nats::{Config, Nats};
use vitrine_tests_engines::Server;

use crate::world::{Note, Replica, client, configured, folder, follow, get, mesh, outbox, place, quiet, relay};

async fn login(server: &Server, user: &str) -> Nats {
    let login = Config { url: server.url(), user: user.to_owned(), password: "x".into(), ..Config::default() };
    Nats::connect(&login).await.expect("let in")
}

/// Users, each without some permission, or with no more than their part needs.
const USERS: &str = r#"authorization { users: [
    { user: all, password: x }
    { user: mute, password: x, permissions: { publish: { deny: ["vitrine.carts.>", "vitrine.probe"] } } }
    { user: deaf, password: x, permissions: { subscribe: { deny: ["vitrine.carts.>"] } } }
    { user: alone, password: x, permissions: { subscribe: { deny: ["_INBOX.>"] } } }
    { user: caller, password: x, permissions: { publish: ["vitrine.carts.>"], subscribe: ["_INBOX.>"] } }
    { user: carts, password: x, permissions: { publish: ["_INBOX.>"], subscribe: ["_INBOX.>", "vitrine.>"] } }
    { user: quiet, password: x, permissions: { publish: { deny: ["vitrine.events.>"] } } }
    { user: relay, password: x, permissions: {
        publish: ["vitrine.events.orders.>", "$JS.API.INFO", "$JS.API.STREAM.INFO.vitrine-orders",
            "$JS.API.STREAM.CREATE.vitrine-orders"]
        subscribe: ["_INBOX.>"] } }
    { user: follower, password: x, permissions: {
        publish: ["$JS.API.INFO", "$JS.API.STREAM.INFO.vitrine-orders", "$JS.API.CONSUMER.*.vitrine-orders.>",
            "$JS.API.CONSUMER.MSG.NEXT.vitrine-orders.>", "$JS.ACK.vitrine-orders.>"]
        subscribe: ["_INBOX.>"] } }
    { user: modest, password: x, permissions: { publish: { deny: ["$JS.API.STREAM.CREATE.>"] } } }
] }"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_subject_that_is_not_permitted_is_named() {
    let folder = folder();
    let server = configured(folder.path(), USERS);
    let all = login(&server, "all").await;
    let replica = Replica::start(&all, "one", &quiet()).await;

    // A caller that may not publish: said at once, with the subject, and the same the second time.
    let mute = client(&login(&server, "mute").await, &quiet());
    for _ in 0..2 {
        let began = Instant::now();
        let denied = get(&mute, "x").await.expect_err("not permitted");
        assert_eq!(denied.code(), Code::Unavailable, "{denied:?}");
        assert_eq!(Problem::from_status(&denied).reason, "NATS_PERMISSION");
        assert!(denied.message().contains("publish to vitrine.carts.v1.CartsService.GetCart"), "{denied:?}");
        assert!(began.elapsed() < Duration::from_secs(3));
    }

    // A service that may not subscribe does not start.
    let deaf = login(&server, "deaf").await;
    let server_of_carts = || {
        let handlers = Handlers::default();
        mesh(Limits::default()).server(quiet().service("carts"), handlers)
    };
    let refused = deaf.serve("carts", server_of_carts(), CancellationToken::new()).await.err().expect("refused");
    let text = refused.to_string();
    assert!(text.contains("subscribe to vitrine.carts.v1.*.*") && text.contains("\"deaf\""), "{text}");

    // One who cannot hear answers does not even connect.
    let alone = Config { url: server.url(), user: "alone".to_owned(), password: "x".into(), ..Config::default() };
    let text = Nats::connect(&alone).await.expect_err("refused").to_string();
    assert!(text.contains("subscribe to _INBOX.") && text.contains("\"alone\""), "{text}");

    // The least that callers and services need is enough.
    replica.leave().await;
    let carts = login(&server, "carts").await;
    let replica = Replica::start(&carts, "two", &quiet()).await;
    let caller = client(&login(&server, "caller").await, &quiet());
    assert_eq!(get(&caller, "name").await.expect("answered"), "two");
    replica.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subject_of_events_that_is_not_permitted_is_named() {
    let folder = folder();
    let server = configured(folder.path(), USERS);
    // Events: who may not publish them, and who may not make their stream.
    let quiet_one = login(&server, "quiet").await;
    let modest = login(&server, "modest").await;
    let text = modest.prepare_events(["orders"]).await.expect_err("refused").to_string();
    assert!(text.contains("$JS.API.STREAM.CREATE.vitrine-orders") && text.contains("\"modest\""), "{text}");
    quiet_one.prepare_events(["orders"]).await.expect("made");
    modest.prepare_events(["orders"]).await.expect("it is there");
    let event = Event { id: "evt_1".to_owned(), topic: ORDER_PAID.to_owned(), position: 1, ..Event::default() };
    let unpublished = quiet_one.publish("orders", &[event]).await.expect_err("not permitted");
    assert!(unpublished.reason.contains("publish to vitrine.events.orders.orders.order.paid"), "{unpublished:?}");
    assert_eq!(unpublished.acknowledged, 0);

    // The least that relays and followers need is enough, too, after a replay as well.
    let relaying = login(&server, "relay").await;
    relaying.prepare_events(["orders"]).await.expect("it may");
    let follower = login(&server, "follower").await;
    follower.prepare_events(["orders"]).await.expect("it is there");
    let (store, note) = (outbox(), Note::new());
    place(&store, ORDER_PAID, "k", 1).await;
    let (relaying, following) = (relay(&relaying, &store), follow(&follower, &note, &[ORDER_PAID]));
    note.done("k", 1).await;
    following.stop().await;
    replay(&note.store, "email-orders", 0).await.expect("asked");
    let following = follow(&follower, &note, &[ORDER_PAID]);
    note.done("k", 2).await;
    following.stop().await;
    relaying.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_cannot_be_are_said() {
    let folder = folder();
    let server = configured(
        folder.path(),
        r"accounts {
            without { users: [{ user: without, password: x }] }
            small { jetstream: { max_file: 1MB, max_mem: 1MB }, users: [{ user: small, password: x }] }
        }",
    );
    let without = login(&server, "without").await;
    let text = without.prepare_events(["orders"]).await.expect_err("no JetStream").to_string();
    assert!(text.contains("JetStream") && text.contains("enable jetstream for the account"), "{text}");

    // A stream that is full says so, and takes all when there is room.
    let small = login(&server, "small").await;
    let events: Vec<Event> = (1..=6)
        .map(|position| Event {
            id: format!("evt_{position}"),
            topic: ORDER_PAID.to_owned(),
            position,
            payload: vec![0; 300_000],
            ..Event::default()
        })
        .collect();
    let full = small.publish("orders", &events).await.expect_err("full");
    assert!((1..6).contains(&full.acknowledged), "{full:?}");
    assert!(full.reason.contains("vitrine-orders") && full.reason.contains("raise the limits"), "{full:?}");
}
