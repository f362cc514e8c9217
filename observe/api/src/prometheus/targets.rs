//! What is scraped.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use vitrine_kit::duration::prometheus;
use vitrine_observe_promql::go_quote;
use vitrine_observe_promql::parse::parse_selector;
use vitrine_observe_store::series::{FAMILY_ENDINGS, Filter, Label, Labels, MatchOp, Matcher, MetadataEntry, NAME};
use vitrine_observe_store::{DroppedTarget, RelabelStep, TargetHealth, TargetStatus, TargetsStatus};

use super::answer::{ApiData, Failed};
use super::json::{list, object, text, time_or_never};
use super::labels::type_name;
use super::question::Question;

fn status(question: &Question) -> TargetsStatus {
    question.settings.parts.targets.as_ref().map(|targets| targets.targets()).unwrap_or_default()
}

/// `targets`
pub(super) fn targets(question: &Question) -> Result<ApiData, Failed> {
    let state = question.get("state").to_ascii_lowercase();
    let pool = question.get("scrapePool");
    let is_of_pool = |job: &str| pool.is_empty() || job == pool;
    let TargetsStatus { active, dropped, dropped_counts, .. } = status(question);
    let (shows_active, shows_dropped) =
        (matches!(&*state, "" | "any" | "active"), matches!(&*state, "" | "any" | "dropped"));
    let active: Vec<String> =
        active.iter().filter(|target| shows_active && is_of_pool(&target.job)).map(active_target).collect();
    let dropped: Vec<String> =
        dropped.iter().filter(|target| shows_dropped && is_of_pool(&target.job)).map(dropped_target).collect();
    let counts: serde_json::Map<String, Value> =
        dropped_counts.into_iter().filter(|(job, _)| is_of_pool(job)).map(|(job, count)| (job, count.into())).collect();
    Ok(ApiData::new(object([
        ("activeTargets", list(active)),
        ("droppedTargets", list(dropped)),
        ("droppedTargetCounts", Value::from(counts).to_string()),
    ])))
}

/// `scrape_pools`
pub(super) fn pools(question: &Question) -> Result<ApiData, Failed> {
    Ok(ApiData::new(json!({ "scrapePools": status(question).jobs }).to_string()))
}

/// `scrape_pools/config`
pub(super) fn pool_config(question: &Question) -> Result<ApiData, Failed> {
    let job = pool(question)?;
    let targets = question.settings.parts.targets.as_ref();
    let yaml = targets.and_then(|targets| targets.job_config(job)).ok_or_else(|| not_found(job))?;
    Ok(ApiData::new(json!({ "yaml": yaml }).to_string()))
}

/// `targets/relabel_steps`: what each rule of a job makes of labels.
pub(super) fn relabel_steps(question: &Question) -> Result<ApiData, Failed> {
    let job = pool(question)?;
    let given = question.get("labels");
    if given.is_empty() {
        return Err(Failed::BadData("no labels parameter provided".to_owned()));
    }
    let labels: BTreeMap<String, String> =
        serde_json::from_str(given).map_err(|error| Failed::BadData(format!("error parsing labels: {error}")))?;
    let targets = question.settings.parts.targets.as_ref();
    let steps = targets.and_then(|targets| targets.relabel(job, labels)).ok_or_else(|| not_found(job))?;
    let steps: Vec<Value> = steps.iter().map(step).collect();
    Ok(ApiData::new(json!({ "steps": steps }).to_string()))
}

fn step(step: &RelabelStep) -> Value {
    let rule = &step.rule;
    let mut shown = json!({
        "separator": rule.separator,
        "regex": rule.regex,
        "replacement": rule.replacement,
        "action": rule.action,
    });
    if !rule.source_labels.is_empty() {
        shown["source_labels"] = json!(rule.source_labels);
    }
    if rule.modulus > 0 {
        shown["modulus"] = rule.modulus.into();
    }
    if !rule.target_label.is_empty() {
        shown["target_label"] = rule.target_label.as_str().into();
    }
    json!({ "rule": shown, "output": step.output, "keep": step.is_kept })
}

fn pool(question: &Question) -> Result<&str, Failed> {
    match question.get("scrapePool") {
        "" => Err(Failed::BadData("no scrapePool parameter provided".to_owned())),
        job => Ok(job),
    }
}

fn not_found(job: &str) -> Failed {
    Failed::BadData(format!("error retrieving scrape config: scrape pool {} not found", go_quote(job)))
}

/// `targets/metadata`: what is known of the metrics that each target has.
pub(super) fn metadata(question: &Question) -> Result<ApiData, Failed> {
    let limit = match question.get("limit") {
        "" => MAX_METADATA,
        text => {
            let limit: i64 = text.parse().map_err(|_| Failed::BadData("limit must be a number".to_owned()))?;
            usize::try_from(limit).unwrap_or(MAX_METADATA).min(MAX_METADATA)
        }
    };
    let wanted = match question.get("match_target") {
        "" => Vec::new(),
        text => parse_selector(text).map_err(|error| Failed::parameter("match_target", error))?,
    };
    let metric = question.get("metric");
    let known = question.series.metadata(Some(metric).filter(|metric| !metric.is_empty()))?;
    let mut shown: Vec<Value> = Vec::new();
    for target in &status(question).active {
        let labels = Labels::of(target.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        if shown.len() >= limit || !wanted.iter().all(|matcher| matcher.accepts(&labels)) {
            continue;
        }
        let names = metrics_of(question, &labels)?;
        for entry in known.iter().filter(|entry| has_metric(&names, entry)) {
            let mut found = json!({ "target": target.labels, "type": type_name(entry.kind), "help": entry.help, "unit": entry.unit });
            if metric.is_empty() {
                found["metric"] = entry.metric.as_str().into();
            }
            shown.push(found);
        }
    }
    Ok(ApiData::new(Value::from(shown).to_string()))
}

/// Entries that one answer tells of: about as many as 20 targets have.
const MAX_METADATA: usize = 10_000;

/// Names of the metrics that a target has sent lately.
fn metrics_of(question: &Question, labels: &Labels) -> Result<Vec<String>, Failed> {
    let equal = |label: &Label| Matcher::new(&label.name, MatchOp::Equal, &label.value);
    let own = labels.iter().filter(|label| matches!(&*label.name, "job" | "instance"));
    let matchers: Vec<Matcher> =
        own.map(equal).collect::<Result<_, _>>().map_err(|error| Failed::Internal(error.to_string()))?;
    let start_ms = question.now_ms.saturating_sub(question.settings.options.evaluation.lookback_ms);
    let filter = Filter { matchers: vec![matchers], start_ms, end_ms: question.now_ms };
    Ok(question.series.label_values(NAME, &filter, &question.budget)?)
}

/// Whether one of these names is of this family.
fn has_metric(names: &[String], entry: &MetadataEntry) -> bool {
    let has = |name: &str| names.binary_search_by(|known| known.as_str().cmp(name)).is_ok();
    has(&entry.metric) || FAMILY_ENDINGS.iter().any(|end| has(&format!("{}{end}", entry.metric)))
}

pub(super) fn health(target: &TargetStatus) -> &'static str {
    match target.health {
        TargetHealth::Unknown => "unknown",
        TargetHealth::Up => "up",
        TargetHealth::Down => "down",
    }
}

fn active_target(target: &TargetStatus) -> String {
    object([
        ("discoveredLabels", json!(target.discovered).to_string()),
        ("labels", json!(target.labels).to_string()),
        ("scrapePool", text(&target.job)),
        ("scrapeUrl", text(&target.url)),
        ("globalUrl", text(&target.url)),
        ("lastError", text(target.error.as_deref().unwrap_or_default())),
        ("lastScrape", text(&time_or_never(target.last_ms))),
        ("lastScrapeDuration", target.took.as_secs_f64().to_string()),
        ("health", text(health(target))),
        ("scrapeInterval", text(&prometheus::format(target.interval))),
        ("scrapeTimeout", text(&prometheus::format(target.timeout))),
    ])
}

fn dropped_target(target: &DroppedTarget) -> String {
    object([("discoveredLabels", json!(target.discovered).to_string()), ("scrapePool", text(&target.job))])
}
