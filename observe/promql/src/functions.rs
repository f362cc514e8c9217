//! The functions of PromQL.

pub(crate) mod hints;
pub mod table;
