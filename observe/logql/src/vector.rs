//! What stands above ranges, evaluated by PromQL's engine: its aggregations, operators and their errors are the same.
//!
//! Each range becomes a selector of a name of its own, whose series are given to the engine as if they had been stored: one sample for each
//! step. Time is counted in steps there, a millisecond each, so steps of any length in nanoseconds are exact.

use std::sync::Arc;

use vitrine_observe_promql::ast::{self, AggregateOp, ExprKind, Span, ValueType, VectorSelector};
use vitrine_observe_promql::functions::table;
use vitrine_observe_promql::{Engine, Options, Point, Range, Value};
use vitrine_observe_series::{
    Budget, ExemplarSeries, Filter, Labels, MatchOp, Matcher, MetadataEntry, MetricType, NAME, QueryError, Queryable,
    Select, Selection, SeriesInfo, SeriesSamples, Stats, Temporality, Values,
};

use crate::ast::{Grouping, MetricExpr, RangeExpr, RangeOp};
use crate::metric::StepSeries;
use crate::source::{Error, Source, Steps};

/// Series in one block of a selection.
const BLOCK_SERIES: usize = 256;

/// What a query for numbers results in.
#[derive(Debug, Clone, PartialEq)]
pub enum Evaluated {
    /// One number, of an instant.
    Scalar(f64),
    /// A number for each series, of an instant.
    Vector(Vec<(Labels, f64)>),
    /// Numbers for each series, each with the step that it is of.
    Matrix(Vec<(Labels, Vec<(usize, f64)>)>),
}

/// The series of all ranges of a query, each by its number.
#[derive(Default)]
struct Ranges(Vec<Arc<[StepSeries]>>);

impl Source<'_> {
    /// Evaluates at one instant, in nanoseconds since 1970.
    pub fn instant(&self, expr: &MetricExpr, time_ns: u64) -> Result<Evaluated, Error> {
        let mut ranges = Ranges::default();
        let lowered = self.lowered(expr, None, Steps::instant(time_ns), &mut ranges)?;
        let outcome = engine().instant(&ranges, &lowered, 0, self.budget)?;
        Ok(evaluated(outcome.value))
    }

    /// Evaluates at each step.
    pub fn steps(&self, expr: &MetricExpr, steps: Steps) -> Result<Evaluated, Error> {
        let mut ranges = Ranges::default();
        let lowered = self.lowered(expr, None, steps, &mut ranges)?;
        let range = Range { start_ms: 0, end_ms: i64::try_from(steps.count).unwrap_or(i64::MAX) - 1, step_ms: 1 };
        let outcome = engine().range(&ranges, &lowered, range, self.budget)?;
        Ok(evaluated(outcome.value))
    }

    /// The same in PromQL, with ranges evaluated. `grouping` is what an aggregation above makes of labels anyway.
    fn lowered(
        &self,
        expr: &MetricExpr,
        grouping: Option<&Grouping>,
        steps: Steps,
        ranges: &mut Ranges,
    ) -> Result<ast::Expr, Error> {
        let kind = match expr {
            MetricExpr::Range(range) => {
                let series = self.range(range, grouping, steps)?;
                ranges.select(series)
            }
            MetricExpr::Aggregate { op, param, grouping, expr, .. } => {
                let everything = Grouping { without: false, labels: Vec::new() };
                let own = grouping.as_ref().unwrap_or(&everything);
                let pushed = if is_pushed(*op, expr) { Some(own) } else { None };
                let expr = Box::new(self.lowered(expr, pushed, steps, ranges)?);
                let param = param.map(|value| Box::new(node(ExprKind::Number { value, duration: false })));
                let (grouping, without) = (own.labels.clone(), own.without);
                ExprKind::Aggregate { op: *op, expr, param, grouping, without }
            }
            MetricExpr::Sort { descending, expr } => {
                let expr = self.lowered(expr, None, steps, ranges)?;
                call(if *descending { "sort_desc" } else { "sort" }, vec![expr])?
            }
            MetricExpr::Binary { op, returns_bool, matching, lhs, rhs } => {
                let lhs = Box::new(self.lowered(lhs, None, steps, ranges)?);
                let rhs = Box::new(self.lowered(rhs, None, steps, ranges)?);
                let are_vectors = lhs.value_type() == ValueType::Vector && rhs.value_type() == ValueType::Vector;
                let matching = are_vectors.then(|| matching.clone());
                ExprKind::Binary { op: *op, lhs, rhs, returns_bool: *returns_bool, matching }
            }
            MetricExpr::Number(value) => ExprKind::Number { value: *value, duration: false },
            MetricExpr::Vector(value) => {
                call("vector", vec![node(ExprKind::Number { value: *value, duration: false })])?
            }
            MetricExpr::LabelReplace { expr, texts } => {
                let mut args = vec![self.lowered(expr, None, steps, ranges)?];
                args.extend(texts.iter().map(|text| node(ExprKind::String(text.clone()))));
                call("label_replace", args)?
            }
        };
        Ok(node(kind))
    }
}

/// An engine that takes of each series the sample of the step itself only.
fn engine() -> Engine {
    Engine { options: Options { lookback_ms: 1, ..Options::default() } }
}

fn node(kind: ExprKind) -> ast::Expr {
    ast::Expr { kind, span: Span::default() }
}

fn call(name: &str, args: Vec<ast::Expr>) -> Result<ExprKind, Error> {
    let function = table::find(name).ok_or_else(|| Error::Question(format!("{name} is no function")))?;
    Ok(ExprKind::Call { function, args })
}

/// Whether a range may put series together as an aggregation above it does: then only those that are wanted are made.
fn is_pushed(op: AggregateOp, expr: &MetricExpr) -> bool {
    let MetricExpr::Range(range) = expr else { return false };
    let RangeExpr { op: of, grouping: None, .. } = &**range else { return false };
    match op {
        AggregateOp::Sum => of.is_sum(),
        AggregateOp::Max => *of == RangeOp::Max,
        AggregateOp::Min => *of == RangeOp::Min,
        _ => false,
    }
}

fn evaluated(value: Value) -> Evaluated {
    let float = |point: &Point| if let Point::Float(value) = point { Some(*value) } else { None };
    match value {
        Value::Scalar { value, .. } => Evaluated::Scalar(value),
        Value::String { .. } => Evaluated::Vector(Vec::new()),
        Value::Vector(all) => {
            let all = all.into_iter().filter_map(|sample| Some((sample.labels, float(&sample.value)?)));
            Evaluated::Vector(all.collect())
        }
        Value::Matrix(all) => {
            let step = |(ms, value): (i64, f64)| (usize::try_from(ms).unwrap_or(0), value);
            let all = all.into_iter().map(|series| (series.labels, series.floats.into_iter().map(step).collect()));
            Evaluated::Matrix(all.collect())
        }
    }
}

impl Ranges {
    /// Keeps the series of a range, and returns what selects them.
    fn select(&mut self, series: Vec<StepSeries>) -> ExprKind {
        let name = self.0.len().to_string();
        self.0.push(series.into());
        // Of an operator without a pattern no matcher is refused.
        let matchers = Matcher::new(NAME, MatchOp::Equal, &name).into_iter().collect();
        ExprKind::Vector(VectorSelector { matchers, ..VectorSelector::default() })
    }

    fn selected(&self, select: &Select) -> Arc<[StepSeries]> {
        let name = select.matchers.iter().find(|matcher| matcher.name == NAME);
        let place = name.and_then(|matcher| matcher.value.parse::<usize>().ok());
        place.and_then(|place| self.0.get(place)).cloned().unwrap_or_default()
    }
}

struct Selected {
    infos: Vec<SeriesInfo>,
    series: Arc<[StepSeries]>,
    next: usize,
    after_ms: i64,
    until_ms: i64,
}

impl Selection for Selected {
    fn series(&self) -> &[SeriesInfo] {
        &self.infos
    }

    fn next_block(&mut self) -> Result<Option<Vec<SeriesSamples>>, QueryError> {
        let begin = self.next;
        self.next = (begin + BLOCK_SERIES).min(self.series.len());
        if begin == self.next {
            return Ok(None);
        }
        let samples = |place: usize| {
            let (mut times, mut values) = (Vec::new(), Vec::new());
            for (step, value) in (0..).zip(&self.series[place].values) {
                if let Some(value) = value.filter(|_| self.after_ms < step && step <= self.until_ms) {
                    times.push(step);
                    values.push(value.to_bits());
                }
            }
            SeriesSamples { series: place, times: times.into(), values: Values::Floats(values.into()), starts: None }
        };
        Ok(Some((begin..self.next).map(samples).filter(|samples| !samples.times.is_empty()).collect()))
    }
}

impl Queryable for Ranges {
    fn select(&self, select: &Select, budget: &Arc<Budget>) -> Result<Box<dyn Selection>, QueryError> {
        budget.check()?;
        let series = self.selected(select);
        let info = |series: &StepSeries| SeriesInfo {
            labels: series.labels.clone(),
            kind: MetricType::Unknown,
            temporality: Temporality::Cumulative,
        };
        let infos = series.iter().map(info).collect();
        Ok(Box::new(Selected { infos, series, next: 0, after_ms: select.after_ms, until_ms: select.until_ms }))
    }

    fn label_names(&self, _: &Filter, _: &Arc<Budget>) -> Result<Vec<String>, QueryError> {
        Ok(Vec::new())
    }

    fn label_values(&self, _: &str, _: &Filter, _: &Arc<Budget>) -> Result<Vec<String>, QueryError> {
        Ok(Vec::new())
    }

    fn exemplars(&self, _: &Filter, _: &Arc<Budget>) -> Result<Vec<ExemplarSeries>, QueryError> {
        Ok(Vec::new())
    }

    fn metadata(&self, _: Option<&str>) -> Result<Vec<MetadataEntry>, QueryError> {
        Ok(Vec::new())
    }

    fn stats(&self, _: usize) -> Result<Stats, QueryError> {
        Ok(Stats::default())
    }
}
