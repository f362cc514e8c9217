//! Grafana's requests to a Loki data source, and what it gets: `tests/golden/grafana_loki.http`.

use axum::body::Body;
use http::{Request, header};

use super::data::api;
use crate::client::send;

const GOLDEN: &str = include_str!("../../golden/grafana_loki.http");
/// Requests that must be there, so that none are lost by mistake.
const AT_LEAST: usize = 9;

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
async fn grafanas_requests_are_answered() {
    let (_folder, _engine, router) = api().await;
    let (mut asked, mut wrong) = (0, Vec::new());
    for section in GOLDEN.split("### ").skip(1) {
        let (title, rest) = section.split_once('\n').expect("a title");
        let (sent, wanted) = rest.split_once("<<<\n").expect("an answer");
        let response = send(&router, request(sent)).await;
        let kind = response.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let body = response.body.trim_end().replace(env!("CARGO_PKG_VERSION"), "VERSION");
        let (first, wanted) = wanted.split_once('\n').expect("a status, and a body");
        let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
        let found = format!("{} {kind}", response.status.as_u16());
        if found != first || json(&body).is_none() || json(&body) != json(wanted) {
            wrong.push(format!("### {title}\n{found}\n{body}"));
        }
        asked += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(asked >= AT_LEAST, "only {asked} requests");
}
