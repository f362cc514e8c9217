//! Whom queries are asked of, and when of.

use std::sync::Arc;

use vitrine_observe_model::{LogFilter, LogQuery};
use vitrine_observe_promql::EvalError;
use vitrine_observe_series::Budget;
use vitrine_observe_store::{Logs, QueryError, Tenant};

use crate::ParseError;
use crate::ast::LogExpr;
use crate::labels::LabelMap;
use crate::lower::needs_label_map;

/// Fields that labels are looked up among: the most frequent ones.
const MAX_FIELDS: usize = 1_000;
/// Series that a part of a query may have; Loki's own limit is 500.
pub const MAX_SERIES: usize = 10_000;

/// Log records of one tenant, and what one query may take.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// What keeps them.
    pub logs: &'a dyn Logs,
    /// Whose they are.
    pub tenant: &'a Tenant,
    /// Bytes, samples and time.
    pub budget: &'a Arc<Budget>,
}

/// From a time on, and before another, in nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// From this time on.
    pub start_ns: u64,
    /// Before this time.
    pub end_ns: u64,
}

/// The instants at which a query for numbers is evaluated, in nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    /// The first.
    pub start_ns: u64,
    /// How far they are apart.
    pub step_ns: u64,
    /// How many.
    pub count: usize,
}

/// Why a query has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It cannot be read.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// What is kept cannot be read, or too much of it would have to be.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// It cannot be evaluated.
    #[error(transparent)]
    Evaluate(#[from] EvalError),
    /// It can be read, but not be answered.
    #[error("{0}")]
    Question(String),
}

impl From<vitrine_observe_series::QueryError> for Error {
    fn from(error: vitrine_observe_series::QueryError) -> Self {
        Self::Evaluate(error.into())
    }
}

impl TimeRange {
    /// All that meet a filter within it, in no order.
    pub(crate) fn query(self, filter: LogFilter) -> LogQuery {
        let Self { start_ns, end_ns } = self;
        LogQuery { filter, start_ns, end_ns, newest_first: true, after: None, limit: usize::MAX }
    }
}

impl Steps {
    /// One instant.
    pub fn instant(time_ns: u64) -> Self {
        Self { start_ns: time_ns, step_ns: 0, count: 1 }
    }

    /// The time of a step.
    pub fn time_ns(&self, step: usize) -> u64 {
        self.start_ns.saturating_add(self.step_ns.saturating_mul(step as u64))
    }
}

impl Source<'_> {
    /// The fields that records of a time have.
    pub fn label_map(&self, range: TimeRange) -> Result<LabelMap, Error> {
        self.label_map_of(range, LogFilter::everything())
    }

    /// The same as far as a query, and these names, need it.
    pub(crate) fn label_map_for<'a>(
        &self,
        log: &LogExpr,
        names: impl Iterator<Item = &'a str>,
        range: TimeRange,
    ) -> Result<LabelMap, Error> {
        if needs_label_map(log, names) { self.label_map(range) } else { Ok(LabelMap::default()) }
    }

    /// The same of records that meet a filter.
    pub(crate) fn label_map_of(&self, range: TimeRange, filter: LogFilter) -> Result<LabelMap, Error> {
        let fields = self.logs.log_fields(self.tenant, &range.query(filter), MAX_FIELDS)?;
        self.budget.check()?;
        Ok(LabelMap::new(&fields))
    }
}

/// What is said where there are too many series.
pub(crate) fn too_many_series() -> Error {
    Error::Question(format!(
        "maximum number of series ({MAX_SERIES}) reached for a single query; consider reducing query cardinality by adding more \
         specific stream selectors, reducing the time range, or aggregating results with functions like sum, count or topk"
    ))
}
