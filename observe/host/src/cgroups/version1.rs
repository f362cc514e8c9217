//! Version 1: a folder for each cgroup in the hierarchy of each controller.

use std::path::{Path, PathBuf};

use super::Group;
use super::group::{Limits, Memory};
use super::version2::{keyed, started};
use crate::files::{number, read as read_file};

/// Seconds in a nanosecond.
const NANO: f64 = 1e-9;
/// Ticks of the kernel in a second.
const TICKS: f64 = 100.0;
/// What the kernel says where there is no limit: about 2^63, whatever its pages are.
const UNLIMITED: f64 = 9.0e18;

/// The hierarchy whose cgroups are told of: that of memory, or of processors where memory has none.
pub(crate) fn hierarchy(root: &Path) -> PathBuf {
    let all = ["memory", "cpuacct", "cpu,cpuacct", "cpu"].map(|name| root.join(name));
    all.iter().find(|folder| folder.is_dir()).unwrap_or(&all[0]).clone()
}

/// Reads a cgroup. What has ended meanwhile, or what its kernel does not have, is left out.
pub(crate) fn read(root: &Path, id: &str) -> Group {
    let path = id.trim_start_matches('/');
    let text = |controllers: &[&str], name: &str| {
        controllers.iter().find_map(|controller| read_file(&root.join(controller).join(path).join(name)).ok())
    };
    const CPU: [&str; 2] = ["cpu", "cpu,cpuacct"];
    const CPUACCT: [&str; 2] = ["cpuacct", "cpu,cpuacct"];
    let usage = text(&CPUACCT, "cpuacct.usage").map(|text| number(Some(&text)) * NANO);
    let split = text(&CPUACCT, "cpuacct.stat").unwrap_or_default();
    let ticks = |name: &str| keyed(&split, name).unwrap_or_default() / TICKS;
    let stat = text(&CPU, "cpu.stat").unwrap_or_default();
    let processes = text(&["memory", "cpuacct", "cpu,cpuacct", "cpu"], "cgroup.procs");
    let one =
        |controllers: &[&str], name: &str| text(controllers, name).and_then(|text| text.trim().parse::<f64>().ok());
    Group {
        id: id.to_owned(),
        cpu: usage.map(|usage| [usage, ticks("user"), ticks("system")]),
        throttling: keyed(&stat, "nr_periods").map(|periods| {
            let get = |name: &str| keyed(&stat, name).unwrap_or_default();
            [periods, get("nr_throttled"), get("throttled_time") * NANO]
        }),
        memory: memory(|name| text(&["memory"], name)),
        disks: disks(&text(&["blkio"], "blkio.throttle.io_service_bytes").unwrap_or_default()),
        threads: one(&["pids"], "pids.current"),
        processes: processes.as_deref().map(|text| text.lines().count() as f64),
        pressure: Vec::new(),
        limits: Limits {
            memory: one(&["memory"], "memory.limit_in_bytes").filter(|bytes| *bytes < UNLIMITED),
            cpu_quota: one(&CPU, "cpu.cfs_quota_us").filter(|quota| *quota > 0.0),
            cpu_period: one(&CPU, "cpu.cfs_period_us"),
            cpu_shares: one(&CPU, "cpu.shares"),
        },
        started: started(&hierarchy(root).join(path)),
        process: processes.as_deref().and_then(|text| text.lines().next()).map(str::to_owned),
    }
}

fn memory(text: impl Fn(&str) -> Option<String>) -> Option<Memory> {
    let one = |name: &str| text(name).map(|text| number(Some(&text)));
    let usage = one("memory.usage_in_bytes")?;
    let stat = text("memory.stat").unwrap_or_default();
    let get = |name: &str| keyed(&stat, &format!("total_{name}")).or_else(|| keyed(&stat, name)).unwrap_or_default();
    Some(Memory {
        usage,
        working_set: (usage - get("inactive_file")).max(0.0),
        rss: get("rss"),
        cache: get("cache"),
        swap: get("swap"),
        mapped_file: get("mapped_file"),
        max_usage: one("memory.max_usage_in_bytes"),
        failcnt: one("memory.failcnt").unwrap_or_default(),
        page_faults: get("pgfault"),
        major_page_faults: get("pgmajfault"),
        oom_kills: text("memory.oom_control").as_deref().and_then(|text| keyed(text, "oom_kill")),
    })
}

/// `8:0 Read 90430464`, `8:0 Write 299008000`, and others that are not asked for.
fn disks(text: &str) -> Vec<(String, [f64; 2])> {
    let mut disks: Vec<(String, [f64; 2])> = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let (Some(device), Some(kind), Some(value)) = (words.next(), words.next(), words.next()) else { continue };
        let place = match kind {
            "Read" => 0,
            "Write" => 1,
            _ => continue,
        };
        let known = disks.iter().position(|(known, _)| known == device).unwrap_or_else(|| {
            disks.push((device.to_owned(), [0.0; 2]));
            disks.len() - 1
        });
        disks[known].1[place] = number(Some(value));
    }
    disks
}
