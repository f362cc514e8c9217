//! Records as aggregations see them.

use std::borrow::Cow;

use vitrine_observe_model::{LogField, LogRow, Value};
use vitrine_observe_store::{LogChunk, LogValue};

use super::aggs::{Cell, Document};

/// A record of which some fields were read.
pub(crate) struct PartOfRow<'a> {
    pub(crate) chunk: &'a LogChunk<'a>,
    pub(crate) row: usize,
}

/// A whole record.
pub(crate) struct WholeRow<'a> {
    pub(crate) row: LogRow,
    pub(crate) fields: &'a [LogField],
}

impl Document for PartOfRow<'_> {
    fn value(&self, field: usize) -> Option<Cell<'_>> {
        Some(match self.chunk.value(field, self.row)? {
            LogValue::Text(text) => Cell::Text(text.into()),
            LogValue::Int(number) => Cell::Int(number),
            LogValue::Double(number) => Cell::Double(number),
            LogValue::Bool(flag) => Cell::Bool(flag),
            LogValue::Json(value) => Cell::Json(value.json()),
        })
    }

    fn row(&self) -> Option<&LogRow> {
        None
    }
}

impl Document for WholeRow<'_> {
    fn value(&self, field: usize) -> Option<Cell<'_>> {
        Some(match self.row.value(&self.fields[field])? {
            Value::String(text) => Cell::Text(Cow::Owned(text)),
            Value::Int(number) => Cell::Int(number),
            Value::Double(number) => Cell::Double(number),
            Value::Bool(flag) => Cell::Bool(flag),
            other => Cell::Json(other.json()),
        })
    }

    fn row(&self) -> Option<&LogRow> {
        Some(&self.row)
    }
}
