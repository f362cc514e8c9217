//! PromQL: from text to result.

pub mod ast;
pub mod functions;
