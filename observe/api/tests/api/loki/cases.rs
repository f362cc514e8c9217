//! What queries mean: `tests/golden/logql.txt`, each case with the source of its rule.

use serde_json::Value;
use vitrine_kit::percent;

use super::data::{START_S, api};
use crate::client::get;

const CASES: &str = include_str!("../../golden/logql.txt");
/// Cases that must be there, so that none are lost by mistake.
const AT_LEAST: usize = 45;

/// What came, a line for each stream's line or each series: short enough to be written by hand.
fn shown(answer: &Value) -> Vec<String> {
    let data = &answer["data"];
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let labels = |value: &Value| {
        let all = value.as_object().cloned().unwrap_or_default();
        let all: Vec<String> =
            all.iter().map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or("?"))).collect();
        format!("{{{}}}", all.join(","))
    };
    let point = |value: &Value| {
        let second = value[0].as_f64().unwrap_or(0.0) as u64 - START_S;
        format!("{second}:{}", value[1].as_str().unwrap_or("?"))
    };
    match data["resultType"].as_str() {
        Some("streams") => {
            let mut lines: Vec<(u64, String)> = Vec::new();
            for stream in list(&data["result"]) {
                for value in list(&stream["values"]) {
                    let ns: u64 = value[0].as_str().and_then(|ns| ns.parse().ok()).unwrap_or(0);
                    let second = ns / 1_000_000_000 - START_S;
                    lines.push((ns, format!("{second} {}", value[1].as_str().unwrap_or("?"))));
                }
            }
            lines.sort();
            lines.into_iter().map(|(_, line)| line).collect()
        }
        Some("vector") => list(&data["result"])
            .iter()
            .map(|sample| format!("{} {}", labels(&sample["metric"]), sample["value"][1].as_str().unwrap_or("?")))
            .collect(),
        Some("matrix") => list(&data["result"])
            .iter()
            .map(|series| {
                let points: Vec<String> = list(&series["values"]).iter().map(point).collect();
                format!("{} {}", labels(&series["metric"]), points.join(" "))
            })
            .collect(),
        Some("scalar") => vec![data["result"][1].as_str().unwrap_or("?").to_owned()],
        _ => vec![answer.to_string()],
    }
}

#[tokio::test]
async fn queries_mean_what_loki_says_they_mean() {
    let (_folder, _engine, router) = api().await;
    let mut asked = 0;
    for case in CASES.split("\n\n").filter(|case| case.contains("? ")) {
        let (mut path, mut wanted) = (String::new(), Vec::new());
        for line in case.lines() {
            if let Some(query) = line.strip_prefix("lines? ") {
                let (query, end) = (percent::encode(query), START_S + 100);
                path = format!("/loki/api/v1/query_range?query={query}&start={START_S}&end={end}&limit=50");
            } else if let Some(query) = line.strip_prefix("at 60? ") {
                path = format!("/loki/api/v1/query?query={}&time={}", percent::encode(query), START_S + 60);
            } else if let Some(query) = line.strip_prefix("every 20? ") {
                let (query, end) = (percent::encode(query), START_S + 80);
                path = format!("/loki/api/v1/query_range?query={query}&start={}&end={end}&step=20", START_S + 20);
            } else if !line.starts_with('#') {
                wanted.push(line.to_owned());
            }
        }
        let response = get(&router, &path).await;
        let found = if response.status == 200 {
            shown(&response.json())
        } else {
            vec![format!("{}", response.json()["message"])]
        };
        assert_eq!(found, wanted, "{case}");
        asked += 1;
    }
    assert!(asked >= AT_LEAST, "only {asked} cases");
}
