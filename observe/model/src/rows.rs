//! Rows of a table as plain structs, made only for rows that a query returns.
//!
//! A column that is missing, or shorter than the table because no caller asked for it, reads as absent.

use vitrine_observe_columns::{Column, Columns, Data, List, NULL_BOOL, NULL_DOUBLE, NULL_INT};

use crate::attributes::attribute_key;
use crate::builder::{RESOURCE_DROPPED, RESOURCE_SCHEMA_URL, SCOPE_DROPPED, SCOPE_SCHEMA_URL};
use crate::definitions::{ATTRIBUTE_KEY, ATTRIBUTE_VALUE, ATTRIBUTES, logs, spans};
use crate::json::{parse, parse_attributes};
use crate::{Attribute, EventRow, LinkRow, LogRow, ScopeInfo, SpanId, SpanKind, SpanRow, StatusCode, TraceId, Value};

/// The attributes of a row: those with columns in the order of the columns, then the rare ones in the order sent.
pub fn row_attributes(columns: &Columns, row: usize) -> Vec<Attribute> {
    let mut found = Vec::new();
    for column in columns.attributes() {
        if let (Some(key), Some(value)) = (attribute_key(column), scalar(column, row)) {
            found.push(Attribute { key: key.to_owned(), value });
        }
    }
    let list = &columns.lists[ATTRIBUTES];
    for element in elements(list, row) {
        let key = text(&list.children[ATTRIBUTE_KEY], element).unwrap_or_default().to_owned();
        let value = text(&list.children[ATTRIBUTE_VALUE], element).map_or(Value::Empty, parse);
        found.push(Attribute { key, value });
    }
    found
}

/// The attributes that one JSON object holds, as in the columns `resource` and `scope_attributes`, and in lists.
pub fn json_attributes(text: &str) -> Vec<Attribute> {
    parse_attributes(text)
}

/// The value that typed JSON holds, as in the map of rare attributes.
pub fn json_value(text: &str) -> Value {
    parse(text)
}

/// What an attribute's column holds in a row.
pub fn scalar(column: &Column, row: usize) -> Option<Value> {
    match &column.data {
        Data::Text(_) => text(column, row).map(|text| Value::String(text.to_owned())),
        Data::Int(_) => int(column, row).map(Value::Int),
        Data::Double(_) => double(column, row).map(Value::Double),
        Data::Bool(_) => bool(column, row).map(Value::Bool),
        Data::Id16(_) | Data::Id8(_) => None,
    }
}

impl SpanRow {
    /// A row of a table of spans.
    pub fn from_columns(columns: &Columns, row: usize) -> Self {
        let flat = &columns.flat;
        let start = int(&flat[spans::START], row).unwrap_or(0);
        let duration = int(&flat[spans::DURATION], row).unwrap_or(0);
        let origin = Origin::read(&flat[spans::RESOURCE], &flat[spans::SCOPE_NAME..], row);
        Self {
            trace_id: TraceId(id16(&flat[spans::TRACE_ID], row).to_be_bytes()),
            span_id: SpanId(id8(&flat[spans::SPAN_ID], row).to_be_bytes()),
            parent_span_id: span_id(&flat[spans::PARENT_SPAN_ID], row),
            trace_state: string(&flat[spans::TRACE_STATE], row),
            flags: small(&flat[spans::FLAGS], row),
            service: string(&flat[spans::SERVICE], row),
            name: string(&flat[spans::NAME], row),
            kind: SpanKind::from_number(byte(&flat[spans::KIND], row)),
            start_ns: unsigned(start),
            end_ns: unsigned(start.saturating_add(duration)),
            status: StatusCode::from_number(byte(&flat[spans::STATUS], row)),
            status_message: string(&flat[spans::STATUS_MESSAGE], row),
            attributes: row_attributes(columns, row),
            dropped_attributes: small(&flat[spans::DROPPED_ATTRIBUTES], row),
            events: events(&columns.lists[spans::EVENTS], row),
            dropped_events: small(&flat[spans::DROPPED_EVENTS], row),
            links: links(&columns.lists[spans::LINKS], row),
            dropped_links: small(&flat[spans::DROPPED_LINKS], row),
            resource: origin.resource,
            resource_dropped_attributes: origin.dropped_attributes,
            resource_schema_url: origin.schema_url,
            scope: origin.scope,
        }
    }
}

impl LogRow {
    /// A row of a table of log records.
    pub fn from_columns(columns: &Columns, row: usize) -> Self {
        let flat = &columns.flat;
        let is_json = bool(&flat[logs::BODY_IS_JSON], row).unwrap_or(false);
        let body = match text(&flat[logs::BODY], row) {
            None => Value::Empty,
            Some(text) if is_json => parse(text),
            Some(text) => Value::String(text.to_owned()),
        };
        let origin = Origin::read(&flat[logs::RESOURCE], &flat[logs::SCOPE_NAME..], row);
        Self {
            time_ns: time(&flat[logs::TIME], row),
            observed_time_ns: time(&flat[logs::OBSERVED_TIME], row),
            severity: byte(&flat[logs::SEVERITY], row),
            severity_text: string(&flat[logs::SEVERITY_TEXT], row),
            service: string(&flat[logs::SERVICE], row),
            trace_id: trace_id(&flat[logs::TRACE_ID], row),
            span_id: span_id(&flat[logs::SPAN_ID], row),
            flags: small(&flat[logs::FLAGS], row),
            event_name: string(&flat[logs::EVENT_NAME], row),
            body,
            template: int(&flat[logs::TEMPLATE], row),
            attributes: row_attributes(columns, row),
            dropped_attributes: small(&flat[logs::DROPPED_ATTRIBUTES], row),
            resource: origin.resource,
            resource_dropped_attributes: origin.dropped_attributes,
            resource_schema_url: origin.schema_url,
            scope: origin.scope,
        }
    }
}

fn events(list: &List, row: usize) -> Vec<EventRow> {
    let fields = &list.children;
    let event = |element| EventRow {
        time_ns: time(&fields[spans::EVENT_TIME], element),
        name: string(&fields[spans::EVENT_NAME], element),
        attributes: text(&fields[spans::EVENT_ATTRIBUTES], element).map(parse_attributes).unwrap_or_default(),
        dropped_attributes: small(&fields[spans::EVENT_DROPPED_ATTRIBUTES], element),
    };
    elements(list, row).map(event).collect()
}

fn links(list: &List, row: usize) -> Vec<LinkRow> {
    let fields = &list.children;
    let link = |element| LinkRow {
        trace_id: TraceId(id16(&fields[spans::LINK_TRACE_ID], element).to_be_bytes()),
        span_id: SpanId(id8(&fields[spans::LINK_SPAN_ID], element).to_be_bytes()),
        trace_state: string(&fields[spans::LINK_TRACE_STATE], element),
        attributes: text(&fields[spans::LINK_ATTRIBUTES], element).map(parse_attributes).unwrap_or_default(),
        flags: small(&fields[spans::LINK_FLAGS], element),
        dropped_attributes: small(&fields[spans::LINK_DROPPED_ATTRIBUTES], element),
    };
    elements(list, row).map(link).collect()
}

/// Where a row comes from.
struct Origin {
    resource: Vec<Attribute>,
    dropped_attributes: u32,
    schema_url: String,
    scope: ScopeInfo,
}

impl Origin {
    /// The scope's columns are its name, its version, its attributes, and what else was said.
    fn read(resource: &Column, scope: &[Column], row: usize) -> Self {
        let mut origin = Self {
            resource: text(resource, row).map(parse_attributes).unwrap_or_default(),
            dropped_attributes: 0,
            schema_url: String::new(),
            scope: ScopeInfo {
                name: string(&scope[0], row),
                version: string(&scope[1], row),
                attributes: text(&scope[2], row).map(parse_attributes).unwrap_or_default(),
                ..ScopeInfo::default()
            },
        };
        for entry in text(&scope[3], row).map(parse_attributes).unwrap_or_default() {
            match (entry.key.as_str(), entry.value) {
                (RESOURCE_SCHEMA_URL, Value::String(url)) => origin.schema_url = url,
                (SCOPE_SCHEMA_URL, Value::String(url)) => origin.scope.schema_url = url,
                (RESOURCE_DROPPED, Value::Int(count)) => origin.dropped_attributes = narrow(count),
                (SCOPE_DROPPED, Value::Int(count)) => origin.scope.dropped_attributes = narrow(count),
                _ => {}
            }
        }
        origin
    }
}

pub(crate) fn elements(list: &List, row: usize) -> std::ops::Range<usize> {
    if row + 1 < list.offsets.len() { list.range(row) } else { 0..0 }
}

pub(crate) fn text(column: &Column, row: usize) -> Option<&str> {
    match &column.data {
        Data::Text(texts) if row < texts.codes.len() => texts.get(row),
        _ => None,
    }
}

fn string(column: &Column, row: usize) -> String {
    text(column, row).unwrap_or_default().to_owned()
}

pub(crate) fn int(column: &Column, row: usize) -> Option<i64> {
    match &column.data {
        Data::Int(values) => values.get(row).copied().filter(|value| *value != NULL_INT),
        _ => None,
    }
}

pub(crate) fn double(column: &Column, row: usize) -> Option<f64> {
    match &column.data {
        Data::Double(values) => values.get(row).copied().filter(|bits| *bits != NULL_DOUBLE).map(f64::from_bits),
        _ => None,
    }
}

pub(crate) fn bool(column: &Column, row: usize) -> Option<bool> {
    match &column.data {
        Data::Bool(values) => values.get(row).copied().filter(|value| *value != NULL_BOOL).map(|value| value != 0),
        _ => None,
    }
}

pub(crate) fn id16(column: &Column, row: usize) -> u128 {
    match &column.data {
        Data::Id16(values) => values.get(row).copied().unwrap_or(0),
        _ => 0,
    }
}

pub(crate) fn id8(column: &Column, row: usize) -> u64 {
    match &column.data {
        Data::Id8(values) => values.get(row).copied().unwrap_or(0),
        _ => 0,
    }
}

fn trace_id(column: &Column, row: usize) -> Option<TraceId> {
    TraceId::from_bytes(&id16(column, row).to_be_bytes())
}

fn span_id(column: &Column, row: usize) -> Option<SpanId> {
    SpanId::from_bytes(&id8(column, row).to_be_bytes())
}

fn time(column: &Column, row: usize) -> u64 {
    unsigned(int(column, row).unwrap_or(0))
}

/// What was unsigned when it came.
fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

fn small(column: &Column, row: usize) -> u32 {
    narrow(int(column, row).unwrap_or(0))
}

fn narrow(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(0)
}

pub(crate) fn byte(column: &Column, row: usize) -> u8 {
    int(column, row).and_then(|value| u8::try_from(value).ok()).unwrap_or(0)
}
