//! The log that is followed: what is asked is checked, what is large comes in parts, and no caller waits beyond a stop.

use std::time::{Duration, Instant};

use tonic::{Code, Request, Status};
use vitrine_contracts::Problem;
use vitrine_contracts::bus::v1::event_log_service_client::EventLogServiceClient;
use vitrine_contracts::bus::v1::event_log_service_server::EventLogService;
use vitrine_contracts::bus::v1::{FetchRequest, FetchResponse};
use vitrine_contracts::customers::v1::CustomerErased;
use vitrine_contracts::topics::{CUSTOMER_ERASED, ORDER_PLACED};
use vitrine_platform_bus::publish;
use vitrine_platform_mesh::Caller;

use crate::{PATIENCE, World, transport, world};

fn ask() -> FetchRequest {
    FetchRequest {
        source: "customers".to_owned(),
        topics: vec![CUSTOMER_ERASED.to_owned()],
        after: 0,
        limit: 100,
        wait_ms: 0,
        latest: false,
    }
}

impl World {
    async fn fetch(&self, request: FetchRequest) -> FetchResponse {
        self.fetch_as("carts", request).await.expect("answered")
    }

    async fn fetch_as(&self, caller: &str, request: FetchRequest) -> Result<FetchResponse, Status> {
        let mut client = EventLogServiceClient::new(transport(caller, self.log()));
        Ok(client.fetch(request).await?.into_inner())
    }
}

#[tokio::test]
async fn bad_requests_name_the_field() {
    let world = world();
    for (request, field) in [
        (FetchRequest { topics: Vec::new(), ..ask() }, "topics"),
        (FetchRequest { topics: vec![String::new(); 65], ..ask() }, "topics"),
        (FetchRequest { limit: 0, ..ask() }, "limit"),
        (FetchRequest { limit: 501, ..ask() }, "limit"),
        (FetchRequest { wait_ms: 30_001, ..ask() }, "wait_ms"),
    ] {
        let status = world.log().fetch(Request::new(request)).await.expect_err(field);
        let problem = Problem::from_status(&status);
        assert_eq!((problem.code, problem.field.as_deref()), (Code::InvalidArgument, Some(field)));
        assert!(problem.expected.is_some());
    }
    let elsewhere = FetchRequest { source: "nobody".to_owned(), ..ask() };
    let status = world.log().fetch(Request::new(elsewhere)).await.expect_err("nobody");
    assert!(status.code() == Code::NotFound && status.message().contains("nobody"), "{status:?}");
}

#[tokio::test]
async fn what_is_too_large_for_one_answer_comes_in_several() {
    let world = world();
    let large = CustomerErased { customer_id: "x".repeat(300_000) };
    for n in 0..20 {
        let mut tx = world.producer.begin();
        publish(&mut tx, CUSTOMER_ERASED, &format!("k{n}"), 0, &large);
        tx.commit().await.expect("published");
    }
    let (mut keys, mut after) = (Vec::new(), 0);
    while keys.len() < 20 {
        let answer = world.fetch(FetchRequest { after, ..ask() }).await;
        assert!(!answer.events.is_empty() && answer.position > after);
        after = answer.position;
        keys.extend(answer.events.into_iter().map(|e| e.key));
    }
    assert_eq!(keys, (0..20).map(|n| format!("k{n}")).collect::<Vec<_>>());
    world.start();
    world.done("k19").await;
}

#[tokio::test]
async fn only_what_was_asked_for_is_answered_and_the_rest_is_passed() {
    let world = world();
    world.publish(&["a", "b", "c"]).await;
    let other = FetchRequest { topics: vec![ORDER_PLACED.to_owned()], ..ask() };
    let of_fraud = world.fetch_as("fraud", other).await.expect("its own topic");
    assert_eq!(of_fraud, FetchResponse { events: Vec::new(), position: 3 });
    let two = world.fetch(FetchRequest { limit: 2, ..ask() }).await;
    assert_eq!((two.events.len(), two.position), (2, 2));
    let rest = world.fetch(FetchRequest { after: 2, ..ask() }).await;
    assert_eq!((rest.events.len(), rest.position), (1, 3));
    let beyond = world.fetch(FetchRequest { after: 99, ..ask() }).await;
    assert_eq!((beyond.events.len(), beyond.position), (0, 99));
}

#[tokio::test]
async fn one_can_begin_with_what_comes() {
    let world = world();
    let latest = FetchRequest { latest: true, ..ask() };
    assert_eq!(world.fetch(latest.clone()).await, FetchResponse { events: Vec::new(), position: 0 });
    world.publish(&["a", "b"]).await;
    let begun = world.fetch(latest).await;
    assert_eq!(begun, FetchResponse { events: Vec::new(), position: 2 });
    world.publish(&["c"]).await;
    let next = world.fetch(FetchRequest { after: begun.position, ..ask() }).await;
    assert_eq!(next.events.iter().map(|event| &*event.key).collect::<Vec<_>>(), ["c"]);
}

#[tokio::test]
async fn a_topic_is_for_those_who_follow_it() {
    let world = world();
    for (caller, topics) in [
        ("accounting", vec![CUSTOMER_ERASED]),
        ("carts", vec![CUSTOMER_ERASED, ORDER_PLACED]),
        ("carts", vec!["customers.customer.robbed"]),
        ("gateway", vec![CUSTOMER_ERASED]),
    ] {
        let topics: Vec<String> = topics.into_iter().map(str::to_owned).collect();
        // Past the caller's Fence, which keeps a refusal of its service to itself.
        let mut request = Request::new(FetchRequest { topics, ..ask() });
        request.extensions_mut().insert(Caller(caller.into()));
        let refused = world.log().fetch(request).await.expect_err(caller);
        assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
        assert_eq!(Problem::from_status(&refused).reason, "CALLER_NOT_ADMITTED");
    }
}

#[tokio::test]
async fn a_long_poll_ends_with_an_event_or_a_stop() {
    let world = world();
    let log = world.log();
    let waiting = log.fetch(Request::new(FetchRequest { wait_ms: 30_000, ..ask() }));
    tokio::pin!(waiting);
    assert!(futures::poll!(waiting.as_mut()).is_pending());
    world.publish(&["a"]).await;
    let answer = tokio::time::timeout(PATIENCE, waiting).await.expect("in time").expect("answered").into_inner();
    assert_eq!((answer.events.len(), answer.position), (1, 1));

    let waiting = log.fetch(Request::new(FetchRequest { after: 1, wait_ms: 30_000, ..ask() }));
    tokio::pin!(waiting);
    assert!(futures::poll!(waiting.as_mut()).is_pending());
    world.stop.cancel();
    // Refused, not answered with nothing: consumers pause before they ask again.
    let refused = tokio::time::timeout(PATIENCE, waiting).await.expect("at once").expect_err("stopping");
    assert_eq!(refused.code(), Code::Unavailable);
}

#[tokio::test]
async fn a_consumer_that_waits_stops_at_once() {
    let world = world();
    world.publish(&["a"]).await;
    let consumer = world.start();
    world.done("a").await;
    let began = Instant::now();
    world.stop.cancel();
    consumer.await.expect("no panic");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}
