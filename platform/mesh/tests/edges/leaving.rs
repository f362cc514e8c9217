//! Time that is over, callers that go away, servers that come back.

use std::net::SocketAddr;
use std::time::Duration;

use futures::future::join_all;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request};
use vitrine_contracts::carts::v1::carts_service_client::CartsServiceClient;
use vitrine_contracts::carts::v1::carts_service_server::CartsServiceServer;
use vitrine_contracts::carts::v1::{AddItemRequest, GetCartRequest};
use vitrine_platform_mesh::{Error, Handlers, Limits, Mesh};
use vitrine_platform_telemetry::{Config, Telemetry};

use crate::{ScriptedService, at, eventually, listen, near_and_far, world};

near_and_far!(
    nobody_may_wait_longer_than_the_longest,
    a_handler_that_is_too_late_is_left,
    a_handler_whose_caller_goes_is_left,
    room_is_given_back_after_panics_and_delays,
    a_caller_with_too_many_calls_waits_its_turn,
);

async fn nobody_may_wait_longer_than_the_longest(far: bool) {
    let world = world(far, Limits { max_deadline: Duration::from_secs(5), ..Limits::default() }).await;
    let mut request = Request::new(GetCartRequest { customer_id: "time left".to_owned() });
    request.set_timeout(Duration::from_secs(3600));
    let left: u64 = world.request(request).await.expect("answered").parse().expect("a number");
    assert!(left <= 5000, "{left}");
    let mut request = Request::new(GetCartRequest { customer_id: "fine".to_owned() });
    request.set_timeout(Duration::ZERO);
    assert_eq!(world.request(request).await.expect_err("no time").code(), Code::DeadlineExceeded);
}

async fn a_handler_that_is_too_late_is_left(far: bool) {
    let world = world(far, Limits { default_deadline: Duration::from_millis(100), ..Limits::default() }).await;
    // The first call may spend its time on the connection.
    eventually(async || {
        assert_eq!(world.add("hang").await.expect_err("late").code(), Code::DeadlineExceeded);
        world.left() > 0
    })
    .await;
    eventually(async || world.left() == world.calls()).await;
}

async fn a_handler_whose_caller_goes_is_left(far: bool) {
    let world = world(far, Limits::default()).await;
    {
        let call = world.add("hang");
        tokio::pin!(call);
        tokio::select! {
            _ = &mut call => panic!("it does not answer"),
            () = eventually(async || world.calls() == 1) => {}
        }
    }
    eventually(async || world.left() == 1).await;
}

async fn room_is_given_back_after_panics_and_delays(far: bool) {
    let world = world(far, Limits { server_concurrency: 1, client_concurrency: 1, ..Limits::default() }).await;
    for _ in 0..2 {
        // It may take long to say where a panic was.
        assert_eq!(world.add("panic").await.expect_err("a panic").code(), Code::Internal);
        let mut hang = Request::new(GetCartRequest { customer_id: "hang".to_owned() });
        hang.set_timeout(Duration::from_millis(500));
        assert_eq!(world.request(hang).await.expect_err("late").code(), Code::DeadlineExceeded);
        eventually(async || world.add("fine").await.is_ok()).await;
    }
}

async fn a_caller_with_too_many_calls_waits_its_turn(far: bool) {
    let world = world(far, Limits { client_concurrency: 2, server_concurrency: 2, ..Limits::default() }).await;
    let answers = join_all((0..50).map(|_| world.add("fine"))).await;
    assert!(answers.iter().all(Result::is_ok), "the service never had more than two at once: {answers:?}");
}

#[tokio::test]
async fn a_service_is_placed_once() {
    let (mesh, telemetry) = (Mesh::new(Limits::default()), Telemetry::new(Config::default()));
    let server =
        mesh.server(telemetry.service("carts"), Handlers::new(CartsServiceServer::new(ScriptedService::default())));
    mesh.place("carts", server).expect("placed");
    let again = mesh.place_remote("carts", &at("127.0.0.1:1".parse().expect("an address")));
    assert!(matches!(&again, Err(Error::Twice(name)) if name == "carts"), "{again:?}");
    assert!(mesh.unplaced().is_empty());
}

#[tokio::test]
async fn a_server_that_comes_back_is_found_again() {
    let (mesh, telemetry) = (crate::mesh(Limits::default()), Telemetry::new(Config::default()));
    let server =
        mesh.server(telemetry.service("carts"), Handlers::new(CartsServiceServer::new(ScriptedService::default())));
    let client = CartsServiceClient::new(mesh.transport(telemetry.service("gateway"), "carts"));
    let add = || {
        let mut client = client.clone();
        async move { client.add_item(AddItemRequest { customer_id: "fine".to_owned(), line: None }).await }
    };
    let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    let first = CancellationToken::new();
    let address = listen(server.clone(), any, &first).await;
    mesh.place_remote("carts", &at(address)).expect("placed");
    add().await.expect("answered");
    first.cancel();
    eventually(async || add().await.is_err_and(|s| s.code() == Code::Unavailable)).await;
    let second = CancellationToken::new();
    assert_eq!(listen(server, address, &second).await, address);
    eventually(async || add().await.is_ok()).await;
    second.cancel();
}
