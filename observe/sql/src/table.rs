//! A table of telemetry as DataFusion sees it.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use vitrine_observe_store::model::Table;
use vitrine_observe_store::{MapEntry, Scan, TextCondition, TextPart};

use crate::parent::Run;
use crate::pushdown::ScanFilter;
use crate::scan::Read;
use crate::source::Source;

/// A table of one tenant. What of a filter the engine understands goes to it; all filters are applied afterwards too.
pub(crate) struct TelemetryTable {
    run: Run,
    table: Table,
    schema: SchemaRef,
}

impl TelemetryTable {
    /// The table as a statement sees it.
    pub(crate) fn new(run: Run, table: Table) -> Self {
        Self { run, table, schema: table.schema() }
    }
}

impl std::fmt::Debug for TelemetryTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.table.name())
    }
}

#[async_trait]
impl TableProvider for TelemetryTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = |filter: &&Expr| {
            if ScanFilter::default().add(filter) {
                TableProviderFilterPushDown::Inexact
            } else {
                TableProviderFilterPushDown::Unsupported
            }
        };
        Ok(filters.iter().map(support).collect())
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = match projection {
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => self.schema.clone(),
        };
        let mut wanted = ScanFilter::default();
        for filter in filters {
            wanted.add(filter);
        }
        let Some(mut scan) = wanted.scan() else { return Ok(Arc::new(EmptyExec::new(schema))) };
        // To count rows, one column is read: the first, which is a time or an id, and small.
        scan.columns = projection.map(|columns| if columns.is_empty() { vec![0] } else { columns.clone() });
        let label = label(self.table, &schema, &scan);
        Ok(Arc::new(Read::new(label, schema, self.run.clone(), Source::rows(self.table, scan))))
    }
}

/// What is read, for `EXPLAIN`.
fn label(table: Table, schema: &SchemaRef, scan: &Scan) -> String {
    let columns: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let mut text = format!("Read: table={}, columns=[{}]", table.name(), columns.join(", "));
    // Writing into a String never fails.
    if let Some((first, last)) = scan.time_ns {
        let _ = write!(text, ", time_ns={first}..={last}");
    }
    if let Some(trace) = scan.trace {
        let _ = write!(text, ", trace_id={trace}");
    }
    if let Some(services) = &scan.services {
        let _ = write!(text, ", services=[{}]", services.join(", "));
    }
    if let Some(names) = &scan.names {
        let _ = write!(text, ", names=[{}]", names.join(", "));
    }
    for MapEntry { map, key, value } in &scan.entries {
        let _ = write!(text, ", {map}[{key}]={value}");
    }
    for TextCondition { column, holds } in &scan.texts {
        let (how, what) = match holds {
            TextPart::Characters(characters) => ("contains", characters),
            TextPart::Word(word) => ("has_word", word),
            TextPart::Pattern(pattern) => ("matches", pattern),
        };
        let _ = write!(text, ", {column} {how} {what:?}");
    }
    text
}
