//! Spans in columns.

use std::sync::{Arc, LazyLock};

use arrow_array::builder::{
    BinaryBuilder, FixedSizeBinaryBuilder, StringBuilder, UInt8Builder, UInt32Builder, UInt64Builder,
};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, UInt8Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use crate::batch::{Batch, Blobs, OpenBatch, Rejected, Texts};
use crate::keys::{KeyTable, Keys};
use crate::{Origin, Scope, SpanId, TraceId};

/// Bytes of a row in the columns of fixed width, offsets included.
const FIXED_BYTES: usize = 104;

/// The columns, in order.
pub(crate) enum Column {
    TraceId,
    SpanId,
    ParentSpanId,
    Service,
    Name,
    Kind,
    Start,
    End,
    Flags,
    TraceState,
    StatusCode,
    StatusMessage,
    Attributes,
    Events,
    Links,
    Resource,
    Scope,
}

/// Column names and types. Attributes, events and links are each an OTLP `Span` message with only those fields set.
static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let dictionary = |value| DataType::Dictionary(Box::new(DataType::Int32), Box::new(value));
    Arc::new(Schema::new(vec![
        Field::new("trace_id", DataType::FixedSizeBinary(16), false),
        Field::new("span_id", DataType::FixedSizeBinary(8), false),
        Field::new("parent_span_id", DataType::FixedSizeBinary(8), true),
        Field::new("service", dictionary(DataType::Utf8), false),
        Field::new("name", dictionary(DataType::Utf8), false),
        Field::new("kind", DataType::UInt8, false),
        Field::new("start_ns", DataType::UInt64, false),
        Field::new("end_ns", DataType::UInt64, false),
        Field::new("flags", DataType::UInt32, false),
        Field::new("trace_state", DataType::Utf8, true),
        Field::new("status_code", DataType::UInt8, false),
        Field::new("status_message", DataType::Utf8, true),
        Field::new("attributes", DataType::Binary, true),
        Field::new("events", DataType::Binary, true),
        Field::new("links", DataType::Binary, true),
        Field::new("resource", dictionary(DataType::Binary), false),
        Field::new("scope", dictionary(DataType::Binary), false),
    ]))
});

/// Span columns that still grow.
pub struct SpanBuilder {
    trace_id: FixedSizeBinaryBuilder,
    span_id: FixedSizeBinaryBuilder,
    parent_span_id: FixedSizeBinaryBuilder,
    service: Texts,
    name: Texts,
    kind: UInt8Builder,
    start: UInt64Builder,
    end: UInt64Builder,
    flags: UInt32Builder,
    trace_state: StringBuilder,
    status_code: UInt8Builder,
    status_message: StringBuilder,
    attributes: BinaryBuilder,
    events: BinaryBuilder,
    links: BinaryBuilder,
    resource: Blobs,
    scope: Blobs,
    keys: KeyTable,
    rows: usize,
    bytes: usize,
    scratch: Vec<u8>,
}

impl Default for SpanBuilder {
    fn default() -> Self {
        Self {
            trace_id: FixedSizeBinaryBuilder::with_capacity(0, 16),
            span_id: FixedSizeBinaryBuilder::with_capacity(0, 8),
            parent_span_id: FixedSizeBinaryBuilder::with_capacity(0, 8),
            service: Texts::default(),
            name: Texts::default(),
            kind: UInt8Builder::with_capacity(0),
            start: UInt64Builder::with_capacity(0),
            end: UInt64Builder::with_capacity(0),
            flags: UInt32Builder::with_capacity(0),
            trace_state: StringBuilder::with_capacity(0, 0),
            status_code: UInt8Builder::with_capacity(0),
            status_message: StringBuilder::with_capacity(0, 0),
            attributes: BinaryBuilder::with_capacity(0, 0),
            events: BinaryBuilder::with_capacity(0, 0),
            links: BinaryBuilder::with_capacity(0, 0),
            resource: Blobs::default(),
            scope: Blobs::default(),
            keys: KeyTable::default(),
            rows: 0,
            bytes: 0,
            scratch: Vec::new(),
        }
    }
}

impl SpanBuilder {
    /// Adds one span. A span with a malformed id is not taken; a link with one is dropped and counted as dropped.
    pub fn append(&mut self, origin: &Origin, scope: &Scope, mut span: Span) -> Result<(), Rejected> {
        let trace_id = TraceId::from_bytes(&span.trace_id)
            .ok_or_else(|| malformed("traceId", &span.trace_id, "16 bytes, not all zero"))?;
        let span_id = SpanId::from_bytes(&span.span_id)
            .ok_or_else(|| malformed("spanId", &span.span_id, "8 bytes, not all zero"))?;
        if !matches!(span.parent_span_id.len(), 0 | 8) {
            return Err(malformed("parentSpanId", &span.parent_span_id, "8 bytes, or none"));
        }
        let parent = SpanId::from_bytes(&span.parent_span_id);

        let fixed = "the id's length was just checked";
        self.trace_id.append_value(trace_id.0).expect(fixed);
        self.span_id.append_value(span_id.0).expect(fixed);
        match parent {
            Some(parent) => self.parent_span_id.append_value(parent.0).expect(fixed),
            None => self.parent_span_id.append_null(),
        }
        self.bytes += FIXED_BYTES;
        self.bytes += self.service.append(&origin.service);
        self.bytes += self.name.append(&span.name);
        self.bytes += self.resource.append(&origin.resource);
        self.bytes += self.scope.append(&scope.encoded);
        self.kind.append_value(u8::try_from(span.kind).unwrap_or(0));
        self.start.append_value(span.start_time_unix_nano);
        self.end.append_value(span.end_time_unix_nano);
        self.flags.append_value(span.flags);
        let status = span.status.take().unwrap_or_default();
        self.status_code.append_value(u8::try_from(status.code).unwrap_or(0));
        self.bytes += append_text(&mut self.status_message, &status.message);
        self.bytes += append_text(&mut self.trace_state, &span.trace_state);
        self.append_nested(span);
        self.rows += 1;
        Ok(())
    }

    fn append_nested(&mut self, mut span: Span) {
        let sent_links = span.links.len();
        span.links.retain(|link| {
            TraceId::from_bytes(&link.trace_id).is_some() && SpanId::from_bytes(&link.span_id).is_some()
        });
        let lost_links = u32::try_from(sent_links - span.links.len()).unwrap_or(u32::MAX);
        self.keys.shorten(&mut span.attributes);
        span.events.iter_mut().for_each(|event| self.keys.shorten(&mut event.attributes));
        span.links.iter_mut().for_each(|link| self.keys.shorten(&mut link.attributes));
        let attributes = Span {
            attributes: std::mem::take(&mut span.attributes),
            dropped_attributes_count: span.dropped_attributes_count,
            ..Span::default()
        };
        let events = Span {
            events: std::mem::take(&mut span.events),
            dropped_events_count: span.dropped_events_count,
            ..Span::default()
        };
        let links = Span {
            links: std::mem::take(&mut span.links),
            dropped_links_count: span.dropped_links_count.saturating_add(lost_links),
            ..Span::default()
        };
        self.bytes += append_message(&mut self.attributes, &attributes, &mut self.scratch);
        self.bytes += append_message(&mut self.events, &events, &mut self.scratch);
        self.bytes += append_message(&mut self.links, &links, &mut self.scratch);
    }
}

impl OpenBatch for SpanBuilder {
    type Batch = SpanBatch;

    fn rows(&self) -> usize {
        self.rows
    }

    fn bytes(&self) -> usize {
        self.bytes + self.keys.bytes()
    }

    fn freeze(&self) -> SpanBatch {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.trace_id.finish_cloned()),
            Arc::new(self.span_id.finish_cloned()),
            Arc::new(self.parent_span_id.finish_cloned()),
            Arc::new(self.service.column.finish_cloned()),
            Arc::new(self.name.column.finish_cloned()),
            Arc::new(self.kind.finish_cloned()),
            Arc::new(self.start.finish_cloned()),
            Arc::new(self.end.finish_cloned()),
            Arc::new(self.flags.finish_cloned()),
            Arc::new(self.trace_state.finish_cloned()),
            Arc::new(self.status_code.finish_cloned()),
            Arc::new(self.status_message.finish_cloned()),
            Arc::new(self.attributes.finish_cloned()),
            Arc::new(self.events.finish_cloned()),
            Arc::new(self.links.finish_cloned()),
            Arc::new(self.resource.column.finish_cloned()),
            Arc::new(self.scope.column.finish_cloned()),
        ];
        let columns = RecordBatch::try_new(SCHEMA.clone(), columns).expect("the columns follow the schema");
        SpanBatch::new(columns, self.keys.freeze())
    }
}

/// Frozen span columns, with the rows' order by trace id so that a trace is found by bisection.
#[derive(Debug, Clone)]
pub struct SpanBatch {
    columns: RecordBatch,
    pub(crate) keys: Keys,
    by_trace: Vec<u32>,
    start_range: (u64, u64),
}

impl SpanBatch {
    fn new(columns: RecordBatch, keys: Keys) -> Self {
        let ids = columns.column(Column::TraceId as usize).as_fixed_size_binary();
        let mut by_trace: Vec<u32> = (0..columns.num_rows() as u32).collect();
        by_trace.sort_by_key(|row| ids.value(*row as usize));
        let starts = columns.column(Column::Start as usize).as_primitive::<UInt64Type>().values();
        let start_range = (starts.iter().copied().min().unwrap_or(0), starts.iter().copied().max().unwrap_or(0));
        Self { columns, keys, by_trace, start_range }
    }

    /// The Arrow columns.
    pub fn columns(&self) -> &RecordBatch {
        &self.columns
    }

    /// Earliest and latest start, in nanoseconds since 1970.
    pub fn start_range_ns(&self) -> (u64, u64) {
        self.start_range
    }

    /// The rows of one trace, oldest first.
    pub fn rows_of(&self, id: TraceId) -> impl Iterator<Item = usize> + '_ {
        let ids = self.column(Column::TraceId).as_fixed_size_binary();
        let first = self.by_trace.partition_point(|row| ids.value(*row as usize) < id.0.as_slice());
        self.by_trace[first..].iter().map(|row| *row as usize).take_while(move |row| ids.value(*row) == id.0)
    }

    /// The distinct services.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.column(Column::Service).as_dictionary::<Int32Type>().values().as_string::<i32>().iter().flatten()
    }

    /// The number that stands for a service in this batch, to compare with [`Self::service_number`].
    pub fn find_service(&self, service: &str) -> Option<i32> {
        position(self.column(Column::Service), service)
    }

    /// The number that stands for a span name in this batch, to compare with [`Self::name_number`].
    pub fn find_name(&self, name: &str) -> Option<i32> {
        position(self.column(Column::Name), name)
    }

    /// The service of a row, as a number.
    pub fn service_number(&self, row: usize) -> i32 {
        self.column(Column::Service).as_dictionary::<Int32Type>().keys().value(row)
    }

    /// The span name of a row, as a number.
    pub fn name_number(&self, row: usize) -> i32 {
        self.column(Column::Name).as_dictionary::<Int32Type>().keys().value(row)
    }

    /// The service of a row.
    pub fn service(&self, row: usize) -> &str {
        dictionary_text(self.column(Column::Service), row)
    }

    /// The span name of a row.
    pub fn name(&self, row: usize) -> &str {
        dictionary_text(self.column(Column::Name), row)
    }

    /// The span name that a number of [`Self::name_number`] stands for.
    pub fn name_of(&self, number: i32) -> &str {
        self.column(Column::Name).as_dictionary::<Int32Type>().values().as_string::<i32>().value(number as usize)
    }

    /// The trace id of a row.
    pub fn trace_id(&self, row: usize) -> TraceId {
        let bytes = self.column(Column::TraceId).as_fixed_size_binary().value(row);
        TraceId(bytes.try_into().expect("the column is 16 bytes wide"))
    }

    /// The span id of a row.
    pub fn span_id(&self, row: usize) -> SpanId {
        let bytes = self.column(Column::SpanId).as_fixed_size_binary().value(row);
        SpanId(bytes.try_into().expect("the column is 8 bytes wide"))
    }

    /// The parent's span id of a row.
    pub fn parent_span_id(&self, row: usize) -> Option<SpanId> {
        let column = self.column(Column::ParentSpanId).as_fixed_size_binary();
        column.is_valid(row).then(|| SpanId(column.value(row).try_into().expect("the column is 8 bytes wide")))
    }

    /// Start of a row, in nanoseconds since 1970.
    pub fn start_ns(&self, row: usize) -> u64 {
        self.column(Column::Start).as_primitive::<UInt64Type>().value(row)
    }

    /// Duration of a row in nanoseconds; 0 when it ended before it started.
    pub fn duration_ns(&self, row: usize) -> u64 {
        self.end_ns(row).saturating_sub(self.start_ns(row))
    }

    /// Kind of a row, as OTLP numbers it.
    pub fn kind_number(&self, row: usize) -> u8 {
        self.column(Column::Kind).as_primitive::<UInt8Type>().value(row)
    }

    /// Status of a row, as OTLP numbers it.
    pub fn status_number(&self, row: usize) -> u8 {
        self.column(Column::StatusCode).as_primitive::<UInt8Type>().value(row)
    }

    pub(crate) fn end_ns(&self, row: usize) -> u64 {
        self.column(Column::End).as_primitive::<UInt64Type>().value(row)
    }

    pub(crate) fn flags(&self, row: usize) -> u32 {
        self.column(Column::Flags).as_primitive::<UInt32Type>().value(row)
    }

    pub(crate) fn column(&self, column: Column) -> &ArrayRef {
        self.columns.column(column as usize)
    }
}

impl Batch for SpanBatch {
    fn rows(&self) -> usize {
        self.columns.num_rows()
    }

    fn bytes(&self) -> usize {
        self.columns.get_array_memory_size() + self.keys.bytes() + self.by_trace.capacity() * size_of::<u32>()
    }
}

/// Text or nothing: an empty text takes no bytes.
pub(crate) fn append_text(column: &mut StringBuilder, text: &str) -> usize {
    column.append_option((!text.is_empty()).then_some(text));
    text.len()
}

/// A message or nothing: a message with no field set takes no bytes.
pub(crate) fn append_message(column: &mut BinaryBuilder, message: &impl Message, scratch: &mut Vec<u8>) -> usize {
    scratch.clear();
    message.encode(scratch).expect("a vector grows as needed");
    column.append_option((!scratch.is_empty()).then_some(&*scratch));
    scratch.len()
}

/// The text of a dictionary-encoded row.
pub(crate) fn dictionary_text(column: &ArrayRef, row: usize) -> &str {
    let column = column.as_dictionary::<Int32Type>();
    column.values().as_string::<i32>().value(column.keys().value(row) as usize)
}

/// The bytes of a dictionary-encoded row.
pub(crate) fn dictionary_bytes(column: &ArrayRef, row: usize) -> &[u8] {
    let column = column.as_dictionary::<Int32Type>();
    column.values().as_binary::<i32>().value(column.keys().value(row) as usize)
}

fn position(column: &ArrayRef, text: &str) -> Option<i32> {
    let values = column.as_dictionary::<Int32Type>().values().as_string::<i32>();
    values.iter().position(|value| value == Some(text)).map(|place| place as i32)
}

fn malformed(field: &'static str, found: &[u8], expected: &'static str) -> Rejected {
    let problem = match found.len() {
        0 => "missing".to_owned(),
        _ if found.iter().all(|byte| *byte == 0) => "all zero".to_owned(),
        len => format!("{len} bytes"),
    };
    Rejected { field, problem, expected }
}
