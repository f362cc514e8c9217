//! What faults do to a database: each effect is there while its fault is, and gone when it ends.

use std::time::{Duration, Instant};

use vitrine_platform_faults::{At, Faults, Site, SiteName, within};
use vitrine_platform_store::{Error, Query, Store};
use vitrine_tests_faults::{arm, clear};

use crate::{Item, commit, schema};

struct World {
    faults: Faults,
    site: Site,
    store: Store,
}

async fn world() -> World {
    let faults = Faults::default();
    let site = faults.site(SiteName::new(At::Store, "carts"));
    let store = Store::temporary("carts", schema()).expect("opened").faulted_at(site.clone());
    store.ready().await.expect("ready");
    commit(&store, |tx| tx.put(&Item::new("a", 1, "one"))).await.expect("well");
    World { faults, site, store }
}

impl World {
    fn arm(&self, what: &str, rest: &str) {
        arm(&self.faults, what, &format!(r#""at": "store", "service": ["carts"]{rest}"#));
        assert!(self.site.is_armed());
    }

    /// That all goes well again, and at once.
    async fn is_well(&self) {
        clear(&self.faults);
        let began = Instant::now();
        self.read().await.expect("well");
        self.write(1).await.expect("well");
        assert!(began.elapsed() < Duration::from_secs(1));
    }

    async fn read(&self) -> Result<i64, Error> {
        Ok(self.store.get::<Item>("a").await?.map_or(0, |stored| stored.stock))
    }

    async fn write(&self, stock: i64) -> Result<(), Error> {
        commit(&self.store, |tx| tx.put(&Item::new("a", stock, "one"))).await
    }
}

/// How long something takes.
async fn took<T>(work: impl Future<Output = T>) -> Duration {
    let began = Instant::now();
    work.await;
    began.elapsed()
}

#[tokio::test]
async fn a_database_out_of_reach_and_one_that_another_was_quicker_at() {
    let world = world().await;
    world.arm(r#"{"error": {"code": "UNAVAILABLE"}}"#, "");
    assert!(matches!(world.read().await, Err(Error::Unavailable { .. })));
    assert!(matches!(world.write(2).await, Err(Error::Unavailable { .. })));
    assert!(matches!(world.store.count::<Item>(Query::eq("stock", 1)).await, Err(Error::Unavailable { .. })));
    assert_eq!(world.faults.reports()[0].counts.hit, 3);
    // What other services read of this one's events is theirs.
    world.store.read_events(0, &["t".to_owned()], 1).await.expect("never hit");
    world.is_well().await;
    world.arm(r#"{"error": {"code": "ABORTED"}}"#, "");
    assert!(matches!(world.write(2).await, Err(Error::Conflict { collection: "items", id }) if id == "a"));
    world.is_well().await;
}

#[tokio::test]
async fn a_commit_in_doubt_is_made() {
    let world = world().await;
    world.arm(r#""in_doubt""#, "");
    assert!(matches!(world.write(7).await, Err(Error::Unknown { .. })));
    assert_eq!(world.read().await.expect("reads are well"), 7);
    world.is_well().await;
}

#[tokio::test]
async fn writes_wait_for_a_lock_and_reads_do_not() {
    const WAIT: Duration = Duration::from_millis(60);
    let world = world().await;
    world.arm(r#"{"lock": {"hold_ms": 200, "every_ms": 60000}}"#, "");
    assert!(took(world.read()).await < WAIT);
    assert!(took(world.write(2)).await >= WAIT);
    assert!(took(world.write(3)).await < Duration::from_millis(200), "between two locks");
    world.is_well().await;
    for (op, read_waits, write_waits) in [("read", true, false), ("commit", false, true)] {
        world.arm(&format!(r#"{{"delay": {{"ms": 60, "op": "{op}"}}}}"#), "");
        assert_eq!(took(world.read()).await >= WAIT, read_waits, "{op}");
        assert_eq!(took(world.write(2)).await >= WAIT, write_waits, "{op}");
        world.is_well().await;
    }
}

#[tokio::test]
async fn a_collection_and_the_calls_of_a_method_can_be_meant() {
    const CLEAR: &str = "/vitrine.carts.v1.CartsService/ClearCart";
    const ADD: &str = "/vitrine.carts.v1.CartsService/AddItem";
    let world = world().await;
    let error = r#"{"error": {"code": "UNAVAILABLE"}}"#;
    world.arm(error, r#", "collection": "others""#);
    world.read().await.expect("it is not meant");
    world.arm(error, r#", "collection": "items""#);
    world.read().await.expect_err("it is meant");
    let callee = world.faults.site(SiteName::new(At::Callee, "carts"));
    assert!(!callee.is_armed());
    world.arm(error, r#", "method": ["ClearCart"]"#);
    assert!(callee.is_armed(), "the call's name must be known there");
    within::run(CLEAR, world.write(2)).await.expect_err("it is meant");
    within::run(ADD, world.write(2)).await.expect("it is not meant");
    world.write(2).await.expect("outside of any call");
    world.is_well().await;
    assert!(!callee.is_armed());
}
