//! What evaluates queries.

use std::sync::Arc;

use vitrine_observe_series::{Budget, Queryable};

use crate::ast::Expr;
use crate::engine::{EvalError, Options, Outcome, Range};
use crate::plan::Frame;
use crate::run::evaluate;

/// Evaluates queries. Blocks: call it off the async threads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Engine {
    /// How.
    pub options: Options,
}

impl Engine {
    /// The value of an expression at one instant, in milliseconds since 1970: any type of value.
    pub fn instant(
        &self,
        source: &dyn Queryable,
        expr: &Expr,
        time_ms: i64,
        budget: &Arc<Budget>,
    ) -> Result<Outcome, EvalError> {
        let frame = Frame { start_ms: time_ms, end_ms: time_ms, step_ms: 0 };
        evaluate(self.options, source, expr, frame, budget)
    }

    /// The values of an expression at each step of a range: a matrix. The expression is a scalar or an instant vector.
    pub fn range(
        &self,
        source: &dyn Queryable,
        expr: &Expr,
        range: Range,
        budget: &Arc<Budget>,
    ) -> Result<Outcome, EvalError> {
        if range.step_ms <= 0 {
            return Err(EvalError::Invalid(
                "zero or negative query resolution step widths are not accepted".to_owned(),
            ));
        }
        let frame = Frame { start_ms: range.start_ms, end_ms: range.end_ms, step_ms: range.step_ms };
        evaluate(self.options, source, expr, frame, budget)
    }
}
