//! PromQL's functions, each a pure function of a window, a value or labels.

pub(crate) mod hints;
pub mod table;
pub mod window;

pub use window::{CallError, EdgeMode, RangeCall, RangeFunction, Window, WindowValues};
