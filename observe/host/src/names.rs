//! What is read, by its names.

pub(crate) mod cpu;
pub(crate) mod disk;
pub(crate) mod memory;
pub(crate) mod network;
pub(crate) mod sensors;
pub(crate) mod system;
