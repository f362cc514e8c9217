//! Log records in columns.

use std::sync::{Arc, LazyLock};

use arrow_array::builder::{
    BinaryBuilder, FixedSizeBinaryBuilder, StringBuilder, UInt8Builder, UInt32Builder, UInt64Builder,
};
use arrow_array::cast::AsArray;
use arrow_array::types::{UInt8Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use prost::Message;

use crate::batch::{Batch, Blobs, OpenBatch, Texts};
use crate::keys::{KeyTable, Keys};
use crate::span::{append_message, append_text, dictionary_bytes, dictionary_text};
use crate::span_row::{resource_attributes, scope_info};
use crate::value::attributes;
use crate::{Attribute, Origin, Scope, ScopeInfo, SpanId, TraceId, Value};

/// Bytes of a row in the columns of fixed width, offsets included.
const FIXED_BYTES: usize = 80;

/// The columns, in order.
enum Column {
    Time,
    ObservedTime,
    Severity,
    SeverityText,
    Service,
    TraceId,
    SpanId,
    Flags,
    EventName,
    Record,
    Resource,
    Scope,
}

/// Column names and types. `record` is an OTLP `LogRecord` with only the body and the attributes set.
static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let dictionary = |value| DataType::Dictionary(Box::new(DataType::Int32), Box::new(value));
    Arc::new(Schema::new(vec![
        Field::new("time_ns", DataType::UInt64, false),
        Field::new("observed_time_ns", DataType::UInt64, false),
        Field::new("severity", DataType::UInt8, false),
        Field::new("severity_text", dictionary(DataType::Utf8), false),
        Field::new("service", dictionary(DataType::Utf8), false),
        Field::new("trace_id", DataType::FixedSizeBinary(16), true),
        Field::new("span_id", DataType::FixedSizeBinary(8), true),
        Field::new("flags", DataType::UInt32, false),
        Field::new("event_name", DataType::Utf8, true),
        Field::new("record", DataType::Binary, true),
        Field::new("resource", dictionary(DataType::Binary), false),
        Field::new("scope", dictionary(DataType::Binary), false),
    ]))
});

/// Log columns that still grow.
pub struct LogBuilder {
    time: UInt64Builder,
    observed_time: UInt64Builder,
    severity: UInt8Builder,
    severity_text: Texts,
    service: Texts,
    trace_id: FixedSizeBinaryBuilder,
    span_id: FixedSizeBinaryBuilder,
    flags: UInt32Builder,
    event_name: StringBuilder,
    record: BinaryBuilder,
    resource: Blobs,
    scope: Blobs,
    keys: KeyTable,
    rows: usize,
    bytes: usize,
    scratch: Vec<u8>,
}

impl Default for LogBuilder {
    fn default() -> Self {
        Self {
            time: UInt64Builder::with_capacity(0),
            observed_time: UInt64Builder::with_capacity(0),
            severity: UInt8Builder::with_capacity(0),
            severity_text: Texts::default(),
            service: Texts::default(),
            trace_id: FixedSizeBinaryBuilder::with_capacity(0, 16),
            span_id: FixedSizeBinaryBuilder::with_capacity(0, 8),
            flags: UInt32Builder::with_capacity(0),
            event_name: StringBuilder::with_capacity(0, 0),
            record: BinaryBuilder::with_capacity(0, 0),
            resource: Blobs::default(),
            scope: Blobs::default(),
            keys: KeyTable::default(),
            rows: 0,
            bytes: 0,
            scratch: Vec::new(),
        }
    }
}

impl LogBuilder {
    /// Adds one record. As OTLP asks, a malformed trace or span id means that the record belongs to no trace;
    /// every record is taken.
    pub fn append(&mut self, origin: &Origin, scope: &Scope, mut record: LogRecord) {
        let fixed = "an id has the width of its column";
        match TraceId::from_bytes(&record.trace_id) {
            Some(id) => self.trace_id.append_value(id.0).expect(fixed),
            None => self.trace_id.append_null(),
        }
        match SpanId::from_bytes(&record.span_id) {
            Some(id) => self.span_id.append_value(id.0).expect(fixed),
            None => self.span_id.append_null(),
        }
        let time = if record.time_unix_nano == 0 { record.observed_time_unix_nano } else { record.time_unix_nano };
        self.time.append_value(time);
        self.observed_time.append_value(record.observed_time_unix_nano);
        self.severity.append_value(u8::try_from(record.severity_number).unwrap_or(0));
        self.flags.append_value(record.flags);
        self.bytes += FIXED_BYTES;
        self.bytes += self.severity_text.append(&record.severity_text);
        self.bytes += self.service.append(&origin.service);
        self.bytes += self.resource.append(&origin.resource);
        self.bytes += self.scope.append(&scope.encoded);
        self.bytes += append_text(&mut self.event_name, &record.event_name);
        self.keys.shorten(&mut record.attributes);
        if let Some(body) = &mut record.body {
            self.keys.shorten_value(body);
        }
        let rest = LogRecord {
            body: record.body,
            attributes: record.attributes,
            dropped_attributes_count: record.dropped_attributes_count,
            ..LogRecord::default()
        };
        self.bytes += append_message(&mut self.record, &rest, &mut self.scratch);
        self.rows += 1;
    }
}

impl OpenBatch for LogBuilder {
    type Batch = LogBatch;

    fn rows(&self) -> usize {
        self.rows
    }

    fn bytes(&self) -> usize {
        self.bytes + self.keys.bytes()
    }

    fn freeze(&self) -> LogBatch {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.time.finish_cloned()),
            Arc::new(self.observed_time.finish_cloned()),
            Arc::new(self.severity.finish_cloned()),
            Arc::new(self.severity_text.column.finish_cloned()),
            Arc::new(self.service.column.finish_cloned()),
            Arc::new(self.trace_id.finish_cloned()),
            Arc::new(self.span_id.finish_cloned()),
            Arc::new(self.flags.finish_cloned()),
            Arc::new(self.event_name.finish_cloned()),
            Arc::new(self.record.finish_cloned()),
            Arc::new(self.resource.column.finish_cloned()),
            Arc::new(self.scope.column.finish_cloned()),
        ];
        let columns = RecordBatch::try_new(SCHEMA.clone(), columns).expect("the columns follow the schema");
        LogBatch { columns, keys: self.keys.freeze() }
    }
}

/// Frozen log columns.
#[derive(Debug, Clone)]
pub struct LogBatch {
    columns: RecordBatch,
    keys: Keys,
}

/// A whole log record.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRow {
    /// When it happened, in nanoseconds since 1970; when it was observed if the sender did not say.
    pub time_ns: u64,
    /// When it was collected, in nanoseconds since 1970.
    pub observed_time_ns: u64,
    /// OTLP's severity number, 1 to 24; 0 when not given.
    pub severity: u8,
    /// The severity in the sender's own words.
    pub severity_text: String,
    /// The resource's `service.name`.
    pub service: String,
    /// The trace that it belongs to.
    pub trace_id: Option<TraceId>,
    /// The span that it belongs to.
    pub span_id: Option<SpanId>,
    /// W3C trace flags.
    pub flags: u32,
    /// The kind of event; empty for plain records.
    pub event_name: String,
    /// The message.
    pub body: Value,
    /// Attributes as sent.
    pub attributes: Vec<Attribute>,
    /// Attributes that the sender left out.
    pub dropped_attributes: u32,
    /// The resource's attributes.
    pub resource: Vec<Attribute>,
    /// Attributes of the resource that the sender left out.
    pub resource_dropped_attributes: u32,
    /// Where the schema of the resource is described.
    pub resource_schema_url: String,
    /// The instrumentation scope.
    pub scope: ScopeInfo,
}

impl LogBatch {
    /// The Arrow columns.
    pub fn columns(&self) -> &RecordBatch {
        &self.columns
    }

    /// The trace of a row.
    pub fn trace_id(&self, row: usize) -> Option<TraceId> {
        let column = self.column(Column::TraceId).as_fixed_size_binary();
        column.is_valid(row).then(|| TraceId::from_bytes(column.value(row))).flatten()
    }

    /// A row as a plain struct.
    pub fn row(&self, row: usize) -> LogRow {
        let record = self.column(Column::Record).as_binary::<i32>();
        let record = if record.is_valid(row) { record.value(row) } else { &[] };
        let record = LogRecord::decode(record).unwrap_or_default();
        let span_id = self.column(Column::SpanId).as_fixed_size_binary();
        let event_name = self.column(Column::EventName).as_string::<i32>();
        LogRow {
            time_ns: self.column(Column::Time).as_primitive::<UInt64Type>().value(row),
            observed_time_ns: self.column(Column::ObservedTime).as_primitive::<UInt64Type>().value(row),
            severity: self.column(Column::Severity).as_primitive::<UInt8Type>().value(row),
            severity_text: dictionary_text(self.column(Column::SeverityText), row).to_owned(),
            service: dictionary_text(self.column(Column::Service), row).to_owned(),
            trace_id: self.trace_id(row),
            span_id: span_id.is_valid(row).then(|| SpanId::from_bytes(span_id.value(row))).flatten(),
            flags: self.column(Column::Flags).as_primitive::<UInt32Type>().value(row),
            event_name: if event_name.is_valid(row) { event_name.value(row).to_owned() } else { String::new() },
            body: Value::from_proto(record.body, &self.keys),
            attributes: attributes(record.attributes, &self.keys),
            dropped_attributes: record.dropped_attributes_count,
            resource: resource_attributes(dictionary_bytes(self.column(Column::Resource), row)),
            resource_dropped_attributes: 0,
            resource_schema_url: String::new(),
            scope: scope_info(dictionary_bytes(self.column(Column::Scope), row)),
        }
    }

    fn column(&self, column: Column) -> &ArrayRef {
        self.columns.column(column as usize)
    }
}

impl Batch for LogBatch {
    fn rows(&self) -> usize {
        self.columns.num_rows()
    }

    fn bytes(&self) -> usize {
        self.columns.get_array_memory_size() + self.keys.bytes()
    }
}
