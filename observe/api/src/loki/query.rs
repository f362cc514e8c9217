//! LogQL asked and answered: `query`, `query_range`, `format_query`.

use serde_json::Value;
use vitrine_observe_logql::ast::Expr;
use vitrine_observe_logql::{Source, Steps, parse};

use super::answer::{evaluated, result, streams, success};
use super::question::{LokiResult, Question, asking};
use crate::error::Error;

/// What is said where lines are asked for at one instant.
const NO_INSTANT: &str =
    "log queries are not supported as an instant query type, please change your query to a range query type";

fn expr(question: &Question) -> Result<Expr, Error> {
    parse(question.query()?).map_err(|error| Error::Question(error.to_string()))
}

/// `query`
pub(super) fn instant(source: &Source<'_>, question: &Question) -> LokiResult {
    let Expr::Metric(metric) = expr(question)? else { return Err(Error::Question(NO_INSTANT.to_owned())) };
    let time_ns = question.time_or("time", question.now_ns)?;
    let found = source.instant(&metric, time_ns).map_err(asking)?;
    Ok(evaluated(found, Steps::instant(time_ns)))
}

/// `query_range`
pub(super) fn range(source: &Source<'_>, question: &Question) -> LokiResult {
    match expr(question)? {
        Expr::Metric(metric) => {
            let steps = question.steps()?;
            Ok(evaluated(source.steps(&metric, steps).map_err(asking)?, steps))
        }
        Expr::Log(log) => {
            let (range, limit) = (question.range()?, question.limit()?);
            let lines = source.lines(&log, range, question.is_backward()?, limit).map_err(asking)?;
            Ok(result("streams", streams(&lines, question.categorizes), lines.len(), question.categorizes))
        }
    }
}

/// `format_query`
pub(super) fn format(_: &Source<'_>, question: &Question) -> LokiResult {
    Ok(success(Value::from(expr(question)?.to_string())))
}
