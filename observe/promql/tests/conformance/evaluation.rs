//! Runs the commands of a file.

use std::time::Duration;

use vitrine_observe_promql::ast::{At, Expr, ExprKind};
use vitrine_observe_promql::parse::parse_expr;
use vitrine_observe_promql::testing::{MemorySeries, SequenceValue};
use vitrine_observe_promql::{Engine, EvalError, Options, Outcome, Point, Range, Sample, Severity, Value};
use vitrine_observe_series::{Budget, Value as Stored};

use crate::compare::compare;
use crate::nhcb::Classics;
use crate::script::{Command, Eval, Load, Matching, parse};

const MOST_BYTES: usize = 1 << 30;
const MOST_SAMPLES: u64 = 50_000_000;
const MOST_TIME: Duration = Duration::from_secs(100);
const MINUTE_MS: i64 = 60_000;

/// How many evaluations passed, and what is wrong with the others.
#[derive(Debug, Default)]
pub struct Report {
    pub passed: usize,
    pub failures: Vec<String>,
}

/// Runs a file. What cannot be read counts as failed.
pub fn run(text: &str) -> Report {
    let options = Options { delayed_names: true, start_timestamps: true, ..Options::default() };
    let mut test = Test { engine: Engine { options }, series: MemorySeries::default() };
    let mut report = Report::default();
    for command in parse(text) {
        let outcome = match command {
            Err(error) => Err(error),
            Ok(Command::Clear) => {
                test.series.clear();
                continue;
            }
            Ok(Command::Load(load)) => match test.load(&load) {
                Ok(()) => continue,
                error => error,
            },
            Ok(Command::Eval(eval)) => {
                test.eval(&eval).map_err(|error| format!("line {}: {}: {error}", eval.line, eval.query))
            }
        };
        match outcome {
            Ok(()) => report.passed += 1,
            Err(error) => report.failures.push(error),
        }
    }
    report
}

struct Test {
    engine: Engine,
    series: MemorySeries,
}

impl Test {
    fn load(&mut self, load: &Load) -> Result<(), String> {
        let mut classics = Classics::default();
        for series in &load.series {
            let mut time_ms = 0;
            for (value, start) in series.values.iter().zip(&series.starts) {
                let start_ms = start.map_or(0, |offset| time_ms + offset);
                let stored = match value {
                    SequenceValue::Omitted => None,
                    SequenceValue::Float(bits) => {
                        classics.add(&series.labels, time_ms, f64::from_bits(*bits));
                        Some(Stored::Float(*bits))
                    }
                    SequenceValue::Histogram { histogram, .. } => Some(Stored::Histogram(histogram.clone())),
                };
                if let Some(stored) = stored {
                    self.series.append(&series.labels, time_ms, start_ms, stored);
                }
                time_ms += load.step_ms;
            }
        }
        if load.with_nhcb {
            for (labels, time_ms, histogram) in classics.histograms()? {
                self.series.append(&labels, time_ms, 0, Stored::Histogram(histogram));
            }
        }
        Ok(())
    }

    fn eval(&self, eval: &Eval) -> Result<(), String> {
        if eval.is_range {
            let range = Range { start_ms: eval.start_ms, end_ms: eval.end_ms, step_ms: eval.step_ms };
            let Some(outcome) = expected_failure(eval, self.range(&eval.expr, range))? else { return Ok(()) };
            check_annotations(eval, &eval.query, &outcome)?;
            return compare(eval, &outcome.value);
        }
        self.instant_and_range(eval, &eval.query, &eval.expr, eval.end_ms)?;
        let Some(pinned) = pinned(&eval.expr, eval.end_ms) else { return Ok(()) };
        // The result does not depend on when an expression is evaluated that names all its instants. It is written and
        // read again, so that annotations name places in what was read.
        let query = pinned.to_string();
        let expr = parse_expr(&query).map_err(|error| format!("{query}: {error}"))?;
        let at = eval.end_ms;
        let times = if at == 0 { [-1_000, 0, 1_000, 0, 0] } else { [-10 * at, 0, at / 5, at, 10 * at] };
        for time_ms in times {
            self.instant_and_range(eval, &query, &expr, time_ms)
                .map_err(|error| format!("as {query} at {time_ms} ms: {error}"))?;
        }
        Ok(())
    }

    fn range(&self, expr: &Expr, range: Range) -> Result<Outcome, EvalError> {
        self.engine.range(&self.series, expr, range, &Budget::new(MOST_BYTES, MOST_SAMPLES, MOST_TIME))
    }

    /// An instant's result, and that of a range query in whose middle the instant is.
    fn instant_and_range(&self, eval: &Eval, query: &str, expr: &Expr, time_ms: i64) -> Result<(), String> {
        let budget = Budget::new(MOST_BYTES, MOST_SAMPLES, MOST_TIME);
        let result = self.engine.instant(&self.series, expr, time_ms, &budget);
        let Some(outcome) = expected_failure(eval, result)? else { return Ok(()) };
        check_annotations(eval, query, &outcome)?;
        compare(eval, &outcome.value)?;
        let depends_on_range = ["start()", "end()", "range()", "step()"].iter().any(|call| query.contains(call));
        if eval.only_instant || depends_on_range {
            return Ok(());
        }
        let range = Range { start_ms: time_ms - MINUTE_MS, end_ms: time_ms + MINUTE_MS, step_ms: MINUTE_MS };
        let in_range = self.range(expr, range).map_err(|error| format!("in range mode: {error}"))?;
        if eval.ordered {
            return Ok(());
        }
        let Value::Matrix(series) = in_range.value else { return Err("a range query returned no matrix".to_owned()) };
        let samples = series.iter().flat_map(|series| {
            let float = series.floats.iter().find(|(time, _)| *time == time_ms).map(|(_, value)| Point::Float(*value));
            let histogram = series.histograms.iter().find(|(time, _)| *time == time_ms);
            let histogram = histogram.map(|(_, value)| Point::Histogram(value.clone()));
            let sample = |value| Sample { labels: series.labels.clone(), time_ms, value };
            float.into_iter().chain(histogram).map(sample).collect::<Vec<_>>()
        });
        let samples: Vec<Sample> = samples.collect();
        let value = match (&outcome.value, samples.first()) {
            (Value::Scalar { .. }, Some(Sample { value: Point::Float(value), .. })) => {
                Value::Scalar { time_ms, value: *value }
            }
            _ => Value::Vector(samples),
        };
        compare(eval, &value).map_err(|error| format!("in range mode: {error}"))
    }
}

/// Functions whose result depends on when they are evaluated, even if their arguments do not.
const MOVING: [&str; 15] = [
    "days_in_month",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "end",
    "hour",
    "minute",
    "month",
    "year",
    "predict_linear",
    "range",
    "start",
    "step",
    "time",
    "timestamp",
];

/// The expression with `@` behind each selector that has none; none if its result moves nevertheless.
fn pinned(expr: &Expr, time_ms: i64) -> Option<Expr> {
    let mut expr = expr.clone();
    pin(&mut expr, time_ms).then_some(expr)
}

fn pin(expr: &mut Expr, time_ms: i64) -> bool {
    let set = |at: &mut Option<At>| {
        if !matches!(at, Some(At::Time(_))) {
            *at = Some(At::Time(time_ms));
        }
    };
    match &mut expr.kind {
        ExprKind::Number { .. } | ExprKind::String(_) => true,
        ExprKind::Vector(selector) | ExprKind::Matrix { selector, .. } => {
            set(&mut selector.at);
            true
        }
        // Selectors within are evaluated at the instants of the subquery.
        ExprKind::Subquery { at, .. } => {
            set(at);
            true
        }
        ExprKind::Unary { expr, .. } | ExprKind::Paren(expr) => pin(expr, time_ms),
        ExprKind::Aggregate { expr, param, .. } => {
            pin(expr, time_ms) & param.as_mut().is_none_or(|param| pin(param, time_ms))
        }
        ExprKind::Binary { lhs, rhs, .. } => pin(lhs, time_ms) & pin(rhs, time_ms),
        ExprKind::Call { function, args } => {
            !MOVING.contains(&function.name) & args.iter_mut().all(|arg| pin(arg, time_ms))
        }
    }
}

/// The outcome; none where a failure was expected and came.
fn expected_failure(eval: &Eval, result: Result<Outcome, EvalError>) -> Result<Option<Outcome>, String> {
    match (result, eval.fail.first()) {
        (Ok(outcome), None) => Ok(Some(outcome)),
        (Ok(_), Some(_)) => Err("expected an error, but there is none".to_owned()),
        (Err(error), None) => Err(format!("failed: {error}")),
        (Err(error), Some(wanted)) if wanted.fits(&error.to_string()) => Ok(None),
        (Err(error), Some(wanted)) => Err(format!("expected error {:?}, but got: {error}", wanted.text())),
    }
}

fn check_annotations(eval: &Eval, query: &str, outcome: &Outcome) -> Result<(), String> {
    for (severity, name, wanted, none) in
        [(Severity::Warning, "warn", &eval.warn, eval.no_warn), (Severity::Info, "info", &eval.info, eval.no_info)]
    {
        let texts = outcome.annotations.texts(severity, query, 0);
        if none && !texts.is_empty() {
            return Err(format!("expected no {name} annotations, but there are {texts:?}"));
        }
        if let Some(missing) = wanted.iter().find(|wanted| !texts.iter().any(|text| wanted.fits(text))) {
            return Err(format!("expected {name} annotation {:?}, but there are {texts:?}", missing.text()));
        }
        let fits = |text: &String| wanted.iter().any(|wanted: &Matching| wanted.fits(text));
        if !wanted.is_empty() && !texts.iter().all(fits) {
            return Err(format!("unexpected {name} annotations among {texts:?}"));
        }
    }
    Ok(())
}
