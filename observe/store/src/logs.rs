//! Log records as they are handed out: some thousand at a time, in columns.

mod field_values;
mod templates;

use vitrine_observe_columns::{Columns, Data, Texts};
use vitrine_observe_model::definitions::logs;
use vitrine_observe_model::{LogField, LogRow, Value};

use crate::logs::field_values::FieldValues;

pub(crate) use field_values::columns_of;
pub use templates::{TemplateRow, template_messages, visit_templates};

/// Log records, some thousand at a time, with the fields that were asked for.
pub struct LogChunk<'a> {
    columns: &'a Columns,
    fields: Vec<FieldValues<'a>>,
}

/// A value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum LogValue<'a> {
    /// Text.
    Text(&'a str),
    /// A whole number, or a time in nanoseconds since 1970.
    Int(i64),
    /// Another number.
    Double(f64),
    /// A truth.
    Bool(bool),
    /// Anything else: bytes, lists, objects, and what was sent without a value.
    Json(Value),
}

impl<'a> LogChunk<'a> {
    pub(crate) fn new(columns: &'a Columns, fields: &[LogField]) -> Self {
        Self { columns, fields: fields.iter().map(|field| FieldValues::new(columns, field)).collect() }
    }

    /// How many records there are.
    pub fn rows(&self) -> usize {
        self.columns.rows
    }

    /// When a record happened, in nanoseconds since 1970.
    pub fn time_ns(&self, row: usize) -> u64 {
        match &self.columns.flat[logs::TIME].data {
            Data::Int(times) => u64::try_from(times[row]).unwrap_or(0),
            _ => 0,
        }
    }

    /// The value of a field in a record, by the field's place among those that were asked for; none if the record does not have it.
    pub fn value(&self, field: usize, row: usize) -> Option<LogValue<'_>> {
        self.fields[field].value(row)
    }

    /// A whole record: only where no fields were named, and so all are read.
    pub fn row(&self, row: usize) -> LogRow {
        LogRow::from_columns(self.columns, row)
    }

    /// The texts of a field, by code, if it is a column of texts and nothing else.
    pub(crate) fn texts(&self, field: usize) -> Option<&Texts> {
        self.fields[field].texts()
    }

    /// Bytes of a record's message as it is kept.
    pub(crate) fn body_bytes(&self, row: usize) -> u64 {
        match &self.columns.flat[logs::BODY].data {
            Data::Text(texts) => texts.get(row).map_or(0, |body| body.len() as u64),
            _ => 0,
        }
    }
}

impl LogValue<'_> {
    /// The value as one text, as [`Value::text`] has it.
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => (*text).to_owned(),
            Self::Int(number) => number.to_string(),
            Self::Double(number) => Value::Double(*number).text(),
            Self::Bool(is) => is.to_string(),
            Self::Json(value) => value.text(),
        }
    }
}
