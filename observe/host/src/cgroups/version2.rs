//! Version 2: one folder for each cgroup.

use std::path::Path;
use std::time::UNIX_EPOCH;

use super::Group;
use super::group::{Limits, Memory};
use crate::files::{number, read as read_file};

/// Seconds in a microsecond.
const MICRO: f64 = 0.000_001;

/// Reads a cgroup. What has ended meanwhile, or what its kernel does not have, is left out.
pub(crate) fn read(root: &Path, id: &str) -> Group {
    let folder = root.join(id.trim_start_matches('/'));
    let text = |name: &str| read_file(&folder.join(name)).ok();
    let cpu = text("cpu.stat");
    let field = |name: &str| cpu.as_deref().and_then(|text| keyed(text, name));
    let is_throttled = field("nr_periods").is_some();
    let processes = text("cgroup.procs");
    let lines = processes.as_deref().map(|text| text.lines().count() as f64);
    let cpu_max = text("cpu.max");
    let mut quota = cpu_max.as_deref().unwrap_or_default().split_whitespace();
    Group {
        id: id.to_owned(),
        cpu: field("usage_usec").map(|all| {
            [all, field("user_usec").unwrap_or_default(), field("system_usec").unwrap_or_default()].map(|n| n * MICRO)
        }),
        throttling: is_throttled.then(|| {
            let throttled = field("throttled_usec").unwrap_or_default() * MICRO;
            [field("nr_periods").unwrap_or_default(), field("nr_throttled").unwrap_or_default(), throttled]
        }),
        memory: memory(&text),
        disks: disks(&text("io.stat").unwrap_or_default()),
        threads: text("pids.current").map(|text| number(Some(&text))),
        processes: lines,
        pressure: pressure(&text),
        limits: Limits {
            memory: text("memory.max").and_then(|text| text.trim().parse().ok()),
            cpu_quota: quota.next().and_then(|word| word.parse().ok()),
            cpu_period: quota.next().and_then(|word| word.parse().ok()),
            // As the kernel's documentation converts a weight of 1 to 10,000 into shares of 2 to 262,144.
            cpu_shares: text("cpu.weight").map(|text| {
                let weight = number(Some(&text));
                (2.0 + (weight - 1.0) * 262_142.0 / 9_999.0).round()
            }),
        },
        started: started(&folder),
        process: processes.as_deref().and_then(|text| text.lines().next()).map(str::to_owned),
    }
}

/// When a folder was made, in seconds since 1970.
pub(super) fn started(folder: &Path) -> Option<f64> {
    let made = std::fs::metadata(folder).and_then(|metadata| metadata.modified()).ok()?;
    Some(made.duration_since(UNIX_EPOCH).ok()?.as_secs_f64().trunc())
}

/// The number after a key, in a file of keys and numbers.
pub(super) fn keyed(text: &str, key: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
    line.map(|value| number(Some(value)))
}

fn memory(text: &impl Fn(&str) -> Option<String>) -> Option<Memory> {
    // The root has no file of its own for this.
    let usage = text("memory.current").map(|text| number(Some(&text)))?;
    let stat = text("memory.stat").unwrap_or_default();
    let get = |name: &str| keyed(&stat, name).unwrap_or_default();
    let events = text("memory.events").unwrap_or_default();
    Some(Memory {
        usage,
        working_set: (usage - get("inactive_file")).max(0.0),
        rss: get("anon"),
        cache: get("file"),
        swap: text("memory.swap.current").map(|text| number(Some(&text))).unwrap_or_default(),
        mapped_file: get("file_mapped"),
        max_usage: text("memory.peak").map(|text| number(Some(&text))),
        failcnt: keyed(&events, "max").unwrap_or_default(),
        page_faults: get("pgfault"),
        major_page_faults: get("pgmajfault"),
        oom_kills: keyed(&events, "oom_kill"),
    })
}

/// `8:0 rbytes=90430464 wbytes=299008000 rios=8950 wios=1252 dbytes=0 dios=0`
fn disks(text: &str) -> Vec<(String, [f64; 2])> {
    let lines = text.lines().filter_map(|line| {
        let (device, rest) = line.split_once(' ')?;
        let get = |key: &str| number(rest.split(' ').find_map(|pair| pair.strip_prefix(key)));
        Some((device.to_owned(), [get("rbytes="), get("wbytes=")]))
    });
    lines.collect()
}

fn pressure(text: &impl Fn(&str) -> Option<String>) -> Vec<(&'static str, bool, f64)> {
    let mut found = Vec::new();
    for resource in ["cpu", "memory", "io"] {
        for line in text(&format!("{resource}.pressure")).unwrap_or_default().lines() {
            let total = line.split(' ').find_map(|pair| pair.strip_prefix("total="));
            found.push((resource, line.starts_with("full"), number(total) * MICRO));
        }
    }
    found
}
