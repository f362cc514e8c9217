//! Grafana's requests, and what it gets, to the byte: `tests/golden/grafana_prometheus.http`.

use axum::Router;
use axum::body::Body;
use http::{Request, header};
use vitrine_observe_api::{
    Prometheus, PrometheusOptions, PrometheusParts, prometheus_below, prometheus_errors, prometheus_router,
    ruler_router,
};
use vitrine_observe_receive::{Intake, remote_write_router};
use vitrine_observe_store::Access;
use vitrine_platform_http::nowhere;

use crate::client::send;
use crate::prometheus::{clock, engine};

const GOLDEN: &str = include_str!("../golden/grafana_prometheus.http");
/// Requests that must be there, so that none are lost by mistake.
const AT_LEAST: usize = 25;

/// A request of a golden file, and its answer.
pub struct Exchange {
    pub title: &'static str,
    /// The status and the content type.
    pub head: String,
    pub body: String,
    /// What both should be: as one, the head's line first.
    pub wanted: &'static str,
}

fn request(text: &str) -> Request<Body> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text.trim_end(), ""));
    let mut lines = head.lines();
    let (method, target) = lines.next().and_then(|line| line.split_once(' ')).expect("a method and a target");
    let mut request = Request::builder().method(method).uri(target);
    for line in lines {
        let (name, value) = line.split_once(": ").expect("a header");
        request = request.header(name, value);
    }
    request.body(Body::from(body.trim_end().to_owned())).expect("a request")
}

/// Sends all requests of a golden file, one after the other; there must be so many, so that none are lost by mistake.
pub async fn exchanges(router: &Router, golden: &'static str, at_least: usize) -> Vec<Exchange> {
    let mut all = Vec::new();
    for section in golden.split("### ").skip(1) {
        let (title, rest) = section.split_once('\n').expect("a title");
        let (sent, wanted) = rest.split_once("<<<\n").expect("an answer");
        let response = send(router, request(sent)).await;
        let kind = response.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let body = response.body.trim_end().replace(env!("CARGO_PKG_VERSION"), "VERSION");
        all.push(Exchange { title, head: format!("{} {kind}", response.status.as_u16()), body, wanted });
    }
    assert!(all.len() >= at_least, "only {} requests", all.len());
    all
}

#[tokio::test]
async fn grafanas_requests_are_answered_to_the_byte() {
    let api =
        Prometheus::new(engine(), PrometheusParts::default(), Access::open(), PrometheusOptions::default(), clock());
    let router = nowhere(prometheus_router(&api), prometheus_errors);
    for Exchange { title, head, body, wanted } in exchanges(&router, GOLDEN, AT_LEAST).await {
        assert_eq!(format!("{head}\n{body}"), wanted.trim_end(), "{title}");
    }
}

#[tokio::test]
async fn all_of_it_stands_on_one_address() {
    let (_folder, columns) = crate::client::engine();
    let options = PrometheusOptions { ruler_api: true, ..PrometheusOptions::default() };
    let api = Prometheus::new(engine(), PrometheusParts::default(), Access::open(), options, clock());
    let writes = remote_write_router(&Intake::new(columns.clone(), Access::open()), columns.clone(), None);
    let router = crate::client::open(&columns)
        .merge(writes)
        .merge(ruler_router(&api, &["/config/v1/rules", "/api/v1/rules"]))
        .merge(prometheus_below(&api, "/prometheus"));
    let router = nowhere(router, prometheus_errors);
    for (path, part) in [
        ("/prometheus", "This is the API of Prometheus"),
        ("/prometheus/", "This is the API of Prometheus"),
        ("/prometheus/api/v1/query?query=1", "\"scalar\""),
        ("/prometheus/api/v1/rules", "\"groups\":[]"),
        ("/prometheus/-/ready", "Ready"),
        ("/prometheus/config/v1/rules", "the ruler API is not enabled"),
        ("/api/v1/rules", "the ruler API is not enabled"),
        ("/api/v1/write?get_vm_proto_version=1", "1"),
        ("/prometheus/api/v1/nope", "404 page not found"),
        ("/api/status", "series"),
    ] {
        let response = crate::client::get(&router, path).await;
        assert!(response.body.contains(part), "{path}: {} {}", response.status, response.body);
    }
}
