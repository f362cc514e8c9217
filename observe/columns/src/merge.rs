//! Segments as one.
//!
//! A merged segment is what writing all rows at once would give, but for its dictionaries, which are in order of their
//! texts. First the new order is found by reading the few columns that it goes by. Then column follows column: its
//! values are read from all inputs, put in order and written, so that no more than a column or two are in memory.
//! Texts stay codes all the while; each distinct one is looked up once for each input, never one for each row.

use std::io::Write;
use std::sync::Arc;

use parquet::schema::types::ColumnDescPtr;

use crate::chunk::{Chunk, Chunks, Shape};
use crate::column::{Data, NULL_INT};
use crate::definition::{Definition, Kind};
use crate::error::Error;
use crate::index;
use crate::leaf::{Target, TextEntries};
use crate::schema::{Layout, Leaf, LeafRole};
use crate::segment::Segment;
use crate::text_index::page_rows;
use crate::write::{Elements, WriteOptions, Written, bloom, check_count, memory, resolved, searched, segment};
use inputs::Inputs;
use order::Order;
use parents::Parents;
use texts::MergedTexts;

mod inputs;
mod order;
mod parents;
mod texts;

/// Writes the rows of all these segments as one.
///
/// Memory goes to the permutation (4 bytes a row), the largest column twice ([`Written::largest_column_bytes`] tells of
/// each input's), and 24 bytes a row while parents are put in order.
pub fn merge(
    definition: &'static Definition,
    inputs: &[Segment],
    options: &WriteOptions,
    file: &mut (impl Write + Send),
) -> Result<Written, Error> {
    if inputs.is_empty() {
        return Err(Error::Refused("a merge of no segments".into()));
    }
    if let Some(other) = inputs.iter().map(Segment::definition).find(|other| **other != *definition) {
        return Err(Error::Refused(format!("a segment of {} merged into one of {}", other.name, definition.name)));
    }
    let layout = Layout::new(definition, attributes(definition, inputs)?)?;
    let inputs = Inputs { segments: inputs, rows: inputs.iter().map(Segment::rows).sum() };
    check_count(inputs.rows, "rows")?;
    let order = Order::find(definition, &inputs)?;
    let searched_bytes = inputs.segments.iter().map(|input| input.0.searched_bytes).sum();
    let options = &WriteOptions { page_rows: page_rows(options.page_rows, inputs.rows, searched_bytes), ..*options };
    let mut merge = Merge {
        definition,
        layout: &layout,
        chunks: Chunks::new(options)?,
        page_rows: options.page_rows,
        elements: None,
        distances: Vec::new(),
        written: Written { rows: inputs.rows, min_time: i64::MAX, max_time: i64::MIN, ..Written::default() },
        inputs,
        order,
    };
    let rows = merge.inputs.rows;
    if definition.searched.is_some() {
        merge.chunks.index_texts_of(rows);
    }
    let ended = segment(&layout, file, |leaf, descriptor| merge.leaf(leaf, descriptor))?;
    let text_index = merge.chunks.end_text_index(rows, ended);
    Ok(Written { bytes: ended.bytes, text_index, ..merge.written })
}

/// The attributes of all segments, in order of appearance.
fn attributes(definition: &Definition, inputs: &[Segment]) -> Result<Vec<(Arc<str>, Kind)>, Error> {
    let mut all: Vec<(Arc<str>, Kind)> = Vec::new();
    for (name, kind, _) in inputs.iter().flat_map(|input| input.columns().skip(definition.columns.len())) {
        match all.iter().find(|(other, _)| other == name) {
            None => all.push((name.clone(), kind)),
            Some((_, other)) if *other == kind => {}
            Some((_, other)) => {
                return Err(Error::Damaged(format!("{name} is {kind:?} in one segment and {other:?} in another")));
            }
        }
    }
    Ok(all)
}

/// A merge under way.
struct Merge<'a> {
    definition: &'static Definition,
    layout: &'a Layout,
    inputs: Inputs<'a>,
    order: Order,
    chunks: Chunks,
    page_rows: usize,
    /// The elements of the list that is being written.
    elements: Option<(usize, Elements)>,
    /// Distances to parents, found together with the ids of those elsewhere, which are written first.
    distances: Vec<i64>,
    written: Written,
}

impl Merge<'_> {
    fn leaf(&mut self, leaf: &Leaf, descriptor: ColumnDescPtr) -> Result<Chunk, Error> {
        let rows = self.inputs.rows;
        let (bloom, searched) = (bloom(self.layout, leaf), searched(self.definition, leaf));
        match leaf.place {
            LeafRole::Flat(at) if resolved(self.definition, at) => {
                let parents = Parents::find(self.definition, &self.inputs, &self.order)?;
                self.distances = parents.distances;
                let ids = Data::Id8(parents.outside);
                let target =
                    Target { descriptor, optional: true, shape: Shape::Flat(rows), places: None, bloom, searched };
                self.chunks.column(target, leaf.kind, &ids, rows)
            }
            LeafRole::Distance(at) => {
                let found = std::mem::take(&mut self.distances);
                let distances = Data::Int(if resolved(self.definition, at) { found } else { vec![NULL_INT; rows] });
                let target =
                    Target { descriptor, optional: true, shape: Shape::Flat(rows), places: None, bloom, searched };
                self.chunks.column(target, leaf.kind, &distances, rows)
            }
            LeafRole::Flat(at) => {
                let name = &*self.layout.flat[at].name;
                let leaf_of = |input: &Segment| input.leaf_of(name);
                let (optional, shape) = (leaf.optional, Shape::Flat(rows));
                if leaf.kind == Kind::Text {
                    let texts = MergedTexts::read(&self.inputs, leaf_of, rows, searched)?;
                    let target =
                        Target { descriptor, optional, shape, places: Some(&self.order.rows), bloom, searched };
                    return write_texts(&mut self.chunks, &mut self.written, target, texts);
                }
                let data = self.inputs.values(leaf_of, leaf.kind, rows)?;
                self.largest(&data, rows);
                if at == self.definition.time {
                    self.times(&data);
                }
                if Some(at) == self.definition.indexed {
                    self.index(&data)?;
                }
                let target = Target { descriptor, optional, shape, places: Some(&self.order.rows), bloom, searched };
                self.chunks.column(target, leaf.kind, &data, rows)
            }
            LeafRole::Child { list, child } => {
                if self.elements.as_ref().is_none_or(|(of, _)| *of != list) {
                    let offsets = self.inputs.offsets(list)?;
                    self.elements = Some((list, Elements::new(&offsets, &self.order.rows)?));
                }
                let Some((_, elements)) = &self.elements else { unreachable!("made just above") };
                let leaf_of = |input: &Segment| Some(input.0.lists[list][child]);
                let (shape, places) = (Shape::List(&elements.offsets), Some(elements.places.as_slice()));
                let target = Target { descriptor, optional: leaf.optional, shape, places, bloom, searched };
                let count = elements.places.len();
                if leaf.kind == Kind::Text {
                    let texts = MergedTexts::read(&self.inputs, leaf_of, count, searched)?;
                    return write_texts(&mut self.chunks, &mut self.written, target, texts);
                }
                let data = self.inputs.values(leaf_of, leaf.kind, count)?;
                let chunk = self.chunks.column(target, leaf.kind, &data, count);
                self.largest(&data, count);
                chunk
            }
        }
    }

    fn largest(&mut self, data: &Data, count: usize) {
        let bytes = memory(data, count) as u64;
        self.written.largest_column_bytes = self.written.largest_column_bytes.max(bytes);
    }

    fn times(&mut self, data: &Data) {
        let Data::Int(times) = data else { return };
        let times = || times.iter().copied().filter(|time| *time != NULL_INT);
        self.written.min_time = times().min().unwrap_or(i64::MAX);
        self.written.max_time = times().max().unwrap_or(i64::MIN);
    }

    fn index(&mut self, data: &Data) -> Result<(), Error> {
        let Data::Id16(ids) = data else { return Ok(()) };
        let mut index = index::Builder::new(self.page_rows);
        let pages = self.order.rows.chunks(self.page_rows);
        pages.for_each(|page| index.page(page.iter().map(|row| ids[*row as usize])));
        self.written.index = Some(index.finish()?);
        Ok(())
    }
}

fn write_texts(
    chunks: &mut Chunks,
    written: &mut Written,
    target: Target<'_>,
    texts: MergedTexts,
) -> Result<Chunk, Error> {
    written.largest_column_bytes = written.largest_column_bytes.max(texts.memory() as u64);
    match texts {
        MergedTexts::Coded { mut codes, dictionary } => {
            let order = texts::in_order(&mut codes, &dictionary);
            chunks.coded(target, &codes, &TextEntries { dictionary: &dictionary, order: Some(order), sorted: true })
        }
        MergedTexts::Plain { numbers, text_list } => chunks.plain_texts(target, &numbers, &text_list),
    }
}
