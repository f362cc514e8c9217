//! What a worker may take of the machine.

use std::fs;
use std::io;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Memory of a statement beside what it computes with: batches on their way, and what allocators keep in parts.
const UNDERWAY_BYTES: u64 = 64 * 1024 * 1024;
/// A process that has grown by more takes no other statement: how much memory one has is not to depend on earlier ones.
const GROWN_BYTES: u64 = 32 * 1024 * 1024;

/// The memory of this process.
pub(crate) struct Confined {
    /// What it had before its first statement, in bytes.
    empty: u64,
}

impl Confined {
    /// Bounds what this process may take from now on: so many bytes of data more than it has. Beyond, it ends.
    pub(crate) fn new(memory_bytes: u64) -> io::Result<Self> {
        let empty = data_bytes();
        // Before all others, where the kernel has to choose whom to end. Not every system can be told.
        let _ = fs::write("/proc/self/oom_score_adj", "1000");
        // It ends as a matter of course, and what it has in memory is telemetry.
        limit(Resource::RLIMIT_CORE, 0)?;
        limit(Resource::RLIMIT_DATA, empty.saturating_add(memory_bytes).saturating_add(UNDERWAY_BYTES))?;
        Ok(Self { empty })
    }

    /// Whether it is as good as new.
    pub(crate) fn is_fresh(&self) -> bool {
        data_bytes() <= self.empty + GROWN_BYTES
    }
}

/// Sets a limit for good; one that is lower already stays.
fn limit(resource: Resource, bytes: u64) -> io::Result<()> {
    let (_, most) = getrlimit(resource)?;
    let bytes = bytes.min(most);
    Ok(setrlimit(resource, bytes, bytes)?)
}

/// Private writable memory. Where there is no `/proc`, the limit counts from nothing.
fn data_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmData:")?.trim().strip_suffix(" kB")?.parse().ok());
    kib.unwrap_or(0u64).saturating_mul(1024)
}
