//! What is told of one cgroup.

use std::time::{SystemTime, UNIX_EPOCH};

use vitrine_observe_series::MetricType;

use crate::families::Families;
use crate::files::{Files, number};
use crate::{Container, Containers, Names};

/// Digits of a container's id.
const ID_DIGITS: usize = 64;

/// One cgroup. What its kernel does not tell is none.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// Its path from the root.
    pub id: String,
    /// Seconds of processors: all, in programs, in the kernel.
    pub cpu: Option<[f64; 3]>,
    /// Periods, throttled periods, throttled seconds.
    pub throttling: Option<[f64; 3]>,
    pub memory: Option<Memory>,
    /// Bytes read and written, by device.
    pub disks: Vec<(String, [f64; 2])>,
    pub threads: Option<f64>,
    pub processes: Option<f64>,
    /// Resource, whether all were stalled, seconds.
    pub pressure: Vec<(&'static str, bool, f64)>,
    pub limits: Limits,
    /// When it was made, in seconds since 1970.
    pub started: Option<f64>,
    /// One of its processes.
    pub process: Option<String>,
}

/// Bytes of memory, and how often there was none.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub usage: f64,
    pub working_set: f64,
    pub rss: f64,
    pub cache: f64,
    pub swap: f64,
    pub mapped_file: f64,
    pub max_usage: Option<f64>,
    pub failcnt: f64,
    pub page_faults: f64,
    pub major_page_faults: f64,
    pub oom_kills: Option<f64>,
}

/// What it may take; none is no limit.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    pub memory: Option<f64>,
    /// Microseconds of processors in a period.
    pub cpu_quota: Option<f64>,
    /// Microseconds of a period.
    pub cpu_period: Option<f64>,
    pub cpu_shares: Option<f64>,
}

impl Group {
    /// The id of its container; none where it is of none.
    fn container(&self) -> Option<&str> {
        let last = self.id.rsplit('/').next()?;
        let stem = last.strip_suffix(".scope").unwrap_or(last);
        let id = ["docker-", "cri-containerd-", "crio-", "libpod-"]
            .iter()
            .find_map(|prefix| stem.strip_prefix(prefix))
            .unwrap_or(stem);
        (id.len() == ID_DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(id)
    }

    /// Adds what is known of it.
    pub fn tell(&self, files: &Files, names: Names, containers: &Containers, families: &mut Families) {
        let container = self.container();
        let known = container.and_then(|id| containers.get(id));
        match names {
            Names::NodeExporter => self.tell_cadvisor(known, files, families),
            Names::OpenTelemetry => {
                if let Some(container) = container {
                    self.tell_open_telemetry(container, known, files, families);
                }
            }
        }
    }

    fn tell_cadvisor(&self, known: Option<&Container>, files: &Files, families: &mut Families) {
        // Whoever is not known by a name is known by its id.
        let name = known.map_or_else(|| self.container().unwrap_or_default(), |known| known.name.as_str());
        let image = known.map_or("", |known| known.image.as_str());
        let mut own: Vec<(&str, &str)> = vec![("id", self.id.as_str()), ("image", image), ("name", name)];
        let labels = known.iter().flat_map(|known| &known.labels);
        own.extend(labels.map(|(name, value)| (name.as_str(), value.as_str())));
        let mut counter = |name: &str, help: &str, value: f64| families.counter(name, help, &own, value);
        if let Some([all, user, system]) = self.cpu {
            counter("container_cpu_usage_seconds_total", "Cumulative cpu time consumed in seconds.", all);
            counter("container_cpu_user_seconds_total", "Cumulative user cpu time consumed in seconds.", user);
            counter("container_cpu_system_seconds_total", "Cumulative system cpu time consumed in seconds.", system);
        }
        if let Some([periods, throttled, seconds]) = self.throttling {
            counter("container_cpu_cfs_periods_total", "Number of elapsed enforcement period intervals.", periods);
            counter("container_cpu_cfs_throttled_periods_total", "Number of throttled period intervals.", throttled);
            counter(
                "container_cpu_cfs_throttled_seconds_total",
                "Total time duration the container has been throttled.",
                seconds,
            );
        }
        for (resource, is_stalled, seconds) in &self.pressure {
            let state = if *is_stalled { "stalled" } else { "waiting" };
            let help = "Total time duration tasks in the container have waited or stalled due to congestion.";
            counter(&format!("container_pressure_{resource}_{state}_seconds_total"), help, *seconds);
        }
        if let Some(memory) = &self.memory {
            memory.tell(&own, families);
        }
        for (device, [read, written]) in &self.disks {
            let labels: Vec<(&str, &str)> = with(&own, ("device", device));
            families.counter("container_fs_reads_bytes_total", "Cumulative count of bytes read", &labels, *read);
            families.counter("container_fs_writes_bytes_total", "Cumulative count of bytes written", &labels, *written);
        }
        self.tell_spec(&own, families);
        self.each_interface(files, |interface, columns| {
            let labels = with(&own, ("interface", interface));
            for (name, value) in INTERFACE_COLUMNS.iter().zip(columns) {
                let help = "Cumulative count of what interfaces received and transmitted.";
                families.counter(&format!("container_network_{name}_total"), help, &labels, value);
            }
        });
    }

    fn tell_spec(&self, own: &[(&str, &str)], families: &mut Families) {
        let limits = &self.limits;
        for (name, help, value) in [
            ("container_threads", "Number of threads running inside the container", self.threads),
            ("container_processes", "Number of processes running inside the container.", self.processes),
            ("container_start_time_seconds", "Start time of the container since unix epoch in seconds.", self.started),
            ("container_last_seen", "Last time a container was seen by the exporter", Some(now())),
            (
                "container_spec_memory_limit_bytes",
                "Memory limit for the container.",
                Some(limits.memory.unwrap_or(0.0)),
            ),
            ("container_spec_cpu_quota", "CPU quota of the container.", limits.cpu_quota),
            ("container_spec_cpu_period", "CPU period of the container.", limits.cpu_period),
            ("container_spec_cpu_shares", "CPU share of the container.", limits.cpu_shares),
        ] {
            if let Some(value) = value {
                families.gauge(name, help, own, value);
            }
        }
    }

    fn tell_open_telemetry(&self, container: &str, known: Option<&Container>, files: &Files, families: &mut Families) {
        let mut own = vec![("container.id", container)];
        if let Some(Container { name, image, .. }) = known {
            own.extend([("container.name", name.as_str()), ("container.image.name", image)]);
        }
        if let Some([all, user, system]) = self.cpu {
            for (mode, value) in [("user", user), ("system", system), ("other", (all - user - system).max(0.0))] {
                let labels = with(&own, ("cpu.mode", mode));
                families.add("container.cpu.time", MetricType::Counter, "Total CPU time consumed", "s", &labels, value);
            }
        }
        if let Some(memory) = &self.memory {
            for (name, help, value) in [
                ("container.memory.usage", "Memory usage of the container", memory.usage),
                ("container.memory.working_set", "Container memory working set", memory.working_set),
                ("container.memory.rss", "Container memory RSS", memory.rss),
            ] {
                families.add(name, MetricType::Gauge, help, "By", &own, value);
            }
        }
        for (device, values) in &self.disks {
            for (direction, value) in ["read", "write"].iter().zip(values) {
                let labels = with(&with(&own, ("disk.io.direction", direction)), ("system.device", device));
                families.add(
                    "container.disk.io",
                    MetricType::Counter,
                    "Disk bytes for the container",
                    "By",
                    &labels,
                    *value,
                );
            }
        }
        self.each_interface(files, |interface, [received, .., sent, _, _, _]| {
            for (direction, value) in [("receive", received), ("transmit", sent)] {
                let labels =
                    with(&with(&own, ("network.interface.name", interface)), ("network.io.direction", direction));
                families.add(
                    "container.network.io",
                    MetricType::Counter,
                    "Network bytes for the container",
                    "By",
                    &labels,
                    value,
                );
            }
        });
        if let Some(started) = self.started {
            let help = "The time the container has been running";
            families.add("container.uptime", MetricType::Gauge, help, "s", &own, (now() - started).max(0.0));
        }
    }

    /// Bytes, packets, errors and drops received and sent, of each interface that a container, or the host, has.
    fn each_interface(&self, files: &Files, mut each: impl FnMut(&str, [f64; 8])) {
        let process = match (&self.process, self.id.as_str()) {
            (_, "/") => "1",
            (Some(process), _) if self.container().is_some() => process,
            _ => return,
        };
        // It may have ended.
        let Ok(text) = files.proc(&format!("{process}/net/dev")) else { return };
        for line in text.lines().skip(2) {
            let Some((interface, rest)) = line.split_once(':') else { continue };
            let values: Vec<f64> = rest.split_whitespace().map(|word| number(Some(word))).collect();
            let value = |place: usize| values.get(place).copied().unwrap_or_default();
            each(interface.trim(), [value(0), value(1), value(2), value(3), value(8), value(9), value(10), value(11)]);
        }
    }
}

/// In the order in which [`Group::each_interface`] has them.
const INTERFACE_COLUMNS: [&str; 8] = [
    "receive_bytes",
    "receive_packets",
    "receive_errors",
    "receive_packets_dropped",
    "transmit_bytes",
    "transmit_packets",
    "transmit_errors",
    "transmit_packets_dropped",
];

impl Memory {
    fn tell(&self, own: &[(&str, &str)], families: &mut Families) {
        for (name, help, value) in [
            (
                "usage_bytes",
                "Current memory usage, including all memory regardless of when it was accessed",
                Some(self.usage),
            ),
            ("working_set_bytes", "Current working set.", Some(self.working_set)),
            ("rss", "Size of RSS.", Some(self.rss)),
            ("cache", "Total page cache memory.", Some(self.cache)),
            ("swap", "Container swap usage.", Some(self.swap)),
            ("mapped_file", "Size of memory mapped files.", Some(self.mapped_file)),
            ("max_usage_bytes", "Maximum memory usage recorded", self.max_usage),
        ] {
            if let Some(value) = value {
                families.gauge(&format!("container_memory_{name}"), help, own, value);
            }
        }
        families.counter("container_memory_failcnt", "Number of memory usage hits limits", own, self.failcnt);
        for (kind, value) in [("pgfault", self.page_faults), ("pgmajfault", self.major_page_faults)] {
            let labels: Vec<(&str, &str)> = [("failure_type", kind)]
                .into_iter()
                .chain(own.iter().copied())
                .chain([("scope", "container")])
                .collect();
            let help = "Cumulative count of memory allocation failures.";
            families.counter("container_memory_failures_total", help, &labels, value);
        }
        if let Some(kills) = self.oom_kills {
            let help = "Count of out of memory events observed for the container";
            families.counter("container_oom_events_total", help, own, kills);
        }
    }
}

/// Labels with one more.
fn with<'a>(own: &[(&'a str, &'a str)], more: (&'a str, &'a str)) -> Vec<(&'a str, &'a str)> {
    own.iter().copied().chain([more]).collect()
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::Group;

    #[test]
    fn containers_are_known_by_their_paths() {
        let id = "0123456789abcdef".repeat(4);
        for path in [
            format!("/docker/{id}"),
            format!("/system.slice/docker-{id}.scope"),
            format!("/kubepods.slice/kubepods-pod1.slice/cri-containerd-{id}.scope"),
            format!("/kubepods/besteffort/pod1/{id}"),
            format!("/kubepods.slice/crio-{id}.scope"),
            format!("/machine.slice/libpod-{id}.scope"),
        ] {
            let group = Group { id: path, ..Group::default() };
            assert_eq!(group.container(), Some(id.as_str()), "{}", group.id);
        }
        for path in ["/", "/system.slice/ssh.service", "/docker", "/docker/0123"] {
            assert_eq!(Group { id: path.to_owned(), ..Group::default() }.container(), None, "{path}");
        }
    }
}
