//! Every promise of the Fence, in process and over gRPC: the same body.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::{Code, Request, Response, Status};
use vitrine_contracts::Problem;
use vitrine_contracts::carts::v1::carts_service_client::CartsServiceClient;
use vitrine_contracts::carts::v1::carts_service_server::{CartsService, CartsServiceServer};
use vitrine_contracts::carts::v1::{AddItemRequest, Cart, ClearCartRequest, GetCartRequest, SetItemRequest};
use vitrine_platform_http::{bind, grpc_routes, serve};
use vitrine_platform_mesh::{Limits, Mesh, Placement, Transport};
use vitrine_platform_telemetry::{Config, Context, Telemetry};

/// Set on a request by the caller; must not be seen by the callee.
#[derive(Clone)]
struct Secret;

/// Does what the customer's id says.
#[derive(Clone, Default)]
struct Odd {
    calls: Arc<AtomicU32>,
}

impl Odd {
    async fn answer(&self, request: &str, has_extension: bool) -> Result<Response<Cart>, Status> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let context = Context::current();
        let customer_id = match request {
            "hang" => std::future::pending().await,
            "panic" => panic!("as asked"),
            "fail" => return Err(Status::unavailable("as asked")),
            "fail twice" if call <= 2 => return Err(Status::unavailable("as asked")),
            "refuse" => return Err(Problem::invalid("quantity", "1 to 999", "as asked").with_reason("ODD").into()),
            "time left" => {
                let left = context.deadline().map_or(Duration::MAX, |d| d.saturating_duration_since(Instant::now()));
                left.as_millis().to_string()
            }
            "context" => format!(
                "{} {} {has_extension}",
                context.trace_id().unwrap_or_default(),
                context.baggage().get("session.id").unwrap_or_default()
            ),
            "large" => "x".repeat(5 * 1024 * 1024),
            other => other.to_owned(),
        };
        Ok(Response::new(Cart { customer_id, ..Cart::default() }))
    }
}

#[tonic::async_trait]
impl CartsService for Odd {
    async fn get_cart(&self, request: Request<GetCartRequest>) -> Result<Response<Cart>, Status> {
        let has_extension = request.extensions().get::<Secret>().is_some();
        self.answer(&request.into_inner().customer_id, has_extension).await
    }
    async fn add_item(&self, request: Request<AddItemRequest>) -> Result<Response<Cart>, Status> {
        self.answer(&request.into_inner().customer_id, false).await
    }
    async fn set_item(&self, _: Request<SetItemRequest>) -> Result<Response<Cart>, Status> {
        Err(Status::unimplemented("not here"))
    }
    async fn clear_cart(&self, _: Request<ClearCartRequest>) -> Result<Response<Cart>, Status> {
        Err(Status::unimplemented("not here"))
    }
}

/// A caller and a callee, near or far.
struct World {
    client: CartsServiceClient<Transport>,
    odd: Odd,
    caller: Telemetry,
    callee: Telemetry,
    stop: CancellationToken,
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn world(far: bool, limits: Limits) -> World {
    let (caller, callee) = (Telemetry::new(Config::default()), Telemetry::new(Config::default()));
    let (near_mesh, stop) = (Mesh::new(limits.clone()), CancellationToken::new());
    let client = CartsServiceClient::new(near_mesh.transport(caller.service("caller"), "carts"));
    let odd = Odd::default();
    let routes = Routes::new(CartsServiceServer::new(odd.clone()));
    let server = Mesh::new(limits).server(callee.service("carts"), routes);
    if far {
        let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
        let listener = bind(any).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let router = grpc_routes(move |path| path.starts_with("/vitrine.").then(|| server.clone()), Routes::default());
        tokio::spawn(serve(listener, router, stop.clone(), Duration::from_secs(1)));
        let Placement::Grpc(replicas) = format!("grpc://{address}").parse().expect("a placement") else {
            panic!("not far")
        };
        near_mesh.place_remote("carts", &replicas).expect("placed");
    } else {
        near_mesh.place("carts", server).expect("placed");
    }
    World { client, odd, caller, callee, stop }
}

impl World {
    async fn get(&self, what: &str) -> Result<String, Status> {
        self.request(Request::new(GetCartRequest { customer_id: what.to_owned() })).await
    }

    async fn request(&self, request: Request<GetCartRequest>) -> Result<String, Status> {
        Ok(self.client.clone().get_cart(request).await?.into_inner().customer_id)
    }

    async fn add(&self, what: &str) -> Result<String, Status> {
        let request = AddItemRequest { customer_id: what.to_owned(), line: None };
        Ok(self.client.clone().add_item(request).await?.into_inner().customer_id)
    }

    fn calls(&self) -> u32 {
        self.odd.calls.load(Ordering::SeqCst)
    }
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
    let span = world.caller.service("caller").server_span("test", None, Some("session.id=s-7"));
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
    let figures =
        |telemetry: &Telemetry, name: &str| telemetry.figures().into_iter().find(|(n, _)| n == name).expect("known").1;
    let callee = figures(&world.callee, "carts");
    assert_eq!((callee.count, callee.errors), (5, 1), "a refusal is no fault of the service");
    assert!(callee.quantile(0.5).is_some());
}

#[tokio::test]
async fn a_service_without_a_place_says_so() {
    let mesh = Mesh::new(Limits::default());
    let telemetry = Telemetry::new(Config::default());
    let client = CartsServiceClient::new(mesh.transport(telemetry.service("caller"), "carts"));
    assert_eq!(mesh.unplaced(), ["carts"]);
    let status = client.clone().add_item(AddItemRequest::default()).await.expect_err("nowhere");
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("carts"));
}

#[tokio::test]
async fn nobody_at_the_address_is_unavailable_at_once() {
    let mesh = Mesh::new(Limits { max_attempts: 1, ..Limits::default() });
    let telemetry = Telemetry::new(Config::default());
    let client = CartsServiceClient::new(mesh.transport(telemetry.service("caller"), "carts"));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let Placement::Grpc(replicas) = format!("grpc://{address}").parse().expect("a placement") else {
        panic!("not far")
    };
    mesh.place_remote("carts", &replicas).expect("placed");
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
