//! The values of one field in some rows.

use std::collections::HashMap;

use vitrine_observe_columns::{Column, Columns, Data, Texts};
use vitrine_observe_model::definitions::logs::SCOPE_ATTRIBUTES;
use vitrine_observe_model::definitions::{ATTRIBUTE_KEY, ATTRIBUTE_VALUE, ATTRIBUTES, logs};
use vitrine_observe_model::{
    Attribute, LogField, SpanId, TraceId, Value, attribute_columns, attribute_key, json_attributes, json_value, scalar,
};

use crate::logs::LogValue;

/// The column of scopes' attributes.
/// No value was made for a row.
const NOT_MADE: u32 = u32::MAX;

/// The values of one field: those that stand in columns, and those that had to be made.
#[derive(Default)]
pub(super) struct FieldValues<'a> {
    /// Columns of which the first that is not null counts.
    columns: Vec<&'a Column>,
    /// Whether a number must be above zero to count.
    is_positive: bool,
    /// By the row, the place of a value that was made, which counts before columns; empty if there are none.
    made: Vec<u32>,
    values: Vec<Value>,
}

/// Names of the columns and lists that fields stand in.
pub(crate) fn columns_of(fields: &[LogField]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let fixed = |place: usize| logs::LOGS.columns[place].name.to_owned();
    for field in fields {
        names.extend(field.column().map(str::to_owned));
        match field {
            LogField::Body => names.push(fixed(logs::BODY_IS_JSON)),
            LogField::Resource(_) | LogField::Named(_) => names.push(fixed(logs::RESOURCE)),
            _ => {}
        }
        if let LogField::Scope(_) | LogField::Named(_) = field {
            names.push(fixed(SCOPE_ATTRIBUTES));
        }
        if let LogField::Attribute(key) | LogField::Named(key) = field {
            names.extend(attribute_columns(key));
            names.push(logs::LOGS.lists[ATTRIBUTES].name.to_owned());
        }
    }
    names.sort_unstable();
    names.dedup();
    names
}

fn texts(column: &Column) -> Option<&Texts> {
    match &column.data {
        Data::Text(texts) => Some(texts),
        _ => None,
    }
}

impl<'a> FieldValues<'a> {
    pub(super) fn new(columns: &'a Columns, field: &LogField) -> Self {
        let mut values = Self::default();
        match field {
            LogField::TraceId => values.add_ids(columns, logs::TRACE_ID),
            LogField::SpanId => values.add_ids(columns, logs::SPAN_ID),
            LogField::Body => {
                values.columns.push(&columns.flat[logs::BODY]);
                values.add_json_bodies(columns);
            }
            LogField::Attribute(key) => values.add_attribute(columns, key),
            LogField::Resource(key) => values.add_object(columns, logs::RESOURCE, key),
            LogField::Scope(key) => values.add_object(columns, SCOPE_ATTRIBUTES, key),
            LogField::Named(key) => {
                values.add_attribute(columns, key);
                values.add_object(columns, logs::RESOURCE, key);
                values.add_object(columns, SCOPE_ATTRIBUTES, key);
            }
            LogField::Any => {}
            _ => values.columns.extend(field.column().and_then(|name| columns.column(name))),
        }
        values.is_positive = matches!(field, LogField::Time | LogField::ObservedTime | LogField::Severity);
        values
    }

    /// The value in a row.
    pub(super) fn value(&self, row: usize) -> Option<LogValue<'_>> {
        if let Some(place) = self.made.get(row).filter(|place| **place != NOT_MADE) {
            return Some(match &self.values[*place as usize] {
                Value::String(text) => LogValue::Text(text),
                Value::Int(number) => LogValue::Int(*number),
                Value::Double(number) => LogValue::Double(*number),
                Value::Bool(is) => LogValue::Bool(*is),
                other => LogValue::Json(other.clone()),
            });
        }
        let column = self.columns.iter().find(|column| !column.data.is_null(row))?;
        match &column.data {
            Data::Text(texts) => texts.get(row).map(LogValue::Text),
            Data::Int(values) => Some(values[row]).filter(|value| !self.is_positive || *value > 0).map(LogValue::Int),
            _ => match scalar(column, row)? {
                Value::Double(number) => Some(LogValue::Double(number)),
                Value::Bool(is) => Some(LogValue::Bool(is)),
                _ => None,
            },
        }
    }

    /// The column of texts that is all that there is.
    pub(super) fn texts(&self) -> Option<&Texts> {
        match self.columns.as_slice() {
            [column] if self.made.is_empty() => texts(column),
            _ => None,
        }
    }

    fn is_null(&self, row: usize) -> bool {
        self.made.get(row).is_none_or(|place| *place == NOT_MADE)
            && self.columns.iter().all(|column| column.data.is_null(row))
    }

    /// The place of a value that was made.
    fn add(&mut self, value: Value) -> u32 {
        self.values.push(value);
        self.values.len() as u32 - 1
    }

    fn set(&mut self, row: usize, rows: usize, place: u32) {
        self.made.resize(rows, NOT_MADE);
        self.made[row] = place;
    }

    fn add_ids(&mut self, columns: &Columns, column: usize) {
        for row in 0..columns.rows {
            let id = match &columns.flat[column].data {
                Data::Id16(ids) => TraceId::from_bytes(&ids[row].to_be_bytes()).map(|id| id.to_string()),
                Data::Id8(ids) => SpanId::from_bytes(&ids[row].to_be_bytes()).map(|id| id.to_string()),
                _ => None,
            };
            if let Some(id) = id {
                let place = self.add(Value::String(id));
                self.set(row, columns.rows, place);
            }
        }
    }

    fn add_json_bodies(&mut self, columns: &Columns) {
        let (Some(bodies), Data::Bool(is_json)) =
            (texts(&columns.flat[logs::BODY]), &columns.flat[logs::BODY_IS_JSON].data)
        else {
            return;
        };
        let mut places: HashMap<u32, u32> = HashMap::new();
        for row in (0..columns.rows).filter(|row| is_json[*row] == 1) {
            let Some(body) = bodies.get(row) else { continue };
            let place = *places.entry(bodies.codes[row]).or_insert_with(|| self.add(json_value(body)));
            self.set(row, columns.rows, place);
        }
    }

    /// The attribute's own columns, and its values among the rare ones, each of which is read once.
    fn add_attribute(&mut self, columns: &'a Columns, key: &str) {
        self.columns.extend(columns.attributes().iter().filter(|column| attribute_key(column) == Some(key)));
        let rare = &columns.lists[ATTRIBUTES];
        let (Some(keys), Some(found)) = (texts(&rare.children[ATTRIBUTE_KEY]), texts(&rare.children[ATTRIBUTE_VALUE]))
        else {
            return;
        };
        let Some(code) = keys.dictionary.find(key.as_bytes()) else { return };
        let mut places: HashMap<u32, u32> = HashMap::new();
        for row in 0..columns.rows {
            let Some(element) = rare.range(row).find(|element| keys.codes[*element] == code) else { continue };
            if self.is_null(row) {
                let value = || found.get(element).map_or(Value::Empty, json_value);
                let place = *places.entry(found.codes[element]).or_insert_with(|| self.add(value()));
                self.set(row, columns.rows, place);
            }
        }
    }

    /// What objects in typed JSON have under a key, each of which is read once.
    fn add_object(&mut self, columns: &Columns, column: usize, key: &str) {
        let Some(objects) = texts(&columns.flat[column]) else { return };
        let mut places: HashMap<u32, Option<u32>> = HashMap::new();
        for row in 0..columns.rows {
            let Some(object) = objects.get(row).filter(|_| self.is_null(row)) else { continue };
            let place = *places.entry(objects.codes[row]).or_insert_with(|| {
                let found = json_attributes(object).into_iter().find(|attribute| attribute.key == key);
                found.map(|Attribute { value, .. }| self.add(value))
            });
            if let Some(place) = place {
                self.set(row, columns.rows, place);
            }
        }
    }
}
