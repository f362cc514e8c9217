//! The table of log records.

use vitrine_observe_columns::{Definition, Kind, Order};

use super::{RARE_ATTRIBUTES, optional, required};

/// When it happened; if the sender did not say, when it was observed, else when it arrived.
pub const TIME: usize = 0;
/// When it was observed.
pub const OBSERVED_TIME: usize = 1;
/// OTLP's severity number; 0 when not given.
pub const SEVERITY: usize = 2;
/// The severity in the sender's own words.
pub const SEVERITY_TEXT: usize = 3;
/// The resource's `service.name`.
pub const SERVICE: usize = 4;
/// The message: a text as it is, everything else as typed JSON.
pub const BODY: usize = 5;
/// True when the body is typed JSON, absent when it is a text.
pub const BODY_IS_JSON: usize = 6;
/// The kind of event.
pub const EVENT_NAME: usize = 7;
/// The trace that it belongs to.
pub const TRACE_ID: usize = 8;
/// The span that it belongs to.
pub const SPAN_ID: usize = 9;
/// W3C trace flags; absent when 0.
pub const FLAGS: usize = 10;
/// Attributes that the sender left out; absent when 0.
pub const DROPPED_ATTRIBUTES: usize = 11;
/// The resource's attributes as one JSON object.
pub const RESOURCE: usize = 12;
/// The first of the columns that say which scope: its name, its version, its attributes, and `origin`.
pub const SCOPE_NAME: usize = 13;
/// The scope's version.
pub const SCOPE_VERSION: usize = 14;
/// The scope's attributes as one JSON object.
pub const SCOPE_ATTRIBUTES: usize = 15;

/// The number of the message's template ([`vitrine_observe_text::template_id`]); absent in what was written before there were any, and without a
/// message.
pub const TEMPLATE: usize = 17;

/// Log records, by service and time.
pub static LOGS: Definition = Definition {
    name: "logs",
    columns: &[
        required("time", Kind::Time),
        optional("observed_time", Kind::Time),
        required("severity", Kind::Int),
        optional("severity_text", Kind::Text),
        required("service", Kind::Text),
        optional("body", Kind::Text),
        optional("body_is_json", Kind::Bool),
        optional("event_name", Kind::Text),
        optional("trace_id", Kind::Id16),
        optional("span_id", Kind::Id8),
        optional("flags", Kind::Int),
        optional("dropped_attributes", Kind::Int),
        required("resource", Kind::Text),
        optional("scope_name", Kind::Text),
        optional("scope_version", Kind::Text),
        optional("scope_attributes", Kind::Text),
        optional("origin", Kind::Text),
        optional("template", Kind::Int),
    ],
    lists: &[RARE_ATTRIBUTES],
    order: Order::By(&[SERVICE, TIME]),
    time: TIME,
    indexed: Some(TRACE_ID),
    searched: Some(BODY),
};
