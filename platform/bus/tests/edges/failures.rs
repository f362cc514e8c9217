//! Effects that cannot be committed, handlers that panic: put aside, and no one else waits.

use vitrine_platform_bus::{DeadLetter, MAX_TRIES, dead_letters, redrive};

use crate::{Effect, NAME, World, eventually, world};

impl World {
    async fn letters(&self) -> Vec<DeadLetter> {
        dead_letters(&self.store, NAME).await.expect("read")
    }

    async fn put(&self, key: &str) {
        let mut tx = self.store.begin();
        tx.put(&Effect { key: key.to_owned(), times: 7 });
        tx.commit().await.expect("put");
    }

    fn handed(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.handed.try_recv().ok()).map(|(key, _)| key).collect()
    }
}

#[tokio::test]
async fn effects_that_are_always_refused_are_put_aside() {
    let mut world = world();
    world.put("insert").await;
    world.publish(&["insert", "last"]).await;
    world.start();
    world.done("last").await;
    let letters = world.letters().await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert!(letters[0].key == "insert" && letters[0].reason.contains("exists"), "{letters:?}");
    let tries = world.handed().iter().filter(|key| *key == "insert").count();
    assert_eq!(tries, usize::try_from(MAX_TRIES + 1).expect("small"), "once together with the other");
    assert_eq!(world.times("insert").await, 7, "nothing of it was done");
}

#[tokio::test]
async fn events_wait_for_a_store_that_is_out_of_reach() {
    let mut world = world();
    world.publish(&["away", "last"]).await;
    world.start();
    world.done("last").await;
    assert!(world.letters().await.is_empty(), "nothing was put aside");
    assert_eq!(world.times("away").await, 1);
    let tries = world.handed().iter().filter(|key| *key == "away").count();
    assert!(tries > usize::try_from(MAX_TRIES).expect("small"), "{tries}");
}

#[tokio::test]
async fn a_panic_is_a_failure_of_its_event_only() {
    let mut world = world();
    world.publish(&["first", "panic", "last"]).await;
    let consumer = world.start();
    world.done("last").await;
    let letters = world.letters().await;
    assert_eq!(
        letters.iter().map(|l| (l.key.as_str(), l.reason.as_str())).collect::<Vec<_>>(),
        [("panic", "the handler panicked")]
    );
    assert_eq!((world.times("first").await, world.times("panic").await), (1, 0));
    assert_eq!(world.handed().iter().filter(|key| *key == "panic").count(), usize::try_from(MAX_TRIES).expect("small"));
    world.stop.cancel();
    consumer.await.expect("the consumer itself has not panicked");
}

#[tokio::test]
async fn what_is_handed_out_again_in_vain_holds_up_nobody() {
    let mut world = world();
    world.put("insert").await;
    world.publish(&["reject", "insert", "last"]).await;
    world.start();
    world.done("last").await;
    world.handed();
    for letter in world.letters().await {
        assert!(redrive(&world.store, NAME, &letter.event_id).await.expect("asked"));
    }
    world.publish(&["wake", "up"]).await;
    eventually(async || world.letters().await.iter().all(|l| !l.redrive)).await;
    world.publish(&["after"]).await;
    world.done("after").await;
    let mut reasons: Vec<_> = world.letters().await.into_iter().map(|l| (l.key, l.reason)).collect();
    reasons.sort();
    assert_eq!(
        reasons,
        [("insert".to_owned(), "effects/insert exists".to_owned()), ("reject".to_owned(), "as asked".to_owned())]
    );
    let handed = world.handed();
    for key in ["insert", "reject"] {
        assert_eq!(handed.iter().filter(|k| *k == key).count(), 1, "{key}: once for each time it is asked for");
    }
}
