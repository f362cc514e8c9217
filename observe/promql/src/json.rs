//! The syntax tree as JSON, in the shape of Prometheus's `parse_query`.

use serde_json::{Value, json};
use vitrine_observe_series::{MatchOp, Matcher};

use crate::ast::{At, Duration, DurationExpr, DurationExprKind, Expr, ExprKind, Matching, VectorSelector};
use crate::functions::table::{Function, Variadic};
use crate::text::go_float_plain;

/// An expression and all below it.
pub fn to_json(expr: &Expr) -> Value {
    match &expr.kind {
        ExprKind::Number { value, .. } => json!({ "type": "numberLiteral", "val": go_float_plain(*value) }),
        ExprKind::String(text) => json!({ "type": "stringLiteral", "val": text }),
        ExprKind::Vector(selector) => {
            let mut object = selector_json(selector);
            object["type"] = "vectorSelector".into();
            object
        }
        ExprKind::Matrix { selector, range, .. } => {
            let mut object = selector_json(selector);
            object["type"] = "matrixSelector".into();
            object["range"] = millis(Some(range));
            object["rangeExpr"] = computed(Some(range));
            object
        }
        ExprKind::Subquery { expr, range, step, offset, at } => json!({
            "type": "subquery",
            "expr": to_json(expr),
            "range": millis(Some(range)),
            "rangeExpr": computed(Some(range)),
            "offset": millis(offset.as_ref()),
            "offsetExpr": computed(offset.as_ref()),
            "step": millis(step.as_ref()),
            "stepExpr": computed(step.as_ref()),
            "timestamp": timestamp(*at),
            "startOrEnd": start_or_end(*at),
        }),
        ExprKind::Aggregate { op, expr, param, grouping, without } => json!({
            "type": "aggregation",
            "op": op.name(),
            "expr": to_json(expr),
            "param": param.as_deref().map(to_json),
            "grouping": grouping,
            "without": without,
        }),
        ExprKind::Binary { op, lhs, rhs, returns_bool, matching } => json!({
            "type": "binaryExpr",
            "op": op.name(),
            "lhs": to_json(lhs),
            "rhs": to_json(rhs),
            "matching": matching.as_ref().map(matching_json),
            "bool": returns_bool,
        }),
        ExprKind::Unary { negate, expr } => {
            json!({ "type": "unaryExpr", "op": if *negate { "-" } else { "+" }, "expr": to_json(expr) })
        }
        ExprKind::Paren(expr) => json!({ "type": "parenExpr", "expr": to_json(expr) }),
        ExprKind::Call { function, args } => json!({
            "type": "call",
            "func": function_json(function),
            "args": args.iter().map(to_json).collect::<Vec<_>>(),
        }),
    }
}

fn function_json(function: &Function) -> Value {
    let variadic = match function.variadic {
        Variadic::No => 0,
        Variadic::UpTo(more) => i64::try_from(more).unwrap_or(i64::MAX),
        Variadic::Any => -1,
    };
    let args: Vec<&str> = function.args.iter().map(|arg| arg.name()).collect();
    json!({ "name": function.name, "argTypes": args, "variadic": variadic, "returnType": function.returns.name() })
}

fn matching_json(matching: &Matching) -> Value {
    json!({
        "card": matching.cardinality.name(),
        "labels": matching.labels,
        "on": matching.on,
        "include": matching.include,
        "fillValues": { "lhs": matching.fill_left, "rhs": matching.fill_right },
    })
}

fn selector_json(selector: &VectorSelector) -> Value {
    json!({
        "name": selector.name,
        "offset": millis(selector.offset.as_ref()),
        "offsetExpr": computed(selector.offset.as_ref()),
        "matchers": selector.matchers.iter().map(matcher_json).collect::<Vec<_>>(),
        "timestamp": timestamp(selector.at),
        "startOrEnd": start_or_end(selector.at),
        "anchored": selector.anchored,
        "smoothed": selector.smoothed,
    })
}

fn matcher_json(matcher: &Matcher) -> Value {
    let op = match matcher.op {
        MatchOp::Equal => "=",
        MatchOp::NotEqual => "!=",
        MatchOp::Regex => "=~",
        MatchOp::NotRegex => "!~",
    };
    json!({ "name": matcher.name, "value": matcher.value, "type": op })
}

/// Milliseconds of a duration that is known; 0 of one that is computed or not there.
fn millis(duration: Option<&Duration>) -> Value {
    match duration {
        Some(Duration::Millis(ms)) => (*ms).into(),
        Some(Duration::Expr(_)) | None => 0.into(),
    }
}

fn computed(duration: Option<&Duration>) -> Value {
    match duration {
        Some(Duration::Expr(expr)) => duration_json(expr, false),
        Some(Duration::Millis(_)) | None => Value::Null,
    }
}

fn duration_json(expr: &DurationExpr, wrapped: bool) -> Value {
    let node = |op: &str, lhs: Value, rhs: Value| json!({ "type": "durationExpr", "op": op, "lhs": lhs, "rhs": rhs, "wrapped": wrapped });
    let below = |expr: &DurationExpr| duration_json(expr, false);
    match &expr.kind {
        DurationExprKind::Number { value, duration } => {
            let number = json!({ "type": "numberLiteral", "val": go_float_plain(*value), "duration": duration });
            // Only expressions can be in parentheses: Prometheus puts a sign before the number.
            if wrapped { node("+", Value::Null, number) } else { number }
        }
        DurationExprKind::Step => node("step", Value::Null, Value::Null),
        DurationExprKind::Range => node("range", Value::Null, Value::Null),
        DurationExprKind::MinOf(a, b) => node("min_of", below(a), below(b)),
        DurationExprKind::MaxOf(a, b) => node("max_of", below(a), below(b)),
        DurationExprKind::Negate(expr) => node("-", Value::Null, below(expr)),
        DurationExprKind::Binary { op, lhs, rhs } => node(op.name(), below(lhs), below(rhs)),
        DurationExprKind::Paren(expr) => duration_json(expr, true),
    }
}

fn timestamp(at: Option<At>) -> Value {
    match at {
        Some(At::Time(ms)) => ms.into(),
        Some(At::Start | At::End) | None => Value::Null,
    }
}

fn start_or_end(at: Option<At>) -> Value {
    match at {
        Some(At::Start) => "start".into(),
        Some(At::End) => "end".into(),
        Some(At::Time(_)) | None => Value::Null,
    }
}
