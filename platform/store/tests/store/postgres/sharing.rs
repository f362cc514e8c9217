//! Many at once: openings, writers in each other's way, and more callers than connections.

use vitrine_platform_store::{Error, PostgresConfig, Query, Schema};

use super::{config, raw, server, until};
use crate::database::TestDatabase;
use crate::opening::Early;
use crate::{Item, commit, schema};

#[tokio::test(flavor = "multi_thread")]
async fn ten_may_open_an_empty_database_at_once_and_ten_an_older_one() {
    let server = server(&[]);
    let place = TestDatabase::postgres(&server);
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
async fn a_batch_that_a_deadlock_undid_is_tried_again() {
    let server = server(&[("deadlock_timeout", "1s")]);
    let place = TestDatabase::postgres(&server);
    let store = place.open(schema()).await;
    commit(&store, |tx| ["a", "b"].iter().for_each(|id| tx.insert(&Item::new(id, 1, "")))).await.expect("inserted");
    let (other, watcher) = (raw(&server).await, raw(&server).await);
    let change =
        |id: &str| format!("UPDATE \"{}\".c_items SET version = version + 1 WHERE id = '{id}'", place.schema());
    // The other one does not look for deadlocks: the store's transaction is the one that is undone.
    other.batch_execute(&format!("SET deadlock_timeout = '1h'; BEGIN; {}", change("a"))).await.expect("changed");
    let ours = tokio::spawn(async move {
        commit(&store, |tx| {
            tx.put(&Item::new("b", 2, ""));
            tx.put(&Item::new("a", 2, ""));
        })
        .await
        .expect("committed in the end");
        store
    });
    until("ours waits for the other's", || async {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
        watcher.query_one(waiting, &[]).await.expect("counted").get::<_, i64>(0) > 0
    })
    .await;
    other.batch_execute(&format!("{}; COMMIT", change("b"))).await.expect("ours gave way");
    let store = ours.await.expect("no panic");
    for id in ["a", "b"] {
        let item = crate::read(&store, id).await;
        assert_eq!((item.stock, item.version), (2, 3), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_share_few_connections_and_wait_for_a_bounded_time() {
    let server = server(&[]);
    let place = TestDatabase::on(PostgresConfig { max_connections: 2, statement_timeout_ms: 2_000, ..config(&server) });
    let store = place.open(schema()).await;
    commit(&store, |tx| tx.insert(&Item::new("i", 1, ""))).await.expect("inserted");
    let raw = raw(&server).await;
    let reads = (0..100).map(|_| crate::read(&store, "i"));
    assert_eq!(futures::future::join_all(reads).await.len(), 100);
    let ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'vitrine test'";
    let connections: i64 = raw.query_one(ours, &[]).await.expect("counted").get(0);
    assert!((1..=3).contains(&connections), "two, and one that listens: {connections}");

    // Someone locks the table and does not let go.
    let lock = format!("BEGIN; LOCK TABLE \"{}\".c_items", place.schema());
    raw.batch_execute(&lock).await.expect("locked");
    let began = std::time::Instant::now();
    let answers = futures::future::join_all((0..20).map(|_| store.get::<Item>("i"))).await;
    assert!(answers.iter().all(|a| matches!(a, Err(Error::Busy))), "{answers:?}");
    assert!(began.elapsed().as_secs() < 10, "bounded: {:?}", began.elapsed());
    raw.batch_execute("ROLLBACK").await.expect("let go");
    assert_eq!(crate::read(&store, "i").await.stock, 1);
}
