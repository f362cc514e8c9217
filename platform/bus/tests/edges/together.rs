//! Events whose effects are committed together take effect as if each had been committed by itself.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use vitrine_platform_bus::dead_letters;
use vitrine_platform_store::{Document, Index, Keys};

use crate::{NAME, World, world};

/// A consumer's position, of which only the version matters here.
#[derive(Clone, Serialize, Deserialize)]
struct Position {
    consumer: String,
}

impl Document for Position {
    const COLLECTION: &'static str = "bus_cursors";
    const INDEXES: &'static [Index] = &[];
    fn id(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.consumer)
    }
    fn keys(&self, _: &mut Keys) {}
}

async fn check(world: &World, expected: &[(&str, u32)]) {
    for (key, times) in expected {
        assert_eq!(world.times(key).await, *times, "{key}");
    }
}

#[tokio::test]
async fn events_that_wait_are_committed_together() {
    let world = world();
    let keys: Vec<String> = (0..64).map(|n| format!("k{}", n % 4)).chain(["last".to_owned()]).collect();
    world.publish(&keys.iter().map(String::as_str).collect::<Vec<_>>()).await;
    world.start();
    world.done("last").await;
    check(&world, &[("k0", 16), ("k1", 16), ("k2", 16), ("k3", 16), ("last", 1)]).await;
    let position = world.store.get::<Position>(NAME).await.expect("read").expect("it has committed");
    assert_eq!(position.version, 3, "of 32, of 32, and of one");
}

#[tokio::test]
async fn a_handler_that_does_not_look_into_the_batch_loses_nothing() {
    let world = world();
    world.publish(&["blind", "a", "blind", "blind", "a", "last"]).await;
    world.start();
    world.done("last").await;
    check(&world, &[("blind", 3), ("a", 2), ("last", 1)]).await;
    assert!(dead_letters(&world.store, NAME).await.expect("read").is_empty());
}

#[tokio::test]
async fn one_that_fails_takes_nothing_of_the_others_along() {
    let mut world = world();
    world.publish(&["a", "b", "a", "reject", "a", "b", "panic", "b", "last"]).await;
    world.start();
    world.done("last").await;
    check(&world, &[("a", 3), ("b", 3), ("reject", 0), ("panic", 0), ("last", 1)]).await;
    let letters = dead_letters(&world.store, NAME).await.expect("read");
    let mut keys: Vec<&str> = letters.iter().map(|l| l.key.as_str()).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["panic", "reject"]);
    let handed: Vec<String> = std::iter::from_fn(|| world.handed.try_recv().ok()).map(|(key, _)| key).collect();
    for (key, times) in [("a", 3), ("b", 3), ("reject", 1)] {
        assert_eq!(handed.iter().filter(|k| *k == key).count(), times, "{key}: nothing is handled twice");
    }
}

#[tokio::test]
async fn what_a_replica_has_done_meanwhile_of_a_batch_is_not_done_again() {
    let world = world();
    // Where a replica gets as far as the second event.
    world.publish(&["a", "b", "meanwhile", "last"]).await;
    world.start();
    world.done("last").await;
    check(&world, &[("a", 0), ("b", 0), ("meanwhile", 1), ("last", 1)]).await;
}
