//! Series against Prometheus and VictoriaMetrics: what samples cost to store, how large they are, how quickly they are asked for; and what
//! many series and many rules cost.
//!
//! All get the same requests in the same run, in snappy, by as many connections, each host's samples in order of time. CPU time is the
//! operating system's account of the server's process. Prometheus and VictoriaMetrics acknowledge before what they took is on disk; the
//! observatory after.

mod crash;
mod day;
mod engine;
mod hosts;
mod many;
mod rules;
mod subject;
mod workload;

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use clap::Args;

use crate::goals::tell;
use subject::Subject;

/// How long a process is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(10);
/// What an idle observatory may take, in MiB.
const IDLE_MIB: f64 = 45.0;

/// How much metrics are measured with.
#[derive(Debug, Clone, Args)]
#[group(id = "metrics")]
pub(crate) struct Sizes {
    /// Samples that the observatory is compared with
    #[arg(long, default_value_t = 40_000_000)]
    samples: usize,
    /// Hours over which they are
    #[arg(long, default_value_t = 24)]
    hours: u32,
    /// Samples of each series in one request
    #[arg(long, default_value_t = 1)]
    together: usize,
    /// Active series
    #[arg(long, default_value_t = 1_000_000)]
    series: usize,
    /// Samples of each of them
    #[arg(long, default_value_t = 8)]
    rounds: usize,
    /// Rules, each evaluated every 15 seconds
    #[arg(long, default_value_t = 10_000)]
    rules: usize,
    /// Seconds over which they are watched
    #[arg(long, default_value_t = 90)]
    watched: u64,
}

/// Compares ingest, size, memory and queries.
pub(crate) async fn day(binary: &Path, sizes: &Sizes) -> Result<()> {
    let mut idle = Subject::ours(binary, &[])?;
    tokio::time::sleep(IDLE).await;
    println!("Metrics");
    tell("resident memory of an idle observatory", idle.resident()?.0, "MiB", IDLE_MIB, false);
    drop(idle);
    day::compare(binary, sizes).await
}

/// Compares many active series.
pub(crate) async fn many(binary: &Path, sizes: &Sizes) -> Result<()> {
    many::compare(binary, sizes).await
}

/// Measures the engine without a server.
pub(crate) async fn engine(sizes: &Sizes) -> Result<()> {
    engine::measure(sizes).await
}

/// Measures many rules.
pub(crate) async fn rules(binary: &Path, sizes: &Sizes) -> Result<()> {
    rules::measure(binary, sizes).await
}

/// Kills an observatory so often under ingest with rules.
pub(crate) async fn crashes(binary: &Path, kills: usize) -> Result<()> {
    crash::measure(binary, kills).await
}
