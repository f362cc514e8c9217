//! Where parents are in a merged segment.

use crate::column::{Data, NULL_INT};
use crate::definition::{self, Definition, Kind};
use crate::error::Error;
use crate::segment::Segment;
use crate::sort::Ids;

use super::inputs::Inputs;
use super::order::{Group, Order};

/// What became of parents, for each row in the new order.
pub(super) struct Parents {
    /// How far away, or [`NULL_INT`].
    pub(super) distances: Vec<i64>,
    /// The ids of those that are not in the segment, or 0.
    pub(super) outside: Vec<u64>,
}

/// What inputs say of parents, row by row.
struct ParentHints {
    spans: Vec<u64>,
    distances: Vec<i64>,
    outside: Vec<u64>,
}

impl Parents {
    /// Puts distances in order. They stay what they were in a trace whose rows all come from one place; in others they
    /// are counted again, and parents searched for that were not in the same input.
    pub(super) fn find(definition: &Definition, inputs: &Inputs<'_>, order: &Order) -> Result<Self, Error> {
        let definition::Order::Traces { span, parent, .. } = definition.order else {
            unreachable!("only traces have parents");
        };
        let outside = |input: &Segment| Some(input.0.flat[parent].leaf);
        let distance = |input: &Segment| input.0.flat[parent].distance;
        let known = (
            inputs.values(|input| Some(input.0.flat[span].leaf), Kind::Id8, inputs.rows)?,
            inputs.values(distance, Kind::Int, inputs.rows)?,
            inputs.values(outside, Kind::Id8, inputs.rows)?,
        );
        let (Data::Id8(spans), Data::Int(distances), Data::Id8(outside)) = known else {
            unreachable!("columns are of the kinds asked for");
        };
        let known = ParentHints { spans, distances, outside };
        let mut parents = Self { distances: Vec::with_capacity(inputs.rows), outside: Vec::with_capacity(inputs.rows) };
        let mut resolver = Resolver::default();
        let mut begin = 0;
        for Group { end, split } in &order.traces {
            let rows = &order.rows[begin as usize..*end as usize];
            if *split {
                resolver.trace(&known, rows, &mut parents)?;
            } else {
                parents.keep(&known, rows)?;
            }
            begin = *end;
        }
        Ok(parents)
    }

    /// Takes over what is known of a trace whose rows stand as they stood.
    fn keep(&mut self, known: &ParentHints, rows: &[u32]) -> Result<(), Error> {
        for (place, row) in (0i64..).zip(rows) {
            let distance = known.distances[*row as usize];
            if distance != NULL_INT && !(place - rows.len() as i64 + 1..=place).contains(&distance) {
                return Err(missing_parent(*row));
            }
            self.distances.push(distance);
            self.outside.push(known.outside[*row as usize]);
        }
        Ok(())
    }
}

/// Finds parents in traces whose rows come from several places.
#[derive(Default)]
struct Resolver {
    /// Places in the trace by span.
    ids: Ids,
    /// Rows of inputs and their places in the trace, in order of rows.
    places: Vec<(u32, u32)>,
}

impl Resolver {
    fn trace(&mut self, known: &ParentHints, rows: &[u32], parents: &mut Parents) -> Result<(), Error> {
        self.ids.fill(rows.iter().map(|row| known.spans[*row as usize]));
        self.places.clear();
        self.places.extend(rows.iter().copied().zip(0..));
        self.places.sort_unstable();
        for (place, row) in (0u32..).zip(rows) {
            let distance = known.distances[*row as usize];
            let outside = known.outside[*row as usize];
            let parent = if distance == NULL_INT {
                if outside == 0 { None } else { self.ids.find(outside) }
            } else {
                let there = i64::from(*row).checked_sub(distance).and_then(|row| u32::try_from(row).ok());
                let at = there.and_then(|row| self.places.binary_search_by_key(&row, |(row, _)| *row).ok());
                Some(at.map(|at| self.places[at].1).ok_or_else(|| missing_parent(*row))?)
            };
            parents.distances.push(parent.map_or(NULL_INT, |parent| i64::from(place) - i64::from(parent)));
            parents.outside.push(if parent.is_some() { 0 } else { outside });
        }
        Ok(())
    }
}

fn missing_parent(row: u32) -> Error {
    Error::Damaged(format!("the parent of row {row} of all inputs is not in its trace"))
}
