//! From text to the syntax tree, with Prometheus's errors and their places.
//!
//! [`parse_expr`] reads a query and checks its types. The lexer and the grammar are those of Prometheus 3.14; where its
//! generated parser would name a context ("in aggregation, expected …"), so does this one.

mod check;
mod durations;
mod lexer;
mod literals;
mod matching;
mod parser;
mod selectors;
mod token;

use vitrine_observe_series::{Labels, Matcher};

use crate::ast::{Expr, Span};
pub(crate) use lexer::is_space;
pub(crate) use literals::number;
pub use literals::{parse_duration_ms, unquote};
use parser::Parser;

/// The longest query that is read, in bytes.
pub const MOST_QUERY_BYTES: usize = 256 * 1024;

/// So many levels an expression may nest: trees are walked by recursion, on stacks of 2 MiB.
pub const MOST_DEPTH: usize = 200;

/// What is wrong with a query, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{position}: parse error: {message}")]
pub struct ParseError {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub span: Span,
    /// Line and column: `1:15`.
    pub position: String,
}

impl ParseError {
    pub(crate) fn new(message: impl Into<String>, span: Span, input: &str) -> Self {
        let position = if input.is_empty() { "unknown position".to_owned() } else { span.position(input) };
        Self { message: message.into(), span, position }
    }
}

/// An expression whose types are right.
pub fn parse_expr(input: &str) -> Result<Expr, ParseError> {
    let mut expr = Parser::new(input)?.whole_expr()?;
    check::check(&mut expr, input)?;
    Ok(expr)
}

/// The conditions of a selector, as of `match[]`: `up{job="api"}`. May be none, or such that everything meets them.
pub fn parse_selector(input: &str) -> Result<Vec<Matcher>, ParseError> {
    Parser::new(input)?.whole_selector()
}

/// The labels of a series: `up{job="api"}`.
pub fn parse_metric(input: &str) -> Result<Labels, ParseError> {
    Parser::new(input)?.whole_metric()
}

/// The labels of a series with which a text begins, and what follows them.
pub(crate) fn parse_metric_prefix(input: &str) -> Result<(Labels, &str), ParseError> {
    let mut parser = Parser::new(input)?;
    let labels = parser.metric_prefix()?;
    Ok((labels, input.get(parser.consumed()..).unwrap_or_default()))
}
