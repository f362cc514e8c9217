//! Stopping joins.
//!
//! A task is stopped where it waits, and DataFusion's joins do not wait while they compare one batch of one side with
//! all rows of the other: that may be minutes, or years. So each condition of a join first looks whether anybody still
//! wants the answer, and what a join puts out passes a node that now and then lets others run.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::RecordBatch;
use arrow_schema::{DataType, FieldRef, Schema};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec, NestedLoopJoinExecBuilder};
use tokio::time::Instant;
use vitrine_observe_store::QueryError;

/// Whether a statement is still to be run.
#[derive(Debug)]
pub(crate) struct Watch {
    deadline: Instant,
    stopped: AtomicBool,
}

impl Watch {
    /// Until this time, at most.
    pub(crate) fn new(deadline: Instant) -> Arc<Self> {
        Arc::new(Self { deadline, stopped: AtomicBool::new(false) })
    }

    /// Nobody wants the answer any more.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether its time is over.
    pub(crate) fn is_late(&self) -> bool {
        Instant::now() >= self.deadline
    }

    fn is_over(&self) -> bool {
        self.stopped.load(Ordering::Relaxed) || self.is_late()
    }
}

/// Makes joins look at a [`Watch`].
#[derive(Debug)]
pub(crate) struct WatchJoins(pub(crate) Arc<Watch>);

impl WatchJoins {
    fn watched(&self, filter: &JoinFilter) -> JoinFilter {
        let expression = Arc::new(Watched { condition: filter.expression().clone(), watch: self.0.clone() });
        JoinFilter::new(expression, filter.column_indices().to_vec(), filter.schema().clone())
    }

    /// The join with a watched condition; none if it is no join.
    fn join(&self, plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let node = plan.as_ref() as &dyn std::any::Any;
        if let Some(join) = node.downcast_ref::<NestedLoopJoinExec>() {
            let filter = join.filter().map(|filter| self.watched(filter));
            let join = NestedLoopJoinExecBuilder::from(join).with_filter(filter).build()?;
            return Ok(Some(Arc::new(join)));
        }
        if let Some(join) = node.downcast_ref::<HashJoinExec>() {
            return match join.filter() {
                Some(filter) => join.builder().with_filter(Some(self.watched(filter))).build_exec().map(Some),
                None => Ok(Some(plan.clone())),
            };
        }
        Ok(node.is::<CrossJoinExec>().then(|| plan.clone()))
    }
}

impl PhysicalOptimizerRule for WatchJoins {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| match self.join(&plan)? {
            Some(join) => Ok(Transformed::yes(Arc::new(CooperativeExec::new(join)) as _)),
            None => Ok(Transformed::no(plan)),
        })
        .map(|transformed| transformed.data)
    }

    fn name(&self) -> &str {
        "watch_joins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// A condition that fails when the statement is not to be run any more.
#[derive(Debug)]
struct Watched {
    condition: Arc<dyn PhysicalExpr>,
    watch: Arc<Watch>,
}

impl PartialEq for Watched {
    fn eq(&self, other: &Self) -> bool {
        self.condition.eq(&other.condition)
    }
}

impl Eq for Watched {}

impl Hash for Watched {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.condition.hash(state);
    }
}

impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.condition.fmt(f)
    }
}

impl PhysicalExpr for Watched {
    fn data_type(&self, schema: &Schema) -> Result<DataType> {
        self.condition.data_type(schema)
    }

    fn nullable(&self, schema: &Schema) -> Result<bool> {
        self.condition.nullable(schema)
    }

    fn return_field(&self, schema: &Schema) -> Result<FieldRef> {
        self.condition.return_field(schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        if self.watch.is_over() {
            return Err(DataFusionError::External(Box::new(QueryError::Closed)));
        }
        self.condition.evaluate(batch)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.condition]
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        let condition = children.into_iter().next().unwrap_or_else(|| self.condition.clone());
        Ok(Arc::new(Self { condition, watch: self.watch.clone() }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.condition.fmt_sql(f)
    }
}
