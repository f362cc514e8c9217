//! Expressions: evaluated, formatted, and shown as trees.

use std::fmt::Write as _;
use std::time::Instant;

use vitrine_observe_promql::ast::Expr;
use vitrine_observe_promql::format::pretty;
use vitrine_observe_promql::json::to_json;
use vitrine_observe_promql::parse::parse_expr;
use vitrine_observe_promql::{Engine, Outcome, Range, Severity, Value, go_quote};
use vitrine_observe_store::series::Filter;

use super::answer::{ApiData, Failed};
use super::json::{push_exemplar, push_labels, push_list, push_result, push_text, result_bytes};
use super::question::{Question, TRUNCATED};

/// Most steps of a range query.
const MOST_STEPS: i64 = 11_000;

/// Most annotations of each kind that an answer tells.
const MOST_ANNOTATIONS: usize = 10;

type Answered = Result<ApiData, Failed>;

/// `query`
pub(super) fn instant(question: &Question) -> Answered {
    let limit = question.limit()?;
    let time_ms = question.time_or("time", question.now_ms)?;
    let (engine, expr) = (engine(question)?, expr(question)?);
    let begun = Instant::now();
    let outcome = engine.instant(&*question.series, &expr, time_ms, &question.budget)?;
    Ok(answer(question, outcome, limit, begun))
}

/// `query_range`
pub(super) fn range(question: &Question) -> Answered {
    let limit = question.limit()?;
    let (start_ms, end_ms) = (question.time("start")?, question.time("end")?);
    if end_ms < start_ms {
        return Err(Failed::parameter("end", "end timestamp must not be before start time"));
    }
    let step_ms = question.duration("step")?;
    if step_ms <= 0 {
        let why = "zero or negative query resolution step widths are not accepted. Try a positive integer";
        return Err(Failed::parameter("step", why));
    }
    if end_ms.saturating_sub(start_ms) / step_ms > MOST_STEPS {
        let why = "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution \
                   (?step=XX)";
        return Err(Failed::BadData(why.to_owned()));
    }
    let (engine, expr) = (engine(question)?, expr(question)?);
    let begun = Instant::now();
    let range = Range { start_ms, end_ms, step_ms };
    let outcome = engine.range(&*question.series, &expr, range, &question.budget)?;
    Ok(answer(question, outcome, limit, begun))
}

fn engine(question: &Question) -> Result<Engine, Failed> {
    let mut options = question.settings.options.evaluation;
    if let Some(lookback_ms) = question.lookback()? {
        options.lookback_ms = lookback_ms;
    }
    Ok(Engine { options })
}

fn expr(question: &Question) -> Result<Expr, Failed> {
    parse_expr(question.get("query")).map_err(|error| Failed::query(&error))
}

fn answer(question: &Question, mut outcome: Outcome, limit: Option<usize>, begun: Instant) -> ApiData {
    let took = begun.elapsed();
    let query = question.get("query");
    let texts = |severity| outcome.annotations.texts(severity, query, MOST_ANNOTATIONS);
    let (mut warnings, infos) = (texts(Severity::Warning), texts(Severity::Info));
    if let Some(limit) = limit {
        let is_truncated = match &mut outcome.value {
            Value::Matrix(series) => truncate(series, limit),
            Value::Vector(samples) => truncate(samples, limit),
            Value::Scalar { .. } | Value::String { .. } => false,
        };
        if is_truncated {
            warnings.push(TRUNCATED.to_owned());
        }
    }
    let stats = question.get("stats");
    if !["", "true", "all"].contains(&stats) {
        warnings.push(format!(
            "value {} for parameter \"stats\" is deprecated and will be rejected in the next major release, use \"true\" \
             or \"all\"",
            go_quote(stats)
        ));
    }
    let mut data = String::with_capacity(result_bytes(&outcome.value));
    data.push('{');
    push_result(&mut data, &outcome.value);
    if !stats.is_empty() {
        let (seconds, samples) = (took.as_secs_f64(), question.budget.samples());
        let _ = write!(
            data,
            ",\"stats\":{{\"timings\":{{\"evalTotalTime\":{seconds},\"resultSortTime\":0,\"queryPreparationTime\":0,\
             \"innerEvalTime\":{seconds},\"execQueueTime\":0,\"execTotalTime\":{seconds}}},\
             \"samples\":{{\"totalQueryableSamples\":{samples},\"peakSamples\":{samples}}}}}"
        );
    }
    data.push('}');
    ApiData { data: Some(data), warnings, infos }
}

fn truncate<T>(items: &mut Vec<T>, limit: usize) -> bool {
    let is_longer = items.len() > limit;
    items.truncate(limit);
    is_longer
}

/// `query_exemplars`
pub(super) fn exemplars(question: &Question) -> Answered {
    let times = question.filter()?;
    if times.end_ms < times.start_ms {
        return Err(Failed::BadData("end timestamp must not be before start timestamp".to_owned()));
    }
    let expr = parse_expr(question.get("query")).map_err(|error| Failed::BadData(error.to_string()))?;
    let matchers: Vec<_> = expr.selectors().into_iter().map(|selector| selector.matchers.clone()).collect();
    if matchers.is_empty() {
        return Ok(ApiData::default());
    }
    let found = question.series.exemplars(&Filter { matchers, ..times }, &question.budget)?;
    let mut data = String::new();
    push_list(&mut data, found, |out, series| {
        out.push_str("{\"seriesLabels\":");
        push_labels(out, &series.labels);
        out.push_str(",\"exemplars\":");
        push_list(out, &series.exemplars, push_exemplar);
        out.push('}');
    });
    Ok(ApiData::new(data))
}

/// `format_query`
pub(super) fn format(question: &Question) -> Answered {
    let mut data = String::new();
    push_text(&mut data, &pretty(&expr(question)?));
    Ok(ApiData::new(data))
}

/// `parse_query`
pub(super) fn parse(question: &Question) -> Answered {
    Ok(ApiData::new(to_json(&expr(question)?).to_string()))
}
