//! Several changes in one batch.

use proptest::prelude::any;
use vitrine_platform_store::{Error, Store, Tx};

use crate::database::TestDatabase;
use crate::{Item, commit, event, read, schema, topics};

/// Takes one from an item's stock, or makes the item; deletes it where nothing is left. All of it is read in the batch.
async fn sell(tx: &mut Tx, id: &str) -> Result<(), Error> {
    match tx.get::<Item>(id).await? {
        None => tx.insert(&Item::new(id, 3, "new")),
        Some(item) if item.stock == 1 => tx.delete_expecting::<Item>(id, item.version),
        Some(mut item) => {
            item.doc.stock -= 1;
            tx.update(&item);
        }
    }
    tx.publish(event(id, 1));
    Ok(())
}

async fn stock(store: &Store, id: &str) -> Option<i64> {
    store.get::<Item>(id).await.expect("read").map(|item| item.stock)
}

pub async fn changes_of_one_batch_see_each_other(place: &TestDatabase) {
    let store = place.open(schema()).await;
    commit(&store, |tx| tx.insert(&Item::new("old", 9, "old"))).await.expect("inserted");
    let mut tx = store.begin();
    for id in ["old", "new", "old", "new", "gone", "gone", "gone", "gone"] {
        tx.savepoint();
        sell(&mut tx, id).await.expect("read");
        assert!(!tx.stands_alone(), "{id}");
    }
    tx.commit().await.expect("committed");
    let (old, new) = (read(&store, "old").await, read(&store, "new").await);
    assert_eq!(((old.stock, old.version), (new.stock, new.version)), ((7, 2), (2, 1)), "each is written once");
    assert_eq!(stock(&store, "gone").await, None);
    assert_eq!(store.read_events(0, &topics(), 9).await.expect("read").0.len(), 8);
}

pub async fn a_change_that_is_taken_out_leaves_nothing(place: &TestDatabase) {
    let store = place.open(schema()).await;
    let mut tx = store.begin();
    for (id, stays) in [("a", true), ("a", false), ("b", false), ("a", true), ("b", true), ("a", false)] {
        tx.savepoint();
        sell(&mut tx, id).await.expect("read");
        if !stays {
            tx.rollback();
        }
    }
    tx.commit().await.expect("committed");
    assert_eq!((stock(&store, "a").await, stock(&store, "b").await), (Some(2), Some(3)));
    assert_eq!(store.read_events(0, &topics(), 9).await.expect("read").0.len(), 3);
}

pub async fn a_change_says_when_it_cannot_share_a_batch(place: &TestDatabase) {
    let store = place.open(schema()).await;
    let mut large = event("e", 1);
    large.payload = vec![0; vitrine_platform_store::MAX_EVENT_BYTES + 1];
    let mut tx = store.begin();
    tx.put(&Item::new("i", 1, ""));
    tx.savepoint();
    tx.put(&Item::new("i", 2, ""));
    assert!(tx.stands_alone(), "it was not read");
    tx.rollback();
    tx.publish(large);
    assert!(tx.stands_alone(), "it cannot be committed");
    tx.rollback();
    assert!(tx.get::<Item>("i").await.expect("read").is_some());
    tx.put(&Item::new("i", 3, ""));
    assert!(!tx.stands_alone());
    tx.commit().await.expect("what is left is fine");
    assert_eq!(stock(&store, "i").await, Some(3));
}

/// Whatever changes share a batch, it leaves what they leave one by one.
pub fn a_batch_is_its_changes_one_by_one(place: impl Fn() -> TestDatabase, tries: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let changes = proptest::collection::vec((0u8..4, any::<bool>()), 1..40);
    let config = proptest::test_runner::Config { cases: tries, ..Default::default() };
    proptest::test_runner::TestRunner::new(config)
        .run(&changes, |changes| {
            runtime.block_on(async {
                let (together, single) = (place(), place());
                let (together, single) = (together.open(schema()).await, single.open(schema()).await);
                let mut batch = together.begin();
                for (n, stays) in changes {
                    let id = format!("i{n}");
                    batch.savepoint();
                    sell(&mut batch, &id).await.expect("read");
                    assert!(!batch.stands_alone());
                    if !stays {
                        batch.rollback();
                        continue;
                    }
                    let mut tx = single.begin();
                    sell(&mut tx, &id).await.expect("read");
                    tx.commit().await.expect("committed");
                }
                batch.commit().await.expect("committed");
                for n in 0..4 {
                    let id = format!("i{n}");
                    assert_eq!(stock(&together, &id).await, stock(&single, &id).await, "{id}");
                }
            });
            Ok(())
        })
        .expect("the same");
}
