//! The tables `services` and `service_graph`: what the engine counts as spans arrive, without reading spans.
//!
//! Both are functions too, of two times: `service_graph(now() - interval '1 hour', now())`.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use arrow_array::{ArrayRef, Date32Array, RecordBatch, StringArray, UInt64Array};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::scalar::ScalarValue;
use serde::{Deserialize, Serialize};
use vitrine_observe_store::model::StatusCode;
use vitrine_observe_store::{Dependency, QueryError, RedQuery, RedRow, Tenant};

use crate::parent::Run;
use crate::scan::{Read, projected};
use crate::source::{Source, Telemetry};

const DAY_NS: u64 = 24 * 3600 * 1_000_000_000;

/// All times that a signed number of nanoseconds since 1970 can say.
const ALWAYS: (u64, u64) = (0, i64::MAX as u64);

/// A table that the engine counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Summary {
    /// One row for each service.
    Services,
    /// One row for each pair of services of which one called the other.
    Graph,
}

impl Summary {
    /// All of them.
    pub(crate) const ALL: [Self; 2] = [Self::Services, Self::Graph];

    /// Its name as a table and as a function.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Services => "services",
            Self::Graph => "service_graph",
        }
    }

    fn schema(self) -> SchemaRef {
        match self {
            Self::Services => SERVICES.clone(),
            Self::Graph => GRAPH.clone(),
        }
    }

    /// The table over all times.
    pub(crate) fn whole(self, run: Run) -> SummaryTable {
        SummaryTable { summary: self, run, time_ns: ALWAYS }
    }

    /// The function that takes the time.
    pub(crate) fn function(self, run: Run) -> SummaryFunction {
        SummaryFunction { whole: self.whole(run) }
    }

    /// Its rows, of spans that started from a nanosecond since 1970 on and before another. It blocks.
    pub(crate) fn batch(
        self,
        engine: &dyn Telemetry,
        tenant: &Tenant,
        (start_ns, end_ns): (u64, u64),
    ) -> Result<RecordBatch, QueryError> {
        let batch = match self {
            Self::Services => {
                let query = RedQuery { service: None, start_ns, end_ns, step_ns: DAY_NS };
                services(&engine.red(tenant, &query)?)
            }
            Self::Graph => graph(&engine.dependencies(tenant, start_ns, end_ns.saturating_sub(1))?),
        };
        batch.map_err(|error| QueryError::Disk(error.to_string()))
    }
}

/// A summary of the spans that started in a time: from its first nanosecond to before its last.
#[derive(Clone)]
pub(crate) struct SummaryTable {
    summary: Summary,
    run: Run,
    time_ns: (u64, u64),
}

impl std::fmt::Debug for SummaryTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.summary.name())
    }
}

#[async_trait]
impl TableProvider for SummaryTable {
    fn schema(&self) -> SchemaRef {
        self.summary.schema()
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
        let (schema, columns) = projected(&self.schema(), projection, 0)?;
        let (first, last) = self.time_ns;
        let label = format!("Read: table={}, time_ns={first}..{last}", self.summary.name());
        let source = Source::Summary { summary: self.summary, columns, time_ns: self.time_ns };
        Ok(Arc::new(Read::new(label, schema, self.run.clone(), source)))
    }
}

/// `services(from, until)` and `service_graph(from, until)`.
pub(crate) struct SummaryFunction {
    whole: SummaryTable,
}

impl std::fmt::Debug for SummaryFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.whole.fmt(f)
    }
}

impl TableFunctionImpl for SummaryFunction {
    fn call_with_args(&self, args: TableFunctionArgs) -> Result<Arc<dyn TableProvider>> {
        let name = self.whole.summary.name();
        let [from, until] = args.exprs() else {
            return plan_err!("{name} takes two times, from and until; {} found", args.exprs().len());
        };
        let time_ns = (time(name, from)?, time(name, until)?);
        if time_ns.0 > time_ns.1 {
            return plan_err!("{name}: from is later than until");
        }
        Ok(Arc::new(SummaryTable { time_ns, ..self.whole.clone() }))
    }
}

/// A constant time in nanoseconds since 1970.
pub(crate) fn time(function: &str, expression: &Expr) -> Result<u64> {
    let Expr::Literal(value, _) = expression else {
        return plan_err!("{function} takes constant times, such as now() - interval '1 hour'; {expression} found");
    };
    let kind = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    match value.cast_to(&kind) {
        Ok(ScalarValue::TimestampNanosecond(Some(time), _)) => Ok(u64::try_from(time).unwrap_or(0)),
        _ => plan_err!("{function} takes times, such as '2026-11-21T10:00:00Z'; {value} found"),
    }
}

static SERVICES: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new("service", DataType::Utf8, false),
        Field::new("spans", DataType::UInt64, false),
        Field::new("errors", DataType::UInt64, false),
        Field::new("duration_ns", DataType::UInt64, false),
        Field::new("first_day", DataType::Date32, false),
        Field::new("last_day", DataType::Date32, false),
    ]))
});

static GRAPH: LazyLock<SchemaRef> = LazyLock::new(|| {
    Arc::new(Schema::new(vec![
        Field::new("client", DataType::Utf8, false),
        Field::new("server", DataType::Utf8, false),
        Field::new("calls", DataType::UInt64, false),
    ]))
});

#[derive(Clone, Copy)]
struct ServiceTotals {
    spans: u64,
    errors: u64,
    duration_ns: u64,
    first_ns: u64,
    last_ns: u64,
}

fn services(rows: &[RedRow]) -> Result<RecordBatch, ArrowError> {
    let mut found: BTreeMap<&str, ServiceTotals> = BTreeMap::new();
    for row in rows {
        let none = ServiceTotals { spans: 0, errors: 0, duration_ns: 0, first_ns: row.time_ns, last_ns: row.time_ns };
        let totals = found.entry(&row.service).or_insert(none);
        totals.spans += row.count;
        totals.errors += if row.status == StatusCode::Error { row.count } else { 0 };
        totals.duration_ns = totals.duration_ns.saturating_add(row.duration_ns);
        totals.first_ns = totals.first_ns.min(row.time_ns);
        totals.last_ns = totals.last_ns.max(row.time_ns);
    }
    let day = |time: u64| i32::try_from(time / DAY_NS).unwrap_or(i32::MAX);
    let totals = || found.values();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(found.keys())),
        Arc::new(UInt64Array::from_iter_values(totals().map(|f| f.spans))),
        Arc::new(UInt64Array::from_iter_values(totals().map(|f| f.errors))),
        Arc::new(UInt64Array::from_iter_values(totals().map(|f| f.duration_ns))),
        Arc::new(Date32Array::from_iter_values(totals().map(|f| day(f.first_ns)))),
        Arc::new(Date32Array::from_iter_values(totals().map(|f| day(f.last_ns)))),
    ];
    RecordBatch::try_new(SERVICES.clone(), columns)
}

fn graph(rows: &[Dependency]) -> Result<RecordBatch, ArrowError> {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.parent))),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.child))),
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.calls))),
    ];
    RecordBatch::try_new(GRAPH.clone(), columns)
}
