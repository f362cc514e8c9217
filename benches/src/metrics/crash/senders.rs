//! What is sent, and what of it was acknowledged.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use http::Method;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use vitrine_kit::clock::Clock;
use vitrine_shop_load::http::Call;
use vitrine_tests_testkit::{Api, Observatory};

use crate::metrics::hosts::{field, label, pack, sample};
use crate::observe::wire::Wire;

/// Senders of samples, and of spans.
const SENDERS: u64 = 2;
/// Series of each sender of samples.
pub(super) const SERIES: u64 = 5;
/// Spans of a request.
pub(super) const SPANS: u64 = 10;
/// The service whose spans they are.
pub(super) const SERVICE: &str = "metrics-crash";

/// The latest number that was sent: values rise over all rounds.
static LATEST: AtomicU64 = AtomicU64::new(0);

/// What was acknowledged.
#[derive(Debug, Default)]
pub(super) struct Acknowledged {
    /// Of each sender, values by time in milliseconds since 1970; each of its series has them.
    pub samples: BTreeMap<u64, BTreeMap<i64, u64>>,
    /// Spans.
    pub spans: u64,
}

impl Acknowledged {
    pub fn extend(&mut self, other: Self) {
        for (sender, samples) in other.samples {
            self.samples.entry(sender).or_default().extend(samples);
        }
        self.spans += other.spans;
    }

    /// Samples and spans.
    pub fn counts(&self) -> [u64; 2] {
        [self.samples.values().map(|samples| samples.len() as u64).sum::<u64>() * SERIES, self.spans]
    }
}

/// Senders that send until they are stopped.
pub(super) struct Load {
    stop: CancellationToken,
    senders: JoinSet<Acknowledged>,
}

impl Load {
    pub fn start(observatory: &Observatory, round: u64) -> Result<Self> {
        let (stop, mut senders) = (CancellationToken::new(), JoinSet::new());
        for sender in 0..SENDERS {
            senders.spawn(samples(observatory.observe.clone(), sender, stop.clone()));
            let (api, first) = (Api::new(&observatory.otlp_http, None)?, (round << 8 | sender) << 32);
            senders.spawn(spans(api, first + 1, stop.clone()));
        }
        Ok(Self { stop, senders })
    }

    /// Returns what was acknowledged.
    pub async fn stop(mut self) -> Result<Acknowledged> {
        self.stop.cancel();
        let mut all = Acknowledged::default();
        while let Some(sent) = self.senders.join_next().await {
            all.extend(sent?);
        }
        Ok(all)
    }
}

/// One sample of each of these series, as remote write 1.0.
fn request(series: impl Iterator<Item = Vec<(&'static str, String)>>, time_ms: i64, value: f64) -> Vec<u8> {
    let mut out = Vec::new();
    for labels in series {
        let mut message = Vec::new();
        labels.iter().for_each(|(name, value)| label(&mut message, name, value));
        sample(&mut message, time_ms, value);
        field(&mut out, 1, &message);
    }
    pack(&out)
}

async fn post(url: &str, request: &[u8]) -> Result<()> {
    let (status, body) = Wire::connect(url).await?.post_snappy("/api/v1/write", request).await?;
    ensure!(status == 204, "{status}: {}", String::from_utf8_lossy(&body));
    Ok(())
}

/// Sends samples whose values rise until it is cut off.
async fn samples(url: String, sender: u64, stop: CancellationToken) -> Acknowledged {
    let (mut all, mut latest_ms) = (BTreeMap::new(), 0);
    while !stop.is_cancelled() {
        let (time_ms, value) = (Clock::system().now_ms().max(latest_ms + 1), LATEST.fetch_add(1, Ordering::Relaxed));
        latest_ms = time_ms;
        let series = (0..SERIES).map(|number| {
            vec![("__name__", "crash_sent".to_owned()), ("sender", sender.to_string()), ("series", number.to_string())]
        });
        if post(&url, &request(series, time_ms, value as f64)).await.is_err() {
            break;
        }
        all.insert(time_ms, value);
    }
    Acknowledged { samples: BTreeMap::from([(sender, all)]), spans: 0 }
}

/// Sends spans until it is cut off.
async fn spans(api: Api, first: u64, stop: CancellationToken) -> Acknowledged {
    let mut acknowledged = 0;
    for number in first.. {
        let now = Clock::system().now_ms();
        let span = |row: u64| {
            json!({
                "traceId": format!("{number:032x}"), "spanId": format!("{:016x}", row + 1), "name": "kill", "kind": 2,
                "startTimeUnixNano": format!("{now}000000"), "endTimeUnixNano": format!("{now}001000"),
            })
        };
        let spans: Vec<_> = (0..SPANS).map(span).collect();
        let resource = json!({"attributes": [{"key": "service.name", "value": {"stringValue": SERVICE}}]});
        let body = json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {}, "spans": spans}]}]});
        match api.send(Call::new(Method::POST, "/v1/traces").json(&body)).await {
            Ok(answer) if answer.status == 200 => acknowledged += SPANS,
            _ => break,
        }
        if stop.is_cancelled() {
            break;
        }
    }
    Acknowledged { spans: acknowledged, ..Acknowledged::default() }
}

/// Turns the series that alerts look at on or off, and returns when that is acknowledged.
pub(super) async fn switch(url: &str, is_on: bool) -> Result<()> {
    let series = std::iter::once(vec![("__name__", "crash_switch".to_owned())]);
    post(url, &request(series, Clock::system().now_ms(), f64::from(u8::from(is_on)))).await.context("the switch")
}
