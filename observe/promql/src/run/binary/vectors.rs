//! Operators between two vectors, other than set operators.

use std::collections::HashMap;

use vitrine_observe_series::Labels;

use crate::ast::{BinaryOp, Cardinality, Matching, Span};
use crate::plan::Binary;
use crate::run::cells::{Cell, Cells, Row};
use crate::run::grid::Grid;
use crate::run::labels::text;
use crate::run::matching::{Group, changes_schema, groups, result_labels, signature};
use crate::run::merge::{Merger, RowSet};
use crate::run::scalars::scalar_op;
use crate::run::{Done, Run, SAME_LABELS, Sink, failed};

use super::LastNotes;
use super::element::element;

/// Both sides. `many` is the side that may have several series with the same matching labels.
struct Sides<'a> {
    binary: &'a Binary,
    matching: &'a Matching,
    many: RowSet,
    one: RowSet,
    /// Whether any series of a side has a value, by step.
    many_there: Vec<bool>,
    one_there: Vec<bool>,
    /// Whether the side of one is the left one.
    swapped: bool,
}

/// A place in a side's rows; none where a number stands for a missing series.
type RowIndex = Option<usize>;

/// What is kept while a group of series is worked on.
struct Results<'a> {
    merger: &'a mut Merger,
    notes: &'a mut LastNotes,
    /// Labels of results of pairs of series.
    labels: HashMap<(RowIndex, RowIndex), Labels>,
}

impl Run<'_> {
    pub(super) fn vectors(
        &self,
        binary: &Binary,
        matching: &Matching,
        span: Span,
        grid: &Grid,
        sink: &mut Sink<'_>,
    ) -> Done {
        let left = self.collect(&binary.lhs, grid)?;
        let right = self.collect(&binary.rhs, grid)?;
        let swapped = matching.cardinality == Cardinality::OneToMany;
        let (many, one) = if swapped { (right, left) } else { (left, right) };
        let groups = groups(&many.rows, &one.rows, matching);
        let (many_there, one_there) = (any_there(&many, grid), any_there(&one, grid));
        let sides = Sides { binary, matching, many, one, many_there, one_there, swapped };
        let (mut merger, mut notes) = (Merger::default(), LastNotes::default());
        for group in &groups {
            self.budget.check()?;
            if self.float_pair(&sides, group, grid, &mut merger)? {
                continue;
            }
            let mut results = Results { merger: &mut merger, notes: &mut notes, labels: HashMap::new() };
            for step in 0..grid.count {
                self.match_step(&sides, group, step, grid, &mut results)?;
            }
        }
        self.tell(notes, span);
        merger.held.rows.into_iter().filter(|row| row.cells.any()).try_for_each(sink)
    }

    /// The result of a group with one series on each side, of numbers only: nothing can go wrong there. False for any other group.
    fn float_pair(&self, sides: &Sides<'_>, group: &Group, grid: &Grid, merger: &mut Merger) -> Done<bool> {
        let (binary, matching) = (sides.binary, sides.matching);
        let ([many], [one]) = (&group.left[..], &group.right[..]) else { return Ok(false) };
        let (many_row, one_row) = (&sides.many.rows[*many], &sides.one.rows[*one]);
        let fills = matching.fill_left.is_some() || matching.fill_right.is_some();
        let trims = matches!(binary.op, BinaryOp::TrimLower | BinaryOp::TrimUpper);
        if fills || trims || many_row.cells.has_histograms() || one_row.cells.has_histograms() {
            return Ok(false);
        }
        let labels = pair_labels(self, sides, (Some(*many), Some(*one)));
        let (lhs, rhs) = if sides.swapped { (one_row, many_row) } else { (many_row, one_row) };
        let mut cells = Cells::absent(grid.count);
        let mut any = false;
        for step in 0..grid.count {
            let (Some(Cell::Float(lhs)), Some(Cell::Float(rhs))) = (lhs.cells.get(step), rhs.cells.get(step)) else {
                continue;
            };
            let value = scalar_op(binary.op, lhs, rhs);
            if !binary.op.is_comparison() || binary.returns_bool {
                cells.set_float(step, value);
                any = true;
            } else if value != 0.0 {
                cells.set_float(step, lhs);
                any = true;
            }
        }
        if any {
            merger.add(self, Row { labels, drop_name: binary.returns_bool, cells })?;
        }
        Ok(true)
    }

    /// All pairs of a group at a step.
    fn match_step(
        &self,
        sides: &Sides<'_>,
        group: &Group,
        step: usize,
        grid: &Grid,
        results: &mut Results<'_>,
    ) -> Done {
        let matching = sides.matching;
        let fills = matching.fill_left.is_some() || matching.fill_right.is_some();
        if !(fills || sides.many_there[step] && sides.one_there[step]) {
            return Ok(());
        }
        let there = |rows: &[Row], places: &[usize]| -> Vec<usize> {
            places.iter().copied().filter(|place| rows[*place].cells.is_present(step)).collect()
        };
        let ones = there(&sides.one.rows, &group.right);
        if let [first, second, ..] = ones[..] {
            return failed(many_to_many(sides, first, second));
        }
        let one = ones.first().copied();
        let mut matched = Matched::default();
        for many in there(&sides.many.rows, &group.left) {
            if one.is_none() && matching.fill_right.is_none() {
                continue;
            }
            self.pair(sides, (Some(many), one), step, grid, results, &mut matched)?;
        }
        if matching.fill_left.is_some() && !matched.any && one.is_some() {
            self.pair(sides, (None, one), step, grid, results, &mut matched)?;
        }
        Ok(())
    }

    /// The result of a pair.
    fn pair(
        &self,
        sides: &Sides<'_>,
        pair: (RowIndex, RowIndex),
        step: usize,
        grid: &Grid,
        results: &mut Results<'_>,
        matched: &mut Matched,
    ) -> Done {
        let (binary, matching) = (sides.binary, sides.matching);
        let fill = |value: Option<f64>| Cell::Float(value.unwrap_or(f64::NAN));
        let of =
            |rows: &'_ [Row], place: RowIndex| place.and_then(|place| rows[place].cells.get(step).map(|c| c.point()));
        let many_point = of(&sides.many.rows, pair.0);
        let one_point = of(&sides.one.rows, pair.1);
        let many = many_point.as_ref().map_or(fill(matching.fill_left), Cell::of);
        let one = one_point.as_ref().map_or(fill(matching.fill_right), Cell::of);
        let (lhs, rhs) = if sides.swapped { (one, many) } else { (many, one) };
        let result = element(binary.op, lhs, rhs);
        let order = pair.0.unwrap_or(sides.many.rows.len() + pair.1.unwrap_or(0));
        if let Some(note) = result.remarks.wrong {
            results.notes.put(step, order, note);
            return Ok(());
        }
        if let Some(note) = result.remarks.odd {
            results.notes.put(step, order, note);
        }
        let labels = results.labels.entry(pair).or_insert_with(|| pair_labels(self, sides, pair)).clone();
        matched.check(matching.cardinality, &labels)?;
        if !result.keep && !binary.returns_bool {
            return Ok(());
        }
        let row = results.merger.row(self, &labels, binary.returns_bool, grid.count)?;
        if row.cells.is_present(step) {
            return failed(SAME_LABELS);
        }
        if binary.returns_bool {
            row.cells.set_float(step, if result.keep { 1.0 } else { 0.0 });
        } else {
            row.cells.set(step, result.point);
        }
        Ok(())
    }
}

/// What a group of series has resulted in at a step.
#[derive(Default)]
struct Matched {
    any: bool,
    labels: Vec<Labels>,
}

impl Matched {
    /// Refuses a second result where one is allowed, or one with the same labels.
    fn check(&mut self, cardinality: Cardinality, labels: &Labels) -> Done {
        if cardinality == Cardinality::OneToOne {
            if self.any {
                return failed(
                    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
                );
            }
        } else {
            if self.labels.contains(labels) {
                return failed("multiple matches for labels: grouping labels must ensure unique matches");
            }
            self.labels.push(labels.clone());
        }
        self.any = true;
        Ok(())
    }
}

fn any_there(held: &RowSet, grid: &Grid) -> Vec<bool> {
    // Most often the first series has a value at most steps.
    (0..grid.count).map(|step| held.rows.iter().any(|row| row.cells.is_present(step))).collect()
}

/// The labels of a pair's result. Those of a missing series are the labels by which the other was matched.
fn pair_labels(run: &Run<'_>, sides: &Sides<'_>, (many, one): (RowIndex, RowIndex)) -> Labels {
    let matching = sides.matching;
    let of = |rows: &[Row], place: RowIndex| place.map(|place| rows[place].labels.clone());
    let (many, one) = (of(&sides.many.rows, many), of(&sides.one.rows, one));
    let missing = |other: &Option<Labels>| other.as_ref().map(|labels| signature(labels, matching)).unwrap_or_default();
    let (many, one) = (many.clone().unwrap_or_else(|| missing(&one)), one.unwrap_or_else(|| missing(&many)));
    let drop_name = changes_schema(sides.binary.op) || (sides.binary.returns_bool && !run.options.delayed_names);
    result_labels(&many, &one, drop_name, matching)
}

/// The message where several series stand where one is allowed.
fn many_to_many(sides: &Sides<'_>, first: usize, second: usize) -> String {
    let matching = sides.matching;
    let rows = &sides.one.rows;
    let matched = signature(&rows[second].labels, matching);
    let mut series = [text(&rows[first].labels), text(&rows[second].labels)];
    series.sort();
    format!(
        "found duplicate series for the match group {} on the {} hand-side of the operation: [{}, {}]\
         ;many-to-many matching not allowed: matching labels must be unique on one side",
        text(&matched),
        if sides.swapped { "left" } else { "right" },
        series[0],
        series[1]
    )
}
