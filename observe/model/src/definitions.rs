//! What the tables of spans and log records consist of, and those of metric points that earlier releases wrote. `docs/guide/columns.md` says the same for readers
//! of the files.

pub mod logs;
pub mod metrics;
pub mod spans;

use vitrine_observe_columns::{Fixed, FixedList, Kind, ListShape};

pub use logs::LOGS;
pub use metrics::METRICS;
pub use spans::SPANS;

/// The place of the rare attributes among the lists of every definition.
pub const ATTRIBUTES: usize = 0;
/// The place of an attribute's key among the fields of that list.
pub const ATTRIBUTE_KEY: usize = 0;
/// The place of an attribute's value, as typed JSON, among the fields of that list.
pub const ATTRIBUTE_VALUE: usize = 1;

/// A column that has a value in every row.
pub(crate) const fn required(name: &'static str, kind: Kind) -> Fixed {
    Fixed { name, kind, optional: false }
}

/// A column that may have none.
pub(crate) const fn optional(name: &'static str, kind: Kind) -> Fixed {
    Fixed { name, kind, optional: true }
}

/// Attributes that have no column of their own, or not in this row: their values are typed JSON.
const RARE_ATTRIBUTES: FixedList = FixedList {
    name: "attributes",
    shape: ListShape::Map,
    children: &[required("key", Kind::Text), optional("value", Kind::Text)],
};
