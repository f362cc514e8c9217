//! Arithmetic on histograms, after Prometheus's `model/histogram/float_histogram.go`.
//!
//! Functions here take and return [`Histogram`](vitrine_observe_series::Histogram)s; where two are brought together, buckets that are too
//! fine are merged, zero buckets widened, and custom bounds reduced to those that both have.

mod buckets;
mod combine;
mod compact;
mod compare;
mod text;
mod trim;
mod zero;

pub use buckets::{
    Interval, MAX_SCHEMA, MIN_SCHEMA, all_intervals, negative_intervals, positive_intervals, upper_bound,
    uses_custom_buckets, zero_interval,
};
pub(crate) use buckets::{exp2, log2};
pub use combine::{Combined, HistogramSum, IncompatibleSchemas, add, divide, multiply, subtract};
pub use compact::{compact, reduce_resolution};
pub use compare::{equal, is_reset, known_reset};
pub use text::{display, expression, parse_expression};
pub use trim::{trim_lower, trim_upper};
