//! `make bench`: every figure that the project claims, with the method by which it was measured.
//!
//! Server and clients share the machine, as they do on a laptop. Ratios come from the same run, their sides taking turns, so that a
//! noisy neighbour hurts both.

mod calls;
mod faults;
mod life;
mod metrics;
mod observe;
mod process;
mod recovery;
mod throughput;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;

/// As in the program: a call in process is measured with what it allocates there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures start-up, memory, throughput, the cost of telemetry and of calls, and crash safety.
#[derive(Debug, Parser)]
struct Args {
    /// What to measure; without it, everything but checkouts, which are for a profile
    #[arg(value_parser = ["startup", "memory", "throughput", "checkouts", "databases", "calls", "faults", "recovery", "crash", "observe", "observe-crash", "metrics", "metrics-series", "metrics-rules", "metrics-crash"])]
    what: Vec<String>,
    /// How often the shop is killed
    #[arg(long, default_value_t = 200)]
    kills: usize,
    /// Seconds of each turn of throughput
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Seconds of load before memory is read
    #[arg(long, default_value_t = 60)]
    memory_after: u64,
    /// Spans that the observatory is measured with
    #[arg(long, default_value_t = 10_000_000)]
    spans: usize,
    /// How much metrics are measured with.
    #[command(flatten)]
    metrics: metrics::Sizes,
    /// The binary; without it, the one beside this one
    #[arg(long)]
    binary: Option<PathBuf>,
}

fn sibling() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let binary = own.parent().context("a folder")?.join("vitrine");
    anyhow::ensure!(binary.exists(), "{} is not built: cargo build --release -p vitrine", binary.display());
    Ok(binary)
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    let args = Args::parse();
    // It needs no binary.
    if args.what == ["faults"] {
        return faults::measure().await;
    }
    let binary = args.binary.clone().map_or_else(sibling, Ok)?;
    let wanted = |what: &str| args.what.is_empty() || args.what.iter().any(|w| w == what);
    let cores = std::thread::available_parallelism()?;
    println!("vitrine {} on {cores} cores, {}\n", env!("CARGO_PKG_VERSION"), binary.display());
    if wanted("startup") {
        life::startup(&binary).await?;
    }
    if wanted("memory") {
        life::memory(&binary, args.memory_after).await?;
    }
    if wanted("calls") {
        calls::compare().await?;
    }
    if wanted("faults") {
        faults::measure().await?;
    }
    if wanted("throughput") {
        throughput::compare(&binary, args.seconds).await?;
    }
    if args.what.iter().any(|w| w == "checkouts") {
        throughput::checkouts(&binary, args.seconds).await?;
    }
    if wanted("databases") {
        throughput::databases(&binary, args.seconds).await?;
    }
    if wanted("recovery") {
        recovery::measure(&binary).await?;
    }
    if wanted("observe") {
        observe::measure(&binary, args.spans).await?;
    }
    if wanted("metrics") {
        metrics::day(&binary, &args.metrics).await?;
    }
    if wanted("metrics-series") {
        metrics::many(&binary, &args.metrics).await?;
    }
    if wanted("metrics-rules") {
        metrics::rules(&binary, &args.metrics).await?;
    }
    if wanted("observe-crash") {
        life::ingest_crashes(&binary, args.kills).await?;
    }
    if wanted("metrics-crash") {
        metrics::crashes(&binary, args.kills).await?;
    }
    if wanted("crash") {
        life::crashes(&binary, args.kills).await?;
    }
    Ok(())
}
