//! What the Fence promises, in good times and bad, and what it tells about them: in process and over gRPC, the same body.

mod promises;

mod breaker;
mod faults;
mod identity;
mod leaving;
mod telemetry;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tonic::metadata::MetadataValue;
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use vitrine_contracts::Problem;
use vitrine_contracts::carts::v1::carts_service_client::CartsServiceClient;
use vitrine_contracts::carts::v1::carts_service_server::{CartsService, CartsServiceServer};
use vitrine_contracts::carts::v1::{
    AddItemRequest, Cart, ClearCartRequest, GetCartRequest, MergeCartRequest, ReleaseCartRequest, SetItemRequest,
    SettleCartRequest, TakeCartRequest,
};
use vitrine_kit::clock::Clock;
use vitrine_platform_faults::Faults;
use vitrine_platform_http::{bind, grpc_routes, serve};
use vitrine_platform_mesh::identity::MIN_SECRET_BYTES;
use vitrine_platform_mesh::{Handlers, Identity, Limits, Mesh, Replicas, Transport};
use vitrine_platform_telemetry::{Config, Context, Telemetry};

/// How long anything may take to come about.
const PATIENCE: Duration = Duration::from_secs(20);

/// Set on a request by the caller; must not be seen by the callee.
#[derive(Clone)]
struct Secret;

/// Does what the customer's id says, and counts what it was asked and what it had to leave.
#[derive(Clone, Default)]
struct ScriptedService {
    calls: Arc<AtomicU32>,
    left: Arc<AtomicU32>,
}

/// Notes that a handler was dropped before it was done.
struct Leaving(Arc<AtomicU32>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl ScriptedService {
    async fn answer(&self, asked: String, has_secret: bool) -> Result<Response<Cart>, Status> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let context = Context::current();
        match asked.as_str() {
            "hang" => {
                let _leaving = Leaving(self.left.clone());
                std::future::pending().await
            }
            "panic" => panic!("as asked"),
            "fail" => Err(Status::unavailable("as asked")),
            // As if it handed on what a service behind it has said.
            "say that nobody saw it" => {
                let mut status = Status::unavailable("as asked");
                status.metadata_mut().insert("vitrine-unhandled", MetadataValue::from_static("1"));
                Err(status)
            }
            "fail twice" if call <= 2 => Err(Status::unavailable("as asked")),
            "refuse" => Err(Problem::invalid("quantity", "1 to 999", "as asked").with_reason("ODD").into()),
            "time left" => {
                let left = context.deadline().map_or(Duration::MAX, |d| d.saturating_duration_since(Instant::now()));
                Ok(cart(left.as_millis().to_string()))
            }
            "context" => Ok(cart(format!(
                "{} {} {has_secret}",
                context.trace_id().unwrap_or_default(),
                context.baggage().get("session.id").unwrap_or_default()
            ))),
            "large" => Ok(cart("x".repeat(5 * 1024 * 1024))),
            _ => Ok(cart(asked)),
        }
    }
}

fn cart(customer_id: String) -> Response<Cart> {
    Response::new(Cart { customer_id, ..Cart::default() })
}

#[tonic::async_trait]
impl CartsService for ScriptedService {
    async fn get_cart(&self, request: Request<GetCartRequest>) -> Result<Response<Cart>, Status> {
        let has_secret = request.extensions().get::<Secret>().is_some();
        self.answer(request.into_inner().customer_id, has_secret).await
    }
    async fn add_item(&self, request: Request<AddItemRequest>) -> Result<Response<Cart>, Status> {
        self.answer(request.into_inner().customer_id, false).await
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

/// A caller and a callee, near or far.
struct World {
    client: CartsServiceClient<Transport>,
    odd: ScriptedService,
    caller: Telemetry,
    callee: Telemetry,
    faults: Faults,
    stop: CancellationToken,
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A mesh of the deployment to which all processes of these tests belong.
fn mesh(limits: Limits) -> Mesh {
    let identity = Identity::new(Clock::system()).with_secret(&[7; MIN_SECRET_BYTES]);
    Mesh::new(limits).with_identity(identity.expect("long enough"))
}

async fn world(far: bool, limits: Limits) -> World {
    let (caller, callee) = (Telemetry::new(Config::default()), Telemetry::new(Config::default()));
    let faults = Faults::default();
    let (mesh, stop) = (mesh(limits.clone()).with_faults(faults.clone()), CancellationToken::new());
    let client = CartsServiceClient::new(mesh.transport(caller.service("gateway"), "carts"));
    let odd = ScriptedService::default();
    let handlers = Handlers::new(CartsServiceServer::new(odd.clone()));
    let server = self::mesh(limits).with_faults(faults.clone()).server(callee.service("carts"), handlers);
    if far {
        let address = listen(server, "127.0.0.1:0".parse().expect("an address"), &stop).await;
        mesh.place_remote("carts", &at(address)).expect("placed");
    } else {
        mesh.place("carts", server).expect("placed");
    }
    World { client, odd, caller, callee, faults, stop }
}

/// Serves at an address until stopped.
async fn listen(server: Transport, at: SocketAddr, stop: &CancellationToken) -> SocketAddr {
    let listener = bind(at).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let router = grpc_routes(move |path| path.starts_with("/vitrine.").then(|| server.clone()), Routes::default());
    tokio::spawn(serve(listener, router, stop.clone(), Duration::from_secs(1)));
    address
}

fn at(address: SocketAddr) -> Replicas {
    Replicas::At(vec![address.to_string().parse().expect("an authority")])
}

impl World {
    /// A call that is safe to repeat.
    async fn get(&self, what: &str) -> Result<String, Status> {
        self.request(Request::new(GetCartRequest { customer_id: what.to_owned() })).await
    }

    async fn request(&self, request: Request<GetCartRequest>) -> Result<String, Status> {
        Ok(self.client.clone().get_cart(request).await?.into_inner().customer_id)
    }

    /// One that is not.
    async fn add(&self, what: &str) -> Result<String, Status> {
        let request = AddItemRequest { customer_id: what.to_owned(), line: None };
        Ok(self.client.clone().add_item(request).await?.into_inner().customer_id)
    }

    fn calls(&self) -> u32 {
        self.odd.calls.load(Ordering::SeqCst)
    }

    fn left(&self) -> u32 {
        self.odd.left.load(Ordering::SeqCst)
    }
}

fn reason(outcome: Result<String, Status>) -> String {
    outcome.map_or_else(|status| Problem::from_status(&status).reason, |answer| format!("answered {answer}"))
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

macro_rules! near_and_far {
    ($($name:ident),* $(,)?) => {
        mod near {
            $(#[tokio::test] async fn $name() { super::$name(false).await; })*
        }
        mod far {
            $(#[tokio::test] async fn $name() { super::$name(true).await; })*
        }
    };
}
use near_and_far;
