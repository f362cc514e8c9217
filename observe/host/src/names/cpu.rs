//! Processors.

use vitrine_observe_series::MetricType;

use crate::Names;
use crate::facts::stat::{self, MODES};
use crate::families::Families;
use crate::files::{Error, Files, number};

/// Hertz in a kilohertz, which the kernel tells.
const KILO: f64 = 1_000.0;

/// Seconds by mode, interrupts, context switches, processes.
pub(crate) fn cpu(files: &Files, names: Names, families: &mut Families) -> Result<(), Error> {
    let stat = stat::read(files)?;
    for processor in &stat.processors {
        let number = processor.number.as_str();
        for (mode, seconds) in MODES.into_iter().zip(processor.seconds) {
            if names == Names::OpenTelemetry {
                let mode = if mode == "irq" || mode == "softirq" { "interrupt" } else { mode };
                let labels = [("cpu.logical_number", number), ("cpu.mode", mode)];
                families.sum_up(
                    "system.cpu.time",
                    "Seconds each logical CPU spent on each mode",
                    "s",
                    &labels,
                    seconds,
                );
                continue;
            }
            let labels = [("cpu", number), ("mode", mode)];
            families.counter("node_cpu_seconds_total", "Seconds the CPUs spent in each mode.", &labels, seconds);
        }
        if names == Names::NodeExporter {
            let help = "Seconds the CPUs spent in guests (VMs) for each mode.";
            for (mode, seconds) in [("user", processor.guest), ("nice", processor.guest_nice)] {
                families.counter("node_cpu_guest_seconds_total", help, &[("cpu", number), ("mode", mode)], seconds);
            }
        }
    }
    if names == Names::OpenTelemetry {
        let count = stat.processors.len() as f64;
        families.add("system.cpu.logical.count", MetricType::Gauge, "Number of logical CPUs", "{cpu}", &[], count);
        families.add(
            "system.process.created",
            MetricType::Counter,
            "Processes created since the start",
            "{process}",
            &[],
            stat.forks,
        );
        return Ok(());
    }
    families.counter("node_intr_total", "Total number of interrupts serviced.", &[], stat.interrupts);
    families.counter("node_context_switches_total", "Total number of context switches.", &[], stat.context_switches);
    families.counter("node_forks_total", "Total number of forks.", &[], stat.forks);
    families.gauge("node_boot_time_seconds", "Node boot time, in unixtime.", &[], stat.boot_seconds);
    families.gauge("node_procs_running", "Number of processes in runnable state.", &[], stat.running);
    families.gauge("node_procs_blocked", "Number of processes blocked waiting for I/O to complete.", &[], stat.blocked);
    Ok(())
}

/// Frequencies.
pub(crate) fn cpufreq(files: &Files, names: Names, families: &mut Families) -> Result<(), Error> {
    for folder in files.sys_names("devices/system/cpu")? {
        let Some(processor) =
            folder.strip_prefix("cpu").filter(|rest| rest.bytes().all(|c| c.is_ascii_digit()) && !rest.is_empty())
        else {
            continue;
        };
        let hertz = |file: &str| {
            files
                .sys(&format!("devices/system/cpu/{folder}/cpufreq/{file}"))
                .ok()
                .map(|text| number(Some(&text)) * KILO)
        };
        if names == Names::OpenTelemetry {
            if let Some(now) = hertz("scaling_cur_freq") {
                let labels = [("cpu.logical_number", processor)];
                families.add(
                    "system.cpu.frequency",
                    MetricType::Gauge,
                    "Operating frequency of the logical CPU",
                    "Hz",
                    &labels,
                    now,
                );
            }
            continue;
        }
        for (file, name, help) in [
            ("cpuinfo_cur_freq", "node_cpu_frequency_hertz", "Current CPU thread frequency in hertz."),
            ("cpuinfo_min_freq", "node_cpu_frequency_min_hertz", "Minimum CPU thread frequency in hertz."),
            ("cpuinfo_max_freq", "node_cpu_frequency_max_hertz", "Maximum CPU thread frequency in hertz."),
            ("scaling_cur_freq", "node_cpu_scaling_frequency_hertz", "Current scaled CPU thread frequency in hertz."),
            (
                "scaling_min_freq",
                "node_cpu_scaling_frequency_min_hertz",
                "Minimum scaled CPU thread frequency in hertz.",
            ),
            (
                "scaling_max_freq",
                "node_cpu_scaling_frequency_max_hertz",
                "Maximum scaled CPU thread frequency in hertz.",
            ),
        ] {
            if let Some(hertz) = hertz(file) {
                families.gauge(name, help, &[("cpu", processor)], hertz);
            }
        }
    }
    Ok(())
}

/// How many processes wanted to run.
pub(crate) fn load(files: &Files, names: Names, families: &mut Families) -> Result<(), Error> {
    let text = files.proc("loadavg")?;
    let mut words = text.split_whitespace();
    for minutes in ["1", "5", "15"] {
        let value = number(words.next());
        let (name, help) = match names {
            Names::NodeExporter => (format!("node_load{minutes}"), format!("{minutes}m load average.")),
            Names::OpenTelemetry => {
                (format!("system.cpu.load_average.{minutes}m"), format!("Average CPU load over {minutes} minutes"))
            }
        };
        families.gauge(&name, &help, &[], value);
    }
    Ok(())
}

/// How long processes ran on each processor, and waited for it: only by the node exporter's names.
pub(crate) fn schedule(files: &Files, names: Names, families: &mut Families) -> Result<(), Error> {
    /// Nanoseconds in a second, as the kernel counts here.
    const NANOS: f64 = 1e9;
    if names == Names::OpenTelemetry {
        return Ok(());
    }
    for line in files.proc("schedstat")?.lines() {
        let mut words = line.split_whitespace();
        let Some(processor) = words.next().and_then(|word| word.strip_prefix("cpu")) else { continue };
        let labels = [("cpu", processor)];
        let mut words = words.skip(6);
        let mut next = || number(words.next());
        let (running, waiting, slices) = (next() / NANOS, next() / NANOS, next());
        let help = "Number of seconds CPU spent running a process.";
        families.counter("node_schedstat_running_seconds_total", help, &labels, running);
        let help = "Number of seconds spent by processing waiting for this CPU.";
        families.counter("node_schedstat_waiting_seconds_total", help, &labels, waiting);
        let help = "Number of timeslices executed by CPU.";
        families.counter("node_schedstat_timeslices_total", help, &labels, slices);
    }
    Ok(())
}
