//! From the syntax tree back to text, as Prometheus writes it.
//!
//! `Display` writes a query on one line; [`pretty`] breaks what is longer than a line. Both are understood again as the
//! same query.

use std::fmt;

use vitrine_observe_series::{MatchOp, Matcher, NAME};

use crate::ast::{
    AggregateOp, At, Cardinality, Duration, DurationExpr, DurationExprKind, Expr, ExprKind, Matching, VectorSelector,
};
use crate::text::{go_float, go_float_fixed, go_float_plain, go_quote, is_plain_label_name};

/// What is longer than this is broken into lines, in bytes.
const LINE_BYTES: usize = 100;

/// Units with their milliseconds, and whether a duration is written with them only if it is a multiple of them.
const UNITS: [(&str, i64, bool); 7] = [
    ("y", 365 * 86_400_000, true),
    ("w", 7 * 86_400_000, true),
    ("d", 86_400_000, false),
    ("h", 3_600_000, false),
    ("m", 60_000, false),
    ("s", 1_000, false),
    ("ms", 1, false),
];

/// A duration that is not negative, in milliseconds, as Prometheus writes it: `1h30m`.
pub fn duration_text(ms: i64) -> String {
    if ms == 0 {
        return "0s".to_owned();
    }
    let (mut text, mut rest) = (String::new(), ms);
    for (unit, length, only_whole) in UNITS {
        if only_whole && rest % length != 0 {
            continue;
        }
        let count = rest / length;
        if count > 0 {
            text.push_str(&format!("{count}{unit}"));
            rest -= count * length;
        }
    }
    text
}

fn signed_duration(ms: i64) -> String {
    let text = duration_text(ms.checked_abs().unwrap_or(i64::MAX));
    if ms < 0 { format!("-{text}") } else { text }
}

fn number(value: f64, is_duration: bool) -> String {
    // Durations are whole milliseconds; as a double of seconds one may be a little less.
    if is_duration { signed_duration((value * 1e3).round() as i64) } else { go_float_plain(value) }
}

/// Labels between commas, those in quotes that need them.
fn labels(names: &[String]) -> String {
    let quoted = |name: &String| if is_plain_label_name(name) { name.clone() } else { go_quote(name) };
    names.iter().map(quoted).collect::<Vec<_>>().join(", ")
}

fn matcher(matcher: &Matcher) -> String {
    let op = match matcher.op {
        MatchOp::Equal => "=",
        MatchOp::NotEqual => "!=",
        MatchOp::Regex => "=~",
        MatchOp::NotRegex => "!~",
    };
    let name = if is_plain_label_name(&matcher.name) { matcher.name.clone() } else { go_quote(&matcher.name) };
    format!("{name}{op}{}", go_quote(&matcher.value))
}

impl VectorSelector {
    /// The name and the conditions, without modifiers.
    fn series(&self) -> String {
        let is_name = |matcher: &&Matcher| {
            matcher.name == NAME
                && matcher.op == MatchOp::Equal
                && matcher.value == self.name
                && !matcher.value.is_empty()
        };
        let mut conditions: Vec<String> =
            self.matchers.iter().filter(|matcher| !is_name(matcher)).map(matcher).collect();
        conditions.sort();
        match conditions.as_slice() {
            [] if self.name.is_empty() => "{}".to_owned(),
            [] => self.name.clone(),
            _ => format!("{}{{{}}}", self.name, conditions.join(",")),
        }
    }

    fn extended(&self) -> &'static str {
        match (self.anchored, self.smoothed) {
            (true, _) => " anchored",
            (_, true) => " smoothed",
            _ => "",
        }
    }
}

fn at_text(at: Option<At>) -> String {
    match at {
        None => String::new(),
        Some(At::Time(ms)) => format!(" @ {}", go_float_fixed(ms as f64 / 1000.0, 3)),
        Some(At::Start) => " @ start()".to_owned(),
        Some(At::End) => " @ end()".to_owned(),
    }
}

fn offset_text(offset: Option<&Duration>) -> String {
    offset.map_or_else(String::new, |offset| format!(" offset {offset}"))
}

fn aggregate_head(op: AggregateOp, grouping: &[String], without: bool) -> String {
    match (without, grouping) {
        (true, _) => format!("{op} without ({}) ", labels(grouping)),
        (false, []) => op.name().to_owned(),
        (false, _) => format!("{op} by ({}) ", labels(grouping)),
    }
}

/// What stands behind an operator.
fn modifiers(returns_bool: bool, matching: Option<&Matching>) -> String {
    let mut text = String::from(if returns_bool { " bool" } else { "" });
    let Some(matching) = matching else { return text };
    let group = match matching.cardinality {
        Cardinality::ManyToOne => Some("left"),
        Cardinality::OneToMany => Some("right"),
        Cardinality::OneToOne | Cardinality::ManyToMany => None,
    };
    if !matching.labels.is_empty() || matching.on || group.is_some() {
        let word = if matching.on { "on" } else { "ignoring" };
        text.push_str(&format!(" {word} ({})", labels(&matching.labels)));
    }
    if let Some(side) = group {
        text.push_str(&format!(" group_{side} ({})", labels(&matching.include)));
    }
    match (matching.fill_left, matching.fill_right) {
        (Some(left), Some(right)) if left == right => text.push_str(&format!(" fill ({})", go_float(left))),
        (left, right) => {
            if let Some(left) = left {
                text.push_str(&format!(" fill_left ({})", go_float(left)));
            }
            if let Some(right) = right {
                text.push_str(&format!(" fill_right ({})", go_float(right)));
            }
        }
    }
    text
}

fn subquery_suffix(range: &Duration, step: Option<&Duration>, offset: Option<&Duration>, at: Option<At>) -> String {
    let step = step.map_or_else(String::new, Duration::to_string);
    format!("[{range}:{step}]{}{}", at_text(at), offset_text(offset))
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Millis(ms) => f.write_str(&signed_duration(*ms)),
            Self::Expr(expr) => expr.fmt(f),
        }
    }
}

impl fmt::Display for DurationExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            DurationExprKind::Number { value, duration } => f.write_str(&number(*value, *duration)),
            DurationExprKind::Step => f.write_str("step()"),
            DurationExprKind::Range => f.write_str("range()"),
            DurationExprKind::MinOf(a, b) => write!(f, "min_of({a}, {b})"),
            DurationExprKind::MaxOf(a, b) => write!(f, "max_of({a}, {b})"),
            DurationExprKind::Negate(expr) => write!(f, "-{expr}"),
            DurationExprKind::Binary { op, lhs, rhs } => write!(f, "{lhs} {op} {rhs}"),
            DurationExprKind::Paren(expr) => write!(f, "({expr})"),
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Number { value, duration } => f.write_str(&number(*value, *duration)),
            ExprKind::String(text) => f.write_str(&go_quote(text)),
            ExprKind::Vector(selector) => {
                let (series, at) = (selector.series(), at_text(selector.at));
                write!(f, "{series}{at}{}{}", selector.extended(), offset_text(selector.offset.as_ref()))
            }
            ExprKind::Matrix { selector, range, .. } => {
                let (series, at) = (selector.series(), at_text(selector.at));
                let offset = offset_text(selector.offset.as_ref());
                write!(f, "{series}[{range}]{}{at}{offset}", selector.extended())
            }
            ExprKind::Subquery { expr, range, step, offset, at } => {
                write!(f, "{expr}{}", subquery_suffix(range, step.as_ref(), offset.as_ref(), *at))
            }
            ExprKind::Aggregate { op, expr, param, grouping, without } => {
                write!(f, "{}(", aggregate_head(*op, grouping, *without))?;
                if let Some(param) = param {
                    write!(f, "{param}, ")?;
                }
                write!(f, "{expr})")
            }
            ExprKind::Binary { op, lhs, rhs, returns_bool, matching } => {
                write!(f, "{lhs} {op}{} {rhs}", modifiers(*returns_bool, matching.as_ref()))
            }
            ExprKind::Unary { negate, expr } => write!(f, "{}{expr}", sign(*negate)),
            ExprKind::Paren(expr) => write!(f, "({expr})"),
            ExprKind::Call { function, args } => {
                write!(f, "{}(", function.name)?;
                for (place, arg) in args.iter().enumerate() {
                    write!(f, "{}{arg}", if place == 0 { "" } else { ", " })?;
                }
                f.write_str(")")
            }
        }
    }
}

fn sign(negate: bool) -> char {
    if negate { '-' } else { '+' }
}

/// A query with what is longer than a line broken into lines, as `format_query` and `promtool promql format` write it.
pub fn pretty(expr: &Expr) -> String {
    indented(expr, 0)
}

fn indented(expr: &Expr, level: usize) -> String {
    let whole = expr.to_string();
    let indent = "  ".repeat(level);
    let fits = whole.len() <= LINE_BYTES;
    match &expr.kind {
        ExprKind::Subquery { expr: inner, range, step, offset, at } => {
            // Prometheus does not indent it.
            if fits {
                return whole;
            }
            let suffix = subquery_suffix(range, step.as_ref(), offset.as_ref(), *at);
            format!("{}{suffix}", indented(inner, level))
        }
        ExprKind::Unary { negate, expr: inner } => {
            format!("{indent}{}{}", sign(*negate), indented(inner, level).trim())
        }
        _ if fits => format!("{indent}{whole}"),
        ExprKind::Aggregate { op, expr: inner, param, grouping, without } => {
            let param = param.as_ref().map_or_else(String::new, |param| format!("{},\n", indented(param, level + 1)));
            let head = aggregate_head(*op, grouping, *without);
            format!("{indent}{head}(\n{param}{}\n{indent})", indented(inner, level + 1))
        }
        ExprKind::Binary { op, lhs, rhs, returns_bool, matching } => {
            let modifiers = modifiers(*returns_bool, matching.as_ref());
            let (lhs, rhs) = (indented(lhs, level + 1), indented(rhs, level + 1));
            format!("{lhs}\n{indent}{op}{modifiers}\n{rhs}")
        }
        ExprKind::Call { function, args } => {
            let args: Vec<String> = args.iter().map(|arg| indented(arg, level + 1)).collect();
            format!("{indent}{}(\n{}\n{indent})", function.name, args.join(",\n"))
        }
        ExprKind::Paren(inner) => format!("{indent}(\n{}\n{indent})", indented(inner, level + 1)),
        ExprKind::Number { .. } | ExprKind::String(_) | ExprKind::Vector(_) | ExprKind::Matrix { .. } => {
            format!("{indent}{whole}")
        }
    }
}
