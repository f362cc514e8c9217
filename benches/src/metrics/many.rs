//! As many series as a large installation has, with few samples each.

use std::io::Write as _;
use std::path::Path;

use anyhow::Result;

use super::Sizes;
use super::hosts::{Version, field, label, pack, sample};
use super::subject::{Subject, write};
use super::workload::{STEP_S, now_s};
use crate::goals::tell;
use crate::observe::wire::Wire;

/// Series of one request, as Prometheus sends them.
const A_REQUEST: usize = 2_000;
/// Series of one instance, each of a name of its own.
const OF_AN_INSTANCE: usize = 500;
/// MiB that the observatory may take for each million of series.
const MEMORY_MIB: usize = 1_024;
/// The least of them.
const LEAST_MIB: usize = 96;
/// How often values of a label are asked for.
const REPEATS: usize = 7;

struct Measured {
    name: &'static str,
    kib: f64,
    start_s: f64,
    /// Milliseconds, of each label.
    values: [f64; 2],
    /// Resident MiB before and after the kill, and the most.
    resident_mib: [f64; 3],
    cpu_s: f64,
}

/// Labels whose values are asked for: of the metrics' names, and of instances.
const LABELS: [&str; 2] = ["__name__", "instance"];

pub(super) async fn compare(binary: &Path, sizes: &Sizes) -> Result<()> {
    let Sizes { series, rounds, .. } = *sizes;
    println!("Metrics: {series} active series, {rounds} samples of each");
    let mut config = tempfile::NamedTempFile::new()?;
    writeln!(config, "[observatory]\nmemory_mib = {}", memory_mib(series))?;
    writeln!(config, "[observatory.metrics]\nnew_series_a_second = 1000000\nmax_series = 2000000")?;
    let path = config.path().display().to_string();
    let ours = one(Subject::ours(binary, &["--config", &path])?, sizes).await?;
    let victoria = one(Subject::victoria()?, sizes).await?;
    let prometheus = one(Subject::prometheus()?, sizes).await?;
    for Measured { name, kib, start_s, values: [names, instances], resident_mib: [before, after, peak], cpu_s } in
        [&ours, &victoria, &prometheus]
    {
        println!(
            "  {name:<24} {kib:>7.2} KiB a series, {before:.0} MiB ({after:.0} after a kill, at most {peak:.0}), answers again after {start_s:.1} s, \
             label values {names:.1} and {instances:.1} ms, {cpu_s:.1} CPU s"
        );
    }
    tell("memory of an active series", ours.kib, "KiB", 0.8, false);
    tell("label values, of VictoriaMetrics's", ours.values[1] / victoria.values[1], "", 0.5, false);
    tell("names of metrics, of VictoriaMetrics's", ours.values[0] / victoria.values[0], "", 0.5, false);
    tell("until it answers after kill -9", ours.start_s, "s", 5.0, false);
    tell("the same, of Prometheus's", ours.start_s / prometheus.start_s, "", 0.1, false);
    let [before, after, _] = ours.resident_mib;
    tell("memory after that, of that before", after / before, "", 1.0, false);
    println!();
    Ok(())
}

/// MiB that an observatory may take for so many series.
pub(super) fn memory_mib(series: usize) -> usize {
    (MEMORY_MIB * series / 1_000_000).max(LEAST_MIB)
}

/// Requests with so many samples of each of these series, as of now, those of one sample of each together.
pub(super) fn requests(series: usize, rounds: usize) -> impl Iterator<Item = Vec<Vec<u8>>> {
    let begin = now_s() - STEP_S * rounds as i64;
    (0..rounds).map(move |round| {
        let time_ms = (begin + STEP_S * round as i64) * 1_000;
        let of = |first: usize| request(first..(first + A_REQUEST).min(series), time_ms, round);
        (0..series).step_by(A_REQUEST).map(of).collect()
    })
}

async fn one(mut subject: Subject, sizes: &Sizes) -> Result<Measured> {
    let Sizes { series, rounds, .. } = *sizes;
    let idle = subject.resident()?.0;
    let path = format!("{}/write", subject.api());
    let mut wire = Wire::connect(&subject.url()).await?;
    for request in requests(series, rounds).flatten() {
        write(&mut wire, &path, Version::V1, &request).await?;
    }
    let before = subject.resident()?.0;
    let kib = (before - idle) * 1_024.0 / series as f64;
    let cpu_s = subject.cpu()?;
    let mut values = [0.0; 2];
    for (value, label) in values.iter_mut().zip(LABELS) {
        let path = format!("{}/label/{label}/values", subject.api());
        [*value, _] = subject.median(&path, REPEATS, "success").await?;
    }
    let counted = series.min(OF_AN_INSTANCE).to_string();
    let start_s = subject.killed("count(last_over_time({instance=\"host-0\"}[1h]))", &counted).await?;
    let (after, peak) = subject.resident()?;
    Ok(Measured { name: subject.name, kib, start_s, values, resident_mib: [before, after, peak], cpu_s })
}

/// One sample of each of these series: three of four never change.
fn request(numbers: std::ops::Range<usize>, time_ms: i64, round: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for number in numbers {
        let mut message = Vec::new();
        let (name, instance) = (number % OF_AN_INSTANCE, number / OF_AN_INSTANCE);
        label(&mut message, "__name__", &format!("application_figure_{name}_total"));
        label(&mut message, "instance", &format!("host-{instance}"));
        label(&mut message, "job", "many");
        label(&mut message, "pod", &format!("pod-{:05x}-{instance}", instance * 7_919 % 1_048_576));
        label(&mut message, "zone", if instance.is_multiple_of(2) { "a" } else { "b" });
        let value = if number.is_multiple_of(4) { (number + round * 3) as f64 } else { number as f64 };
        sample(&mut message, time_ms, value);
        field(&mut out, 1, &message);
    }
    pack(&out)
}
