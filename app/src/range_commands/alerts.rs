//! Rules that the shop's observatory evaluates, and alerts of theirs that began to fire.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use vitrine_flags_range::Window;
use vitrine_flags_range::alerts::{Rule, named};
use vitrine_kit::percent;
use vitrine_platform_fetch::Limits;

use crate::cli::AskArgs;
use crate::promql;

/// How long an answer may take, and how large it may be.
const LIMITS: Limits = Limits { within: Duration::from_secs(30), max_response_bytes: 64 << 20 };
/// How far two looks at the alerts are from each other, in seconds.
const STEP_S: i64 = 1;
/// What alerts are told as.
const FIRING: &str = r#"ALERTS{alertstate="firing"}"#;

async fn ask(at: &AskArgs, path: &str) -> Result<Value> {
    let answer = promql::get(&promql::client(at)?, at, path, LIMITS).await?;
    let answer: Value = serde_json::from_str(&answer).context("the answer is not one of an observatory")?;
    anyhow::ensure!(answer["status"] == "success", "{}", answer["error"].as_str().unwrap_or("the observatory refuses"));
    Ok(answer)
}

/// Every rule.
pub(super) async fn rules(at: &AskArgs) -> Result<Vec<Rule>> {
    let answer = ask(at, "rules").await?;
    let groups = answer["data"]["groups"].as_array().into_iter().flatten();
    let rules = groups.flat_map(|group| group["rules"].as_array().into_iter().flatten());
    rules
        .map(|rule| serde_json::from_value(rule.clone()).context("a rule is told in a way that is not known here"))
        .collect()
}

/// Alerts that began to fire within a window; those that fired already did not begin.
pub(super) async fn fired(at: &AskArgs, window: Window) -> Result<Vec<String>> {
    let (from, to) = (window.from_ns / 1_000_000_000, window.to_ns / 1_000_000_000);
    let path = format!("query_range?query={}&start={from}&end={to}&step={STEP_S}", percent::encode(FIRING));
    let answer = ask(at, &path).await?;
    let mut all = BTreeSet::new();
    for series in answer["data"]["result"].as_array().into_iter().flatten() {
        let first = series["values"][0][0].as_f64().unwrap_or_default();
        if first > from as f64 {
            let label = |name: &str| series["metric"][name].as_str().unwrap_or_default();
            // A job is the namespace and the service.
            let service = label("job").rsplit('/').next().unwrap_or_default();
            all.insert(named(label("alertname"), if service.is_empty() { label("server_address") } else { service }));
        }
    }
    Ok(all.into_iter().collect())
}
