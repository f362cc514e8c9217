//! Rows as Parquet.

use vitrine_observe_columns::{PlainColumn, PlainValues, write_plain};

use super::File;
use crate::wrong::Wrong;

pub(super) fn times(name: &str, values: impl Iterator<Item = i64>) -> PlainColumn {
    PlainColumn::new(name, PlainValues::Time(values.map(Some).collect()))
}

pub(super) fn ints(name: &str, values: impl Iterator<Item = i64>) -> PlainColumn {
    PlainColumn::new(name, PlainValues::Int(values.map(Some).collect()))
}

pub(super) fn doubles(name: &str, values: impl Iterator<Item = f64>) -> PlainColumn {
    let finite = values.map(|value| Some(value).filter(|value| value.is_finite()));
    PlainColumn::new(name, PlainValues::Double(finite.collect()))
}

pub(super) fn texts(name: &str, values: impl Iterator<Item = Option<String>>) -> PlainColumn {
    PlainColumn::new(name, PlainValues::Text(values.collect()))
}

/// Hexadecimal digits of an id; none of none.
pub(super) fn span_id(id: u64) -> Option<String> {
    (id != 0).then(|| format!("{id:016x}"))
}

/// The same of a trace.
pub(super) fn trace_id(id: u128) -> Option<String> {
    (id != 0).then(|| format!("{id:032x}"))
}

/// A severity as the readers know it.
pub(super) fn level(severity: i64) -> &'static str {
    match severity {
        ..=4 => "TRACE",
        5..=8 => "DEBUG",
        9..=12 => "INFO",
        13..=16 => "WARN",
        17..=20 => "ERROR",
        _ => "FATAL",
    }
}

/// A file of a table.
pub(super) fn parquet(path: String, columns: &[PlainColumn]) -> Result<File, Wrong> {
    let mut bytes = Vec::new();
    write_plain(columns, &mut bytes)
        .map_err(|error| Wrong::new(path.clone(), error.to_string(), "a table that can be written"))?;
    Ok(File::task(path, bytes))
}
