//! Reading batches as a node of a plan.

use std::fmt;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{Schema, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ReplaceChildrenOptions, SchedulingType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::stream;

use crate::SqlError;
use crate::parent::{Run, Scan};
use crate::source::Source;

/// A leaf of a plan that reads rows.
pub(crate) struct Read {
    /// What `EXPLAIN` shows.
    label: String,
    run: Run,
    source: Source,
    properties: Arc<PlanProperties>,
}

impl Read {
    /// Reads batches with the columns of `schema` in their order; where it has none, batches only count rows.
    pub(crate) fn new(label: String, schema: SchemaRef, run: Run, source: Source) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        // Each batch is awaited from a channel, which uses up tokio's budget.
        let properties = Arc::new(properties.with_scheduling_type(SchedulingType::Cooperative));
        Self { label, run, source, properties }
    }
}

impl fmt::Debug for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)
    }
}

impl DisplayAs for Read {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)
    }
}

impl ExecutionPlan for Read {
    fn name(&self) -> &'static str {
        "Read"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, _: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (run, source, schema) = (self.run.clone(), self.source.clone(), self.schema());
        let batches = stream::try_unfold(None::<Scan>, move |scan| {
            // Reading begins when the first batch is asked for.
            let mut scan = scan.unwrap_or_else(|| run.open(source.clone()));
            let schema = schema.clone();
            async move {
                match scan.next().await.map_err(|error| DataFusionError::External(Box::new(error)))? {
                    Some(batch) => Ok(Some((shaped(schema, &batch)?, Some(scan)))),
                    None => Ok(None),
                }
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }
}

/// Returns the schema of what a plan asks for, and which columns are read for it: where rows are only counted, this one.
pub(crate) fn projected(
    schema: &Schema,
    projection: Option<&Vec<usize>>,
    counted: usize,
) -> Result<(SchemaRef, Vec<usize>)> {
    let mut columns = projection.cloned().unwrap_or_else(|| (0..schema.fields().len()).collect());
    let projected = Arc::new(schema.project(&columns)?);
    if columns.is_empty() {
        columns.push(counted);
    }
    Ok((projected, columns))
}

/// The batch in the schema that the plan was made for. A difference is the engine's mistake, and said so.
fn shaped(schema: SchemaRef, batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = if schema.fields().is_empty() { Vec::new() } else { batch.columns().to_vec() };
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema, columns, &options).map_err(|error| {
        DataFusionError::External(Box::new(SqlError::Failed(format!("rows are not as they were asked for: {error}"))))
    })
}
