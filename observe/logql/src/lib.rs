//! LogQL: from text to lines and numbers, over whatever keeps log records.
//!
//! [`parse`] reads a query as Loki does; a [`Source`] answers it. The stream is the resource with its service, and what a selector and
//! conditions on lines ask is handed down to the engine as a filter; the rest of a pipeline runs on the lines that come back. What results in
//! numbers is folded over ranges here, and what stands above a range is evaluated by PromQL's own engine: `docs/adr/0109` says why.
//!
//! It knows no transport: `observe/api` has Loki's HTTP API. All of it blocks.
//!
//! ```
//! use vitrine_observe_logql::parse;
//!
//! let query = parse("sum by(level) (rate({app=\"shop\"} |= `failed` | json [5m]))").expect("a query");
//! assert_eq!(query.to_string(), "sum by (level) (rate({app=\"shop\"} |= \"failed\" | json [5m]))");
//! let error = parse("sum(rate({app=\"shop\"}[5m])").expect_err("a bracket is missing");
//! assert_eq!(error.to_string(), "parse error at line 1, col 27: syntax error: unexpected $end, expecting )");
//! ```

pub mod ast;

mod parse;

mod format;
mod units;

mod labels;
mod pipeline;

mod lower;
mod source;

mod lines;
mod metric;
mod vector;

mod detected;
mod explore;
mod patterns;

pub use detected::{DetectedField, DetectedValues, FieldKind};
pub use explore::{Stats, Volume, VolumeBy};
pub use labels::{LabelMap, LineLabel, Origin, detected_level};
pub use lines::{FoundLine, TailFilter};
pub use parse::{MAX_DEPTH, MAX_QUERY_BYTES, ParseError, parse, parse_log, parse_matchers};
pub use patterns::Pattern;
pub use source::{Error, MAX_SERIES, Source, Steps, TimeRange};
pub use units::{bytes, duration_ns};
pub use vector::Evaluated;
