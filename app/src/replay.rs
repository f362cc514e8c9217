//! `vitrine rules replay`: what recording rules would have recorded, written into the past of an observatory.
//!
//! Rule by rule in the order of the file, each over the whole time before the next one, so that rules that read what others record find it. Samples
//! stand on the grid that the rule's group is evaluated on from now on. What is there already with the same value stays, so a replay can be repeated.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};
use vitrine_kit::clock::{Clock, rfc3339};
use vitrine_kit::percent;
use vitrine_observe_rules::{Group, Query, RuleKind, RuleSpec, Settings};
use vitrine_platform_fetch::{Client, Limits, Request};

use crate::Usage;
use crate::cli::RulesReplayArgs;
use crate::promql::{authorized, client, get, sample_ms, time_ms};
use crate::rules;
use crate::say::say;

/// How long an answer may take, and how large it may be.
const LIMITS: Limits = Limits { within: Duration::from_secs(120), max_response_bytes: 64 << 20 };
/// Most steps of one question: Prometheus answers at most 11,000.
const STEPS: i64 = 1_000;
/// Most questions of one rule.
const MAX_QUESTIONS: i64 = 100_000;
const JSON: &str = "application/json";

/// The command.
pub async fn run(args: &RulesReplayArgs) -> Result<()> {
    let end_ms = args.to.as_deref().map_or(Ok(Clock::system().now_ms()), |text| time_ms("to", text))?;
    let start_ms = time_ms("from", &args.from)?;
    if start_ms >= end_ms {
        return Err(Usage("--from: expected a time before --to".to_owned()).into());
    }
    let settings = Settings { interval: args.interval, ..Settings::default() };
    let mut work = Vec::new();
    for path in &args.files {
        let file = rules::read_file(path).map_err(|mistakes| Usage(mistakes.join("\n")))?;
        work.push((path, file));
    }
    let replay = Replay { args, client: client(&args.observatory)?, start_ms, end_ms };
    for (path, file) in &work {
        for spec in &file.groups {
            let group = Group::new(&path.display().to_string(), spec, &settings);
            for rule in &spec.rules {
                replay.rule(path, &group, &spec.labels, rule).await?;
            }
        }
    }
    Ok(())
}

struct Replay<'a> {
    args: &'a RulesReplayArgs,
    client: Client,
    start_ms: i64,
    end_ms: i64,
}

impl Replay<'_> {
    async fn rule(&self, path: &Path, group: &Group, labels: &[(String, String)], rule: &RuleSpec) -> Result<()> {
        let name = format!("{}: group {:?}, {}", path.display(), group.name(), rule.name());
        let (RuleKind::Record(metric), Query::PromQl(_)) = (&rule.kind, &rule.query) else {
            say!("{name}: left out: only recording rules over series have a past");
            return Ok(());
        };
        let step = group.interval_ms();
        let first = group.slot_before(self.start_ms - 1) + step;
        let questions = (self.end_ms - first).div_euclid(step * STEPS) + 1;
        if questions > MAX_QUESTIONS {
            bail!("{name}: {} evaluations: expected at most {}", questions * STEPS, MAX_QUESTIONS * STEPS);
        }
        // Its own over the group's, over those of the series.
        let own: Vec<(&str, &str)> = labels
            .iter()
            .chain(&rule.labels)
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .chain([("__name__", metric.as_str())])
            .collect();
        let mut written = 0;
        for number in 0..questions {
            let from = first + number * step * STEPS;
            let to = (from + (STEPS - 1) * step).min(self.end_ms);
            let found = self.ask(&rule.query.text(), from, to, step).await.with_context(|| name.clone())?;
            written += self.write(&found, &own).await.with_context(|| name.clone())?;
        }
        say!("{name}: {written} samples from {} to {}", rfc3339(self.start_ms), rfc3339(self.end_ms));
        Ok(())
    }

    /// The value of an expression over a range.
    async fn ask(&self, query: &str, from: i64, to: i64, step: i64) -> Result<Value> {
        let seconds = |ms: i64| ms as f64 / 1_000.0;
        let path = format!(
            "query_range?query={}&start={}&end={}&step={}",
            percent::encode(query),
            seconds(from),
            seconds(to),
            seconds(step)
        );
        let answer = get(&self.client, &self.args.observatory, &path, LIMITS).await?;
        let mut answer: Value = serde_json::from_str(&answer).context("the answer is not one of an observatory")?;
        if answer["status"] != "success" {
            return Err(anyhow!("{}", answer["error"].as_str().unwrap_or("no reason given")));
        }
        Ok(answer.pointer_mut("/data/result").map(Value::take).unwrap_or_default())
    }

    /// Writes series under the rule's name. Returns how many samples that were.
    async fn write(&self, result: &Value, own: &[(&str, &str)]) -> Result<usize> {
        let mut lines = String::new();
        let mut written = 0;
        for series in result.as_array().into_iter().flatten() {
            if series["histograms"].as_array().is_some_and(|histograms| !histograms.is_empty()) {
                bail!("native histograms cannot be replayed");
            }
            let mut metric = series["metric"].as_object().cloned().unwrap_or_default();
            for (name, value) in own {
                if value.is_empty() {
                    metric.remove(*name);
                } else {
                    metric.insert((*name).to_owned(), (*value).into());
                }
            }
            let samples = series["values"].as_array().map(Vec::as_slice).unwrap_or_default();
            let times: Vec<i64> = samples.iter().map(|sample| sample_ms(sample).unwrap_or_default()).collect();
            let values: Vec<Value> = samples.iter().map(|sample| number(&sample[1])).collect();
            written += times.len();
            writeln!(lines, "{}", json!({ "metric": metric, "values": values, "timestamps": times }))?;
        }
        if written == 0 {
            return Ok(0);
        }
        let url = format!("{}/api/v1/import", self.args.observatory.url().trim_end_matches('/'));
        let request = authorized(Request::post(url, JSON, lines), &self.args.observatory)?;
        let response = self.client.send(request, LIMITS).await?;
        if !response.status.is_success() {
            bail!("{}: {}", response.status, String::from_utf8_lossy(&response.body).trim());
        }
        Ok(written)
    }
}

/// A number of Prometheus's API as JSON has it; what JSON has no number for stays a text.
fn number(text: &Value) -> Value {
    let number = text.as_str().and_then(|text| text.parse::<f64>().ok()).and_then(serde_json::Number::from_f64);
    number.map_or_else(|| text.clone(), Value::from)
}
