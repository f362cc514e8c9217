//! Mounted file systems.

use crate::files::{Error, Files};

/// Kinds of file systems that hold nothing on a disk.
const IGNORED_KINDS: [&str; 27] = [
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "erofs",
    "fusectl",
    "hugetlbfs",
    "iso9660",
    "mqueue",
    "nsfs",
    "overlay",
    "proc",
    "procfs",
    "pstore",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "squashfs",
    "sysfs",
    "tracefs",
    "efivarfs",
    "fuse.lxcfs",
];
/// Folders below which, or at which, nothing of the host's own is mounted.
const IGNORED_POINTS: [&str; 3] = ["/dev", "/proc", "/sys"];
/// Folders below which there is nothing of the host's own.
const IGNORED_BELOW: [&str; 3] = ["/run/credentials/", "/var/lib/docker/", "/var/lib/containers/storage/"];

/// One mounted file system.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    pub device: String,
    pub point: String,
    pub kind: String,
    pub is_readonly: bool,
    pub major: String,
    pub minor: String,
}

/// Those that hold something of the host's, each device and mount point once.
pub(crate) fn read(files: &Files) -> Result<Vec<Mount>, Error> {
    let text = files.proc("1/mountinfo").or_else(|_| files.proc("self/mountinfo"))?;
    let mut mounts: Vec<Mount> = Vec::new();
    for mount in text.lines().filter_map(parse) {
        let is_known = mounts.iter().any(|known| (&known.device, &known.point) == (&mount.device, &mount.point));
        if !is_known && !is_ignored(&mount) {
            mounts.push(mount);
        }
    }
    Ok(mounts)
}

/// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`
fn parse(line: &str) -> Option<Mount> {
    let (left, right) = line.split_once(" - ")?;
    let mut left = left.split(' ').skip(2);
    let (number, point, options) = (left.next()?, left.nth(1)?, left.next()?);
    let (major, minor) = number.split_once(':')?;
    let mut right = right.split(' ');
    let (kind, device, above) = (right.next()?, right.next()?, right.next().unwrap_or_default());
    let is_readonly = [options, above].iter().any(|options| options.split(',').any(|option| option == "ro"));
    Some(Mount {
        device: unescape(device),
        point: unescape(point),
        kind: kind.to_owned(),
        is_readonly,
        major: major.to_owned(),
        minor: minor.to_owned(),
    })
}

/// Blanks, tabs, line ends and backslashes are written as `\040`, `\011`, `\012` and `\134`.
fn unescape(text: &str) -> String {
    text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

fn is_ignored(mount: &Mount) -> bool {
    let point = mount.point.as_str();
    let is_at = |folder: &str| point.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    IGNORED_KINDS.contains(&mount.kind.as_str())
        || IGNORED_POINTS.into_iter().any(is_at)
        || IGNORED_BELOW.iter().any(|folder| point.starts_with(folder))
}

#[cfg(test)]
mod tests {
    use super::{Mount, parse};

    #[test]
    fn a_line_of_mountinfo() {
        let line = r"36 35 98:0 /mnt1 /my\040disk rw,noatime shared:1 master:2 - ext3 /dev/root ro,errors=continue";
        let expected = Mount {
            device: "/dev/root".to_owned(),
            point: "/my disk".to_owned(),
            kind: "ext3".to_owned(),
            is_readonly: true,
            major: "98".to_owned(),
            minor: "0".to_owned(),
        };
        assert_eq!(parse(line), Some(expected));
        assert_eq!(parse("36 35"), None);
    }
}
