//! Values of metrics in whatever a statement does with them that may not lose a digit.
//!
//! To a caller that writes a statement, `value` is a floating point number: any function takes it. Before DataFusion looks at types, this
//! rule makes an exact number of it (see [`crate::number`]) where it is read, and lets it be one as long as it is handed on, compared,
//! sorted, grouped, counted, added up, or looked at for the least and the greatest. Everything else gets the floating point number that
//! it was planned with; a node of a plan that this rule does not know gets rows as it was planned with.
//!
//! Rejected: an answer's column that is whole if all its values are, for then a type depends on data.

use std::sync::{Arc, LazyLock};

use arrow_schema::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{AggregateFunction, InList, InSubquery, WindowFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    Between, BinaryExpr, Case, Cast, Distinct, Expr, ExprSchemable, LogicalPlan, Projection, ScalarUDF, Subquery,
    TryCast, Union, WindowFrameBound, WindowFrameUnits, cast, lit,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::scalar::ScalarValue;
use vitrine_observe_store::model::Table;

use crate::functions::{Conversion, Convert};
use crate::number::{self, NUMBER, PRECISION, SCALE};
use crate::text_ids::compares;

/// The column that is a number, whole or not, and the one beside it that is exact if it is whole.
const VALUE: &str = "value";
const VALUE_INT: &str = "value_int";
/// Aggregates and window functions that give back what they take, or only count it.
const KEEPING: [&str; 9] = ["min", "max", "sum", "count", "first_value", "last_value", "nth_value", "lag", "lead"];
/// Functions that give back one of what they take.
const CHOOSING: [&str; 4] = ["coalesce", "nullif", "greatest", "least"];

/// The rule.
#[derive(Debug)]
pub(crate) struct ExactNumbers;

impl AnalyzerRule for ExactNumbers {
    fn name(&self) -> &str {
        "exact_numbers"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        visit(plan).map(|transformed| transformed.data)
    }
}

/// Rewrites a plan from its leaves on, subqueries included. One that asks about the rows around it stays as it was planned: it becomes a join,
/// with columns of which this rule has seen nothing.
fn visit(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    if matches!(&plan, LogicalPlan::Subquery(inner) if !inner.outer_ref_columns.is_empty()) {
        return Ok(Transformed::no(plan));
    }
    let inner = plan.map_subqueries(visit)?.transform_sibling(|plan| plan.map_children(visit))?;
    inner.transform_parent(rewrite)
}

fn rewrite(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    if let LogicalPlan::TableScan(scan) = &plan
        && [Table::Metrics, Table::Exemplars].iter().any(|table| table.name() == scan.table_name.table())
    {
        return read(plan);
    }
    if !plan.inputs().iter().any(|input| has_numbers(input.schema())) && !asks_for_numbers(&plan)? {
        return Ok(Transformed::no(plan));
    }
    let plan = match plan {
        LogicalPlan::Union(union) => return united(union),
        plan if hands_on(&plan)? => plan,
        plan => plan.map_children(|input| Ok(Transformed::yes(restored(input)?)))?.data,
    };
    let schema = merge_schema(&plan.inputs());
    let names = NamePreserver::new(&plan);
    let plan = plan.map_expressions(|expression| {
        let name = names.save(&expression);
        let rewritten = expression.transform_up(|expression| exact(expression, &schema))?;
        Ok(Transformed::yes(name.restore(rewritten.data)))
    })?;
    plan.data.recompute_schema().map(Transformed::yes)
}

/// A scan, and behind it the values as exact numbers.
fn read(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let columns = plan.schema().columns();
    let named = |name: &str| columns.iter().find(|column| column.name == name).cloned();
    let (Some(value), Some(value_int)) = (named(VALUE), named(VALUE_INT)) else { return Ok(Transformed::no(plan)) };
    let both = vec![Expr::Column(value_int), Expr::Column(value.clone())];
    let exact = converted(Conversion::Number, both).alias_qualified(value.relation.clone(), VALUE);
    let columns = columns.into_iter();
    let columns = columns.map(|column| if column == value { exact.clone() } else { Expr::Column(column) }).collect();
    Projection::try_new(columns, Arc::new(plan)).map(|read| Transformed::yes(LogicalPlan::Projection(read)))
}

/// Whether a node may get exact numbers, as it does no more with its rows than its expressions say.
fn hands_on(plan: &LogicalPlan) -> Result<bool> {
    // What is asked in a subquery of the rows around it was planned with other types; a set comparison becomes such a subquery.
    let is_asked_about = any_expression(plan, |expression| {
        matches!(expression, Expr::SetComparison(_))
            || subquery(expression).is_some_and(|inner| !inner.outer_ref_columns.is_empty())
    })?;
    Ok(!is_asked_about
        && match plan {
            LogicalPlan::Projection(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::Window(_)
            | LogicalPlan::Aggregate(_)
            | LogicalPlan::Sort(_)
            | LogicalPlan::Repartition(_)
            | LogicalPlan::Subquery(_)
            | LogicalPlan::SubqueryAlias(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::Explain(_)
            | LogicalPlan::Analyze(_)
            | LogicalPlan::Distinct(Distinct::All(_)) => true,
            LogicalPlan::Join(join) if asks_about_others(&join.left) || asks_about_others(&join.right) => false,
            LogicalPlan::Join(join) => join
                .on
                .iter()
                .all(|(left, right)| is_number(left, join.left.schema()) == is_number(right, join.right.schema())),
            _ => false,
        })
}

/// Whether a plan is a subquery of a join, about the rows at its other side.
fn asks_about_others(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Subquery(inner) => !inner.outer_ref_columns.is_empty(),
        LogicalPlan::SubqueryAlias(alias) => asks_about_others(&alias.input),
        _ => false,
    }
}

/// Rows of several plans, with exact numbers where all have them.
fn united(union: Union) -> Result<Transformed<LogicalPlan>> {
    let exact =
        |schema: &DFSchema| schema.fields().iter().map(|field| *field.data_type() == NUMBER).collect::<Vec<_>>();
    let first = exact(union.inputs[0].schema());
    if union.inputs.iter().all(|input| exact(input.schema()) == first) {
        let fields = union.schema.iter().zip(&first).map(|((relation, field), exact)| {
            let field = if *exact { Arc::new(field.as_ref().clone().with_data_type(NUMBER)) } else { field.clone() };
            (relation.cloned(), field)
        });
        let schema = DFSchema::new_with_metadata(fields.collect(), union.schema.metadata().clone())?;
        return Ok(Transformed::yes(LogicalPlan::Union(Union { schema: Arc::new(schema), ..union })));
    }
    LogicalPlan::Union(union).map_children(|input| Ok(Transformed::yes(restored(input)?)))
}

/// The rows of a plan as it was planned: with floating point numbers.
fn restored(plan: LogicalPlan) -> Result<LogicalPlan> {
    if !has_numbers(plan.schema()) {
        return Ok(plan);
    }
    let columns = plan.schema().iter().map(|(relation, field)| {
        let column = Expr::from((relation, field));
        if *field.data_type() == NUMBER {
            return converted(Conversion::Real, vec![column]).alias_qualified(relation.cloned(), field.name());
        }
        column
    });
    let columns = columns.collect();
    Projection::try_new(columns, Arc::new(plan)).map(LogicalPlan::Projection)
}

fn has_numbers(schema: &DFSchema) -> bool {
    schema.fields().iter().any(|field| *field.data_type() == NUMBER)
}

fn subquery(expression: &Expr) -> Option<&Subquery> {
    match expression {
        Expr::ScalarSubquery(inner) => Some(inner),
        Expr::InSubquery(InSubquery { subquery, .. }) => Some(subquery),
        Expr::Exists(exists) => Some(&exists.subquery),
        Expr::SetComparison(comparison) => Some(&comparison.subquery),
        _ => None,
    }
}

/// Whether a subquery of a node finds exact numbers.
fn asks_for_numbers(plan: &LogicalPlan) -> Result<bool> {
    any_expression(plan, |expression| subquery(expression).is_some_and(|inner| has_numbers(inner.subquery.schema())))
}

/// Whether this is so of an expression of a node, or of a part of one.
fn any_expression(plan: &LogicalPlan, is_so: impl Fn(&Expr) -> bool) -> Result<bool> {
    let mut found = false;
    plan.apply_expressions(|expression| {
        found |= expression.exists(|part| Ok(is_so(part)))?;
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}

fn is_number(expression: &Expr, schema: &DFSchema) -> bool {
    expression.get_type(schema).is_ok_and(|kind| kind == NUMBER)
}

/// An expression whose parts may have become exact numbers.
fn exact(expression: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let is = |expression: &Expr| is_number(expression, schema);
    let exact = match expression {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if compares(op) && (is(&left) || is(&right)) => {
            let [left, right] = alike([*left, *right], schema);
            Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
        }
        Expr::Between(Between { expr, negated, low, high }) if is(&expr) || is(&low) || is(&high) => {
            let [expr, low, high] = alike([*expr, *low, *high], schema);
            Expr::Between(Between::new(Box::new(expr), negated, Box::new(low), Box::new(high)))
        }
        Expr::InList(InList { expr, list, negated }) if is(&expr) || list.iter().any(is) => {
            let mut all = all_alike(std::iter::once(*expr).chain(list).collect(), schema).into_iter();
            let expr = all.next().unwrap_or_else(|| lit(ScalarValue::Null));
            Expr::InList(InList { expr: Box::new(expr), list: all.collect(), negated })
        }
        Expr::InSubquery(within) => in_subquery(within, schema)?,
        Expr::SetComparison(mut comparison) => {
            comparison.expr = Box::new(real(*comparison.expr, schema));
            comparison.subquery.subquery = Arc::new(restored(Arc::unwrap_or_clone(comparison.subquery.subquery))?);
            Expr::SetComparison(comparison)
        }
        Expr::Case(case) => chosen(case, schema),
        Expr::ScalarFunction(mut call) if CHOOSING.contains(&call.name()) && call.args.iter().any(is) => {
            call.args = all_alike(call.args, schema);
            Expr::ScalarFunction(call)
        }
        Expr::Cast(Cast { expr, field }) if is(&expr) => {
            Expr::Cast(Cast { expr: Box::new(reported(*expr, field.data_type())), field })
        }
        Expr::TryCast(TryCast { expr, field }) if is(&expr) => {
            Expr::TryCast(TryCast { expr: Box::new(reported(*expr, field.data_type())), field })
        }
        kept if keeps(&kept) => match kept {
            Expr::WindowFunction(call) => Expr::WindowFunction(with_default(call, schema)),
            other => other,
        },
        other => return other.map_children(|part| Ok(Transformed::yes(real(part, schema)))),
    };
    Ok(Transformed::yes(exact))
}

/// Whether an expression takes exact numbers as they are.
fn keeps(expression: &Expr) -> bool {
    match expression {
        Expr::Alias(_)
        | Expr::Column(_)
        | Expr::Literal(..)
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::ScalarSubquery(_)
        | Expr::Exists(_)
        | Expr::GroupingSet(_) => true,
        Expr::AggregateFunction(AggregateFunction { func, params }) => {
            KEEPING.contains(&func.name()) && !(params.distinct && func.name() == "sum")
        }
        Expr::WindowFunction(call) => {
            let WindowFunction { fun, params } = &**call;
            let frame = &params.window_frame;
            let is_counted = |bound: &WindowFrameBound| match bound {
                WindowFrameBound::CurrentRow => false,
                WindowFrameBound::Preceding(by) | WindowFrameBound::Following(by) => !by.is_null(),
            };
            // A distance between values is counted in what they were planned with.
            let by_distance = frame.units == WindowFrameUnits::Range
                && (is_counted(&frame.start_bound) || is_counted(&frame.end_bound));
            KEEPING.contains(&fun.name()) && !params.distinct && !by_distance
        }
        _ => false,
    }
}

/// What stands where there is no row, as what else is found.
fn with_default(mut call: Box<WindowFunction>, schema: &DFSchema) -> Box<WindowFunction> {
    if let [value, _, default] = call.params.args.as_mut_slice()
        && is_number(value, schema)
        && let Some(exact) = number(default, schema)
    {
        *default = exact;
    }
    call
}

/// Branches that are numbers, all exact; or none of them.
fn chosen(case: Case, schema: &DFSchema) -> Expr {
    let Case { expr, when_then_expr, else_expr } = case;
    let (whens, mut thens): (Vec<_>, Vec<_>) = when_then_expr.into_iter().map(|(when, then)| (when, *then)).unzip();
    let has_else = else_expr.is_some();
    thens.extend(else_expr.map(|other| *other));
    let mut thens = if thens.iter().any(|then| is_number(then, schema)) { all_alike(thens, schema) } else { thens };
    let else_expr = if has_else { thens.pop().map(Box::new) } else { None };
    let (expr, whens) = match expr {
        Some(base) => {
            let mut all: Vec<Expr> = std::iter::once(*base).chain(whens.into_iter().map(|when| *when)).collect();
            if all.iter().any(|part| is_number(part, schema)) {
                all = all_alike(all, schema);
            }
            let whens = all.split_off(1);
            (all.pop().map(Box::new), whens.into_iter().map(Box::new).collect())
        }
        None => (None, whens),
    };
    Expr::Case(Case::new(expr, whens.into_iter().zip(thens.into_iter().map(Box::new)).collect(), else_expr))
}

fn in_subquery(within: InSubquery, schema: &DFSchema) -> Result<Expr> {
    let InSubquery { expr, subquery, negated } = within;
    let inner = subquery.subquery.schema().clone();
    let found = inner.iter().next().map(Expr::from);
    if !is_number(&expr, schema) && !has_numbers(&inner) {
        return Ok(Expr::InSubquery(InSubquery { expr, subquery, negated }));
    }
    let both = number(&expr, schema).zip(found.as_ref().and_then(|found| number(found, &inner)));
    let (expr, plan) = match (both, found) {
        (Some((expr, exact)), Some(found)) if exact != found => {
            let named = exact.alias(inner.field(0).name());
            (expr, LogicalPlan::Projection(Projection::try_new(vec![named], subquery.subquery)?))
        }
        (Some((expr, _)), _) => (expr, Arc::unwrap_or_clone(subquery.subquery)),
        (None, _) => (real(*expr, schema), restored(Arc::unwrap_or_clone(subquery.subquery))?),
    };
    let subquery = Subquery { subquery: Arc::new(plan), ..subquery };
    Ok(Expr::InSubquery(InSubquery { expr: Box::new(expr), subquery, negated }))
}

/// As it is converted from, so that the type asked for loses nothing that it could hold.
fn reported(expression: Expr, asked: &DataType) -> Expr {
    let conversion = match asked {
        kind if kind.is_integer() => Conversion::Whole,
        kind if kind.is_string() || kind.is_decimal() => Conversion::Text,
        _ => Conversion::Real,
    };
    converted(conversion, vec![expression])
}

fn alike<const N: usize>(all: [Expr; N], schema: &DFSchema) -> [Expr; N] {
    let exact = all.each_ref().map(|one| number(one, schema));
    if exact.iter().all(Option::is_some) {
        return exact.map(|one| one.unwrap_or_else(|| lit(ScalarValue::Null)));
    }
    all.map(|one| real(one, schema))
}

/// All as exact numbers, or, if there is one that cannot be, none.
fn all_alike(all: Vec<Expr>, schema: &DFSchema) -> Vec<Expr> {
    match all.iter().map(|one| number(one, schema)).collect() {
        Some(exact) => exact,
        None => all.into_iter().map(|one| real(one, schema)).collect(),
    }
}

/// An expression as an exact number, if it is a number that can be one.
fn number(expression: &Expr, schema: &DFSchema) -> Option<Expr> {
    if let Expr::Literal(value, _) = expression {
        return constant(value).map(|value| Expr::Literal(value, None));
    }
    let kind = expression.get_type(schema).ok()?;
    let wide = match &kind {
        kind if *kind == NUMBER => return Some(expression.clone()),
        DataType::Int64 | DataType::UInt64 | DataType::Float64 | DataType::Decimal128(_, 0) => {
            return Some(converted(Conversion::Number, vec![expression.clone()]));
        }
        kind if kind.is_signed_integer() => DataType::Int64,
        kind if kind.is_unsigned_integer() => DataType::UInt64,
        DataType::Float16 | DataType::Float32 => DataType::Float64,
        _ => return None,
    };
    Some(converted(Conversion::Number, vec![cast(expression.clone(), wide)]))
}

fn constant(value: &ScalarValue) -> Option<ScalarValue> {
    let number = match value {
        ScalarValue::Null => None,
        ScalarValue::Decimal128(value, PRECISION, SCALE) => *value,
        ScalarValue::Decimal128(value, _, 0) => value.map(number::of_whole),
        ScalarValue::Int64(value) => value.map(|value| number::of_whole(value.into())),
        ScalarValue::UInt64(value) => value.map(|value| number::of_whole(value.into())),
        ScalarValue::Float64(value) => value.map(number::of_real),
        _ => return None,
    };
    Some(number::scalar(number))
}

/// An expression as it was planned: a floating point number for an exact one.
fn real(expression: Expr, schema: &DFSchema) -> Expr {
    if is_number(&expression, schema) { converted(Conversion::Real, vec![expression]) } else { expression }
}

fn converted(conversion: Conversion, arguments: Vec<Expr>) -> Expr {
    static FUNCTIONS: LazyLock<[(Conversion, Arc<ScalarUDF>); 4]> = LazyLock::new(|| {
        [Conversion::Number, Conversion::Real, Conversion::Text, Conversion::Whole]
            .map(|conversion| (conversion, Arc::new(ScalarUDF::new_from_impl(Convert::new(conversion)))))
    });
    let function = FUNCTIONS.iter().find(|(known, _)| *known == conversion).map_or(&FUNCTIONS[0].1, |(_, known)| known);
    function.call(arguments)
}
