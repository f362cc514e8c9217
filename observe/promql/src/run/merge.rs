//! Rows that are held, and rows with the same labels.

use std::collections::HashMap;

use rustc_hash::FxBuildHasher;
use vitrine_observe_series::{Labels, Reservation};

use crate::plan::Node;

use super::cells::{BYTES_A_STEP, Row};
use super::expected::Expected;
use super::grid::Grid;
use super::{Done, Run, SAME_LABELS, Sink, failed};

/// About what a label takes, in bytes.
const LABEL_BYTES: usize = 64;

/// What a row without histograms takes, in bytes, without its labels.
fn row_bytes(grid: &Grid) -> usize {
    grid.count.saturating_mul(BYTES_A_STEP).saturating_add(size_of::<Row>())
}

/// Rows, and the memory that they take.
#[derive(Default)]
pub(super) struct RowSet {
    pub rows: Vec<Row>,
    memory: Vec<Reservation>,
}

impl Run<'_> {
    /// Holds a row.
    pub(super) fn hold(&self, held: &mut RowSet, row: Row) -> Done {
        let bytes = row.cells.bytes() + size_of::<Row>() + row.labels.len() * LABEL_BYTES;
        held.memory.push(self.budget.reserve(bytes)?);
        held.rows.push(row);
        Ok(())
    }

    /// All rows of an instant vector.
    pub(super) fn collect(&self, node: &Node, grid: &Grid) -> Done<RowSet> {
        let mut held = RowSet::default();
        let expected = Expected::Rows { bytes: row_bytes(grid) };
        self.expecting(expected, || self.rows(node, grid, &mut |row| self.hold(&mut held, row)))?;
        Ok(held)
    }

    /// Passes rows on whose names were dropped. Where labels may be the same then, rows are held and those with the same labels
    /// become one, unless both have a value at a step: that is an error.
    pub(super) fn unnamed(
        &self,
        unique: bool,
        grid: &Grid,
        sink: &mut Sink<'_>,
        make: &mut dyn FnMut(&mut Sink<'_>) -> Done,
    ) -> Done {
        let _ = grid;
        if unique || self.options.delayed_names { make(sink) } else { self.merged(sink, make) }
    }

    /// Rows with the same labels become one, unless both have a value at a step: that is an error.
    pub(super) fn merged(&self, sink: &mut Sink<'_>, make: &mut dyn FnMut(&mut Sink<'_>) -> Done) -> Done {
        let mut merger = Merger::default();
        make(&mut |row| merger.add(self, row))?;
        merger.held.rows.into_iter().try_for_each(sink)
    }
}

/// Rows by their labels, in the order in which they came.
#[derive(Default)]
pub(super) struct Merger {
    places: HashMap<Labels, usize, FxBuildHasher>,
    pub held: RowSet,
}

impl Merger {
    /// Adds a row, or its values to the row with the same labels.
    pub fn add(&mut self, run: &Run<'_>, row: Row) -> Done {
        if let Some(place) = self.places.get(&row.labels) {
            let into = &mut self.held.rows[*place];
            return if into.cells.fill_from(&row.cells) { Ok(()) } else { failed(SAME_LABELS) };
        }
        self.places.insert(row.labels.clone(), self.held.rows.len());
        run.hold(&mut self.held, row)
    }

    /// The row with these labels; a new one without values if there is none.
    pub fn row(&mut self, run: &Run<'_>, labels: &Labels, drop_name: bool, count: usize) -> Done<&mut Row> {
        let place = self.place(run, labels, drop_name, count)?;
        Ok(&mut self.held.rows[place])
    }

    /// The same, as its place among the rows that are held.
    pub fn place(&mut self, run: &Run<'_>, labels: &Labels, drop_name: bool, count: usize) -> Done<usize> {
        if let Some(place) = self.places.get(labels) {
            return Ok(*place);
        }
        let place = self.held.rows.len();
        self.places.insert(labels.clone(), place);
        let cells = super::cells::Cells::absent(count);
        run.hold(&mut self.held, Row { labels: labels.clone(), drop_name, cells })?;
        Ok(place)
    }
}
