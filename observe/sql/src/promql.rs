//! The table function `promql('expression')`, `promql('expression', time)` and `promql('expression', start, end, step)`: what PromQL says,
//! as rows that can be joined.
//!
//! A statement's process reads the expression, so that a mistake in it is one of the statement; the process that it works for, which has
//! the series, evaluates it, within the bounds of a statement.

use std::fmt;
use std::sync::{Arc, LazyLock};

use arrow_array::builder::{MapBuilder, MapFieldNames, StringBuilder};
use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::scalar::ScalarValue;
use serde::{Deserialize, Serialize};
use vitrine_kit::clock::Clock;
use vitrine_observe_promql::histogram::display;
use vitrine_observe_promql::parse::{parse_duration_ms, parse_expr};
use vitrine_observe_promql::{Engine, EvalError, Outcome, Point, Range, Series, Severity, Value};
use vitrine_observe_store::series::{Budget, Labels, QueryError};
use vitrine_observe_store::{Batches, Tenant};

use crate::SqlError;
use crate::parent::Run;
use crate::scan::{Read, projected};
use crate::source::{Source, Telemetry};
use crate::summaries::time;

/// Its name.
pub(crate) const NAME: &str = "promql";
/// What it takes.
const EXPECTED: &str =
    "expected promql('expression'), promql('expression', time) or promql('expression', start, end, step)";
/// Most steps, as Prometheus allows.
const MAX_STEPS: i64 = 11_000;
/// The place of the time among its columns.
const TIME: usize = 1;
/// Rows of a batch.
const BATCH_ROWS: usize = 8_192;
/// Most annotations of each kind that are told.
const MAX_ANNOTATIONS: usize = 10;
/// Nanoseconds in a millisecond.
const NANOS_PER_MILLI: i64 = 1_000_000;
/// Milliseconds of a day and of a month, as intervals have them.
const DAY_MS: i64 = 86_400_000;

/// An expression, and when it is evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Query {
    expression: String,
    /// Milliseconds since 1970.
    start_ms: i64,
    end_ms: i64,
    /// None at one instant.
    step_ms: Option<i64>,
}

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let pairs = vec![Field::new("keys", DataType::Utf8, false), Field::new("values", DataType::Utf8, true)];
    let entries = Field::new("entries", DataType::Struct(Fields::from(pairs)), false);
    Arc::new(Schema::new(vec![
        Field::new("labels", DataType::Map(Arc::new(entries), false), false),
        Field::new("time", DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())), false),
        Field::new("value", DataType::Float64, true),
        Field::new("count", DataType::Float64, true),
        Field::new("sum", DataType::Float64, true),
        Field::new("text", DataType::Utf8, true),
        Field::new("annotations", DataType::Utf8, true),
    ]))
});

/// The function.
pub(crate) struct PromqlFunction {
    run: Run,
}

impl PromqlFunction {
    /// The function of a statement.
    pub(crate) fn new(run: Run) -> Self {
        Self { run }
    }
}

impl fmt::Debug for PromqlFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)
    }
}

impl TableFunctionImpl for PromqlFunction {
    fn call_with_args(&self, args: TableFunctionArgs) -> Result<Arc<dyn TableProvider>> {
        let (expression, times) = match args.exprs() {
            [expression, times @ ..] if matches!(times.len(), 0 | 1 | 3) => (expression, times),
            other => return plan_err!("{NAME}: {} arguments; {EXPECTED}", other.len()),
        };
        let Expr::Literal(value, _) = expression else {
            return plan_err!("{NAME} takes a constant expression as text; {expression} found");
        };
        let Some(expression) = value.try_as_str().flatten() else {
            return plan_err!("{NAME} takes an expression as text, such as 'sum(rate(x_total[5m]))'; {value} found");
        };
        if let Err(error) = parse_expr(expression) {
            return plan_err!("{NAME}: {error}");
        }
        let expression = expression.to_owned();
        let ms = |given: &Expr| -> Result<i64> { Ok((time(NAME, given)? / NANOS_PER_MILLI as u64) as i64) };
        let query = match times {
            [start, end, step] => {
                let (start_ms, end_ms, step_ms) = (ms(start)?, ms(end)?, step_ms(step)?);
                if end_ms < start_ms {
                    return plan_err!("{NAME}: the end is before the start");
                }
                if (end_ms - start_ms) / step_ms > MAX_STEPS {
                    return plan_err!("{NAME}: more than {MAX_STEPS} steps: ask for a longer step, or less time");
                }
                Query { expression, start_ms, end_ms, step_ms: Some(step_ms) }
            }
            at => {
                let at_ms = at.first().map_or_else(|| Ok(Clock::system().now_ms()), ms)?;
                Query { expression, start_ms: at_ms, end_ms: at_ms, step_ms: None }
            }
        };
        Ok(Arc::new(PromqlTable { run: self.run.clone(), query }))
    }
}

/// A step in milliseconds: an interval, a text such as `'1m'`, or a number of seconds.
fn step_ms(step: &Expr) -> Result<i64> {
    let Expr::Literal(value, _) = step else {
        return plan_err!("{NAME} takes a constant step, such as interval '1 minute'; {step} found");
    };
    let found = match value {
        ScalarValue::IntervalMonthDayNano(Some(interval)) if interval.months == 0 => i64::from(interval.days)
            .checked_mul(DAY_MS)
            .and_then(|days| days.checked_add(interval.nanoseconds / NANOS_PER_MILLI)),
        ScalarValue::IntervalDayTime(Some(interval)) => {
            i64::from(interval.days).checked_mul(DAY_MS).map(|days| days + i64::from(interval.milliseconds))
        }
        ScalarValue::Int64(Some(seconds)) => seconds.checked_mul(1_000),
        ScalarValue::Float64(Some(seconds)) => Some((seconds * 1_000.0) as i64),
        other => other.try_as_str().flatten().and_then(|text| parse_duration_ms(text).ok()),
    };
    match found.filter(|ms| *ms > 0) {
        Some(ms) => Ok(ms),
        None => plan_err!(
            "{NAME}: the step {value}: expected a length of time above 0, such as interval '1 minute', '1m' or 60"
        ),
    }
}

#[derive(Clone)]
struct PromqlTable {
    run: Run,
    query: Query,
}

impl fmt::Debug for PromqlTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)
    }
}

#[async_trait]
impl TableProvider for PromqlTable {
    fn schema(&self) -> SchemaRef {
        SCHEMA.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (schema, columns) = projected(&SCHEMA, projection, TIME)?;
        let Query { expression, start_ms, end_ms, step_ms } = &self.query;
        let label = match step_ms {
            Some(step_ms) => format!("Read: promql={expression}, time_ms={start_ms}..={end_ms}, step_ms={step_ms}"),
            None => format!("Read: promql={expression}, time_ms={start_ms}"),
        };
        let source = Source::Promql { query: self.query.clone(), columns };
        Ok(Arc::new(Read::new(label, schema, self.run.clone(), source)))
    }
}

impl Query {
    /// What it says, as rows. It blocks.
    pub(crate) fn batches(
        self,
        columns: Vec<usize>,
        engine: &dyn Telemetry,
        tenant: &Tenant,
        budget: &Arc<Budget>,
    ) -> Result<Batches, SqlError> {
        let Self { expression, start_ms, end_ms, step_ms } = self;
        let parsed = parse_expr(&expression).map_err(|error| SqlError::Statement(format!("{NAME}: {error}")))?;
        let series = engine.series(tenant);
        let evaluator = Engine::default();
        let outcome = match step_ms {
            Some(step_ms) => evaluator.range(&*series, &parsed, Range { start_ms, end_ms, step_ms }, budget),
            None => evaluator.instant(&*series, &parsed, start_ms, budget),
        };
        let Outcome { value, annotations } = outcome.map_err(failed)?;
        let texts = |severity| annotations.texts(severity, &expression, MAX_ANNOTATIONS);
        let told = [texts(Severity::Warning), texts(Severity::Info)].concat().join("\n");
        let told = (!told.is_empty()).then_some(told);
        let mut rows = rows(value);
        Ok(Box::new(std::iter::from_fn(move || {
            let some: Vec<Row> = rows.by_ref().take(BATCH_ROWS).collect();
            let batch = (!some.is_empty()).then(|| batch(&some, told.as_deref()).project(&columns));
            batch.map(|batch| batch.map_err(|error| vitrine_observe_store::QueryError::Disk(error.to_string())))
        })))
    }
}

fn failed(error: EvalError) -> SqlError {
    match error {
        EvalError::Query(QueryError::TooManyBytes { most }) => {
            SqlError::Memory { limit: most, what: format!("evaluating {NAME}") }
        }
        EvalError::Query(QueryError::TooLong { most }) => SqlError::Time { limit: most },
        EvalError::Query(QueryError::Canceled) => SqlError::Closed,
        EvalError::Query(QueryError::Storage(cause)) => SqlError::Failed(cause),
        other => SqlError::statement(&format!("{NAME}: {other}")),
    }
}

struct Row {
    labels: Labels,
    time_ms: i64,
    value: RowValue,
}

enum RowValue {
    Point(Point),
    Text(String),
}

/// What a result tells, row by row.
fn rows(value: Value) -> Box<dyn Iterator<Item = Row> + Send> {
    let one = |time_ms, value| std::iter::once(Row { labels: Labels::default(), time_ms, value });
    match value {
        Value::Scalar { time_ms, value } => Box::new(one(time_ms, RowValue::Point(Point::Float(value)))),
        Value::String { time_ms, value } => Box::new(one(time_ms, RowValue::Text(value))),
        Value::Vector(samples) => Box::new(samples.into_iter().map(|sample| Row {
            labels: sample.labels,
            time_ms: sample.time_ms,
            value: RowValue::Point(sample.value),
        })),
        Value::Matrix(series) => Box::new(series.into_iter().flat_map(|Series { labels, floats, histograms }| {
            let floats = floats.into_iter().map(|(time, value)| (time, Point::Float(value)));
            let points = floats.chain(histograms.into_iter().map(|(time, value)| (time, Point::Histogram(value))));
            points.map(move |(time_ms, point)| Row { labels: labels.clone(), time_ms, value: RowValue::Point(point) })
        })),
    }
}

fn batch(rows: &[Row], annotations: Option<&str>) -> RecordBatch {
    let names = MapFieldNames { entry: "entries".into(), key: "keys".into(), value: "values".into() };
    let mut labels = MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new());
    for row in rows {
        for label in row.labels.iter() {
            labels.keys().append_value(&label.name);
            labels.values().append_value(&label.value);
        }
        labels.append(true).expect("there is a value for each key");
    }
    let float = |row: &Row| match &row.value {
        RowValue::Point(Point::Float(value)) => Some(*value),
        _ => None,
    };
    let histogram = |row: &Row| match &row.value {
        RowValue::Point(Point::Histogram(histogram)) => Some(histogram.clone()),
        _ => None,
    };
    let text = |row: &Row| match &row.value {
        RowValue::Text(text) => Some(text.clone()),
        RowValue::Point(Point::Histogram(histogram)) => Some(display(histogram)),
        RowValue::Point(Point::Float(_)) => None,
    };
    let times = rows.iter().map(|row| row.time_ms.saturating_mul(NANOS_PER_MILLI));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(labels.finish()),
        Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC")),
        Arc::new(rows.iter().map(float).collect::<Float64Array>()),
        Arc::new(rows.iter().map(|row| histogram(row).map(|it| it.count)).collect::<Float64Array>()),
        Arc::new(rows.iter().map(|row| histogram(row).map(|it| it.sum)).collect::<Float64Array>()),
        Arc::new(rows.iter().map(text).collect::<StringArray>()),
        Arc::new(rows.iter().map(|_| annotations).collect::<StringArray>()),
    ];
    RecordBatch::try_new(SCHEMA.clone(), columns).expect("each array is made for its field")
}
