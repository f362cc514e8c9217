//! Kills an observatory at random moments under full ingest, and counts what it kept.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use http::Method;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use vitrine_shop_load::http::Call;

use crate::{Api, Observatory};

/// Senders of each signal at a time.
const SENDERS: usize = 4;
/// Rows of each request.
const ROWS: u64 = 20;
/// The longest that the observatory lives in a round, in milliseconds.
const MAX_LIFE_MS: u64 = 400;
/// The service that sends.
const SERVICE: &str = "crash-test";
/// What requests say of themselves, on each of their rows.
const BATCH: &str = "batch";

/// What the rounds came to.
#[derive(Clone, Debug, Default)]
pub struct IngestCrashes {
    /// How often the observatory was killed.
    pub kills: usize,
    /// Rows that it had acknowledged: spans, log records and metric points.
    pub acknowledged: [u64; 3],
    /// The longest that it took to be ready again.
    pub slowest_start: Duration,
}

/// A signal: where it goes to, and the table that it is in.
#[derive(Clone, Copy, Debug)]
struct Signal {
    path: &'static str,
    table: &'static str,
    body: fn(u64) -> Value,
}

const SIGNALS: [Signal; 3] = [
    Signal { path: "/v1/traces", table: "spans", body: traces },
    Signal { path: "/v1/logs", table: "logs", body: logs },
    Signal { path: "/v1/metrics", table: "metrics", body: metrics },
];

fn now_ns() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()
}

fn resource() -> Value {
    json!({"attributes": [{"key": "service.name", "value": {"stringValue": SERVICE}}]})
}

fn batch(number: u64) -> Value {
    json!([{"key": BATCH, "value": {"intValue": number.to_string()}}])
}

/// What tells a point from the others of its request: points of one series and one time would be one.
fn point(number: u64, row: u64) -> Value {
    json!([
        {"key": BATCH, "value": {"intValue": number.to_string()}}, {"key": "row", "value": {"intValue": row.to_string()}}
    ])
}

fn traces(number: u64) -> Value {
    let now = now_ns();
    let span = |row: u64| {
        json!({
            "traceId": format!("{number:032x}"), "spanId": format!("{:016x}", row + 1), "name": "kill", "kind": 2,
            "startTimeUnixNano": now.to_string(), "endTimeUnixNano": (now + 1000).to_string(), "attributes": batch(number),
        })
    };
    let spans: Vec<Value> = (0..ROWS).map(span).collect();
    json!({"resourceSpans": [{"resource": resource(), "scopeSpans": [{"scope": {}, "spans": spans}]}]})
}

fn logs(number: u64) -> Value {
    let record = |row: u64| json!({"timeUnixNano": now_ns().to_string(), "body": {"stringValue": format!("row {row}")}, "attributes": batch(number)});
    let records: Vec<Value> = (0..ROWS).map(record).collect();
    json!({"resourceLogs": [{"resource": resource(), "scopeLogs": [{"scope": {}, "logRecords": records}]}]})
}

fn metrics(number: u64) -> Value {
    let point = |row: u64| json!({"timeUnixNano": now_ns().to_string(), "asInt": row.to_string(), "attributes": point(number, row)});
    let points: Vec<Value> = (0..ROWS).map(point).collect();
    let metric = json!({"name": "kills", "gauge": {"dataPoints": points}});
    json!({"resourceMetrics": [{"resource": resource(), "scopeMetrics": [{"scope": {}, "metrics": [metric]}]}]})
}

/// Sends requests one after the other until told to stop or cut off; returns the numbers of those that were
/// acknowledged.
async fn send(api: Api, signal: Signal, numbers: impl Iterator<Item = u64>, stop: CancellationToken) -> BTreeSet<u64> {
    let mut acknowledged = BTreeSet::new();
    for number in numbers {
        if stop.is_cancelled() {
            break;
        }
        match api.send(Call::new(Method::POST, signal.path).json(&(signal.body)(number))).await {
            Ok(answer) if answer.status == 200 => {
                acknowledged.insert(number);
            }
            // Too busy just now: this one is not counted, the next may be.
            Ok(answer) if matches!(answer.status, 429 | 503) => {}
            // It was killed.
            _ => break,
        }
    }
    acknowledged
}

/// How many rows there are of each request.
async fn counted(observatory: &Observatory, table: &str) -> Result<BTreeMap<u64, u64>> {
    let statement = format!(
        "SELECT attr(attributes, '{BATCH}') AS batch, count(*) AS rows FROM {table} WHERE service = '{SERVICE}' GROUP BY 1"
    );
    let rows = observatory.sql(&statement).await?.into_iter().map(|row| {
        let number = row["batch"].as_str().context("a batch")?.parse()?;
        Ok((number, row["rows"].as_u64().context("a count")?))
    });
    rows.collect()
}

/// Kills the observatory `kills` times while every signal is sent, and counts after every `audit_every` of them and at the end: what was
/// acknowledged is there exactly once, and of the rest each request is there as a whole or not at all.
pub async fn ingest_crash(binary: &Path, kills: usize, audit_every: usize, seed: u64) -> Result<IngestCrashes> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut observatory = Observatory::start(binary, &["--quiet"])?;
    let mut acknowledged: [BTreeSet<u64>; 3] = Default::default();
    let mut crashes = IngestCrashes::default();
    for round in 1..=kills {
        let (stop, mut senders) = (CancellationToken::new(), JoinSet::new());
        for (place, signal) in SIGNALS.into_iter().enumerate() {
            for sender in 0..SENDERS as u64 {
                // Never the same number twice: from 1, because no id is zero.
                let first = 1 + (round as u64) * 1_000_000 + sender * 100_000;
                let (api, stop) = (observatory.api()?, stop.clone());
                senders.spawn(async move { (place, send(api, signal, first..first + 100_000, stop).await) });
            }
        }
        tokio::time::sleep(Duration::from_millis(rng.random_range(1..MAX_LIFE_MS))).await;
        observatory.process().kill()?;
        stop.cancel();
        while let Some(sent) = senders.join_next().await {
            let (place, numbers) = sent?;
            acknowledged[place].extend(numbers);
        }
        observatory.kill_and_restart()?;
        crashes.kills += 1;
        crashes.slowest_start = crashes.slowest_start.max(observatory.process().started_in);
        if round % audit_every == 0 || round == kills {
            audit(&observatory, &acknowledged).await.with_context(|| format!("after {round} kills"))?;
        }
    }
    crashes.acknowledged = std::array::from_fn(|place| acknowledged[place].len() as u64 * ROWS);
    observatory.process().stop()?;
    Ok(crashes)
}

async fn audit(observatory: &Observatory, acknowledged: &[BTreeSet<u64>; 3]) -> Result<()> {
    for (signal, acknowledged) in SIGNALS.into_iter().zip(acknowledged) {
        let found = counted(observatory, signal.table).await?;
        let lost: Vec<u64> = acknowledged.iter().filter(|number| !found.contains_key(number)).copied().collect();
        ensure!(
            lost.is_empty(),
            "{}: {} acknowledged requests are lost, such as {:?}",
            signal.table,
            lost.len(),
            lost.first()
        );
        let odd: Vec<_> = found.iter().filter(|(_, rows)| **rows != ROWS).collect();
        ensure!(
            odd.is_empty(),
            "{}: {} requests are there in part or twice, such as {:?}",
            signal.table,
            odd.len(),
            odd.first()
        );
    }
    Ok(())
}
