//! Grafana's requests to an Alertmanager, and what it gets: `tests/golden/grafana_alertmanager.http`.

use http::StatusCode;
use serde_json::Value;

use crate::{CONFIG, served};

const GOLDEN: &str = include_str!("../golden/grafana_alertmanager.http");
/// Requests that must be there, so that none are lost by mistake.
const AT_LEAST: usize = 8;

/// Whether an answer is as it should be; "*" is anything. Fields that are not named may not be there.
fn fits(wanted: &Value, found: &Value) -> bool {
    match (wanted, found) {
        (Value::String(any), _) if any == "*" => true,
        (Value::Object(wanted), Value::Object(found)) => {
            wanted.len() == found.len()
                && wanted.iter().all(|(name, value)| found.get(name).is_some_and(|found| fits(value, found)))
        }
        (Value::Array(wanted), Value::Array(found)) => {
            wanted.len() == found.len() && wanted.iter().zip(found).all(|(wanted, found)| fits(wanted, found))
        }
        _ => wanted == found,
    }
}

#[tokio::test]
async fn grafanas_requests_to_an_alertmanager_are_answered() {
    let served = served(CONFIG).await;
    let (mut asked, mut silence) = (0, String::new());
    for section in GOLDEN.split("### ").skip(1) {
        let (title, rest) = section.split_once('\n').expect("a title");
        let (sent, wanted) = rest.split_once("<<<\n").expect("an answer");
        let (head, body) = sent.split_once("\n\n").unwrap_or((sent.trim_end(), ""));
        let (method, target) = head.split_once(' ').expect("a method and a target");
        let body =
            Some(body.trim()).filter(|body| !body.is_empty()).map(|body| serde_json::from_str(body).expect("JSON"));
        let (status, found) = served.ask(method, &target.replace("{id}", &silence), body).await;
        let (wanted_status, wanted_body) = wanted.split_once('\n').unwrap_or((wanted, ""));
        assert_eq!(status, wanted_status.trim().parse::<StatusCode>().expect("a status"), "{title}: {found}");
        if !wanted_body.trim().is_empty() {
            let wanted = serde_json::from_str(wanted_body).expect("JSON");
            assert!(fits(&wanted, &found), "{title}: {found}");
        }
        if let Some(id) = found["silenceID"].as_str() {
            id.clone_into(&mut silence);
        }
        asked += 1;
    }
    assert!(asked >= AT_LEAST, "only {asked} requests");
}
