//! Many writers.

use std::time::Duration;

use vitrine_platform_store::{Error, Query, retry_conflicts};

use crate::database::TestDatabase;
use crate::{Item, commit, event, read, schema, topics};

pub async fn the_last_pieces_are_sold_once(place: &TestDatabase) {
    const BUYERS: i64 = 64;
    const STOCK: i64 = 40;
    let store = place.open(schema()).await;
    commit(&store, |tx| tx.insert(&Item::new("i", STOCK, ""))).await.expect("inserted");
    let buyers = (0..BUYERS).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            loop {
                let bought = retry_conflicts(async || {
                    let mut item = store.get::<Item>("i").await?.expect("there");
                    if item.stock == 0 {
                        return Ok(false);
                    }
                    item.doc.stock -= 1;
                    commit(&store, |tx| tx.update(&item)).await.map(|()| true)
                })
                .await;
                match bought {
                    // Sixteen tries were not enough among so many; a caller may ask again.
                    Err(Error::Conflict { .. }) => {}
                    other => return other.expect("bought or sold out"),
                }
            }
        })
    });
    let bought = futures::future::join_all(buyers).await.into_iter().filter(|b| *b.as_ref().expect("no panic")).count();
    let left = read(&store, "i").await;
    assert_eq!((bought, left.stock), (40, 0));
    assert_eq!(left.version, 41, "one version for each that was sold");
}

pub async fn a_failed_batch_leaves_nothing_of_it_in_any_index(place: &TestDatabase) {
    let store = place.open(schema()).await;
    commit(&store, |tx| tx.insert(&Item::new("taken", 1, "old words"))).await.expect("inserted");
    let failed = commit(&store, |tx| {
        tx.put(&Item::new("taken", 2, "new words"));
        tx.put(&Item::new("fresh", 3, "new words"));
        tx.publish(event("e", 1));
        tx.insert(&Item::new("taken", 4, "new words"));
    })
    .await;
    assert!(matches!(failed, Err(Error::Exists { .. })), "{failed:?}");
    let item = read(&store, "taken").await;
    assert_eq!((item.stock, item.version), (1, 1));
    for words in ["new", "fresh"] {
        assert!(store.search::<Item>("text", words, 9, None).await.expect("found").items.is_empty());
    }
    assert_eq!(store.search::<Item>("text", "old", 9, None).await.expect("found").items.len(), 1);
    assert_eq!(store.count::<Item>(Query::range("stock", 2_i64..=9)).await.expect("counted"), 0);
    assert!(store.read_events(0, &topics(), 9).await.expect("read").0.is_empty());
    assert_eq!(*store.watch_events().borrow(), 0);
}

pub async fn a_batch_that_was_refused_is_in_nobodys_way(place: &TestDatabase) {
    let store = place.open(schema()).await;
    commit(&store, |tx| tx.insert(&Item::new("i", 0, ""))).await.expect("inserted");
    for n in 1..=5 {
        let failed = commit(&store, |tx| {
            tx.put(&Item::new("i", -1, "what it has locked"));
            tx.publish(event("e", 1));
            tx.insert(&Item::new("i", -1, ""));
        })
        .await;
        assert!(matches!(failed, Err(Error::Exists { .. })), "{failed:?}");
        // Less than any engine takes to find out by itself that no one goes on with it.
        let next = commit(&store, |tx| {
            tx.put(&Item::new("i", n, ""));
            tx.publish(event(&format!("e{n}"), n));
        });
        tokio::time::timeout(Duration::from_secs(3), next).await.expect("at once").expect("put");
    }
}

pub async fn whoever_is_told_of_an_event_can_read_it(place: &TestDatabase) {
    let store = place.open(schema()).await;
    let mut latest = store.watch_events();
    for n in 1..=50 {
        let publish = commit(&store, move |tx| tx.publish(event(&format!("e{n}"), n)));
        let (published, changed) = tokio::join!(publish, latest.changed());
        published.expect("published");
        changed.expect("told");
        let position = *latest.borrow_and_update();
        let (events, looked) = store.read_events(position - 1, &topics(), 9).await.expect("read");
        assert_eq!((events.len(), looked), (1, position));
    }
}
