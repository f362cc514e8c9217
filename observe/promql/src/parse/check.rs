//! Types of operands and arguments, in the order in which Prometheus looks at them: the first mistake is told.

use vitrine_observe_series::{Matcher, NAME};

use crate::ast::{BinaryOp, Cardinality, Expr, ExprKind, Matching, Span, ValueType, VectorSelector};
use crate::functions::table::{Function, Variadic};
use crate::parse::ParseError;
use crate::parse::lexer::is_space;
use crate::text::go_quote;

/// Checks an expression. Takes away how sides match where they are not both instant vectors.
pub(super) fn check(expr: &mut Expr, input: &str) -> Result<(), ParseError> {
    Check { input }.expr(expr).map(|_| ())
}

struct Check<'a> {
    input: &'a str,
}

impl Check<'_> {
    fn error<T>(&self, span: Span, message: impl Into<String>) -> Result<T, ParseError> {
        Err(ParseError::new(message, span, self.input))
    }

    fn expr(&self, expr: &mut Expr) -> Result<ValueType, ParseError> {
        let (span, own) = (expr.span, expr.value_type());
        match &mut expr.kind {
            ExprKind::Number { .. } | ExprKind::String(_) => {}
            ExprKind::Vector(selector) => self.selector(selector, span)?,
            ExprKind::Matrix { selector, selector_span, .. } => self.selector(selector, *selector_span)?,
            ExprKind::Paren(inner) => {
                self.expr(inner)?;
            }
            ExprKind::Unary { expr: operand, .. } => {
                let found = self.expr(operand)?;
                if !matches!(found, ValueType::Scalar | ValueType::Vector) {
                    let got = go_quote(found.documented());
                    let message = format!(
                        "unary expression only allowed on expressions of type scalar or instant vector, got {got}"
                    );
                    return self.error(span, message);
                }
            }
            ExprKind::Subquery { expr: inner, .. } => {
                let found = self.expr(inner)?;
                if found != ValueType::Vector {
                    let message = format!("subquery is only allowed on instant vector, got {} instead", found.name());
                    return self.error(span, message);
                }
            }
            ExprKind::Aggregate { op, expr: inner, param, .. } => {
                self.expect(inner, ValueType::Vector, "aggregation expression")?;
                if let (Some(param), Some(wanted)) = (param, op.param()) {
                    self.expect(param, wanted, "aggregation parameter")?;
                }
            }
            ExprKind::Binary { op, lhs, rhs, returns_bool, matching } => {
                self.binary(*op, lhs, rhs, *returns_bool, matching, span)?;
            }
            ExprKind::Call { function, args } => self.call(function, args, span)?,
        }
        Ok(own)
    }

    fn expect(&self, expr: &mut Expr, wanted: ValueType, context: &str) -> Result<(), ParseError> {
        let found = self.expr(expr)?;
        if found == wanted {
            return Ok(());
        }
        let (wanted, found) = (wanted.documented(), found.documented());
        self.error(expr.span, format!("expected type {wanted} in {context}, got {found}"))
    }

    fn selector(&self, selector: &VectorSelector, span: Span) -> Result<(), ParseError> {
        if selector.name.is_empty() {
            if selector.matchers.iter().all(|matcher| matcher.matches("")) {
                return self.error(span, "vector selector must contain at least one non-empty matcher");
            }
            return Ok(());
        }
        let in_braces = selector.matchers.split_last().map_or(&[] as &[Matcher], |(_, others)| others);
        match in_braces.iter().find(|matcher| matcher.name == NAME) {
            None => Ok(()),
            Some(second) => {
                let (first, second) = (go_quote(&selector.name), go_quote(&second.value));
                self.error(span, format!("metric name must not be set twice: {first} or {second}"))
            }
        }
    }

    /// Where the operator stands, with the modifiers behind it.
    fn operator(&self, lhs: &Expr, rhs: &Expr) -> Span {
        let between = self.input.get(lhs.span.end..rhs.span.start).unwrap_or_default();
        let start = lhs.span.end + (between.len() - between.trim_start_matches(is_space).len());
        Span { start, end: start + between.trim_matches(is_space).len() }
    }

    fn binary(
        &self,
        op: BinaryOp,
        lhs: &mut Expr,
        rhs: &mut Expr,
        returns_bool: bool,
        matching: &mut Option<Matching>,
        span: Span,
    ) -> Result<(), ParseError> {
        let (left, right) = (self.expr(lhs)?, self.expr(rhs)?);
        let scalar = ValueType::Scalar;
        if returns_bool && !op.is_comparison() {
            return self.error(self.operator(lhs, rhs), "bool modifier can only be used on comparison operators");
        }
        if op.is_comparison() && !returns_bool && left == scalar && right == scalar {
            return self.error(self.operator(lhs, rhs), "comparisons between scalars must use BOOL modifier");
        }
        if let Some(matching) = matching.as_ref().filter(|matching| matching.on)
            && let Some(label) = matching.labels.iter().find(|label| matching.include.contains(label))
        {
            let message = format!("label {} must not occur in ON and GROUP clause at once", go_quote(label));
            return self.error(self.operator(lhs, rhs), message);
        }
        for (side, found) in [(&*lhs, left), (&*rhs, right)] {
            if !matches!(found, ValueType::Scalar | ValueType::Vector) {
                return self.error(side.span, "binary expression must contain only scalar and instant vector types");
            }
        }
        if left == ValueType::Vector && right == ValueType::Vector {
            return matching.as_ref().map_or(Ok(()), |matching| self.set_operator(op, matching, span));
        }
        if let Some(matching) = matching.take() {
            if !matching.labels.is_empty() {
                return self.error(span, "vector matching only allowed between instant vectors");
            }
            if matching.fill_left.is_some() || matching.fill_right.is_some() {
                return self.error(span, "filling in missing series only allowed between instant vectors");
            }
        }
        if op.is_set() {
            let message = format!("set operator {} not allowed in binary scalar expression", go_quote(op.name()));
            return self.error(span, message);
        }
        Ok(())
    }

    fn set_operator(&self, op: BinaryOp, matching: &Matching, span: Span) -> Result<(), ParseError> {
        if !op.is_set() {
            return Ok(());
        }
        if matching.cardinality != Cardinality::ManyToMany {
            return self.error(span, format!("no grouping allowed for {} operation", go_quote(op.name())));
        }
        if matching.fill_left.is_some() || matching.fill_right.is_some() {
            return self.error(span, "filling in missing series not allowed for set operators");
        }
        Ok(())
    }

    fn call(&self, function: &Function, args: &mut [Expr], span: Span) -> Result<(), ParseError> {
        let (name, got, typed) = (go_quote(function.name), args.len(), function.args.len());
        let least = match function.variadic {
            Variadic::No if got != typed => {
                return self.error(span, format!("expected {typed} argument(s) in call to {name}, got {got}"));
            }
            Variadic::No => typed,
            Variadic::UpTo(_) | Variadic::Any => typed.saturating_sub(1),
        };
        if got < least {
            return self.error(span, format!("expected at least {least} argument(s) in call to {name}, got {got}"));
        }
        if let Variadic::UpTo(more) = function.variadic
            && got > least + more
        {
            let most = least + more;
            return self.error(span, format!("expected at most {most} argument(s) in call to {name}, got {got}"));
        }
        if function.name == "info"
            && let Some(second) = args.get(1)
        {
            self.info(second, span)?;
        }
        for (place, arg) in args.iter_mut().enumerate() {
            let Some(&wanted) = function.args.get(place).or(function.args.last()) else { continue };
            let found = match &arg.kind {
                // Which labels `info` takes may be said by conditions that everything meets.
                ExprKind::Vector(_) if function.name == "info" && place == 1 => ValueType::Vector,
                _ => self.expr(arg)?,
            };
            if found != wanted {
                let (wanted, found) = (wanted.documented(), found.documented());
                return self.error(arg.span, format!("expected type {wanted} in call to function {name}, got {found}"));
            }
        }
        Ok(())
    }

    /// The second argument of `info`: conditions without a name.
    fn info(&self, second: &Expr, span: Span) -> Result<(), ParseError> {
        let found = second.value_type();
        if found != ValueType::Vector {
            let found = found.documented();
            return self.error(span, format!("expected type instant vector in call to function \"info\", got {found}"));
        }
        match &second.kind {
            ExprKind::Vector(selector) if selector.name.is_empty() => Ok(()),
            ExprKind::Vector(_) => {
                self.error(second.span, "expected label selectors only, got vector selector instead")
            }
            _ => self.error(second.span, "expected label selectors only"),
        }
    }
}
