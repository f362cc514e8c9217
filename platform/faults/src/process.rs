//! What takes from a process: processor time, memory, threads of the runtime, the disk. Each ends, and gives back what it took, when it is dropped.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use tokio::runtime::Handle;

use crate::effect::{Effect, Memory};

/// Largest file that a busy disk is written with, in MiB: from there on it is written over.
pub const DISK_FILE_MIB: u64 = 64;
/// How long one who burns looks away between two looks at the time.
const STEP: Duration = Duration::from_millis(5);
/// Most that a burner may be behind and still make up for: what a busy machine did not give is not asked for later.
const BEHIND: Duration = Duration::from_millis(100);
/// How long one who took memory stays when it has let go of it. Allocators keep what is free for a moment, 0.1 s with mimalloc, and give back
/// what they kept for longer when a thread ends: in a process that has nothing to do no other one would.
const GIVING_BACK: Duration = Duration::from_millis(500);
const MIB: usize = 1024 * 1024;

/// What all threads of a burner look at.
#[derive(Debug)]
struct Signals {
    stop: AtomicBool,
    /// A share of one, as the bits of a double.
    strength: AtomicU64,
}

impl Signals {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    fn strength(&self) -> f64 {
        f64::from_bits(self.strength.load(Ordering::Relaxed))
    }
}

/// Something that takes from the process until it is dropped.
#[derive(Debug)]
pub struct Burner(Arc<Signals>);

impl Burner {
    /// Begins an effect of the process; none for one that takes nothing by itself. A busy disk writes into `folder`. It must be called within
    /// a runtime.
    pub fn start(effect: &Effect, folder: &Path) -> Option<Self> {
        let signals = Arc::new(Signals { stop: AtomicBool::new(false), strength: AtomicU64::new(1.0_f64.to_bits()) });
        let on_thread = |work: Box<dyn FnOnce(&Signals) + Send>| {
            let signals = signals.clone();
            // A name such as any library's thread has. A system that gives no more threads is busy enough.
            let _ = thread::Builder::new().name("worker".to_owned()).spawn(move || work(&signals));
        };
        match effect {
            Effect::Cpu { cores } => {
                let threads = cores.ceil().max(1.0);
                let each = cores / threads;
                (0..threads as usize).for_each(|_| on_thread(Box::new(move |signals| burn(signals, each))));
            }
            Effect::Memory(Memory { mib_s: Some(mib_s), cap_mib, .. }) => {
                let (mib_s, cap_mib) = (*mib_s, *cap_mib);
                on_thread(Box::new(move |signals| fill(signals, mib_s, cap_mib)));
            }
            Effect::Block { workers, ms, every_ms } => {
                let (block, every) = (Duration::from_millis((*ms).into()), Duration::from_millis((*every_ms).into()));
                for _ in 0..*workers {
                    let signals = signals.clone();
                    Handle::current().spawn(async move {
                        while signals.goes_on() {
                            thread::sleep(block);
                            tokio::time::sleep(every.saturating_sub(block).max(STEP)).await;
                        }
                    });
                }
            }
            Effect::Disk { mib_s } => {
                let (mib_s, file) = (*mib_s, scratch(folder).ok()?);
                on_thread(Box::new(move |signals| write(signals, mib_s, file)));
            }
            _ => return None,
        }
        Some(Self(signals))
    }

    /// How strongly it acts from now on: from 0 to 1.
    pub fn set_strength(&self, strength: f64) {
        self.0.strength.store(strength.to_bits(), Ordering::Relaxed);
    }
}

impl Drop for Burner {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

/// Processor time that this thread has had.
fn cpu_time() -> Duration {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_THREAD) else { return Duration::ZERO };
    let of = |time: nix::sys::time::TimeVal| {
        Duration::from_micros(u64::try_from(time.tv_sec() * 1_000_000 + time.tv_usec()).unwrap_or(0))
    };
    of(usage.user_time()) + of(usage.system_time())
}

/// Uses a share of a core. It is measured against the time that the thread was really given, not against the clock on the wall.
fn burn(signals: &Signals, share: f64) {
    let (mut due, mut last, mut sink) = (cpu_time(), Instant::now(), 0_u64);
    while signals.goes_on() {
        let now = Instant::now();
        due += (now - last).mul_f64(share * signals.strength());
        last = now;
        due = due.min(cpu_time() + BEHIND);
        while cpu_time() < due && signals.goes_on() {
            for n in 0..10_000_u64 {
                sink = std::hint::black_box(sink.wrapping_mul(31).wrapping_add(n));
            }
        }
        thread::sleep(STEP);
    }
}

/// Takes memory, and touches it, at a rate and up to a bound.
fn fill(signals: &Signals, mib_s: u32, cap_mib: u32) {
    let (mut taken, mut due, mut last) = (Vec::<Vec<u8>>::new(), 0.0, Instant::now());
    while signals.goes_on() {
        let now = Instant::now();
        due += (now - last).as_secs_f64() * f64::from(mib_s) * signals.strength();
        last = now;
        while taken.len() < (due as usize).min(cap_mib as usize) && signals.goes_on() {
            taken.push(vec![1; MIB]);
        }
        thread::sleep(STEP);
    }
    drop(taken);
    thread::sleep(GIVING_BACK);
}

/// A file without a name: it is gone when it is closed, however that comes.
fn scratch(folder: &Path) -> std::io::Result<File> {
    let path = folder.join(format!(".scratch-{}-{}", std::process::id(), Instant::now().elapsed().as_nanos()));
    let file = File::options().create_new(true).write(true).open(&path)?;
    std::fs::remove_file(path)?;
    Ok(file)
}

/// Writes to the disk at a rate, and waits until it has it.
fn write(signals: &Signals, mib_s: u32, mut file: File) {
    let (block, mut due, mut last, mut at) = (vec![1; MIB], 0.0, Instant::now(), 0);
    while signals.goes_on() {
        let now = Instant::now();
        due += (now - last).as_secs_f64() * f64::from(mib_s) * signals.strength();
        last = now;
        while due >= 1.0 && signals.goes_on() {
            due -= 1.0;
            let written =
                file.seek(SeekFrom::Start(at)).and_then(|_| file.write_all(&block)).and_then(|()| file.sync_data());
            if written.is_err() {
                // A disk that is full, or gone, cannot be made busier.
                return;
            }
            at = (at + MIB as u64) % (DISK_FILE_MIB * MIB as u64);
        }
        thread::sleep(STEP);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use nix::sys::resource::{UsageWho, getrusage};

    use super::{Burner, MIB};
    use crate::effect::{Effect, Memory};

    fn of_process() -> f64 {
        let usage = getrusage(UsageWho::RUSAGE_SELF).expect("known");
        let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
        seconds(usage.user_time()) + seconds(usage.system_time())
    }

    fn resident() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("told");
        line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
    }

    fn written() -> u64 {
        let io = std::fs::read_to_string("/proc/self/io").expect("Linux");
        let line = io.lines().find_map(|line| line.strip_prefix("wchar: ")).expect("told");
        line.parse().expect("a number")
    }

    /// Waits for a thing to come about.
    fn eventually(what: &str, is_so: impl Fn() -> bool) {
        let began = Instant::now();
        while !is_so() {
            assert!(began.elapsed() < Duration::from_secs(30), "{what}");
            std::thread::yield_now();
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    #[test]
    fn processor_time_is_used_until_it_is_dropped() {
        let (before, folder) = (of_process(), std::env::temp_dir());
        let burner = Burner::start(&Effect::Cpu { cores: 0.5 }, &folder).expect("it takes");
        eventually("it burns", || of_process() - before > 0.2);
        drop(burner);
        // Whatever looks at it uses some itself: much less than half a core.
        eventually("it stops", || {
            let (before, began) = (of_process(), Instant::now());
            std::thread::sleep(Duration::from_millis(50));
            of_process() - before < 0.2 * began.elapsed().as_secs_f64()
        });
    }

    #[test]
    fn memory_is_taken_up_to_a_bound_and_given_back() {
        let before = resident();
        let memory = Memory { mib_s: Some(4_000), cap_mib: 64, kib_per_call: None };
        let burner = Burner::start(&Effect::Memory(memory), &std::env::temp_dir()).expect("it takes");
        eventually("it takes", || resident() > before + 50 * MIB);
        drop(burner);
        eventually("it gives back", || resident() < before + 30 * MIB);
    }

    #[test]
    fn the_disk_is_written_to_and_nothing_is_left() {
        let (folder, before) = (tempfile::tempdir().expect("a folder"), written());
        let burner = Burner::start(&Effect::Disk { mib_s: 500 }, folder.path()).expect("it writes");
        eventually("it writes", || written() > before + 4 * MIB as u64);
        drop(burner);
        assert_eq!(std::fs::read_dir(folder.path()).expect("there").count(), 0);
    }

    #[tokio::test]
    async fn threads_of_the_runtime_are_blocked() {
        let late = async || {
            let due = Instant::now() + Duration::from_millis(5);
            tokio::time::sleep_until(due.into()).await;
            due.elapsed()
        };
        let burner = Burner::start(&Effect::Block { workers: 1, ms: 60, every_ms: 80 }, &std::env::temp_dir());
        let mut worst = Duration::ZERO;
        while worst < Duration::from_millis(30) {
            worst = worst.max(late().await);
        }
        drop(burner);
    }
}
