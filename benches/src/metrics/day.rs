//! A day of some hosts, taken in at once.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use tokio::sync::Barrier;

use super::Sizes;
use super::hosts::Version;
use super::subject::{Bytes, Subject, write};
use super::workload::Workload;
use crate::goals::tell;
use crate::observe::wire::Wire;

/// Connections that send.
const SENDERS: usize = 4;
/// Rounds of requests after which senders wait for each other.
const ROUNDS_APART: usize = 20;
/// How often each query is asked.
const REPEATS: usize = 15;
/// Seconds of an hour.
pub(super) const HOUR_S: i64 = 3_600;

/// What a dashboard asks.
pub(super) const QUERIES: [(&str, &str); 7] = [
    ("rate by mode", "sum by (mode) (rate(node_cpu_seconds_total[5m]))"),
    (
        "p99 by handler",
        "histogram_quantile(0.99, sum by (le, handler) (rate(http_request_duration_seconds_bucket[5m])))",
    ),
    ("memory by host", "avg by (instance) (node_memory_Free_bytes)"),
    ("top devices", "topk(5, rate(node_network_receive_bytes_total[5m]))"),
    ("busy share", "1 - avg by (instance) (rate(node_cpu_seconds_total{mode=\"idle\"}[5m]))"),
    ("sum by name", "sum by (__name__) ({__name__=~\"node_constant_.*\"})"),
    ("each rate", "rate(node_cpu_seconds_total{mode=~\"user|system|idle\"}[5m])"),
];

/// What was measured of one.
struct Measured {
    name: String,
    cpu_s: f64,
    wall_s: f64,
    bytes: Bytes,
    resident_mib: f64,
    peak_mib: f64,
    /// Milliseconds, and those of CPU, of each query: over the last hour, over everything.
    queries: Vec<[[f64; 2]; 2]>,
}

pub(super) async fn compare(binary: &Path, sizes: &Sizes) -> Result<()> {
    let workload = Workload::new(sizes.samples, sizes.hours, sizes.together);
    println!(
        "  {} samples of {} series at a time over {} h, {} altogether, {} of each in a request, {SENDERS} connections",
        workload.samples(),
        workload.series(),
        sizes.hours,
        workload.all_series(),
        sizes.together
    );
    let ours = one(Subject::ours(binary, &[])?, Version::V2, &workload).await?;
    let ours_1 = one(Subject::ours(binary, &[])?, Version::V1, &workload).await?;
    let prometheus = one(Subject::prometheus()?, Version::V2, &workload).await?;
    let prometheus_1 = one(Subject::prometheus()?, Version::V1, &workload).await?;
    let victoria = one(Subject::victoria()?, Version::V1, &workload).await?;
    let all = [ours, ours_1, prometheus, prometheus_1, victoria];
    print(&all, &workload);
    let [ours, ours_1, prometheus, prometheus_1, victoria] = &all;
    let samples = workload.samples() as f64;
    tell("samples per CPU second by remote write 2.0, synced", samples / ours.cpu_s, "", 1_500_000.0, true);
    let rate = |of: &Measured| samples / of.cpu_s;
    tell("of VictoriaMetrics's, 2.0 to 1.0", rate(ours) / rate(victoria), "", 2.0, true);
    tell("of VictoriaMetrics's, 1.0 to 1.0", rate(ours_1) / rate(victoria), "", 2.0, true);
    tell("of Prometheus's, 2.0 to 2.0", rate(ours) / rate(prometheus), "", 4.0, true);
    tell("of Prometheus's, 1.0 to 1.0", rate(ours_1) / rate(prometheus_1), "", 4.0, true);
    for (peer, bytes, queries) in [(victoria, 0.85, 0.5), (prometheus, 0.35, 0.25)] {
        let of = |value: fn(&Measured) -> f64| value(ours) / value(peer);
        tell(&format!("bytes, of {}'s", peer.name), of(|m| m.bytes.all as f64), "", bytes, false);
        tell(&format!("bytes of names and index, of {}'s", peer.name), of(|m| m.bytes.index as f64), "", 0.4, false);
        for (place, what) in ["time", "CPU time"].into_iter().enumerate() {
            let pairs = ours.queries.iter().flatten().zip(peer.queries.iter().flatten());
            let mut ratios: Vec<f64> = pairs.map(|(ours, theirs)| ours[place] / theirs[place]).collect();
            ratios.sort_by(f64::total_cmp);
            let name = format!("{what} of range queries, of {}'s, median", peer.name);
            tell(&name, ratios[ratios.len() / 2], "", queries, false);
        }
    }
    tell("most memory, of Prometheus's", ours.peak_mib / prometheus.peak_mib, "", 0.2, false);
    println!();
    Ok(())
}

async fn one(mut subject: Subject, version: Version, workload: &Workload) -> Result<Measured> {
    let (before, began) = (subject.cpu()?, Instant::now());
    send(&subject, version, workload).await?;
    let wall_s = began.elapsed().as_secs_f64();
    let sent = subject.cpu()? - before;
    let (resident_mib, peak_mib) = subject.resident()?;
    // What merging costs is in it.
    let (bytes, merging) = subject.finished().await?;
    let queries = queries(&mut subject, workload).await?;
    let (_, asked_mib) = subject.resident()?;
    let protocol = if version == Version::V1 { "1.0" } else { "2.0" };
    Ok(Measured {
        name: format!("{}, {protocol}", subject.name),
        cpu_s: sent + merging,
        wall_s,
        bytes,
        resident_mib,
        peak_mib: peak_mib.max(asked_mib),
        queries,
    })
}

async fn send(subject: &Subject, version: Version, workload: &Workload) -> Result<()> {
    let mut senders = Vec::new();
    // Prometheus refuses what is an hour older than the newest: no sender goes far ahead of another.
    let together = Arc::new(Barrier::new(SENDERS));
    for number in 0..SENDERS {
        let mut wire = Wire::connect(&subject.url()).await?;
        let (rounds, together) = (workload.rounds(version, number, SENDERS), together.clone());
        let path = format!("{}/write", subject.api());
        senders.push(tokio::spawn(async move {
            for (place, requests) in rounds.enumerate() {
                if place.is_multiple_of(ROUNDS_APART) {
                    together.wait().await;
                }
                for request in requests {
                    write(&mut wire, &path, version, &request).await?;
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

/// Seconds between two steps of a query over all: a peer keeps at most 11,000 steps of a result.
pub(super) fn long_step_s((start, end): (i64, i64)) -> i64 {
    ((end - start) / 1_440).max(60)
}

async fn queries(subject: &mut Subject, workload: &Workload) -> Result<Vec<[[f64; 2]; 2]>> {
    let (start, end) = workload.times();
    let long = long_step_s((start, end));
    let mut all = Vec::new();
    for (_, query) in QUERIES {
        let mut medians = [[0.0; 2]; 2];
        for (median, (from, step)) in medians.iter_mut().zip([((end - HOUR_S).max(start), 15), (start + 300, long)]) {
            let query = vitrine_kit::percent::encode(query);
            let path =
                format!("{}/query_range?query={query}&start={from}&end={end}&step={step}&nocache=1", subject.api());
            *median = subject.median(&path, REPEATS, "\"values\"").await?;
        }
        all.push(medians);
    }
    Ok(all)
}

fn print(all: &[Measured], workload: &Workload) {
    println!(
        "  {:<28} {:>14} {:>9} {:>9} {:>14} {:>11} {:>9}",
        "", "samples/CPU s", "wall s", "B/sample", "B/series index", "memory MiB", "peak MiB"
    );
    let (samples, series) = (workload.samples() as f64, workload.all_series() as f64);
    for Measured { name, cpu_s, wall_s, bytes, resident_mib, peak_mib, .. } in all {
        println!(
            "  {name:<28} {:>14.0} {wall_s:>9.1} {:>9.3} {:>14.1} {resident_mib:>11.0} {peak_mib:>9.0}",
            samples / cpu_s,
            bytes.all as f64 / samples,
            bytes.index as f64 / series
        );
    }
    for (number, (name, _)) in QUERIES.iter().enumerate() {
        println!("  {name}, ms and CPU ms: of the last hour; of all");
        for Measured { name, queries, .. } in all {
            let [[hour, hour_cpu], [long, long_cpu]] = queries[number];
            println!("    {name:<28} {hour:>9.1} {hour_cpu:>9.1}; {long:>9.1} {long_cpu:>9.1}");
        }
    }
}
