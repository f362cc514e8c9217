//! The observatory's data model: traces and logs as Arrow columns, metrics as series.
//!
//! A table is a [`Builder`]: it takes OTLP requests in protobuf and decodes them in one pass, straight from the wire into
//! [`vitrine_observe_columns::Columns`]. What the tables consist of is in [`definitions`]. Frequent attributes get columns
//! of their own, the others stay in a map; their types are kept. Rows become plain structs ([`SpanRow`], …) only when a
//! query returns them; [`batch`] makes Arrow batches of whole tables for SQL.
//!
//! Metrics are decoded into series ([`metrics`]): by OTLP and by Prometheus's remote write, under the labels that Prometheus has.
//! [`PointRows`] makes batches of them again, each sample a row.
//!
//! This crate knows no transport and keeps nothing: see `vitrine-observe-store`.
//!
//! ```
//! use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
//! use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
//! use prost::Message;
//! use vitrine_observe_model::{Builder, Signal, SpanRow, UNKNOWN_SERVICE};
//!
//! # fn main() -> Result<(), vitrine_observe_model::Malformed> {
//! let span = Span {
//!     trace_id: vec![7; 16],
//!     span_id: vec![7; 8],
//!     name: "GET /".to_owned(),
//!     start_time_unix_nano: 1_000,
//!     end_time_unix_nano: 3_000,
//!     ..Span::default()
//! };
//! let scope = ScopeSpans { spans: vec![span], ..ScopeSpans::default() };
//! let resource = ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() };
//! let request = ExportTraceServiceRequest { resource_spans: vec![resource] }.encode_to_vec();
//!
//! let mut table = Builder::new(Signal::Traces);
//! table.append(&request, 5_000)?;
//! let row = SpanRow::from_columns(table.columns(), 0);
//! assert_eq!((row.name.as_str(), row.service.as_str(), row.duration_ns()), ("GET /", UNKNOWN_SERVICE, 2_000));
//!
//! // A request that is cut off changes nothing.
//! assert!(table.append(&request[..request.len() - 1], 5_000).is_err());
//! assert_eq!(table.columns().rows, 1);
//! # Ok(())
//! # }
//! ```

mod arrow;
mod attributes;
mod builder;
mod cells;
pub mod conventions;
pub mod definitions;
pub mod elastic;
pub mod exposition;
mod id;
mod json;
mod log_cursor;
mod log_meets;
mod log_query;
mod log_row;
mod metric_point;
pub mod metrics;
mod rejected;
mod rows;
mod samples;
mod series;
mod signal;
mod span_row;
mod table;
mod value;
mod wire;

pub use arrow::points::{BesideSamples, PointRows};
pub use arrow::series::{SeriesRow, exemplar_batch, series_batch};
pub use arrow::{BatchTooLarge, batch};
pub use attributes::{MAX_ATTRIBUTE_COLUMNS, attribute_column, attribute_columns, attribute_key};
pub use builder::{Appended, Builder, UNKNOWN_SERVICE};
pub use id::{IdError, SpanId, TraceId};
pub use log_query::{
    FoundLog, LogCount, LogCountQuery, LogCursor, LogField, LogFieldInfo, LogFilter, LogKind, LogQuery, LogTest,
};
pub use log_row::LogRow;
pub use metric_point::MetricKind;
pub use rejected::{Refusal, Refusals, Rejected};
pub use rows::{json_attributes, json_value, row_attributes, scalar};
pub use samples::{SampleFile, SampleValue};
pub use signal::Signal;
pub use span_row::{EventRow, LinkRow, ScopeInfo, SpanKind, SpanRow, StatusCode};
pub use table::Table;
pub use value::{Attribute, Value};
pub use wire::Malformed;
