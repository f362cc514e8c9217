//! The table of metric points, as earlier releases wrote it: now they are series. What they wrote is read until it is too old.

use vitrine_observe_columns::{Definition, FixedList, Kind, ListShape, Order};

use super::{RARE_ATTRIBUTES, optional, required};

/// The metric.
pub const NAME: usize = 0;
/// A hash of name, resource, scope and attributes, the same in every process: what has the same belongs to one series,
/// but for a collision of 64 bits.
pub const SERIES: usize = 1;
/// When, or the end of the interval; when it arrived if the sender did not say.
pub const TIME: usize = 2;
/// Start of the interval.
pub const START_TIME: usize = 3;
/// The number of a [`crate::MetricKind`].
pub const KIND: usize = 4;
/// Its unit in UCUM.
pub const UNIT: usize = 5;
/// What it means.
pub const DESCRIPTION: usize = 6;
/// OTLP's number of the temporality; absent when unspecified.
pub const TEMPORALITY: usize = 7;
/// True for a sum that never falls, else absent.
pub const MONOTONIC: usize = 8;
/// The resource's `service.name`.
pub const SERVICE: usize = 9;
/// The value of a gauge or a sum, when it is a whole number.
pub const VALUE_INT: usize = 10;
/// The value of a gauge or a sum, when it is a floating point number.
pub const VALUE_DOUBLE: usize = 11;
/// Number of values of a histogram or a summary.
pub const COUNT: usize = 12;
/// Their sum.
pub const SUM: usize = 13;
/// The least.
pub const MIN: usize = 14;
/// The greatest.
pub const MAX: usize = 15;
/// The scale of an exponential histogram.
pub const SCALE: usize = 16;
/// Values that count as zero.
pub const ZERO_COUNT: usize = 17;
/// What counts as zero.
pub const ZERO_THRESHOLD: usize = 18;
/// Index of the first bucket above zero.
pub const POSITIVE_OFFSET: usize = 19;
/// Index of the first bucket below zero.
pub const NEGATIVE_OFFSET: usize = 20;
/// OTLP's flags: 1 says that no value was recorded; absent when 0.
pub const FLAGS: usize = 21;
/// The metric's metadata as one JSON object.
pub const METADATA: usize = 22;
/// The resource's attributes as one JSON object.
pub const RESOURCE: usize = 23;
/// The first of the columns that say which scope: its name, its version, its attributes, and `origin`.
pub const SCOPE_NAME: usize = 24;

/// The place of the upper bounds of a histogram's buckets among the lists.
pub const BOUNDS: usize = 1;
/// The place of the counts of a histogram's buckets, or of those above zero, among the lists.
pub const COUNTS: usize = 2;
/// The place of the counts of the buckets below zero among the lists.
pub const NEGATIVE_COUNTS: usize = 3;
/// The place of a summary's quantiles among the lists.
pub const QUANTILES: usize = 4;
/// The place of the exemplars among the lists.
pub const EXEMPLARS: usize = 5;
/// The place of an exemplar's time among its fields.
pub const EXEMPLAR_TIME: usize = 0;
/// The place of its value among its fields, when it is a whole number.
pub const EXEMPLAR_INT: usize = 1;
/// The place of its value among its fields, when it is a floating point number.
pub const EXEMPLAR_DOUBLE: usize = 2;
/// The place of its trace among its fields.
pub const EXEMPLAR_TRACE_ID: usize = 3;
/// The place of its span among its fields.
pub const EXEMPLAR_SPAN_ID: usize = 4;
/// The place of its attributes, one JSON object, among its fields.
pub const EXEMPLAR_ATTRIBUTES: usize = 5;

/// Metric points, by metric, series and time.
pub static METRICS: Definition = Definition {
    name: "metrics",
    columns: &[
        required("name", Kind::Text),
        required("series", Kind::Id8),
        required("time", Kind::Time),
        optional("start_time", Kind::Time),
        required("kind", Kind::Int),
        optional("unit", Kind::Text),
        optional("description", Kind::Text),
        optional("temporality", Kind::Int),
        optional("monotonic", Kind::Bool),
        required("service", Kind::Text),
        optional("value_int", Kind::Int),
        optional("value_double", Kind::Double),
        optional("count", Kind::Int),
        optional("sum", Kind::Double),
        optional("min", Kind::Double),
        optional("max", Kind::Double),
        optional("scale", Kind::Int),
        optional("zero_count", Kind::Int),
        optional("zero_threshold", Kind::Double),
        optional("positive_offset", Kind::Int),
        optional("negative_offset", Kind::Int),
        optional("flags", Kind::Int),
        optional("metadata", Kind::Text),
        required("resource", Kind::Text),
        optional("scope_name", Kind::Text),
        optional("scope_version", Kind::Text),
        optional("scope_attributes", Kind::Text),
        optional("origin", Kind::Text),
    ],
    lists: &[
        RARE_ATTRIBUTES,
        FixedList { name: "bounds", shape: ListShape::List, children: &[required("bound", Kind::Double)] },
        FixedList { name: "counts", shape: ListShape::List, children: &[required("count", Kind::Int)] },
        FixedList { name: "negative_counts", shape: ListShape::List, children: &[required("count", Kind::Int)] },
        FixedList {
            name: "quantiles",
            shape: ListShape::List,
            children: &[required("quantile", Kind::Double), required("value", Kind::Double)],
        },
        FixedList {
            name: "exemplars",
            shape: ListShape::List,
            children: &[
                required("time", Kind::Time),
                optional("value_int", Kind::Int),
                optional("value_double", Kind::Double),
                optional("trace_id", Kind::Id16),
                optional("span_id", Kind::Id8),
                optional("attributes", Kind::Text),
            ],
        },
    ],
    order: Order::By(&[NAME, SERIES, TIME]),
    time: TIME,
    indexed: None,
    searched: None,
};
