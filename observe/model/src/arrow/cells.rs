//! Arrays of what is told of series.

use std::sync::Arc;

use arrow_array::builder::{FixedSizeBinaryBuilder, ListBuilder};
use arrow_array::builder::{Float64Builder, UInt64Builder};
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Float64Array, TimestampNanosecondArray, UInt64Array};
use arrow_schema::Field;

use super::array::Map;
use crate::metrics::TextPair;

/// Nanoseconds in a millisecond.
const NANOS_PER_MILLI: i64 = 1_000_000;

pub(super) fn words<'a>(words: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(words.collect::<DictionaryArray<Int32Type>>())
}

/// The same, where an empty text stands for none.
pub(super) fn some_words<'a>(texts: impl Iterator<Item = &'a str>) -> ArrayRef {
    words(texts.map(|text| (!text.is_empty()).then_some(text)))
}

/// Times in milliseconds since 1970. One that nanoseconds cannot tell is the earliest or the latest that they can.
pub(super) fn times(times: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    let nanos = |time: Option<i64>| time.map(|ms| ms.saturating_mul(NANOS_PER_MILLI));
    Arc::new(times.map(nanos).collect::<TimestampNanosecondArray>().with_timezone("UTC"))
}

pub(super) fn ids<const N: usize>(ids: impl Iterator<Item = Option<[u8; N]>>) -> ArrayRef {
    let mut builder = FixedSizeBinaryBuilder::new(N as i32);
    for id in ids {
        match id {
            Some(id) => builder.append_value(id).expect("an id has the width of its column"),
            None => builder.append_null(),
        }
    }
    Arc::new(builder.finish())
}

/// Maps from text to text. None when Arrow cannot count their bytes.
pub(super) fn maps<'a, P>(rows: impl Iterator<Item = P>, field: &Field) -> Option<ArrayRef>
where
    P: Iterator<Item = (&'a str, Option<&'a str>)>,
{
    let mut map = Map::default();
    for pairs in rows {
        for (key, value) in pairs {
            map.push(key, value)?;
        }
        map.end_row()?;
    }
    map.finish(field)
}

/// Pairs as [`maps`] takes them.
pub(super) fn pairs(pairs: &[TextPair]) -> impl Iterator<Item = (&str, Option<&str>)> {
    pairs.iter().map(|(key, value)| (key.as_str(), value.as_deref()))
}

pub(super) fn doubles(values: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.collect::<Float64Array>())
}

pub(super) fn counts(values: impl Iterator<Item = Option<u64>>) -> ArrayRef {
    Arc::new(values.collect::<UInt64Array>())
}

pub(super) fn double_lists(rows: impl Iterator<Item = Option<Vec<f64>>>) -> ArrayRef {
    let mut builder = ListBuilder::new(Float64Builder::new());
    rows.for_each(|row| builder.append_option(row.map(|row| row.into_iter().map(Some))));
    Arc::new(builder.finish())
}

pub(super) fn count_lists(rows: impl Iterator<Item = Option<Vec<u64>>>) -> ArrayRef {
    let mut builder = ListBuilder::new(UInt64Builder::new());
    rows.for_each(|row| builder.append_option(row.map(|row| row.into_iter().map(Some))));
    Arc::new(builder.finish())
}

/// A number as a whole one, if it is whole and no digit of it is lost.
pub(super) fn whole(value: f64) -> Option<i64> {
    let is_whole = value.abs() < MAX_EXACT && value.fract() == 0.0 && !(value == 0.0 && value.is_sign_negative());
    is_whole.then_some(value as i64)
}

/// From here on doubles skip whole numbers.
pub(crate) const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
