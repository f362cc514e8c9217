//! Who answers the queries of rules.

use std::time::Duration;

use vitrine_observe_promql::ast::Expr;
use vitrine_observe_promql::parse::parse_expr;
use vitrine_observe_promql::{Engine, Sample};
use vitrine_observe_series::{Budget, Queryable};

use crate::group::vector_of;

/// Evaluates expressions of rules.
pub trait Source {
    /// The value of an expression at a time in milliseconds since 1970, as a vector.
    fn evaluate(&self, expr: &Expr, time_ms: i64) -> Result<Vec<Sample>, String>;

    /// The same, of a text: for `query` in templates.
    fn query(&self, text: &str, time_ms: i64) -> Result<Vec<Sample>, String> {
        let expr = parse_expr(text).map_err(|error| error.to_string())?;
        self.evaluate(&expr, time_ms)
    }
}

/// Rules over series, each query with a budget of its own, so that dashboards do not starve alerts.
pub struct EngineSource<'a> {
    /// How.
    pub engine: Engine,
    /// Over which series.
    pub series: &'a dyn Queryable,
    /// Most bytes of a query.
    pub bytes: usize,
    /// Most samples that a query reads.
    pub samples: u64,
    /// Longest time of a query.
    pub time: Duration,
}

impl Source for EngineSource<'_> {
    fn evaluate(&self, expr: &Expr, time_ms: i64) -> Result<Vec<Sample>, String> {
        let budget = Budget::new(self.bytes, self.samples, self.time);
        let outcome = self.engine.instant(self.series, expr, time_ms, &budget).map_err(|error| error.to_string())?;
        vector_of(outcome.value)
    }
}
