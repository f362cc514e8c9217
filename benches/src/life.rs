//! Starting, staying, and dying.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use vitrine_tests_testkit::{Loss, Options, Placement, Shop, crash, flags_crash, ingest_crash, log_crash};

use crate::process::resident;

/// Starts of which the median is told.
const STARTS: usize = 7;
/// What `vitrine up` does by default.
const DEFAULT_LOAD: &str = "5";
/// What the OpenTelemetry Demo's memory limits add up to, in MB, over 28 containers.
const DEMO_MB: f64 = 6911.0;

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

pub(crate) async fn startup(binary: &Path) -> Result<()> {
    let (mut fresh, mut again) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let mut shop = Shop::start(binary, Placement::Local, &Options::default()).await?;
        fresh.push(shop.process()?.started_in);
        shop.process()?.kill()?;
        shop.kill_and_restart(&Options::default())?;
        again.push(shop.process()?.started_in);
    }
    println!("Start-up to ready (goal: 1 s)");
    println!("  empty data folder, standing catalogue   {:>8.0} ms", median(fresh).as_secs_f64() * 1000.0);
    println!("  after kill -9                           {:>8.0} ms", median(again).as_secs_f64() * 1000.0);
    println!("  method: from starting the process until its ready file is there; median of {STARTS}\n");
    Ok(())
}

pub(crate) async fn memory(binary: &Path, seconds: u64) -> Result<()> {
    let options = Options { load: Some(DEFAULT_LOAD.to_owned()), ..Options::default() };
    let mut shop = Shop::start(binary, Placement::Local, &options).await?;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let (now, most) = resident(shop.process()?.id())?;
    let spans = shop.observatory()?.get("/api/status").await?["traces"]["rows"].to_string();
    shop.process()?.stop()?;
    println!("Resident memory of everything: shop, load, observatory (goal: 200 MiB)");
    println!(
        "  after {seconds} s of default load             {now:>8.0} MiB (at most {most:.0} MiB), {spans} spans held"
    );
    println!("  the OpenTelemetry Demo's limits         {DEMO_MB:>8.0} MB over 28 containers");
    println!("  method: VmRSS and VmHWM of /proc/PID/status\n");
    Ok(())
}

pub(crate) async fn crashes(binary: &Path, kills: usize) -> Result<()> {
    println!("Crash safety");
    for (loss, name) in [(Loss::Process, "kill -9"), (Loss::Power, "loss of power")] {
        let crashes = crash(binary, loss, kills, 10, rand::random()).await?;
        println!(
            "  {:<40}{:>8} times, {} orders acknowledged between them",
            format!("{name} under checkout load"),
            crashes.kills,
            crashes.acknowledged
        );
        println!("  slowest start after one                 {:>8.0} ms", crashes.slowest_start.as_secs_f64() * 1000.0);
    }
    println!("  lost orders, double charges, stock that does not add up: none (audited after every tenth)");
    println!("  method: 8 buyers at a time, killed after 1 to 400 ms; without power, half of the databases, by chance, are as they
  were up to 400 ms before, and the log of commits is whole; see tests/testkit/src/audit.rs\n");
    Ok(())
}

pub(crate) async fn ingest_crashes(binary: &Path, kills: usize) -> Result<()> {
    let crashes = ingest_crash(binary, kills, 20, rand::random()).await?;
    let [spans, logs, points] = crashes.acknowledged[..] else { bail!("expected three kinds of rows: {crashes:?}") };
    println!("The observatory's crash safety");
    println!("  kill -9 under full ingest               {:>8} times", crashes.kills);
    println!("  acknowledged between them               {spans} spans, {logs} log records, {points} metric points");
    println!("  slowest start after one                 {:>8.0} ms", crashes.slowest_start.as_secs_f64() * 1000.0);
    println!("  lost or there twice: none (counted by SQL after every twentieth)");
    println!("  method: 12 senders, killed after 1 to 400 ms; see tests/testkit/src/ingest.rs\n");
    Ok(())
}

pub(crate) async fn log_crashes(binary: &Path, kills: usize) -> Result<()> {
    let crashes = log_crash(binary, kills, 20, rand::random()).await?;
    let [documents, lines] = crashes.acknowledged[..] else { bail!("expected two kinds of rows: {crashes:?}") };
    println!("Crash safety of log records (goal: 200 kills, each acknowledged record there exactly once)");
    println!("  kill -9 under _bulk and Loki's push     {:>8} times", crashes.kills);
    println!("  acknowledged between them               {documents} documents, {lines} lines");
    println!("  slowest start after one                 {:>8.0} ms", crashes.slowest_start.as_secs_f64() * 1000.0);
    println!("  lost or there twice: none (counted by SQL after every twentieth)");
    println!("  method: 8 senders, killed after 1 to 400 ms; see tests/testkit/src/ingest.rs\n");
    Ok(())
}

pub(crate) async fn flag_crashes(binary: &Path, kills: usize) -> Result<()> {
    let crashes = flags_crash(binary, kills, rand::random()).await?;
    println!(
        "The flags service's crash safety (goal: 200 kills, no acknowledged change lost, the audit's chain whole)"
    );
    println!("  kill -9 under changes                   {:>8} times", crashes.kills);
    println!(
        "  acknowledged between them               {} changes at once, {} for later, each made once",
        crashes.acknowledged, crashes.scheduled
    );
    println!("  entries of the audit, verified          {:>8}", crashes.entries);
    println!("  slowest start after one                 {:>8.0} ms", crashes.slowest_start.as_secs_f64() * 1000.0);
    println!(
        "  method: 4 writers, killed after 1 to 250 ms, looked at after each start; see tests/testkit/src/flags.rs\n"
    );
    Ok(())
}
