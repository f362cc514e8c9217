//! Segments as the Parquet library's own reader reads them.

use bytes::Bytes;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaDataReader};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
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

/// A file's rows. Columns of parents' ids and distances become one again.
pub fn rows(file: &[u8]) -> Vec<Vec<Cell>> {
    let reader = SerializedFileReader::new(Bytes::copy_from_slice(file)).expect("a Parquet file");
    let names = names(file);
    let mut rows: Vec<Vec<Cell>> =
        reader.get_row_iter(None).expect("rows").map(|row| cells(&row.expect("a row"))).collect();
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

/// The bounds of each page of a column of texts; none of a page of nulls.
pub fn text_pages(file: &[u8], name: &str) -> Vec<Option<(Vec<u8>, Vec<u8>)>> {
    let reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Required);
    let metadata = reader.parse_and_finish(&Bytes::copy_from_slice(file)).expect("metadata");
    let leaves = metadata.row_group(0).columns();
    let leaf = leaves.iter().position(|leaf| leaf.column_path().string() == name).expect("a column of this name");
    match &metadata.column_index().expect("an index of pages")[0][leaf] {
        ColumnIndexMetaData::BYTE_ARRAY(pages) => (0..pages.num_pages() as usize)
            .map(|page| Some((pages.min_value(page)?.to_vec(), pages.max_value(page)?.to_vec())))
            .collect(),
        other => panic!("no bounds of texts: {other:?}"),
    }
}
