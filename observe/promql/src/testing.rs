//! Series for tests: of expressions here, and of rules (`vitrine rules test`).
//!
//! [`parse_series`] reads how tests write series and their values, [`MemorySeries`] holds them.

mod memory;
mod series_text;

pub use memory::MemorySeries;
pub use series_text::{MOST_VALUES, SequenceValue, parse_series};
