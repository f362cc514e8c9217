//! The functions of PromQL.

pub mod table;
