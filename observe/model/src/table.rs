//! The tables that SQL and other readers of whole columns see.

use std::sync::{Arc, LazyLock};

use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

/// A table of stored telemetry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// One row for each span.
    Spans,
    /// One row for each event of a span.
    SpanEvents,
    /// One row for each link of a span.
    SpanLinks,
    /// One row for each log record.
    Logs,
    /// One row for each metric point.
    Metrics,
    /// One row for each exemplar of a metric point.
    Exemplars,
    /// One row for each series of samples.
    Series,
}

impl Table {
    /// All tables.
    pub const ALL: [Self; 7] =
        [Self::Spans, Self::SpanEvents, Self::SpanLinks, Self::Logs, Self::Metrics, Self::Exemplars, Self::Series];

    /// Its name in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spans => "spans",
            Self::SpanEvents => "span_events",
            Self::SpanLinks => "span_links",
            Self::Logs => "logs",
            Self::Metrics => "metrics",
            Self::Exemplars => "exemplars",
            Self::Series => "series",
        }
    }

    /// Its columns. Attributes are maps from their keys to their values as text, in JSON for arrays and maps and in
    /// base64 for bytes.
    pub fn schema(self) -> SchemaRef {
        match self {
            Self::Spans => SPANS.clone(),
            Self::SpanEvents => SPAN_EVENTS.clone(),
            Self::SpanLinks => SPAN_LINKS.clone(),
            Self::Logs => LOGS.clone(),
            Self::Metrics => METRICS.clone(),
            Self::Exemplars => EXEMPLARS.clone(),
            Self::Series => SERIES.clone(),
        }
    }
}

/// Text that repeats.
fn dictionary() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
}

/// A map of attributes.
fn attributes() -> DataType {
    let fields = vec![Field::new("keys", DataType::Utf8, false), Field::new("values", DataType::Utf8, true)];
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(Fields::from(fields)), false)), false)
}

fn list(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", item, true)))
}

fn schema(columns: Vec<(&str, DataType, bool)>) -> SchemaRef {
    let fields = columns.into_iter().map(|(name, kind, nullable)| Field::new(name, kind, nullable));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

static SPANS: LazyLock<SchemaRef> = LazyLock::new(|| {
    schema(vec![
        ("time", time(), false),
        ("duration_ns", DataType::Int64, false),
        ("trace_id", DataType::FixedSizeBinary(16), false),
        ("span_id", DataType::FixedSizeBinary(8), false),
        ("parent_span_id", DataType::FixedSizeBinary(8), true),
        ("service", dictionary(), false),
        ("name", dictionary(), false),
        ("kind", dictionary(), false),
        ("status", dictionary(), false),
        ("status_message", DataType::Utf8, true),
        ("attributes", attributes(), false),
        ("resource", attributes(), false),
        ("scope_name", dictionary(), true),
        ("scope_version", dictionary(), true),
        ("trace_state", DataType::Utf8, true),
        ("flags", DataType::UInt32, false),
        ("dropped_attributes", DataType::UInt32, false),
        ("dropped_events", DataType::UInt32, false),
        ("dropped_links", DataType::UInt32, false),
        ("scope_attributes", attributes(), false),
        ("resource_schema_url", dictionary(), true),
        ("resource_dropped_attributes", DataType::UInt32, false),
        ("scope_schema_url", dictionary(), true),
        ("scope_dropped_attributes", DataType::UInt32, false),
    ])
});

static SPAN_EVENTS: LazyLock<SchemaRef> = LazyLock::new(|| {
    schema(vec![
        ("time", time(), false),
        ("trace_id", DataType::FixedSizeBinary(16), false),
        ("span_id", DataType::FixedSizeBinary(8), false),
        ("service", dictionary(), false),
        ("span_name", dictionary(), false),
        ("name", DataType::Utf8, false),
        ("attributes", attributes(), false),
        ("dropped_attributes", DataType::UInt32, false),
    ])
});

static SPAN_LINKS: LazyLock<SchemaRef> = LazyLock::new(|| {
    schema(vec![
        ("time", time(), false),
        ("trace_id", DataType::FixedSizeBinary(16), false),
        ("span_id", DataType::FixedSizeBinary(8), false),
        ("service", dictionary(), false),
        ("linked_trace_id", DataType::FixedSizeBinary(16), false),
        ("linked_span_id", DataType::FixedSizeBinary(8), false),
        ("trace_state", DataType::Utf8, true),
        ("attributes", attributes(), false),
        ("flags", DataType::UInt32, false),
        ("dropped_attributes", DataType::UInt32, false),
    ])
});

static LOGS: LazyLock<SchemaRef> = LazyLock::new(|| {
    schema(vec![
        ("time", time(), false),
        ("observed_time", time(), true),
        ("severity", DataType::UInt8, false),
        ("severity_text", dictionary(), true),
        ("service", dictionary(), false),
        ("body", DataType::Utf8, true),
        ("template", DataType::Int64, true),
        ("event_name", dictionary(), true),
        ("trace_id", DataType::FixedSizeBinary(16), true),
        ("span_id", DataType::FixedSizeBinary(8), true),
        ("attributes", attributes(), false),
        ("resource", attributes(), false),
        ("scope_name", dictionary(), true),
        ("scope_version", dictionary(), true),
        ("flags", DataType::UInt32, false),
        ("dropped_attributes", DataType::UInt32, false),
        ("scope_attributes", attributes(), false),
        ("resource_schema_url", dictionary(), true),
        ("resource_dropped_attributes", DataType::UInt32, false),
        ("scope_schema_url", dictionary(), true),
        ("scope_dropped_attributes", DataType::UInt32, false),
    ])
});

static METRICS: LazyLock<SchemaRef> = LazyLock::new(|| {
    schema(vec![
        ("time", time(), false),
        ("start_time", time(), true),
        ("name", dictionary(), false),
        ("kind", dictionary(), false),
        ("unit", dictionary(), true),
        ("service", dictionary(), false),
        ("temporality", dictionary(), true),
        ("monotonic", DataType::Boolean, true),
        ("value", DataType::Float64, true),
        ("value_int", DataType::Int64, true),
        ("count", DataType::UInt64, true),
        ("sum", DataType::Float64, true),
        ("min", DataType::Float64, true),
        ("max", DataType::Float64, true),
        ("bounds", list(DataType::Float64), true),
        ("bucket_counts", list(DataType::UInt64), true),
        ("attributes", attributes(), false),
        ("resource", attributes(), false),
        ("scope_name", dictionary(), true),
        ("scope_version", dictionary(), true),
        ("description", dictionary(), true),
        ("flags", DataType::UInt32, false),
        ("metadata", attributes(), false),
        ("scale", DataType::Int64, true),
        ("zero_count", DataType::UInt64, true),
        ("zero_threshold", DataType::Float64, true),
        ("positive_offset", DataType::Int64, true),
        ("negative_offset", DataType::Int64, true),
        ("negative_bucket_counts", list(DataType::UInt64), true),
        ("quantiles", list(DataType::Float64), true),
        ("quantile_values", list(DataType::Float64), true),
        ("scope_attributes", attributes(), false),
        ("resource_schema_url", dictionary(), true),
        ("resource_dropped_attributes", DataType::UInt32, false),
        ("scope_schema_url", dictionary(), true),
        ("scope_dropped_attributes", DataType::UInt32, false),
        ("series", DataType::FixedSizeBinary(16), true),
    ])
});

static SERIES: LazyLock<SchemaRef> = LazyLock::new(|| {
    schema(vec![
        ("id", DataType::FixedSizeBinary(16), false),
        ("name", dictionary(), false),
        ("kind", dictionary(), false),
        ("unit", dictionary(), true),
        ("help", dictionary(), true),
        ("temporality", dictionary(), true),
        ("monotonic", DataType::Boolean, true),
        ("service", dictionary(), false),
        ("labels", attributes(), false),
        ("attributes", attributes(), false),
        ("resource", attributes(), false),
        ("first_time", time(), true),
        ("last_time", time(), true),
        ("samples", DataType::UInt64, false),
    ])
});

static EXEMPLARS: LazyLock<SchemaRef> = LazyLock::new(|| {
    schema(vec![
        ("time", time(), false),
        ("name", dictionary(), false),
        ("unit", dictionary(), true),
        ("service", dictionary(), false),
        ("value", DataType::Float64, true),
        ("value_int", DataType::Int64, true),
        ("trace_id", DataType::FixedSizeBinary(16), true),
        ("span_id", DataType::FixedSizeBinary(8), true),
        ("attributes", attributes(), false),
        ("point_time", time(), false),
        ("point_attributes", attributes(), false),
        ("resource", attributes(), false),
        ("series", DataType::FixedSizeBinary(16), true),
        ("labels", attributes(), false),
    ])
});
