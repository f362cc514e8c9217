//! How queries are evaluated, and what comes out.

use std::sync::Arc;

use vitrine_observe_series::{Histogram, Labels, QueryError};

use crate::annotations::Annotations;

/// How queries are evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How old the newest sample of a series may be, in milliseconds, to be its value at an instant. Greater than 0.
    pub lookback_ms: i64,
    /// The step of subqueries that do not name one, in milliseconds: Prometheus's global evaluation interval. Greater than 0.
    pub subquery_step_ms: i64,
    /// Whether names are dropped from the result only, so that they can be told apart until then
    /// (Prometheus's `promql-delayed-name-removal`).
    pub delayed_names: bool,
    /// Whether `__type__` says what is a counter, instead of the name's ending (`type-and-unit-labels`).
    pub type_and_unit: bool,
    /// Whether `rate` and the like use the time at which a total began (`use-start-timestamps`).
    pub start_timestamps: bool,
}

impl Default for Options {
    /// As Prometheus without flags: five minutes of lookback, a minute of step.
    fn default() -> Self {
        Self {
            lookback_ms: 300_000,
            subquery_step_ms: 60_000,
            delayed_names: false,
            type_and_unit: false,
            start_timestamps: false,
        }
    }
}

/// Instants at which an expression is evaluated, in milliseconds since 1970: `start`, and then each `step` until `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first.
    pub start_ms: i64,
    /// None is later.
    pub end_ms: i64,
    /// Between two. Greater than 0.
    pub step_ms: i64,
}

/// A value of a result.
#[derive(Debug, Clone, PartialEq)]
pub enum Point {
    /// A number.
    Float(f64),
    /// A histogram.
    Histogram(Arc<Histogram>),
}

/// A series at an instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its labels.
    pub labels: Labels,
    /// Milliseconds since 1970.
    pub time_ms: i64,
    /// Its value.
    pub value: Point,
}

/// A series over a range of time. At an instant it has one value at most.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// Its labels.
    pub labels: Labels,
    /// Times in milliseconds since 1970 and numbers, in order of time.
    pub floats: Vec<(i64, f64)>,
    /// Times in milliseconds since 1970 and histograms, in order of time.
    pub histograms: Vec<(i64, Arc<Histogram>)>,
}

/// A result.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number at an instant.
    Scalar {
        /// Milliseconds since 1970.
        time_ms: i64,
        /// The number.
        value: f64,
    },
    /// A text at an instant.
    String {
        /// Milliseconds since 1970.
        time_ms: i64,
        /// The text.
        value: String,
    },
    /// Series at an instant, each label set once. In the order the expression says (`sort`, `topk`), else in order of the input.
    Vector(Vec<Sample>),
    /// Series over time, in order of their labels, each label set once.
    Matrix(Vec<Series>),
}

/// A result and what is to be said of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The result.
    pub value: Value,
    /// Warnings and infos.
    pub annotations: Annotations,
}

/// Why a query has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// The query cannot be run at all (Prometheus's `bad_data`): which part of it, and why.
    #[error("{0}")]
    Invalid(String),
    /// What it meets in the data has no result (Prometheus's `execution`).
    #[error("{0}")]
    Execution(String),
    /// It was stopped, takes too much, or the storage failed.
    #[error(transparent)]
    Query(#[from] QueryError),
}
