//! A service in several processes: who gets a call, who gets none, and what is repeated elsewhere.

mod balance;
mod discovery;
mod repeat;
mod secret;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, health_reporter};
use vitrine_contracts::carts::v1::carts_service_client::CartsServiceClient;
use vitrine_contracts::carts::v1::carts_service_server::{CartsService, CartsServiceServer};
use vitrine_contracts::carts::v1::{
    AddItemRequest, Cart, ClearCartRequest, GetCartRequest, MergeCartRequest, ReleaseCartRequest, SetItemRequest,
    SettleCartRequest, TakeCartRequest,
};
use vitrine_kit::clock::Clock;
use vitrine_platform_http::{Listener, bind, grpc_routes, serve};
use vitrine_platform_mesh::identity::MIN_SECRET_BYTES;
use vitrine_platform_mesh::{Discovery, Handlers, Identity, Limits, Mesh, Placement, Replicas, Transport};
use vitrine_platform_telemetry::{Config, Telemetry};
use vitrine_platform_tls as tls;

/// How long anything may take to come about.
const PATIENCE: Duration = Duration::from_secs(30);

/// Counts its calls; "hang" waits until it is let go.
#[derive(Clone, Default)]
struct Carts {
    calls: Arc<AtomicU32>,
    go: Arc<Notify>,
}

impl Carts {
    async fn answer(&self, asked: String) -> Result<Response<Cart>, Status> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if asked == "hang" {
            self.go.notified().await;
        }
        Ok(Response::new(Cart { customer_id: asked, ..Cart::default() }))
    }
}

#[tonic::async_trait]
impl CartsService for Carts {
    async fn get_cart(&self, request: Request<GetCartRequest>) -> Result<Response<Cart>, Status> {
        self.answer(request.into_inner().customer_id).await
    }
    async fn add_item(&self, request: Request<AddItemRequest>) -> Result<Response<Cart>, Status> {
        self.answer(request.into_inner().customer_id).await
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

/// A replica that listens.
struct Replica {
    address: SocketAddr,
    carts: Carts,
    health: HealthReporter,
    stop: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Replica {
    async fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().expect("an address"), None, Limits::default()).await
    }

    async fn start_at(at: SocketAddr, tls: Option<tls::Server>, limits: Limits) -> Self {
        let (carts, stop) = (Carts::default(), CancellationToken::new());
        let handlers = Handlers::new(CartsServiceServer::new(carts.clone()));
        let server = mesh(limits).server(telemetry().service("carts"), handlers);
        let (health, service) = health_reporter();
        let find = move |path: &str| path.starts_with("/vitrine.").then(|| server.clone());
        let router = grpc_routes(find, Routes::new(service));
        let listener = bind(at).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        // A watch does not end by itself: what is left of a stopped replica is cut soon.
        let listener = Listener::from(listener).with_tls(tls);
        let serving = tokio::spawn(serve(listener, router, stop.clone(), Duration::from_millis(200)));
        Self { address, carts, health, stop, serving }
    }

    async fn says(&self, status: ServingStatus) {
        self.health.set_service_status("", status).await;
    }

    /// Ends it, and returns where it was when no process listens there any more.
    async fn end(mut self) -> SocketAddr {
        self.stop.cancel();
        (&mut self.serving).await.expect("no panic");
        self.address
    }

    fn calls(&self) -> u32 {
        self.carts.calls.load(Ordering::SeqCst)
    }
}

/// A mesh of the deployment to which all processes of these tests belong.
fn mesh(limits: Limits) -> Mesh {
    let identity = Identity::new(Clock::system()).with_secret(&[7; MIN_SECRET_BYTES]);
    Mesh::new(limits).with_identity(identity.expect("long enough"))
}

async fn three() -> [Replica; 3] {
    [Replica::start().await, Replica::start().await, Replica::start().await]
}

/// Someone who calls.
#[derive(Clone)]
struct Caller(CartsServiceClient<Transport>);

impl Caller {
    fn of(placement: &str, discovery: Discovery, tls: Option<tls::Client>) -> Self {
        let mesh = mesh(Limits::default()).with_remotes(discovery, tls);
        let Placement::Grpc(replicas) = placement.parse().expect("a placement") else { panic!("not elsewhere") };
        mesh.place_remote("carts", &replicas).expect("placed");
        Self(CartsServiceClient::new(mesh.transport(telemetry().service("gateway"), "carts")))
    }

    fn at(addresses: &[SocketAddr]) -> Self {
        Self::of(&placement(addresses), Discovery::default(), None)
    }

    /// A call that is not safe to repeat.
    async fn add(&self, what: &str) -> Result<String, Status> {
        let request = AddItemRequest { customer_id: what.to_owned(), line: None };
        Ok(self.0.clone().add_item(request).await?.into_inner().customer_id)
    }

    /// One that is.
    async fn get(&self, what: &str) -> Result<String, Status> {
        let request = GetCartRequest { customer_id: what.to_owned() };
        Ok(self.0.clone().get_cart(request).await?.into_inner().customer_id)
    }

    /// Calls until all of these have been called.
    async fn reaches(&self, replicas: &[&Replica]) {
        let before: Vec<u32> = replicas.iter().map(|r| r.calls()).collect();
        eventually(async || {
            self.add("fine").await.expect("answered");
            replicas.iter().zip(&before).all(|(replica, before)| replica.calls() > *before)
        })
        .await;
    }
}

fn placement(addresses: &[SocketAddr]) -> String {
    let hosts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    Placement::Grpc(Replicas::At(hosts.iter().map(|h| h.parse().expect("an authority")).collect())).to_string()
}

/// Looks again and again until something has come about.
async fn eventually(mut look: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !look().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.expect("in time");
}
