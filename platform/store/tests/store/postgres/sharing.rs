//! Many at once: openings, writers in each other's way, and more callers than connections.

use vitrine_platform_store::{Error, PostgresConfig, Query, Schema};

use super::{config, raw, server};
use crate::opening::Early;
use crate::place::Place;
use crate::{Item, commit, schema};

#[tokio::test(flavor = "multi_thread")]
async fn ten_may_open_an_empty_database_at_once_and_ten_an_older_one() {
    let server = server(&[]);
    let place = Place::postgres(&server);
    let open = async |schema: fn() -> Schema| futures::future::join_all((0..10).map(|_| place.open(schema()))).await;
    let stores = open(|| Schema::new().with::<Early>()).await;
    let filled = stores.iter().enumerate().map(|(s, store)| {
        commit(store, move |tx| {
            for n in 0..150_u32 {
                tx.insert(&Early { id: format!("s{s}-{n}"), stock: i64::from(n), text: "a bowl".to_owned() });
            }
        })
    });
    futures::future::try_join_all(filled).await.expect("filled");
    drop(stores);
    for store in open(schema).await {
        assert_eq!(store.count::<Item>(Query::range("stock", 0_i64..=9)).await.expect("counted"), 100);
        let found = store.search::<Item>("text", "bowl", 1000, None).await.expect("found");
        assert_eq!(found.items.len(), 1000);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deadlocks_are_undone_and_tried_again() {
    let server = server(&[("fsync", "off"), ("deadlock_timeout", "10ms")]);
    let store = Place::postgres(&server).open(schema()).await;
    let writers = (0..2).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            for n in 0..100 {
                let ids = if writer == 0 { ["a", "b"] } else { ["b", "a"] };
                commit(&store, |tx| ids.iter().for_each(|id| tx.put(&Item::new(id, n, "")))).await.expect("committed");
            }
        })
    });
    for done in futures::future::join_all(writers).await {
        done.expect("all of them");
    }
    for id in ["a", "b"] {
        assert_eq!(crate::read(&store, id).await.version, 200, "each write once");
    }
    let deadlocks = raw(&server).await.query_one("SELECT sum(deadlocks)::bigint FROM pg_stat_database", &[]).await;
    println!("deadlocks: {:?}", deadlocks.map(|row| row.get::<_, Option<i64>>(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_share_few_connections_and_wait_for_a_bounded_time() {
    let server = server(&[]);
    let place = Place::on(PostgresConfig { max_connections: 2, statement_timeout_ms: 2_000, ..config(&server) });
    let store = place.open(schema()).await;
    commit(&store, |tx| tx.insert(&Item::new("i", 1, ""))).await.expect("inserted");
    let raw = raw(&server).await;
    let reads = (0..100).map(|_| crate::read(&store, "i"));
    assert_eq!(futures::future::join_all(reads).await.len(), 100);
    let ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'vitrine test'";
    let connections: i64 = raw.query_one(ours, &[]).await.expect("counted").get(0);
    assert!((1..=3).contains(&connections), "two, and one that listens: {connections}");

    // Somebody locks the table and does not let go.
    let lock = format!("BEGIN; LOCK TABLE \"{}\".c_items", place.schema());
    raw.batch_execute(&lock).await.expect("locked");
    let began = std::time::Instant::now();
    let answers = futures::future::join_all((0..20).map(|_| store.get::<Item>("i"))).await;
    assert!(answers.iter().all(|a| matches!(a, Err(Error::Busy))), "{answers:?}");
    assert!(began.elapsed().as_secs() < 10, "bounded: {:?}", began.elapsed());
    raw.batch_execute("ROLLBACK").await.expect("let go");
    assert_eq!(crate::read(&store, "i").await.stock, 1);
}
