//! `/proc/diskstats`.

use crate::files::{Error, Files, number};

/// Bytes of what the kernel calls a sector there, whatever the disk's own are.
pub(crate) const SECTOR: f64 = 512.0;

/// One disk.
#[derive(Debug)]
pub(crate) struct Disk {
    pub major: String,
    pub minor: String,
    pub name: String,
    /// Counts in the order of the file; as many as this kernel has.
    pub counts: Vec<f64>,
}

/// All disks but partitions, loops and memory disks.
pub(crate) fn read(files: &Files) -> Result<Vec<Disk>, Error> {
    let text = files.proc("diskstats")?;
    let disks = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (major, minor, name) = (words.next()?, words.next()?, words.next()?);
        if is_ignored(name) {
            return None;
        }
        let counts = words.map(|word| number(Some(word))).collect();
        Some(Disk { major: major.to_owned(), minor: minor.to_owned(), name: name.to_owned(), counts })
    });
    Ok(disks.collect())
}

/// As the node exporter's default has it: `^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$`.
fn is_ignored(name: &str) -> bool {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    if stem.len() == name.len() {
        return false;
    }
    let is_partition_of = |prefix: &str| {
        let letter = stem.strip_prefix(prefix).filter(|rest| rest.len() == 1);
        letter.is_some_and(|letter| letter.bytes().all(|byte| byte.is_ascii_lowercase()))
    };
    let is_nvme = || {
        let rest = stem.strip_prefix("nvme").and_then(|rest| rest.strip_suffix('p'));
        let numbers = rest.and_then(|rest| rest.split_once('n'));
        numbers.is_some_and(|(a, b)| {
            [a, b].iter().all(|part| !part.is_empty() && part.bytes().all(|c| c.is_ascii_digit()))
        })
    };
    matches!(stem, "ram" | "zram" | "loop" | "fd")
        || ["hd", "sd", "vd", "xvd"].into_iter().any(is_partition_of)
        || is_nvme()
}

#[cfg(test)]
mod tests {
    use super::is_ignored;

    #[test]
    fn partitions_loops_and_memory_disks_are_left_out() {
        for name in ["ram0", "zram1", "loop7", "fd0", "sda1", "vdb12", "xvda1", "hdc3", "nvme0n1p2"] {
            assert!(is_ignored(name), "{name}");
        }
        for name in ["sda", "vda", "nvme0n1", "dm-0", "md127", "mmcblk0", "sdaa1"] {
            assert!(!is_ignored(name), "{name}");
        }
    }
}
