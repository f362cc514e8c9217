//! Ranges, subqueries, offsets and `@`, and the durations in them, which may be computed.

use crate::ast::{At, BinaryOp, Duration, DurationExpr, DurationExprKind, Expr, ExprKind, Span, VectorSelector};
use crate::parse::parser::{Failure, Parsed, Parser};
use crate::parse::token::{Keyword, Token, TokenKind};
use crate::text::go_float_fixed;

/// What can stand for a duration, in errors.
const EXPECTED: &str = "number, duration, step(), or range()";

/// Durations must be smaller than this, in seconds: Go counts their nanoseconds in 64 bits.
const MOST_SECONDS: f64 = 9_223_372_036.854_776;

/// Where operands of a sign within durations end.
const UNARY_PRECEDENCE: u8 = 3;

impl Parser<'_> {
    /// `[5m]` or `[5m:1m]` behind an expression.
    pub(super) fn bracket(&mut self, expr: Expr) -> Parsed<Expr> {
        let height = self.height;
        let open = self.take()?;
        let range = self.within("subquery or range selector", EXPECTED, Self::positive_duration)?;
        if let Some(close) = self.accept(TokenKind::RightBracket)? {
            return self.matrix(expr, range, Span { start: open.span.start, end: close.span.end });
        }
        self.within("subquery or range", "\":\" or \"]\"", |parser| parser.expect(TokenKind::Colon))?;
        let mut step = None;
        if !self.is_next(TokenKind::RightBracket)? {
            let expected = format!("{EXPECTED}, or \"]\"").replace("or range()", "range()");
            step = Some(self.within("subquery selector", &expected, Self::positive_duration)?);
        }
        self.within("subquery selector", "\"]\"", |parser| parser.expect(TokenKind::RightBracket))?;
        self.height = height;
        self.raise(height)?;
        let span = Span { start: expr.span.start, end: self.consumed() };
        let kind = ExprKind::Subquery { expr: Box::new(expr), range, step, offset: None, at: None };
        Ok(Expr { kind, span })
    }

    fn matrix(&mut self, expr: Expr, range: Duration, brackets: Span) -> Parsed<Expr> {
        let ExprKind::Vector(selector) = expr.kind else {
            return self.error("ranges only allowed for vector selectors", brackets);
        };
        if selector.offset.is_some() {
            return self.error("no offset modifiers allowed before range", brackets);
        }
        if selector.at.is_some() {
            return self.error("no @ modifiers allowed before range", brackets);
        }
        let span = Span { start: expr.span.start, end: brackets.end };
        Ok(Expr { kind: ExprKind::Matrix { selector, selector_span: expr.span, range }, span })
    }

    pub(super) fn offset(&mut self, expr: &mut Expr) -> Parsed<()> {
        self.take()?;
        let height = self.height;
        let duration = self.within("offset", EXPECTED, Self::offset_duration)?;
        self.height = height;
        let span = expr.span;
        let Some((offset, _)) = modifiers(&mut expr.kind) else {
            let message = "offset modifier must be preceded by an instant vector selector or range vector selector or a \
                           subquery";
            return self.error(message, span);
        };
        if offset.is_some() {
            return self.error("offset may not be set multiple times", span);
        }
        if !is_zero(&duration) {
            *offset = Some(known(duration));
        }
        expr.span.end = self.consumed();
        Ok(())
    }

    pub(super) fn at(&mut self, expr: &mut Expr) -> Parsed<()> {
        self.take()?;
        let instant = self.within("@", "timestamp", Self::instant)?;
        let span = expr.span;
        if let Err(seconds) = instant {
            let text = go_float_fixed(seconds, 6);
            return self.error(format!("timestamp out of bounds for @ modifier: {text}"), span);
        }
        let Some((_, at)) = modifiers(&mut expr.kind) else {
            let message =
                "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery";
            return self.error(message, span);
        };
        if at.is_some() {
            return self.error("@ <timestamp> may not be set multiple times", span);
        }
        *at = instant.ok();
        expr.span.end = self.consumed();
        Ok(())
    }

    /// What follows `@`; seconds that are out of bounds.
    fn instant(&mut self) -> Parsed<Result<At, f64>> {
        let named = match self.peek()?.kind {
            TokenKind::Keyword(Keyword::Start) => Some(At::Start),
            TokenKind::Keyword(Keyword::End) => Some(At::End),
            _ => None,
        };
        if let Some(at) = named {
            self.take()?;
            self.expect(TokenKind::LeftParen)?;
            self.expect(TokenKind::RightParen)?;
            return Ok(Ok(at));
        }
        let negate = self.sign()?.is_some_and(|(negate, _)| negate);
        let (value, _) = self.literal()?;
        let seconds = if negate { -value } else { value };
        let bound = i64::MAX as f64;
        if !seconds.is_finite() || seconds >= bound || seconds <= -bound {
            return Ok(Err(seconds));
        }
        // Saturates where milliseconds do not fit.
        Ok(Ok(At::Time((seconds * 1000.0).round() as i64)))
    }

    /// `anchored` or `smoothed` behind an expression.
    pub(super) fn extended(&mut self, expr: &mut Expr, is_anchored: bool) -> Parsed<()> {
        self.take()?;
        let name = if is_anchored { "anchored" } else { "smoothed" };
        let selector = match &mut expr.kind {
            ExprKind::Vector(selector) | ExprKind::Matrix { selector, .. } => selector,
            ExprKind::Subquery { .. } => {
                return self.error(format!("{name} modifier is not supported for subqueries"), expr.span);
            }
            _ => return self.error(format!("{name} modifier not implemented"), expr.span),
        };
        selector.anchored |= is_anchored;
        selector.smoothed |= !is_anchored;
        if selector.anchored && selector.smoothed {
            return self.error("anchored and smoothed modifiers cannot be used together", expr.span);
        }
        Ok(())
    }

    fn positive_duration(&mut self) -> Parsed<Duration> {
        let duration = self.duration(1)?;
        if let DurationExprKind::Number { value, .. } = duration.kind
            && value <= 0.0
        {
            return self.error("duration must be greater than 0", duration.span);
        }
        Ok(known(duration))
    }

    /// A duration behind `offset`. A number and a sign before it end it: `foo offset -2^2` is `(foo offset -2)^2`.
    fn offset_duration(&mut self) -> Parsed<DurationExpr> {
        let token = self.peek()?;
        match token.kind {
            TokenKind::LeftParen => return self.duration(1),
            TokenKind::Operator(BinaryOp::Add | BinaryOp::Sub) => {}
            _ => return self.duration_operand(),
        }
        self.take()?;
        let operand = match self.peek()?.kind {
            TokenKind::Operator(BinaryOp::Add | BinaryOp::Sub) => self.duration(UNARY_PRECEDENCE)?,
            _ => self.duration_operand()?,
        };
        self.signed(token, operand)
    }

    /// A duration whose operators bind at least as tightly as this.
    fn duration(&mut self, least: u8) -> Parsed<DurationExpr> {
        self.deeper(|parser| {
            let mut lhs = match parser.sign()? {
                Some((_, sign)) => {
                    let operand = parser.duration(UNARY_PRECEDENCE)?;
                    parser.signed(sign, operand)?
                }
                None => parser.duration_operand()?,
            };
            loop {
                let token = parser.peek()?;
                let TokenKind::Operator(op) = token.kind else { return Ok(lhs) };
                let (precedence, next) = match op {
                    BinaryOp::Add | BinaryOp::Sub => (1, 2),
                    BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod => (2, 3),
                    BinaryOp::Pow => (3, 3),
                    _ => return Ok(lhs),
                };
                if precedence < least {
                    return Ok(lhs);
                }
                parser.take()?;
                let height = parser.height;
                let rhs = parser.duration(next)?;
                parser.raise(height.max(parser.height))?;
                lhs = parser.computed(op, token, lhs, rhs)?;
            }
        })
    }

    fn computed(&mut self, op: BinaryOp, token: Token, lhs: DurationExpr, rhs: DurationExpr) -> Parsed<DurationExpr> {
        let is_zero = matches!(rhs.kind, DurationExprKind::Number { value: 0.0, .. });
        match op {
            BinaryOp::Div if is_zero => return self.error("division by zero", token.span),
            BinaryOp::Mod if is_zero => return self.error("modulo by zero", token.span),
            _ => {}
        }
        let span = Span { start: lhs.span.start, end: rhs.span.end };
        Ok(DurationExpr { kind: DurationExprKind::Binary { op, lhs: Box::new(lhs), rhs: Box::new(rhs) }, span })
    }

    /// With the sign before it. A plus changes nothing.
    fn signed(&mut self, sign: Token, operand: DurationExpr) -> Parsed<DurationExpr> {
        let negate = sign.kind == TokenKind::Operator(BinaryOp::Sub);
        let span = Span { start: sign.span.start, end: operand.span.end };
        match operand.kind {
            DurationExprKind::Number { value, duration } => {
                let value = if negate { -value } else { value };
                Ok(DurationExpr { kind: DurationExprKind::Number { value, duration }, span })
            }
            _ if negate => {
                self.raise(self.height)?;
                Ok(DurationExpr { kind: DurationExprKind::Negate(Box::new(operand)), span })
            }
            _ => Ok(operand),
        }
    }

    fn duration_operand(&mut self) -> Parsed<DurationExpr> {
        self.height = 1;
        let token = self.peek()?;
        let start = token.span.start;
        let kind = match token.kind {
            TokenKind::Number | TokenKind::Duration => {
                let (value, duration) = self.literal()?;
                if value.abs() > MOST_SECONDS {
                    return self.error("duration out of range", token.span);
                }
                DurationExprKind::Number { value, duration }
            }
            TokenKind::Keyword(keyword @ (Keyword::Step | Keyword::Range)) => {
                self.take()?;
                self.expect(TokenKind::LeftParen)?;
                self.expect(TokenKind::RightParen)?;
                if keyword == Keyword::Step { DurationExprKind::Step } else { DurationExprKind::Range }
            }
            TokenKind::Keyword(keyword @ (Keyword::MinOf | Keyword::MaxOf)) => {
                self.take()?;
                self.expect(TokenKind::LeftParen)?;
                let a = Box::new(self.duration(1)?);
                let height = self.height;
                self.expect(TokenKind::Comma)?;
                let b = Box::new(self.duration(1)?);
                self.expect(TokenKind::RightParen)?;
                self.raise(height.max(self.height))?;
                if keyword == Keyword::MinOf { DurationExprKind::MinOf(a, b) } else { DurationExprKind::MaxOf(a, b) }
            }
            TokenKind::LeftParen => {
                self.take()?;
                let inner = self.duration(1)?;
                self.expect(TokenKind::RightParen)?;
                self.raise(self.height)?;
                // Several pairs of parentheses are one.
                match inner.kind {
                    kind @ DurationExprKind::Paren(_) => kind,
                    _ => DurationExprKind::Paren(Box::new(inner)),
                }
            }
            _ => return Err(Failure::Unexpected),
        };
        Ok(DurationExpr { kind, span: Span { start, end: self.consumed() } })
    }
}

/// The offset and the instant of an expression that can have them.
fn modifiers(kind: &mut ExprKind) -> Option<(&mut Option<Duration>, &mut Option<At>)> {
    match kind {
        ExprKind::Vector(VectorSelector { offset, at, .. })
        | ExprKind::Matrix { selector: VectorSelector { offset, at, .. }, .. }
        | ExprKind::Subquery { offset, at, .. } => Some((offset, at)),
        _ => None,
    }
}

fn is_zero(duration: &DurationExpr) -> bool {
    matches!(duration.kind, DurationExprKind::Number { value: 0.0, .. })
}

/// A number is known now; all else is computed when the query runs.
fn known(duration: DurationExpr) -> Duration {
    match duration.kind {
        // Durations are whole milliseconds; as a double of seconds one may be a little less.
        DurationExprKind::Number { value, duration: true } => Duration::Millis((value * 1e3).round() as i64),
        // As Go: rounded to nanoseconds, and the part of a millisecond left off.
        DurationExprKind::Number { value, .. } => Duration::Millis((value * 1e9).round() as i64 / 1_000_000),
        _ => Duration::Expr(Box::new(duration)),
    }
}
