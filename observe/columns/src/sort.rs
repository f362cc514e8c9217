//! In which order rows stand on disk.
//!
//! Traces stand in order of their first start: so rows that are asked for together are together, and yet a page covers
//! a short time only.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use crate::column::{Column, Columns, Data, NULL_BOOL, NULL_CODE, NULL_DOUBLE};
use crate::definition::Order;
use crate::leaf::double_rank;

/// The row has no parent.
pub const NO_PARENT: u32 = u32::MAX;
/// The row's parent is not among the rows.
pub const PARENT_ELSEWHERE: u32 = u32::MAX - 1;
/// In a trace of more rows than this, parents are searched for in a sorted list.
const MAX_LINEAR: usize = 16;
/// Slots of an empty table of traces.
const FIRST_SLOTS: usize = 1024;
/// The golden ratio in 64 bits.
const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

/// The order of a table's rows on disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sorted {
    /// Rows in memory, in the order in which they will be on disk.
    pub rows: Vec<u32>,
    /// Of tables in [`Order::Traces`], the place of each row's parent in that order, or [`NO_PARENT`] or
    /// [`PARENT_ELSEWHERE`]. Else empty.
    pub parents: Vec<u32>,
}

/// A trace of which rows are known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trace {
    /// Its id.
    pub(crate) id: u128,
    /// The least start of a row.
    pub(crate) start: i64,
    /// How many rows it has.
    pub(crate) rows: u32,
}

/// Traces by number, in order of appearance. The hash is seeded for each process: a sender cannot choose ids that
/// collide.
#[derive(Debug)]
pub(crate) struct Traces {
    /// The traces.
    pub(crate) all: Vec<Trace>,
    /// Numbers plus one; 0 for a free slot.
    slots: Vec<u32>,
    seed: u64,
}

impl Traces {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self { all: Vec::new(), slots: vec![0; FIRST_SLOTS], seed: RandomState::new().hash_one(0u8) | 1 }
    }

    /// Adds rows of a trace, the earliest of which starts then. Returns the trace's number.
    pub(crate) fn add(&mut self, id: u128, start: i64, rows: u32) -> u32 {
        let mut slot = self.slot(id);
        while self.slots[slot] != 0 {
            let number = self.slots[slot] - 1;
            let trace = &mut self.all[number as usize];
            if trace.id == id {
                trace.start = trace.start.min(start);
                trace.rows += rows;
                return number;
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        let number = self.all.len() as u32;
        self.slots[slot] = number + 1;
        self.all.push(Trace { id, start, rows });
        if self.all.len() * 2 > self.slots.len() {
            self.grow();
        }
        number
    }

    /// The numbers of all traces, in order of their starts and then their ids.
    pub(crate) fn order(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.all.len() as u32).collect();
        order.sort_unstable_by_key(|number| {
            let trace = &self.all[*number as usize];
            (trace.start, trace.id)
        });
        order
    }

    fn slot(&self, id: u128) -> usize {
        let low = u128::from(id as u64 ^ self.seed) * u128::from(MULTIPLIER);
        let high = u128::from((id >> 64) as u64 ^ low as u64 ^ (low >> 64) as u64) * u128::from(self.seed);
        (high as u64 ^ (high >> 64) as u64) as usize & (self.slots.len() - 1)
    }

    #[cold]
    fn grow(&mut self) {
        self.slots = vec![0; self.slots.len() * 4];
        for number in 0..self.all.len() {
            let mut slot = self.slot(self.all[number].id);
            while self.slots[slot] != 0 {
                slot = (slot + 1) & (self.slots.len() - 1);
            }
            self.slots[slot] = number as u32 + 1;
        }
    }
}

impl Columns {
    /// The order in which the rows belong on disk.
    pub fn sort(&self) -> Sorted {
        match self.definition.order {
            Order::Traces { trace, span, parent, start } => {
                let columns = [trace, span, parent, start].map(|at| &self.flat[at].data);
                let [Data::Id16(traces), Data::Id8(spans), Data::Id8(parents), Data::Int(starts)] = columns else {
                    unreachable!("a definition's order names columns of these kinds");
                };
                let (rows, ends) = by_trace(&traces[..self.rows], starts);
                let parents = find_parents(&rows, &ends, spans, parents);
                Sorted { rows, parents }
            }
            Order::By(columns) => {
                let keys = columns.iter().flat_map(|at| keys(&self.flat[*at], self.rows)).collect::<Vec<_>>();
                Sorted { rows: by_keys(&keys, self.rows), parents: Vec::new() }
            }
        }
    }
}

/// Rows in order of traces, and where each trace ends.
fn by_trace(ids: &[u128], starts: &[i64]) -> (Vec<u32>, Vec<u32>) {
    let mut traces = Traces::new();
    let numbers: Vec<u32> = ids.iter().zip(starts).map(|(id, start)| traces.add(*id, *start, 1)).collect();
    let mut next = vec![0; traces.all.len()];
    let mut ends = Vec::with_capacity(traces.all.len());
    let mut end = 0;
    for number in traces.order() {
        next[number as usize] = end;
        end += traces.all[number as usize].rows;
        ends.push(end);
    }
    let mut rows = vec![0; ids.len()];
    for (row, number) in (0u32..).zip(&numbers) {
        let place = &mut next[*number as usize];
        rows[*place as usize] = row;
        *place += 1;
    }
    let mut begin = 0;
    for end in &ends {
        rows[begin as usize..*end as usize].sort_by_key(|row| starts[*row as usize]);
        begin = *end;
    }
    (rows, ends)
}

/// The places of parents.
fn find_parents(rows: &[u32], ends: &[u32], spans: &[u64], parents: &[u64]) -> Vec<u32> {
    let mut found = Vec::with_capacity(rows.len());
    let mut ids = Ids::default();
    let mut begin = 0;
    for end in ends {
        let trace = &rows[begin as usize..*end as usize];
        ids.fill(trace.iter().map(|row| spans[*row as usize]));
        found.extend(trace.iter().map(|row| match parents[*row as usize] {
            0 => NO_PARENT,
            parent => ids.find(parent).map_or(PARENT_ELSEWHERE, |place| begin + place),
        }));
        begin = *end;
    }
    found
}

/// Places of ids in a trace. Where an id is there twice, the first counts.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    /// Ids and places: sorted, if there are many.
    all: Vec<(u64, u32)>,
}

impl Ids {
    /// Replaces all by these.
    pub(crate) fn fill(&mut self, ids: impl Iterator<Item = u64>) {
        self.all.clear();
        self.all.extend(ids.zip(0..));
        if self.all.len() > MAX_LINEAR {
            self.all.sort_unstable();
        }
    }

    /// The place of an id.
    pub(crate) fn find(&self, id: u64) -> Option<u32> {
        if self.all.len() <= MAX_LINEAR {
            return self.all.iter().find(|(other, _)| *other == id).map(|(_, place)| *place);
        }
        let first = self.all.partition_point(|(other, _)| *other < id);
        self.all.get(first).filter(|(other, _)| *other == id).map(|(_, place)| *place)
    }
}

/// A column's values as whole numbers in the same order, nulls first. An id of 16 bytes takes two.
pub(crate) fn keys(column: &Column, rows: usize) -> Vec<Vec<u64>> {
    match &column.data {
        Data::Id16(values) => {
            let half = |shift: u32| values[..rows].iter().map(|value| (value >> shift) as u64).collect();
            vec![half(64), half(0)]
        }
        Data::Id8(values) => vec![values[..rows].to_vec()],
        // The least number means none.
        Data::Int(values) => vec![values[..rows].iter().map(|value| *value as u64 ^ (1 << 63)).collect()],
        Data::Double(values) => {
            let key = |value: &u64| if *value == NULL_DOUBLE { 0 } else { double_rank(*value) };
            vec![values[..rows].iter().map(key).collect()]
        }
        Data::Bool(values) => {
            let key = |value: &u8| if *value == NULL_BOOL { 0 } else { u64::from(*value) + 1 };
            vec![values[..rows].iter().map(key).collect()]
        }
        Data::Text(texts) => {
            let order = texts.dictionary.in_order();
            let mut ranks = vec![0; order.len()];
            for (rank, code) in (1u64..).zip(&order) {
                ranks[*code as usize] = rank;
            }
            let key = |code: &u32| if *code == NULL_CODE { 0 } else { ranks[*code as usize] };
            vec![texts.codes[..rows].iter().map(key).collect()]
        }
    }
}

/// Rows in order of the first key, then the second, and so on; rows alike as they were. Rows that are partly in order
/// already are sorted faster.
pub(crate) fn by_keys(keys: &[Vec<u64>], rows: usize) -> Vec<u32> {
    let mut order: Vec<u32> = (0..rows as u32).collect();
    let row = |row: u32| keys.iter().map(move |key| key[row as usize]);
    order.sort_by(|a, b| row(*a).cmp(row(*b)));
    order
}
