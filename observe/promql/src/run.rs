//! Evaluation of a plan: rows of values, one for each series, a value for each step.
//!
//! Rows are pushed: what makes them calls what takes them, one row at a time, in an order that is the same every time. So a
//! `sum` over a `rate` holds one series and its groups, never all series.

mod absent;
mod aggregate;
mod binary;
mod buckets;
mod by_times;
mod calls;
mod cells;
mod expected;
mod grid;
mod info;
mod labels;
mod matching;
mod merge;
mod ranges;
mod result;
mod scalars;
mod select;
mod smooth;
mod sort;
mod stats;
mod topk;

use std::cell::RefCell;
use std::sync::Arc;

use vitrine_observe_series::{Budget, Queryable, Reservation};

use crate::annotations::{Annotations, Detail, Note};
use crate::ast::{Span, ValueType};
use crate::engine::{EvalError, Options};
use crate::histogram::multiply;
use crate::plan::{Node, NodeKind};

use cells::{Cells, Row};
use expected::Expected;
use grid::Grid;

pub(crate) use result::evaluate;

type Done<T = ()> = Result<T, EvalError>;

/// What takes rows.
type Sink<'s> = dyn FnMut(Row) -> Done + 's;

/// What Prometheus says where two series of a result have the same labels.
const SAME_LABELS: &str = "vector cannot contain metrics with the same labelset";

fn failed<T>(message: impl Into<String>) -> Done<T> {
    Err(EvalError::Execution(message.into()))
}

/// The evaluation of one query.
pub(crate) struct Run<'a> {
    source: &'a dyn Queryable,
    budget: &'a Arc<Budget>,
    options: Options,
    notes: RefCell<Annotations>,
    expected: RefCell<Option<Expected>>,
}

impl<'a> Run<'a> {
    fn note(&self, note: Note, place: Span) {
        self.notes.borrow_mut().add(note, place);
    }

    fn note_with(&self, note: Note, place: Span, detail: Detail) {
        self.notes.borrow_mut().add_with(note, place, detail);
    }

    /// Takes memory for so many steps of values, for as long as the reservation lives.
    fn reserve_steps(&self, rows: usize, grid: &Grid) -> Done<Reservation> {
        let bytes = grid.count.saturating_mul(cells::BYTES_A_STEP).saturating_mul(rows);
        Ok(self.budget.reserve(bytes)?)
    }

    /// Evaluates an instant vector; scalars become a row without labels.
    fn rows(&self, node: &Node, grid: &Grid, sink: &mut Sink<'_>) -> Done {
        self.budget.check()?;
        if grid.count == 0 {
            return Ok(());
        }
        // Whatever an expression keeps by step takes a row at least.
        self.budget.fits(grid.count.saturating_mul(cells::BYTES_A_STEP))?;
        if !expected::keeps_series(node) {
            self.expected.take();
        }
        match &node.kind {
            NodeKind::Select(selector) if selector.smoothed => self.smoothed(selector, node.span, grid, sink),
            NodeKind::Select(selector) => self.select(selector, grid, select::Take::Value, sink),
            NodeKind::Aggregate(aggregate) => self.aggregate(aggregate, node.span, grid, sink),
            NodeKind::Binary(binary) if node.value_type == ValueType::Vector => {
                self.binary(binary, node.span, grid, sink)
            }
            NodeKind::Negate(inner) if node.value_type == ValueType::Vector => self.negate(inner, grid, sink),
            NodeKind::Call { function, args } if function.returns == ValueType::Vector => {
                self.call(function, args, node.span, grid, sink)
            }
            NodeKind::Invariant(inner) if node.value_type == ValueType::Vector => {
                self.rows(inner, &grid.first(), &mut |row| sink(row.repeated(grid.count)))
            }
            NodeKind::String(_) | NodeKind::Matrix(_) => failed("an instant vector was expected"),
            _ => sink(Row::scalar(Cells::floats(self.scalars(node, grid)?))),
        }
    }

    fn negate(&self, inner: &Node, grid: &Grid, sink: &mut Sink<'_>) -> Done {
        self.unnamed(inner.is_unique_without_name(), grid, sink, &mut |sink| {
            self.rows(inner, grid, &mut |mut row| {
                row.cells.map_floats(|value| -value);
                row.cells.map_histograms(|histogram| {
                    let mut negative = histogram.clone();
                    multiply(&mut negative, -1.0);
                    Some(negative)
                });
                self.drop_name(&mut row);
                sink(row)
            })
        })
    }
}
