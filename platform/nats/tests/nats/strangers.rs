//! Who is let into NATS is not yet let into a service: a call proves its caller there as over gRPC, and what is refused does nothing.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{ServiceExt, service_fn};
use vitrine_contracts::Problem;
use vitrine_contracts::carts::v1::GetCartRequest;
use vitrine_contracts::carts::v1::carts_service_client::CartsServiceClient;
use vitrine_kit::clock::Clock;
use vitrine_platform_mesh::identity::{CALLER, MIN_SECRET_BYTES, TOKEN};
use vitrine_platform_mesh::{Identity, Limits, Mesh, Transport};
use vitrine_tests_engines::nats;

use crate::world::{Replica, connect, quiet};

const PATH: &str = "/vitrine.carts.v1.CartsService/GetCart";
const FIVE_MINUTES_MS: i64 = 300_000;

/// Names and values.
type Headers<'a> = &'a [(&'static str, &'a str)];

/// What the service says to a request with these headers, sent by a client of NATS that is none of the shop's processes.
async fn sent(way: &Transport, headers: Headers<'_>) -> Status {
    let mut request = http::Request::post(PATH).header("content-type", "application/grpc");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = Body::new(Full::from(vec![0; 5]).map_err(|never| match never {}));
    let answer = way.clone().oneshot(request.body(body).expect("a request")).await.expect("answered");
    let of_headers = Status::from_header_map(answer.headers());
    let trailers = answer.into_body().collect().await.expect("read").trailers().cloned().unwrap_or_default();
    of_headers.or_else(|| Status::from_header_map(&trailers)).expect("a status")
}

/// The token with which a service that knows its callers so would make the call; it is not sent.
async fn token(caller: &'static str, clock: Clock, secret: u8) -> String {
    let seen: Arc<Mutex<Option<String>>> = Arc::default();
    let keep = seen.clone();
    let tap = Transport::new(service_fn(move |request: http::Request<Body>| {
        let token = request.headers().get(TOKEN).and_then(|token| token.to_str().ok());
        *keep.lock() = token.map(str::to_owned);
        async { Err::<http::Response<Body>, _>(Status::aborted("not sent")) }
    }));
    let identity = Identity::new(clock).with_secret(&[secret; MIN_SECRET_BYTES]).expect("long enough");
    let mesh = Mesh::new(Limits::default()).with_identity(identity);
    mesh.place_outside("carts", tap).expect("placed");
    let mut client = CartsServiceClient::new(mesh.transport(quiet().service(caller), "carts"));
    client.get_cart(GetCartRequest::default()).await.expect_err("not sent");
    seen.lock().clone().expect("a call goes with a token")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_nats_is_no_caller() {
    let server = nats(&[]).expect("a server");
    let (inside, outside) = (connect(&server).await, connect(&server).await);
    let replica = Replica::start(&inside, "one", &quiet()).await;
    let way = outside.transport("carts").expect("unary");
    let now = || Clock::system();
    let at = |ms: i64| Clock::manual(now().now_ms() + ms).0;

    let good = token("gateway", now(), 7).await;
    let handed_in = sent(&way, &[(TOKEN, &good)]).await;
    assert_eq!(handed_in.code(), Code::Ok, "{handed_in}");
    assert_eq!(replica.odd.calls.load(Ordering::SeqCst), 1);

    let (other, early, late) = (
        token("gateway", now(), 8).await,
        token("gateway", at(FIVE_MINUTES_MS), 7).await,
        token("gateway", at(-FIVE_MINUTES_MS), 7).await,
    );
    let elsewhere = token("email", now(), 7).await;
    let cases: [(&str, Headers<'_>, &str); 7] = [
        ("no word", &[], "does not prove who makes it"),
        ("a name", &[(CALLER, "gateway")], "does not prove who makes it"),
        ("nonsense", &[(TOKEN, "see-through-glass")], "malformed or signed with another key"),
        ("another key", &[(TOKEN, &other)], "malformed or signed with another key"),
        ("a token that came before", &[(TOKEN, &good)], "has come before: each is good for one call"),
        (
            "a clock that is five minutes early",
            &[(TOKEN, &early)],
            "s in the future: the clocks of the two machines differ, set them",
        ),
        ("a clock that is five minutes late", &[(TOKEN, &late)], "has expired 29"),
    ];
    for (who, headers, words) in cases {
        let refused = sent(&way, headers).await;
        let problem = Problem::from_status(&refused);
        assert_eq!((problem.code, &*problem.reason), (Code::Unauthenticated, "CALLER_UNKNOWN"), "{who}: {refused}");
        assert!(problem.message.contains(words), "{who}: {refused}");
        assert!(problem.expected.is_some_and(|expected| expected.contains("the deployment's key")), "{who}");
    }
    let refused = sent(&way, &[(TOKEN, &elsewhere)]).await;
    assert_eq!(Problem::from_status(&refused).reason, "CALLER_NOT_ADMITTED", "{refused}");
    assert!(
        refused.message().contains("email may not call vitrine.carts.v1.CartsService/GetCart: gateway, checkout may")
    );
    assert_eq!(replica.odd.calls.load(Ordering::SeqCst), 1, "a refused call came to the service");
    replica.leave().await;
}
