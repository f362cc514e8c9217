//! What a call over NATS can rely on.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures::StreamExt;
use prost::Message;
use tonic::{Code, Request};
use vitrine_contracts::Problem;
use vitrine_contracts::bus::v1::FetchRequest;
use vitrine_contracts::bus::v1::event_log_service_client::EventLogServiceClient;
use vitrine_contracts::carts::v1::{AddItemRequest, Cart, GetCartRequest, SetItemRequest};
use vitrine_contracts::topics::{CUSTOMER_ERASED, ORDER_PAID};
use vitrine_kit::clock::Clock;
use vitrine_platform_host::{Component, Host, NatsUse};
use vitrine_platform_mesh::Limits;
use vitrine_platform_store::Schema;
use vitrine_platform_telemetry::{Baggage, Config, Telemetry};
use vitrine_tests_engines::nats;

use crate::world::{Replica, client, connect, eventually, folder, get, mesh, place, quiet};

#[tokio::test(flavor = "multi_thread")]
async fn calls_arrive_with_all_that_belongs_to_them() {
    let server = nats(&[]).expect("a server");
    let (near, far) = (connect(&server).await, connect(&server).await);
    let (caller, callee) = (Telemetry::new(Config::default()), Telemetry::new(Config::default()));
    let carts = client(&near, &caller);

    // No one yet: said at once.
    let began = Instant::now();
    let nobody = get(&carts, "x").await.expect_err("nobody");
    assert_eq!(nobody.code(), Code::Unavailable, "{nobody:?}");
    assert!(nobody.message().contains("carts") && began.elapsed() < Duration::from_secs(3), "{nobody:?}");

    let replica = Replica::start(&far, "one", &callee).await;
    assert_eq!(get(&carts, "hello").await.expect("answered"), "hello");
    assert_eq!(get(&carts, "empty").await.expect("answered"), "");

    // The deadline goes along, and holds on both sides.
    let mut request = Request::new(GetCartRequest { customer_id: "time left".to_owned() });
    request.set_timeout(Duration::from_secs(3));
    let left = carts.clone().get_cart(request).await.expect("answered").into_inner().customer_id;
    assert!((1..=3000).contains(&left.parse::<u32>().expect("a number")), "{left}");
    let mut request = Request::new(GetCartRequest { customer_id: "hang".to_owned() });
    request.set_timeout(Duration::from_millis(200));
    let late = carts.clone().get_cart(request).await.expect_err("it hangs");
    assert_eq!(late.code(), Code::DeadlineExceeded, "{late:?}");

    // So do the trace and the baggage.
    let span = caller.service("gateway").server_span("test", None, Some("session.id=s1"));
    let context = span.context();
    assert_ne!(context.baggage(), &Baggage::default());
    let seen = context.clone().scope(get(&carts, "context")).await.expect("answered");
    assert_eq!(seen, format!("{} s1", context.trace_id().expect("a trace")));

    // Errors come with their details, whatever their text.
    let refused = get(&carts, "refuse").await.expect_err("refused");
    assert_eq!(refused.code(), Code::InvalidArgument);
    let problem = Problem::from_status(&refused);
    assert_eq!((problem.reason.as_str(), problem.field.as_deref()), ("ODD", Some("quantity")));
    assert_eq!(problem.message, "schief gegangen: ä");
    assert_eq!(get(&carts, "panic").await.expect_err("it panics").code(), Code::Internal);
    let missing = carts.clone().set_item(SetItemRequest::default()).await.expect_err("not there");
    assert_eq!(missing.code(), Code::Unimplemented);

    // Too large, there and back: said with the limit, and nothing hangs.
    for what in ["x".repeat(2 * 1024 * 1024), "large".to_owned()] {
        let began = Instant::now();
        let large = get(&carts, &what).await.expect_err("too large");
        assert_eq!(large.code(), Code::ResourceExhausted, "{large:?}");
        assert_eq!(Problem::from_status(&large).reason, "MESSAGE_TOO_LARGE");
        assert!(large.message().contains("1048576") && began.elapsed() < Duration::from_secs(5), "{large:?}");
    }
    assert_eq!(get(&carts, "after").await.expect("answered"), "after");
    replica.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_share_the_work_and_a_leaving_one_loses_nothing() {
    let server = nats(&[]).expect("a server");
    let caller = connect(&server).await;
    let replicas = [connect(&server).await, connect(&server).await];
    let first = Replica::start(&replicas[0], "first", &quiet()).await;
    let second = Replica::start(&replicas[1], "second", &quiet()).await;
    let carts = client(&caller, &quiet());
    let mut names = BTreeSet::new();
    for _ in 0..100 {
        names.insert(get(&carts, "name").await.expect("answered"));
    }
    assert_eq!(names, BTreeSet::from(["first".to_owned(), "second".to_owned()]));
    assert_eq!(first.odd.calls.load(Ordering::SeqCst) + second.odd.calls.load(Ordering::SeqCst), 100, "each once");

    // Under load a replica leaves and another one comes, again and again: each call is answered.
    let stop = tokio_util::sync::CancellationToken::new();
    let load: Vec<_> = (0..32)
        .map(|_| {
            let (carts, stop) = (carts.clone(), stop.clone());
            tokio::spawn(async move {
                let mut answered = 0_u32;
                while !stop.is_cancelled() {
                    get(&carts, "name").await.expect("no call is lost");
                    answered += 1;
                }
                answered
            })
        })
        .collect();
    let mut leaving = first;
    for _ in 0..20 {
        let next = Replica::start(&replicas[0], "next", &quiet()).await;
        eventually(async || next.odd.calls.load(Ordering::SeqCst) > 20).await;
        leaving.leave().await;
        leaving = next;
    }
    stop.cancel();
    for calls in load {
        assert!(calls.await.expect("no call is lost") > 0);
    }

    // What is in flight ends before it is gone.
    second.leave().await;
    let before = leaving.odd.calls.load(Ordering::SeqCst);
    let waiting = tokio::spawn({
        let carts = carts.clone();
        async move { get(&carts, "wait").await }
    });
    eventually(async || leaving.odd.calls.load(Ordering::SeqCst) > before).await;
    let odd = leaving.odd.clone();
    let left = tokio::spawn(leaving.leave());
    // New calls find no one, while the old one is still worked on.
    eventually(async || get(&carts, "name").await.is_err_and(|e| e.message().contains("no process answers"))).await;
    assert!(!left.is_finished());
    odd.go.notify_one();
    assert_eq!(waiting.await.expect("no panic").expect("answered"), "waited");
    left.await.expect("no panic");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_is_said_at_once_and_found_again() {
    let mut server = nats(&[]).expect("a server");
    let (near, far) = (connect(&server).await, connect(&server).await);
    let replica = Replica::start(&far, "one", &quiet()).await;
    let carts = client(&near, &quiet());
    assert_eq!(get(&carts, "x").await.expect("answered"), "x");
    let waiting = tokio::spawn({
        let carts = carts.clone();
        async move { get(&carts, "hang").await }
    });
    eventually(async || replica.odd.calls.load(Ordering::SeqCst) == 2).await;
    server.kill().expect("killed");

    // Who waits does not wait for the deadline, and who comes is told at once.
    let began = Instant::now();
    assert_eq!(waiting.await.expect("no panic").expect_err("lost").code(), Code::Unavailable);
    let mut slowest = Duration::ZERO;
    for _ in 0..10 {
        let asked = Instant::now();
        let request = AddItemRequest { customer_id: "x".to_owned(), line: None };
        let status = carts.clone().add_item(request).await.expect_err("nobody");
        assert_eq!(status.code(), Code::Unavailable, "{status:?}");
        slowest = slowest.max(asked.elapsed());
    }
    assert!(slowest < Duration::from_secs(1) && began.elapsed() < Duration::from_secs(5), "{slowest:?}");

    server.up().expect("up");
    eventually(async || get(&carts, "again").await.is_ok()).await;
    // A write that failed meanwhile was not kept for later.
    assert_eq!(replica.odd.calls.load(Ordering::SeqCst), 3);
    replica.stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_followed_over_nats() {
    let server = nats(&[]).expect("a server");
    let data = folder();
    let mut running = Vec::new();
    // Two processes: each answers for its own store, though both answer the same contract.
    for (name, topic) in [("orders", ORDER_PAID), ("customers", CUSTOMER_ERASED)] {
        let nats = connect(&server).await;
        let host = Host::new(data.path(), Clock::system(), 1, quiet(), mesh(Limits::default()));
        let host = host.with_nats(nats, NatsUse { calls: true, events: false });
        let store = host.open_store(name, Schema::new()).expect("a database");
        place(&store, topic, name, 1).await;
        running.push(host.start(vec![Component::new(name).store(store)]).await.expect("started"));
    }
    let caller = connect(&server).await;
    let follower = mesh(Limits::default());
    for (name, topic) in [("orders", ORDER_PAID), ("customers", CUSTOMER_ERASED)] {
        follower.place_outside(name, caller.transport(name).expect("unary")).expect("placed");
        for _ in 0..5 {
            // Both topics are the letters' to read.
            let mut log = EventLogServiceClient::new(follower.transport(quiet().service("email"), name));
            let request = FetchRequest {
                source: name.to_owned(),
                topics: vec![topic.to_owned()],
                limit: 1,
                ..FetchRequest::default()
            };
            let events = log.fetch(request).await.expect("answered").into_inner().events;
            assert_eq!(events.iter().map(|e| e.key.as_str()).collect::<Vec<_>>(), [name]);
        }
    }
    for process in running {
        assert!(process.stop().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_in_another_language_answers() {
    let server = nats(&[]).expect("a server");
    let theirs = async_nats::connect(server.url()).await.expect("connected");
    let mut asked =
        theirs.queue_subscribe("vitrine.carts.v1.CartsService.GetCart", "carts".to_owned()).await.expect("subscribed");
    theirs.flush().await.expect("flushed");
    tokio::spawn(async move {
        while let Some(message) = asked.next().await {
            let caller = message.reply.expect("a call");
            let request = GetCartRequest::decode(message.payload).expect("no frame around it");
            assert!(message.headers.expect("headers").get("grpc-timeout").is_some());
            let mut headers = async_nats::HeaderMap::new();
            let mut body = Vec::new();
            match request.customer_id.as_str() {
                "fail" => {
                    headers.insert("grpc-status", "5");
                    headers.insert("grpc-message", "no%20such%20cart");
                }
                "nonsense" => headers.insert("grpc-status", "many"),
                id => body = Cart { customer_id: format!("theirs {id}"), ..Cart::default() }.encode_to_vec(),
            }
            theirs.publish_with_headers(caller, headers, body.into()).await.expect("published");
        }
    });
    let near = connect(&server).await;
    let carts = client(&near, &quiet());
    eventually(async || get(&carts, "x").await.is_ok()).await;
    assert_eq!(get(&carts, "x").await.expect("answered"), "theirs x");
    let missing = get(&carts, "fail").await.expect_err("as asked");
    assert_eq!((missing.code(), missing.message()), (Code::NotFound, "no such cart"));
    assert_eq!(get(&carts, "nonsense").await.expect_err("no number").code(), Code::Unknown);
}
