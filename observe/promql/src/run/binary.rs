//! Operators between two expressions of which one at least is an instant vector.

mod element;
mod vectors;

use std::collections::BTreeMap;

use crate::annotations::Note;
use crate::ast::{BinaryOp, Matching, Span, ValueType};
use crate::plan::{Binary, Node};

use super::cells::{Cell, Cells, Row};
use super::grid::Grid;
use super::matching::{changes_schema, groups};
use super::{Done, Run, Sink, failed};

use element::element;

/// Prometheus tells one remark a step only: that of the last pair of series that has one.
#[derive(Default)]
struct LastNotes {
    by_step: BTreeMap<usize, (usize, Note)>,
}

impl LastNotes {
    /// Remembers a remark. `order` says which of a step is the last.
    fn put(&mut self, step: usize, order: usize, note: Note) {
        match self.by_step.get_mut(&step) {
            Some(last) if last.0 <= order => *last = (order, note),
            Some(_) => {}
            None => {
                self.by_step.insert(step, (order, note));
            }
        }
    }
}

impl Run<'_> {
    pub(super) fn binary(&self, binary: &Binary, span: Span, grid: &Grid, sink: &mut Sink<'_>) -> Done {
        match (binary.lhs.value_type, binary.rhs.value_type) {
            (ValueType::Vector, ValueType::Vector) => {
                let Some(matching) = &binary.matching else { return failed("two vectors need a matching") };
                match binary.op {
                    BinaryOp::And | BinaryOp::Unless => self.intersect(binary, matching, grid, sink),
                    BinaryOp::Or => self.unite(binary, matching, grid, sink),
                    _ => self.vectors(binary, matching, span, grid, sink),
                }
            }
            (ValueType::Vector, ValueType::Scalar) => {
                self.with_scalar(binary, (&binary.lhs, &binary.rhs), false, span, grid, sink)
            }
            (ValueType::Scalar, ValueType::Vector) => {
                self.with_scalar(binary, (&binary.rhs, &binary.lhs), true, span, grid, sink)
            }
            _ => failed("an operator needs an instant vector or a scalar on both sides"),
        }
    }

    /// A vector and a scalar. `swap`: the scalar is on the left.
    fn with_scalar(
        &self,
        binary: &Binary,
        (vector, scalar): (&Node, &Node),
        swap: bool,
        span: Span,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Done {
        let scalars = self.scalars(scalar, grid)?;
        let drops = changes_schema(binary.op) || binary.returns_bool;
        let unique = !drops || vector.is_unique_without_name();
        let mut notes = LastNotes::default();
        let mut order = 0;
        self.unnamed(unique, grid, sink, &mut |sink| {
            self.rows(vector, grid, &mut |row| {
                order += 1;
                let mut cells = Cells::absent(grid.count);
                for (step, cell) in row.cells.present() {
                    let scalar = Cell::Float(scalars[step]);
                    let (lhs, rhs) = if swap { (scalar, cell) } else { (cell, scalar) };
                    let result = element(binary.op, lhs, rhs);
                    if let Some(note) = result.remarks.wrong {
                        notes.put(step, order, note);
                        continue;
                    }
                    if binary.returns_bool {
                        cells.set_float(step, if result.keep { 1.0 } else { 0.0 });
                    } else if result.keep {
                        // Of a comparison the vector's value is the result, on whichever side it stands.
                        let point = if binary.op.is_comparison() { cell.point() } else { result.point };
                        cells.set(step, point);
                    }
                }
                if !cells.any() {
                    return Ok(());
                }
                let mut row = Row { cells, ..row };
                if drops {
                    self.drop_name(&mut row);
                }
                sink(row)
            })
        })?;
        self.tell(notes, span);
        Ok(())
    }

    fn tell(&self, notes: LastNotes, span: Span) {
        for (_, note) in notes.by_step.into_values() {
            self.note(note, span);
        }
    }

    /// `and`, `unless`: series of the left side at steps at which the right side has one, or none, with the same labels.
    fn intersect(&self, binary: &Binary, matching: &Matching, grid: &Grid, sink: &mut Sink<'_>) -> Done {
        let mut left = self.collect(&binary.lhs, grid)?;
        let right = self.collect(&binary.rhs, grid)?;
        let wanted = binary.op == BinaryOp::And;
        for group in groups(&left.rows, &right.rows, matching) {
            let there = presence(&right.rows, &group.right, grid.count);
            for place in group.left {
                let cells = &mut left.rows[place].cells;
                (0..grid.count).filter(|step| there[*step] != wanted).for_each(|step| cells.clear(step));
            }
        }
        left.rows.into_iter().filter(|row| row.cells.any()).try_for_each(sink)
    }

    /// `or`: all series of the left side, and those of the right at steps at which the left has none with the same labels.
    fn unite(&self, binary: &Binary, matching: &Matching, grid: &Grid, sink: &mut Sink<'_>) -> Done {
        let left = self.collect(&binary.lhs, grid)?;
        let mut right = self.collect(&binary.rhs, grid)?;
        for group in groups(&left.rows, &right.rows, matching) {
            let there = presence(&left.rows, &group.left, grid.count);
            for place in group.right {
                let cells = &mut right.rows[place].cells;
                (0..grid.count).filter(|step| there[*step]).for_each(|step| cells.clear(step));
            }
        }
        let (mut left, mut right) = (Some(left), Some(right));
        self.merged(sink, &mut |sink| {
            let rows = left.take().into_iter().chain(right.take()).flat_map(|held| held.rows);
            rows.filter(|row| row.cells.any()).try_for_each(&mut *sink)
        })
    }
}

/// At which steps one of these rows has a value.
fn presence(rows: &[Row], places: &[usize], count: usize) -> Vec<bool> {
    let mut there = vec![false; count];
    for place in places {
        for (step, there) in there.iter_mut().enumerate() {
            *there |= rows[*place].cells.is_present(step);
        }
    }
    there
}
