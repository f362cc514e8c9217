//! PromQL: from text to result.
//!
//! [`parse::parse_expr`] reads a query as Prometheus 3.14 does, with its errors and places; [`Engine`] evaluates the tree over
//! whatever answers [`Queryable`](vitrine_observe_series::Queryable); [`format`] and [`json`] show it again. Results and
//! annotations are Prometheus's: its own test suite runs in `tests/conformance`.
//!
//! It knows no transport and keeps nothing: `observe/api` has the HTTP API, `observe/store` the series. All of it blocks.
//! Read on in [`ast`], then in [`parse`] and [`Engine`]; `docs/adr/0035` says how queries run.
//!
//! ```
//! use std::time::Duration;
//! use vitrine_observe_promql::parse::parse_expr;
//! use vitrine_observe_promql::testing::{MemorySeries, SequenceValue, parse_series};
//! use vitrine_observe_promql::{Engine, Value};
//! use vitrine_observe_series::{Budget, Value as Stored};
//!
//! let mut series = MemorySeries::default();
//! let (labels, values) = parse_series("requests_total{job=\"api\"} 0+60x5")?;
//! for (minute, value) in (0..).zip(values) {
//!     if let SequenceValue::Float(bits) = value {
//!         series.append(&labels, minute * 60_000, 0, Stored::Float(bits));
//!     }
//! }
//! let query = parse_expr("sum by (job) (rate(requests_total[5m]))")?;
//! let budget = Budget::new(1 << 20, 1_000, Duration::from_secs(1));
//! let Value::Vector(found) = Engine::default().instant(&series, &query, 300_000, &budget)?.value else { panic!() };
//! assert_eq!(found[0].labels.to_string(), "{job=\"api\"}");
//! assert_eq!(parse_expr("sum(up").unwrap_err().to_string(), "1:7: parse error: unclosed left parenthesis");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod ast;
pub mod format;
pub mod functions;
pub mod histogram;
pub mod json;
pub mod kahan;
pub mod parse;
pub mod quantile;
pub mod testing;

mod annotations;
mod engine;
mod evaluator;
mod plan;
mod run;
mod text;

pub use annotations::{Annotation, Annotations, Bits, Combining, Detail, Note, Severity};
pub use engine::{EvalError, Options, Outcome, Point, Range, Sample, Series, Value};
pub use evaluator::Engine;
pub use text::{
    go_float, go_float_digits, go_float_exponent, go_float_fixed, go_float_plain, go_quote, go_quote_char,
    is_label_name, is_plain_label_name, push_go_float_result,
};
