//! An operator between two values.

use std::sync::Arc;

use vitrine_observe_series::{CounterReset, Histogram};

use crate::annotations::{Combining, Note};
use crate::ast::BinaryOp;
use crate::engine::Point;
use crate::histogram::{Combined, add, compact, divide, equal, multiply, subtract, trim_lower, trim_upper};
use crate::run::cells::Cell;
use crate::run::scalars::scalar_op;

/// What is to be said of an operation.
#[derive(Debug, Default)]
pub(super) struct Remarks {
    /// Why there is no result.
    pub wrong: Option<Note>,
    /// What the result should be read with; the last counts.
    pub odd: Option<Note>,
}

/// A result.
#[derive(Debug)]
pub(super) struct Element {
    pub point: Point,
    /// Whether a comparison holds; true of others.
    pub keep: bool,
    pub remarks: Remarks,
}

impl Element {
    fn of(point: Point) -> Self {
        Self { point, keep: true, remarks: Remarks::default() }
    }

    fn histogram(histogram: Histogram) -> Self {
        Self::of(Point::Histogram(Arc::new(histogram)))
    }

    fn wrong(note: Note) -> Self {
        let remarks = Remarks { wrong: Some(note), odd: None };
        Self { point: Point::Float(0.0), keep: false, remarks }
    }

    fn compared(point: Point, keep: bool) -> Self {
        Self { point, keep, remarks: Remarks::default() }
    }
}

/// The result of an operator between two values of series; both are there.
pub(super) fn element(op: BinaryOp, lhs: Cell<'_>, rhs: Cell<'_>) -> Element {
    let incompatible =
        || Element::wrong(Note::IncompatibleTypes { lhs: lhs.type_name(), op: op.name(), rhs: rhs.type_name() });
    match (lhs, rhs) {
        (Cell::Float(_), Cell::Float(_)) if matches!(op, BinaryOp::TrimLower | BinaryOp::TrimUpper) => incompatible(),
        (Cell::Float(lhs), Cell::Float(rhs)) => {
            let value = scalar_op(op, lhs, rhs);
            if op.is_comparison() {
                Element::compared(Point::Float(lhs), value != 0.0)
            } else {
                Element::of(Point::Float(value))
            }
        }
        (Cell::Float(factor), Cell::Histogram(histogram)) => match op {
            BinaryOp::Mul => Element::histogram(changed(histogram, |h| multiply(h, factor))),
            _ => incompatible(),
        },
        (Cell::Histogram(histogram), Cell::Float(value)) => match op {
            BinaryOp::Mul => Element::histogram(changed(histogram, |h| multiply(h, value))),
            BinaryOp::Div => Element::histogram(changed(histogram, |h| divide(h, value))),
            BinaryOp::TrimUpper => Element::histogram(trimmed(histogram, |h| trim_upper(h, value))),
            BinaryOp::TrimLower => Element::histogram(trimmed(histogram, |h| trim_lower(h, value))),
            _ => incompatible(),
        },
        (Cell::Histogram(lhs), Cell::Histogram(rhs)) => match op {
            BinaryOp::Add | BinaryOp::Sub => combined(op, lhs, rhs),
            BinaryOp::Equal => Element::compared(Point::Histogram(lhs.clone()), equal(lhs, rhs)),
            BinaryOp::NotEqual => Element::compared(Point::Histogram(lhs.clone()), !equal(lhs, rhs)),
            _ => incompatible(),
        },
    }
}

fn trimmed(histogram: &Histogram, change: impl FnOnce(&mut Histogram)) -> Histogram {
    let mut changed = histogram.clone();
    change(&mut changed);
    changed
}

fn changed(histogram: &Histogram, change: impl FnOnce(&mut Histogram)) -> Histogram {
    let mut changed = trimmed(histogram, change);
    compact(&mut changed);
    changed
}

/// The sum or the difference.
fn combined(op: BinaryOp, lhs: &Histogram, rhs: &Histogram) -> Element {
    let mut result = lhs.clone();
    let (combining, combined) = if op == BinaryOp::Add {
        (Combining::Addition, add(&mut result, rhs))
    } else {
        (Combining::Subtraction, subtract(&mut result, rhs))
    };
    let Ok(Combined { resets_collided, bounds_reconciled }) = combined else {
        return Element::wrong(Note::IncompatibleBucketLayout { op: op.name() });
    };
    if op == BinaryOp::Sub {
        result.reset = CounterReset::Gauge;
    }
    compact(&mut result);
    let mut element = Element::histogram(result);
    if bounds_reconciled {
        element.remarks.odd = Some(Note::MismatchedCustomBuckets(combining));
    }
    if resets_collided {
        // Prometheus takes this one for an error: there is no result.
        element.remarks.wrong = Some(Note::HistogramCounterResetCollision(combining));
    }
    element
}
