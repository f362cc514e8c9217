//! The process itself: what it takes of the machine, and how far its runtime lags behind.
//!
//! Source: OpenTelemetry semantic conventions, "OS process metrics". What the system does not say is left out.

use std::fs::read_to_string;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use tokio::runtime::{Handle, RuntimeMetrics};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::observations::Observation;
use crate::observations::ObservationKind::{Counter, Gauge, UpDownCounter};
use crate::pipeline::Service;
use crate::semconv::{
    CPU_MODE, DISK_IO_DIRECTION, PROCESS_CONTEXT_SWITCH_TYPE, PROCESS_CONTEXT_SWITCHES, PROCESS_CPU_TIME,
    PROCESS_DISK_IO, PROCESS_MEMORY_USAGE, PROCESS_MEMORY_VIRTUAL, PROCESS_PAGING_FAULTS, PROCESS_THREAD_COUNT,
    PROCESS_UNIX_FILE_DESCRIPTOR_COUNT, PROCESS_UPTIME, SYSTEM_PAGING_FAULT_TYPE,
};

/// The service that a process is of itself: its figures, and logs that belong to no other service.
pub const PROCESS: &str = "vitrine";

/// How often is looked how late a timer fires.
const PROBE: Duration = Duration::from_millis(100);
/// Bytes of what `/proc` calls a kB.
const KB: f64 = 1024.0;
/// Ticks of a second in `/proc/PID/stat` (`USER_HZ`, 100 on every Linux).
const TICKS_PER_S: f64 = 100.0;

/// Tells of the process, under a service of its own, until stopped. It must run within the runtime that it tells of.
pub(crate) async fn observe(service: Service, stop: CancellationToken) {
    let runtime = Handle::current().metrics();
    service.read_from(move || {
        let mut all = usage();
        all.extend(memory(&read_to_string("/proc/self/status").unwrap_or_default()));
        all.extend(io(&read_to_string("/proc/self/io").unwrap_or_default()));
        all.extend(files());
        all.extend(uptime(
            &read_to_string("/proc/self/stat").unwrap_or_default(),
            &read_to_string("/proc/uptime").unwrap_or_default(),
        ));
        all.extend(tasks(&runtime));
        all
    });
    let delay = service.histogram(
        "vitrine.runtime.schedule.delay",
        "s",
        "How much later than it was due a task ran; timers have steps of a millisecond",
    );
    loop {
        let due = Instant::now() + PROBE;
        if stop.run_until_cancelled(tokio::time::sleep_until(due)).await.is_none() {
            return;
        }
        delay.record(due.elapsed().as_secs_f64(), &[]);
    }
}

/// Processor time, context switches and page faults, of all threads, also of those that have ended.
fn usage() -> Vec<Observation> {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return Vec::new() };
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    let cpu = |mode: &str, value| {
        Observation::new(Counter, PROCESS_CPU_TIME, "s", "Processor time used", value).attr(CPU_MODE, mode)
    };
    let switches = |kind: &str, n: i64| {
        Observation::new(Counter, PROCESS_CONTEXT_SWITCHES, "{context_switch}", "Context switches", n as f64)
            .attr(PROCESS_CONTEXT_SWITCH_TYPE, kind)
    };
    let faults = |kind: &str, n: i64| {
        Observation::new(Counter, PROCESS_PAGING_FAULTS, "{fault}", "Page faults", n as f64)
            .attr(SYSTEM_PAGING_FAULT_TYPE, kind)
    };
    vec![
        cpu("user", seconds(usage.user_time())),
        cpu("system", seconds(usage.system_time())),
        switches("voluntary", usage.voluntary_context_switches()),
        switches("involuntary", usage.involuntary_context_switches()),
        faults("major", usage.major_page_faults()),
        faults("minor", usage.minor_page_faults()),
    ]
}

/// The number behind a name, as `/proc/PID/status` and `/proc/PID/io` have it.
fn number(text: &str, name: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// Memory and threads, from `/proc/self/status`.
fn memory(status: &str) -> Vec<Observation> {
    let figure = |field, name, unit, description, scale: f64| {
        number(status, field).map(|n| Observation::new(UpDownCounter, name, unit, description, n * scale))
    };
    [
        figure("VmRSS", PROCESS_MEMORY_USAGE, "By", "Physical memory in use", KB),
        figure("VmSize", PROCESS_MEMORY_VIRTUAL, "By", "Virtual memory", KB),
        figure("Threads", PROCESS_THREAD_COUNT, "{thread}", "Threads", 1.0),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What was read from disks and written to them, from `/proc/self/io`.
fn io(io: &str) -> Vec<Observation> {
    let figure = |field, direction: &str| {
        let bytes = number(io, field)?;
        let observation =
            Observation::new(Counter, PROCESS_DISK_IO, "By", "Bytes read from disks and written to them", bytes);
        Some(observation.attr(DISK_IO_DIRECTION, direction))
    };
    [figure("read_bytes", "read"), figure("write_bytes", "write")].into_iter().flatten().collect()
}

/// Open files, without the folder that is read to count them.
fn files() -> Option<Observation> {
    let open = std::fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1);
    Some(Observation::new(
        UpDownCounter,
        PROCESS_UNIX_FILE_DESCRIPTOR_COUNT,
        "{file_descriptor}",
        "Open files and connections",
        open as f64,
    ))
}

/// How long the process runs: the time since the system was started, less the time at which the process was.
fn uptime(stat: &str, uptime: &str) -> Option<Observation> {
    let system_s: f64 = uptime.split_whitespace().next()?.parse().ok()?;
    // The name, in parentheses, may hold anything; the start is the 20th field behind it.
    let started: f64 = stat.rsplit_once(") ")?.1.split(' ').nth(19)?.parse().ok()?;
    let value = (system_s - started / TICKS_PER_S).max(0.0);
    Some(Observation::new(Gauge, PROCESS_UPTIME, "s", "How long the process runs", value))
}

/// What the runtime does: the figures of tokio that are stable.
fn tasks(runtime: &RuntimeMetrics) -> Vec<Observation> {
    let workers = runtime.num_workers();
    let busy: Duration = (0..workers).map(|worker| runtime.worker_total_busy_duration(worker)).sum();
    let figure = Observation::new;
    vec![
        figure(UpDownCounter, "vitrine.runtime.workers", "{thread}", "Threads that run tasks", workers as f64),
        figure(Counter, "vitrine.runtime.busy_time", "s", "Time in which these had work, together", busy.as_secs_f64()),
        figure(
            UpDownCounter,
            "vitrine.runtime.tasks",
            "{task}",
            "Tasks that have not ended",
            runtime.num_alive_tasks() as f64,
        ),
        figure(
            UpDownCounter,
            "vitrine.runtime.queue.depth",
            "{task}",
            "Tasks that wait in the queue of all threads",
            runtime.global_queue_depth() as f64,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::{io, memory, uptime, usage};

    #[test]
    fn what_the_system_says_is_read() {
        let status = "Name:\tVmRSS: 7\nVmSize:\t    2048 kB\nVmRSS:\t     512 kB\nThreads:\t9\n";
        let values: Vec<f64> = memory(status).iter().map(|observation| observation.value).collect();
        assert_eq!(values, [524_288.0, 2_097_152.0, 9.0]);
        let values: Vec<f64> = io("rchar: 1\nread_bytes: 4096\nwrite_bytes: 8192\n").iter().map(|r| r.value).collect();
        assert_eq!(values, [4096.0, 8192.0]);
        let stat = "7 (a) b) c) S 1 7 7 0 -1 4 1 0 0 0 5 6 0 0 20 0 9 0 1250 99 3 184";
        assert_eq!(uptime(stat, "100.50 190.00").expect("both are there").value, 88.0);
        for (stat, up) in [("", "1 2"), (stat, ""), ("7 (a) S 1", "1 2"), (stat, "x y")] {
            assert_eq!(uptime(stat, up), None, "{stat} {up}");
        }
        assert!(memory("").is_empty() && io("read_bytes: many").is_empty());
        assert_eq!(usage().len(), 6);
    }
}
