//! Servers that are gone, and come back.

use std::time::{Duration, Instant};

use ::mongodb::bson::doc;
use vitrine_platform_store::{Error, Store};

use super::stand_in::{Reply, StandIn, abilities};
use super::{BOUND, FOR_EVER, Guest, SOON, store, until};
use crate::{commit, event, topics};

/// All kinds of calls, many at once: none of them is answered.
async fn nobody_is_there(store: &Store) {
    let reads = futures::future::join_all((0..20).map(|_| store.get::<Guest>("a")));
    let writes = futures::future::join_all((0..20).map(|n| async move {
        commit(store, |tx| {
            tx.put(&Guest::new(&format!("g{n}")));
            tx.publish(event("e", 1));
        })
        .await
    }));
    let topics = topics();
    let (reads, writes, events, pruned) =
        tokio::join!(reads, writes, store.read_events(0, &topics, 9), store.prune_events(9));
    let events = [events.map(drop), pruned.map(drop)];
    for told in reads.into_iter().map(|read| read.map(drop)).chain(writes).chain(events) {
        assert!(matches!(told, Err(Error::Unavailable { .. })), "{told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_are_gone_are_not_waited_for() {
    let mut server = StandIn::start().await;
    let store = store(&server, FOR_EVER).await;
    for _ in 0..2 {
        commit(&store, |tx| tx.put(&Guest::new("a"))).await.expect("put");
        server.stop().await;
        // A moment until it is certain, and then at once.
        let began = Instant::now();
        nobody_is_there(&store).await;
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
        let began = Instant::now();
        nobody_is_there(&store).await;
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
        server.again().await;
        let works = async {
            while store.get::<Guest>("a").await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(BOUND, works).await.expect("it goes on by itself");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_waited_for_until_it_is_known_to_hang() {
    let server = StandIn::start().await;
    let store = store(&server, 1_000).await;
    let gates = ["hello", "find", "isMaster", "ismaster"].map(|command| server.hold(command));
    let began = Instant::now();
    let read = store.get::<Guest>("a").await;
    assert!(matches!(read, Err(Error::Unavailable { .. })), "{read:?}");
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    let told_at_once = async {
        loop {
            let began = Instant::now();
            assert!(store.get::<Guest>("a").await.is_err());
            if began.elapsed() < Duration::from_millis(500) {
                return;
            }
        }
    };
    tokio::time::timeout(BOUND, told_at_once).await.expect("known to hang");
    server.behave();
    for gate in &gates {
        gate.send_replace(true);
    }
    let works = async {
        while store.get::<Guest>("a").await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(BOUND, works).await.expect("it goes on by itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_primary_is_waited_for() {
    let server = StandIn::start().await;
    let store = store(&server, FOR_EVER).await;
    let me = store_address(&server);
    let mut secondary =
        doc! { "isWritablePrimary": false, "secondary": true, "setName": "rs0", "hosts": [&me], "me": me };
    secondary.extend(abilities());
    for command in ["hello", "isMaster", "ismaster"] {
        server.answer(command, usize::MAX, Reply::With(secondary.clone()));
    }
    // All that is known is that there is none.
    let greeted = || server.received("hello") + server.received("isMaster") + server.received("ismaster");
    let before = greeted();
    until("it was looked for", || greeted() > before + 2).await;
    let reading = tokio::spawn({
        let store = store.clone();
        async move { store.get::<Guest>("a").await }
    });
    let before = greeted();
    until("it was looked for again", || greeted() > before + 1).await;
    assert!(!reading.is_finished(), "an election is on: {:?}", reading.await);
    server.behave();
    let read = tokio::time::timeout(BOUND, reading).await.expect("in time").expect("ended");
    assert!(read.expect("read").is_none());
}

fn store_address(server: &StandIn) -> String {
    let url = server.config().url;
    url.expose().trim_start_matches("mongodb://").split('/').next().unwrap_or_default().to_owned()
}
