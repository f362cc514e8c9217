//! gRPC and nothing else, health, and what is told about requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use tonic::Status;
use tonic::service::Routes;
use tower::ServiceExt;
use tower::service_fn;
use tower::util::BoxCloneSyncService;
use vitrine_platform_http::{Json, Router, grpc_routes, health_routes, observe, operations_routes};
use vitrine_platform_telemetry::{Config, Telemetry};

use crate::{TestResponse, ask};

type Transport = BoxCloneSyncService<http::Request<tonic::body::Body>, http::Response<tonic::body::Body>, Status>;

/// Responds to every call with its path, or with a failure, or not before it has read all of it.
pub(crate) fn transport(path: &str) -> Option<Transport> {
    let known = path.strip_prefix("/vitrine.")?.to_owned();
    Some(BoxCloneSyncService::new(service_fn(move |call: http::Request<tonic::body::Body>| {
        let known = known.clone();
        async move {
            if known.starts_with("broken") {
                return Err(Status::unavailable("as asked"));
            }
            if known.starts_with("reads") {
                let all = axum::body::to_bytes(Body::new(call.into_body()), usize::MAX).await;
                all.map_err(|_| Status::invalid_argument("broken off"))?;
            }
            Ok(http::Response::new(tonic::body::Body::new(known)))
        }
    })))
}

async fn call(router: &Router, path: &str, content_type: &str) -> TestResponse {
    let request = Request::post(path).header("content-type", content_type).body(Body::empty()).expect("a request");
    ask(router, request).await
}

#[tokio::test]
async fn only_calls_are_answered_where_grpc_is_spoken() {
    let router = grpc_routes(transport, Routes::default());
    for content_type in
        ["application/grpc", "application/grpc+proto", "Application/gRPC", "application/grpc;charset=utf-8"]
    {
        assert_eq!(call(&router, "/vitrine.carts", content_type).await.text(), "carts", "{content_type}");
    }
    for content_type in ["text/plain", "application/json", "application/grpc-web", "application/grpcx", ""] {
        let answer = call(&router, "/vitrine.carts", content_type).await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content_type}");
        assert!(answer.text().contains("public address"), "{}", answer.text());
    }
    for path in ["/", "/healthz", "/readyz", "/api/v1/products", "/vitrine.carts"] {
        assert_eq!(crate::get(&router, path).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{path}");
    }
}

#[tokio::test]
async fn what_nobody_serves_and_what_fails_is_told_in_grpc() {
    let router = grpc_routes(transport, Routes::default());
    for (path, code) in [("/elsewhere.v1.X/Y", "12"), ("/", "12"), ("/vitrine.broken.v1.X/Y", "14")] {
        let answer = call(&router, path, "application/grpc").await;
        assert_eq!((answer.status, answer.header("grpc-status")), (StatusCode::OK, code), "{path}");
        assert_eq!(answer.header("content-type"), "application/grpc", "{path}");
    }
}

#[tokio::test]
async fn alive_is_not_ready() {
    let ready = Arc::new(AtomicBool::new(false));
    let asked = ready.clone();
    let router = health_routes(move || asked.load(Ordering::SeqCst));
    for now in [false, true, false] {
        ready.store(now, Ordering::SeqCst);
        assert_eq!(crate::get(&router, "/healthz").await.status, StatusCode::OK);
        let expected = if now { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        assert_eq!(crate::get(&router, "/readyz").await.status, expected);
    }
}

fn observed(telemetry: &Telemetry) -> Router {
    Router::new()
        .route("/items/{id}", get(async || "here").post(async |Json(_): Json<u32>| "taken"))
        .route("/broken", get(async || StatusCode::INTERNAL_SERVER_ERROR))
        .route("/panics", get(async || -> &'static str { panic!("as asked") }))
        .layer(from_fn_with_state(telemetry.service("gateway"), |state, request, next| {
            let axum::extract::State(service) = state;
            observe(service, request, next)
        }))
}

#[tokio::test]
async fn requests_are_counted_and_their_trace_is_named() {
    let telemetry = Telemetry::new(Config::default());
    let router = observed(&telemetry);
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request = Request::post("/items/7").header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
    let refused = ask(&router, request.body(Body::empty()).expect("a request")).await;
    assert_eq!((refused.status, refused.header("x-trace-id")), (StatusCode::UNSUPPORTED_MEDIA_TYPE, trace));
    assert_eq!(refused.problem()["trace_id"], trace, "whoever reports a problem can name its trace");
    assert_eq!(crate::get(&router, "/items/8").await.header("x-trace-id").len(), 32);
    assert_eq!(crate::get(&router, "/broken").await.status, StatusCode::INTERNAL_SERVER_ERROR);
    let service_stats = telemetry.service_stats().remove(0).1;
    assert_eq!((service_stats.count, service_stats.errors), (3, 1), "a refusal is no fault of ours");
}

#[tokio::test]
async fn a_handler_that_panics_is_answered_for() {
    let telemetry = Telemetry::new(Config::default());
    let router = observed(&telemetry);
    let answer = crate::get(&router, "/panics").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    let problem = answer.problem();
    assert!(problem["code"] == "INTERNAL" && !answer.text().contains("as asked"), "{problem}");
    assert_eq!(problem["trace_id"], answer.header("x-trace-id"));
    assert_eq!(crate::get(&router, "/items/8").await.text(), "here");
    let service_stats = telemetry.service_stats().remove(0).1;
    assert_eq!((service_stats.count, service_stats.errors), (2, 1));
}

#[tokio::test]
async fn a_scraper_gets_the_format_that_it_accepts() {
    let telemetry = vitrine_platform_telemetry::Telemetry::new(vitrine_platform_telemetry::Config::default());
    telemetry.service("orders").counter("orders.placed", "{order}", "Orders").add(3, &[("country", "DE")]);
    let routes = operations_routes(health_routes(|| true), move || Some(telemetry.clone()));
    for (accept, content_type, expected) in [
        ("", "text/plain; version=0.0.4", "# TYPE orders_placed_total counter\n"),
        (
            "application/openmetrics-text;version=1.0.0,*/*;q=0.1",
            "application/openmetrics-text; version=1.0.0",
            "# TYPE orders_placed counter\n",
        ),
    ] {
        let request = Request::get("/metrics").header("accept", accept).body(Body::empty()).expect("a request");
        let response = routes.clone().oneshot(request).await.expect("a response");
        let given = response.headers()["content-type"].to_str().expect("text").to_owned();
        assert!(given.starts_with(content_type), "{given}");
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.expect("a body");
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        assert!(text.contains(expected), "{text}");
        assert!(text.contains("orders_placed_total{country=\"DE\",service_name=\"orders\"} 3\n"), "{text}");
    }
}
