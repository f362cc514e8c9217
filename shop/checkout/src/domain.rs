//! The rules, free of I/O.

pub mod pricing;
