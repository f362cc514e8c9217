//! Whether anybody could have noticed that the process was killed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use vitrine_kit::percent;
use vitrine_tests_testkit::{Observatory, within};

use super::senders::{Acknowledged, SERIES, SERVICE};

/// How long series of spans may take to get their next sample.
const SPAN_METRICS: Duration = Duration::from_secs(60);

/// Each acknowledged sample is there once; what rules recorded never falls; and, if `spans`, the series of spans count each span once.
pub(super) async fn audit(observatory: &Observatory, all: &Acknowledged, spans: bool) -> Result<()> {
    // One series at a time: an answer has an end.
    for (sender, acknowledged) in &all.samples {
        for number in 0..SERIES {
            let selector = format!("crash_sent{{sender=\"{sender}\",series=\"{number}\"}}");
            let found = matrix(observatory, &format!("{selector}[6h]")).await?;
            let samples: Vec<(i64, f64)> = found.into_iter().flat_map(|(_, samples)| samples).collect();
            let by_time: BTreeMap<i64, u64> = samples.iter().map(|(time, value)| (*time, *value as u64)).collect();
            ensure!(by_time.len() == samples.len(), "{selector}: a sample is there twice");
            let lost = acknowledged.iter().find(|(time, value)| by_time.get(time) != Some(value));
            let there = lost.map(|(time, _)| by_time.get(time));
            ensure!(lost.is_none(), "{selector}: {lost:?} was acknowledged, and {there:?} is there");
        }
    }
    let recorded = matrix(observatory, "crash:sent:max[6h]").await?;
    for (labels, samples) in recorded {
        let fallen = samples.windows(2).find(|pair| pair[1].1 < pair[0].1);
        ensure!(fallen.is_none(), "{labels}: what is recorded fell: {fallen:?}");
    }
    if spans {
        let rows = observatory.sql(&format!("SELECT count(*) AS spans FROM spans WHERE service = '{SERVICE}'")).await?;
        let kept = rows[0]["spans"].as_u64().context("a count")?;
        ensure!(kept >= all.spans, "{kept} spans of {} acknowledged ones", all.spans);
        let query = format!("sum(traces_spanmetrics_calls_total{{service=\"{SERVICE}\"}})");
        let what = format!("a series of spans that counts {kept}");
        within(SPAN_METRICS, &what, async || {
            let found = vector(observatory, &query).await?;
            ensure!(found.is_none_or(|found| found <= kept as f64), "{found:?} counted of {kept} spans");
            Ok(found.filter(|found| *found == kept as f64))
        })
        .await?;
    }
    Ok(())
}

async fn ask(observatory: &Observatory, query: &str) -> Result<Vec<Value>> {
    let path = format!("/prometheus/api/v1/query?query={}", percent::encode(query));
    let answer = observatory.api()?.get(&path).await?;
    Ok(answer["data"]["result"].as_array().with_context(|| format!("{query}: {answer}"))?.clone())
}

async fn vector(observatory: &Observatory, query: &str) -> Result<Option<f64>> {
    let found = ask(observatory, query).await?;
    found.first().map(|found| Ok(found["value"][1].as_str().context("a value")?.parse()?)).transpose()
}

type Sampled = (Value, Vec<(i64, f64)>);

/// Samples by time in milliseconds.
async fn matrix(observatory: &Observatory, query: &str) -> Result<Vec<Sampled>> {
    let mut all = Vec::new();
    for series in ask(observatory, query).await? {
        let mut samples = Vec::new();
        for sample in series["values"].as_array().into_iter().flatten() {
            let seconds = sample[0].as_f64().context("a time")?;
            samples.push(((seconds * 1e3).round() as i64, sample[1].as_str().context("a value")?.parse()?));
        }
        all.push((series["metric"].clone(), samples));
    }
    Ok(all)
}

/// What the receiver was told, in order.
#[derive(Debug, Default)]
pub(super) struct Notifications {
    /// Each request once, and how often it came.
    news: Vec<News>,
}

#[derive(Debug)]
struct News {
    key: String,
    alert: String,
    is_firing: bool,
    /// When its alert began.
    began: String,
    times: usize,
}

/// Reads the requests that came.
pub(super) fn received(mut taken: &[u8]) -> Result<Notifications> {
    let mut told = Notifications::default();
    while let Some(end) = taken.windows(4).position(|window| window == b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&taken[..end]).to_ascii_lowercase();
        let header =
            |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned());
        let length: usize = header("content-length:").context("a length")?.parse()?;
        let body: Value = serde_json::from_slice(&taken[end + 4..end + 4 + length])?;
        taken = &taken[end + 4 + length..];
        let alert = &body["alerts"][0];
        ensure!(body["alerts"].as_array().is_some_and(|alerts| alerts.len() == 1), "one alert in each group: {body}");
        let text = |value: &Value| value.as_str().map(str::to_owned).context("a text");
        let news = News {
            key: header("idempotency-key:").context("a key")?,
            alert: text(&alert["labels"]["alertname"])?,
            is_firing: alert["status"] == "firing",
            began: text(&alert["startsAt"])?,
            times: 1,
        };
        match told.news.iter_mut().find(|known| known.key == news.key) {
            Some(known) => known.times += 1,
            None => told.news.push(news),
        }
    }
    Ok(told)
}

impl Notifications {
    fn of<'a>(&'a self, alert: &'a str) -> impl Iterator<Item = &'a News> {
        self.news.iter().filter(move |news| news.alert == alert)
    }

    /// How many pieces of news there were.
    pub fn news(&self) -> usize {
        self.news.len()
    }

    /// How often one came again.
    pub fn repeated(&self) -> usize {
        self.news.iter().map(|news| news.times - 1).sum()
    }

    /// How often an alert was told to begin.
    pub fn fired(&self, alert: &str) -> usize {
        self.of(alert).filter(|news| news.is_firing).count()
    }

    /// How often the switched alert was told to have begun or ended.
    pub fn switched_turns(&self) -> usize {
        self.of("Switched").count()
    }

    /// Whether the alert that is kept has ended.
    pub fn kept_is_over(&self) -> bool {
        self.of("Kept").last().is_none_or(|news| !news.is_firing)
    }

    /// Nothing is told twice under two keys, nothing is missing, and nothing ends that did not.
    pub fn check(&self, turns: usize, wait_s: u64) -> Result<()> {
        for alert in ["Always", "Waits"] {
            let found: Vec<&News> = self.of(alert).collect();
            ensure!(
                found.len() == 1 && found[0].is_firing,
                "{alert} waits {wait_s} s at most and never ends: {found:?}"
            );
        }
        let switched: Vec<&News> = self.of("Switched").collect();
        ensure!(switched.len() == turns, "{turns} turns, and {} were told: {switched:?}", switched.len());
        ensure!(self.kept_is_over(), "an alert that is kept has not ended: {:?}", self.of("Kept").last());
        let kept: Vec<&News> = self.of("Kept").collect();
        for of in [switched, kept] {
            let flaps = of.iter().enumerate().find(|(place, news)| news.is_firing != place.is_multiple_of(2));
            ensure!(flaps.is_none(), "an alert begins or ends twice: {flaps:?}");
            let torn = of.chunks(2).find(|pair| pair.len() == 2 && pair[0].began != pair[1].began);
            ensure!(torn.is_none(), "an end is not that of the beginning before it: {torn:?}");
            let begun: BTreeSet<&str> = of.iter().map(|news| news.began.as_str()).collect();
            ensure!(begun.len() == of.len().div_ceil(2), "an alert begins twice at one time");
        }
        Ok(())
    }
}
