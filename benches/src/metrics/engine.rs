//! The engine without a server: what taking samples, starting again and queries cost in this process, for comparing designs.
//!
//! The same hosts, series and queries as beside the peers; no HTTP, and no JSON of results. The processor's time is that of all threads of the process.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use tokio::task::block_in_place;
use vitrine_kit::clock::Clock;
use vitrine_observe_promql::parse::parse_expr;
use vitrine_observe_promql::{Engine, Options as Evaluation, Range, Value};
use vitrine_observe_store::model::metrics::{RemoteWrite, WriteCompression, WriteVersion};
use vitrine_observe_store::series::Budget;
use vitrine_observe_store::{ColumnEngine, Options, Series, SeriesIngest, Tenant};

use super::Sizes;
use super::day::{HOUR_S, QUERIES, long_step_s};
use super::hosts::Version;
use super::many;
use super::workload::Workload;
use crate::process;

/// Rounds of requests that are made before they are taken, so that making them is not counted.
const ROUNDS_MADE: usize = 60;
/// How often each query is evaluated.
const REPEATS: u32 = 25;
/// Bytes that a query may take, samples that it may read, and how long it may take.
const QUERY: (usize, u64, Duration) = (256 << 20, 200_000_000, Duration::from_secs(60));

/// A thread's time, in milliseconds.
fn cpu_ms() -> Result<f64> {
    process::threads_ms(std::process::id())
}

fn open(folder: &Path, series: usize) -> Result<ColumnEngine> {
    let (memory_bytes, usual) = (many::memory_mib(series) << 20, Options::new(folder));
    let options = Options {
        memory_bytes,
        // As the program does.
        seal_bytes: usual.seal_bytes.min(memory_bytes / 3),
        max_series: 2 * series.max(1_000_000),
        new_series_a_second: 1_000_000,
        ..usual
    };
    // It waits for its log.
    Ok(block_in_place(|| ColumnEngine::open(options, Clock::system()))?)
}

/// Takes requests, and returns how many milliseconds of CPU that took.
async fn take(engine: &ColumnEngine, version: Version, requests: Vec<Vec<u8>>) -> Result<f64> {
    let version = if version == Version::V1 { WriteVersion::V1 } else { WriteVersion::V2 };
    let before = cpu_ms()?;
    for body in requests {
        let request = RemoteWrite { version, compression: WriteCompression::Snappy, body: body.into() };
        let written = engine.remote_write(&Tenant::default(), request).await?;
        ensure!(!written.is_partial(), "refused: {:?}", written.reasons);
    }
    Ok(cpu_ms()? - before)
}

pub(super) async fn measure(sizes: &Sizes) -> Result<()> {
    println!("Metrics, the engine alone");
    for version in [Version::V1, Version::V2] {
        day(sizes, version).await?;
    }
    start(sizes).await
}

async fn day(sizes: &Sizes, version: Version) -> Result<()> {
    let workload = Workload::new(sizes.samples, sizes.hours, sizes.together);
    let folder = tempfile::tempdir()?;
    let engine = open(folder.path(), workload.all_series())?;
    let (mut rounds, mut cpu) = (workload.rounds(version, 0, 1).peekable(), 0.0);
    while rounds.peek().is_some() {
        let requests = rounds.by_ref().take(ROUNDS_MADE).flatten().collect();
        cpu += take(&engine, version, requests).await?;
    }
    let samples = workload.samples();
    println!("  {samples} samples by {version:?}: {:.0} a CPU second", samples as f64 / cpu * 1e3);
    if version == Version::V1 {
        return Ok(());
    }
    block_in_place(|| engine.seal().and_then(|()| engine.merge()))?;
    let (mut sum, times) = (0.0, workload.times());
    for (name, query) in QUERIES {
        let (start, end) = times;
        let ranges = [((end - HOUR_S).max(start), 15), (start + 300, long_step_s(times))];
        let ms = ranges.map(|(from, step)| {
            ask(&engine, query, Range { start_ms: from * 1_000, end_ms: end * 1_000, step_ms: step * 1_000 })
        });
        let [hour, all] = ms;
        let (hour, all) = (hour?, all?);
        sum += hour + all;
        println!("  {name:<28} {hour:>9.2}; {all:>9.2} CPU ms, of the last hour; of all");
    }
    println!("  all of them                  {sum:>9.2} CPU ms");
    Ok(())
}

/// CPU milliseconds of a query.
fn ask(engine: &ColumnEngine, query: &str, range: Range) -> Result<f64> {
    let expr = parse_expr(query)?;
    let evaluate = || {
        let budget = Budget::new(QUERY.0, QUERY.1, QUERY.2);
        Engine { options: Evaluation::default() }.range(&*engine.series(&Tenant::default()), &expr, range, &budget)
    };
    let Value::Matrix(series) = evaluate()?.value else { bail!("{query} has series") };
    ensure!(!series.is_empty(), "{query} has a result");
    let before = cpu_ms()?;
    for _ in 0..REPEATS {
        evaluate()?;
    }
    Ok((cpu_ms()? - before) / f64::from(REPEATS))
}

async fn start(sizes: &Sizes) -> Result<()> {
    let Sizes { series, rounds, .. } = *sizes;
    let folder = tempfile::tempdir()?;
    let mut cpu = 0.0;
    {
        let engine = open(folder.path(), series)?;
        for requests in many::requests(series, rounds) {
            cpu += take(&engine, Version::V1, requests).await?;
        }
    }
    // Threads that have ended by then count, too.
    let (before, began) = (process::cpu(std::process::id())?, Instant::now());
    let engine = open(folder.path(), series)?;
    let (wall, again) = (began.elapsed().as_secs_f64(), process::cpu(std::process::id())? - before);
    let stats = engine.series(&Tenant::default()).stats(1)?;
    ensure!(stats.series == series as u64, "all series are there again: {}", stats.series);
    println!(
        "  {series} series, {rounds} samples of each: {:.2} CPU s to take them, {:.2} s ({:.2} CPU s) to start again\n",
        cpu / 1e3,
        wall,
        again
    );
    Ok(())
}
