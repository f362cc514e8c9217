//! The table of spans.

use vitrine_observe_columns::{Definition, FixedList, Kind, ListShape, Order};

use super::{RARE_ATTRIBUTES, optional, required};

/// The trace.
pub const TRACE_ID: usize = 0;
/// The span.
pub const SPAN_ID: usize = 1;
/// The span that it is part of.
pub const PARENT_SPAN_ID: usize = 2;
/// When it started; if the sender did not say, when it ended, else when it arrived.
pub const START: usize = 3;
/// How long it took in nanoseconds; less than zero when it ended before it started, 0 when an end is not known.
pub const DURATION: usize = 4;
/// The resource's `service.name`.
pub const SERVICE: usize = 5;
/// The operation.
pub const NAME: usize = 6;
/// OTLP's number of the kind.
pub const KIND: usize = 7;
/// OTLP's number of the status.
pub const STATUS: usize = 8;
/// More about an error.
pub const STATUS_MESSAGE: usize = 9;
/// W3C trace state.
pub const TRACE_STATE: usize = 10;
/// W3C trace flags, and OTLP's; absent when 0.
pub const FLAGS: usize = 11;
/// Attributes that the sender left out; absent when 0.
pub const DROPPED_ATTRIBUTES: usize = 12;
/// Events that the sender left out; absent when 0.
pub const DROPPED_EVENTS: usize = 13;
/// Links that the sender left out, or whose ids were malformed; absent when 0.
pub const DROPPED_LINKS: usize = 14;
/// The resource's attributes as one JSON object.
pub const RESOURCE: usize = 15;
/// The first of the columns that say which scope: its name, its version, its attributes, and `origin`.
pub const SCOPE_NAME: usize = 16;
/// The scope's version.
pub const SCOPE_VERSION: usize = 17;
/// The scope's attributes as one JSON object.
pub const SCOPE_ATTRIBUTES: usize = 18;
/// What else was said of resource and scope, as one JSON object.
pub const ORIGIN: usize = 19;

/// The place of the events among the lists.
pub const EVENTS: usize = 1;
/// The place of an event's time among its fields: the span's start if the sender did not say.
pub const EVENT_TIME: usize = 0;
/// The place of an event's name among its fields.
pub const EVENT_NAME: usize = 1;
/// The place of an event's attributes, one JSON object, among its fields.
pub const EVENT_ATTRIBUTES: usize = 2;
/// The place of the number of attributes left out among an event's fields.
pub const EVENT_DROPPED_ATTRIBUTES: usize = 3;

/// The place of the links among the lists.
pub const LINKS: usize = 2;
/// The place of the other trace among a link's fields.
pub const LINK_TRACE_ID: usize = 0;
/// The place of the other span among a link's fields.
pub const LINK_SPAN_ID: usize = 1;
/// The place of the trace state among a link's fields.
pub const LINK_TRACE_STATE: usize = 2;
/// The place of a link's attributes, one JSON object, among its fields.
pub const LINK_ATTRIBUTES: usize = 3;
/// The place of the flags among a link's fields.
pub const LINK_FLAGS: usize = 4;
/// The place of the number of attributes left out among a link's fields.
pub const LINK_DROPPED_ATTRIBUTES: usize = 5;

/// Spans: the rows of a trace stand together, in order of their start.
pub static SPANS: Definition = Definition {
    name: "spans",
    columns: &[
        required("trace_id", Kind::Id16),
        required("span_id", Kind::Id8),
        optional("parent_span_id", Kind::Parent),
        required("start", Kind::Time),
        required("duration", Kind::Int),
        required("service", Kind::Text),
        required("name", Kind::Text),
        required("kind", Kind::Int),
        required("status", Kind::Int),
        optional("status_message", Kind::Text),
        optional("trace_state", Kind::Text),
        optional("flags", Kind::Int),
        optional("dropped_attributes", Kind::Int),
        optional("dropped_events", Kind::Int),
        optional("dropped_links", Kind::Int),
        required("resource", Kind::Text),
        optional("scope_name", Kind::Text),
        optional("scope_version", Kind::Text),
        optional("scope_attributes", Kind::Text),
        optional("origin", Kind::Text),
    ],
    lists: &[
        RARE_ATTRIBUTES,
        FixedList {
            name: "events",
            shape: ListShape::List,
            children: &[
                required("time", Kind::Time),
                required("name", Kind::Text),
                optional("attributes", Kind::Text),
                optional("dropped_attributes", Kind::Int),
            ],
        },
        FixedList {
            name: "links",
            shape: ListShape::List,
            children: &[
                required("trace_id", Kind::Id16),
                required("span_id", Kind::Id8),
                optional("trace_state", Kind::Text),
                optional("attributes", Kind::Text),
                optional("flags", Kind::Int),
                optional("dropped_attributes", Kind::Int),
            ],
        },
    ],
    order: Order::Traces { trace: TRACE_ID, span: SPAN_ID, parent: PARENT_SPAN_ID, start: START },
    time: START,
    indexed: Some(TRACE_ID),
    searched: None,
};
