//! Single values put into columns.
//!
//! A column may lag behind: a caller that puts the next value fills up with nulls first, so that an absent value costs
//! nothing.

use vitrine_observe_columns::{Columns, Data, Dictionary, NULL_CODE, NULL_DOUBLE, NULL_INT};

/// Puts a whole number or a time into the row that is being added.
#[inline]
pub(crate) fn put_int(columns: &mut Columns, place: usize, value: i64) {
    let row = columns.rows;
    if let Data::Int(values) = &mut columns.flat[place].data {
        if values.len() != row {
            values.resize(row, NULL_INT);
        }
        values.push(value);
    }
}

/// The same unless it is 0, which stands for none.
#[inline]
pub(crate) fn put_positive(columns: &mut Columns, place: usize, value: i64) {
    if value != 0 {
        put_int(columns, place, value);
    }
}

/// Puts a floating point number. The one NaN that stands for none becomes the usual NaN.
pub(crate) fn put_double(columns: &mut Columns, place: usize, value: f64) {
    let row = columns.rows;
    if let Data::Double(values) = &mut columns.flat[place].data {
        values.resize(row, NULL_DOUBLE);
        values.push(if value.to_bits() == NULL_DOUBLE { f64::NAN.to_bits() } else { value.to_bits() });
    }
}

/// Puts what is true; what is false is absent.
pub(crate) fn put_true(columns: &mut Columns, place: usize, value: bool) {
    let row = columns.rows;
    let data = &mut columns.flat[place].data;
    if value {
        data.resize(row);
        if let Data::Bool(values) = data {
            values.push(1);
        }
    }
}

/// Puts a text.
#[inline]
pub(crate) fn put_text(columns: &mut Columns, place: usize, text: &[u8]) {
    let row = columns.rows;
    if let Data::Text(texts) = &mut columns.flat[place].data {
        let code = code_of(&mut texts.dictionary, text);
        if texts.codes.len() != row {
            texts.codes.resize(row, NULL_CODE);
        }
        texts.codes.push(code);
    }
}

/// The same unless it is empty, which stands for none.
#[inline]
pub(crate) fn put_some_text(columns: &mut Columns, place: usize, text: &[u8]) {
    if !text.is_empty() {
        put_text(columns, place, text);
    }
}

/// Puts an id of 16 bytes; 0 for none.
#[inline]
pub(crate) fn put_id16(columns: &mut Columns, place: usize, id: u128) {
    let row = columns.rows;
    if let Data::Id16(values) = &mut columns.flat[place].data {
        if values.len() != row {
            values.resize(row, 0);
        }
        values.push(id);
    }
}

/// Puts an id of 8 bytes; 0 for none.
#[inline]
pub(crate) fn put_id8(columns: &mut Columns, place: usize, id: u64) {
    let row = columns.rows;
    if let Data::Id8(values) = &mut columns.flat[place].data {
        if values.len() != row {
            values.resize(row, 0);
        }
        values.push(id);
    }
}

/// The number of a text in a column's dictionary.
pub(crate) fn code_in(columns: &mut Columns, place: usize, text: &[u8]) -> u32 {
    match &mut columns.flat[place].data {
        Data::Text(texts) => code_of(&mut texts.dictionary, text),
        _ => NULL_CODE,
    }
}

/// Fills a text column up with one number, to as many rows as there are.
pub(crate) fn fill_code(columns: &mut Columns, place: usize, code: u32) {
    let rows = columns.rows;
    if let Data::Text(texts) = &mut columns.flat[place].data {
        texts.codes.resize(rows, code);
    }
}

/// Adds a number to a field of a list's elements.
pub(crate) fn push_int(columns: &mut Columns, (list, child): (usize, usize), value: i64) {
    if let Data::Int(values) = &mut columns.lists[list].children[child].data {
        values.push(value);
    }
}

/// Adds an id to a field of a list's elements.
pub(crate) fn push_id16(columns: &mut Columns, (list, child): (usize, usize), id: u128) {
    if let Data::Id16(values) = &mut columns.lists[list].children[child].data {
        values.push(id);
    }
}

/// Adds an id to a field of a list's elements.
pub(crate) fn push_id8(columns: &mut Columns, (list, child): (usize, usize), id: u64) {
    if let Data::Id8(values) = &mut columns.lists[list].children[child].data {
        values.push(id);
    }
}

/// Adds a text, or none, to a field of a list's elements.
pub(crate) fn push_text(columns: &mut Columns, (list, child): (usize, usize), text: Option<&[u8]>) {
    if let Data::Text(texts) = &mut columns.lists[list].children[child].data {
        let code = text.map_or(NULL_CODE, |text| code_of(&mut texts.dictionary, text));
        texts.codes.push(code);
    }
}

/// Replaces 0 in a field of the list's elements of the row that is being added.
pub(crate) fn fill_zeros(columns: &mut Columns, (list, child): (usize, usize), value: i64) {
    let list = &mut columns.lists[list];
    let begin = list.offsets.last().map_or(0, |end| *end as usize);
    if let Data::Int(values) = &mut list.children[child].data {
        values[begin..].iter_mut().filter(|found| **found == 0).for_each(|found| *found = value);
    }
}

/// Ends the lists of the row that is being added, and with them the row.
#[inline]
pub(crate) fn end_row(columns: &mut Columns) {
    for list in &mut columns.lists {
        // A request has at most 64 MiB, and a table is cleared long before there are four billion elements.
        let elements = list.children.first().map_or(0, |child| child.data.len());
        list.offsets.push(elements as u32);
    }
    columns.rows += 1;
}

/// The number of a text. Only a text that is new is checked: what is not UTF-8 in it becomes U+FFFD.
#[inline]
pub(crate) fn code_of(dictionary: &mut Dictionary, text: &[u8]) -> u32 {
    match dictionary.intern_text(text) {
        Some(code) => code,
        None => dictionary.intern(String::from_utf8_lossy(text).as_bytes()),
    }
}

/// An unsigned number in a column of signed ones: what is greater than `i64::MAX`, for times the year 2262, becomes that.
#[inline]
pub(crate) fn clamp(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
