//! Every promise of the Fence.

use std::time::{Duration, Instant};

use futures::future::join_all;
use tonic::{Code, Request};
use vitrine_contracts::Problem;
use vitrine_contracts::carts::v1::carts_service_client::CartsServiceClient;
use vitrine_contracts::carts::v1::{AddItemRequest, GetCartRequest};
use vitrine_platform_mesh::{Limits, Mesh, Placement};
use vitrine_platform_telemetry::{Config, Context, Telemetry};

use crate::{Secret, at, near_and_far, world};

near_and_far!(
    deadlines_are_carried_and_enforced,
    a_panic_harms_nobody_else,
    context_crosses_and_extensions_do_not,
    problems_cross_whole,
    only_reads_are_repeated,
    a_failing_service_is_left_alone_for_a_while,
    too_many_calls_at_once_are_refused,
    messages_have_a_size,
    calls_are_counted_on_both_sides,
);

async fn deadlines_are_carried_and_enforced(far: bool) {
    let world = world(far, Limits { default_deadline: Duration::from_millis(200), ..Limits::default() }).await;
    let began = Instant::now();
    let late = world.get("hang").await.expect_err("late");
    assert_eq!(late.code(), Code::DeadlineExceeded);
    assert!(began.elapsed() >= Duration::from_millis(190) && began.elapsed() < Duration::from_secs(5));

    let left: u64 = world.get("time left").await.expect("answered").parse().expect("a number");
    assert!(left > 0 && left <= 200, "{left}");
    let mut request = Request::new(GetCartRequest { customer_id: "time left".to_owned() });
    request.set_timeout(Duration::from_millis(80));
    let left: u64 = world.request(request).await.expect("answered").parse().expect("a number");
    assert!(left <= 80, "{left}");
    // A caller that has little time itself gives no more.
    let hurried = Context::default().with_deadline(Some(Instant::now() + Duration::from_millis(50)));
    let left: u64 = hurried.scope(world.get("time left")).await.expect("answered").parse().expect("a number");
    assert!(left <= 50, "{left}");
}

async fn a_panic_harms_nobody_else(far: bool) {
    let world = world(far, Limits::default()).await;
    let status = world.get("panic").await.expect_err("a panic");
    assert_eq!(status.code(), Code::Internal);
    assert!(!status.message().contains("as asked"), "the cause is nobody's business: {}", status.message());
    assert_eq!(world.get("fine").await.expect("the next call"), "fine");
}

async fn context_crosses_and_extensions_do_not(far: bool) {
    let world = world(far, Limits::default()).await;
    let span = world.caller.service("gateway").server_span("test", None, Some("session.id=s-7"));
    let trace_id = span.context().trace_id().expect("a trace");
    let mut request = Request::new(GetCartRequest { customer_id: "context".to_owned() });
    request.extensions_mut().insert(Secret);
    let seen = span.context().scope(world.request(request)).await.expect("answered");
    assert_eq!(seen, format!("{trace_id} s-7 false"));
}

async fn problems_cross_whole(far: bool) {
    let world = world(far, Limits::default()).await;
    let seen = Problem::from_status(&world.get("refuse").await.expect_err("refused"));
    assert_eq!((seen.code, seen.reason.as_str()), (Code::InvalidArgument, "ODD"));
    assert_eq!((seen.field.as_deref(), seen.expected.as_deref()), (Some("quantity"), Some("1 to 999")));
}

async fn only_reads_are_repeated(far: bool) {
    let reading = world(far, Limits::default()).await;
    assert_eq!(reading.get("fail twice").await.expect("the third time"), "fail twice");
    assert_eq!(reading.calls(), 3);
    let writing = world(far, Limits::default()).await;
    assert_eq!(writing.add("fail twice").await.expect_err("once only").code(), Code::Unavailable);
    assert_eq!(writing.calls(), 1);
    assert_eq!(writing.add("say that nobody saw it").await.expect_err("once only").code(), Code::Unavailable);
    assert_eq!(writing.calls(), 2, "only a Fence can know that");
}

async fn a_failing_service_is_left_alone_for_a_while(far: bool) {
    let world = world(far, Limits::default()).await;
    for _ in 0..40 {
        assert_eq!(world.add("fail").await.expect_err("it fails").code(), Code::Unavailable);
    }
    let seen = Problem::from_status(&world.add("fine").await.expect_err("not even asked"));
    assert_eq!(seen.reason, "CIRCUIT_OPEN");
    assert!(world.calls() < 40, "{} calls went through", world.calls());
}

async fn too_many_calls_at_once_are_refused(far: bool) {
    let limits = Limits {
        server_concurrency: 2,
        default_deadline: Duration::from_millis(300),
        max_attempts: 1,
        ..Limits::default()
    };
    let world = world(far, limits).await;
    let answers = join_all((0..6).map(|_| world.add("hang"))).await;
    let refused = answers.iter().filter(|a| a.as_ref().is_err_and(|s| s.code() == Code::Unavailable)).count();
    assert_eq!(refused, 4, "{answers:?}");
    assert_eq!(world.add("fine").await.expect("there is room again"), "fine");
}

async fn messages_have_a_size(far: bool) {
    let world = world(far, Limits::default()).await;
    let status = world.get("large").await.expect_err("too large");
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    let status = world.get(&"x".repeat(5 * 1024 * 1024)).await.expect_err("too large");
    assert_eq!(Problem::from_status(&status).reason, "MESSAGE_TOO_LARGE");
    assert_eq!(world.get("fine").await.expect("the next call"), "fine");
}

async fn calls_are_counted_on_both_sides(far: bool) {
    let world = world(far, Limits::default()).await;
    for _ in 0..3 {
        world.get("fine").await.expect("answered");
    }
    world.get("panic").await.expect_err("a panic");
    world.get("refuse").await.expect_err("refused");
    let service_stats = |telemetry: &Telemetry, name: &str| {
        telemetry.service_stats().into_iter().find(|(n, _)| n == name).expect("known").1
    };
    let callee = service_stats(&world.callee, "carts");
    assert_eq!((callee.count, callee.errors), (5, 1), "a refusal is no fault of the service");
    assert!(callee.quantile(0.5).is_some());
}

#[tokio::test]
async fn a_service_without_a_place_says_so() {
    let mesh = Mesh::new(Limits::default());
    let telemetry = Telemetry::new(Config::default());
    let client = CartsServiceClient::new(mesh.transport(telemetry.service("gateway"), "carts"));
    assert_eq!(mesh.unplaced(), ["carts"]);
    let status = client.clone().add_item(AddItemRequest::default()).await.expect_err("nowhere");
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("carts"));
}

#[tokio::test]
async fn nobody_at_the_address_is_unavailable_at_once() {
    let mesh = Mesh::new(Limits { max_attempts: 1, ..Limits::default() });
    let telemetry = Telemetry::new(Config::default());
    let client = CartsServiceClient::new(mesh.transport(telemetry.service("gateway"), "carts"));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    mesh.place_remote("carts", &at(address)).expect("placed");
    let began = Instant::now();
    let status = client.clone().add_item(AddItemRequest::default()).await.expect_err("nobody");
    assert_eq!(status.code(), Code::Unavailable);
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn placements_are_read_strictly() {
    for good in [
        "local",
        "nats",
        "grpc://[::1]:70",
        "grpc://a:1,b.example:2,127.0.0.1:3",
        "dns://carts.example:7001",
        "srv://_grpc._tcp.carts.example",
        "consul://carts",
    ] {
        let placement: Placement = good.parse().unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(placement.to_string(), good);
    }
    for bad in [
        "",
        "here",
        "http://x:1",
        "grpc://x",
        "grpc://x:1/path",
        "grpc://",
        "grpc://x:1,",
        "grpc://x:0",
        "grpc://u@x:1",
        "grpc://:1",
        "grpc://x:70000",
        "dns://x",
        "dns://x:1,y:2",
        "srv://",
        "srv://a..b",
        "consul://",
        "consul://a/b",
        "consul://a?b",
        "nats://x",
    ] {
        let said = bad.parse::<Placement>().expect_err(bad).to_string();
        assert!(said.contains("grpc://HOST:PORT") && said.contains(&format!("{bad:?}")), "{said}");
    }
}
