//! Memory.

use vitrine_observe_series::MetricType;

use crate::Names;
use crate::families::Families;
use crate::files::{Error, Files, number};

/// Bytes in what the kernel calls kB.
const KIBI: f64 = 1_024.0;

/// `/proc/meminfo`.
pub(crate) fn memory(files: &Files, names: Names, families: &mut Families) -> Result<(), Error> {
    let text = files.proc("meminfo")?;
    let fields = text.lines().filter_map(|line| {
        let (key, rest) = line.split_once(':')?;
        let mut words = rest.split_whitespace();
        let value = number(words.next());
        let is_bytes = words.next() == Some("kB");
        Some((key, if is_bytes { value * KIBI } else { value }, is_bytes))
    });
    let fields: Vec<(&str, f64, bool)> = fields.collect();
    if names == Names::NodeExporter {
        for (key, value, is_bytes) in fields {
            let key = key.replace('(', "_").replace(')', "");
            let suffix = if is_bytes { "_bytes" } else { "" };
            let help = format!("Memory information field {key}{suffix}.");
            families.gauge(&format!("node_memory_{key}{suffix}"), &help, &[], value);
        }
        return Ok(());
    }
    let get = |name: &str| fields.iter().find(|(key, ..)| *key == name).map_or(0.0, |(_, value, _)| *value);
    let (total, free, buffers) = (get("MemTotal"), get("MemFree"), get("Buffers"));
    let cached = get("Cached") + get("SReclaimable");
    let mut usage = |state: &str, value: f64| {
        let labels = [("system.memory.state", state)];
        families.add("system.memory.usage", MetricType::Gauge, "Reports memory in use by state", "By", &labels, value);
    };
    usage("used", (total - free - buffers - cached).max(0.0));
    usage("free", free);
    usage("buffers", buffers);
    usage("cached", cached);
    let mut gauge = |name: &str, help: &str, labels: &[(&str, &str)], value: f64| {
        families.add(name, MetricType::Gauge, help, "By", labels, value);
    };
    gauge("system.memory.limit", "Total memory available in the system", &[], total);
    gauge(
        "system.memory.linux.available",
        "An estimate of how much memory is available for starting new applications",
        &[],
        get("MemAvailable"),
    );
    gauge(
        "system.memory.linux.slab.usage",
        "Memory used by the kernel's slabs",
        &[("linux.memory.slab.state", "reclaimable")],
        get("SReclaimable"),
    );
    gauge(
        "system.memory.linux.slab.usage",
        "Memory used by the kernel's slabs",
        &[("linux.memory.slab.state", "unreclaimable")],
        get("SUnreclaim"),
    );
    let used = get("SwapTotal") - get("SwapFree");
    gauge("system.paging.usage", "Swap or page file usage", &[("system.paging.state", "used")], used);
    gauge("system.paging.usage", "Swap or page file usage", &[("system.paging.state", "free")], get("SwapFree"));
    Ok(())
}

/// `/proc/vmstat`, as far as the node exporter takes it.
pub(crate) fn vmstat(files: &Files, names: Names, families: &mut Families) -> Result<(), Error> {
    let text = files.proc("vmstat")?;
    let values = text.lines().filter_map(|line| line.split_once(' '));
    if names == Names::NodeExporter {
        // ^(oom_kill|pgpg|pswp|pg.*fault).*
        let is_wanted = |key: &str| {
            ["oom_kill", "pgpg", "pswp"].iter().any(|start| key.starts_with(start))
                || (key.starts_with("pg") && key.contains("fault"))
        };
        for (key, value) in values.filter(|(key, _)| is_wanted(key)) {
            let help = format!("/proc/vmstat information field {key}.");
            families.untyped(&format!("node_vmstat_{key}"), &help, &[], number(Some(value)));
        }
        return Ok(());
    }
    let get = |name: &str| number(values.clone().find(|(key, _)| *key == name).map(|(_, value)| value));
    let (all, major) = (get("pgfault"), get("pgmajfault"));
    let (swapped_in, swapped_out) = (get("pswpin"), get("pswpout"));
    for (kind, value) in [("major", major), ("minor", all - major)] {
        let labels = [("system.paging.fault.type", kind)];
        families.add("system.paging.faults", MetricType::Counter, "Page faults", "{fault}", &labels, value);
    }
    for (direction, value) in [("in", swapped_in), ("out", swapped_out)] {
        let labels = [("system.paging.direction", direction)];
        families.add("system.paging.operations", MetricType::Counter, "Pages swapped", "{operation}", &labels, value);
    }
    Ok(())
}
