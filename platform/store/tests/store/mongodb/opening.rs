//! Opening a database: what takes long may, and what cannot be used is told to a person.

use std::error::Error as _;
use std::time::Instant;

use ::mongodb::bson::doc;
use vitrine_platform_store::{Error, MongoDbConfig};
use vitrine_tests_engines::free_port;

use super::stand_in::{Reply, StandIn, abilities, not_written, refused};
use super::{BOUND, FOR_EVER, Guest, SOON, guests, store, until};
use crate::database::TestDatabase;

const PASSWORD: &str = "swordfish";
const ADDRESS: &str = "ann@vitrine.example";
/// How long a call may take where one is to be too late.
const CALL_MS: u64 = 200;

/// What a person is told; neither the password nor what is in the documents is in it, or behind it.
async fn error_of(config: MongoDbConfig) -> String {
    let error = TestDatabase::on_mongodb(config).try_open(guests()).await.expect_err("it cannot be used");
    assert!(matches!(error, Error::Unusable { .. }), "{error:?}");
    let all = format!("{error} {error:?} {:?}", error.source());
    assert!(!all.contains(PASSWORD) && !all.contains(ADDRESS), "{all}");
    println!("{error}");
    error.to_string()
}

fn patient(server: &StandIn) -> MongoDbConfig {
    MongoDbConfig { timeout_ms: FOR_EVER, ..server.config() }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_configures_it_is_told_what_to_do() {
    for url in ["", "mongodb://", "postgres://localhost/db", "mongodb://u:swordfish@host:port/db"] {
        let malformed = MongoDbConfig { url: url.into(), ..MongoDbConfig::default() };
        let error_of = error_of(malformed).await;
        assert!(
            error_of.contains("mongodb.url") && error_of.contains("mongodb://user:password@host:27017/"),
            "{error_of}"
        );
    }
    let began = Instant::now();
    let nobody = free_port().expect("a port");
    let url = format!("mongodb://u:{PASSWORD}@127.0.0.1:{nobody}/?replicaSet=rs0");
    let unreachable = MongoDbConfig { url: url.into(), timeout_ms: FOR_EVER, ..MongoDbConfig::default() };
    let told_of = error_of(unreachable).await;
    assert!(told_of.contains(&format!("127.0.0.1:{nobody}")) && told_of.contains("cannot be reached"), "{told_of}");
    assert!(began.elapsed() < SOON, "at once: {:?}", began.elapsed());

    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    let url = format!("mongodb://127.0.0.1:{}/?replicaSet=rs0", silent.local_addr().expect("bound").port());
    let hangs = MongoDbConfig { url: url.into(), timeout_ms: 300, ..MongoDbConfig::default() };
    let told_of = error_of(hangs).await;
    assert!(told_of.contains("does not answer") && told_of.contains("mongodb.timeout_ms"), "{told_of}");

    let server = StandIn::start().await;
    server.answer("saslStart", usize::MAX, refused(18, "Authentication failed.", &[]));
    let url = server.config().url.expose().replace("mongodb://", &format!("mongodb://clerk:{PASSWORD}@"));
    let told_of = error_of(MongoDbConfig { url: url.into(), timeout_ms: FOR_EVER, ..MongoDbConfig::default() }).await;
    assert!(told_of.contains("refuses the user or the password"), "{told_of}");

    let server = StandIn::start().await;
    let mut alone = doc! { "isWritablePrimary": true };
    alone.extend(abilities());
    for command in ["hello", "isMaster", "ismaster"] {
        server.answer(command, usize::MAX, Reply::With(alone.clone()));
    }
    let url = server.config().url.expose().replace("?replicaSet=rs0", "");
    let told_of = error_of(MongoDbConfig { url: url.into(), ..patient(&server) }).await;
    assert!(told_of.contains("no replica set") && told_of.contains("rs.initiate()"), "{told_of}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_collections_from_being_made_is_told() {
    let key =
        format!("E11000 duplicate key error collection: d.c index: i_email dup key: {{ keys.email: \"2{ADDRESS}\" }}");
    let newer = doc! { "cursor": { "id": 0_i64, "ns": "d.c", "firstBatch": [{ "_id": "state", "layout": 99_i64 }] }, "ok": 1.0 };
    for (command, reply, words) in [
        ("createIndexes", refused(11_000, &key, &[]), ["share a key", "change one of them"]),
        ("createIndexes", refused(67, "no such index", &[]), ["cannot be made", "_test"]),
        ("create", refused(13, "not authorized", &[]), ["readWrite", "dbAdmin"]),
        ("update", not_written(13, "not authorized"), ["readWrite", "dbAdmin"]),
        ("find", Reply::With(newer), ["layout 99", "newer vitrine"]),
    ] {
        let server = StandIn::start().await;
        server.answer(command, usize::MAX, reply);
        let error_of = error_of(patient(&server)).await;
        assert!(words.iter().all(|word| error_of.contains(word)), "{error_of}");
    }
    // Another process does the same at the same time.
    let server = StandIn::start().await;
    server.answer("create", usize::MAX, refused(48, "Collection exists.", &[]));
    server.answer("update", usize::MAX, not_written(11_000, "E11000 duplicate key error collection: d.c index: _id_"));
    TestDatabase::on_mongodb(patient(&server)).open(guests()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_may_take_longer_than_a_call() {
    let server = StandIn::start().await;
    let other = store(&server, CALL_MS).await;
    let made = server.received("createIndexes");
    let gate = server.hold("createIndexes");
    let place = TestDatabase::on_mongodb(MongoDbConfig { timeout_ms: CALL_MS, ..server.config() });
    let mut opening = std::pin::pin!(place.try_open(guests()));
    let outlived = async {
        until("the index is asked for", || server.received("createIndexes") > made).await;
        // A call that begins after it takes as long as a call may.
        let _gate = server.hold("find");
        other.get::<Guest>("ann").await.expect_err("it is not answered")
    };
    tokio::select! {
        biased;
        opened = &mut opening => panic!("it does not wait for the index: {:?}", opened.err()),
        late = outlived => assert!(matches!(late, Error::Unavailable { .. }), "{late:?}"),
    }
    assert_eq!(server.received("createIndexes"), made + 1);
    server.behave();
    gate.send_replace(true);
    tokio::time::timeout(BOUND, opening).await.expect("in time").expect("opened");
    assert_eq!(server.received("createIndexes"), made + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_takes_too_long_is_told_with_its_setting() {
    let server = StandIn::start().await;
    let _gate = server.hold("createIndexes");
    let error_of = error_of(MongoDbConfig { migration_timeout_ms: 300, ..patient(&server) }).await;
    assert!(error_of.contains("mongodb.migration_timeout_ms"), "{error_of}");
    // What no one can wait for is waited for as long as may be.
    let server = StandIn::start().await;
    let longest = MongoDbConfig { timeout_ms: u64::MAX, migration_timeout_ms: u64::MAX, ..server.config() };
    TestDatabase::on_mongodb(longest).open(guests()).await;
}
