//! PromQL: from text to result.

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
mod plan;
mod run;
mod text;

pub use annotations::{Annotation, Annotations, Bits, Combining, Detail, Note, Severity};
pub use engine::{Engine, EvalError, Options, Outcome, Point, Range, Sample, Series, Value};
pub use text::{
    go_float, go_float_digits, go_float_fixed, go_float_plain, go_quote, go_quote_char, is_label_name,
    is_plain_label_name,
};
