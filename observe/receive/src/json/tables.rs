//! The messages of OTLP 1.10 as its JSON names them: <https://github.com/open-telemetry/opentelemetry-proto>.
//!
//! Left out are the fields of common.proto that refer to a table of texts of profiles (`stringValueStrindex`,
//! `keyStrindex`): in the signals taken here they have no meaning, and count as unknown.

use vitrine_observe_store::Signal;

/// A message: its fields by their names.
pub(crate) struct Message {
    pub(super) fields: &'static [Field],
}

/// One field of a message.
pub(crate) struct Field {
    /// In lowerCamelCase.
    pub(super) name: &'static str,
    pub(super) number: u32,
    pub(super) kind: Kind,
    /// Whether it is a list.
    pub(super) many: bool,
    /// Fields of a message with the same of these exclude each other.
    pub(super) one_of: Option<u8>,
}

/// What a field holds, and how it is written.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// A trace or span id: bytes that JSON has as hexadecimal digits.
    Id,
    /// Bytes that JSON has as base64.
    Bytes,
    Text,
    Bool,
    Double,
    Uint32,
    Fixed32,
    /// Zigzag.
    Sint32,
    Int64,
    Uint64,
    Fixed64,
    Sfixed64,
    /// Names of values from 0 on.
    Enum(&'static [&'static str]),
    Message(&'static Message),
}

const fn field(name: &'static str, number: u32, kind: Kind) -> Field {
    Field { name, number, kind, many: false, one_of: None }
}

const fn many(name: &'static str, number: u32, kind: Kind) -> Field {
    Field { name, number, kind, many: true, one_of: None }
}

/// A field of the message's only `oneof`.
const fn choice(name: &'static str, number: u32, kind: Kind) -> Field {
    Field { name, number, kind, many: false, one_of: Some(0) }
}

/// The message that a signal is sent in.
pub(crate) fn request(signal: Signal) -> &'static Message {
    match signal {
        Signal::Traces => &TRACES,
        Signal::Logs => &LOGS,
        Signal::Metrics => &METRICS,
    }
}

static TRACES: Message = Message { fields: &[many("resourceSpans", 1, Kind::Message(&RESOURCE_SPANS))] };
static LOGS: Message = Message { fields: &[many("resourceLogs", 1, Kind::Message(&RESOURCE_LOGS))] };
static METRICS: Message = Message { fields: &[many("resourceMetrics", 1, Kind::Message(&RESOURCE_METRICS))] };

// common.proto and resource.proto

static ANY_VALUE: Message = Message {
    fields: &[
        choice("stringValue", 1, Kind::Text),
        choice("boolValue", 2, Kind::Bool),
        choice("intValue", 3, Kind::Int64),
        choice("doubleValue", 4, Kind::Double),
        choice("arrayValue", 5, Kind::Message(&ARRAY_VALUE)),
        choice("kvlistValue", 6, Kind::Message(&KEY_VALUE_LIST)),
        choice("bytesValue", 7, Kind::Bytes),
    ],
};
static ARRAY_VALUE: Message = Message { fields: &[many("values", 1, Kind::Message(&ANY_VALUE))] };
static KEY_VALUE_LIST: Message = Message { fields: &[many("values", 1, Kind::Message(&KEY_VALUE))] };
static KEY_VALUE: Message =
    Message { fields: &[field("key", 1, Kind::Text), field("value", 2, Kind::Message(&ANY_VALUE))] };
static SCOPE: Message = Message {
    fields: &[
        field("name", 1, Kind::Text),
        field("version", 2, Kind::Text),
        many("attributes", 3, Kind::Message(&KEY_VALUE)),
        field("droppedAttributesCount", 4, Kind::Uint32),
    ],
};
static ENTITY_REF: Message = Message {
    fields: &[
        field("schemaUrl", 1, Kind::Text),
        field("type", 2, Kind::Text),
        many("idKeys", 3, Kind::Text),
        many("descriptionKeys", 4, Kind::Text),
    ],
};
static RESOURCE: Message = Message {
    fields: &[
        many("attributes", 1, Kind::Message(&KEY_VALUE)),
        field("droppedAttributesCount", 2, Kind::Uint32),
        many("entityRefs", 3, Kind::Message(&ENTITY_REF)),
    ],
};

// trace.proto

static RESOURCE_SPANS: Message = Message {
    fields: &[
        field("resource", 1, Kind::Message(&RESOURCE)),
        many("scopeSpans", 2, Kind::Message(&SCOPE_SPANS)),
        field("schemaUrl", 3, Kind::Text),
    ],
};
static SCOPE_SPANS: Message = Message {
    fields: &[
        field("scope", 1, Kind::Message(&SCOPE)),
        many("spans", 2, Kind::Message(&SPAN)),
        field("schemaUrl", 3, Kind::Text),
    ],
};
static SPAN: Message = Message {
    fields: &[
        field("traceId", 1, Kind::Id),
        field("spanId", 2, Kind::Id),
        field("traceState", 3, Kind::Text),
        field("parentSpanId", 4, Kind::Id),
        field("flags", 16, Kind::Fixed32),
        field("name", 5, Kind::Text),
        field("kind", 6, Kind::Enum(SPAN_KINDS)),
        field("startTimeUnixNano", 7, Kind::Fixed64),
        field("endTimeUnixNano", 8, Kind::Fixed64),
        many("attributes", 9, Kind::Message(&KEY_VALUE)),
        field("droppedAttributesCount", 10, Kind::Uint32),
        many("events", 11, Kind::Message(&EVENT)),
        field("droppedEventsCount", 12, Kind::Uint32),
        many("links", 13, Kind::Message(&LINK)),
        field("droppedLinksCount", 14, Kind::Uint32),
        field("status", 15, Kind::Message(&STATUS)),
    ],
};
static EVENT: Message = Message {
    fields: &[
        field("timeUnixNano", 1, Kind::Fixed64),
        field("name", 2, Kind::Text),
        many("attributes", 3, Kind::Message(&KEY_VALUE)),
        field("droppedAttributesCount", 4, Kind::Uint32),
    ],
};
static LINK: Message = Message {
    fields: &[
        field("traceId", 1, Kind::Id),
        field("spanId", 2, Kind::Id),
        field("traceState", 3, Kind::Text),
        many("attributes", 4, Kind::Message(&KEY_VALUE)),
        field("droppedAttributesCount", 5, Kind::Uint32),
        field("flags", 6, Kind::Fixed32),
    ],
};
static STATUS: Message =
    Message { fields: &[field("message", 2, Kind::Text), field("code", 3, Kind::Enum(STATUS_CODES))] };
const SPAN_KINDS: &[&str] = &[
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];
const STATUS_CODES: &[&str] = &["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];

// logs.proto

static RESOURCE_LOGS: Message = Message {
    fields: &[
        field("resource", 1, Kind::Message(&RESOURCE)),
        many("scopeLogs", 2, Kind::Message(&SCOPE_LOGS)),
        field("schemaUrl", 3, Kind::Text),
    ],
};
static SCOPE_LOGS: Message = Message {
    fields: &[
        field("scope", 1, Kind::Message(&SCOPE)),
        many("logRecords", 2, Kind::Message(&LOG_RECORD)),
        field("schemaUrl", 3, Kind::Text),
    ],
};
static LOG_RECORD: Message = Message {
    fields: &[
        field("timeUnixNano", 1, Kind::Fixed64),
        field("observedTimeUnixNano", 11, Kind::Fixed64),
        field("severityNumber", 2, Kind::Enum(SEVERITIES)),
        field("severityText", 3, Kind::Text),
        field("body", 5, Kind::Message(&ANY_VALUE)),
        many("attributes", 6, Kind::Message(&KEY_VALUE)),
        field("droppedAttributesCount", 7, Kind::Uint32),
        field("flags", 8, Kind::Fixed32),
        field("traceId", 9, Kind::Id),
        field("spanId", 10, Kind::Id),
        field("eventName", 12, Kind::Text),
    ],
};
const SEVERITIES: &[&str] = &[
    "SEVERITY_NUMBER_UNSPECIFIED",
    "SEVERITY_NUMBER_TRACE",
    "SEVERITY_NUMBER_TRACE2",
    "SEVERITY_NUMBER_TRACE3",
    "SEVERITY_NUMBER_TRACE4",
    "SEVERITY_NUMBER_DEBUG",
    "SEVERITY_NUMBER_DEBUG2",
    "SEVERITY_NUMBER_DEBUG3",
    "SEVERITY_NUMBER_DEBUG4",
    "SEVERITY_NUMBER_INFO",
    "SEVERITY_NUMBER_INFO2",
    "SEVERITY_NUMBER_INFO3",
    "SEVERITY_NUMBER_INFO4",
    "SEVERITY_NUMBER_WARN",
    "SEVERITY_NUMBER_WARN2",
    "SEVERITY_NUMBER_WARN3",
    "SEVERITY_NUMBER_WARN4",
    "SEVERITY_NUMBER_ERROR",
    "SEVERITY_NUMBER_ERROR2",
    "SEVERITY_NUMBER_ERROR3",
    "SEVERITY_NUMBER_ERROR4",
    "SEVERITY_NUMBER_FATAL",
    "SEVERITY_NUMBER_FATAL2",
    "SEVERITY_NUMBER_FATAL3",
    "SEVERITY_NUMBER_FATAL4",
];

// metrics.proto

static RESOURCE_METRICS: Message = Message {
    fields: &[
        field("resource", 1, Kind::Message(&RESOURCE)),
        many("scopeMetrics", 2, Kind::Message(&SCOPE_METRICS)),
        field("schemaUrl", 3, Kind::Text),
    ],
};
static SCOPE_METRICS: Message = Message {
    fields: &[
        field("scope", 1, Kind::Message(&SCOPE)),
        many("metrics", 2, Kind::Message(&METRIC)),
        field("schemaUrl", 3, Kind::Text),
    ],
};
static METRIC: Message = Message {
    fields: &[
        field("name", 1, Kind::Text),
        field("description", 2, Kind::Text),
        field("unit", 3, Kind::Text),
        choice("gauge", 5, Kind::Message(&GAUGE)),
        choice("sum", 7, Kind::Message(&SUM)),
        choice("histogram", 9, Kind::Message(&HISTOGRAM)),
        choice("exponentialHistogram", 10, Kind::Message(&EXPONENTIAL_HISTOGRAM)),
        choice("summary", 11, Kind::Message(&SUMMARY)),
        many("metadata", 12, Kind::Message(&KEY_VALUE)),
    ],
};
static GAUGE: Message = Message { fields: &[many("dataPoints", 1, Kind::Message(&NUMBER_POINT))] };
static SUM: Message = Message {
    fields: &[
        many("dataPoints", 1, Kind::Message(&NUMBER_POINT)),
        field("aggregationTemporality", 2, Kind::Enum(TEMPORALITIES)),
        field("isMonotonic", 3, Kind::Bool),
    ],
};
static HISTOGRAM: Message = Message {
    fields: &[
        many("dataPoints", 1, Kind::Message(&HISTOGRAM_POINT)),
        field("aggregationTemporality", 2, Kind::Enum(TEMPORALITIES)),
    ],
};
static EXPONENTIAL_HISTOGRAM: Message = Message {
    fields: &[
        many("dataPoints", 1, Kind::Message(&EXPONENTIAL_HISTOGRAM_POINT)),
        field("aggregationTemporality", 2, Kind::Enum(TEMPORALITIES)),
    ],
};
static SUMMARY: Message = Message { fields: &[many("dataPoints", 1, Kind::Message(&SUMMARY_POINT))] };
static NUMBER_POINT: Message = Message {
    fields: &[
        many("attributes", 7, Kind::Message(&KEY_VALUE)),
        field("startTimeUnixNano", 2, Kind::Fixed64),
        field("timeUnixNano", 3, Kind::Fixed64),
        choice("asDouble", 4, Kind::Double),
        choice("asInt", 6, Kind::Sfixed64),
        many("exemplars", 5, Kind::Message(&EXEMPLAR)),
        field("flags", 8, Kind::Uint32),
    ],
};
static HISTOGRAM_POINT: Message = Message {
    fields: &[
        many("attributes", 9, Kind::Message(&KEY_VALUE)),
        field("startTimeUnixNano", 2, Kind::Fixed64),
        field("timeUnixNano", 3, Kind::Fixed64),
        field("count", 4, Kind::Fixed64),
        field("sum", 5, Kind::Double),
        many("bucketCounts", 6, Kind::Fixed64),
        many("explicitBounds", 7, Kind::Double),
        many("exemplars", 8, Kind::Message(&EXEMPLAR)),
        field("flags", 10, Kind::Uint32),
        field("min", 11, Kind::Double),
        field("max", 12, Kind::Double),
    ],
};
static EXPONENTIAL_HISTOGRAM_POINT: Message = Message {
    fields: &[
        many("attributes", 1, Kind::Message(&KEY_VALUE)),
        field("startTimeUnixNano", 2, Kind::Fixed64),
        field("timeUnixNano", 3, Kind::Fixed64),
        field("count", 4, Kind::Fixed64),
        field("sum", 5, Kind::Double),
        field("scale", 6, Kind::Sint32),
        field("zeroCount", 7, Kind::Fixed64),
        field("positive", 8, Kind::Message(&BUCKETS)),
        field("negative", 9, Kind::Message(&BUCKETS)),
        field("flags", 10, Kind::Uint32),
        many("exemplars", 11, Kind::Message(&EXEMPLAR)),
        field("min", 12, Kind::Double),
        field("max", 13, Kind::Double),
        field("zeroThreshold", 14, Kind::Double),
    ],
};
static BUCKETS: Message =
    Message { fields: &[field("offset", 1, Kind::Sint32), many("bucketCounts", 2, Kind::Uint64)] };
static SUMMARY_POINT: Message = Message {
    fields: &[
        many("attributes", 7, Kind::Message(&KEY_VALUE)),
        field("startTimeUnixNano", 2, Kind::Fixed64),
        field("timeUnixNano", 3, Kind::Fixed64),
        field("count", 4, Kind::Fixed64),
        field("sum", 5, Kind::Double),
        many("quantileValues", 6, Kind::Message(&QUANTILE)),
        field("flags", 8, Kind::Uint32),
    ],
};
static QUANTILE: Message = Message { fields: &[field("quantile", 1, Kind::Double), field("value", 2, Kind::Double)] };
static EXEMPLAR: Message = Message {
    fields: &[
        many("filteredAttributes", 7, Kind::Message(&KEY_VALUE)),
        field("timeUnixNano", 2, Kind::Fixed64),
        choice("asDouble", 3, Kind::Double),
        choice("asInt", 6, Kind::Sfixed64),
        field("spanId", 4, Kind::Id),
        field("traceId", 5, Kind::Id),
    ],
};
const TEMPORALITIES: &[&str] =
    &["AGGREGATION_TEMPORALITY_UNSPECIFIED", "AGGREGATION_TEMPORALITY_DELTA", "AGGREGATION_TEMPORALITY_CUMULATIVE"];
