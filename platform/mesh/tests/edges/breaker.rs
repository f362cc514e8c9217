//! A service that fails is left alone, and asked again later; repetitions never multiply an outage.

use std::time::{Duration, Instant};

use vitrine_platform_mesh::Limits;

use crate::{PATIENCE, World, eventually, near_and_far, reason, world};

near_and_far!(
    it_opens_fails_fast_and_closes_again,
    a_probe_that_fails_opens_it_again,
    calls_that_are_too_late_count_as_failures,
    refusals_and_callers_who_go_away_do_not,
    repetitions_have_a_budget,
);

async fn open(world: &World) {
    for _ in 0..20 {
        world.add("fail").await.expect_err("it fails");
    }
    assert_eq!(reason(world.add("fine").await), "CIRCUIT_OPEN");
}

async fn it_opens_fails_fast_and_closes_again(far: bool) {
    // A caller that repeated a call to an open breaker would wait this long.
    let world = world(far, Limits { first_backoff: Duration::from_secs(600), ..Limits::default() }).await;
    open(&world).await;
    let (calls, began) = (world.calls(), Instant::now());
    for _ in 0..10 {
        assert_eq!(reason(world.get("fine").await), "CIRCUIT_OPEN");
    }
    assert_eq!(world.calls(), calls, "the service is left alone");
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    eventually(async || world.add("fine").await.is_ok()).await;
    for _ in 0..30 {
        assert_eq!(world.add("fine").await.expect("closed"), "fine");
    }
}

async fn a_probe_that_fails_opens_it_again(far: bool) {
    let world = world(far, Limits::default()).await;
    open(&world).await;
    let calls = world.calls();
    eventually(async || {
        world.add("fail").await.expect_err("it still fails");
        world.calls() > calls
    })
    .await;
    assert_eq!(world.calls(), calls + 1);
    assert_eq!(reason(world.add("fine").await), "CIRCUIT_OPEN");
}

async fn calls_that_are_too_late_count_as_failures(far: bool) {
    let world = world(far, Limits { default_deadline: Duration::from_millis(50), ..Limits::default() }).await;
    let late = futures::future::join_all((0..25).map(|_| world.add("hang"))).await;
    assert!(late.iter().all(Result::is_err));
    assert_eq!(reason(world.add("fine").await), "CIRCUIT_OPEN");
}

async fn refusals_and_callers_who_go_away_do_not(far: bool) {
    let world = world(far, Limits::default()).await;
    for _ in 0..25 {
        assert_eq!(reason(world.add("refuse").await), "ODD");
    }
    for gone in 1..=25 {
        let call = world.add("hang");
        tokio::pin!(call);
        // The caller waits until the service has begun, and then no longer.
        tokio::select! {
            _ = &mut call => panic!("it does not answer"),
            () = eventually(async || world.calls() == 25 + gone) => {}
        }
    }
    assert_eq!(world.add("fine").await.expect("nothing is wrong with the service"), "fine");
}

async fn repetitions_have_a_budget(far: bool) {
    let world = world(far, Limits { first_backoff: Duration::from_millis(1), ..Limits::default() }).await;
    // So that the breaker stays closed.
    for _ in 0..30 {
        world.add("fine").await.expect("answered");
    }
    let outage = futures::future::join_all((0..12).map(|_| async {
        tokio::time::timeout(PATIENCE, world.get("fail")).await.expect("in time").expect_err("it fails");
    }));
    outage.await;
    // Ten repetitions were saved up, and twelve calls earn one more.
    assert!((40..=30 + 12 + 11).contains(&world.calls()), "{}", world.calls());
    for _ in 0..12 {
        world.get("fine").await.expect("answered");
    }
}
