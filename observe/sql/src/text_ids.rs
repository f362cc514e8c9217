//! Ids written as hexadecimal text where they are compared: `trace_id = '4bf92f35…'`.

use arrow_schema::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, plan_datafusion_err};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator};
use datafusion::optimizer::AnalyzerRule;
use datafusion::scalar::ScalarValue;
use vitrine_observe_store::model::{SpanId, TraceId};

/// Width of a trace id in bytes.
pub(crate) const TRACE_BYTES: i32 = 16;
/// Width of a span id in bytes.
pub(crate) const SPAN_BYTES: i32 = 8;

/// Makes an id of each text that is compared with one. Without it, such a comparison has no types that fit.
#[derive(Debug)]
pub(crate) struct TextIds;

impl AnalyzerRule for TextIds {
    fn name(&self) -> &str {
        "text_ids"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| {
            let mut schema = merge_schema(&plan.inputs());
            // A scan has no inputs, but may have filters already.
            schema.merge(plan.schema());
            plan.map_expressions(|expression| expression.transform_up(|expression| rewrite(expression, &schema)))
        })
        .map(|transformed| transformed.data)
    }
}

fn rewrite(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expression {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if compares(op) => {
            let (left_width, right_width) = (width(&left, schema), width(&right, schema));
            let left = converted(*left, right_width)?;
            let right = converted(*right, left_width)?;
            let changed = left.transformed || right.transformed;
            let expression = Expr::BinaryExpr(BinaryExpr::new(Box::new(left.data), op, Box::new(right.data)));
            Ok(Transformed::new_transformed(expression, changed))
        }
        Expr::InList(InList { expr, list, negated }) => {
            let width = width(&expr, schema);
            let list = list.into_iter().map(|item| converted(item, width)).collect::<Result<Vec<_>>>()?;
            let changed = list.iter().any(|item| item.transformed);
            let list = list.into_iter().map(|item| item.data).collect();
            Ok(Transformed::new_transformed(Expr::InList(InList { expr, list, negated }), changed))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// Whether an operator compares two values.
pub(crate) fn compares(op: Operator) -> bool {
    matches!(
        op,
        Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom
    )
}

/// The width of an id, if the expression is one.
fn width(expression: &Expr, schema: &DFSchema) -> Option<i32> {
    match expression.get_type(schema) {
        Ok(DataType::FixedSizeBinary(width @ (TRACE_BYTES | SPAN_BYTES))) => Some(width),
        _ => None,
    }
}

/// A literal text as an id of this width; anything else as it is.
fn converted(expression: Expr, width: Option<i32>) -> Result<Transformed<Expr>> {
    match (&expression, width) {
        (Expr::Literal(value, _), Some(width)) => match value.try_as_str() {
            Some(Some(text)) => Ok(Transformed::yes(Expr::Literal(id(text, width)?, None))),
            _ => Ok(Transformed::no(expression)),
        },
        _ => Ok(Transformed::no(expression)),
    }
}

/// Reads an id of this width.
pub(crate) fn id(text: &str, width: i32) -> Result<ScalarValue> {
    let bytes = if width == TRACE_BYTES {
        TraceId::parse(text).map(|id| id.0.to_vec())
    } else {
        SpanId::parse(text).map(|id| id.0.to_vec())
    };
    let bytes = bytes.map_err(|error| plan_datafusion_err!("{error}"))?;
    Ok(ScalarValue::FixedSizeBinary(width, Some(bytes)))
}
