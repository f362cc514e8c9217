//! Who gets a call.

use std::time::{Duration, Instant};

use futures::future::join_all;
use tonic::Code;
use tonic_health::ServingStatus;
use vitrine_contracts::Problem;
use vitrine_platform_mesh::{Discovery, Limits};

use crate::{Caller, Replica, eventually, three};

#[tokio::test]
async fn calls_are_spread_and_the_busy_get_fewer() {
    let replicas = three().await;
    let caller = Caller::at(&[&replicas[0], &replicas[1], &replicas[2]].map(|r| r.address));
    caller.reaches(&replicas.each_ref()).await;
    let before = replicas.each_ref().map(Replica::calls);
    for _ in 0..30 {
        let answers = join_all((0..10).map(|_| caller.add("fine"))).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    }
    let shares = [0, 1, 2].map(|i| replicas[i].calls() - before[i]);
    assert_eq!(shares.iter().sum::<u32>(), 300);
    assert!(shares.iter().all(|n| *n > 50), "{shares:?}");

    // Someone who does not answer is soon the busiest, and the other one that chance names gets the call.
    let before = replicas.each_ref().map(Replica::calls);
    let hanging: Vec<_> = (0..60)
        .map(|_| {
            let caller = caller.clone();
            tokio::spawn(async move { caller.add("hang").await })
        })
        .collect();
    let asked = |i: usize| usize::try_from(replicas[i].calls() - before[i]).expect("small");
    eventually(async || asked(0) + asked(1) + asked(2) == 60).await;
    let stuck = asked(0);
    assert!(stuck > 0);
    eventually(async || {
        replicas[1..].iter().for_each(|r| r.carts.go.notify_waiters());
        hanging.iter().filter(|call| call.is_finished()).count() == 60 - stuck
    })
    .await;
    let before = replicas[0].calls();
    for _ in 0..100 {
        caller.add("fine").await.expect("answered");
    }
    assert_eq!(replicas[0].calls(), before, "it has calls that it did not answer, the others none");
    replicas.iter().for_each(|r| r.carts.go.notify_waiters());
}

#[tokio::test]
async fn who_does_not_serve_gets_nothing_at_once_and_comes_back() {
    let replicas = three().await;
    let caller = Caller::at(&replicas.each_ref().map(|r| r.address));
    caller.reaches(&replicas.each_ref()).await;
    replicas[0].says(ServingStatus::NotServing).await;
    // It is told, and from then on there is not a single call.
    let quiet = async || {
        let before = replicas[0].calls();
        for _ in 0..20 {
            caller.add("fine").await.expect("the others answer");
        }
        replicas[0].calls() == before
    };
    eventually(quiet).await;
    assert!(quiet().await, "it stays so");
    for replica in &replicas[1..] {
        replica.says(ServingStatus::NotServing).await;
    }
    eventually(async || caller.add("fine").await.is_err()).await;
    let began = Instant::now();
    let status = caller.get("fine").await.expect_err("nobody serves");
    assert!(began.elapsed() < Duration::from_secs(1), "at once: {:?}", began.elapsed());
    assert_eq!((status.code(), Problem::from_status(&status).reason.as_str()), (Code::Unavailable, "NO_REPLICA"));
    for part in ["carts", "none of 3 replicas", "127.0.0.1:", "not serving"] {
        assert!(status.message().contains(part), "{}", status.message());
    }
    for replica in &replicas {
        replica.says(ServingStatus::Serving).await;
    }
    eventually(async || caller.add("fine").await.is_ok()).await;
    caller.reaches(&replicas.each_ref()).await;
}

#[tokio::test]
async fn who_is_gone_is_left_out_until_it_is_back() {
    let [first, second, third] = three().await;
    let caller = Caller::at(&[&first, &second, &third].map(|r| r.address));
    caller.reaches(&[&first, &second, &third]).await;
    let address = first.end().await;
    for _ in 0..200 {
        caller.add("fine").await.expect("the others answer");
    }
    let again = Replica::start_at(address, None, Limits::default()).await;
    caller.reaches(&[&again, &second, &third]).await;

    let gone = [again.end().await, second.end().await, third.end().await];
    eventually(async || caller.add("fine").await.is_err_and(|s| s.message().contains("refused"))).await;
    // Not only the one that was tried last comes back by itself: a call has them tried again.
    let began = Instant::now();
    let back = Replica::start_at(gone[1], None, Limits::default()).await;
    eventually(async || caller.add("fine").await.is_ok()).await;
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(back.calls() > 0);
}

#[tokio::test]
async fn somebody_who_speaks_something_else_is_no_replica() {
    // It takes connections and never says a word.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let replica = Replica::start().await;
    let caller = Caller::at(&[silent.local_addr().expect("an address"), replica.address]);
    for _ in 0..50 {
        let began = Instant::now();
        caller.add("fine").await.expect("the other one answers");
        assert!(began.elapsed() < Duration::from_secs(1), "nobody waits for it");
    }
    let alone = Caller::of(&format!("grpc://{}", silent.local_addr().expect("an address")), Discovery::default(), None);
    let status = alone.add("fine").await.expect_err("nobody answers");
    assert_eq!(status.code(), Code::Unavailable);
}
