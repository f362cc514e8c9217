//! Reading batches from the engine as a node of a plan.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ReplaceChildrenOptions, SchedulingType};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::Stream;
use tokio::task::JoinHandle;
use vitrine_observe_store::{Batches, QueryError};

/// Starts reading. It blocks, as do the batches.
pub(crate) type Open = Arc<dyn Fn() -> Result<Batches, QueryError> + Send + Sync>;

/// A leaf of a plan that reads from the engine.
pub(crate) struct Read {
    /// What `EXPLAIN` shows.
    label: String,
    open: Open,
    properties: Arc<PlanProperties>,
}

impl Read {
    /// Reads batches with the columns of `schema` in their order; where it has none, batches only count rows.
    pub(crate) fn new(label: String, schema: SchemaRef, open: Open) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        // Each batch is awaited from a blocking thread, and awaiting uses up tokio's budget.
        Self { label, open, properties: Arc::new(properties.with_scheduling_type(SchedulingType::Cooperative)) }
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
        Ok(Box::pin(Reading { schema: self.schema(), state: State::Waiting(self.open.clone()) }))
    }
}

/// What one step on a blocking thread gives: the next batch and the rest, or the end.
type Step = Result<Option<(RecordBatch, Batches)>, QueryError>;

/// Batches as they are asked for. No thread is held while nobody asks, so that any number of scans in one statement
/// share the few blocking threads; dropping it drops the engine's iterator, at the latest after the batch being read.
struct Reading {
    schema: SchemaRef,
    state: State,
}

enum State {
    Waiting(Open),
    Stepping(JoinHandle<Step>),
    Ended,
}

fn step(mut batches: Batches) -> Step {
    batches.next().transpose().map(|batch| batch.map(|batch| (batch, batches)))
}

impl Stream for Reading {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match &mut self.state {
                State::Waiting(open) => {
                    let open = open.clone();
                    self.state = State::Stepping(tokio::task::spawn_blocking(move || step(open()?)));
                }
                State::Stepping(handle) => {
                    let stepped = ready!(Pin::new(handle).poll(context));
                    self.state = State::Ended;
                    let (batch, rest) = match stepped {
                        Ok(Ok(Some(next))) => next,
                        Ok(Ok(None)) => return Poll::Ready(None),
                        Ok(Err(error)) => return Poll::Ready(Some(Err(DataFusionError::External(Box::new(error))))),
                        Err(error) => return Poll::Ready(Some(Err(DataFusionError::ExecutionJoin(Box::new(error))))),
                    };
                    // The next batch is read while this one is worked on.
                    self.state = State::Stepping(tokio::task::spawn_blocking(move || step(rest)));
                    return Poll::Ready(Some(shaped(&self.schema, &batch)));
                }
                State::Ended => return Poll::Ready(None),
            }
        }
    }
}

impl RecordBatchStream for Reading {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}

/// The batch in the schema that the plan was made for. A difference is the engine's mistake, and said so.
fn shaped(schema: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = if schema.fields().is_empty() { Vec::new() } else { batch.columns().to_vec() };
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema.clone(), columns, &options).map_err(|error| {
        DataFusionError::External(Box::new(QueryError::Disk(format!("the batch is not as it was asked for: {error}"))))
    })
}
