//! Cgroups, and the containers among them, of both versions of the kernel's interface.
//!
//! Names and meanings are cAdvisor's (`docs/storage/prometheus.md` there). What it lacks with version 2, throttling and the peak of memory, is read.

mod group;
mod version1;
mod version2;

use std::path::Path;

use crate::families::Families;
use crate::files::{Error, Files, names};
use crate::{Containers, Names};

pub(crate) use group::Group;

/// Most cgroups that are told of.
const MAX_GROUPS: usize = 2_000;
/// How deep they may be nested.
const MAX_DEPTH: usize = 8;

/// Reads all cgroups.
pub(crate) fn collect(
    files: &Files,
    names: Names,
    containers: &Containers,
    families: &mut Families,
) -> Result<(), Error> {
    let root = files.roots.sys.join("fs/cgroup");
    let is_second = root.join("cgroup.controllers").exists();
    let hierarchy = if is_second { root.clone() } else { version1::hierarchy(&root) };
    for id in walk(&hierarchy)? {
        let group = if is_second { version2::read(&root, &id) } else { version1::read(&root, &id) };
        group.tell(files, names, containers, families);
    }
    if names == Names::NodeExporter {
        machine(files, families)?;
    }
    Ok(())
}

fn machine(files: &Files, families: &mut Families) -> Result<(), Error> {
    let processors = crate::facts::stat::read(files)?.processors.len();
    families.gauge("machine_cpu_cores", "Number of logical CPU cores.", &[], processors as f64);
    let memory = files.proc("meminfo")?;
    let total = memory.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kibibytes = total.and_then(|rest| rest.split_whitespace().next());
    let bytes = crate::files::number(kibibytes) * 1_024.0;
    families.gauge("machine_memory_bytes", "Amount of memory installed on the machine.", &[], bytes);
    Ok(())
}

/// Ids of all cgroups: their paths from the root, which is `/`.
fn walk(root: &Path) -> Result<Vec<String>, Error> {
    let mut found = vec!["/".to_owned()];
    let mut open = vec![(String::new(), 0)];
    while let Some((path, depth)) = open.pop() {
        if depth == MAX_DEPTH {
            continue;
        }
        let folder = root.join(path.trim_start_matches('/'));
        let entries = match names(&folder) {
            Ok(entries) => entries,
            Err(error) if path.is_empty() => return Err(error),
            // It ended meanwhile.
            Err(_) => continue,
        };
        for name in entries {
            if !folder.join(&name).is_dir() {
                continue;
            }
            if found.len() == MAX_GROUPS {
                tracing::warn!(most = MAX_GROUPS, "there are more cgroups than are told of");
                return Ok(found);
            }
            let id = format!("{path}/{name}");
            found.push(id.clone());
            open.push((id, depth + 1));
        }
    }
    Ok(found)
}
