//! Grafana's requests, and what it gets, to the byte: `tests/golden/grafana_prometheus.http`.

use axum::body::Body;
use http::{Request, header};
use vitrine_observe_api::{Prometheus, PrometheusOptions, PrometheusParts, prometheus_errors, prometheus_router};
use vitrine_observe_store::Access;
use vitrine_platform_http::nowhere;

use crate::client::send;
use crate::prometheus::{clock, engine};

const GOLDEN: &str = include_str!("../golden/grafana_prometheus.http");
/// Requests that must be there, so that none are lost by mistake.
const AT_LEAST: usize = 25;

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

#[tokio::test]
async fn grafanas_requests_are_answered_to_the_byte() {
    let api =
        Prometheus::new(engine(), PrometheusParts::default(), Access::open(), PrometheusOptions::default(), clock());
    let router = nowhere(prometheus_router(&api), prometheus_errors);
    let mut asked = 0;
    for section in GOLDEN.split("### ").skip(1) {
        let (title, rest) = section.split_once('\n').expect("a title");
        let (sent, wanted) = rest.split_once("<<<\n").expect("an answer");
        let response = send(&router, request(sent)).await;
        let kind = response.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let body = response.body.trim_end().replace(env!("CARGO_PKG_VERSION"), "VERSION");
        let found = format!("{} {kind}\n{body}", response.status.as_u16());
        assert_eq!(found, wanted.trim_end(), "{title}");
        asked += 1;
    }
    assert!(asked >= AT_LEAST, "only {asked} requests");
}
