//! Segments as the Parquet library's own reader reads them.

use bytes::Bytes;
use parquet::bloom_filter::Sbbf;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaDataReader};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::properties::ReaderProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::serialized_reader::ReadOptionsBuilder;
use parquet::record::{Field, Row};

use super::tables::Cell;

fn cell(field: &Field) -> Cell {
    match field {
        Field::Null => Cell::Null,
        Field::Bool(value) => Cell::Bool(*value),
        Field::Long(value) => Cell::Int(*value),
        Field::Double(value) => Cell::Double(value.to_bits()),
        Field::Str(value) => Cell::Text(value.clone()),
        Field::Bytes(value) => Cell::Bytes(value.data().to_vec()),
        Field::ListInternal(list) => Cell::List(list.elements().iter().map(element).collect()),
        Field::MapInternal(map) => {
            Cell::List(map.entries().iter().map(|(key, value)| vec![cell(key), cell(value)]).collect())
        }
        other => panic!("no field of a segment: {other:?}"),
    }
}

fn element(field: &Field) -> Vec<Cell> {
    match field {
        Field::Group(row) => cells(row),
        other => panic!("no element of a segment's list: {other:?}"),
    }
}

fn cells(row: &Row) -> Vec<Cell> {
    row.get_column_iter().map(|(_, field)| cell(field)).collect()
}

/// The names of a file's columns.
pub fn names(file: &[u8]) -> Vec<String> {
    let reader = SerializedFileReader::new(Bytes::copy_from_slice(file)).expect("a Parquet file");
    let root = reader.metadata().file_metadata().schema();
    root.get_fields().iter().map(|field| field.name().to_owned()).collect()
}

/// A file's rows as they stand there.
pub fn raw_rows(file: &[u8]) -> Vec<Vec<Cell>> {
    let reader = SerializedFileReader::new(Bytes::copy_from_slice(file)).expect("a Parquet file");
    reader.get_row_iter(None).expect("rows").map(|row| cells(&row.expect("a row"))).collect()
}

/// A file's rows. Columns of parents' ids and distances become one again.
pub fn rows(file: &[u8]) -> Vec<Vec<Cell>> {
    let names = names(file);
    let mut rows = raw_rows(file);
    let Some(distance) = names.iter().position(|name| name.ends_with("_distance")) else { return rows };
    let span = names.iter().position(|name| name == "span").expect("rows have ids");
    for row in 0..rows.len() {
        match rows[row].remove(distance) {
            Cell::Null => {}
            Cell::Int(far) => {
                assert_eq!(rows[row][distance - 1], Cell::Null, "row {row} has a distance and an id");
                let parent = usize::try_from(row as i64 - far).expect("within the file");
                rows[row][distance - 1] = rows[parent][span].clone();
            }
            other => panic!("no distance: {other:?}"),
        }
    }
    rows
}

/// What the index of pages says of a page.
#[derive(Debug)]
pub struct PageBounds {
    /// The least and the greatest value, unless all are null.
    pub both: Option<(Cell, Cell)>,
    /// How many are null.
    pub nulls: usize,
}

/// What the index of pages says of each flat column that it has; a column's rows are as in [`raw_rows`].
pub fn bounds(file: &[u8]) -> Vec<(usize, Vec<PageBounds>)> {
    let reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Required);
    let metadata = reader.parse_and_finish(&Bytes::copy_from_slice(file)).expect("metadata");
    let indexes = &metadata.column_index().expect("an index of pages")[0];
    let flat = metadata.row_group(0).columns().iter().filter(|leaf| leaf.column_path().parts().len() == 1).count();
    (0..flat).filter_map(|leaf| Some((leaf, pages(&indexes[leaf])?))).collect()
}

fn pages(index: &ColumnIndexMetaData) -> Option<Vec<PageBounds>> {
    let text = |bytes: &[u8]| Cell::Text(String::from_utf8(bytes.to_vec()).expect("UTF-8"));
    let page = |page: usize| {
        let both = match index {
            ColumnIndexMetaData::NONE => unreachable!("has no pages"),
            ColumnIndexMetaData::BOOLEAN(pages) => {
                pages.min_value(page).zip(pages.max_value(page)).map(|both| (Cell::Bool(*both.0), Cell::Bool(*both.1)))
            }
            ColumnIndexMetaData::INT64(pages) => {
                pages.min_value(page).zip(pages.max_value(page)).map(|both| (Cell::Int(*both.0), Cell::Int(*both.1)))
            }
            ColumnIndexMetaData::DOUBLE(pages) => pages
                .min_value(page)
                .zip(pages.max_value(page))
                .map(|both| (Cell::Double(both.0.to_bits()), Cell::Double(both.1.to_bits()))),
            ColumnIndexMetaData::BYTE_ARRAY(pages) => {
                pages.min_value(page).zip(pages.max_value(page)).map(|both| (text(both.0), text(both.1)))
            }
            ColumnIndexMetaData::FIXED_LEN_BYTE_ARRAY(pages) => pages
                .min_value(page)
                .zip(pages.max_value(page))
                .map(|both| (Cell::Bytes(both.0.to_vec()), Cell::Bytes(both.1.to_vec()))),
            other => panic!("no column of a segment: {other:?}"),
        };
        PageBounds { both, nulls: index.null_count(page).expect("nulls are counted") as usize }
    };
    match index {
        ColumnIndexMetaData::NONE => None,
        index => Some((0..index.num_pages() as usize).map(page).collect()),
    }
}

/// The bloom filters of a file's columns, by name.
pub fn bloom_filters(file: &[u8]) -> Vec<(String, Sbbf)> {
    let properties = ReaderProperties::builder().set_read_bloom_filter(true).build();
    let options = ReadOptionsBuilder::new().with_reader_properties(properties).build();
    let reader = SerializedFileReader::new_with_options(Bytes::copy_from_slice(file), options).expect("a Parquet file");
    let group = reader.get_row_group(0).expect("a row group");
    let leaves = group.metadata().columns().iter().enumerate();
    leaves
        .filter_map(|(at, leaf)| Some((leaf.column_path().string(), group.get_column_bloom_filter(at)?.clone())))
        .collect()
}
