//! What the kernel's files say, without names.

pub(crate) mod disks;
pub(crate) mod mounts;
pub(crate) mod stat;
