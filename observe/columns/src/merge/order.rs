//! The order of a merged segment's rows.

use crate::column::{Column, Data, Texts};
use crate::definition::{self, Definition, Kind};
use crate::error::Error;
use crate::segment::Segment;
use crate::sort::{Traces, by_keys, keys};

use super::inputs::Inputs;
use super::texts::intern_all;

/// The order of rows.
pub(super) struct Order {
    /// Rows of the inputs, in order.
    pub(super) rows: Vec<u32>,
    /// Of rows in traces, the traces, in order.
    pub(super) traces: Vec<Group>,
}

/// The rows of a trace.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group {
    /// Before which row of the order it ends; it begins where the one before it ends.
    pub(super) end: u32,
    /// Whether its rows come from several places.
    pub(super) split: bool,
}

/// Rows of one trace that stand together in an input.
#[derive(Debug, Clone, Copy)]
struct Run {
    trace: u32,
    first: u32,
    rows: u32,
}

impl Order {
    /// Finds the order.
    pub(super) fn find(definition: &Definition, inputs: &Inputs<'_>) -> Result<Self, Error> {
        match definition.order {
            definition::Order::Traces { trace, start, .. } => by_trace(inputs, trace, start),
            definition::Order::By(columns) => {
                let mut all = Vec::new();
                for at in columns {
                    let fixed = &definition.columns[*at];
                    let leaf_of = |input: &Segment| Some(input.0.flat[*at].leaf);
                    let data = match fixed.kind {
                        Kind::Text => {
                            let (codes, dictionary) = intern_all(inputs, leaf_of, inputs.rows)?;
                            Data::Text(Texts { codes, dictionary })
                        }
                        kind => inputs.values(leaf_of, kind, inputs.rows)?,
                    };
                    let column = Column { name: fixed.name.into(), kind: fixed.kind, optional: fixed.optional, data };
                    all.extend(keys(&column, inputs.rows));
                }
                Ok(Self { rows: by_keys(&all, inputs.rows), traces: Vec::new() })
            }
        }
    }
}

/// The order of traces. Inputs are in this order themselves, so rows of a trace stand together in each.
fn by_trace(inputs: &Inputs<'_>, trace: usize, start: usize) -> Result<Order, Error> {
    let Data::Int(starts) = inputs.values(|input| Some(input.0.flat[start].leaf), Kind::Time, inputs.rows)? else {
        unreachable!("times are whole numbers");
    };
    let mut traces = Traces::new();
    let mut runs: Vec<Run> = Vec::new();
    let mut row = 0;
    let mut last = None;
    inputs.ids(
        |input| input.0.flat[trace].leaf,
        |input, ids| {
            for id in ids {
                let Some(start) = starts.get(row as usize) else { return };
                let number = traces.add(*id, *start, 1);
                match runs.last_mut() {
                    Some(run) if last == Some((input, *id)) => run.rows += 1,
                    _ => runs.push(Run { trace: number, first: row, rows: 1 }),
                }
                last = Some((input, *id));
                row += 1;
            }
        },
    )?;
    super::inputs::as_many(row as usize, inputs.rows)?;
    let mut ranks = vec![0; traces.all.len()];
    for (rank, number) in (0u32..).zip(traces.order()) {
        ranks[number as usize] = rank;
    }
    drop(traces);
    runs.sort_unstable_by_key(|run| (ranks[run.trace as usize], run.first));
    let mut order = Order { rows: Vec::with_capacity(inputs.rows), traces: Vec::with_capacity(ranks.len()) };
    for runs in runs.chunk_by(|a, b| a.trace == b.trace) {
        let begin = order.rows.len();
        runs.iter().for_each(|run| order.rows.extend(run.first..run.first + run.rows));
        let split = runs.len() > 1;
        if split {
            order.rows[begin..].sort_by_key(|row| starts[*row as usize]);
        }
        order.traces.push(Group { end: order.rows.len() as u32, split });
    }
    Ok(order)
}
