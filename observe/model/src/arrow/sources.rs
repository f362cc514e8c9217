//! What each column of a schema is made of.

use super::ColumnRef;
use crate::Table;
use crate::builder::{RESOURCE_DROPPED, RESOURCE_SCHEMA_URL, SCOPE_DROPPED, SCOPE_SCHEMA_URL};
use crate::definitions::{logs, metrics, spans};

/// What a column is made of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source {
    /// A time.
    Time(ColumnRef),
    /// A whole number of this kind of array.
    Int64(ColumnRef),
    UInt64(ColumnRef),
    UInt32(ColumnRef),
    UInt8(ColumnRef),
    Double(ColumnRef),
    Bool(ColumnRef),
    /// An id of 16 or of 8 bytes.
    Id16(ColumnRef),
    Id8(ColumnRef),
    /// Text that repeats.
    Dictionary(ColumnRef),
    /// Text that does not.
    Text(ColumnRef),
    /// A number with a name.
    Named(ColumnRef, fn(u8) -> Option<&'static str>),
    /// The attributes of a row.
    Attributes,
    /// Attributes out of a JSON object.
    Json(ColumnRef),
    /// A number that was sent whole, in the first place, or not, in the second: as a floating point number.
    Number(ColumnRef, ColumnRef),
    /// The same, exact, if it is whole.
    WholeNumber(ColumnRef, ColumnRef),
    /// What was said of resource and scope, under a key of the JSON object in the place: a text, or a count.
    OriginText(ColumnRef, &'static str),
    OriginCount(ColumnRef, &'static str),
    /// A field of a list.
    List(usize, usize),
    /// What only series have.
    Absent,
}

pub(super) fn sources(table: Table) -> &'static [(&'static str, Source)] {
    match table {
        Table::Spans => SPANS,
        Table::SpanEvents => SPAN_EVENTS,
        Table::SpanLinks => SPAN_LINKS,
        Table::Logs => LOGS,
        Table::Metrics => METRICS,
        Table::Exemplars => EXEMPLARS,
        // No rows of columns are such.
        Table::Series => &[],
    }
}

const fn row(place: usize) -> ColumnRef {
    ColumnRef::Row(place)
}

const SPANS: &[(&str, Source)] = &[
    ("time", Source::Time(row(spans::START))),
    ("duration_ns", Source::Int64(row(spans::DURATION))),
    ("trace_id", Source::Id16(row(spans::TRACE_ID))),
    ("span_id", Source::Id8(row(spans::SPAN_ID))),
    ("parent_span_id", Source::Id8(row(spans::PARENT_SPAN_ID))),
    ("service", Source::Dictionary(row(spans::SERVICE))),
    ("name", Source::Dictionary(row(spans::NAME))),
    ("kind", Source::Named(row(spans::KIND), kind)),
    ("status", Source::Named(row(spans::STATUS), status)),
    ("status_message", Source::Text(row(spans::STATUS_MESSAGE))),
    ("attributes", Source::Attributes),
    ("resource", Source::Json(row(spans::RESOURCE))),
    ("scope_name", Source::Dictionary(row(spans::SCOPE_NAME))),
    ("scope_version", Source::Dictionary(row(spans::SCOPE_VERSION))),
    ("trace_state", Source::Text(row(spans::TRACE_STATE))),
    ("flags", Source::UInt32(row(spans::FLAGS))),
    ("dropped_attributes", Source::UInt32(row(spans::DROPPED_ATTRIBUTES))),
    ("dropped_events", Source::UInt32(row(spans::DROPPED_EVENTS))),
    ("dropped_links", Source::UInt32(row(spans::DROPPED_LINKS))),
    ("scope_attributes", Source::Json(row(spans::SCOPE_ATTRIBUTES))),
    ("resource_schema_url", Source::OriginText(row(spans::ORIGIN), RESOURCE_SCHEMA_URL)),
    ("resource_dropped_attributes", Source::OriginCount(row(spans::ORIGIN), RESOURCE_DROPPED)),
    ("scope_schema_url", Source::OriginText(row(spans::ORIGIN), SCOPE_SCHEMA_URL)),
    ("scope_dropped_attributes", Source::OriginCount(row(spans::ORIGIN), SCOPE_DROPPED)),
];

const SPAN_EVENTS: &[(&str, Source)] = &[
    ("time", Source::Time(ColumnRef::Element(spans::EVENT_TIME))),
    ("trace_id", Source::Id16(row(spans::TRACE_ID))),
    ("span_id", Source::Id8(row(spans::SPAN_ID))),
    ("service", Source::Dictionary(row(spans::SERVICE))),
    ("span_name", Source::Dictionary(row(spans::NAME))),
    ("name", Source::Text(ColumnRef::Element(spans::EVENT_NAME))),
    ("attributes", Source::Json(ColumnRef::Element(spans::EVENT_ATTRIBUTES))),
    ("dropped_attributes", Source::UInt32(ColumnRef::Element(spans::EVENT_DROPPED_ATTRIBUTES))),
];

const SPAN_LINKS: &[(&str, Source)] = &[
    ("time", Source::Time(row(spans::START))),
    ("trace_id", Source::Id16(row(spans::TRACE_ID))),
    ("span_id", Source::Id8(row(spans::SPAN_ID))),
    ("service", Source::Dictionary(row(spans::SERVICE))),
    ("linked_trace_id", Source::Id16(ColumnRef::Element(spans::LINK_TRACE_ID))),
    ("linked_span_id", Source::Id8(ColumnRef::Element(spans::LINK_SPAN_ID))),
    ("trace_state", Source::Text(ColumnRef::Element(spans::LINK_TRACE_STATE))),
    ("attributes", Source::Json(ColumnRef::Element(spans::LINK_ATTRIBUTES))),
    ("flags", Source::UInt32(ColumnRef::Element(spans::LINK_FLAGS))),
    ("dropped_attributes", Source::UInt32(ColumnRef::Element(spans::LINK_DROPPED_ATTRIBUTES))),
];

const LOGS: &[(&str, Source)] = &[
    ("time", Source::Time(row(logs::TIME))),
    ("observed_time", Source::Time(row(logs::OBSERVED_TIME))),
    ("severity", Source::UInt8(row(logs::SEVERITY))),
    ("severity_text", Source::Dictionary(row(logs::SEVERITY_TEXT))),
    ("service", Source::Dictionary(row(logs::SERVICE))),
    ("body", Source::Text(row(logs::BODY))),
    ("template", Source::Int64(row(logs::TEMPLATE))),
    ("event_name", Source::Dictionary(row(logs::EVENT_NAME))),
    ("trace_id", Source::Id16(row(logs::TRACE_ID))),
    ("span_id", Source::Id8(row(logs::SPAN_ID))),
    ("attributes", Source::Attributes),
    ("resource", Source::Json(row(logs::RESOURCE))),
    ("scope_name", Source::Dictionary(row(logs::SCOPE_NAME))),
    ("scope_version", Source::Dictionary(row(logs::SCOPE_NAME + 1))),
    ("flags", Source::UInt32(row(logs::FLAGS))),
    ("dropped_attributes", Source::UInt32(row(logs::DROPPED_ATTRIBUTES))),
    ("scope_attributes", Source::Json(row(logs::SCOPE_NAME + 2))),
    ("resource_schema_url", Source::OriginText(row(logs::SCOPE_NAME + 3), RESOURCE_SCHEMA_URL)),
    ("resource_dropped_attributes", Source::OriginCount(row(logs::SCOPE_NAME + 3), RESOURCE_DROPPED)),
    ("scope_schema_url", Source::OriginText(row(logs::SCOPE_NAME + 3), SCOPE_SCHEMA_URL)),
    ("scope_dropped_attributes", Source::OriginCount(row(logs::SCOPE_NAME + 3), SCOPE_DROPPED)),
];

const METRICS: &[(&str, Source)] = &[
    ("time", Source::Time(row(metrics::TIME))),
    ("start_time", Source::Time(row(metrics::START_TIME))),
    ("name", Source::Dictionary(row(metrics::NAME))),
    ("kind", Source::Named(row(metrics::KIND), metric_kind)),
    ("unit", Source::Dictionary(row(metrics::UNIT))),
    ("service", Source::Dictionary(row(metrics::SERVICE))),
    ("temporality", Source::Named(row(metrics::TEMPORALITY), temporality)),
    ("monotonic", Source::Bool(row(metrics::MONOTONIC))),
    ("value", Source::Number(row(metrics::VALUE_INT), row(metrics::VALUE_DOUBLE))),
    ("value_int", Source::WholeNumber(row(metrics::VALUE_INT), row(metrics::VALUE_DOUBLE))),
    ("count", Source::UInt64(row(metrics::COUNT))),
    ("sum", Source::Double(row(metrics::SUM))),
    ("min", Source::Double(row(metrics::MIN))),
    ("max", Source::Double(row(metrics::MAX))),
    ("bounds", Source::List(metrics::BOUNDS, 0)),
    ("bucket_counts", Source::List(metrics::COUNTS, 0)),
    ("attributes", Source::Attributes),
    ("resource", Source::Json(row(metrics::RESOURCE))),
    ("scope_name", Source::Dictionary(row(metrics::SCOPE_NAME))),
    ("scope_version", Source::Dictionary(row(metrics::SCOPE_NAME + 1))),
    ("description", Source::Dictionary(row(metrics::DESCRIPTION))),
    ("flags", Source::UInt32(row(metrics::FLAGS))),
    ("metadata", Source::Json(row(metrics::METADATA))),
    ("scale", Source::Int64(row(metrics::SCALE))),
    ("zero_count", Source::UInt64(row(metrics::ZERO_COUNT))),
    ("zero_threshold", Source::Double(row(metrics::ZERO_THRESHOLD))),
    ("positive_offset", Source::Int64(row(metrics::POSITIVE_OFFSET))),
    ("negative_offset", Source::Int64(row(metrics::NEGATIVE_OFFSET))),
    ("negative_bucket_counts", Source::List(metrics::NEGATIVE_COUNTS, 0)),
    ("quantiles", Source::List(metrics::QUANTILES, 0)),
    ("quantile_values", Source::List(metrics::QUANTILES, 1)),
    ("scope_attributes", Source::Json(row(metrics::SCOPE_NAME + 2))),
    ("resource_schema_url", Source::OriginText(row(metrics::SCOPE_NAME + 3), RESOURCE_SCHEMA_URL)),
    ("resource_dropped_attributes", Source::OriginCount(row(metrics::SCOPE_NAME + 3), RESOURCE_DROPPED)),
    ("scope_schema_url", Source::OriginText(row(metrics::SCOPE_NAME + 3), SCOPE_SCHEMA_URL)),
    ("scope_dropped_attributes", Source::OriginCount(row(metrics::SCOPE_NAME + 3), SCOPE_DROPPED)),
    ("series", Source::Absent),
];

const EXEMPLARS: &[(&str, Source)] = &[
    ("time", Source::Time(ColumnRef::Element(metrics::EXEMPLAR_TIME))),
    ("name", Source::Dictionary(row(metrics::NAME))),
    ("unit", Source::Dictionary(row(metrics::UNIT))),
    ("service", Source::Dictionary(row(metrics::SERVICE))),
    ("value", Source::Number(ColumnRef::Element(metrics::EXEMPLAR_INT), ColumnRef::Element(metrics::EXEMPLAR_DOUBLE))),
    (
        "value_int",
        Source::WholeNumber(ColumnRef::Element(metrics::EXEMPLAR_INT), ColumnRef::Element(metrics::EXEMPLAR_DOUBLE)),
    ),
    ("trace_id", Source::Id16(ColumnRef::Element(metrics::EXEMPLAR_TRACE_ID))),
    ("span_id", Source::Id8(ColumnRef::Element(metrics::EXEMPLAR_SPAN_ID))),
    ("attributes", Source::Json(ColumnRef::Element(metrics::EXEMPLAR_ATTRIBUTES))),
    ("point_time", Source::Time(row(metrics::TIME))),
    ("point_attributes", Source::Attributes),
    ("resource", Source::Json(row(metrics::RESOURCE))),
    ("series", Source::Absent),
    ("labels", Source::Absent),
];

fn kind(number: u8) -> Option<&'static str> {
    Some(crate::SpanKind::from_number(number).full_name())
}

fn status(number: u8) -> Option<&'static str> {
    Some(crate::StatusCode::from_number(number).full_name())
}

fn metric_kind(number: u8) -> Option<&'static str> {
    Some(crate::MetricKind::from_number(number).name())
}

fn temporality(number: u8) -> Option<&'static str> {
    match number {
        1 => Some("delta"),
        2 => Some("cumulative"),
        _ => None,
    }
}
