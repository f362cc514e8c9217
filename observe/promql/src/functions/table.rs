//! The functions: names, types of arguments and results. As of Prometheus 3.14.

use crate::ast::ValueType;

use ValueType::{Matrix, Scalar, String, Vector};

/// A function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// Types of its arguments; the last one is that of all further ones.
    pub args: &'static [ValueType],
    /// How the number of arguments may differ.
    pub variadic: Variadic,
    /// What it results in.
    pub returns: ValueType,
    /// Whether Prometheus has it behind a flag.
    pub experimental: bool,
}

/// How many arguments a function takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Variadic {
    /// As many as have types.
    No,
    /// One fewer than have types, or up to so many more than that.
    UpTo(usize),
    /// One fewer than have types, or any number more.
    Any,
}

const fn stable(name: &'static str, args: &'static [ValueType], returns: ValueType) -> Function {
    Function { name, args, variadic: Variadic::No, returns, experimental: false }
}

const fn experimental(name: &'static str, args: &'static [ValueType], returns: ValueType) -> Function {
    Function { name, args, variadic: Variadic::No, returns, experimental: true }
}

impl Function {
    const fn variadic(self, variadic: Variadic) -> Self {
        Self { variadic, ..self }
    }
}

/// All functions in order of their names.
pub static FUNCTIONS: &[Function] = &[
    stable("abs", &[Vector], Vector),
    stable("absent", &[Vector], Vector),
    stable("absent_over_time", &[Matrix], Vector),
    stable("acos", &[Vector], Vector),
    stable("acosh", &[Vector], Vector),
    stable("asin", &[Vector], Vector),
    stable("asinh", &[Vector], Vector),
    stable("atan", &[Vector], Vector),
    stable("atanh", &[Vector], Vector),
    stable("avg_over_time", &[Matrix], Vector),
    stable("ceil", &[Vector], Vector),
    stable("changes", &[Matrix], Vector),
    stable("clamp", &[Vector, Scalar, Scalar], Vector),
    stable("clamp_max", &[Vector, Scalar], Vector),
    stable("clamp_min", &[Vector, Scalar], Vector),
    stable("cos", &[Vector], Vector),
    stable("cosh", &[Vector], Vector),
    stable("count_over_time", &[Matrix], Vector),
    stable("day_of_month", &[Vector], Vector).variadic(Variadic::UpTo(1)),
    stable("day_of_week", &[Vector], Vector).variadic(Variadic::UpTo(1)),
    stable("day_of_year", &[Vector], Vector).variadic(Variadic::UpTo(1)),
    stable("days_in_month", &[Vector], Vector).variadic(Variadic::UpTo(1)),
    stable("deg", &[Vector], Vector),
    stable("delta", &[Matrix], Vector),
    stable("deriv", &[Matrix], Vector),
    experimental("double_exponential_smoothing", &[Matrix, Scalar, Scalar], Vector),
    experimental("end", &[], Scalar),
    stable("exp", &[Vector], Vector),
    stable("first_over_time", &[Matrix], Vector),
    stable("floor", &[Vector], Vector),
    stable("histogram_avg", &[Vector], Vector),
    stable("histogram_count", &[Vector], Vector),
    stable("histogram_fraction", &[Scalar, Scalar, Vector], Vector),
    stable("histogram_quantile", &[Scalar, Vector], Vector),
    experimental("histogram_quantiles", &[Vector, String, Scalar, Scalar], Vector).variadic(Variadic::UpTo(9)),
    stable("histogram_stddev", &[Vector], Vector),
    stable("histogram_stdvar", &[Vector], Vector),
    stable("histogram_sum", &[Vector], Vector),
    stable("hour", &[Vector], Vector).variadic(Variadic::UpTo(1)),
    stable("idelta", &[Matrix], Vector),
    stable("increase", &[Matrix], Vector),
    experimental("info", &[Vector, Vector], Vector).variadic(Variadic::UpTo(1)),
    stable("irate", &[Matrix], Vector),
    stable("label_join", &[Vector, String, String, String], Vector).variadic(Variadic::Any),
    stable("label_replace", &[Vector, String, String, String, String], Vector),
    stable("last_over_time", &[Matrix], Vector),
    stable("ln", &[Vector], Vector),
    stable("log10", &[Vector], Vector),
    stable("log2", &[Vector], Vector),
    experimental("mad_over_time", &[Matrix], Vector),
    experimental("max_of", &[Scalar, Scalar], Scalar),
    stable("max_over_time", &[Matrix], Vector),
    experimental("min_of", &[Scalar, Scalar], Scalar),
    stable("min_over_time", &[Matrix], Vector),
    stable("minute", &[Vector], Vector).variadic(Variadic::UpTo(1)),
    stable("month", &[Vector], Vector).variadic(Variadic::UpTo(1)),
    stable("pi", &[], Scalar),
    stable("predict_linear", &[Matrix, Scalar], Vector),
    stable("present_over_time", &[Matrix], Vector),
    stable("quantile_over_time", &[Scalar, Matrix], Vector),
    stable("rad", &[Vector], Vector),
    experimental("range", &[], Scalar),
    stable("rate", &[Matrix], Vector),
    stable("resets", &[Matrix], Vector),
    stable("round", &[Vector, Scalar], Vector).variadic(Variadic::UpTo(1)),
    stable("scalar", &[Vector], Scalar),
    stable("sgn", &[Vector], Vector),
    stable("sin", &[Vector], Vector),
    stable("sinh", &[Vector], Vector),
    stable("sort", &[Vector], Vector),
    experimental("sort_by_label", &[Vector, String], Vector).variadic(Variadic::Any),
    experimental("sort_by_label_desc", &[Vector, String], Vector).variadic(Variadic::Any),
    stable("sort_desc", &[Vector], Vector),
    stable("sqrt", &[Vector], Vector),
    experimental("start", &[], Scalar),
    experimental("start_timestamp", &[Vector], Vector),
    stable("stddev_over_time", &[Matrix], Vector),
    stable("stdvar_over_time", &[Matrix], Vector),
    experimental("step", &[], Scalar),
    stable("sum_over_time", &[Matrix], Vector),
    stable("tan", &[Vector], Vector),
    stable("tanh", &[Vector], Vector),
    stable("time", &[], Scalar),
    stable("timestamp", &[Vector], Vector),
    experimental("ts_of_first_over_time", &[Matrix], Vector),
    experimental("ts_of_last_over_time", &[Matrix], Vector),
    experimental("ts_of_max_over_time", &[Matrix], Vector),
    experimental("ts_of_min_over_time", &[Matrix], Vector),
    stable("vector", &[Scalar], Vector),
    stable("year", &[Vector], Vector).variadic(Variadic::UpTo(1)),
];

/// The function of this name.
pub fn find(name: &str) -> Option<&'static Function> {
    let place = FUNCTIONS.binary_search_by(|function| function.name.cmp(name)).ok()?;
    FUNCTIONS.get(place)
}

#[cfg(test)]
mod tests {
    use super::{FUNCTIONS, find};

    #[test]
    fn every_function_is_found_by_its_name() {
        for function in FUNCTIONS {
            assert_eq!(find(function.name), Some(function));
        }
        assert_eq!(find("holt_winters"), None);
    }
}
