//! The observatory against its goals and its peers: what it costs to store spans, how large they are, how quickly they are found.
//!
//! All systems get the same generated spans on the same machine in the same run. CPU time is the operating system's account of the
//! server's process, user and kernel together; the generator's own is not in it.

pub(crate) mod generator;
pub(crate) mod peers;
pub(crate) mod senders;
pub(crate) mod wire;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use vitrine_kit::percent;
use vitrine_tests_testkit::{Api, Observatory};

use crate::goals::tell;
use crate::process;
use generator::{Generator, START_NS};
use senders::{PROTOBUF, SENDERS, Senders};
use wire::Wire;

/// The same spans, every time.
const SEED: u64 = 7;
/// Traces whose ids are kept to be asked for, and values likewise.
const SAMPLES: usize = 200;
/// How long merging may take after the last span.
const MERGING: Duration = Duration::from_secs(600);
/// A tier of segments is quiet then, and the rest of it is merged.
const QUIET: Duration = Duration::from_secs(11);
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Things to ask for.
#[derive(Default)]
pub(crate) struct Known {
    traces: Vec<String>,
    paths: Vec<String>,
    users: Vec<String>,
    pub(crate) last_ns: u64,
}

impl Known {
    /// Attributes, and values to look for.
    fn values(&self) -> [(&'static str, &[String]); 2] {
        [("user.id", &self.users), ("url.path", &self.paths)]
    }
}

/// Generated spans are from a fixed time, which retention must not mind.
pub(crate) const ARGS: [&str; 3] = ["--retention", "off", "--quiet"];

/// Waits until nothing is left to be written or merged, and has not been for so long that what is merged when it is quiet is merged, too.
/// Returns the status then.
pub(crate) async fn settle(api: &Api) -> Result<Value> {
    let until = Instant::now() + MERGING;
    let (mut since, mut before) = (Instant::now(), Value::Null);
    loop {
        let status = api.get("/api/status/engine").await?;
        let is_waiting = ["traces", "logs"].iter().any(|signal| status[signal]["waiting"] != 0);
        let is_done = !is_waiting && status["merge_debt"] == 0;
        if !is_done || status["tiers"] != before {
            since = Instant::now();
        } else if since.elapsed() >= QUIET {
            return Ok(status);
        }
        before = status["tiers"].clone();
        ensure!(Instant::now() < until, "merging did not end: {status}");
        tokio::time::sleep(LOOK).await;
    }
}

/// Sends spans over several connections, and keeps some of what to ask for. Returns how many were taken.
pub(crate) async fn send(url: &str, spans: usize) -> Result<(usize, Known)> {
    let senders = Senders::start(url, "/v1/traces", PROTOBUF).await?;
    let (mut generator, mut sent, mut known) = (Generator::new(SEED), 0, Known::default());
    let every = (spans / SAMPLES).max(1);
    let mut next = 0;
    while sent < spans {
        let (instance, batch) = generator.batch();
        sent += batch.len();
        if sent > next {
            next += every;
            known.traces.push(batch[0].trace_hex());
            known.paths.push(batch[0].path.clone());
            known.users.push(batch[0].user.clone());
        }
        known.last_ns = batch.iter().map(generator::Span::start_ns).max().unwrap_or_default().max(known.last_ns);
        if !senders.send(generator::request(instance, &batch)).await {
            break;
        }
    }
    senders.finish().await?;
    Ok((sent, known))
}

/// Median and 99th percentile of a query asked for several things, in milliseconds; every answer must be a good one.
async fn ask(url: &str, paths: &[String], good: impl Fn(&Value) -> bool) -> Result<(f64, f64)> {
    let mut wire = Wire::connect(url).await?;
    let mut times = Vec::new();
    for path in paths {
        let began = Instant::now();
        let (status, body) = wire.get(path).await?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
        let answer: Value = serde_json::from_slice(&body).with_context(|| format!("{path}: {status}"))?;
        ensure!(
            status == 200 && good(&answer),
            "{path}: {status} {}",
            String::from_utf8_lossy(&body[..body.len().min(300)])
        );
    }
    times.sort_by(f64::total_cmp);
    Ok((times[times.len() / 2], times[times.len() * 99 / 100]))
}

/// Measures everything with so many spans.
pub(crate) async fn measure(binary: &Path, spans: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let clickhouse = peers::ClickHouse::start(&folder.path().join("clickhouse")).await;
    let mut clickhouse = match clickhouse {
        Ok(peer) => Some(peer),
        Err(error) => {
            println!("  chdb cannot be had here: {error:#}");
            None
        }
    };
    let mut observatory = Observatory::start(binary, &ARGS)?;
    let pid = observatory.process().id();
    let (idle, _) = process::resident(pid)?;
    let (began, mut rows) = (Instant::now(), peers::Rows::new(folder.path()));
    let (sent, known) = send(&observatory.otlp_http, spans).await?;
    let wall = began.elapsed().as_secs_f64();
    let status = settle(&observatory.api()?).await?;
    let cpu = process::cpu(pid)?;
    let (_, most) = process::resident(pid)?;
    let disk = process::size(&observatory.data().join("observatory").join("segments"))?;
    let in_segments = status["traces"]["segment_rows"].as_f64().context("rows in segments")?;
    let mut ours = peers::Ours { bytes: disk as f64 / in_segments, ..peers::Ours::default() };

    println!(
        "Observatory: {sent} spans, {SENDERS} connections, OTLP/HTTP protobuf, every request synced before it is answered"
    );
    tell("spans stored and merged per CPU second", sent as f64 / cpu, "", 200_000.0, true);
    println!("  {:<50} {:>12.0}", "spans a second while sending", sent as f64 / wall);
    tell("bytes a span on disk after merging", ours.bytes, "bytes", 30.0, false);
    tell("resident memory, idle", idle, "MiB", 40.0, false);
    tell("resident memory, most while taking in", most, "MiB", 300.0, false);
    println!("  status: {status}");

    queries(&observatory.observe, &known, &mut ours).await?;

    // The log after a crash: what had not been made a segment is read again.
    restart(&mut observatory).await?;
    observatory.process().stop()?;

    if let Some(clickhouse) = &mut clickhouse {
        load(clickhouse, &mut rows, sent).await?;
        clickhouse.tell(&known, &ours).await?;
    }
    peers::rotel(folder.path(), sent.min(2_000_000), sent as f64 / cpu).await?;
    println!();
    Ok(())
}

/// Asks everything that is compared, and tells how long it takes.
async fn queries(url: &str, known: &Known, ours: &mut peers::Ours) -> Result<()> {
    let by_id: Vec<String> = known.traces.iter().map(|id| format!("/jaeger/api/traces/{id}")).collect();
    let (median, slow) = ask(url, &by_id, |a| a["data"][0]["spans"].as_array().is_some_and(|s| !s.is_empty())).await?;
    tell("trace by id, median", median, "ms", 5.0, false);
    ours.by_id_ms = median;
    println!("  {:<50} {slow:>12.1} ms", "trace by id, 99th percentile");
    let window = format!("start={}&end={}&limit=20", START_NS / 1000, known.last_ns / 1000 + 1);
    let search = |key: &str, value: &str| {
        let tags = format!("%7B%22{key}%22:%22{}%22%7D", percent::encode(value));
        format!("/jaeger/api/traces?service=frontend&tags={tags}&{window}")
    };
    for (place, (key, values)) in known.values().into_iter().enumerate() {
        let paths: Vec<String> = values.iter().take(50).map(|value| search(key, value)).collect();
        let (median, slow) = ask(url, &paths, |a| a["data"].is_array()).await?;
        tell(&format!("search by {key}, newest 20, median"), median, "ms", 50.0, false);
        ours.search_ms[place] = median;
        println!("  {:<50} {slow:>12.1} ms", format!("search by {key}, 99th percentile"));
    }
    let red = format!(
        "/jaeger/api/metrics/calls?service=frontend&endTs={}&lookback=3600000&step=60000&ratePer=60000",
        known.last_ns / 1_000_000
    );
    (ours.red_ms, _) = ask(url, &vec![red; 20], |a| a["metrics"].is_array()).await?;
    tell("calls by minute of one service, median", ours.red_ms, "ms", 50.0, false);
    Ok(())
}

/// Gives a peer the same spans.
async fn load(clickhouse: &mut peers::ClickHouse, rows: &mut peers::Rows, sent: usize) -> Result<()> {
    let mut generator = Generator::new(SEED);
    let mut loaded = 0;
    while loaded < sent {
        let (instance, batch) = generator.batch();
        loaded += batch.len();
        rows.add(instance, &batch);
        if rows.full() || loaded >= sent {
            clickhouse.load(rows).await?;
        }
    }
    Ok(())
}

/// Kills the observatory with a log that was not yet made a segment, and tells how long it takes to be ready again.
async fn restart(observatory: &mut Observatory) -> Result<()> {
    send(&observatory.otlp_http, 150_000).await?;
    let log = process::size(&observatory.data().join("observatory").join("log"))? as f64;
    observatory.kill_and_restart()?;
    let seconds = observatory.process().started_in.as_secs_f64();
    println!("  {:<50} {seconds:>12.2} s, {:.0} MiB of log", "ready after kill -9", log / (1 << 20) as f64);
    tell("ready after a crash, for each GiB of log", seconds / (log / (1u64 << 30) as f64), "s", 1.0, false);
    Ok(())
}
