//! Tables as segments.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::{BloomFilterPosition, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnDescPtr;

use crate::chunk::{Chunk, Chunks, Shape};
use crate::column::{Columns, Data, NULL_INT};
use crate::definition::{ATTRIBUTE_PREFIX, Definition, Kind, Order};
use crate::error::Error;
use crate::index;
use crate::leaf::Target;
use crate::schema::{FlatColumn, Layout, Leaf, LeafRole};
use crate::sort::{NO_PARENT, PARENT_ELSEWHERE, Sorted};
use crate::tail::TailWriter;
use crate::text_index::{page_rows, searched_bytes};

/// Rows of a page, unless asked otherwise: more compress better, fewer are read faster when one row is wanted.
const PAGE_ROWS: usize = 8192;
/// The level of zstd, unless asked otherwise: higher ones take much longer for little.
const ZSTD_LEVEL: i32 = 3;
/// Most rows, and most elements of one list: numbers of rows are `u32`, the highest of which mean something else.
const MAX_ROWS: usize = PARENT_ELSEWHERE as usize;
/// What the footer says wrote the file.
const CREATED_BY: &str = "vitrine";

/// How a segment is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteOptions {
    /// The level of zstd, 1 to 22.
    pub zstd_level: i32,
    /// Rows of a page, in all columns; fewer where the texts that are searched are long.
    pub page_rows: usize,
}

/// A segment that was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// How many rows it has.
    pub rows: usize,
    /// How many bytes its file has.
    pub bytes: u64,
    /// The least time of a row; greater than the greatest where no row has a time.
    pub min_time: i64,
    /// The greatest time of a row.
    pub max_time: i64,
    /// The index of its ids, if its definition has one: it belongs beside the file.
    pub index: Option<Vec<u8>>,
    /// The index of its texts, if its definition has one and it is worthwhile: it belongs beside the file.
    pub text_index: Option<Vec<u8>>,
    /// What its largest column takes in memory when it is merged, in bytes.
    pub largest_column_bytes: u64,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self { zstd_level: ZSTD_LEVEL, page_rows: PAGE_ROWS }
    }
}

/// Writes a table as a segment, in this order.
pub fn write(
    columns: &Columns,
    sorted: &Sorted,
    options: &WriteOptions,
    file: &mut (impl Write + Send),
) -> Result<Written, Error> {
    check(columns, sorted)?;
    let layout =
        Layout::new(columns.definition, columns.attributes().iter().map(|column| (column.name.clone(), column.kind)))?;
    let rows = sorted.rows.len();
    let options = &WriteOptions { page_rows: page_rows(options.page_rows, rows, searched_bytes(columns)), ..*options };
    let mut chunks = Chunks::new(options)?;
    if columns.definition.searched.is_some() {
        chunks.index_texts_of(rows);
    }
    let mut group = RowGroup::new(columns, sorted);
    let ended = segment(&layout, file, |leaf, descriptor| group.chunk(&layout, &mut chunks, leaf, descriptor))?;
    let time = |row: &u32| match &columns.flat[columns.definition.time].data {
        Data::Int(values) => Some(values[*row as usize]).filter(|time| *time != NULL_INT),
        _ => None,
    };
    let index = columns.definition.indexed.map(|at| {
        let mut index = index::Builder::new(options.page_rows);
        if let Data::Id16(ids) = &columns.flat[at].data {
            let pages = sorted.rows.chunks(options.page_rows);
            pages.for_each(|page| index.page(page.iter().map(|row| ids[*row as usize])));
        }
        index.finish()
    });
    Ok(Written {
        rows,
        bytes: ended.bytes,
        text_index: chunks.end_text_index(rows, ended),
        min_time: sorted.rows.iter().filter_map(time).min().unwrap_or(i64::MAX),
        max_time: sorted.rows.iter().filter_map(time).max().unwrap_or(i64::MIN),
        index: index.transpose()?,
        largest_column_bytes: group.largest as u64,
    })
}

/// Rows that become a row group.
struct RowGroup<'a> {
    columns: &'a Columns,
    sorted: &'a Sorted,
    /// What the largest column takes in memory, in bytes.
    largest: usize,
    /// The elements of the list that was looked at last.
    elements: Option<(usize, Elements)>,
}

impl<'a> RowGroup<'a> {
    fn new(columns: &'a Columns, sorted: &'a Sorted) -> Self {
        Self { columns, sorted, largest: 0, elements: None }
    }

    /// The chunk of a leaf.
    fn chunk(
        &mut self,
        layout: &Layout,
        chunks: &mut Chunks,
        leaf: &Leaf,
        descriptor: ColumnDescPtr,
    ) -> Result<Chunk, Error> {
        let (columns, sorted, rows) = (self.columns, self.sorted, self.sorted.rows.len());
        let bloom = bloom(layout, leaf);
        let flat = Target {
            descriptor,
            optional: leaf.optional,
            shape: Shape::Flat(rows),
            places: Some(&sorted.rows),
            bloom,
            searched: searched(columns.definition, leaf),
        };
        match leaf.place {
            LeafRole::Flat(at) if columns.flat[at].kind == Kind::Parent => {
                let outside = Data::Id8(outside(columns, at, sorted));
                chunks.column(Target { places: None, ..flat }, leaf.kind, &outside, rows)
            }
            LeafRole::Distance(at) => {
                let distances = Data::Int(distances(columns, at, sorted));
                chunks.column(Target { places: None, ..flat }, leaf.kind, &distances, rows)
            }
            LeafRole::Flat(at) => {
                let data = &columns.flat[at].data;
                self.largest = self.largest.max(memory(data, rows));
                chunks.column(flat, leaf.kind, data, rows)
            }
            LeafRole::Child { list, child } => {
                let source = &columns.lists[list];
                if self.elements.as_ref().is_none_or(|(of, _)| *of != list) {
                    self.elements = Some((list, Elements::new(&source.offsets, &sorted.rows)?));
                }
                let Some((_, elements)) = &self.elements else { unreachable!("made just above") };
                let data = &source.children[child].data;
                self.largest = self.largest.max(memory(data, elements.places.len()));
                let (shape, places) = (Shape::List(&elements.offsets), Some(elements.places.as_slice()));
                chunks.column(Target { shape, places, ..flat }, leaf.kind, data, elements.places.len())
            }
        }
    }
}

/// A Parquet file of any number of rows, some at a time, for others to read: each time a row group. It has the columns of its definition
/// and no others.
pub struct TableWriter<W: Write + Send> {
    writer: SerializedFileWriter<TailWriter<W>>,
    layout: Layout,
    chunks: Chunks,
}

impl<W: Write + Send> TableWriter<W> {
    /// Begins a file.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn new(definition: &'static Definition, options: &WriteOptions, file: W) -> Result<Self, Error> {
        let layout = Layout::new(definition, std::iter::empty())?;
        let (writer, chunks) = (begin(&layout, file)?, Chunks::new(options)?);
        Ok(Self { writer, layout, chunks })
    }

    /// Adds rows, in the order in which they stand.
    ///
    /// # Errors
    ///
    /// The rows are not those of the definition, or there are none, or the file cannot be written.
    pub fn add(&mut self, columns: &Columns) -> Result<(), Error> {
        let sorted = Sorted { rows: (0..columns.rows as u32).collect(), parents: Vec::new() };
        check(columns, &sorted)?;
        let Self { writer, layout, chunks } = self;
        let mut rows = RowGroup::new(columns, &sorted);
        add_group(writer, layout, |leaf, descriptor| rows.chunk(layout, chunks, leaf, descriptor))
    }

    /// Ends the file. Returns its length in bytes.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn finish(self) -> Result<u64, Error> {
        end(self.writer).map(|ended| ended.bytes)
    }
}

/// A file that was written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    /// How many bytes it has.
    pub(crate) bytes: u64,
    /// The checksum of its tail.
    pub(crate) checksum: u32,
}

/// Writes a segment's file: `make` makes the chunk of each leaf, in order.
pub(crate) fn segment(
    layout: &Layout,
    file: &mut (impl Write + Send),
    make: impl FnMut(&Leaf, ColumnDescPtr) -> Result<Chunk, Error>,
) -> Result<Ended, Error> {
    let mut writer = begin(layout, file)?;
    add_group(&mut writer, layout, make)?;
    end(writer)
}

fn failed(cause: ParquetError) -> Error {
    Error::Parquet { what: "write a segment", cause }
}

fn begin<W: Write + Send>(layout: &Layout, file: W) -> Result<SerializedFileWriter<TailWriter<W>>, Error> {
    let properties = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(Compression::UNCOMPRESSED)
        .set_bloom_filter_position(BloomFilterPosition::End);
    let sink = TailWriter::new(file);
    SerializedFileWriter::new(sink, layout.root.clone(), Arc::new(properties.build())).map_err(failed)
}

fn add_group<W: Write + Send>(
    writer: &mut SerializedFileWriter<TailWriter<W>>,
    layout: &Layout,
    mut make: impl FnMut(&Leaf, ColumnDescPtr) -> Result<Chunk, Error>,
) -> Result<(), Error> {
    let descriptor = layout.descriptor();
    let mut group = writer.next_row_group().map_err(failed)?;
    for (leaf, descriptor) in layout.leaves.iter().zip(descriptor.columns()) {
        let chunk = make(leaf, descriptor.clone())?;
        group.append_column(&chunk.bytes, chunk.close).map_err(failed)?;
    }
    group.close().map(drop).map_err(failed)
}

fn end<W: Write + Send>(mut writer: SerializedFileWriter<TailWriter<W>>) -> Result<Ended, Error> {
    writer.append_key_value_metadata(TailWriter::<Vec<u8>>::metadata());
    writer.flush().map_err(|cause| Error::Io { what: "write a segment", cause })?;
    writer.inner_mut().begin();
    let sink = writer.into_inner().map_err(failed)?;
    let (bytes, checksum) = sink.finish().map_err(|cause| Error::Io { what: "write a segment's footer", cause })?;
    Ok(Ended { bytes, checksum })
}

/// Whether a leaf holds the texts that are searched.
pub(crate) fn searched(definition: &Definition, leaf: &Leaf) -> bool {
    matches!(leaf.place, LeafRole::Flat(at) if definition.searched == Some(at))
}

/// Whether a leaf's texts get a bloom filter: attributes are what is searched for.
pub(crate) fn bloom(layout: &Layout, leaf: &Leaf) -> bool {
    let attribute = |column: &FlatColumn| column.name.starts_with(ATTRIBUTE_PREFIX);
    matches!(leaf.place, LeafRole::Flat(at) if attribute(&layout.flat[at])) && leaf.kind == Kind::Text
}

/// What so many values of a column take in memory.
pub(crate) fn memory(data: &Data, count: usize) -> usize {
    match data {
        Data::Id16(_) => count * 16,
        Data::Id8(_) | Data::Int(_) | Data::Double(_) => count * 8,
        Data::Bool(_) => count,
        Data::Text(texts) => count * 4 + texts.dictionary.text_bytes() + texts.dictionary.len() * 4,
    }
}

/// That so many rows, or elements, fit into one segment.
pub(crate) fn check_count(count: usize, what: &str) -> Result<(), Error> {
    if count > MAX_ROWS {
        return Err(Error::TooLarge(format!("{count} {what}, at most {MAX_ROWS}")));
    }
    Ok(())
}

/// The elements of a list in the order of the file.
#[derive(Debug, Default)]
pub(crate) struct Elements {
    /// Where each row's elements begin in the file.
    pub(crate) offsets: Vec<u32>,
    /// Where each element is in memory.
    pub(crate) places: Vec<u32>,
}

impl Elements {
    /// The elements of these rows.
    pub(crate) fn new(offsets: &[u32], rows: &[u32]) -> Result<Self, Error> {
        let mut elements = Self { offsets: Vec::with_capacity(rows.len() + 1), places: Vec::new() };
        elements.offsets.push(0);
        for row in rows {
            elements.places.extend(offsets[*row as usize]..offsets[*row as usize + 1]);
            check_count(elements.places.len(), "elements of one list")?;
            elements.offsets.push(elements.places.len() as u32);
        }
        Ok(elements)
    }
}

/// That the order is one of this table's rows, and that the table is complete.
fn check(columns: &Columns, sorted: &Sorted) -> Result<(), Error> {
    let rows = columns.rows;
    check_count(rows, "rows")?;
    let refused = |what: String| Err(Error::Refused(what));
    if rows == 0 {
        return refused("a table without rows".into());
    }
    let mut seen = vec![false; rows];
    let once = |row: &u32| seen.get_mut(*row as usize).is_some_and(|seen| !std::mem::replace(seen, true));
    if sorted.rows.len() != rows || !sorted.rows.iter().all(once) {
        return refused(format!("an order of {} rows that is not one of all {rows}", sorted.rows.len()));
    }
    let parents = if matches!(columns.definition.order, Order::Traces { .. }) { rows } else { 0 };
    if sorted.parents.len() != parents {
        return refused(format!("{} parents, expected {parents}", sorted.parents.len()));
    }
    let elements = |offsets: &[u32]| offsets.last().copied().unwrap_or(0) as usize;
    let short = columns.flat.iter().find(|column| column.data.len() < rows).or_else(|| {
        let lists = columns.lists.iter();
        lists.flat_map(|list| list.children.iter().filter(|child| child.data.len() < elements(&list.offsets))).next()
    });
    if let Some(column) = short {
        return refused(format!("the column {} is shorter than the table", column.name));
    }
    match columns.lists.iter().position(|list| list.offsets.len() != rows + 1) {
        Some(list) => refused(format!("the list {} is not as long as the table", columns.definition.lists[list].name)),
        None => Ok(()),
    }
}

/// Whether a column is the parent that rows are ordered with.
pub(crate) fn resolved(definition: &Definition, at: usize) -> bool {
    matches!(definition.order, Order::Traces { parent, .. } if parent == at)
}

/// Parents' ids, where these are not in the segment, in the order of the file.
fn outside(columns: &Columns, at: usize, sorted: &Sorted) -> Vec<u64> {
    let Data::Id8(ids) = &columns.flat[at].data else { return vec![0; sorted.rows.len()] };
    let known = |place: usize| resolved(columns.definition, at) && sorted.parents[place] != PARENT_ELSEWHERE;
    let rows = sorted.rows.iter().enumerate();
    rows.map(|(place, row)| if known(place) { 0 } else { ids[*row as usize] }).collect()
}

/// How far away parents are, in the order of the file.
fn distances(columns: &Columns, at: usize, sorted: &Sorted) -> Vec<i64> {
    if !resolved(columns.definition, at) {
        return vec![NULL_INT; sorted.rows.len()];
    }
    let distance = |(place, parent): (i64, &u32)| match *parent {
        NO_PARENT | PARENT_ELSEWHERE => NULL_INT,
        parent => place - i64::from(parent),
    };
    (0i64..).zip(&sorted.parents).map(distance).collect()
}
