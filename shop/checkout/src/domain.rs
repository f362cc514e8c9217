//! The rules, free of I/O.

pub mod course;
pub mod pricing;
