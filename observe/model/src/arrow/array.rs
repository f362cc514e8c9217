//! Arrays out of columns.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::{FixedSizeBinaryBuilder, StringDictionaryBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, Int64Array, ListArray, MapArray, StringArray,
    StructArray, TimestampNanosecondArray, UInt8Array, UInt32Array, UInt64Array, new_null_array,
};
use arrow_buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field};
use vitrine_observe_columns::{Column, Data, Kind, NULL_CODE};

use super::sources::Source;
use super::{ColumnRef, View};
use crate::attributes::attribute_key;
use crate::definitions::{ATTRIBUTE_KEY, ATTRIBUTE_VALUE, ATTRIBUTES};
use crate::json::{parse, parse_attributes};
use crate::rows::{bool, byte, double, elements, id8, id16, int, scalar, text};
use crate::{Attribute, Value};

/// What is told of lengths that were counted while the array was filled.
const FITS: &str = "offsets and nulls were counted with the values";

/// The array of one column; none when its text is too much.
pub(super) fn array(view: &View<'_>, source: Source, field: &Field) -> Option<ArrayRef> {
    // A column that was not read is short of values; where a value is required, the least one stands in.
    let least = |value: Option<i64>| if field.is_nullable() { value } else { Some(value.unwrap_or(0)) };
    Some(match source {
        Source::Time(place) => {
            let values = each(view, place, int).map(least).collect::<TimestampNanosecondArray>();
            Arc::new(values.with_timezone("UTC"))
        }
        Source::Int64(place) => Arc::new(each(view, place, int).map(least).collect::<Int64Array>()),
        Source::UInt64(place) => Arc::new(
            each(view, place, int).map(|value| least(value).map(|value| value as u64)).collect::<UInt64Array>(),
        ),
        Source::UInt32(place) => Arc::new(
            each(view, place, int).map(|value| least(value).map(|value| value as u32)).collect::<UInt32Array>(),
        ),
        Source::UInt8(place) => {
            Arc::new(each(view, place, |column, row| Some(byte(column, row))).collect::<UInt8Array>())
        }
        Source::Double(place) => Arc::new(each(view, place, double).collect::<Float64Array>()),
        Source::Bool(place) => Arc::new(each(view, place, bool).collect::<BooleanArray>()),
        Source::Id16(place) => ids::<16>(each(view, place, |column, row| id16(column, row).to_be_bytes()), field),
        Source::Id8(place) => ids::<8>(each(view, place, |column, row| id8(column, row).to_be_bytes()), field),
        Source::Dictionary(place) => dictionary(view, place, field)?,
        Source::Text(place) => {
            let mut texts = Texts::default();
            for value in each(view, place, text) {
                texts.push(if field.is_nullable() { value } else { Some(value.unwrap_or_default()) })?;
            }
            Arc::new(texts.finish())
        }
        Source::Named(place, name) => named(each(view, place, byte), name),
        Source::Attributes => attributes(view, field)?,
        Source::Json(place) => json(view, place, field)?,
        Source::Number(whole, real) => {
            let wholes = each(view, whole, int).map(|value| value.map(|value| value as f64));
            let both = each(view, real, double).zip(wholes).map(|(real, whole)| real.or(whole));
            Arc::new(both.collect::<Float64Array>())
        }
        Source::WholeNumber(whole, real) => {
            // The least whole number stands for none, and is kept as the floating point number that it is, too.
            let least = |value: &f64| *value == i64::MIN as f64;
            let reals = each(view, real, double).map(|value| value.filter(least).map(|_| i64::MIN));
            let both = each(view, whole, int).zip(reals).map(|(whole, least)| whole.or(least));
            Arc::new(both.collect::<Int64Array>())
        }
        Source::OriginText(place, key) => {
            let mut texts = StringDictionaryBuilder::<Int32Type>::new();
            each_origin(view, place, key, |said| match said {
                Some(Value::String(text)) => texts.append_value(text),
                _ => texts.append_null(),
            });
            Arc::new(texts.finish())
        }
        Source::OriginCount(place, key) => {
            let mut counts = Vec::with_capacity(view.rows);
            each_origin(view, place, key, |said| {
                counts.push(match said {
                    Some(Value::Int(count)) => u32::try_from(*count).unwrap_or(u32::MAX),
                    _ => 0,
                });
            });
            Arc::new(UInt32Array::from(counts))
        }
        Source::Absent => absent(view, field)?,
        Source::List(list, child) => lists(view, list, child, field)?,
    })
}

/// What rows of columns do not have: empty maps, or nulls.
fn absent(view: &View<'_>, field: &Field) -> Option<ArrayRef> {
    if !matches!(field.data_type(), DataType::Map(..)) {
        return Some(new_null_array(field.data_type(), view.rows));
    }
    let mut map = Map::default();
    (0..view.rows).try_for_each(|_| map.end_row())?;
    map.finish(field)
}

/// The value of each row of the batch.
fn each<'a, T>(
    view: &'a View<'_>,
    place: ColumnRef,
    read: impl Fn(&'a Column, usize) -> T + 'a,
) -> impl Iterator<Item = T> + 'a {
    let (column, at) = view.column(place);
    (0..view.rows).map(move |row| read(column, at(row)))
}

fn ids<const N: usize>(values: impl Iterator<Item = [u8; N]>, field: &Field) -> ArrayRef {
    let mut ids = FixedSizeBinaryBuilder::new(N as i32);
    for id in values {
        if field.is_nullable() && id == [0; N] {
            ids.append_null();
        } else {
            ids.append_value(id).expect("an id has the width of its column");
        }
    }
    Arc::new(ids.finish())
}

/// Texts by number. All of the dictionary is taken when that is about as much as the rows; else what the rows use.
fn dictionary(view: &View<'_>, place: ColumnRef, field: &Field) -> Option<ArrayRef> {
    let (column, at) = view.column(place);
    let mut texts = Texts::default();
    let mut keys = Vec::with_capacity(view.rows);
    if let Data::Text(values) = &column.data {
        let whole = values.dictionary.len() <= view.rows;
        if whole {
            for code in 0..values.dictionary.len() as u32 {
                texts.push(Some(values.dictionary.text(code)))?;
            }
        }
        let mut used: HashMap<u32, i32> = HashMap::new();
        for row in 0..view.rows {
            keys.push(match values.codes.get(at(row)).copied().unwrap_or(NULL_CODE) {
                NULL_CODE => None,
                code if whole => Some(code as i32),
                code => Some(match used.get(&code) {
                    Some(key) => *key,
                    None => {
                        let key = texts.len();
                        texts.push(Some(values.dictionary.text(code)))?;
                        used.insert(code, key);
                        key
                    }
                }),
            });
        }
    }
    keys.resize(view.rows, None);
    if !field.is_nullable() && keys.contains(&None) {
        let empty = texts.len();
        texts.push(Some(""))?;
        keys.iter_mut().for_each(|key| *key = Some(key.unwrap_or(empty)));
    }
    let keys: Int32Array = keys.into_iter().collect();
    Some(Arc::new(DictionaryArray::<Int32Type>::try_new(keys, Arc::new(texts.finish())).expect(FITS)))
}

fn named(numbers: impl Iterator<Item = u8>, name: fn(u8) -> Option<&'static str>) -> ArrayRef {
    Arc::new(numbers.map(name).collect::<DictionaryArray<Int32Type>>())
}

/// The attributes of each row, as texts.
fn attributes(view: &View<'_>, field: &Field) -> Option<ArrayRef> {
    let mut map = Map::default();
    let list = &view.columns.lists[ATTRIBUTES];
    let keyed = view.columns.attributes().iter().filter_map(|column| Some((attribute_key(column)?, column)));
    let keyed: Vec<(&str, &Column)> = keyed.collect();
    for row in 0..view.rows {
        let row = view.row(row);
        for (key, column) in &keyed {
            match column.kind {
                Kind::Text => {
                    if let Some(value) = text(column, row) {
                        map.push(key, Some(value))?;
                    }
                }
                _ => {
                    if let Some(value) = scalar(column, row) {
                        map.push(key, Some(&value.text()))?;
                    }
                }
            }
        }
        for element in elements(list, row) {
            let key = text(&list.children[ATTRIBUTE_KEY], element).unwrap_or_default();
            let value = text(&list.children[ATTRIBUTE_VALUE], element).unwrap_or("null");
            map.push(key, shown(&parse(value)).as_deref())?;
        }
        map.end_row()?;
    }
    map.finish(field)
}

/// Attributes out of JSON objects, each of which is read once.
fn json(view: &View<'_>, place: ColumnRef, field: &Field) -> Option<ArrayRef> {
    let (column, at) = view.column(place);
    let mut map = Map::default();
    let mut known: HashMap<u32, Vec<Attribute>> = HashMap::new();
    for row in 0..view.rows {
        if let Data::Text(texts) = &column.data
            && let Some(code) = texts.codes.get(at(row)).copied().filter(|code| *code != NULL_CODE)
        {
            for entry in known.entry(code).or_insert_with(|| parse_attributes(texts.dictionary.text(code))) {
                map.push(&entry.key, shown(&entry.value).as_deref())?;
            }
        }
        map.end_row()?;
    }
    map.finish(field)
}

/// Passes on what was said of each row's resource or scope under a key. Each text is read once.
fn each_origin(view: &View<'_>, place: ColumnRef, key: &str, mut each: impl FnMut(Option<&Value>)) {
    let (column, at) = view.column(place);
    let Data::Text(texts) = &column.data else { return (0..view.rows).for_each(|_| each(None)) };
    let mut known: HashMap<u32, Option<Value>> = HashMap::new();
    let said = |code: u32| {
        let entries = parse_attributes(texts.dictionary.text(code));
        entries.into_iter().find(|entry| entry.key == key).map(|entry| entry.value)
    };
    for row in 0..view.rows {
        match texts.codes.get(at(row)).copied().unwrap_or(NULL_CODE) {
            NULL_CODE => each(None),
            code => each(known.entry(code).or_insert_with(|| said(code)).as_ref()),
        }
    }
}

/// A value as text; none for an empty one.
fn shown(value: &Value) -> Option<String> {
    (*value != Value::Empty).then(|| value.text())
}

/// A field of a list: null for a row without elements.
fn lists(view: &View<'_>, list: usize, child: usize, field: &Field) -> Option<ArrayRef> {
    let DataType::List(item) = field.data_type() else { return None };
    let list = &view.columns.lists[list];
    let places: Vec<usize> = (0..view.rows).flat_map(|row| elements(list, row)).collect();
    let column = &list.children[child];
    let values: ArrayRef = match column.kind {
        Kind::Double => Arc::new(places.into_iter().map(|place| double(column, place)).collect::<Float64Array>()),
        _ => {
            let counts = places.into_iter().map(|place| int(column, place).map(|count| count as u64));
            Arc::new(counts.collect::<UInt64Array>())
        }
    };
    let lengths: Vec<usize> = (0..view.rows).map(|row| elements(list, row).len()).collect();
    let nulls: NullBuffer = lengths.iter().map(|length| *length > 0).collect();
    let array = ListArray::try_new(item.clone(), OffsetBuffer::from_lengths(lengths), values, Some(nulls));
    Some(Arc::new(array.expect(FITS)))
}

/// Texts one after the other.
struct Texts {
    offsets: Vec<i32>,
    bytes: Vec<u8>,
    present: Vec<bool>,
}

impl Default for Texts {
    fn default() -> Self {
        Self { offsets: vec![0], bytes: Vec::new(), present: Vec::new() }
    }
}

impl Texts {
    fn len(&self) -> i32 {
        self.present.len() as i32
    }

    /// None when Arrow's offsets cannot count the bytes.
    fn push(&mut self, text: Option<&str>) -> Option<()> {
        let end = i32::try_from(self.bytes.len() + text.map_or(0, str::len)).ok()?;
        self.bytes.extend_from_slice(text.unwrap_or_default().as_bytes());
        self.offsets.push(end);
        self.present.push(text.is_some());
        Some(())
    }

    fn finish(self) -> StringArray {
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        let nulls = self.present.contains(&false).then(|| NullBuffer::from(self.present));
        StringArray::try_new(offsets, self.bytes.into(), nulls).expect(FITS)
    }
}

/// Maps of texts, row by row.
pub(super) struct Map {
    offsets: Vec<i32>,
    keys: Texts,
    values: Texts,
}

impl Default for Map {
    fn default() -> Self {
        Self { offsets: vec![0], keys: Texts::default(), values: Texts::default() }
    }
}

impl Map {
    pub(super) fn push(&mut self, key: &str, value: Option<&str>) -> Option<()> {
        self.keys.push(Some(key))?;
        self.values.push(value)
    }

    pub(super) fn end_row(&mut self) -> Option<()> {
        self.offsets.push(i32::try_from(self.keys.present.len()).ok()?);
        Some(())
    }

    pub(super) fn finish(self, field: &Field) -> Option<ArrayRef> {
        let DataType::Map(entries, sorted) = field.data_type() else { return None };
        let DataType::Struct(fields) = entries.data_type() else { return None };
        let columns: Vec<ArrayRef> = vec![Arc::new(self.keys.finish()), Arc::new(self.values.finish())];
        let structs = StructArray::try_new(fields.clone(), columns, None).expect(FITS);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        Some(Arc::new(MapArray::try_new(entries.clone(), offsets, structs, None, *sorted).expect(FITS)))
    }
}
