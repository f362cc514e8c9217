//! What is scraped.

use serde_json::{Value, json};
use vitrine_kit::duration::prometheus;
use vitrine_observe_store::{DroppedTarget, TargetHealth, TargetStatus, TargetsStatus};

use super::answer::{ApiData, Failed};
use super::json::time_or_never;
use super::question::Question;

fn status(question: &Question) -> TargetsStatus {
    question.settings.targets.as_ref().map(|targets| targets.targets()).unwrap_or_default()
}

/// `targets`
pub(super) fn targets(question: &Question) -> Result<ApiData, Failed> {
    let state = question.get("state").to_ascii_lowercase();
    let pool = question.get("scrapePool");
    let is_of_pool = |job: &str| pool.is_empty() || job == pool;
    let TargetsStatus { active, dropped, dropped_counts, .. } = status(question);
    let (shows_active, shows_dropped) =
        (matches!(&*state, "" | "any" | "active"), matches!(&*state, "" | "any" | "dropped"));
    let active: Vec<Value> =
        active.iter().filter(|target| shows_active && is_of_pool(&target.job)).map(active_target).collect();
    let dropped: Vec<Value> =
        dropped.iter().filter(|target| shows_dropped && is_of_pool(&target.job)).map(dropped_target).collect();
    let counts: serde_json::Map<String, Value> =
        dropped_counts.into_iter().filter(|(job, _)| is_of_pool(job)).map(|(job, count)| (job, count.into())).collect();
    let data = json!({ "activeTargets": active, "droppedTargets": dropped, "droppedTargetCounts": counts });
    Ok(ApiData::new(data.to_string()))
}

/// `scrape_pools`
pub(super) fn pools(question: &Question) -> Result<ApiData, Failed> {
    Ok(ApiData::new(json!({ "scrapePools": status(question).jobs }).to_string()))
}

pub(super) fn health(target: &TargetStatus) -> &'static str {
    match target.health {
        TargetHealth::Unknown => "unknown",
        TargetHealth::Up => "up",
        TargetHealth::Down => "down",
    }
}

fn active_target(target: &TargetStatus) -> Value {
    json!({
        "discoveredLabels": target.discovered,
        "labels": target.labels,
        "scrapePool": target.job,
        "scrapeUrl": target.url,
        "globalUrl": target.url,
        "lastError": target.error.as_deref().unwrap_or_default(),
        "lastScrape": time_or_never(target.last_ms),
        "lastScrapeDuration": target.took.as_secs_f64(),
        "health": health(target),
        "scrapeInterval": prometheus::format(target.interval),
        "scrapeTimeout": prometheus::format(target.timeout),
    })
}

fn dropped_target(target: &DroppedTarget) -> Value {
    json!({ "discoveredLabels": target.discovered, "scrapePool": target.job })
}
