//! Series against Prometheus and VictoriaMetrics: what samples cost to store, how large they are, how quickly they are asked for.
//!
//! All get the same requests in the same run, remote write 1.0 in snappy, by as many connections, each host's samples in order of time. CPU
//! time is the operating system's account of the server's process. Prometheus and VictoriaMetrics acknowledge before what they took is on
//! disk; the observatory after.

mod workload;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::sync::Barrier;
use vitrine_tests_engines::Server;
use vitrine_tests_testkit::Observatory;

use crate::observe::wire::Wire;
use crate::process;
use workload::Workload;

/// Connections that send.
const SENDERS: usize = 4;
/// Rounds of requests after which senders wait for each other.
const ROUNDS_APART: usize = 20;
/// How long a request that was refused for now waits.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a server may take until its files stay as large as they are.
const QUIET: Duration = Duration::from_secs(12);
/// How often each query is asked.
const REPEATS: usize = 7;

/// What a dashboard asks.
const QUERIES: [(&str, &str); 5] = [
    ("rate by mode", "sum by (mode) (rate(node_cpu_seconds_total[5m]))"),
    (
        "p99 by handler",
        "histogram_quantile(0.99, sum by (le, handler) (rate(http_request_duration_seconds_bucket[5m])))",
    ),
    ("memory by host", "avg by (instance) (node_memory_Free_bytes)"),
    ("top devices", "topk(5, rate(node_network_receive_bytes_total[5m]))"),
    ("busy share", "1 - avg by (instance) (rate(node_cpu_seconds_total{mode=\"idle\"}[5m]))"),
];

/// A server that takes samples.
struct Subject {
    name: &'static str,
    url: String,
    write: &'static str,
    query: &'static str,
    pid: u32,
}

/// What was measured of one.
struct Measured {
    name: &'static str,
    cpu_s: f64,
    wall_s: f64,
    bytes: u64,
    resident_mib: f64,
    peak_mib: f64,
    /// Medians in milliseconds: over the last hour, over everything.
    queries: Vec<[f64; 2]>,
}

/// Compares all three with so many samples.
pub(crate) async fn measure(binary: &Path, samples: usize) -> Result<()> {
    let workload = Workload::new(samples);
    let (series, total) = (workload.series(), workload.samples());
    println!("Metrics: {total} samples of {series} series every 15 s, by remote write 1.0 over {SENDERS} connections");
    let mut all = Vec::new();
    let mut observatory = Observatory::start(binary, &["--retention", "off", "--quiet"])?;
    let ours = Subject {
        name: "vitrine observe",
        url: observatory.observe.clone(),
        write: "/prometheus/api/v1/write",
        query: "/prometheus/api/v1",
        pid: observatory.process().id(),
    };
    all.push(one(&ours, &observatory.data().join("observatory"), &workload).await?);
    drop(observatory);
    let prometheus = vitrine_tests_engines::prometheus(&["--storage.tsdb.retention.time=100y"])?;
    all.push(peer("Prometheus 3.5.3", &prometheus, "data", &workload).await?);
    drop(prometheus);
    let victoria = vitrine_tests_engines::victoria_metrics(&["-retentionPeriod=100y", "-search.latencyOffset=0s"])?;
    all.push(peer("VictoriaMetrics 1.145", &victoria, "data", &workload).await?);
    drop(victoria);
    print(&all, total as f64, series as f64);
    Ok(())
}

async fn peer(name: &'static str, server: &Server, folder: &str, workload: &Workload) -> Result<Measured> {
    let pid = server.pid().with_context(|| format!("{name} does not run"))?;
    let subject = Subject { name, url: server.url(), write: "/api/v1/write", query: "/api/v1", pid };
    one(&subject, &server.folder().join(folder), workload).await
}

async fn one(subject: &Subject, folder: &Path, workload: &Workload) -> Result<Measured> {
    let (before, began) = (process::cpu(subject.pid)?, Instant::now());
    send(subject, workload).await?;
    let wall_s = began.elapsed().as_secs_f64();
    let bytes = settled(folder).await?;
    // What merging costs is in it.
    let cpu_s = process::cpu(subject.pid)? - before;
    let (resident_mib, _) = process::resident(subject.pid)?;
    let queries = queries(subject, workload).await?;
    let (_, peak_mib) = process::resident(subject.pid)?;
    Ok(Measured { name: subject.name, cpu_s, wall_s, bytes, resident_mib, peak_mib, queries })
}

async fn send(subject: &Subject, workload: &Workload) -> Result<()> {
    let mut senders = Vec::new();
    // Prometheus refuses what is an hour older than the newest: no sender goes far ahead of another.
    let together = Arc::new(Barrier::new(SENDERS));
    for number in 0..SENDERS {
        let mut wire = Wire::connect(&subject.url).await?;
        let (rounds, path, together) = (workload.rounds(number, SENDERS), subject.write, together.clone());
        senders.push(tokio::spawn(async move {
            for (place, requests) in rounds.enumerate() {
                if place.is_multiple_of(ROUNDS_APART) {
                    together.wait().await;
                }
                for request in requests {
                    write(&mut wire, path, &request).await?;
                }
            }
            Ok::<_, anyhow::Error>(())
        }));
    }
    for sender in senders {
        sender.await??;
    }
    Ok(())
}

/// Sends a request until it is taken.
async fn write(wire: &mut Wire, path: &str, request: &[u8]) -> Result<()> {
    loop {
        let (status, body) = wire.post_snappy(path, request).await?;
        match status {
            200 | 204 => return Ok(()),
            429 | 503 => tokio::time::sleep(PAUSE).await,
            _ => bail!("{status}: {}", String::from_utf8_lossy(&body)),
        }
    }
}

/// Waits until a folder has been as large as it is for a while.
async fn settled(folder: &Path) -> Result<u64> {
    let (mut bytes, mut since, began) = (process::size(folder)?, Instant::now(), Instant::now());
    while since.elapsed() < QUIET && began.elapsed() < 10 * QUIET {
        tokio::time::sleep(PAUSE * 10).await;
        let now = process::size(folder)?;
        if now != bytes {
            (bytes, since) = (now, Instant::now());
        }
    }
    Ok(bytes)
}

async fn queries(subject: &Subject, workload: &Workload) -> Result<Vec<[f64; 2]>> {
    let mut wire = Wire::connect(&subject.url).await?;
    let (start, end) = workload.times();
    let mut all = Vec::new();
    for (_, query) in QUERIES {
        let mut medians = [0.0; 2];
        for (median, (from, step)) in medians.iter_mut().zip([((end - 3600).max(start), 15), (start + 300, 60)]) {
            let query = vitrine_kit::percent::encode(query);
            let path =
                format!("{}/query_range?query={query}&start={from}&end={end}&step={step}&nocache=1", subject.query);
            let mut times = Vec::new();
            for _ in 0..REPEATS {
                let began = Instant::now();
                let (status, body) = wire.get(&path).await?;
                times.push(began.elapsed().as_secs_f64() * 1e3);
                let text = String::from_utf8_lossy(&body);
                ensure!(status == 200 && text.contains("\"values\""), "{}: {status}: {:.300}", subject.name, text);
            }
            times.sort_by(f64::total_cmp);
            *median = times[REPEATS / 2];
        }
        all.push(medians);
    }
    Ok(all)
}

fn print(all: &[Measured], samples: f64, series: f64) {
    println!(
        "  {:<22} {:>14} {:>10} {:>9} {:>13} {:>13} {:>9}",
        "", "samples/CPU s", "wall s", "B/sample", "memory KiB/se", "memory MiB", "peak MiB"
    );
    for Measured { name, cpu_s, wall_s, bytes, resident_mib, peak_mib, .. } in all {
        let (rate, each) = (samples / cpu_s, *bytes as f64 / samples);
        let per_series = resident_mib * 1024.0 / series;
        println!(
            "  {name:<22} {rate:>14.0} {wall_s:>10.1} {each:>9.3} {per_series:>13.2} {resident_mib:>13.0} {peak_mib:>9.0}"
        );
    }
    for (number, (name, _)) in QUERIES.iter().enumerate() {
        let times: Vec<String> = all
            .iter()
            .map(|measured| {
                format!("{} {:.1} / {:.1} ms", measured.name, measured.queries[number][0], measured.queries[number][1])
            })
            .collect();
        println!("  {name:<16} 1 h / all: {}", times.join(", "));
    }
    let [ours, peers @ ..] = all else { return };
    for peer in peers {
        let ratio = |of: fn(&Measured) -> f64| of(ours) / of(peer);
        let mut queries: Vec<f64> =
            ours.queries.iter().flatten().zip(peer.queries.iter().flatten()).map(|(a, b)| a / b).collect();
        queries.sort_by(f64::total_cmp);
        println!(
            "  ours / {}: bytes {:.2}, CPU {:.2}, memory {:.2}, median query {:.2}",
            peer.name,
            ratio(|m| m.bytes as f64),
            ratio(|m| m.cpu_s),
            ratio(|m| m.resident_mib),
            queries[queries.len() / 2]
        );
    }
    println!();
}
