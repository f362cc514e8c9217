//! `make bench`: every figure that the project claims, with the method by which it was measured.
//!
//! Server and clients share the machine, as they do on a laptop. Ratios come from the same run, their sides taking turns, so that a
//! noisy neighbour hurts both.

mod analytics;
mod calls;
mod console;
mod faults;
mod flags;
mod goals;
mod life;
mod logs;
mod metrics;
mod observe;
mod peer;
mod process;
mod protobuf;
mod random;
mod range;
mod recovery;
mod script;
mod throughput;
mod web;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use clap::Parser;
use clap::builder::{PossibleValue, PossibleValuesParser};

/// As in the program: a call in process is measured with what it allocates there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What can be measured, in this order, and what it does.
const PARTS: [(&str, &str); 25] = [
    ("startup", "Starts the shop 14 times"),
    ("memory", "Memory after --memory-after seconds of load"),
    ("calls", "A call in process, over gRPC, over NATS"),
    (
        "faults",
        "What faults cost where none is active and where one is, beside Envoy's, and how soon they are in 30 processes",
    ),
    (
        "flags",
        "Flags evaluated beside other engines, over OFREP and gRPC beside Unleash, told to streams, and in memory, in turns of --seconds",
    ),
    ("range", "A campaign of --incidents: how many hit and are seen, and what simple rules find"),
    ("throughput", "Reads and checkouts, and what telemetry costs, in turns of --seconds"),
    (
        "web",
        "Pages and GraphQL beside Node and Apollo Server, in turns of --seconds; changes to 1,000 sockets; Chromium at a page --looks times; memory after --pages",
    ),
    ("console", "Heat-map and comparison over a million spans; Chromium at traces of 10,000 and 100,000 spans"),
    ("checkouts", "Checkouts alone, for a profile: only when it is named"),
    ("databases", "Checkouts on SQLite and on PostgreSQL, in turns of --seconds"),
    ("recovery", "Kills NATS, PostgreSQL and Redis under the shop"),
    ("observe", "--spans spans into the observatory, ClickHouse and rotel"),
    (
        "logs",
        "--records log records into the observatory, ClickHouse and tantivy; words found; documents by _bulk; ten tails",
    ),
    (
        "metrics",
        "--samples samples over --hours into the observatory, Prometheus and VictoriaMetrics, and dashboards of them; memory when idle",
    ),
    ("metrics-series", "--series active series in all three, killed and started again"),
    ("metrics-engine", "The same without a server, for comparing designs: only when it is named"),
    ("metrics-rules", "--rules rules every 15 s for --watched seconds"),
    ("observe-crash", "Kills the observatory --kills times under ingest, and counts what is there"),
    ("logs-crash", "The same under documents and Loki's streams"),
    ("metrics-crash", "The same with rules, alerts and a receiver"),
    ("analytics", "Messages of visitors, in requests of 100, for --seconds"),
    ("analytics-crash", "Kills the shop --kills times under messages of visitors, and counts what was handed on"),
    ("flags-crash", "Kills the flags service --kills times under changes, and looks what is there"),
    ("crash", "Kills the shop --kills times under checkouts, and audits it"),
];
/// The parts that a run of all leaves out.
const ONLY_NAMED: [&str; 2] = ["checkouts", "metrics-engine"];
/// How long a part may take. None has ever needed it: what does not end is told of as failed.
const PART_AT_MOST: Duration = Duration::from_secs(45 * 60);

/// Measures start-up, memory, throughput, the cost of telemetry and of calls, metrics beside their peers, and crash safety.
///
/// All parts together take an hour or two on two cores, a part 45 minutes at most. Each prints what it measures and by which method,
/// and whether its goals are met; the run ends with the goals that are missed, by how much, and the parts that failed.
#[derive(Debug, Parser)]
struct Args {
    /// What to measure; without it, everything but checkouts and metrics-engine
    #[arg(value_parser = PossibleValuesParser::new(PARTS.map(|(name, about)| PossibleValue::new(name).help(about))))]
    what: Vec<String>,
    /// How often the shop, or the observatory, is killed
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
    /// Log records that the observatory is measured with
    #[arg(long, default_value_t = 10_000_000)]
    records: usize,
    /// Incidents of a campaign
    #[arg(long, default_value_t = 200)]
    incidents: u32,
    /// How much metrics are measured with.
    #[command(flatten)]
    metrics: metrics::Sizes,
    /// How much pages are measured with.
    #[command(flatten)]
    web: web::Sizes,
    /// The binary; without it, the one beside this one
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Be the least of a server, for the part flags
    #[arg(long, hide = true)]
    as_peer: bool,
}

fn sibling() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let binary = own.parent().context("a folder")?.join("vitrine");
    anyhow::ensure!(binary.exists(), "{} is not built: cargo build --release -p vitrine", binary.display());
    Ok(binary)
}

async fn measure(part: &str, args: &Args, binary: &Path) -> Result<()> {
    match part {
        "startup" => life::startup(binary).await,
        "memory" => life::memory(binary, args.memory_after).await,
        "calls" => calls::compare().await,
        "faults" => faults::measure(binary).await,
        "flags" => flags::measure(binary, args.seconds).await,
        "range" => range::measure(binary, args.incidents).await,
        "web" => web::measure(binary, args.seconds, args.web).await,
        "console" => console::measure(binary).await,
        "throughput" => throughput::compare(binary, args.seconds).await,
        "checkouts" => throughput::checkouts(binary, args.seconds).await,
        "databases" => throughput::databases(binary, args.seconds).await,
        "recovery" => recovery::measure(binary).await,
        "observe" => observe::measure(binary, args.spans).await,
        "logs" => logs::measure(binary, args.records).await,
        "metrics" => metrics::day(binary, &args.metrics).await,
        "metrics-series" => metrics::many(binary, &args.metrics).await,
        "metrics-engine" => metrics::engine(&args.metrics).await,
        "metrics-rules" => metrics::rules(binary, &args.metrics).await,
        "observe-crash" => life::ingest_crashes(binary, args.kills).await,
        "logs-crash" => life::log_crashes(binary, args.kills).await,
        "metrics-crash" => metrics::crashes(binary, args.kills).await,
        "analytics" => analytics::throughput(binary, args.seconds).await,
        "analytics-crash" => analytics::crashes(binary, args.kills).await,
        "flags-crash" => life::flag_crashes(binary, args.kills).await,
        "crash" => life::crashes(binary, args.kills).await,
        _ => bail!("there is no such part"),
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    let args = Args::parse();
    if args.as_peer {
        return peer::serve().await;
    }
    let binary = args.binary.clone().map_or_else(sibling, Ok)?;
    let cores = std::thread::available_parallelism()?;
    println!("vitrine {} on {cores} cores, {}\n", env!("CARGO_PKG_VERSION"), binary.display());
    let is_wanted = |part: &str| match &args.what[..] {
        [] => !ONLY_NAMED.contains(&part),
        named => named.iter().any(|name| name == part),
    };
    let mut failed = Vec::new();
    for (part, _) in PARTS.into_iter().filter(|(part, _)| is_wanted(part)) {
        let measured = tokio::time::timeout(PART_AT_MOST, Box::pin(measure(part, &args, &binary))).await;
        // The others are measured all the same.
        if let Err(error) = measured.map_err(|_| anyhow!("not within {PART_AT_MOST:?}")).and_then(|measured| measured) {
            println!("{part} failed: {error:#}\n");
            failed.push(part);
        }
    }
    goals::summary();
    if failed.is_empty() { Ok(()) } else { bail!("failed: {}", failed.join(", ")) }
}
