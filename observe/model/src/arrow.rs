//! Tables as Arrow record batches, in the schemas of [`Table`].

mod array;
mod cells;
pub(crate) mod points;
pub(crate) mod series;
mod sources;

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::Schema;
use vitrine_observe_columns::{Column, Columns};

use crate::Table;
use crate::definitions::{metrics, spans};
use sources::sources;

/// A batch that Arrow cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("column {column} of {rows} rows holds more than 2 GiB of text: expected fewer rows at a time")]
pub struct BatchTooLarge {
    /// The column, as named in the schema.
    pub column: &'static str,
    /// How many rows there are.
    pub rows: usize,
}

/// The rows of a table in its schema ([`Table::schema`]), or those columns of it, by place, in the order given. Events
/// and links are made of columns of spans, exemplars of those of metric points: one row for each.
pub fn batch(table: Table, columns: &Columns, projection: Option<&[usize]>) -> Result<RecordBatch, BatchTooLarge> {
    let view = View::new(table, columns);
    let schema = table.schema();
    let sources = sources(table);
    let places: Vec<usize> = match projection {
        Some(places) => places.iter().copied().filter(|place| *place < sources.len()).collect(),
        None => (0..sources.len()).collect(),
    };
    let fields: Vec<_> = places.iter().map(|place| schema.fields()[*place].clone()).collect();
    let arrays: Vec<ArrayRef> = places
        .iter()
        .map(|place| {
            let (column, source) = sources[*place];
            array::array(&view, source, schema.field(*place)).ok_or(BatchTooLarge { column, rows: view.rows })
        })
        .collect::<Result<_, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(view.rows));
    let batch = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options);
    Ok(batch.expect("each array is made for its field"))
}

/// What the rows of a batch are.
struct View<'a> {
    columns: &'a Columns,
    /// Rows of the batch.
    rows: usize,
    /// For tables of list elements: the list, and the row of each element.
    elements: Option<(usize, Vec<u32>)>,
}

/// Where a value stands: in the row, or in a field of the list's element.
#[derive(Debug, Clone, Copy)]
enum ColumnRef {
    Row(usize),
    Element(usize),
}

impl<'a> View<'a> {
    fn new(table: Table, columns: &'a Columns) -> Self {
        let list = match table {
            Table::Spans | Table::Logs | Table::Metrics | Table::Series => {
                return Self { columns, rows: columns.rows, elements: None };
            }
            Table::SpanEvents => spans::EVENTS,
            Table::SpanLinks => spans::LINKS,
            Table::Exemplars => metrics::EXEMPLARS,
        };
        let mut rows = Vec::new();
        for row in 0..columns.rows {
            let elements = crate::rows::elements(&columns.lists[list], row);
            rows.extend(elements.map(|_| row as u32));
        }
        Self { columns, rows: rows.len(), elements: Some((list, rows)) }
    }

    /// The row of the table that a row of the batch comes from.
    fn row(&self, row: usize) -> usize {
        self.elements.as_ref().map_or(row, |(_, rows)| rows[row] as usize)
    }

    /// A column, and where in it the value of a row of the batch stands.
    fn column(&self, place: ColumnRef) -> (&'a Column, impl Fn(usize) -> usize + '_) {
        let (column, first) = match (place, &self.elements) {
            (ColumnRef::Element(field), Some((list, _))) => {
                let list = &self.columns.lists[*list];
                (&list.children[field], Some(list.offsets.first().map_or(0, |first| *first as usize)))
            }
            (ColumnRef::Row(place) | ColumnRef::Element(place), _) => (&self.columns.flat[place], None),
        };
        (column, move |row| first.map_or_else(|| self.row(row), |first| first + row))
    }
}
