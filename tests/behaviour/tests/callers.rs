//! The inner door: every method of every service, as a stranger, as a service that its contract does not name, and as each that it does.

#[path = "conformance/services.rs"]
mod services;

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{ServiceExt, service_fn};
use vitrine_contracts::catalog::v1::catalog_service_client::CatalogServiceClient;
use vitrine_contracts::catalog::v1::{DeleteProductRequest, ProductChange, UpdateProductRequest};
use vitrine_contracts::checkout::v1::CancelOrderRequest;
use vitrine_contracts::checkout::v1::checkout_service_client::CheckoutServiceClient;
use vitrine_contracts::orders::v1::orders_service_client::OrdersServiceClient;
use vitrine_contracts::orders::v1::{GetOrderRequest, ListOrdersRequest};
use vitrine_contracts::services::{ALL, FLAGS, GATEWAY};
use vitrine_contracts::{METHODS, Method, Problem};
use vitrine_kit::clock::Clock;
use vitrine_platform_mesh::{Identity, Limits, Mesh, Transport};
use vitrine_platform_telemetry::{Config, Telemetry};
use vitrine_shop_load::LOAD;

use services::{Services, area};

/// What `up` itself calls as.
const PROCESS: &str = "vitrine";
/// An empty message in its gRPC frame: a caller that is let in gets an answer about its content.
const EMPTY: [u8; 5] = [0; 5];

/// What the door says of a call: a refusal by its reason, or that the call was let in.
async fn outcome(way: Transport, method: &Method) -> &'static str {
    let request = http::Request::post(method.path)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Body::new(Full::new(Bytes::from_static(&EMPTY)).map_err(|never| match never {})))
        .expect("a request");
    let answer = tokio::time::timeout(Duration::from_secs(30), way.oneshot(request)).await.expect("in time");
    let status = match answer {
        Ok(answer) => {
            let in_headers = Status::from_header_map(answer.headers());
            let trailers = answer.into_body().collect().await.expect("read").trailers().cloned().unwrap_or_default();
            in_headers.or_else(|| Status::from_header_map(&trailers)).expect("a status")
        }
        Err(status) => status,
    };
    match &*Problem::from_status(&status).reason {
        "CALLER_UNKNOWN" => "unknown",
        "CALLER_NOT_ADMITTED" => "not admitted",
        _ if status.code() == Code::Unimplemented => "not there",
        _ => "let in",
    }
}

/// A way of a service past the Fence of its own process, which would not hand on what the door says.
fn way_of(caller: &str, callee: &str, outside: &Transport, secret: &[u8]) -> Transport {
    let identity = Identity::new(Clock::system()).with_secret(secret).expect("long enough");
    let mesh = Mesh::new(Limits::default()).with_identity(identity);
    let (said, tapped) = (Arc::new(Mutex::new(None)), outside.clone());
    let keep = said.clone();
    let tap = Transport::new(service_fn(move |request| {
        let (keep, tapped) = (keep.clone(), tapped.clone());
        async move {
            let (head, body) = tapped.oneshot(request).await?.into_parts();
            let body = body.collect().await?;
            *keep.lock().expect("whole") = Some((head.clone(), body.trailers().cloned()));
            Ok(http::Response::from_parts(head, Body::new(body.map_err(|never| match never {}))))
        }
    }));
    let telemetry = Telemetry::new(Config { disabled: true, ..Config::default() });
    mesh.place_outside(callee, tap).expect("placed");
    let through = mesh.transport(telemetry.service(caller), callee);
    Transport::new(service_fn(move |request| {
        let (through, said) = (through.clone(), said.clone());
        async move {
            // What came through the caller's own Fence is not looked at.
            let _ = through.oneshot(request).await;
            let (head, trailers) = said.lock().expect("whole").take().ok_or_else(|| Status::unknown("no answer"))?;
            let body = Empty::new().with_trailers(std::future::ready(trailers.map(Ok)));
            Ok(http::Response::from_parts(head, Body::new(body.map_err(|never: Infallible| match never {}))))
        }
    }))
}

/// The service that a method belongs to; any will do for the event log.
fn service_of(method: &Method) -> &'static str {
    let area = area(method);
    ALL.iter().copied().chain([FLAGS]).find(|name| *name == area).unwrap_or("orders")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_knows_who_may_call_it() {
    let services = Services::start().await;
    let secret = &services.secret;
    let mut table = format!("{:<62} {:<9}", "method", "stranger");
    for caller in ALL {
        let _ = write!(table, " {caller:.5}{:1$}", "", 5usize.saturating_sub(caller.len()));
    }
    let mut wrong = Vec::new();
    for method in METHODS {
        let outside = services.way(service_of(method));
        let of_stranger = outcome(outside.clone(), method).await;
        if of_stranger != "unknown" {
            wrong.push(format!("{}: a stranger is {of_stranger}", method.path));
        }
        let _ = write!(table, "\n{:<62} {of_stranger:<9}", method.path);
        for caller in ALL {
            let of_caller = outcome(way_of(caller, service_of(method), outside, secret), method).await;
            let expected = if method.callers.contains(caller) { "let in" } else { "not admitted" };
            if of_caller != expected {
                wrong.push(format!("{}: {caller} is {of_caller}, {expected} expected", method.path));
            }
            let _ = write!(table, " {:<5}", if of_caller == "let in" { "yes" } else { "-" });
        }
        let unknown = method.callers.iter().find(|caller| !ALL.contains(caller) && ![PROCESS, LOAD].contains(caller));
        wrong.extend(unknown.map(|caller| format!("{}: there is no service {caller}", method.path)));
    }
    println!("{table}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    services.stop().await;
}

/// What an empty customer or promoter once meant: everyone's.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_everybody() {
    let services = Services::start().await;
    let (outside, secret) = (services.way("orders"), &services.secret);
    let way = |callee| way_of(GATEWAY, callee, outside, secret);
    let (mut orders, mut checkout) =
        (OrdersServiceClient::new(way("orders")), CheckoutServiceClient::new(way("checkout")));
    let mut catalog = CatalogServiceClient::new(way("catalog"));
    let (order_id, product_id) = ("ord_1".to_owned(), "prd_tall-vase".to_owned());
    let change = Some(ProductChange { product_id: product_id.clone(), ..ProductChange::default() });
    let refused = [
        orders.get_order(GetOrderRequest { order_id: order_id.clone(), ..GetOrderRequest::default() }).await.err(),
        orders.list_orders(ListOrdersRequest::default()).await.err(),
        checkout.cancel_order(CancelOrderRequest { order_id, ..CancelOrderRequest::default() }).await.err(),
        catalog.update_product(UpdateProductRequest { change, ..UpdateProductRequest::default() }).await.err(),
        catalog.delete_product(DeleteProductRequest { product_id, ..DeleteProductRequest::default() }).await.err(),
    ];
    for (place, refused) in refused.into_iter().enumerate() {
        let problem = Problem::from_status(&refused.expect("refused"));
        let field = problem.field.unwrap_or_default();
        assert_eq!(problem.code, Code::InvalidArgument, "{place}: {}", problem.message);
        assert!(["customer_id", "acting_promoter_id"].contains(&&*field), "{place}: {field}");
    }
    services.stop().await;
}
