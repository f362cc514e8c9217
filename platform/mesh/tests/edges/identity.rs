//! Who calls is known, or no one is answered: tokens and names from outside, over a real connection.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{ServiceExt, service_fn};
use vitrine_contracts::Problem;
use vitrine_contracts::carts::v1::GetCartRequest;
use vitrine_contracts::carts::v1::carts_service_client::CartsServiceClient;
use vitrine_contracts::carts::v1::carts_service_server::CartsServiceServer;
use vitrine_kit::clock::Clock;
use vitrine_platform_mesh::identity::{CALLER, MIN_SECRET_BYTES, TOKEN};
use vitrine_platform_mesh::{Handlers, Identity, Limits, Mesh, Transport, channel};
use vitrine_platform_telemetry::{Config, Telemetry};

use crate::{ScriptedService, listen};

const NOW_MS: i64 = 1_800_000_000_000;

fn at(ms: i64) -> Identity {
    Identity::new(Clock::manual(ms).0)
}

fn with_secret(identity: Identity, byte: u8) -> Identity {
    identity.with_secret(&[byte; MIN_SECRET_BYTES]).expect("long enough")
}

fn telemetry() -> Telemetry {
    Telemetry::new(Config { disabled: true, ..Config::default() })
}

/// A cart service that knows its callers so, and the way to it past any Fence.
async fn server(identity: Identity, stop: &CancellationToken) -> Transport {
    let mesh = Mesh::new(Limits::default()).with_identity(identity);
    let handlers = Handlers::new(CartsServiceServer::new(ScriptedService::default()));
    let address =
        listen(mesh.server(telemetry().service("carts"), handlers), "127.0.0.1:0".parse().expect("any"), stop).await;
    channel(&format!("http://{address}").parse().expect("a URI")).expect("a channel")
}

/// What is answered to a service that makes itself known so. Its own Fence hands no refusal of it on: what it says instead is checked here.
async fn call(caller: &'static str, identity: Identity, way: Transport) -> Result<String, Status> {
    let refusal = Arc::new(Mutex::new(None));
    let received = refusal.clone();
    let tapped = Transport::new(service_fn(move |request: http::Request<Body>| {
        let (way, received) = (way.clone(), received.clone());
        async move {
            let response = way.oneshot(request).await?;
            *received.lock() = Status::from_header_map(response.headers()).filter(|status| status.code() != Code::Ok);
            Ok::<_, Status>(response)
        }
    }));
    let mesh = Mesh::new(Limits::default()).with_identity(identity);
    mesh.place_outside("carts", tapped).expect("placed");
    let mut client = CartsServiceClient::new(mesh.transport(telemetry().service(caller), "carts"));
    let outcome = client.get_cart(GetCartRequest { customer_id: "fine".to_owned() }).await;
    if let Some(refusal) = refusal.lock().take() {
        let handed_on = outcome.expect_err("refused");
        let problem = Problem::from_status(&handed_on);
        assert_eq!((problem.code, &*problem.reason), (Code::Internal, "INTERNAL"), "{refusal} became {handed_on}");
        return Err(refusal);
    }
    Ok(outcome?.into_inner().customer_id)
}

/// A way on which something is done to each request's headers.
fn bent(way: Transport, bend: impl Fn(&mut http::HeaderMap) + Clone + Send + Sync + 'static) -> Transport {
    Transport::new(service_fn(move |mut request: http::Request<Body>| {
        bend(request.headers_mut());
        way.clone().oneshot(request)
    }))
}

/// Leaves nothing of what a caller says, but that it is a call.
fn without_a_caller(headers: &mut http::HeaderMap) {
    let content_type = headers.remove("content-type");
    headers.clear();
    headers.extend(content_type.map(|value| (http::header::CONTENT_TYPE, value)));
}

/// Who calls, what comes of it, and the code and words that it should have.
type Case = (&'static str, Result<String, Status>, Code, &'static [&'static str]);

#[tokio::test]
async fn a_caller_proves_who_it_is_and_may_what_its_contract_says() {
    let stop = CancellationToken::new();
    let _stopping = stop.clone().drop_guard();
    let way = server(with_secret(at(NOW_MS), 7), &stop).await;
    let known = || with_secret(at(NOW_MS), 7);
    for caller in ["gateway", "checkout"] {
        assert_eq!(call(caller, known(), way.clone()).await.expect("admitted"), "fine");
    }
    let put = |name: &'static str, value: &'static str| {
        bent(way.clone(), move |headers| {
            headers.insert(name, http::HeaderValue::from_static(value));
        })
    };
    let five_minutes = 300_000;
    let cases: Vec<Case> = vec![
        (
            "another service",
            call("email", known(), way.clone()).await,
            Code::PermissionDenied,
            &["email may not call vitrine.carts.v1.CartsService/GetCart", "gateway, checkout may"],
        ),
        (
            "one with another secret",
            call("gateway", with_secret(at(NOW_MS), 8), way.clone()).await,
            Code::Unauthenticated,
            &["another key", "share one"],
        ),
        (
            "one who only says a name",
            call("gateway", at(NOW_MS), way.clone()).await,
            Code::Unauthenticated,
            &["does not prove"],
        ),
        (
            "one without any word",
            call("gateway", known(), bent(way.clone(), without_a_caller)).await,
            Code::Unauthenticated,
            &["does not prove"],
        ),
        (
            "nonsense",
            call("gateway", known(), put(TOKEN, "see-through-glass")).await,
            Code::Unauthenticated,
            &["malformed"],
        ),
        (
            "a name beside a wrong token",
            call("email", with_secret(at(NOW_MS), 8), put(CALLER, "gateway")).await,
            Code::Unauthenticated,
            &["another key"],
        ),
        (
            "a clock that is late",
            call("gateway", with_secret(at(NOW_MS - five_minutes), 7), way.clone()).await,
            Code::Unauthenticated,
            &["gateway's token has expired 290 s ago", "clocks"],
        ),
        (
            "a clock that is early",
            call("gateway", with_secret(at(NOW_MS + five_minutes), 7), way.clone()).await,
            Code::Unauthenticated,
            &["300 s in the future", "clocks"],
        ),
    ];
    for (who, outcome, code, words) in cases {
        let status = outcome.expect_err(who);
        assert_eq!(status.code(), code, "{who}: {status}");
        for word in words {
            assert!(status.message().contains(word), "{who}: {word:?} is not in {status}");
        }
        let problem = Problem::from_status(&status);
        if code == Code::Unauthenticated {
            assert_eq!((&*problem.reason, problem.field.as_deref()), ("CALLER_UNKNOWN", Some(TOKEN)), "{who}");
            assert!(problem.expected.is_some_and(|e| e.contains("certificate")), "{who}");
        } else {
            assert_eq!(problem.reason, "CALLER_NOT_ADMITTED", "{who}");
        }
    }
}

#[tokio::test]
async fn a_token_is_good_for_one_call_and_for_its_method() {
    let stop = CancellationToken::new();
    let _stopping = stop.clone().drop_guard();
    let way = server(with_secret(at(NOW_MS), 7), &stop).await;
    let taken = Arc::new(Mutex::new(None));
    let keep = taken.clone();
    let listening = bent(way.clone(), move |headers| *keep.lock() = headers.get(TOKEN).cloned());
    call("gateway", with_secret(at(NOW_MS), 7), listening).await.expect("admitted");
    let token = taken.lock().clone().expect("a token went by");
    let again = bent(way.clone(), move |headers| {
        headers.insert(TOKEN, token.clone());
    });
    let status = call("gateway", at(NOW_MS), again).await.expect_err("it came before");
    assert!(status.code() == Code::Unauthenticated && status.message().contains("has come before"), "{status}");

    // The same token under another method's path.
    let elsewhere = Transport::new(service_fn(move |mut request: http::Request<Body>| {
        *request.uri_mut() = http::Uri::from_static("/vitrine.carts.v1.CartsService/ClearCart");
        way.clone().oneshot(request)
    }));
    let status = call("checkout", with_secret(at(NOW_MS), 7), elsewhere).await.expect_err("another method");
    assert!(status.message().contains("is for /vitrine.carts.v1.CartsService/GetCart"), "{status}");
}

#[tokio::test]
async fn nobody_outside_calls_a_process_that_knows_nobody() {
    let stop = CancellationToken::new();
    let _stopping = stop.clone().drop_guard();
    let way = server(at(NOW_MS), &stop).await;
    for identity in [at(NOW_MS), with_secret(at(NOW_MS), 7)] {
        let status = call("gateway", identity, way.clone()).await.expect_err("unknown");
        assert_eq!(status.code(), Code::Unauthenticated, "{status}");
    }
}

#[tokio::test]
async fn insecure_is_a_word_that_must_be_said() {
    let stop = CancellationToken::new();
    let _stopping = stop.clone().drop_guard();
    let way = server(at(NOW_MS).insecure(), &stop).await;
    call("gateway", at(NOW_MS), way.clone()).await.expect("it says a name that may");
    let status = call("email", at(NOW_MS), way.clone()).await.expect_err("it says a name that may not");
    assert_eq!(status.code(), Code::PermissionDenied);
    // As a person with a gRPC tool calls.
    let request = http::Request::post("/vitrine.carts.v1.CartsService/GetCart")
        .header("content-type", "application/grpc")
        .body(Body::new(Full::new(bytes::Bytes::from_static(&[0; 5])).map_err(|never| match never {})))
        .expect("a request");
    let answer =
        tokio::time::timeout(Duration::from_secs(20), way.oneshot(request)).await.expect("in time").expect("sent");
    let answer = answer.into_body().collect().await.expect("read");
    assert_eq!(answer.trailers().and_then(|t| t.get("grpc-status")).map(http::HeaderValue::as_bytes), Some(&b"0"[..]));
}
