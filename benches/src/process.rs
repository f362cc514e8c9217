//! What the operating system says of a process.

use std::path::Path;

use anyhow::{Context, Result};

/// Ticks of a second, as `/proc` counts them on Linux.
const TICKS: f64 = 100.0;

/// CPU seconds that a process has used, in user and in kernel mode, all its threads together.
pub(crate) fn cpu(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, in parentheses, may hold anything; the counts are fields 14 and 15.
    let fields: Vec<&str> = stat.rsplit_once(')').context("a name")?.1.split_whitespace().collect();
    let ticks = |place: usize| -> Result<f64> { Ok(fields.get(place).context("a count")?.parse::<f64>()?) };
    Ok((ticks(11)? + ticks(12)?) / TICKS)
}

/// CPU seconds that the calling thread has used.
pub(crate) fn own_thread_s() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split_whitespace().next().context("a time")?.parse::<f64>()? / 1e9)
}

/// CPU milliseconds that the threads of a process have used, to the nanosecond; those of threads that have ended are not in it.
pub(crate) fn threads_ms(pid: u32) -> Result<f64> {
    let mut nanos = 0.0;
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        // One that has just ended.
        let Ok(text) = std::fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        nanos += text.split_whitespace().next().context("a time")?.parse::<f64>()?;
    }
    Ok(nanos / 1e6)
}

/// Resident memory of a process, in MiB, and the most that it was.
pub(crate) fn resident(pid: u32) -> Result<(f64, f64)> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name: &str| -> Result<f64> {
        let line = status.lines().find(|l| l.starts_with(name)).with_context(|| name.to_owned())?;
        let kib: f64 = line.split_whitespace().nth(1).context("a number")?.parse()?;
        Ok(kib / 1024.0)
    };
    Ok((field("VmRSS:")?, field("VmHWM:")?))
}

/// Bytes of all files below a folder.
pub(crate) fn size(folder: &Path) -> Result<u64> {
    size_of(folder, &|_| true)
}

/// Bytes of those files below a folder that are meant.
pub(crate) fn size_of(folder: &Path, is_meant: &dyn Fn(&Path) -> bool) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let meta = match entry.metadata() {
            Ok(meta) => meta,
            // Merged away meanwhile.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            Err(e) => return Err(e.into()),
        };
        let path = entry.path();
        if meta.is_dir() {
            bytes += size_of(&path, is_meant)?;
        } else if is_meant(&path) {
            bytes += meta.len();
        }
    }
    Ok(bytes)
}

/// Processes that a process has started, and that have not ended.
pub(crate) fn children(pid: u32) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let Some(id) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // One that has just ended.
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{id}/stat")) else { continue };
        // Its parent stands behind the name, which is in parentheses, and the state.
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse::<u32>().ok());
        if parent == Some(pid) {
            found.push(id);
        }
    }
    Ok(found)
}
