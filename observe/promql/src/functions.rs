//! PromQL's functions, each a pure function of a window, a number or a histogram.

mod changes;
mod extended;
pub(crate) mod hints;
mod increase;
pub mod instant;
mod over_time;
mod rate;
mod regression;
mod reset;
pub mod table;
pub mod window;

pub use extended::interpolate;
pub use over_time::HistogramMean;
pub use rate::{Change, Coverage};
pub use window::{CallError, EdgeMode, RangeCall, RangeFunction, Window, WindowValues};

/// The function over ranges of this name. `absent_over_time` is none: it is of all series together.
pub fn range_function(name: &str) -> Option<RangeFunction> {
    let function: RangeFunction = match name {
        "avg_over_time" => over_time::avg_over_time,
        "changes" => changes::changes,
        "count_over_time" => over_time::count_over_time,
        "delta" => rate::delta,
        "deriv" => regression::deriv,
        "double_exponential_smoothing" => regression::double_exponential_smoothing,
        "first_over_time" => over_time::first_over_time,
        "idelta" => changes::idelta,
        "increase" => rate::increase,
        "irate" => changes::irate,
        "last_over_time" => over_time::last_over_time,
        "mad_over_time" => over_time::mad_over_time,
        "max_over_time" => over_time::max_over_time,
        "min_over_time" => over_time::min_over_time,
        "predict_linear" => regression::predict_linear,
        "present_over_time" => over_time::present_over_time,
        "quantile_over_time" => over_time::quantile_over_time,
        "rate" => rate::rate,
        "resets" => changes::resets,
        "stddev_over_time" => over_time::stddev_over_time,
        "stdvar_over_time" => over_time::stdvar_over_time,
        "sum_over_time" => over_time::sum_over_time,
        "ts_of_first_over_time" => over_time::ts_of_first_over_time,
        "ts_of_last_over_time" => over_time::ts_of_last_over_time,
        "ts_of_max_over_time" => over_time::ts_of_max_over_time,
        "ts_of_min_over_time" => over_time::ts_of_min_over_time,
        _ => return None,
    };
    Some(function)
}
