//! `/proc/stat`.

use crate::files::{Error, Files, number};

/// Ticks of the kernel in a second, as it tells them to programs on every Linux of today.
const TICKS: f64 = 100.0;

/// Modes in the order of the file.
pub(crate) const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];

/// What it says.
#[derive(Debug, Default)]
pub(crate) struct Stat {
    /// Processors by their numbers.
    pub processors: Vec<Processor>,
    pub interrupts: f64,
    pub context_switches: f64,
    pub boot_seconds: f64,
    pub forks: f64,
    pub running: f64,
    pub blocked: f64,
}

/// Seconds of one processor.
#[derive(Debug)]
pub(crate) struct Processor {
    pub number: String,
    /// In the order of [`MODES`].
    pub seconds: [f64; 8],
    pub guest: f64,
    pub guest_nice: f64,
}

pub(crate) fn read(files: &Files) -> Result<Stat, Error> {
    let text = files.proc("stat")?;
    let mut stat = Stat::default();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let Some(key) = words.next() else { continue };
        match key {
            "intr" => stat.interrupts = number(words.next()),
            "ctxt" => stat.context_switches = number(words.next()),
            "btime" => stat.boot_seconds = number(words.next()),
            "processes" => stat.forks = number(words.next()),
            "procs_running" => stat.running = number(words.next()),
            "procs_blocked" => stat.blocked = number(words.next()),
            _ => {
                let Some(processor) = key.strip_prefix("cpu").filter(|rest| !rest.is_empty()) else { continue };
                let seconds = std::array::from_fn(|_| number(words.next()) / TICKS);
                let (guest, guest_nice) = (number(words.next()) / TICKS, number(words.next()) / TICKS);
                stat.processors.push(Processor { number: processor.to_owned(), seconds, guest, guest_nice });
            }
        }
    }
    if stat.processors.is_empty() {
        return Err(Error::Content("stat".to_owned(), "no processor is named"));
    }
    Ok(stat)
}
