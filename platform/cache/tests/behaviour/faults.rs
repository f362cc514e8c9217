//! What faults do to a cache: each effect is there while its fault is, and gone when it ends.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use vitrine_platform_cache::{Cache, Engine};
use vitrine_platform_faults::{At, Faults, SiteName};
use vitrine_tests_faults::{arm, clear};

use crate::{BOUND, LONG, key, of};

struct World {
    faults: Faults,
    cache: Cache,
    loads: &'static AtomicU32,
}

fn world() -> World {
    let faults = Faults::default();
    let site = faults.site(SiteName::new(At::Cache, "recommendations"));
    let cache = of(&Engine::embedded(), "recommendations").faulted_at(site);
    World { faults, cache, loads: Box::leak(Box::default()) }
}

impl World {
    fn arm(&self, what: &str, rest: &str) {
        arm(&self.faults, what, &format!(r#""at": "cache", "service": ["recommendations"]{rest}"#));
    }

    fn clear(&self) {
        clear(&self.faults);
    }

    /// Asks for a value; returns the number of the load that it came from.
    async fn ask(&self) -> u32 {
        let loads = self.loads;
        let load = || async move {
            let number = loads.fetch_add(1, Ordering::SeqCst) + 1;
            Ok(Bytes::copy_from_slice(&number.to_be_bytes()))
        };
        let value = self.cache.get_or_load(key("a", "tag"), LONG, load).await.expect("loaded");
        u32::from_be_bytes(value[..].try_into().expect("four bytes"))
    }
}

#[tokio::test]
async fn it_is_passed_by_out_of_reach_and_forgetful() {
    let world = world();
    assert_eq!((world.ask().await, world.ask().await), (1, 1));
    let mut loads = 1;
    for (what, kept) in [(r#""bypass""#, false), (r#"{"error": {"code": "UNAVAILABLE"}}"#, false), (r#""evict""#, true)]
    {
        world.arm(what, "");
        assert_eq!((world.ask().await, world.ask().await), (loads + 1, loads + 2), "{what}: each is loaded");
        world.clear();
        // What was passed by was not kept; what was thrown away was put back.
        let expected = if kept { loads + 2 } else { 1 };
        assert_eq!((world.ask().await, world.ask().await), (expected, expected), "{what}");
        loads += 2;
    }
    world.arm(r#""bypass""#, r#", "key_prefix": "others:""#);
    assert_eq!(world.ask().await, loads, "another key is meant");
    world.arm(r#""bypass""#, r#", "key_prefix": "thing:t""#);
    assert_eq!(world.ask().await, loads + 1);
}

#[tokio::test]
async fn it_is_slow() {
    let world = world();
    world.ask().await;
    world.arm(r#"{"delay": {"ms": 50}}"#, "");
    let began = Instant::now();
    assert_eq!(world.ask().await, 1);
    assert!(began.elapsed() >= Duration::from_millis(50));
    world.clear();
    let began = Instant::now();
    world.ask().await;
    assert!(began.elapsed() < Duration::from_millis(50));
}

#[tokio::test]
async fn it_does_not_hear_of_changes_until_the_fault_ends() {
    let world = world();
    assert_eq!(world.ask().await, 1);
    world.arm(r#"{"stale": {"age_s": 600}}"#, "");
    world.cache.invalidate(&["tag"]).await;
    tokio::task::yield_now().await;
    assert_eq!(world.ask().await, 1, "older than its tag");
    world.clear();
    let hearing = async {
        while world.ask().await == 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(BOUND, hearing).await.expect("what was held back is told");
    let now = world.ask().await;
    world.cache.invalidate(&["tag"]).await;
    assert_eq!(world.ask().await, now + 1, "at once again");
}
