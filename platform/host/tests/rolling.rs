//! Replicas that stop: under load no call fails, and none is handled twice; and how callers are warned.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use vitrine_contracts::carts::v1::carts_service_client::CartsServiceClient;
use vitrine_contracts::carts::v1::carts_service_server::{CartsService, CartsServiceServer};
use vitrine_contracts::carts::v1::{
    AddItemRequest, Cart, ClearCartRequest, GetCartRequest, MergeCartRequest, ReleaseCartRequest, SetItemRequest,
    SettleCartRequest, TakeCartRequest,
};
use vitrine_kit::clock::Clock;
use vitrine_platform_host::{Component, Host, Running};
use vitrine_platform_http::{bind, serve};
use vitrine_platform_mesh::{Identity, Limits, Mesh, Replicas, Transport, channel};
use vitrine_platform_telemetry::{Config, Telemetry};

/// How long anything may take to come about.
const PATIENCE: Duration = Duration::from_secs(30);
/// Callers at a time.
const CALLERS: u64 = 16;
/// How long a call is worked on.
const WORK: Duration = Duration::from_millis(2);

/// Counts each call by its id, and all calls of one replica.
#[derive(Clone, Default)]
struct Carts {
    handled: Arc<Mutex<HashMap<String, u32>>>,
    here: Arc<AtomicUsize>,
}

impl Carts {
    async fn handle(&self, id: String) -> Result<Response<Cart>, Status> {
        *self.handled.lock().entry(id.clone()).or_default() += 1;
        self.here.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(WORK).await;
        Ok(Response::new(Cart { customer_id: id, ..Cart::default() }))
    }
}

#[tonic::async_trait]
impl CartsService for Carts {
    async fn get_cart(&self, request: Request<GetCartRequest>) -> Result<Response<Cart>, Status> {
        self.handle(request.into_inner().customer_id).await
    }
    async fn add_item(&self, request: Request<AddItemRequest>) -> Result<Response<Cart>, Status> {
        self.handle(request.into_inner().customer_id).await
    }
    async fn set_item(&self, _: Request<SetItemRequest>) -> Result<Response<Cart>, Status> {
        Err(Status::unimplemented("not here"))
    }
    async fn clear_cart(&self, _: Request<ClearCartRequest>) -> Result<Response<Cart>, Status> {
        Err(Status::unimplemented("not here"))
    }
    async fn merge_cart(&self, _: Request<MergeCartRequest>) -> Result<Response<Cart>, Status> {
        Err(Status::unimplemented("not here"))
    }
    async fn take_cart(&self, _: Request<TakeCartRequest>) -> Result<Response<Cart>, Status> {
        Err(Status::unimplemented("not here"))
    }
    async fn release_cart(&self, _: Request<ReleaseCartRequest>) -> Result<Response<Cart>, Status> {
        Err(Status::unimplemented("not here"))
    }
    async fn settle_cart(&self, _: Request<SettleCartRequest>) -> Result<Response<Cart>, Status> {
        Err(Status::unimplemented("not here"))
    }
}

fn telemetry() -> Telemetry {
    Telemetry::new(Config { disabled: true, ..Config::default() })
}

/// A mesh that believes its callers.
fn mesh() -> Mesh {
    // Some callers come over bare channels.
    Mesh::new(Limits::default()).with_identity(Identity::new(Clock::system()).insecure())
}

/// A replica that runs.
struct Replica {
    running: Running,
    address: SocketAddr,
    carts: Carts,
    _data: tempfile::TempDir,
}

async fn start(at: SocketAddr, handled: &Arc<Mutex<HashMap<String, u32>>>, lame_duck: Duration) -> Replica {
    let data = tempfile::tempdir().expect("a folder");
    let host = Host::new(data.path(), Clock::system(), 1, telemetry(), mesh());
    let carts = Carts { handled: handled.clone(), here: Arc::default() };
    let component = Component::new("carts").grpc(CartsServiceServer::new(carts.clone()));
    let running = host.start(vec![component]).await.expect("started").with_lame_duck(lame_duck);
    let listener = bind(at).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let router = running.grpc();
    running.tracker().spawn(serve(listener, router, running.stop_token(), Duration::from_secs(10)));
    Replica { running, address, carts, _data: data }
}

async fn eventually(mut look: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !look().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.expect("in time");
}

/// Calls until stopped, reads and writes by turns; returns what failed.
async fn load(
    mut client: CartsServiceClient<Transport>,
    ids: Arc<AtomicU64>,
    stop: CancellationToken,
) -> (u64, Vec<Status>) {
    let (mut calls, mut failed) = (0, Vec::new());
    while !stop.is_cancelled() {
        let id = ids.fetch_add(1, Ordering::SeqCst);
        let customer_id = id.to_string();
        let answered = if id.is_multiple_of(4) {
            client.get_cart(GetCartRequest { customer_id }).await
        } else {
            client.add_item(AddItemRequest { customer_id, line: None }).await
        };
        calls += 1;
        failed.extend(answered.err());
    }
    (calls, failed)
}

async fn every_replica_is_restarted_in_turn(lame_duck: Duration) {
    let (any, handled) = ("127.0.0.1:0".parse().expect("an address"), Arc::default());
    let mut replicas = Vec::new();
    for _ in 0..3 {
        replicas.push(start(any, &handled, lame_duck).await);
    }
    let mesh = mesh();
    let hosts = replicas.iter().map(|r| r.address.to_string().parse().expect("an authority")).collect();
    mesh.place_remote("carts", &Replicas::At(hosts)).expect("placed");
    let client = CartsServiceClient::new(mesh.transport(telemetry().service("gateway"), "carts"));
    let (stop, ids) = (CancellationToken::new(), Arc::new(AtomicU64::new(0)));
    let mut loads = JoinSet::new();
    for _ in 0..CALLERS {
        loads.spawn(load(client.clone(), ids.clone(), stop.clone()));
    }
    // Twice around: what came back is stopped again.
    for turn in 0..6 {
        eventually(async || replicas.iter().all(|r| r.carts.here.load(Ordering::SeqCst) > 50)).await;
        let Replica { running, address, .. } = replicas.remove(0);
        let began = Instant::now();
        assert!(running.stop().await, "turn {turn}: all had ended in time");
        assert!(began.elapsed() < Duration::from_secs(5), "turn {turn}: {:?}", began.elapsed());
        replicas.push(start(address, &handled, lame_duck).await);
    }
    eventually(async || replicas.iter().all(|r| r.carts.here.load(Ordering::SeqCst) > 50)).await;
    stop.cancel();
    let (mut calls, mut failed) = (0, Vec::new());
    while let Some(load) = loads.join_next().await {
        let (some, wrong) = load.expect("no panic");
        calls += some;
        failed.extend(wrong);
    }
    assert!(failed.is_empty(), "{} of {calls} calls failed: {:?}", failed.len(), failed.first());
    let handled = handled.lock().clone();
    let twice: Vec<_> = handled.iter().filter(|(_, n)| **n > 1).collect();
    assert!(twice.is_empty(), "handled twice: {twice:?}");
    assert_eq!(u64::try_from(handled.len()).expect("small"), calls, "each was handled");
    for replica in replicas {
        assert!(replica.running.stop().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_fails_when_callers_are_warned() {
    every_replica_is_restarted_in_turn(Duration::from_millis(100)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_fails_when_they_are_not() {
    every_replica_is_restarted_in_turn(Duration::ZERO).await;
}

#[tokio::test]
async fn nobody_is_waited_for_when_nobody_watches() {
    let replica = start("127.0.0.1:0".parse().expect("an address"), &Arc::default(), Duration::from_secs(3600)).await;
    let uri: http::Uri = format!("http://{}", replica.address).parse().expect("a URI");
    // Someone who calls, but asked for no health.
    let mut client = CartsServiceClient::new(channel(&uri).expect("a channel"));
    client.add_item(AddItemRequest::default()).await.expect("answered");
    let began = Instant::now();
    assert!(replica.running.stop().await);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn who_was_warned_is_still_answered_for_a_while() {
    let lame_duck = Duration::from_secs(1);
    let replica = start("127.0.0.1:0".parse().expect("an address"), &Arc::default(), lame_duck).await;
    let uri: http::Uri = format!("http://{}", replica.address).parse().expect("a URI");
    let there = channel(&uri).expect("a channel");
    let asked = HealthClient::new(there.clone()).watch(HealthCheckRequest::default()).await;
    let mut updates = asked.expect("answered").into_inner();
    let mut told = async || updates.message().await.expect("told").map(|update| update.status());
    assert_eq!(told().await, Some(ServingStatus::Serving));
    let began = Instant::now();
    let stopping = tokio::spawn(replica.running.stop());
    assert_eq!(told().await, Some(ServingStatus::NotServing));
    // On the connection that is there, and on a new one.
    for way in [there, channel(&uri).expect("a channel")] {
        CartsServiceClient::new(way).add_item(AddItemRequest::default()).await.expect("answered");
    }
    assert!(began.elapsed() < lame_duck, "{:?}", began.elapsed());
    assert_eq!(told().await, None);
    assert!(stopping.await.expect("no panic") && began.elapsed() >= lame_duck);
}
