//! PromQL: from text to result.

pub mod ast;
