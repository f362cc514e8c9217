//! Grafana's requests to a Loki data source, and what it gets: `tests/golden/grafana_loki.http`.

use serde_json::Value;

use super::data::api;
use crate::grafana::{Exchange, exchanges};

const GOLDEN: &str = include_str!("../../golden/grafana_loki.http");
/// Requests that must be there.
const AT_LEAST: usize = 9;

#[tokio::test]
async fn grafanas_requests_are_answered() {
    let (_folder, _engine, router) = api().await;
    let json = |text: &str| serde_json::from_str::<Value>(text).ok();
    let mut wrong = Vec::new();
    for Exchange { title, head, body, wanted } in exchanges(&router, GOLDEN, AT_LEAST).await {
        let (first, wanted) = wanted.split_once('\n').expect("a status, and a body");
        if head != first || json(&body).is_none() || json(&body) != json(wanted) {
            wrong.push(format!("### {title}\n{head}\n{body}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
