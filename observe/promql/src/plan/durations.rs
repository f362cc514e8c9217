//! Lengths of time that are computed from the query's step and range.

use crate::ast::{BinaryOp, Duration, DurationExpr, DurationExprKind, Span};
use crate::engine::EvalError;
use crate::functions::instant::{go_max, go_min};

use super::Frame;

/// Seconds that still fit a 64-bit count of nanoseconds: the longest duration.
const MAX_SECONDS: f64 = 9_223_372_036.854_775;

/// How deep they may be nested.
const MAX_DEPTH: usize = 512;

pub(super) struct Durations {
    step_seconds: f64,
    range_seconds: f64,
}

fn wrong(span: Span, what: &str) -> EvalError {
    EvalError::Invalid(format!("{}:{}: {what}", span.start, span.end))
}

impl Durations {
    pub fn new(frame: Frame) -> Self {
        let range_ms = frame.end_ms.saturating_sub(frame.start_ms);
        Self { step_seconds: frame.step_ms as f64 / 1000.0, range_seconds: range_ms as f64 / 1000.0 }
    }

    /// In milliseconds, of any sign.
    pub fn any(&self, duration: &Duration) -> Result<i64, EvalError> {
        self.millis(duration, true)
    }

    /// In milliseconds; an error unless it is greater than 0.
    pub fn positive(&self, duration: &Duration) -> Result<i64, EvalError> {
        let millis = self.millis(duration, false)?;
        if millis > 0 { Ok(millis) } else { Err(EvalError::Invalid("duration must be greater than 0".to_owned())) }
    }

    fn millis(&self, duration: &Duration, negative: bool) -> Result<i64, EvalError> {
        let expr = match duration {
            Duration::Millis(millis) => return Ok(*millis),
            Duration::Expr(expr) => expr,
        };
        let seconds = self.seconds(expr, 0)?;
        if !seconds.is_finite() {
            return Err(wrong(expr.span, "duration is NaN or infinite"));
        }
        if seconds <= 0.0 && !negative {
            return Err(wrong(expr.span, "duration must be greater than 0"));
        }
        if seconds.abs() > MAX_SECONDS {
            return Err(wrong(expr.span, "duration is out of range"));
        }
        Ok((seconds * 1000.0) as i64)
    }

    fn seconds(&self, expr: &DurationExpr, depth: usize) -> Result<f64, EvalError> {
        if depth > MAX_DEPTH {
            return Err(wrong(expr.span, "duration expression is nested too deeply"));
        }
        let of = |expr: &DurationExpr| self.seconds(expr, depth + 1);
        Ok(match &expr.kind {
            DurationExprKind::Number { value, .. } => *value,
            DurationExprKind::Step => self.step_seconds,
            DurationExprKind::Range => self.range_seconds,
            DurationExprKind::MinOf(a, b) => go_min(of(a)?, of(b)?),
            DurationExprKind::MaxOf(a, b) => go_max(of(a)?, of(b)?),
            DurationExprKind::Negate(inner) => -of(inner)?,
            DurationExprKind::Paren(inner) => of(inner)?,
            DurationExprKind::Binary { op, lhs, rhs } => {
                let (lhs, rhs) = (of(lhs)?, of(rhs)?);
                match op {
                    BinaryOp::Add => lhs + rhs,
                    BinaryOp::Sub => lhs - rhs,
                    BinaryOp::Mul => lhs * rhs,
                    BinaryOp::Div if rhs == 0.0 => return Err(wrong(expr.span, "division by zero")),
                    BinaryOp::Div => lhs / rhs,
                    BinaryOp::Mod if rhs == 0.0 => return Err(wrong(expr.span, "modulo by zero")),
                    BinaryOp::Mod => lhs % rhs,
                    BinaryOp::Pow => lhs.powf(rhs),
                    _ => return Err(wrong(expr.span, "unexpected duration expression operator")),
                }
            }
        })
    }
}
