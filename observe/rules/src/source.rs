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

    /// The rows of a statement in SQL as a vector.
    fn sql(&self, statement: &str, time_ms: i64) -> Result<Vec<Sample>, String>;

    /// The value of PromQL as a text: for `query` in templates.
    fn query(&self, text: &str, time_ms: i64) -> Result<Vec<Sample>, String> {
        let expr = parse_expr(text).map_err(|error| error.to_string())?;
        self.evaluate(&expr, time_ms)
    }
}

/// The rows of a statement as a vector at a time in milliseconds since 1970. It blocks.
pub type Sql<'a> = &'a dyn Fn(&str, i64) -> Result<Vec<Sample>, String>;

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
    /// Who answers statements in SQL.
    pub sql: Sql<'a>,
}

impl Source for EngineSource<'_> {
    fn evaluate(&self, expr: &Expr, time_ms: i64) -> Result<Vec<Sample>, String> {
        let budget = Budget::new(self.bytes, self.samples, self.time);
        let outcome = self.engine.instant(self.series, expr, time_ms, &budget).map_err(|error| error.to_string())?;
        vector_of(outcome.value)
    }

    fn sql(&self, statement: &str, time_ms: i64) -> Result<Vec<Sample>, String> {
        (self.sql)(statement, time_ms)
    }
}
