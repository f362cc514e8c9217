//! PromQL: from text to result.
//!
//! Knows no storage and no transport: series come from whatever is a [`Queryable`](vitrine_observe_series::Queryable), and results are
//! values. Where to read on: [`ast`] is what the parser makes of a text, [`Engine`] evaluates it, [`functions`] and
//! [`histogram`] are what it computes with, and [`Annotations`] is what is to be said of a result. `docs/adr/0035` says how queries run.
//!
//! ```
//! use std::time::Duration;
//!
//! use vitrine_observe_promql::parse::parse_expr;
//! use vitrine_observe_promql::testing::MemorySeries;
//! use vitrine_observe_promql::{Engine, Point, Value};
//! use vitrine_observe_series::{Budget, Labels, Value as Sample};
//!
//! let mut series = MemorySeries::default();
//! for (instance, value) in [("a", 1.0_f64), ("b", 2.0)] {
//!     let labels = Labels::of([("__name__", "up"), ("instance", instance)]);
//!     series.append(&labels, 60_000, 0, Sample::Float(value.to_bits()));
//! }
//! let expr = parse_expr("sum(up)").expect("a query");
//! let budget = Budget::new(1 << 20, 1_000_000, Duration::from_secs(10));
//! let outcome = Engine::default().instant(&series, &expr, 90_000, &budget).expect("a result");
//! let Value::Vector(samples) = outcome.value else { panic!("a vector") };
//! assert_eq!(samples[0].value, Point::Float(3.0));
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
    go_float, go_float_digits, go_float_fixed, go_float_plain, go_quote, go_quote_char, is_label_name,
    is_plain_label_name,
};
