//! Kills an observatory at random moments under full ingest, and counts what it kept.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use http::Method;
use http::header::CONTENT_TYPE;
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
/// The service that sends OTLP.
const SERVICE: &str = "crash-test";
/// What requests say of themselves, on each of their rows.
const BATCH: &str = "batch";

/// What the rounds came to.
#[derive(Clone, Debug, Default)]
pub struct IngestCrashes {
    /// How often the observatory was killed.
    pub kills: usize,
    /// Rows that it had acknowledged, of each kind of sender in their order: spans, log records and metric points; or documents and streams.
    pub acknowledged: Vec<u64>,
    /// The longest that it took to be ready again.
    pub slowest_start: Duration,
}

/// What senders of a kind send: where it goes to, the service that it is of, and the table that it is in.
#[derive(Clone, Copy, Debug)]
struct Sending {
    path: &'static str,
    service: &'static str,
    table: &'static str,
    body: fn(u64) -> String,
}

/// OTLP of every signal.
const SIGNALS: [Sending; 3] = [
    Sending { path: "/v1/traces", service: SERVICE, table: "spans", body: traces },
    Sending { path: "/v1/logs", service: SERVICE, table: "logs", body: logs },
    Sending { path: "/v1/metrics", service: SERVICE, table: "metrics", body: metrics },
];
/// Log records as others than OTLP send them.
const LOGS: [Sending; 2] = [
    Sending { path: "/elastic/_bulk", service: "crash-bulk", table: "logs", body: documents },
    Sending { path: "/loki/api/v1/push", service: "crash-push", table: "logs", body: streams },
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

fn traces(number: u64) -> String {
    let now = now_ns();
    let span = |row: u64| {
        json!({
            "traceId": format!("{number:032x}"), "spanId": format!("{:016x}", row + 1), "name": "kill", "kind": 2,
            "startTimeUnixNano": now.to_string(), "endTimeUnixNano": (now + 1000).to_string(), "attributes": batch(number),
        })
    };
    let spans: Vec<Value> = (0..ROWS).map(span).collect();
    json!({"resourceSpans": [{"resource": resource(), "scopeSpans": [{"scope": {}, "spans": spans}]}]}).to_string()
}

fn logs(number: u64) -> String {
    let record = |row: u64| json!({"timeUnixNano": now_ns().to_string(), "body": {"stringValue": format!("row {row}")}, "attributes": batch(number)});
    let records: Vec<Value> = (0..ROWS).map(record).collect();
    json!({"resourceLogs": [{"resource": resource(), "scopeLogs": [{"scope": {}, "logRecords": records}]}]}).to_string()
}

fn metrics(number: u64) -> String {
    let point = |row: u64| json!({"timeUnixNano": now_ns().to_string(), "asInt": row.to_string(), "attributes": point(number, row)});
    let points: Vec<Value> = (0..ROWS).map(point).collect();
    let metric = json!({"name": "kills", "gauge": {"dataPoints": points}});
    json!({"resourceMetrics": [{"resource": resource(), "scopeMetrics": [{"scope": {}, "metrics": [metric]}]}]})
        .to_string()
}

fn documents(number: u64) -> String {
    let document = |row: u64| {
        let action = json!({ "create": { "_index": "crash" } });
        let document = json!({ "message": format!("row {row}"), "service": "crash-bulk", (BATCH): number });
        format!("{action}\n{document}\n")
    };
    (0..ROWS).map(document).collect()
}

fn streams(number: u64) -> String {
    let entry = |row: u64| json!([now_ns().to_string(), format!("row {row}"), { (BATCH): number.to_string() }]);
    let entries: Vec<Value> = (0..ROWS).map(entry).collect();
    json!({ "streams": [{ "stream": { "service_name": "crash-push" }, "values": entries }] }).to_string()
}

/// Sends requests one after the other until told to stop or cut off; returns the numbers of those that were
/// acknowledged.
async fn send(
    api: Api,
    sending: Sending,
    numbers: impl Iterator<Item = u64>,
    stop: CancellationToken,
) -> BTreeSet<u64> {
    let mut acknowledged = BTreeSet::new();
    for number in numbers {
        if stop.is_cancelled() {
            break;
        }
        let call = Call::new(Method::POST, sending.path).header(CONTENT_TYPE, "application/json");
        match api.send(call.raw(&(sending.body)(number))).await {
            Ok(answer) if answer.is_good() => {
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
async fn counted(observatory: &Observatory, sending: Sending) -> Result<BTreeMap<u64, u64>> {
    let Sending { table, service, .. } = sending;
    let statement = format!(
        "SELECT attr(attributes, '{BATCH}') AS batch, count(*) AS rows FROM {table} WHERE service = '{service}' GROUP BY 1"
    );
    let rows = observatory.sql(&statement).await?.into_iter().map(|row| {
        let number = row["batch"].as_str().context("a batch")?.parse()?;
        Ok((number, row["rows"].as_u64().context("a count")?))
    });
    rows.collect()
}

/// Kills the observatory `kills` times while OTLP of every signal is sent, and counts after every `audit_every` of them and at the end: what was
/// acknowledged is there exactly once, and of the rest each request is there as a whole or not at all.
pub async fn ingest_crash(binary: &Path, kills: usize, audit_every: usize, seed: u64) -> Result<IngestCrashes> {
    crash(binary, &SIGNALS, kills, audit_every, seed).await
}

/// The same while documents and streams are sent.
pub async fn log_crash(binary: &Path, kills: usize, audit_every: usize, seed: u64) -> Result<IngestCrashes> {
    crash(binary, &LOGS, kills, audit_every, seed).await
}

async fn crash(binary: &Path, all: &[Sending], kills: usize, audit_every: usize, seed: u64) -> Result<IngestCrashes> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut observatory = Observatory::start(binary, &["--quiet"])?;
    let mut acknowledged = vec![BTreeSet::new(); all.len()];
    let mut crashes = IngestCrashes::default();
    for round in 1..=kills {
        let (stop, mut senders) = (CancellationToken::new(), JoinSet::new());
        for (place, sending) in all.iter().copied().enumerate() {
            for sender in 0..SENDERS as u64 {
                // Never the same number twice: from 1, because no id is zero.
                let first = 1 + (round as u64) * 1_000_000 + sender * 100_000;
                let (api, stop) = (observatory.api()?, stop.clone());
                senders.spawn(async move { (place, send(api, sending, first..first + 100_000, stop).await) });
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
            audit(&observatory, all, &acknowledged).await.with_context(|| format!("after {round} kills"))?;
        }
    }
    crashes.acknowledged = acknowledged.iter().map(|numbers| numbers.len() as u64 * ROWS).collect();
    observatory.process().stop()?;
    Ok(crashes)
}

async fn audit(observatory: &Observatory, all: &[Sending], acknowledged: &[BTreeSet<u64>]) -> Result<()> {
    for (sending, acknowledged) in all.iter().copied().zip(acknowledged) {
        let found = counted(observatory, sending).await?;
        let lost: Vec<u64> = acknowledged.iter().filter(|number| !found.contains_key(number)).copied().collect();
        ensure!(
            lost.is_empty(),
            "{}: {} acknowledged requests are lost, such as {:?}",
            sending.path,
            lost.len(),
            lost.first()
        );
        let odd: Vec<_> = found.iter().filter(|(_, rows)| **rows != ROWS).collect();
        ensure!(
            odd.is_empty(),
            "{}: {} requests are there in part or twice, such as {:?}",
            sending.path,
            odd.len(),
            odd.first()
        );
    }
    Ok(())
}
